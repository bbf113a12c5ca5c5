"""The engine's directory: written anew, but for what keeps its key from signing twice."""

from __future__ import annotations

import hashlib
import json
import tomllib
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.consortium import consortium_genesis

from node.core.errors import LedgerFault
from node.engines.cometbft.engine_home import EngineHome, EngineSettings, StateSync, node_id
from node.wiring import EdKey

SETTINGS = EngineSettings("127.0.0.1:26656", (f"{'ab' * 20}@127.0.0.1:26657",), "jinan-data")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[EdKey, EdKey]:
    return EdKey.generate(tmp_path / "validator.pem"), EdKey.generate(tmp_path / "node.pem")


@pytest.fixture
def home(tmp_path: Path, keys: tuple[EdKey, EdKey]) -> EngineHome:
    home = EngineHome(tmp_path / "engine")
    home.write(consortium_genesis(), *keys, SETTINGS)
    return home


def test_keys_are_the_node_s(home: EngineHome, keys: tuple[EdKey, EdKey]) -> None:
    validator, peer = keys
    told = json.loads((home.path / "config/priv_validator_key.json").read_text())
    assert b64decode(told["pub_key"]["value"]) == validator.public_key
    assert b64decode(told["priv_key"]["value"]) == validator.seed + validator.public_key
    assert told["address"] == hashlib.sha256(validator.public_key).digest()[:20].hex().upper()
    told = json.loads((home.path / "config/node_key.json").read_text())
    assert b64decode(told["priv_key"]["value"])[32:] == peer.public_key
    assert node_id(peer.public_key) == hashlib.sha256(peer.public_key).hexdigest()[:40]


def test_nobody_else_can_read_it(home: EngineHome) -> None:
    for path in [home.path, *home.path.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_what_the_validator_signed_last_is_never_forgotten(
    home: EngineHome, keys: tuple[EdKey, EdKey]
) -> None:
    state = home.path / "data/priv_validator_state.json"
    assert json.loads(state.read_text()) == {"height": "0", "round": 0, "step": 0}
    state.write_text('{"height": "7", "round": 0, "step": 3}')
    (home.path / "rpc.sock").write_text("left by a crash")
    home.write(consortium_genesis(), *keys, SETTINGS)
    assert json.loads(state.read_text())["height"] == "7"
    assert not (home.path / "rpc.sock").exists()


def test_a_chain_that_has_begun_does_not_go_on_without_it(
    home: EngineHome, keys: tuple[EdKey, EdKey]
) -> None:
    home.write(consortium_genesis(), *keys, SETTINGS, begun=True)
    (home.path / "data/priv_validator_state.json").unlink()
    with pytest.raises(LedgerFault, match="signing two blocks of one height"):
        home.write(consortium_genesis(), *keys, SETTINGS, begun=True)


def test_configuration(home: EngineHome) -> None:
    config = tomllib.loads((home.path / "config/config.toml").read_text())
    assert config["p2p"]["laddr"] == "tcp://127.0.0.1:26656"
    assert config["p2p"]["persistent_peers"] == SETTINGS.peers[0]
    assert config["p2p"]["pex"] is False
    assert config["rpc"]["laddr"].startswith("unix://"), "nobody else may call it"
    assert config["filter_peers"] is True
    assert config["consensus"]["timeout_commit"] == "100ms"
    assert config["mempool"]["recheck"] is False


SYNC = StateSync(("http://a/v1/engine/rpc", "http://b/v1/engine/rpc"), 7, bytes(range(32)), 24)


def config_of(home: EngineHome) -> dict[str, Any]:
    return tomllib.loads((home.path / "config/config.toml").read_text("utf-8"))


def test_only_a_node_without_blocks_begins_with_a_snapshot(
    home: EngineHome, keys: tuple[EdKey, EdKey]
) -> None:
    settings = replace(SETTINGS, sync=SYNC)
    left = home.path / "data/tm-statesync1"
    left.mkdir()
    home.write(consortium_genesis(), *keys, settings)
    assert not left.exists()
    told = config_of(home)["statesync"]
    assert told["enable"] is True
    assert told["rpc_servers"] == "http://a/v1/engine/rpc,http://b/v1/engine/rpc"
    assert (told["trust_height"], told["trust_hash"]) == (7, bytes(range(32)).hex())
    assert told["trust_period"] == "24h0m0s"
    home.write(consortium_genesis(), *keys, settings, begun=True)
    assert config_of(home)["statesync"] == {"enable": False}


def test_a_key_that_may_have_signed_elsewhere_looks_back_first(
    home: EngineHome, keys: tuple[EdKey, EdKey]
) -> None:
    def looks_back() -> int:
        home.write(consortium_genesis(), *keys, SETTINGS, begun=True)
        return int(config_of(home)["consensus"]["double_sign_check_height"])

    state = home.path / "data/priv_validator_state.json"
    assert looks_back() > 0
    state.write_text('{"height": "7", "round": 0, "step": 3}')
    assert looks_back() == 0


def test_what_is_forgotten_is_not_what_the_validator_signed(home: EngineHome) -> None:
    state = home.path / "data/priv_validator_state.json"
    state.write_text('{"height": "7", "round": 0, "step": 3}')
    (home.path / "data/state.db").mkdir()
    (home.path / "data/state.db/1").write_bytes(b"x")
    (home.path / "data/other").write_bytes(b"x")
    home.forget()
    assert [entry.name for entry in (home.path / "data").iterdir()] == [state.name]
    assert json.loads(state.read_text())["height"] == "7"


def test_guests_are_let_in_beside_the_peers(home: EngineHome, keys: tuple[EdKey, EdKey]) -> None:
    home.write(consortium_genesis(), *keys, EngineSettings("127.0.0.1:1", guests=("ab" * 20,)))
    assert config_of(home)["filter_peers"] is True
