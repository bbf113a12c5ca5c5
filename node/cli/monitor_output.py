"""What a monitor tells: lines for people or alarm systems, and metrics for Prometheus."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from node.cli.output import say, write_json
from node.client.monitor import KINDS, Alarm, Memory, Observation
from node.core.encoding import rfc3339

__all__ = ["metrics_text", "tell_alarm", "tell_round"]


def tell_alarm(alarm: Alarm, now: int, *, as_json: bool, over: bool = False) -> None:
    """One line, when an alarm begins, and when it is over."""
    if as_json:
        write_json(
            {
                "at": now,
                "event": "cleared" if over else "raised",
                "kind": alarm.kind,
                "text": alarm.text,
                "url": alarm.url,
            }
        )
    else:
        what = "is over" if over else alarm.text
        say("{} {}: {}: {}", rfc3339(now, whole_seconds=True), alarm.kind.upper(), alarm.url, what)
    sys.stdout.flush()


def tell_round(
    memory: Memory, seen: Sequence[Observation], alarms: Sequence[Alarm], now: int, *, as_json: bool
) -> None:
    """One line a round: where each node is."""
    nodes = {}
    for item in seen:
        known = memory.nodes.get(item.url)
        nodes[item.url] = {
            "ahead_ms": item.ahead_ms,
            "height": None if known is None else known.signed.checkpoint.height,
            "signer": None if known is None else known.signed.signer,
            "size": None if known is None else known.signed.checkpoint.size,
            "up": item.note is not None,
        }
    if as_json:
        told = [{"kind": alarm.kind, "text": alarm.text, "url": alarm.url} for alarm in alarms]
        write_json({"alarms": told, "at": now, "event": "round", "nodes": nodes})
    else:
        parts = [
            f"{url} height {node['height']} size {node['size']}" if node["up"] else f"{url} down"
            for url, node in nodes.items()
        ]
        text = f"{len(alarms)} alarms" if alarms else "all well"
        say("{} {}: {}", rfc3339(now, whole_seconds=True), text, "; ".join(parts))
    sys.stdout.flush()


def metrics_text(
    memory: Memory, seen: Sequence[Observation], alarms: Sequence[Alarm], now: int
) -> str:
    """Gauges in Prometheus' text format, for node_exporter's textfile collector."""
    raised = {(alarm.kind, alarm.url) for alarm in alarms}
    urls = sorted({item.url for item in seen} | {alarm.url for alarm in alarms})
    lines = [
        *_gauge("round_time_seconds", "When the last round was made.", {"": f"{now / 1000:.3f}"}),
        *_gauge(
            "up",
            "Whether the node gave a checkpoint.",
            {_url(item.url): int(item.note is not None) for item in seen},
        ),
        *_newest(memory, "height"),
        *_newest(memory, "size"),
        *_gauge(
            "clock_ahead_seconds",
            "The node's clock, by the monitor's.",
            {
                _url(item.url): f"{item.ahead_ms / 1000:.3f}"
                for item in seen
                if item.ahead_ms is not None
            },
        ),
        *_gauge(
            "alarm",
            "Whether an alarm of this kind holds for the node.",
            {
                f'kind="{kind}",{_url(url)}': int((kind, url) in raised)
                for url in urls
                for kind in KINDS
            },
        ),
    ]
    return "\n".join(lines) + "\n"


def _newest(memory: Memory, name: str) -> list[str]:
    nodes = sorted(memory.nodes.items())
    values = {_url(url): getattr(node.signed.checkpoint, name) for url, node in nodes}
    return _gauge(name, f"Newest {name} that the node signed.", values)


def _gauge(name: str, meaning: str, values: Mapping[str, object]) -> list[str]:
    """A metric with its values by their labels."""
    full = f"evidence_monitor_{name}"
    rows = [
        f"{full}{{{labels}}} {value}" if labels else f"{full} {value}"
        for labels, value in values.items()
    ]
    return [f"# HELP {full} {meaning}", f"# TYPE {full} gauge", *rows]


def _url(url: str) -> str:
    escaped = url.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'url="{escaped}"'
