"""`show` and `bundle` against a node that answers as it is told to."""

from __future__ import annotations

import functools
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.bundling import bundle_of, trust_of
from builders.commands import SUBJECT, Cli, Evidence

from node.cli import remote
from node.cli.exit_codes import ExitCode
from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.core.encoding import canonical_json
from node.core.request_token import decode_request_token

URL = "http://node.test"
TIME = 1_790_000_000_000
HEAD = {
    "code": "CZ0034133234711",
    "kind": "case",
    "kind_zh": "签约",
    "matched": "code",
    "opener": {"id": "platform-a", "name": "示例平台"},
    "record": "CZ0034133234711-2",
    "records": 2,
    "status": "started",
    "status_zh": "签署中",
    "sub": SUBJECT,
}


def entry(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "code": f"CZ0034133234711-{number}",
        "documents": ["ab" * 32],
        "facts": {"status": "started"},
        "height": 7,
        "id": f"{number:064x}",
        "member": {"id": "platform-a", "name": "示例平台"},
        "occurred_at": TIME - 5000,
        "private_fields": 3,
        "proven_time": TIME + 2,
        "submitted_at": TIME - 1000,
        "time": TIME,
        "title_zh": "开始签章",
        "type": "signing.started",
        **changes,
    }


class FakeNode:
    """Knows one dossier, or as many as it is told."""

    def __init__(self, bundle: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bundle = bundle
        self.outcome: dict[str, Any] = {"outcome": "found", "text": "found", "text_zh": "已找到"}
        self.hits: list[dict[str, Any]] = [HEAD]
        self.entries = [entry(1), entry(2)]
        self.most = 1000
        self.requests: list[httpx.Request] = []
        self.answers: dict[str, httpx.Response] = {}
        client = functools.partial(NodeClient, transport=httpx.MockTransport(self.handle))
        monkeypatch.setattr(remote, "NodeClient", client)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        path = request.url.path
        if path in self.answers:
            return self.answers[path]
        if path == "/v1/lookup":
            return httpx.Response(200, json={**self.outcome, "dossiers": self.hits})
        if path.endswith("/bundle"):
            return httpx.Response(200, content=self.bundle)
        assert path == f"/v1/dossiers/{SUBJECT}"
        moment = {"height": 9, "time": TIME + 5}
        entries = self.entries[int(request.url.params.get("first", "1")) - 1 :][: self.most]
        return httpx.Response(200, json={**HEAD, "entries": entries, "as_of": moment})


@pytest.fixture
def fake(evidence: Evidence, monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    return FakeNode(evidence.bundle_path.read_bytes(), monkeypatch)


@pytest.fixture
def signer(evidence: Evidence, tmp_path: Path) -> tuple[object, ...]:
    SigningKey.generate().save(tmp_path / "court-a.pem")
    return (
        *("--key", tmp_path / "court-a.pem", "--member", "court-a"),
        *("--operator", "operator-0", "--trust", evidence.trust_path),
    )


def test_time_line_has_every_record_and_all_times(cli: Cli, fake: FakeNode) -> None:
    ended = cli("show", "ＣＺ0034133234711－2", "--url", URL)
    assert ended.code == ExitCode.OK
    assert fake.requests[0].url.params["q"] == "ＣＺ0034133234711－2"
    lines = ended.out.splitlines()
    assert lines[0] == f"CZ0034133234711  case  {SUBJECT}"
    assert "  CZ0034133234711-1  signing.started  示例平台" in lines
    assert "> CZ0034133234711-2  signing.started  示例平台" in lines
    for time in ("22:13:15.000", "22:13:19", "22:13:20.000", "22:13:20.002"):
        assert f"2026-09-21T{time}+08:00" in ended.out
    assert "private fields 3" in ended.out
    assert "evidence-node bundle" in lines[-1]
    assert not any("authorization" in request.headers for request in fake.requests)


def test_time_line_in_chinese(cli: Cli, fake: FakeNode) -> None:
    ended = cli("show", "x", "--url", URL, "--lang", "zh")
    assert "签约" in ended.out
    assert "状态: 签署中, 2 条记录" in ended.out
    assert "开始签章" in ended.out
    assert "signing.started" not in ended.out


def test_what_a_node_says_cannot_play_tricks_on_the_terminal(cli: Cli, fake: FakeNode) -> None:
    fake.entries[0] = entry(1, facts={"status": "x\x1b[2J\nCZ0\u202e"})
    ended = cli("show", "x", "--url", URL)
    assert not {"\x1b", "\u202e"} & set(ended.out)
    assert "x\\x1b[2J\\nCZ0\\u202e" in ended.out


def test_all_records_are_shown_however_few_the_node_gives_at_once(cli: Cli, fake: FakeNode) -> None:
    whole = cli("show", "x", "--url", URL).out
    fake.most = 1
    assert cli("show", "x", "--url", URL).out == whole


def test_records_that_the_node_withholds_are_missed(cli: Cli, fake: FakeNode) -> None:
    fake.entries = fake.entries[:1]
    ended = cli("show", "x", "--url", URL)
    assert ended.code == ExitCode.UNREACHABLE
    assert "of 2 records 1 were answered" in ended.err
    assert ended.out == ""


def test_several_dossiers_are_listed(cli: Cli, fake: FakeNode) -> None:
    fake.hits = [HEAD, {**HEAD, "code": "CZ5555555555557", "sub": "case:platform-a:2"}]
    ended = cli("show", "x", "--url", URL)
    assert ended.code == ExitCode.OK
    assert "CZ5555555555557" in ended.out
    assert "2 dossiers; show one by its code." in ended.out
    assert len(fake.requests) == 1


def test_json_is_what_the_node_answered(cli: Cli, fake: FakeNode) -> None:
    told = cli("show", "x", "--url", URL, "--json").document
    assert told["dossier"]["entries"] == fake.entries
    assert told["lookup"]["dossiers"] == fake.hits


@pytest.mark.parametrize(("language", "text"), [("en", "a digit is mistyped"), ("zh", "输错")])
def test_what_is_not_found_says_why(cli: Cli, fake: FakeNode, language: str, text: str) -> None:
    fake.outcome = {"outcome": "mistyped", "text": "a digit is mistyped", "text_zh": "输错"}
    fake.hits = []
    ended = cli("show", "CZ0034133234712", "--url", URL, "--lang", language)
    assert ended.code == ExitCode.REFUSED
    assert f"CZ0034133234712: {text}" in ended.err
    told = cli("show", "CZ0034133234712", "--url", URL, "--json").error
    assert told["outcome"] == "mistyped"


def test_member_signs_for_the_chain_of_the_trust_file_and_the_node_of_one_operator(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], evidence: Evidence
) -> None:
    assert cli("show", "x", "--url", URL, *signer).code == ExitCode.OK
    token = decode_request_token(fake.requests[1].headers["authorization"].split()[1])
    chain_id = evidence.chain.genesis.chain_id
    assert (token.iss, token.aud) == ("court-a", f"{chain_id}:operator-0")


def test_whole_records_show_their_public_fields(cli: Cli, fake: FakeNode) -> None:
    fake.entries[0] = entry(1, data={"sign_no": "QY1-1"})
    assert '{"sign_no":"QY1-1"}' in cli("show", "x", "--url", URL).out


@pytest.mark.parametrize("missing", ["--key", "--member", "--operator", "--trust"])
def test_signing_needs_all_four(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], missing: str, tmp_path: Path
) -> None:
    at = signer.index(missing)
    arguments = [*signer[:at], *signer[at + 2 :]]
    ended = cli("bundle", "x", "--url", URL, "--out", tmp_path / "b", *arguments)
    assert ended.code == ExitCode.USAGE
    assert missing in ended.err
    assert fake.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"hello": "world"}),
        httpx.Response(200, json={"outcome": "found", "dossiers": []}),
        httpx.Response(200, json={"outcome": "found", "dossiers": [7]}),
    ],
)
def test_answer_of_another_server_is_told_as_such(
    cli: Cli, fake: FakeNode, answer: httpx.Response
) -> None:
    fake.answers["/v1/lookup"] = answer
    ended = cli("show", "x", "--url", URL)
    assert ended.code == ExitCode.BAD_INPUT
    assert "not of the form that this program knows" in ended.err


