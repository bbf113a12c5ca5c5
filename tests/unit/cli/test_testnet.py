"""Homes of a net, without anything started."""

from __future__ import annotations

from pathlib import Path

import pytest
from builders.commands import Cli

from node.cli.exit_codes import ExitCode
from node.config import load_config
from node.core.genesis import decode_genesis
from node.engines.cometbft.engine_home import node_id
from node.wiring import EdKey


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "evidence-engine"
    path.write_text("#!/bin/sh\nexit 0\n")
    path.chmod(0o755)
    return path


def test_every_node_has_a_home_and_knows_the_others(cli: Cli, tmp_path: Path, engine: Path) -> None:
    net = tmp_path / "net"
    ended = cli(
        "testnet", "--dir", str(net), "--nodes", "4", "--engine", str(engine), "--only-make"
    )
    assert ended.code == ExitCode.OK, ended.err
    homes = sorted(path.parent for path in net.glob("*/node.toml"))
    assert len(homes) == 4
    documents = {(home / "genesis.json").read_bytes() for home in homes}
    assert len(documents) == 1
    genesis = decode_genesis(documents.pop())
    assert {item.member for item in genesis.validators} == {home.name for home in homes}
    ids = {home: node_id(EdKey.load(home / "keys/node.pem").public_key) for home in homes}
    addresses = {}
    for home in homes:
        config = load_config(home)
        assert config.engine.kind == "cometbft"
        assert config.operator.member == home.name
        assert config.consortium.binary == str(engine)
        addresses[home] = f"{ids[home]}@{config.consortium.listen}"
        validator = EdKey.load(home / "keys/validator.pem").public_key
        assert validator in {item.validator.public_key for item in genesis.validators}
    for home in homes:
        others = {addresses[other] for other in homes if other != home}
        assert set(load_config(home).consortium.peers) == others


def test_a_net_is_not_made_over_something_else(cli: Cli, tmp_path: Path, engine: Path) -> None:
    (tmp_path / "net").mkdir()
    ended = cli("testnet", "--dir", str(tmp_path / "net"), "--engine", str(engine))
    assert ended.code == ExitCode.USAGE
    assert "holds no net" in ended.err


def test_too_many_nodes(cli: Cli, tmp_path: Path, engine: Path) -> None:
    ended = cli("testnet", "--dir", str(tmp_path / "net"), "--nodes", "40", "--engine", str(engine))
    assert ended.code != ExitCode.OK
    assert "must be from 1 to 7" in ended.err
    assert not (tmp_path / "net").exists()


def test_without_the_engine_it_says_how_to_get_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("EVIDENCE_ENGINE", raising=False)
    ended = cli("testnet", "--dir", str(tmp_path / "net"))
    assert ended.code == ExitCode.USAGE
    assert "scripts/build-engine" in ended.err
    assert not (tmp_path / "net").exists()
