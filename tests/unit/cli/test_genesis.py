"""From descriptions to a signed genesis; nothing is started."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from builders.ceremony import ROLES, Ceremony
from builders.commands import Cli

from node.cli.exit_codes import ExitCode
from node.client.keys import SigningKey
from node.core.encoding import canonical_json
from node.core.ended_chain import EndedChain
from node.core.genesis import Predecessor, decode_genesis
from node.core.genesis_signature import GenesisSignature, encode_genesis_signature


@pytest.fixture
def ceremony(cli: Cli, tmp_path: Path) -> Ceremony:
    """All have described themselves."""
    made = Ceremony(cli, tmp_path)
    for member in ROLES:
        assert made.describe(member).code == ExitCode.OK
    return made


def rewrite(path: Path, change: Any) -> None:
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(canonical_json(value))


def test_everybody_signs_the_same(ceremony: Ceremony) -> None:
    told = ceremony.assemble().document
    genesis = decode_genesis(ceremony.genesis.read_bytes())
    assert told["genesis_hash"] == genesis.hash.hex()
    assert {item["id"]: item["power"] for item in told["members"]} == dict.fromkeys(ROLES, 10)
    assert set(told["peers"]) == set(ROLES)
    shown = ceremony.cli("genesis", "show", ceremony.genesis, "--json").document
    assert shown["genesis_hash"] == genesis.hash.hex()
    for member in ROLES:
        signed = ceremony.sign(member)
        assert signed.code == ExitCode.OK, signed.err
        assert signed.document["peer"] == told["peers"][member]
    checked = ceremony.check("jinan-court", *ROLES)
    assert checked.code == ExitCode.OK
    assert checked.document["signed"] == sorted(ROLES)
    assert checked.document["missing"] == []
    assert checked.document["own"] == "jinan-court"
    assert checked.document["peers"] == told["peers"]


def test_the_hash_is_told_in_groups_to_be_read_aloud(ceremony: Ceremony) -> None:
    digest = ceremony.assemble().document["genesis_hash"]
    out = ceremony.cli("genesis", "show", ceremony.genesis).out
    groups = [digest[at : at + 4] for at in range(0, 64, 4)]
    assert " ".join(groups[:8]) in out
    assert " ".join(groups[8:]) in out


def test_anybody_can_assemble_it_again(ceremony: Ceremony, cli: Cli) -> None:
    time = ceremony.assemble().document["genesis_time"]
    again = ceremony.folder / "again.json"
    paths = [ceremony.description(member) for member in reversed(list(ROLES))]
    arguments = ("genesis", "assemble", "--chain-id", "founded-1", "--out", again)
    assert cli(*arguments, "--time", time, *paths).code == ExitCode.OK
    assert again.read_bytes() == ceremony.genesis.read_bytes()


def test_time_and_parameters(ceremony: Ceremony, cli: Cli, tmp_path: Path) -> None:
    parameters = tmp_path / "parameters.toml"
    parameters.write_text('custodians = ["jinan-court"]\nlate_after_ms = 5\n')
    paths = [ceremony.description(member) for member in ROLES]
    arguments = ("genesis", "assemble", "--chain-id", "c", "--out", ceremony.genesis, *paths)
    more = ("--time", "2026-12-01T08:00:00+08:00", "--parameters", parameters)
    told = cli(*arguments, *more, "--json").document
    assert told["genesis_time"] == 1_796_083_200_000
    assert told["parameters"]["custodians"] == ["jinan-court"]
    assert told["parameters"]["late_after_ms"] == 5
    assert not [item for item in told["warnings"] if "custodian" in item]
    for wrong in ("2026-12-01T08:00:00", "tomorrow"):
        ended = cli(*arguments[:4], "--out", tmp_path / "other.json", *paths, "--time", wrong)
        assert ended.code == ExitCode.BAD_INPUT
        assert "--time" in ended.err
    parameters.write_text("late_after = 5\n")
    refused = cli(*arguments[:4], "--out", tmp_path / "other.json", *paths, *more)
    assert refused.code == ExitCode.BAD_INPUT
    assert "late_after: is not a member" in refused.err


def test_an_altered_description_is_refused(ceremony: Ceremony) -> None:
    rewrite(
        ceremony.description("jinan-court"), lambda value: value["validator"].update(power=1000)
    )
    ended = ceremony.assemble()
    assert ended.code == ExitCode.BAD_INPUT
    assert "jinan-court" in ended.error["place"]
    assert "does not hold" in ended.error["rule"]
    assert not ceremony.genesis.exists()


def test_a_description_with_anothers_key_is_refused(ceremony: Ceremony) -> None:
    """The thief has the public key, and cannot sign with it."""
    other = json.loads(ceremony.description("jinan-notary").read_bytes())
    rewrite(
        ceremony.description("jinan-court"),
        lambda value: value["validator"].update(public_key=other["validator"]["public_key"]),
    )
    ended = ceremony.assemble()
    assert ended.code == ExitCode.BAD_INPUT
    assert "jinan-court: does not hold" in ended.error["rule"]


def test_a_description_twice_is_refused(ceremony: Ceremony) -> None:
    ended = ceremony.assemble("jinan-court", "jinan-notary", "jinan-court")
    assert ended.code == ExitCode.BAD_INPUT
    assert "twice" in ended.error["rule"]


def test_who_signs_looks_for_what_it_described(ceremony: Ceremony) -> None:
    """The one who assembled gave the notary another's power, and the court another's name."""
    ceremony.assemble()
    rewrite(ceremony.genesis, lambda value: value["validators"][0].update(power=9))
    for member, code in (("jinan-court", ExitCode.BAD_INPUT), ("jinan-notary", ExitCode.OK)):
        assert ceremony.sign(member).code == code
        assert ceremony.signature(member).exists() == (code == ExitCode.OK)
    checked = ceremony.check("jinan-court")
    assert checked.code == ExitCode.BAD_INPUT
    assert checked.error["rule"] == "key or power is not what the member described"


def test_a_signature_under_another_genesis(ceremony: Ceremony, cli: Cli) -> None:
    ceremony.assemble()
    other = ceremony.folder / "other.json"
    paths = [ceremony.description(member) for member in ROLES]
    cli("genesis", "assemble", "--chain-id", "founded-1", "--time", "5", "--out", other, *paths)
    assert ceremony.sign("jinan-notary", other).code == ExitCode.OK
    checked = ceremony.check("jinan-court", "jinan-notary")
    assert checked.code == ExitCode.BAD_INPUT
    assert "is for another genesis" in checked.error["rule"]


def test_a_home_signs_no_second_genesis_by_mistake(ceremony: Ceremony, cli: Cli) -> None:
    """Two chains of one id could play one's records into the other."""
    ceremony.assemble()
    other = ceremony.folder / "other.json"
    paths = [ceremony.description(member) for member in ROLES]
    cli("genesis", "assemble", "--chain-id", "founded-1", "--time", "5", "--out", other, *paths)
    assert ceremony.sign("jinan-notary").code == ExitCode.OK
    second = ceremony.folder / "second.sig.json"
    arguments = ("--home", ceremony.home("jinan-notary"), "--out", second, "--json")
    assert cli("genesis", "sign", ceremony.genesis, *arguments).code == ExitCode.OK, "the same"
    second.unlink()
    refused = cli("genesis", "sign", other, *arguments)
    assert refused.code == ExitCode.REFUSED
    assert "signed another genesis" in refused.error["message"]
    assert not second.exists()
    assert cli("genesis", "sign", other, *arguments, "--replace").code == ExitCode.OK


