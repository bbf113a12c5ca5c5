"""The last step of a founding; nothing is started."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from builders.ceremony import ROLES, Ceremony
from builders.commands import Cli

from node.cli.exit_codes import ExitCode
from node.config import load_config
from node.core.encoding import canonical_json
from node.core.genesis import decode_genesis
from node.core.genesis_signature import decode_genesis_signature
from node.core.trust import decode_trust

ENGINE = Path("/bin/sh")
COURT = "jinan-court"
WRITTEN = ("genesis.json", "node.toml", "trust.json")


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a ceremony that all have signed; not to be changed."""
    from node.cli.main import main

    folder = tmp_path_factory.mktemp("ceremony")

    def cli(*arguments: object, stdin: bytes = b"") -> object:
        class Ended:
            code = main([str(argument) for argument in arguments])
            err = ""

        return Ended

    Ceremony(cli, folder).until_signed()  # type: ignore[arg-type]
    return folder


@pytest.fixture
def ceremony(cli: Cli, signed: Path, tmp_path: Path) -> Ceremony:
    """A copy of it."""
    folder = tmp_path / "ceremony"
    shutil.copytree(signed, folder)
    return Ceremony(cli, folder)


def nothing_written(ceremony: Ceremony) -> bool:
    return not [name for name in WRITTEN if (ceremony.home(COURT) / name).exists()]


def test_home_is_ready_to_run(ceremony: Ceremony) -> None:
    ended = ceremony.join(COURT, ENGINE, "--api-port", "8555")
    assert ended.code == ExitCode.OK, ended.err
    home = ceremony.home(COURT)
    genesis = decode_genesis((home / "genesis.json").read_bytes())
    assert genesis.document == ceremony.genesis.read_bytes()
    config = load_config(home)
    assert config.engine.kind == "cometbft"
    assert (config.api.port, config.operator.member) == (8555, COURT)
    assert config.consortium.binary == str(ENGINE.resolve())
    assert config.consortium.listen == f"127.0.0.1:{ceremony.ports[COURT]}"
    others = {
        decode_genesis_signature(ceremony.signature(member).read_bytes()).peer
        for member in ROLES
        if member != COURT
    }
    assert set(config.consortium.peers) == others
    trust = decode_trust((home / "trust.json").read_bytes())
    assert (trust.chain_id, trust.genesis_hash) == ("founded-1", genesis.hash)
    assert trust.fingerprint.hex() == ended.document["trust_fingerprint"]


def test_without_all_signatures_of_those_who_validate(ceremony: Ceremony) -> None:
    some = tuple(member for member in ROLES if member != "jinan-notary")
    ended = ceremony.join(COURT, ENGINE, signed=some)
    assert ended.code == ExitCode.REFUSED
    assert ended.error["missing"] == ["jinan-notary"]
    assert nothing_written(ceremony)
    stranger = ceremony.join(COURT, ENGINE, "--accept-missing", "jinan-nobody", signed=some)
    assert stranger.code == ExitCode.USAGE
    peer = f"{'0a' * 20}@10.0.0.7:26656"
    more = ("--accept-missing", "jinan-notary", "--peers", peer)
    ended = ceremony.join(COURT, ENGINE, *more, signed=some)
    assert ended.code == ExitCode.OK, ended.err
    assert peer in load_config(ceremony.home(COURT)).consortium.peers
    assert len(ended.document["peers"]) == 3


def test_an_address_that_has_changed_since(ceremony: Ceremony) -> None:
    signed = decode_genesis_signature(ceremony.signature("jinan-notary").read_bytes())
    peer = signed.peer.partition("@")[0] + "@notary.example.cn:26656"
    ended = ceremony.join(COURT, ENGINE, "--peers", peer)
    assert ended.code == ExitCode.OK
    assert peer in ended.document["peers"]
    assert signed.peer not in ended.document["peers"]


@pytest.mark.parametrize("name", ["operator.pem", "validator.pem", "checkpoint.pem", "node.pem"])
def test_a_home_with_a_key_of_another(ceremony: Ceremony, name: str) -> None:
    shutil.copy(ceremony.home("jinan-data") / "keys" / name, ceremony.home(COURT) / "keys" / name)
    ended = ceremony.join(COURT, ENGINE)
    assert ended.code == ExitCode.BAD_INPUT
    assert name in ended.error["place"]
    assert nothing_written(ceremony)


