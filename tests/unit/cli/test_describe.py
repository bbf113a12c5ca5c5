from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from builders.commands import Cli

from node.cli.exit_codes import ExitCode
from node.client.keys import SigningKey
from node.core.errors import InvalidInput
from node.core.member_description import decode_description, verify_description
from node.core.signatures import load_backend
from node.engines.cometbft.engine_home import node_id
from node.wiring import EdKey

MEMBER = ("--member", "court-a", "--name", "济南市中级人民法院", "--role", "court")
PEER = ("--peer", "court.example.cn:26656")


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_home_and_description(cli: Cli, tmp_path: Path) -> None:
    home, recovery = tmp_path / "home", tmp_path / "usb.pem"
    ended = cli("describe", "--home", home, *MEMBER, *PEER, "--recovery", recovery, "--json")
    assert ended.code == ExitCode.OK, ended.err
    keys = {"operator.pem", "validator.pem", "checkpoint.pem", "node.pem", "wrapping.key"}
    assert files(home) == {"description.json", *(f"keys/{name}" for name in keys)}
    secret = [recovery, *(home / "keys").iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in secret} == {0o600}
    described = decode_description((home / "description.json").read_bytes())
    verify_description(described, load_backend())
    assert described.member.keys[0].jwk == SigningKey.load(home / "keys/operator.pem").jwk
    assert described.member.recovery_key == SigningKey.load(recovery).jwk
    for name, key in described.ed25519_keys.items():
        assert EdKey.load(home / f"keys/{name}.pem").public_key == key
    assert described.node is not None
    assert described.node.id == node_id(described.node.public_key)
    told = ended.document
    assert told["peer"] == f"{described.node.id}@court.example.cn:26656"
    assert (told["hash"], told["power"]) == (described.hash.hex(), 10)


def test_several_roles_and_divisions_in_any_order(cli: Cli, tmp_path: Path) -> None:
    more = ("--role", "auditor", "--role", "court", "--division", "37", "--division", "12")
    assert cli("describe", "--home", tmp_path / "home", *MEMBER, *more).code == ExitCode.OK
    described = decode_description((tmp_path / "home/description.json").read_bytes())
    assert described.member.roles == ("auditor", "court")
    assert described.member.divisions == ("12", "37")


def test_without_a_peer_there_is_no_node(cli: Cli, tmp_path: Path) -> None:
    ended = cli("describe", "--home", tmp_path / "home", *MEMBER)
    assert ended.code == ExitCode.OK
    assert files(tmp_path / "home") == {"description.json", "keys/operator.pem", "recovery.pem"}
    assert "take it off this machine" in ended.out
    described = decode_description((tmp_path / "home/description.json").read_bytes())
    assert (described.node, described.validator) == (None, None)


def test_an_observer_has_a_key_to_be_voted_in_with(cli: Cli, tmp_path: Path) -> None:
    ended = cli("describe", "--home", tmp_path / "home", *MEMBER, *PEER, "--validator-power", "0")
    assert ended.code == ExitCode.OK
    described = decode_description((tmp_path / "home/description.json").read_bytes())
    assert described.validator is None
    assert (tmp_path / "home/keys/validator.pem").exists()


def test_the_recovery_key_can_be_encrypted(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("correct horse\n")
    recovery = tmp_path / "usb.pem"
    arguments = ("--recovery", recovery, "--recovery-password-file", tmp_path / "password")
    assert cli("describe", "--home", tmp_path / "home", *MEMBER, *arguments).code == ExitCode.OK
    with pytest.raises(InvalidInput):
        SigningKey.load(recovery)
    SigningKey.load(recovery, b"correct horse")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--validator-power", "5"), ExitCode.USAGE, "--peer: missing"),
        ((*PEER, "--validator-power", "-1"), ExitCode.BAD_INPUT, "description.validator.power"),
        (("--peer", "0.0.0.0:26656"), ExitCode.BAD_INPUT, "description.node.address"),
        (("--peer", "court"), ExitCode.BAD_INPUT, "description.node.address"),
        (("--division", "370"), ExitCode.BAD_INPUT, "description.member.divisions[0]"),
        (("--role", "king"), ExitCode.USAGE, "invalid choice: 'king'"),
    ],
)
def test_what_cannot_be_described_leaves_nothing_behind(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], code: ExitCode, told: str
) -> None:
    home, recovery = tmp_path / "home", tmp_path / "usb.pem"
    ended = cli("describe", "--home", home, *MEMBER, "--recovery", recovery, *arguments)
    assert ended.code == code
    assert told in ended.err
    assert not home.exists()
    assert not recovery.exists()


def test_nothing_is_overwritten(cli: Cli, tmp_path: Path) -> None:
    home, recovery = tmp_path / "home", tmp_path / "usb.pem"
    recovery.write_text("mine")
    ended = cli("describe", "--home", home, *MEMBER, "--recovery", recovery)
    assert ended.code == ExitCode.BAD_INPUT
    assert (recovery.read_text(), home.exists()) == ("mine", False)
    assert cli("describe", "--home", home, *MEMBER).code == ExitCode.OK
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    again = cli("describe", "--home", home, *MEMBER, "--json")
    assert again.code == ExitCode.BAD_INPUT
    assert "never overwritten" in json.loads(again.err)["error"]["message"]
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