def test_a_signature_by_a_key_that_is_not_the_members(ceremony: Ceremony) -> None:
    ceremony.assemble()
    genesis = decode_genesis(ceremony.genesis.read_bytes())
    thief = SigningKey.generate()
    forged = GenesisSignature(genesis.chain_id, genesis.hash, "jinan-notary", thief.kid, "")
    path = ceremony.signature("jinan-notary")
    path.write_bytes(encode_genesis_signature(forged, thief.sign)[1])
    checked = ceremony.check("jinan-court", "jinan-notary")
    assert checked.code == ExitCode.BAD_INPUT
    assert "no signing key of that member" in checked.error["rule"]


def test_who_is_missing_is_told(ceremony: Ceremony) -> None:
    ceremony.assemble()
    for member in ("jinan-court", "jinan-data"):
        ceremony.sign(member)
    checked = ceremony.check("jinan-court", "jinan-court", "jinan-data")
    assert checked.code == ExitCode.TRY_AGAIN
    assert checked.document["missing"] == ["jinan-maker", "jinan-notary"]


def test_an_own_signature_that_names_another_peer(ceremony: Ceremony) -> None:
    """Somebody has the signing key, and leads the others' nodes to one of its own."""
    ceremony.assemble()
    genesis = decode_genesis(ceremony.genesis.read_bytes())
    key = SigningKey.load(ceremony.home("jinan-court") / "keys/operator.pem")
    stolen = GenesisSignature(
        genesis.chain_id, genesis.hash, "jinan-court", key.kid, f"{'0a' * 20}@127.0.0.1:1"
    )
    path = ceremony.signature("jinan-court")
    path.write_bytes(encode_genesis_signature(stolen, key.sign)[1])
    checked = ceremony.check("jinan-court", "jinan-court")
    assert checked.code == ExitCode.REFUSED
    assert "your key is in other hands" in checked.error["advice"]


