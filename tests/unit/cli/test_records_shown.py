from __future__ import annotations

import json
from pathlib import Path

from builders.bundling import bundle_of, trust_of
from builders.cases import LATER, PRIVATE, SUB, grown
from builders.chain import Chain
from builders.commands import Cli, Evidence

from node.cli.exit_codes import ExitCode
from node.cli.records_shown import shown_records
from node.core.encoding import canonical_json


def test_records_have_their_times_and_what_was_disclosed() -> None:
    chain = grown()
    first, second, third = shown_records(
        canonical_json(bundle_of(chain, SUB, disclosures=[*PRIVATE[:1], *LATER]))
    )
    assert [record.type for record in (first, second, third)] == [
        "signing.initiated",
        "signing.started",
        "signing.completed",
    ]
    assert first.title_zh == "发起签约"
    assert (first.disclosed, first.hidden) == ({"document_names": ["待盖章文件"]}, 1)
    assert (second.disclosed, second.hidden) == ({"ip": "17.144.28.67"}, 0)
    assert (first.time, first.proven_time) == (chain.time(2), chain.time(3))
    assert first.occurred_at < first.submitted_at < first.time
    assert first.member == "platform-a"
    assert first.member_name == {one.id: one.name for one in chain.genesis.members}["platform-a"]


def test_newer_name_of_a_member_is_taken_from_the_state() -> None:
    chain = Chain()
    chain.put("member/platform-a", {"name": "新名称", "roles": ["platform"], "status": "active"})
    chain.commit_block(chain.jwt())
    chain.commit_block()
    chain.commit_block()
    bundle = canonical_json(bundle_of(chain, SUB, extra_keys=["member/platform-a"]))
    assert [record.member_name for record in shown_records(bundle)] == ["新名称"]


def test_records_follow_the_steps_when_asked_for(cli: Cli, evidence: Evidence) -> None:
    given = ("verify", evidence.bundle_path, "--trust", evidence.trust_path)
    assert "Records, as they are proven" not in cli(*given).out
    shown = cli(*given, "--show").out
    assert shown.index("Nothing failed") < shown.index("Records, as they are proven")
    assert "public  sign_no = QY812163472634127040-1" in shown
    told = cli(*given, "--show", "--json").document
    assert [record["type"] for record in told["records"]] == ["signing.initiated", "signing.sealed"]


def test_records_of_a_refused_bundle_are_not_shown(
    cli: Cli, evidence: Evidence, tmp_path: Path
) -> None:
    path = tmp_path / "altered.json"
    path.write_text(json.dumps({**evidence.bundle, "entries": evidence.bundle["entries"][:1]}))
    ended = cli("verify", path, "--trust", evidence.trust_path, "--show")
    assert ended.code == ExitCode.REFUSED
    assert "QY812163472634127040-1" not in ended.out


def test_odd_characters_are_escaped(cli: Cli, tmp_path: Path) -> None:
    chain = Chain()
    chain.commit_block(chain.jwt(data={"sign_no": "QY812163472634127040-1\u202e"}))
    chain.commit_block()
    chain.commit_block()
    (tmp_path / "b.json").write_bytes(canonical_json(bundle_of(chain, SUB)))
    (tmp_path / "t.json").write_bytes(trust_of(chain))
    ended = cli("verify", tmp_path / "b.json", "--trust", tmp_path / "t.json", "--show")
    assert ended.code == ExitCode.OK
    assert "sign_no = QY812163472634127040-1\\u202e" in ended.out