def test_web_page_is_no_answer(cli: Cli, fake: FakeNode) -> None:
    fake.answers["/v1/lookup"] = httpx.Response(200, html="<html>Welcome to nginx</html>")
    ended = cli("show", "x", "--url", URL)
    assert ended.code == ExitCode.UNREACHABLE
    assert "not JSON" in ended.err


def test_node_that_is_not_there(cli: Cli) -> None:
    ended = cli("show", "x", "--url", "http://127.0.0.1:9", "--json")
    assert ended.code == ended.error["code"] == ExitCode.UNREACHABLE


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, ExitCode.BAD_INPUT),
        (401, ExitCode.REFUSED),
        (403, ExitCode.REFUSED),
        (404, ExitCode.REFUSED),
        (500, ExitCode.FAULT),
        (503, ExitCode.TRY_AGAIN),
    ],
)
def test_problems_of_the_node_become_exit_codes(
    cli: Cli, fake: FakeNode, status: int, code: ExitCode
) -> None:
    problem = {"type": "urn:evidence-ledger:problem:some", "detail": "because", "status": status}
    fake.answers["/v1/lookup"] = httpx.Response(status, json=problem)
    ended = cli("show", "x", "--url", URL, "--json")
    assert ended.code == ended.error["code"] == code
    assert ended.error["problem"] == problem
    assert "because" in ended.error["message"]


# Bundles


def test_bundle_is_saved_and_checked(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], evidence: Evidence, tmp_path: Path
) -> None:
    out = tmp_path / "bundle.json"
    ended = cli("bundle", "x", "--url", URL, *signer, "--out", out, "--json")
    assert ended.code == ExitCode.OK
    assert out.read_bytes() == fake.bundle
    assert ended.document["accepted"] is True
    assert cli("verify", out, "--trust", evidence.trust_path).code == ExitCode.OK