def test_two_members_that_claim_one_node(ceremony: Ceremony) -> None:
    ceremony.assemble()
    genesis = decode_genesis(ceremony.genesis.read_bytes())
    court = ceremony.sign("jinan-court").document
    key = SigningKey.load(ceremony.home("jinan-notary") / "keys/operator.pem")
    peer = court["peer"].partition("@")[0] + "@127.0.0.1:9"
    lie = GenesisSignature(genesis.chain_id, genesis.hash, "jinan-notary", key.kid, peer)
    path = ceremony.signature("jinan-notary")
    path.write_bytes(encode_genesis_signature(lie, key.sign)[1])
    checked = ceremony.check("jinan-data", "jinan-court", "jinan-notary")
    assert checked.code == ExitCode.BAD_INPUT
    assert "the same node as that of jinan-court" in checked.error["rule"]


def test_nothing_is_overwritten(ceremony: Ceremony) -> None:
    ceremony.assemble()
    before = ceremony.genesis.read_bytes()
    assert ceremony.assemble().code == ExitCode.BAD_INPUT
    assert ceremony.genesis.read_bytes() == before
    ceremony.sign("jinan-court")
    assert ceremony.sign("jinan-court").code == ExitCode.BAD_INPUT


def test_files_that_came_by_mail_may_end_in_a_line_feed(ceremony: Ceremony) -> None:
    path = ceremony.folder / "mailed.json"
    shutil.copy(ceremony.description("jinan-court"), path)
    path.write_bytes(path.read_bytes() + b"\n")
    ended = ceremony.cli(
        *("genesis", "assemble", "--chain-id", "c", "--out", ceremony.genesis), path, "--json"
    )
    assert ended.code == ExitCode.OK, ended.err


def test_a_genesis_that_continues_a_chain_says_so_to_who_signs(
    ceremony: Ceremony, cli: Cli, tmp_path: Path
) -> None:
    before = Predecessor("solo-chain", 12, b"r" * 32, b"s" * 32, b"h" * 32)
    file = tmp_path / "predecessor.json"
    file.write_bytes(canonical_json(EndedChain(before, 45, 1000).to_json()))
    paths = [ceremony.description(member) for member in ROLES]
    arguments = ("genesis", "assemble", "--chain-id", "c", "--out", ceremony.genesis, *paths)
    early = cli(*arguments, "--predecessor", file, "--time", "1000")
    assert early.code == ExitCode.BAD_INPUT
    assert "genesis_time: must be after 1000" in early.err
    made = cli(*arguments, "--predecessor", file, "--json")
    assert made.code == ExitCode.OK, made.err
    genesis = decode_genesis(ceremony.genesis.read_bytes())
    assert (genesis.predecessor, genesis.initial_height) == (before, 45)
    assert made.document["predecessor"] == before.to_json()
    out = cli("genesis", "show", ceremony.genesis).out
    assert "Continues:    solo-chain, a log of 12 entries" in out
    assert f"last header {before.header_hash.hex()}" in out
    assert ceremony.sign("jinan-court").code == ExitCode.OK
