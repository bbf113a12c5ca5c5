"""What a node's state of health means: from facts to findings. No clock, no file, no network here.

Every function judges one thing and gives findings; `node.cli.checkup_facts` and
`node.cli.checkup_home` look for the facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = [
    "FAILED",
    "NOT_CHECKED",
    "OK",
    "PINNED_ENGINE",
    "WARNING",
    "ClockReading",
    "Finding",
    "judge_clock",
    "judge_disk",
    "judge_engine",
    "judge_growth",
    "judge_hashes",
    "judge_modes",
    "judge_peers",
    "judge_python",
    "worst",
]

OK, WARNING, FAILED, NOT_CHECKED = "ok", "warning", "failed", "not checked"
PINNED_ENGINE = "0.38.25"
"""CometBFT's version that all nodes of a chain run."""
_PYTHONS = ((3, 11), (3, 13))
_CLOCK_WARNING_MS, _CLOCK_FAILED_MS = 1_000, 10_000
_SPACE_FACTOR = 4
_ORDER = (FAILED, WARNING, OK, NOT_CHECKED)


@dataclass(frozen=True)
class Finding:
    """What was found; ``advice`` says what to do where it is not in order."""

    status: str
    text: str
    advice: str = ""


@dataclass(frozen=True)
class ClockReading:
    """Another clock: how far it is ahead of this machine's, and how far that may be wrong (ms)."""

    ahead_ms: int
    uncertain_ms: int


def worst(findings: Iterable[Finding]) -> str:
    """The status of several findings together: not checked only where nothing was."""
    found = {finding.status for finding in findings}
    return next((status for status in _ORDER if status in found), NOT_CHECKED)


def judge_python(version: tuple[int, int]) -> Finding:
    """The Python that the node runs on."""
    text = f"Python {version[0]}.{version[1]}"
    if _PYTHONS[0] <= version <= _PYTHONS[1]:
        return Finding(OK, text)
    return Finding(FAILED, f"{text} is not supported", "use Python 3.11, 3.12 or 3.13")


def judge_engine(version: str | None, error: str = "") -> Finding:
    """The version that the engine's program tells, or why it tells none."""
    advice = "build it with scripts/build-engine and name it as consortium.binary in node.toml"
    if version is None:
        return Finding(FAILED, f"the engine's program does not tell its version: {error}", advice)
    if version != PINNED_ENGINE:
        return Finding(
            FAILED, f"the engine is CometBFT {version}, and all nodes run {PINNED_ENGINE}", advice
        )
    return Finding(OK, f"engine CometBFT {version}")


def judge_modes(modes: Mapping[str, int | None]) -> list[Finding]:
    """Key files by name with their mode, None where there is no such file."""
    findings = []
    for name, mode in sorted(modes.items()):
        if mode is None:
            findings.append(Finding(FAILED, f"{name} is missing", "bring it back from its copy"))
        elif mode & 0o077:
            findings.append(
                Finding(
                    FAILED,
                    f"{name} can be read by others (mode {mode:04o})",
                    f"chmod 600 {name}; if anybody else was on this machine, replace the key",
                )
            )
    return findings or [Finding(OK, f"{len(modes)} key files, for their owner alone")]


def judge_disk(free: int, least: int) -> Finding:
    """Free bytes where the node's home is, and how many it wants at least."""
    text = f"{free >> 20} MiB are free, at least {least >> 20} must be"
    if free < least:
        return Finding(FAILED, text, "free some; until then the node takes nothing")
    if free < _SPACE_FACTOR * least:
        return Finding(WARNING, text, "free some before the node stops taking records")
    return Finding(OK, text)


