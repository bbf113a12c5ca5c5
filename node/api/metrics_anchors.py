"""What Prometheus is told of the node's anchors. Adapters are named as they are configured."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from node.api.anchor_standing import anchor_alarms, anchor_standing

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["anchor_metrics"]

_BREAKERS = ("closed", "open", "half-open")


def anchor_metrics(node: Node) -> Iterator[Metric]:
    """Conflicts always; the rest where there are adapters."""
    conflicts = GaugeMetricFamily(
        "evidence_anchor_conflicts", "Outside chains that contradict this ledger; 0 is well"
    )
    conflicts.add_metric([], len(anchor_alarms(node)))
    yield conflicts
    told = anchor_standing(node)
    if not told:
        return
    jobs = GaugeMetricFamily("evidence_anchor_jobs", "Points", labels=["adapter", "state"])
    points = GaugeMetricFamily(
        "evidence_anchor_lag_points", "Points that are not final yet", labels=["adapter"]
    )
    seconds = GaugeMetricFamily(
        "evidence_anchor_lag_seconds", "Age of the oldest of them", labels=["adapter"]
    )
    newest = GaugeMetricFamily(
        "evidence_anchor_size", "Size of the log that is anchored", labels=["adapter"]
    )
    breaker = GaugeMetricFamily(
        "evidence_anchor_breaker", "1 for the breaker's state", labels=["adapter", "state"]
    )
    for one in told:
        name = one["name"]
        for state, count in one["jobs"].items():
            jobs.add_metric([name, state], count)
        points.add_metric([name], one["lag"]["points"])
        seconds.add_metric([name], one["lag"]["seconds"])
        newest.add_metric([name], 0 if one["newest"] is None else one["newest"]["size"])
        if one["configured"]:
            for state in _BREAKERS:
                breaker.add_metric([name, state], float(one["breaker"] == state))
    yield from (jobs, points, seconds, newest, breaker)
    yield from _of_this_run(node)


def _of_this_run(node: Node) -> Iterator[Metric]:
    if node.anchoring is None:
        return
    final = HistogramMetricFamily(
        "evidence_anchor_final_seconds",
        "Time from a point's coming to its being final",
        labels=["adapter"],
    )
    for name, histogram in node.anchoring.seconds.items():
        below = list(accumulate(histogram.counts))
        bounds = [*map(str, map(float, histogram.bounds)), "+Inf"]
        final.add_metric([name], list(zip(bounds, below)), histogram.sum)
    yield final
    if node.anchoring.exchange is not None:
        refused = CounterMetricFamily(
            "evidence_anchor_receipts_refused", "Receipts of others that did not hold"
        )
        refused.add_metric([], node.anchoring.exchange.refused)
        yield refused
