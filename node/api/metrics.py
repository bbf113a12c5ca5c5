"""What the node counts and measures, for Prometheus. In a registry of its own.

What the ledger itself knows (refusals by name, block sizes) is read from it when it is asked for.
"""

from __future__ import annotations

import multiprocessing
import time
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from node.api.metrics_anchors import anchor_metrics
from node.api.metrics_certificates import certificate_metrics
from node.ledger.statistics import Statistics

if TYPE_CHECKING:
    from node.engines.cometbft.engine import CometEngine
    from node.wiring import Node

__all__ = ["Metrics"]

_OUTCOMES = (
    *("recorded", "repeated", "pending", "refused", "conflict"),
    *("malformed", "busy", "stopped"),
)
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_SIZES = (0, 1, 4, 16, 64, 256, 1024, 2048, 4096)
_MOST_BLOCKS = 10_000


class Metrics:
    """The counters that the interface raises, in its event loop."""

    clock = staticmethod(time.monotonic)

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = _Answers()
        self.registry.register(self._answers)
        self._accesses = Counter(
            "evidence_access_decisions",
            "Decisions about private data, as the access log has them",
            ["decision"],
            registry=self.registry,
        )
        self._blocks = Histogram(
            "evidence_block_transactions",
            "Transactions in a block, recorded or refused",
            buckets=_SIZES,
            registry=self.registry,
        )
        self._counted = -1

    def submitted(self, outcome: str, began: float) -> None:
        """A submission that arrived at ``began`` (by `clock`) is answered."""
        answers = self._answers
        answers.outcomes[outcome] += 1
        if outcome == "recorded":
            seconds = time.monotonic() - began
            answers.waits[bisect_left(_SECONDS, seconds)] += 1
            answers.waited += seconds

    def answered(self, route: str, status: int) -> None:
        """A request to ``route`` is answered."""
        self._answers.requests[route, status] += 1

    def decided(self, decision: str) -> None:
        """The access log has another decision."""
        self._accesses.labels(decision).inc()

    def watch(self, node: Node) -> None:
        """From now on `text` also tells what ``node`` knows."""
        self.registry.register(_Ledger(node))

    def text(self, node: Node) -> bytes:
        """All of it in Prometheus' text format."""
        self._count_blocks(node)
        return generate_latest(self.registry)

    def _count_blocks(self, node: Node) -> None:
        """Count the blocks made since the last time, at most the newest few thousand."""
        with node.reader() as reader:
            newest = reader.meta.height
            first = newest + 1 if self._counted < 0 else self._counted + 1
            for height in range(max(first, newest - _MOST_BLOCKS), newest + 1):
                row = reader.block(height)
                if row is not None:
                    self._blocks.observe(sum(map(len, row.results)))
        self._counted = newest


class _Answers(Collector):
    """What is counted with every request, in plain numbers: the library's own counters took 4 of
    the event loop's 75 µs."""

    def __init__(self) -> None:
        self.outcomes = Tally(dict.fromkeys(_OUTCOMES, 0))
        self.requests: Tally[tuple[str, int]] = Tally()
        self.waits = [0] * (len(_SECONDS) + 1)
        self.waited = 0.0

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        submissions = CounterMetricFamily(
            "evidence_submissions", "Submissions answered, by outcome", labels=["outcome"]
        )
        for outcome, count in self.outcomes.items():
            submissions.add_metric([outcome], count)
        yield submissions
        below = list(accumulate(self.waits))
        buckets = [*zip(map(floatToGoString, _SECONDS), below), ("+Inf", below[-1])]
        commit = HistogramMetricFamily(
            "evidence_commit_seconds", "Time from a submission's arrival to its receipt"
        )
        commit.add_metric([], buckets, self.waited)
        yield commit
        requests = CounterMetricFamily(
            "evidence_http_requests",
            "Requests answered, by route and status",
            labels=["route", "status"],
        )
        for (route, status), count in self.requests.items():
            requests.add_metric([route, str(status)], count)
        yield requests


class _Ledger(Collector):
    """What is read from the node whenever it is asked for."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def describe(self) -> list[Metric]:
        """Nothing: the registry need not call `collect` to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """See prometheus_client."""
        node = self._node
        with node.reader() as reader:
            meta, statistics = reader.meta, Statistics.load(reader.rows)
        yield _gauge("height", "Height of the last block", meta.height)
        yield _gauge("block_time_seconds", "Time of the last block", meta.time / 1000)
        yield _gauge("log_size", "Entries in the log", meta.size)
        yield _gauge("pending", "Submissions under way", node.submission.pending)
        if node.consortium is not None:
            yield from _of_consortium(node.consortium)
        yield from anchor_metrics(node)
        yield from certificate_metrics(node)
        yield _gauge("accepting", "1 while submissions are taken", node.submission.stopped is None)
        workers = [
            child
            for child in multiprocessing.active_children()
            if child.name.startswith("evidence-worker-")
        ]
        yield _gauge("workers", "Worker processes that live", len(workers))
        refused = CounterMetricFamily(
            "evidence_refusals", "Transactions refused on the chain, by reason", labels=["name"]
        )
        for name, count in statistics.to_json()["refused"].items():
            refused.add_metric([name], count)
        yield refused
        size = GaugeMetricFamily("evidence_store_bytes", "Approximate size", labels=["store"])
        for name, store in (("ledger", node.stores.ledger), ("local", node.stores.local)):
            size.add_metric([name], float(store.describe()["bytes"]))
        yield size


def _of_consortium(engine: CometEngine) -> Iterator[Metric]:
    sight = engine.sight
    yield _gauge("peers", "Nodes that this one is to be connected with", sight.peers)
    connected = sight.peers - len(sight.missing)
    yield _gauge("peers_connected", "Nodes that it is connected with", connected)
    yield _gauge("catching_up", "1 while it fetches blocks that the others have", sight.catching_up)
    acts = CounterMetricFamily(
        "evidence_misbehaviours", "Acts of validators proven against them in blocks of this run"
    )
    acts.add_metric([], engine.misbehaviours)
    yield acts


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"evidence_{name}", text, value=float(value))
