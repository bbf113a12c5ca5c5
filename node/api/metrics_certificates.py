"""What Prometheus is told of the certificates that the node issues."""

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

from node.evidence.certificates.tally import SECONDS

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["certificate_metrics"]


def certificate_metrics(node: Node) -> Iterator[Metric]:
    """Nothing where none are issued."""
    issuer = node.certificates
    if issuer is None:
        return
    below = list(accumulate(issuer.tally.counts))
    bounds = [*map(str, map(float, SECONDS)), "+Inf"]
    seconds = HistogramMetricFamily(
        "evidence_certificate_seconds", "Time from an order to the certificate's record"
    )
    seconds.add_metric([], list(zip(bounds, below)), issuer.tally.sum)
    yield seconds
    failures = CounterMetricFamily(
        "evidence_certificate_failures", "Certificates not issued, by reason", labels=["reason"]
    )
    for name, count in sorted(issuer.tally.failures.items()):
        failures.add_metric([name], count)
    yield failures
    under_way = GaugeMetricFamily("evidence_certificates_under_way", "Certificates in the making")
    under_way.add_metric([], issuer.under_way)
    yield under_way
