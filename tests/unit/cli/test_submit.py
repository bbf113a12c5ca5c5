from __future__ import annotations

import functools
import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.commands import Cli

from node.cli import remote
from node.cli.exit_codes import ExitCode
from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.core.disclosure import match_disclosures, split_sd_jwt
from node.core.encoding import canonical_json
from node.core.transaction import decode_transaction
from node.core.trust import Trust

URL = "http://node.test"
DATA = {
    "aliases": ["CZ0034133234712-2"],
    "document_hashes": ["ab" * 32],
    "happened_at": 1_790_000_000_000,
    "record_hash": "cd" * 32,
    "source_system": "旧平台",
}
RECEIPT = {
    "chain_id": "seal-test",
    "code": "CZ0034133234711-1",
    "height": 7,
    "id": "ab" * 32,
    "index": 12,
    "leaf_hash": "cd" * 32,
    "proven_time": 1_790_000_000_002,
    "status": "recorded",
    "time": 1_790_000_000_000,
}
REFUSED = {
    "code": 15,
    "detail": "the member has no role that may record this; refused at height 7",
    "name": "role_missing",
    "status": 422,
    "title": "A rule refuses the record",
    "type": "urn:evidence-ledger:problem:refused",
}


class FakeNode:
    """Answers submissions as it is told to, and keeps what was sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: Callable[[bytes], tuple[int, dict[str, Any]]] = lambda body: (201, RECEIPT)
        self.reachable = True
        self.before: Callable[[], None] = lambda: None
        client = functools.partial(NodeClient, transport=httpx.MockTransport(self.handle))
        monkeypatch.setattr(remote, "NodeClient", client)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.before()
        if not self.reachable:
            raise httpx.ConnectError("Connection refused")
        self.requests.append(request)
        if request.url.path == "/v1/submissions":
            status, content = self.answer(request.content)
            return httpx.Response(status, json=content)
        assert request.url.path == "/v1/submissions/batch"
        lines = []
        for line in request.content.splitlines():
            status, content = self.answer(json.loads(line).encode())
            lines.append(json.dumps({**content, "status_code": status}))
        return httpx.Response(200, content="\n".join(lines).encode() + b"\n")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeNode:
    return FakeNode(monkeypatch)


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The arguments that say who signs, for which chain."""
    folder = tmp_path_factory.mktemp("signer")
    SigningKey.generate().save(folder / "platform-a.pem")
    trust = folder / "trust.json"
    trust.write_bytes(canonical_json(Trust("seal-test", bytes(32)).to_json()))
    return "--key", folder / "platform-a.pem", "--member", "platform-a", "--trust", trust


@pytest.fixture
def event(signing: tuple[object, ...], tmp_path: Path) -> tuple[object, ...]:
    """The arguments of a record to be signed and saved."""
    (tmp_path / "data.json").write_text(json.dumps(DATA))
    return (
        *("submit", *signing, "--type", "record.imported"),
        *("--subject", "record:platform-a:0001", "--data", f"@{tmp_path / 'data.json'}"),
        *("--private", '{"summary": "归档合同"}', "--out", tmp_path / "record.sdjwt"),
    )


def test_what_is_sent_was_saved_before(
    cli: Cli, fake: FakeNode, event: tuple[object, ...], tmp_path: Path
) -> None:
    path = tmp_path / "record.sdjwt"
    saved: list[bytes] = []
    fake.before = lambda: saved.append(path.read_bytes())
    ended = cli(*event, "--url", URL, "--json")
    assert ended.code == ExitCode.OK
    [request] = fake.requests
    assert saved == [request.content]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ended.document == {**RECEIPT, "file": str(path)}
    assert request.url.params["wait"] == "commit"


def test_record_is_as_it_was_described(cli: Cli, fake: FakeNode, event: tuple[object, ...]) -> None:
    cli(*event, "--url", URL, "--source-system", "归档系统", "--source-method", "import")
    jwt, texts = split_sd_jwt(fake.requests[0].content)
    transaction = decode_transaction(jwt)
    assert (transaction.cid, transaction.iss) == ("seal-test", "platform-a")
    assert transaction.data == DATA
    assert transaction.source == {"system": "归档系统", "method": "import"}
    [disclosure] = match_disclosures(transaction.digests, texts, transaction.data)
    assert (disclosure.name, disclosure.value) == ("summary", "归档合同")


def test_receipt_is_told_with_both_times(
    cli: Cli, fake: FakeNode, event: tuple[object, ...]
) -> None:
    ended = cli(*event, "--url", URL)
    assert "Recorded:    CZ0034133234711-1\n" in ended.out
    assert "2026-09-21T22:13:20.000+08:00, no later than 2026-09-21T22:13:20.002+08:00" in ended.out


