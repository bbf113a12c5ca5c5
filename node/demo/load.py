"""Load for measuring: signed transactions in a file, fed to a node as fast as it takes them."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import struct
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from node.client.keys import SigningKey
from node.demo.generator import DemoGenerator, Event
from node.demo.members import DEMO_CHAIN
from node.rules.rejections import REJECTIONS
from node.submission.submission import Submission
from node.submission.tickets import Group

__all__ = ["WINDOW", "feed", "read_load", "write_load"]

WINDOW = 2_000
"""Dossiers that are under way at the same time."""
_BASE_SEALS = 200
_GROUP = 1_000
_LENGTH = struct.Struct(">I")


def _sign_all(members: Path, chain_id: str, seed: int, events: Sequence[Event]) -> list[bytes]:
    keys = _load_keys(members)
    generator = DemoGenerator(keys, chain_id, seed, _now, disclose=False)
    return [generator.sign(event).encode() for event in events]


def _load_keys(members: Path) -> dict[str, SigningKey]:
    return {
        path.stem: SigningKey.load(path)
        for path in members.glob("*.pem")
        if not path.stem.endswith(".recovery")
    }


def _now() -> int:
    return time.time_ns() // 1_000_000


def _rounds(generator: DemoGenerator, count: int) -> Iterator[list[Event]]:
    """Events in an order in which each is allowed, about ``count`` of them in all."""
    made = 0
    while made < count:
        dossiers = list(generator.dossiers(min(WINDOW, max(1, (count - made) // 6))))
        for step in itertools.zip_longest(*dossiers):
            events = [event for event in step if event is not None]
            made += len(events)
            yield events


def write_load(path: Path, members: Path, seed: int, count: int, chain_id: str = DEMO_CHAIN) -> int:
    """Sign about ``count`` transactions without disclosures and write them to a file.

    Returns:
        How many they are. The first of them make the seals that the others sign with.
    """
    generator = DemoGenerator(_load_keys(members), chain_id, seed, _now)
    base = generator.base_seals(_BASE_SEALS)
    steps = [[life[step] for life in base] for step in range(3)]
    total = 0
    context = multiprocessing.get_context("spawn")
    workers = len(os.sched_getaffinity(0))
    with ProcessPoolExecutor(workers, context) as pool, path.open("wb") as file:
        chunks = (
            events[start : start + _GROUP]
            for events in itertools.chain(steps, _rounds(generator, count))
            for start in range(0, len(events), _GROUP)
        )
        numbered = enumerate(chunks)
        while batch := list(itertools.islice(numbered, 4 * workers)):
            jobs = [
                pool.submit(_sign_all, members, chain_id, seed * 1_000_003 + number, chunk)
                for number, chunk in batch
            ]
            for job in jobs:
                for raw in job.result():
                    file.write(_LENGTH.pack(len(raw)) + raw)
                    total += 1
    return total


def read_load(path: Path) -> Iterator[list[bytes]]:
    """The file's transactions, a thousand at a time."""
    with path.open("rb") as file:
        group: list[bytes] = []
        while head := file.read(_LENGTH.size):
            group.append(file.read(_LENGTH.unpack(head)[0]))
            if len(group) == _GROUP:
                yield group
                group = []
        if group:
            yield group


def feed(submission: Submission, groups: Iterator[list[bytes]], under_way: int) -> Counter[str]:
    """Submit groups, keeping about ``under_way`` transactions on their way.

    Returns:
        How many were recorded, or refused by which rejection, or flawed.
    """
    told: Counter[str] = Counter()
    waiting: deque[Group] = deque()
    pending = 0
    for raw in groups:
        waiting.append(submission.submit(raw))
        pending += len(raw)
        while pending > under_way:
            pending -= _finish(submission, waiting, told)
    while waiting:
        _finish(submission, waiting, told)
    return told


def _finish(submission: Submission, waiting: deque[Group], told: Counter[str]) -> int:
    group = waiting.popleft()
    if not submission.wait(group, 120):
        raise TimeoutError("a group was not committed within two minutes")
    for ticket in group.tickets:
        if ticket.rejection is None:
            told["flawed" if ticket.known is None else ticket.known] += 1
        else:
            told[REJECTIONS[ticket.rejection].name if ticket.rejection else "recorded"] += 1
    return len(group.tickets)
