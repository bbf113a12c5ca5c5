"""A node that is killed: a child process submits records and tells what was acknowledged."""

from __future__ import annotations

import os
import random
import secrets
import select
import signal
import struct
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field

from builders.home import Home

from node.client.records import build_submission
from node.submission.tickets import Group
from node.wiring import Node, system_time

COMMITTED, JOURNALED = b"C", b"J"
_RECORD = struct.Struct(">c32s")


@dataclass
class Acknowledged:
    """Transaction ids by what their submitter was told."""

    committed: set[bytes] = field(default_factory=set)
    journaled: set[bytes] = field(default_factory=set)


def signed_records(home: Home, count: int) -> list[bytes]:
    """Records that each open a dossier of their own, so that none rests on another."""
    key = home.member_key("platform-a")
    now = system_time()
    made = []
    for _ in range(count):
        reference = secrets.token_hex(12)
        data = {
            "aliases": [],
            "document_hashes": [secrets.token_hex(32)],
            "happened_at": now,
            "record_hash": secrets.token_hex(32),
            "source_system": "旧系统",
        }
        submission = build_submission(
            key,
            chain_id=home.chain_id,
            member="platform-a",
            event_id=reference,
            event_type="record.imported",
            subject=f"record:platform-a:{reference}",
            data=data,
            source={"system": "kill test", "method": "api"},
            occurred_at=now,
            issued_at=now,
            private={"summary": "历史记录"},
            lifetime=86_400,
        )
        made.append(submission.encode())
    return made


def run_and_kill(home: Home, records: list[bytes], chance: random.Random) -> Acknowledged:
    """Run a node in a forked child that submits ``records``; kill it at a random moment.

    The moment lies anywhere from the child's first line of code to the end of its load.
    """
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        os.setpgid(0, 0)
        _run_child(home, records, send)
    os.setpgid(child, child)  # as the child does itself: whoever comes first, the group is there
    os.close(send)
    told = Acknowledged()
    try:
        if chance.random() < 0.3:
            _listen(receive, told, start=chance.uniform(0, 2.0), load=0.0)
        else:
            _listen(receive, told, start=60.0, load=chance.uniform(0, 0.3))
    finally:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    for record in _drain(receive):
        _note(told, record)
    os.close(receive)
    return told


def _listen(receive: int, told: Acknowledged, *, start: float, load: float) -> None:
    """Read what the child says until the moment to kill it: ``start`` seconds after it was begun,
    or ``load`` seconds after its first acknowledgement if that is sooner."""
    until = time.monotonic() + start
    pending = b""
    begun = False
    while (left := until - time.monotonic()) > 0:
        if not select.select([receive], [], [], left)[0]:
            return
        got = os.read(receive, 1 << 16)
        if not got:
            return
        if not begun:
            begun, until = True, min(until, time.monotonic() + load)
        pending += got
        whole = len(pending) // _RECORD.size * _RECORD.size
        for at in range(0, whole, _RECORD.size):
            _note(told, pending[at : at + _RECORD.size])
        pending = pending[whole:]


def _drain(receive: int) -> Iterator[bytes]:
    content = b""
    while got := os.read(receive, 1 << 16):
        content += got
    for at in range(0, len(content) - _RECORD.size + 1, _RECORD.size):
        yield content[at : at + _RECORD.size]


def _note(told: Acknowledged, record: bytes) -> None:
    kind, identifier = _RECORD.unpack(record)
    if kind == COMMITTED:
        told.committed.add(identifier)
    elif kind == JOURNALED:
        told.journaled.add(identifier)


def _run_child(home: Home, records: list[bytes], send: int) -> None:
    """Never returns."""
    try:

        def deliver(groups: object) -> None:
            for group in groups:  # type: ignore[attr-defined]
                if group.context == "client":  # not what is resumed from the journal
                    _tell(group, send)

        node = Node(home.config, deliver)
        node.start()
        for at in range(0, len(records), 7):
            node.submission.submit(records[at : at + 7], "client")
            time.sleep(0.001)
        while True:
            time.sleep(1)
    except BaseException:
        traceback.print_exc(file=sys.stderr)
    finally:
        os._exit(1)


def _tell(group: Group, send: int) -> None:
    """Write an acknowledgement for each ticket, as the API would answer it."""
    lines = b""
    for ticket in group.tickets:
        if ticket.id is not None:
            kind = JOURNALED if ticket.outcome is None else COMMITTED
            lines += _RECORD.pack(kind, ticket.id)
    os.write(send, lines)