def test_pending_is_no_failure(cli: Cli, fake: FakeNode, event: tuple[object, ...]) -> None:
    fake.answer = lambda body: (202, {"status": "pending", "id": "ab" * 32, "chain_id": "c"})
    ended = cli(*event, "--url", URL, "--wait", "none")
    assert ended.code == ExitCode.OK
    assert "not yet on the chain" in ended.out
    assert fake.requests[0].url.params["wait"] == "none"


def test_refusal_is_told_with_its_rule(cli: Cli, fake: FakeNode, event: tuple[object, ...]) -> None:
    fake.answer = lambda body: (422, REFUSED)
    ended = cli(*event, "--url", URL, "--json")
    assert ended.code == ended.error["code"] == ExitCode.REFUSED
    assert ended.error["problem"] == REFUSED
    assert "no role that may record this" in ended.error["message"]


@pytest.mark.parametrize("kind", ["unreachable", "full"])
def test_without_an_answer_the_way_on_is_told(
    cli: Cli, fake: FakeNode, event: tuple[object, ...], tmp_path: Path, kind: str
) -> None:
    fake.reachable = kind == "full"
    busy = {"type": "urn:evidence-ledger:problem:busy", "detail": "full", "retry_after": 2}
    fake.answer = lambda body: (503, busy)
    ended = cli(*event, "--url", URL, "--patience", "0")
    assert ended.code == (ExitCode.TRY_AGAIN if kind == "full" else ExitCode.UNREACHABLE)
    path = tmp_path / "record.sdjwt"
    assert f"evidence-node submit --file {path} --url {URL}" in ended.err
    assert len(ended.err.splitlines()) == 2
    fake.reachable, fake.answer = True, lambda body: (201, RECEIPT)
    fake.requests.clear()
    again = cli("submit", "--file", path, "--url", URL)
    assert again.code == ExitCode.OK
    assert fake.requests[0].content == path.read_bytes()


def test_saved_file_is_never_overwritten_nor_is_then_anything_sent(
    cli: Cli, fake: FakeNode, event: tuple[object, ...], tmp_path: Path
) -> None:
    (tmp_path / "record.sdjwt").write_text("mine")
    ended = cli(*event, "--url", URL)
    assert ended.code == ExitCode.BAD_INPUT
    assert fake.requests == []
    assert (tmp_path / "record.sdjwt").read_text() == "mine"


def test_saved_file_is_named_after_the_event(
    cli: Cli,
    fake: FakeNode,
    event: tuple[object, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = event[: event.index("--out")]
    ended = cli(*arguments, "--event-id", "mine-1", "--no-send", "--json")
    assert ended.code == ExitCode.OK
    assert ended.document["file"] == "mine-1.sdjwt"
    jwt, _ = split_sd_jwt((tmp_path / "mine-1.sdjwt").read_bytes().strip())
    assert decode_transaction(jwt).jti == "mine-1"
    assert ended.document["id"] == decode_transaction(jwt).id.hex()
    assert fake.requests == []


def test_what_breaks_a_rule_is_not_signed(
    cli: Cli, fake: FakeNode, event: tuple[object, ...], tmp_path: Path
) -> None:
    ended = cli(*event, "--url", URL, "--private", '{"name": "南"}', "--json")
    assert ended.code == ExitCode.BAD_INPUT
    assert ended.error["place"] == "private.name"
    assert not (tmp_path / "record.sdjwt").exists()
    assert fake.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--file", "a", "--ndjson", "b"),
        ("--type", "record.imported"),
        ("--type", "record.imported", "--url", URL),
        ("--type", "record.imported", "--url", URL, "--subject", "record:a:1", "--data", "{}"),
        ("--file", "a"),
        ("--file", "a", "--url", "node.test:8440", "--trust", "b", "--chain-id", "c"),
    ],
)
def test_wrong_arguments(cli: Cli, fake: FakeNode, arguments: tuple[str, ...]) -> None:
    ended = cli("submit", *arguments)
    assert ended.code == ExitCode.USAGE
    assert fake.requests == []


@pytest.mark.parametrize("url", ["node.test", "ftp://node.test", "http://", "/v1"])
def test_url_must_be_one(cli: Cli, fake: FakeNode, tmp_path: Path, url: str) -> None:
    (tmp_path / "a").write_text("x")
    assert cli("submit", "--file", tmp_path / "a", "--url", url).code == ExitCode.USAGE


def test_signature_asks_for_the_chain(cli: Cli, fake: FakeNode, event: tuple[object, ...]) -> None:
    at = event.index("--trust")
    ended = cli(*event[:at], *event[at + 2 :], "--url", URL)
    assert ended.code == ExitCode.USAGE
    assert "--chain-id or --trust" in ended.err


# Many


def ndjson(folder: Path, *lines: Any) -> Path:
    path = folder / "events.ndjson"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def an_event(number: int) -> dict[str, Any]:
    return {
        "data": DATA,
        "event_id": f"event-{number}",
        "subject": f"record:platform-a:{number:04d}",
        "type": "record.imported",
    }