def test_bundle_that_does_not_hold_is_saved_and_refused(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], evidence: Evidence, tmp_path: Path
) -> None:
    fake.bundle = canonical_json({**evidence.bundle, "entries": evidence.bundle["entries"][:1]})
    out = tmp_path / "bundle.json"
    ended = cli("bundle", "x", "--url", URL, *signer, "--out", out)
    assert ended.code == ExitCode.REFUSED
    assert "FAILED:  Completeness up to the last record" in ended.out
    assert out.read_bytes() == fake.bundle


def test_without_a_trust_file_nothing_is_checked(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], tmp_path: Path
) -> None:
    arguments = (*signer[:6], "--chain-id", "seal-test", "--out", tmp_path / "b.json")
    ended = cli("bundle", "x", "--url", URL, *arguments)
    assert ended.code == ExitCode.OK
    assert "Check it with: evidence-node verify" in ended.out


def test_bundle_with_disclosures_is_asked_for_with_its_purpose(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], tmp_path: Path
) -> None:
    out = tmp_path / "b.json"
    ended = cli(
        *("bundle", "x", "--url", URL, *signer, "--out", out, "--from-size", "3"),
        *("--disclosures", "all", "--purpose", "案件审理", "--case-no", "1号"),
    )
    assert ended.code == ExitCode.OK
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    asked = dict(fake.requests[-1].url.params)
    assert asked == {
        "case_no": "1号",
        "disclosures": "all",
        "from_size": "3",
        "purpose": "案件审理",
    }


def test_single_record_is_asked_for_by_its_transaction(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], tmp_path: Path
) -> None:
    arguments = ("--record", "--out", tmp_path / "b.json")
    cli("bundle", "CZ0034133234711-2", "--url", URL, *signer, *arguments)
    assert fake.requests[-1].url.path == f"/v1/transactions/{2:064x}/bundle"
    assert not fake.requests[-1].url.query


@pytest.mark.parametrize("scope", [(), ("--record",)])
def test_bundle_is_asked_to_lead_on_from_the_checkpoint_of_the_trust_file(
    cli: Cli,
    fake: FakeNode,
    signer: tuple[object, ...],
    evidence: Evidence,
    tmp_path: Path,
    scope: tuple[str, ...],
) -> None:
    trust = tmp_path / "known.json"
    trust.write_bytes(trust_of(evidence.chain, known_at=1))
    arguments = (*signer[:6], "--trust", trust, *scope)
    ended = cli("bundle", "x", "--url", URL, *arguments, "--out", tmp_path / "b.json")
    assert fake.requests[-1].url.params["from_size"] == "2"
    assert ended.code == ExitCode.REFUSED
    assert "does not lead to the known size 2: fetch the bundle with from_size=2" in ended.out
    arguments = (*arguments, "--from-size", "1")
    cli("bundle", "x", "--url", URL, *arguments, "--out", tmp_path / "c.json")
    assert fake.requests[-1].url.params["from_size"] == "1"


def test_bundle_that_leads_on_from_the_checkpoint_is_accepted(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], evidence: Evidence, tmp_path: Path
) -> None:
    chain = evidence.chain
    fake.bundle = canonical_json(bundle_of(chain, SUBJECT, consistency_from=[1]))
    trust = tmp_path / "known.json"
    trust.write_bytes(trust_of(chain, known_at=1))
    arguments = (*signer[:6], "--trust", trust, "--out", tmp_path / "b.json")
    assert cli("bundle", "x", "--url", URL, *arguments).code == ExitCode.OK


def test_single_record_has_no_private_fields(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], tmp_path: Path
) -> None:
    arguments = ("--record", "--disclosures", "all", "--out", tmp_path / "b.json")
    ended = cli("bundle", "CZ0034133234711-2", "--url", URL, *signer, *arguments)
    assert ended.code == ExitCode.USAGE
    assert fake.requests == []


def test_whole_dossier_is_no_single_record(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], tmp_path: Path
) -> None:
    fake.hits = [{**HEAD, "record": "CZ0034133234711"}]
    arguments = ("--record", "--out", tmp_path / "b.json")
    ended = cli("bundle", "CZ0034133234711", "--url", URL, *signer, *arguments)
    assert ended.code == ExitCode.USAGE
    assert not (tmp_path / "b.json").exists()


def test_bundle_of_several_dossiers_is_refused(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], tmp_path: Path
) -> None:
    fake.hits = [HEAD, {**HEAD, "code": "CZ5555555555557"}]
    ended = cli("bundle", "x", "--url", URL, *signer, "--out", tmp_path / "b.json")
    assert ended.code == ExitCode.REFUSED
    assert "CZ0034133234711, CZ5555555555557" in ended.err


def test_bundle_overwrites_nothing(
    cli: Cli, fake: FakeNode, signer: tuple[object, ...], tmp_path: Path
) -> None:
    (tmp_path / "b.json").write_text("mine")
    ended = cli("bundle", "x", "--url", URL, *signer, "--out", tmp_path / "b.json")
    assert ended.code == ExitCode.BAD_INPUT
    assert (tmp_path / "b.json").read_text() == "mine"
    assert fake.requests == []
