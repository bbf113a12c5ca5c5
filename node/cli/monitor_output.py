"""What a monitor tells: lines for people or alarm systems, and metrics for Prometheus."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from node.cli.files import sync_names
from node.cli.output import say, write_json
from node.client.monitor import KINDS, Alarm, Memory, Observation
from node.core.encoding import rfc3339

__all__ = ["metrics_text", "replace_file", "tell_alarm", "tell_round"]


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
    lines = [
        "# HELP evidence_monitor_round_time_seconds When the last round was made.",
        "# TYPE evidence_monitor_round_time_seconds gauge",
        f"evidence_monitor_round_time_seconds {now / 1000:.3f}",
        "# HELP evidence_monitor_up Whether the node gave a checkpoint.",
        "# TYPE evidence_monitor_up gauge",
    ]
    lines += [
        f"evidence_monitor_up{{{_url(item.url)}}} {int(item.note is not None)}" for item in seen
    ]
    for name, meaning in (("height", "Newest height seen."), ("size", "Newest size of the log.")):
        lines += [
            f"# HELP evidence_monitor_{name} {meaning}",
            f"# TYPE evidence_monitor_{name} gauge",
        ]
        for url, node in sorted(memory.nodes.items()):
            value = getattr(node.signed.checkpoint, name)
            lines.append(f"evidence_monitor_{name}{{{_url(url)}}} {value}")
    lines += [
        "# HELP evidence_monitor_clock_ahead_seconds The node's clock, by the monitor's.",
        "# TYPE evidence_monitor_clock_ahead_seconds gauge",
    ]
    lines += [
        f"evidence_monitor_clock_ahead_seconds{{{_url(item.url)}}} {item.ahead_ms / 1000:.3f}"
        for item in seen
        if item.ahead_ms is not None
    ]
    lines += [
        "# HELP evidence_monitor_alarm Whether an alarm of this kind holds for the node.",
        "# TYPE evidence_monitor_alarm gauge",
    ]
    raised = {(alarm.kind, alarm.url) for alarm in alarms}
    for url in sorted({item.url for item in seen} | {alarm.url for alarm in alarms}):
        for kind in KINDS:
            value = int((kind, url) in raised)
            lines.append(f'evidence_monitor_alarm{{kind="{kind}",{_url(url)}}} {value}')
    return "\n".join(lines) + "\n"


def _url(url: str) -> str:
    escaped = url.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'url="{escaped}"'


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in the place of what was there, whole or not at all. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_names(path.parent)