def test_many_events_are_signed_saved_and_sent(
    cli: Cli, fake: FakeNode, signing: tuple[object, ...], tmp_path: Path
) -> None:
    path, out = ndjson(tmp_path, *map(an_event, range(600))), tmp_path / "signed.ndjson"
    saved: list[int] = []
    fake.before = lambda: saved.append(len(out.read_bytes().splitlines()))
    ended = cli("submit", "--url", URL, *signing, "--ndjson", path, "--out", out)
    assert ended.code == ExitCode.OK
    assert ended.out == "600 lines: 600 recorded\n"
    sent = [line for request in fake.requests for line in request.content.splitlines()]
    assert [json.loads(line) for line in sent] == [
        json.loads(line)["submission"] for line in out.read_bytes().splitlines()
    ]
    assert saved[0] == 256  # the first group is on disk before it is sent
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    again = cli("submit", "--url", URL, "--ndjson", out, "--json")
    answers = [json.loads(line) for line in again.out.splitlines()]
    assert [answer["line"] for answer in answers] == list(range(1, 601))
    assert {answer["code"] for answer in answers} == {RECEIPT["code"]}


def test_bad_line_spoils_only_itself(
    cli: Cli, fake: FakeNode, signing: tuple[object, ...], tmp_path: Path
) -> None:
    path = ndjson(tmp_path, an_event(1), {**an_event(2), "type": "no"}, an_event(3), "签", 7)
    with path.open("a") as file:
        file.write("\n   \nno json\n" + json.dumps("x" * (3 << 20)) + "\n" + '"signed"\n')
    out = tmp_path / "signed.ndjson"
    ended = cli("submit", "--url", URL, *signing, "--ndjson", path, "--out", out, "--json")
    assert ended.code == ExitCode.REFUSED
    answers = {
        answer["line"]: answer for answer in (json.loads(line) for line in ended.out.splitlines())
    }
    good = {line for line, answer in answers.items() if answer["status_code"] == 201}
    assert good == {1, 3, 10}
    assert set(answers) == {1, 2, 3, 4, 5, 8, 9, 10}
    assert answers[2]["place"] == "payload.type"
    assert "at most" in answers[9]["rule"]
    assert len(out.read_bytes().splitlines()) == 3


def test_refused_lines_are_named(cli: Cli, fake: FakeNode, tmp_path: Path) -> None:
    fake.answer = lambda body: (422, REFUSED) if body == b"b" else (201, RECEIPT)
    path = ndjson(tmp_path, "a", {"submission": "b"}, "c")
    ended = cli("submit", "--url", URL, "--ndjson", path)
    assert ended.code == ExitCode.REFUSED
    assert ended.out.splitlines() == [
        "line 2: refused: the member has no role that may record this; refused at height 7",
        "3 lines: 2 recorded, 1 refused",
    ]


def test_lines_come_from_standard_input(cli: Cli, fake: FakeNode) -> None:
    ended = cli("submit", "--url", URL, "--ndjson", "-", stdin=b'"a"\n"b"')
    assert ended.out == "2 lines: 2 recorded\n"


def test_unsigned_line_needs_a_signer(cli: Cli, fake: FakeNode, tmp_path: Path) -> None:
    ended = cli("submit", "--url", URL, "--ndjson", ndjson(tmp_path, an_event(1)))
    assert ended.code == ExitCode.REFUSED
    assert "line 1: malformed: line 1: is an event, and --key" in ended.out
    assert fake.requests == []


def test_unsigned_lines_need_a_file_to_be_saved_in(
    cli: Cli, fake: FakeNode, signing: tuple[object, ...], tmp_path: Path
) -> None:
    path = ndjson(tmp_path, an_event(1))
    ended = cli("submit", "--url", URL, *signing, "--ndjson", path)
    assert ended.code == ExitCode.USAGE
    assert "--out" in ended.err


def test_lines_that_got_no_answer_are_told_of(cli: Cli, fake: FakeNode, tmp_path: Path) -> None:
    path = ndjson(tmp_path, *("x" for _ in range(300)))
    calls: list[int] = []

    def once() -> None:
        calls.append(1)
        fake.reachable = len(calls) < 2

    fake.before = once
    ended = cli("submit", "--url", URL, "--ndjson", path, "--patience", "0", "--json")
    assert ended.code == ended.error["code"] == ExitCode.UNREACHABLE
    assert ended.error["answered"] == 256 == len(ended.out.splitlines())


def test_signing_many_without_sending(
    cli: Cli, fake: FakeNode, signing: tuple[object, ...], tmp_path: Path
) -> None:
    path, out = ndjson(tmp_path, an_event(1)), tmp_path / "signed.ndjson"
    ended = cli("submit", "--no-send", *signing, "--ndjson", path, "--out", out)
    assert (ended.code, ended.out) == (ExitCode.OK, "1 lines: 1 signed\n")
    assert fake.requests == []
    assert len(out.read_bytes().splitlines()) == 1