def test_another_genesis_than_was_signed(ceremony: Ceremony) -> None:
    value = json.loads(ceremony.genesis.read_bytes())
    value["genesis_time"] += 1
    ceremony.genesis.write_bytes(canonical_json(value))
    ended = ceremony.join(COURT, ENGINE)
    assert ended.code == ExitCode.BAD_INPUT
    assert "is for another genesis" in ended.error["rule"]
    assert nothing_written(ceremony)


def test_a_home_joins_the_genesis_that_it_signed(ceremony: Ceremony) -> None:
    """The others have signed another one, and ask to go on without this member's signature."""
    former = ceremony.home(COURT) / "genesis.sig.json"
    other = decode_genesis_signature(former.read_bytes())
    value = json.loads(former.read_bytes())
    value["genesis_hash"] = "00" * 32
    former.write_bytes(canonical_json(value))
    ended = ceremony.join(COURT, ENGINE)
    assert ended.code == ExitCode.REFUSED
    assert "signed another genesis" in ended.error["message"]
    assert nothing_written(ceremony)
    assert other.member == COURT


def test_an_altered_signature(ceremony: Ceremony) -> None:
    path = ceremony.signature("jinan-notary")
    value = json.loads(path.read_bytes())
    value["peer"] = value["peer"].replace("127.0.0.1", "10.6.6.6")
    path.write_bytes(canonical_json(value))
    ended = ceremony.join(COURT, ENGINE)
    assert ended.code == ExitCode.BAD_INPUT
    assert "jinan-notary" in ended.error["place"]
    assert nothing_written(ceremony)


def test_an_altered_description_in_the_home(ceremony: Ceremony) -> None:
    path = ceremony.description(COURT)
    value = json.loads(path.read_bytes())
    value["validator"]["power"] = 11
    path.write_bytes(canonical_json(value))
    assert ceremony.join(COURT, ENGINE).code == ExitCode.BAD_INPUT
    assert nothing_written(ceremony)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--listen", "everywhere"), ExitCode.USAGE),
        (("--listen", "0.0.0.0:70000"), ExitCode.USAGE),
        (("--peers", "10.0.0.7:26656"), ExitCode.BAD_INPUT),
        (("--peers", f"{'0a' * 20}@10.0.0.7"), ExitCode.BAD_INPUT),
        (("--engine", "/nonexistent"), ExitCode.USAGE),
    ],
)
def test_arguments_that_are_none(
    ceremony: Ceremony, arguments: tuple[str, ...], code: ExitCode
) -> None:
    assert ceremony.join(COURT, ENGINE, *arguments).code == code
    assert nothing_written(ceremony)


def test_a_home_that_has_joined_is_left_alone(ceremony: Ceremony) -> None:
    assert ceremony.join(COURT, ENGINE).code == ExitCode.OK
    before = (ceremony.home(COURT) / "node.toml").read_bytes()
    assert ceremony.join(COURT, ENGINE, "--api-port", "1").code == ExitCode.BAD_INPUT
    assert (ceremony.home(COURT) / "node.toml").read_bytes() == before


def test_a_member_without_a_node_has_none_to_run(cli: Cli, tmp_path: Path) -> None:
    ceremony = Ceremony(cli, tmp_path)
    assert ceremony.describe(COURT, "--division", "37").code == ExitCode.OK
    assert ceremony.describe("jinan-data").code == ExitCode.OK
    assert ceremony.assemble(COURT, "jinan-data").code == ExitCode.OK
    assert ceremony.sign(COURT).document["peer"] == ""
    assert ceremony.sign("jinan-data").code == ExitCode.OK
    ended = ceremony.join(COURT, ENGINE, signed=(COURT, "jinan-data"))
    assert ended.code == ExitCode.REFUSED
    assert "described no node" in ended.error["message"]


def test_a_port_for_the_outside_is_taken_on_every_address(cli: Cli, tmp_path: Path) -> None:
    ceremony = Ceremony(cli, tmp_path)
    ceremony.describe(COURT, "--peer", "court.example.cn:26999")
    ceremony.describe("jinan-data", "--peer", "[2001:db8::7]:26998")
    ceremony.assemble(COURT, "jinan-data")
    for member in (COURT, "jinan-data"):
        ceremony.sign(member)
    for member, listen in ((COURT, "0.0.0.0:26999"), ("jinan-data", "[::]:26998")):
        ended = ceremony.join(member, ENGINE, signed=(COURT, "jinan-data"))
        assert ended.code == ExitCode.OK, ended.err
        assert load_config(ceremony.home(member)).consortium.listen == listen
