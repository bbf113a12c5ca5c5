"""Load on a consortium that remembers what it was promised, and afterwards asks for all of it."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx
from builders.abci import Grammar
from builders.testnet import Net, RunningNode, until

from node.client.keys import SigningKey
from node.client.records import build_submission
from node.wiring import system_time

__all__ = ["Load", "agree", "calls_follow_the_grammar", "fresh_record", "under_load"]

_MEMBER = "anyunyin"
_PAUSE_SECONDS = 0.15
_BATCH = 3


def fresh_record(keys: Mapping[str, SigningKey], chain_id: str, summary: str = "历史记录") -> bytes:
    """A record that opens a dossier of its own, so that it rests on no other."""
    reference = secrets.token_hex(12)
    now = system_time()
    submission = build_submission(
        keys[_MEMBER],
        chain_id=chain_id,
        member=_MEMBER,
        event_id=reference,
        event_type="record.imported",
        subject=f"record:{_MEMBER}:{reference}",
        data={
            "aliases": [],
            "document_hashes": [secrets.token_hex(32)],
            "happened_at": now - 1_000,
            "record_hash": secrets.token_hex(32),
            "source_system": "旧系统",
        },
        source={"system": "fault tests", "method": "api"},
        occurred_at=now,
        issued_at=now,
        private={"summary": summary},
    )
    return submission.encode()


class Load:
    """What the nodes of a net acknowledged: ``recorded`` has each id's code (201), ``pending`` the
    ids that were on a node's disk (202)."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._lock = threading.Lock()
        self.recorded: dict[str, str] = {}
        self.pending: set[str] = set()
        self.turned_away = 0

    def submit(self, node: RunningNode, count: int = 1, timeout: float = 30.0) -> list[int]:
        """Submit records to a node, and note its answers; their statuses. Raises TransportError."""
        made = self._net.made
        records = [fresh_record(made.keys, made.genesis.chain_id) for _ in range(count)]
        lines = b"".join(json.dumps(item.decode("ascii")).encode() + b"\n" for item in records)
        answer = node.request(
            "POST",
            f"/v1/submissions/batch?wait=commit&timeout={timeout:g}",
            content=lines,
            headers={"content-type": "application/x-ndjson"},
            timeout=timeout + 30,
        )
        if answer.status_code != 200:
            self._note({"status_code": answer.status_code})
            return [answer.status_code]
        told = [json.loads(line) for line in answer.text.splitlines() if line.endswith("}")]
        for item in told:
            self._note(item)
        return [item["status_code"] for item in told]

    def _note(self, told: Mapping[str, object]) -> None:
        with self._lock:
            if told["status_code"] == 201:
                self.recorded[str(told["id"])] = str(told["code"])
            elif told["status_code"] == 202:
                self.pending.add(str(told["id"]))
            else:
                assert told["status_code"] == 503, told
                self.turned_away += 1

    def go_on(self, node: RunningNode, stop: threading.Event) -> None:
        """Submit again and again until told to stop, whatever becomes of the node."""
        while not stop.wait(_PAUSE_SECONDS):
            try:
                self.submit(node, _BATCH, timeout=5.0)
            except httpx.TransportError:
                continue

    def all_kept(self, nodes: Sequence[RunningNode], seconds: float = 120.0) -> None:
        """Every node of these has each record that was acknowledged, with the code that was told,
        and what was on disk only came to be recorded."""
        assert self.recorded or self.pending, "nothing was acknowledged: the test shows nothing"
        wanted: dict[str, str | None] = {**dict.fromkeys(self.pending), **self.recorded}
        for node in nodes:
            for identifier, code in wanted.items():
                told = self._outcome(node, identifier, seconds)
                assert told["status"] == "recorded", (node.node.member, told)
                assert code in (None, told["code"]), (node.node.member, told, code)

    def _outcome(self, node: RunningNode, identifier: str, seconds: float) -> dict[str, object]:
        """What became of a transaction, once anything has."""
        answer = node.get(f"/v1/transactions/{identifier}")

        def is_done() -> bool:
            nonlocal answer
            answer = node.get(f"/v1/transactions/{identifier}")
            return answer.status_code == 200 and answer.json()["status"] != "pending"

        until(is_done, seconds)
        return dict(answer.json())


@contextmanager
def under_load(net: Net, nodes: Sequence[RunningNode] | None = None) -> Iterator[Load]:
    """Submit to all nodes, or those given, while the body runs; it begins when each has
    acknowledged something."""
    load, stop = Load(net), threading.Event()
    chosen = net.nodes if nodes is None else nodes
    for node in chosen:
        load.submit(node, timeout=30.0)
    threads = [threading.Thread(target=load.go_on, args=(node, stop)) for node in chosen]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _hashes(node: RunningNode) -> dict[int, str]:
    blocks = node.get("/v1/blocks?limit=100").json()["blocks"]
    return {block["height"]: block["app_hash"] for block in blocks}


def agree(nodes: Sequence[RunningNode]) -> int:
    """Wait until these nodes have come to where the first of them is now; then each height that
    they hold has one app_hash. The height."""
    target = max(_hashes(nodes[0]))
    for node in nodes:
        until(lambda node=node: max(_hashes(node)) >= target)  # type: ignore[misc]
    seen = [_hashes(node) for node in nodes]
    common = set.intersection(*map(set, seen))
    assert common
    for height in common:
        assert len({hashes[height] for hashes in seen}) == 1, (height, seen)
    return target


def calls_follow_the_grammar(node: RunningNode) -> int:
    """What the engine asked of the node's application, in all its runs, is what CometBFT's grammar
    allows; how many calls there were."""
    grammar = Grammar()
    calls = [json.loads(line) for line in node.trace.read_text("ascii").splitlines()]
    for call, height in calls:
        if call == "start":
            grammar.restarted()
        else:
            grammar.saw(call, height)
    return len(calls)
