from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.commands import Cli

from node.cli.exit_codes import ExitCode
from node.client.keys import SigningKey
from node.config import load_config
from node.core.genesis import DEFAULT_PARAMETERS, decode_genesis
from node.core.trust import Trust
from node.vault.keys import read_wrapping_key
from node.wiring import EdKey


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an example members file; not to be changed."""
    from node.cli.members_example import write_example

    folder = tmp_path_factory.mktemp("trial")
    write_example(folder)
    return folder


@pytest.fixture
def members(example: Path, tmp_path: Path) -> Path:
    """A members file that may be changed, beside the example's keys."""
    (tmp_path / "keys").symlink_to(example / "keys")
    path = tmp_path / "members.toml"
    path.write_bytes((example / "members.toml").read_bytes())
    return path


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_home_holds_keys_genesis_and_configuration(cli: Cli, example: Path, tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    arguments = ("init", "--home", home, "--chain-id", "trial-1")
    ended = cli(*arguments, "--members", example / "members.toml", "--json")
    assert ended.code == ExitCode.OK
    assert files(home) == {
        "genesis.json",
        "keys/checkpoint.pem",
        "keys/operator.pem",
        "keys/validator.pem",
        "keys/wrapping.key",
        "node.toml",
    }
    genesis = decode_genesis((home / "genesis.json").read_bytes())
    told = ended.document
    assert (told["chain_id"], told["operator"]) == ("trial-1", "bureau-3701")
    assert told["genesis_hash"] == genesis.hash.hex()
    assert told["trust_fingerprint"] == Trust("trial-1", genesis.hash).fingerprint.hex()
    assert told["without_division"] == []
    assert genesis.parameters == DEFAULT_PARAMETERS
    assert load_config(home).operator.member == "bureau-3701"


def test_genesis_names_the_keys_that_were_made(cli: Cli, example: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    arguments = ("init", "--home", home, "--chain-id", "trial-1")
    told = cli(*arguments, "--members", example / "members.toml", "--json").document
    genesis = decode_genesis((home / "genesis.json").read_bytes())
    [validator] = genesis.validators
    assert validator.member == "bureau-3701"
    key = EdKey.load(home / "keys/validator.pem").public_key
    assert validator.validator.public_key == key
    by_id = {member.id: member for member in genesis.members}
    operator = by_id["bureau-3701"]
    assert operator.keys[0].jwk == SigningKey.load(home / "keys/operator.pem").jwk
    assert operator.keys[0].jwk.thumbprint() == told["operator_kid"]
    assert operator.checkpoint_key == EdKey.load(home / "keys/checkpoint.pem").public_key
    assert by_id["ca-a"].keys[0].jwk == SigningKey.load(example / "keys/ca-a.pem").jwk
    recovery = SigningKey.load(example / "keys/ca-a.recovery.pem").jwk
    assert by_id["ca-a"].recovery_key == recovery
    assert by_id["police-3701"].divisions == ("3701",)
    assert by_id["bureau-3701"].roles == ("operator", "status_authority")


def test_keys_are_for_their_owner_alone(cli: Cli, example: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    before = os.umask(0)
    try:
        members = example / "members.toml"
        ended = cli("init", "--home", home, "--chain-id", "trial-1", "--members", members)
    finally:
        os.umask(before)
    assert ended.code == ExitCode.OK
    assert {stat.S_IMODE(path.stat().st_mode) for path in (home, home / "keys")} == {0o700}
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (home / "keys").iterdir()}
    assert modes == {0o600}
    read_wrapping_key(home / "keys/wrapping.key")


@pytest.mark.parametrize("there", ["genesis.json", "keys/wrapping.key", "unrelated"])
def test_home_that_is_not_empty_is_left_as_it_is(
    cli: Cli, example: Path, tmp_path: Path, there: str
) -> None:
    home = tmp_path / "home"
    (home / there).parent.mkdir(parents=True)
    (home / there).write_text("mine")
    members = example / "members.toml"
    ended = cli("init", "--home", home, "--chain-id", "trial-1", "--members", members)
    assert ended.code == ExitCode.BAD_INPUT
    assert str(home) in ended.err
    assert files(home) == {there}
    assert (home / there).read_text() == "mine"


def test_empty_home_is_used(cli: Cli, example: Path, tmp_path: Path) -> None:
    members = example / "members.toml"
    ended = cli("init", "--home", tmp_path, "--chain-id", "trial-1", "--members", members)
    assert ended.code == ExitCode.OK
    assert (tmp_path / "genesis.json").exists()


@pytest.mark.parametrize("empty_before", [False, True])
def test_failed_init_leaves_nothing_behind(
    cli: Cli, example: Path, tmp_path: Path, empty_before: bool
) -> None:
    home = tmp_path / "home"
    if empty_before:
        home.mkdir()
    members = example / "members.toml"
    ended = cli("init", "--home", home, "--chain-id", "no such id", "--members", members)
    assert ended.code == ExitCode.BAD_INPUT
    assert "genesis.chain_id" in ended.err
    assert home.exists() == empty_before
    assert not empty_before or not list(home.iterdir())


def test_operator_that_has_a_key_keeps_it(cli: Cli, members: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    ended = cli(
        *("init", "--home", home, "--chain-id", "trial-1", "--members", members),
        *("--operator", "platform-a"),
    )
    assert ended.code == ExitCode.BAD_INPUT  # bureau-3701 has no key, and is not the operator
    assert "bureau-3701" in ended.err
    text = members.read_text("utf-8")
    key = 'key = "keys/auditor-a.recovery.jwk"\n'
    text = text.replace('recovery_key = "keys/auditor-a.recovery.jwk"\n', "", 1)
    text = text.replace('[[member]]\nid = "auditor-a"', f"[[member]]\n{key}id = 'removed'", 1)
    blocks = text.split("[[member]]")
    text = "[[member]]".join(block for block in blocks if "removed" not in block)
    text = text.replace('id = "bureau-3701"\n', f'id = "bureau-3701"\n{key}', 1)
    members.write_text(text, "utf-8")
    ended = cli("init", "--home", home, "--chain-id", "trial-1", "--members", members)
    assert ended.code == ExitCode.OK
    assert not (home / "keys/operator.pem").exists()
    assert load_config(home).operator.member == ""
    assert "its key is elsewhere" in ended.out


def test_unknown_operator_is_refused(cli: Cli, example: Path, tmp_path: Path) -> None:
    ended = cli(
        *("init", "--home", tmp_path / "home", "--chain-id", "trial-1"),
        *("--members", example / "members.toml", "--operator", "nobody"),
    )
    assert ended.code == ExitCode.BAD_INPUT
    assert "nobody" in ended.err
    assert not (tmp_path / "home").exists()


def test_operator_must_be_named_when_roles_leave_it_open(
    cli: Cli, members: Path, tmp_path: Path
) -> None:
    text = members.read_text("utf-8").replace('["platform"]', '["platform", "operator"]')
    members.write_text(text, "utf-8")
    arguments = ("init", "--home", tmp_path / "home", "--chain-id", "trial-1")
    ended = cli(*arguments, "--members", members)
    assert ended.code == ExitCode.USAGE
    assert "--operator" in ended.err
    assert cli(*arguments, "--members", members, "--operator", "bureau-3701").code == ExitCode.OK


def test_member_without_power_is_warned_of(cli: Cli, members: Path, tmp_path: Path) -> None:
    lines = members.read_text("utf-8").replace('divisions = ["3701"]\n', "")
    members.write_text(lines, "utf-8")
    arguments = ("--chain-id", "trial-1", "--members", members)
    ended = cli("init", "--home", tmp_path / "home", *arguments)
    assert ended.code == ExitCode.OK
    warned = [line for line in ended.out.splitlines() if "no division" in line]
    assert len(warned) == 2
    assert "police-3701" in warned[1]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--home", "x", "--chain-id", "y"),
        ("--example", "x", "--home", "y"),
        ("--example", "x", "--operator", "y"),
    ],
)
def test_wrong_arguments(cli: Cli, arguments: tuple[str, ...], tmp_path: Path) -> None:
    assert cli("init", *arguments).code == ExitCode.USAGE


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def test_example_is_itself_a_members_file(cli: Cli, inside: Path) -> None:
    ended = cli("init", "--example", "trial", "--json")
    assert ended.code == ExitCode.OK
    assert {stat.S_IMODE(p.stat().st_mode) for p in inside.rglob("*.pem")} == {0o600}
    assert len(ended.document["files"]) == 1 + 17 * 2
    again = cli("init", "--example", "trial")
    assert again.code == ExitCode.BAD_INPUT
    made = cli("init", "--home", "h", "--chain-id", "c", "--members", "trial/members.toml")
    assert made.code == ExitCode.OK


def test_parameters_may_be_changed(cli: Cli, members: Path, tmp_path: Path) -> None:
    with members.open("a", encoding="utf-8") as file:
        file.write("\n[parameters]\nlate_after_ms = 3600000\ncustodians = ['court-a']\n")
    home = tmp_path / "home"
    ended = cli("init", "--home", home, "--chain-id", "trial-1", "--members", members)
    assert ended.code == ExitCode.OK
    parameters = decode_genesis((home / "genesis.json").read_bytes()).parameters
    changed = {"custodians": ["court-a"], "late_after_ms": 3_600_000}
    assert parameters == {**DEFAULT_PARAMETERS, **changed}


def test_error_is_one_json_document(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "members.toml").write_text("[[member]]\nid = 3\n")
    ended = cli(
        *("init", "--home", tmp_path / "home", "--chain-id", "trial-1", "--json"),
        *("--members", tmp_path / "members.toml"),
    )
    assert ended.code == ExitCode.BAD_INPUT
    assert json.loads(ended.err)["error"]["place"].endswith("member[0].name")