def judge_clock(readings: Mapping[str, ClockReading]) -> list[Finding]:
    """This machine's clock by those of others, each by its name.

    The middle of the others is what counts: one that is wrong does not accuse this one.
    """
    if not readings:
        return [
            Finding(
                NOT_CHECKED,
                "no other clock was asked",
                "name other nodes with --node, or a clock with --time-source",
            )
        ]
    middle = round(median(reading.ahead_ms for reading in readings.values()))
    slack = max(reading.uncertain_ms for reading in readings.values())
    off = max(abs(middle) - slack, 0)
    text = f"this machine's clock is {abs(middle)} ms {'behind' if middle > 0 else 'ahead of'}"
    text += f" the middle of {len(readings)} others (give or take {slack} ms)"
    advice = "let this machine follow a time server (chrony, systemd-timesyncd)"
    if off > _CLOCK_FAILED_MS:
        findings = [Finding(FAILED, text, advice)]
    elif off > _CLOCK_WARNING_MS:
        findings = [Finding(WARNING, text, advice)]
    else:
        findings = [Finding(OK, text)]
    for name, reading in sorted(readings.items()):
        away = abs(reading.ahead_ms - middle) - slack - reading.uncertain_ms
        if away > _CLOCK_FAILED_MS:
            findings.append(
                Finding(WARNING, f"{name} is {away} ms from the others", "tell who runs it")
            )
    return findings


def judge_growth(before: int, after: int, waited_s: float, interval_ms: int) -> Finding:
    """Heights at the begin and the end of waiting, and the longest time without a block."""
    if after > before:
        return Finding(OK, f"the height went from {before} to {after} in {waited_s:.1f} s")
    text = f"the height stayed {before} for {waited_s:.0f} s"
    if waited_s * 1000 <= interval_ms:
        return Finding(
            NOT_CHECKED,
            f"{text}, and a block may take {interval_ms / 1000:g} s",
            "wait longer with --wait",
        )
    return Finding(
        FAILED,
        text,
        "see whether more than 2/3 of the power is up (check peers), and what /readyz says",
    )


def judge_peers(
    configured: Sequence[str], unreachable: Mapping[str, str], connected: Iterable[str] | None
) -> list[Finding]:
    """Peers as ``<node id>@host:port``.

    Args:
        configured: those of node.toml.
        unreachable: those whose port did not answer, with the reason.
        connected: ids of nodes to which the running engine is connected, each of which has proven
            its key; None where no engine runs.
    """
    if not configured:
        return [Finding(WARNING, "no peer is configured", "name the others as consortium.peers")]
    known = None if connected is None else set(connected)
    findings = [_judge_peer(peer, unreachable.get(peer), known) for peer in configured]
    if not any(finding.status == OK for finding in findings):
        findings.append(Finding(FAILED, "no peer can be reached", "look at this node's network"))
    return findings


def _judge_peer(peer: str, trouble: str | None, connected: set[str] | None) -> Finding:
    node_id, _, address = peer.partition("@")
    if connected is not None and node_id in connected:
        return Finding(OK, f"{address} is connected and is {node_id[:12]}…")
    if trouble is not None:
        return Finding(
            WARNING,
            f"{address} cannot be reached: {trouble}",
            "is that node up, its address right, and the port open in the firewalls?",
        )
    if connected is not None:
        return Finding(
            WARNING,
            f"{address} answers, but the engine is not connected to {node_id}",
            "is that its id, and does its node.toml name this node?",
        )
    return Finding(OK, f"{address} answers; its id is not checked while stopped")


def judge_hashes(own: Mapping[int, str], others: Mapping[str, Mapping[int, str]]) -> list[Finding]:
    """App hashes by height, this node's and those of others by name."""
    findings = []
    for name, hashes in sorted(others.items()):
        common = sorted(set(own) & set(hashes))
        if not common:
            findings.append(Finding(NOT_CHECKED, f"{name}: there is no height that both have"))
            continue
        wrong = [height for height in common if own[height] != hashes[height]]
        if wrong:
            findings.append(
                Finding(
                    FAILED,
                    f"{name}: another app_hash at height {wrong[0]}: "
                    f"{hashes[wrong[0]]}, here {own[wrong[0]]}",
                    "one of the two is wrong: run `evidence-node audit` on both homes, and stop "
                    "the one that fails",
                )
            )
        else:
            findings.append(Finding(OK, f"{name}: the same app_hash at height {common[-1]}"))
    return findings or [
        Finding(NOT_CHECKED, "no other node was asked", "name other nodes with --node")
    ]
