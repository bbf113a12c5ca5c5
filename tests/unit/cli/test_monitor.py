"""The command, over nodes that are nothing but logs behind a web server."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.commands import Cli, Ended
from builders.fake_nodes import CHAIN, GENESIS, FakeNode
from builders.web import Answer, serving

from node.cli.exit_codes import ExitCode
from node.core.encoding import canonical_json
from node.core.trust import Trust


@contextmanager
def served(*nodes: FakeNode) -> Iterator[list[str]]:
    """Their URLs."""

    def answering(node: FakeNode) -> Any:
        def answer(path: str) -> Answer:
            found = node.answer(httpx.Request("GET", f"http://node{path}"))
            return found.status_code, dict(found.headers), found.content

        return answer

    with ExitStack() as stack:
        yield [stack.enter_context(serving(answering(node))) for node in nodes]


@pytest.fixture
def genesis(tmp_path: Path) -> Path:
    path = tmp_path / "genesis.json"
    path.write_bytes(GENESIS.document)
    return path


def events(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.out.splitlines()]


def once(cli: Cli, genesis: Path, *arguments: object) -> Ended:
    return cli("monitor", *arguments, "--genesis", genesis, "--once", "--json", "--timeout", "2")


def test_all_well(cli: Cli, genesis: Path) -> None:
    with served(FakeNode("court-a", 10), FakeNode("data-a", 12)) as urls:
        ended = once(cli, genesis, *urls)
    assert ended.code == ExitCode.OK, ended.err
    (told,) = events(ended)
    assert told["event"] == "round"
    assert told["alarms"] == []
    assert {(node["signer"], node["height"]) for node in told["nodes"].values()} == {
        ("court-a", 10),
        ("data-a", 12),
    }


def test_a_fork_leaves_evidence_and_is_not_forgotten(
    cli: Cli, genesis: Path, tmp_path: Path
) -> None:
    state, forked = tmp_path / "state.json", FakeNode("data-a", 12, forks_at=4)
    with served(FakeNode("court-a", 10), forked) as urls:
        ended = once(cli, genesis, *urls, "--state", state)
        assert ended.code == ExitCode.FAULT
        (evidence,) = tmp_path.glob("fork-*.json")
        content = evidence.read_bytes()
        forked.forks_at = None  # it hides what it did
        again = once(cli, genesis, *urls, "--state", state)
    assert again.code == ExitCode.FAULT
    assert [item["kind"] for item in events(ended) if item["event"] == "raised"] == ["fork"]
    assert list(tmp_path.glob("fork-*.json")) == [evidence]
    assert evidence.read_bytes() == content
    value = json.loads(content)
    assert value["genesis"].encode() == GENESIS.document
    assert "court-a" in str(events(ended)[0]["text"])


def test_evidence_goes_where_it_is_told_to(cli: Cli, genesis: Path, tmp_path: Path) -> None:
    folder = tmp_path / "evidence"
    with served(FakeNode("court-a", 10), FakeNode("data-a", 10, forks_at=4)) as urls:
        assert once(cli, genesis, *urls, "--evidence", folder).code == ExitCode.FAULT
    assert len(list(folder.iterdir())) == 1


def test_another_log_after_a_restart_is_found_by_the_state(
    cli: Cli, genesis: Path, tmp_path: Path
) -> None:
    node, state = FakeNode("court-a", 10), tmp_path / "state.json"
    with served(node) as urls:
        assert once(cli, genesis, *urls, "--state", state).code == ExitCode.OK
        node.forks_at, node.size, node.height = 4, 12, 12
        assert once(cli, genesis, *urls).code == ExitCode.OK, "without a state it is forgotten"
        assert once(cli, genesis, *urls, "--state", state).code == ExitCode.FAULT


def test_exit_codes_of_other_alarms(cli: Cli, genesis: Path) -> None:
    page = FakeNode("data-a", 10)
    page.odd = lambda request: httpx.Response(200, text="<html>")
    with served(FakeNode("court-a", 10), page) as urls:
        down = once(cli, genesis, urls[0], "http://127.0.0.1:1")
        assert down.code == ExitCode.UNREACHABLE
        assert events(down)[-1]["nodes"]["http://127.0.0.1:1"]["up"] is False
        assert once(cli, genesis, *urls).code == ExitCode.REFUSED
        assert once(cli, genesis, *urls, "http://127.0.0.1:1").code == ExitCode.REFUSED


def test_keys_by_the_trust_file(cli: Cli, tmp_path: Path) -> None:
    trust = tmp_path / "trust.json"
    with served(FakeNode("court-a", 10)) as urls:
        for genesis_hash, code in (
            (GENESIS.hash, ExitCode.OK),
            (b"\x00" * 32, ExitCode.UNREACHABLE),
        ):
            trust.write_bytes(canonical_json(Trust(CHAIN, genesis_hash).to_json()))
            ended = cli("monitor", *urls, "--trust", trust, "--once")
            assert ended.code == code, ended.err


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format":"evidence-monitor/1"}', b"\xff"])
def test_a_state_that_cannot_be_read_is_no_empty_one(
    cli: Cli, genesis: Path, tmp_path: Path, content: bytes
) -> None:
    state = tmp_path / "state.json"
    state.write_bytes(content)
    with served(FakeNode("court-a", 10)) as urls:
        ended = once(cli, genesis, *urls, "--state", state)
    assert ended.code == ExitCode.BAD_INPUT
    assert state.read_bytes() == content


def test_metrics(cli: Cli, genesis: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "evidence.prom"
    with served(FakeNode("court-a", 10), FakeNode("data-a", 10, forks_at=4)) as urls:
        once(
            cli, genesis, *urls, "http://127.0.0.1:1", "--metrics", metrics, "--evidence", tmp_path
        )
    lines = metrics.read_text().splitlines()
    assert f'evidence_monitor_height{{url="{urls[0]}"}} 10' in lines
    assert f'evidence_monitor_up{{url="{urls[0]}"}} 1' in lines
    assert 'evidence_monitor_up{url="http://127.0.0.1:1"} 0' in lines
    assert f'evidence_monitor_alarm{{kind="fork",url="{urls[1]}"}} 1' in lines
    assert f'evidence_monitor_alarm{{kind="fork",url="{urls[0]}"}} 0' in lines
    assert 'evidence_monitor_alarm{kind="unreachable",url="http://127.0.0.1:1"} 1' in lines


@pytest.mark.parametrize(
    "arguments",
    [
        ("ftp://a.example",),
        ("http://a.example", "--interval", "0"),
        ("http://a.example", "--interval", "soon"),
        (),
    ],
)
def test_arguments_that_are_none(cli: Cli, genesis: Path, arguments: tuple[str, ...]) -> None:
    assert once(cli, genesis, *arguments).code == ExitCode.USAGE


def test_it_goes_on_until_it_is_ended_and_tells_what_begins_and_ends(genesis: Path) -> None:
    node = FakeNode("court-a", 10)
    with served(node) as urls:
        arguments = ["--genesis", str(genesis), "--interval", "0.2", "--stall", "1", "--json"]
        process = subprocess.Popen(
            [sys.executable, "-m", "node.cli", "monitor", *urls, *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            seen: list[str] = []
            while seen.count("cleared stall") < 1:
                line = process.stdout.readline()
                assert line, seen
                event = json.loads(line)
                seen.append(f"{event['event']} {event.get('kind', '')}".strip())
                if seen[-1] == "raised stall":
                    node.height += 1
            assert seen[0] == "round"
            assert "raised stall" in seen
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) in (ExitCode.OK, ExitCode.REFUSED)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()


def test_a_conflict_with_an_outside_chain_is_as_grave_as_a_fork(cli: Cli, genesis: Path) -> None:
    node = FakeNode("court-a", 10)
    node.conflicts = ["it holds another root at size 7"]
    with served(node) as urls:
        ended = once(cli, genesis, *urls)
    assert ended.code == ExitCode.FAULT
    raised = [item for item in events(ended) if item["event"] == "raised"]
    assert [(item["kind"], item["url"]) for item in raised] == [("anchor-conflict", urls[0])]
    assert raised[0]["text"] == "court on c:1: it holds another root at size 7"
