"""How the node's anchors stand: what `anchor status`, the interface, the metrics and pages tell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from chaincode_adapters.jobs import STATES, Course, Job
from chaincode_adapters.jobs_kept import JobsKept
from node.core.anchors.point import AnchorPoint

if TYPE_CHECKING:
    from chaincode_adapters.worker import Worker

__all__ = [
    "AnchorAlarm",
    "Described",
    "Histogram",
    "adapter_standing",
    "alarms_of",
    "forget_alarm",
    "lost_standing",
]

_MOST_POINTS = 1000
_MOST_PARKED = 100
_MOST_UNDER_WAY = 256
Points = Callable[[int], Iterable[AnchorPoint]]
_BOUNDS = (1, 5, 15, 60, 300, 900, 3600, 21_600, 86_400)


@dataclass(frozen=True)
class AnchorAlarm:
    """An outside chain holds something else than this ledger, or denies what it confirmed."""

    adapter: str
    chain: str
    text: str
    at: int

    def to_json(self) -> dict[str, Any]:
        """As it is shown."""
        return {
            "adapter": self.adapter,
            "at": self.at,
            "chain": self.chain,
            "kind": "anchor-conflict",
            "text": self.text,
        }


@dataclass(frozen=True)
class Described:
    """What the configuration says of an adapter."""

    name: str
    kind: str
    operator: str


class Histogram:
    """Seconds from a point's coming to its being final, of this run."""

    bounds = _BOUNDS

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        place = next((at for at, bound in enumerate(_BOUNDS) if seconds <= bound), len(_BOUNDS))
        self.counts[place] += 1
        self.sum += seconds


def alarms_of(jobs: JobsKept) -> list[AnchorAlarm]:
    """Conflicts that stand, those of adapters that are not configured any more too."""
    courses = ((name, jobs.course(name)) for name in jobs.adapters())
    return [
        AnchorAlarm(name, course.chain, course.stopped, course.stopped_at)
        for name, course in courses
        if course is not None and course.conflict
    ]


def forget_alarm(jobs: JobsKept, name: str) -> bool:
    """Take back the alarm of an adapter that is not configured any more; whether it had one."""
    course = jobs.course(name)
    if course is None or not course.stopped:
        return False
    jobs.put_course(name, msgspec.structs.replace(course, stopped="", stopped_at=0, conflict=False))
    return True


def adapter_standing(
    worker: Worker, described: Described, jobs: JobsKept, points: Points, now: int
) -> dict[str, Any]:
    """All that is known of a configured adapter. ``now`` in ms."""
    name, course = described.name, worker.course
    open_jobs = jobs.under_way(name, _MOST_UNDER_WAY)
    first = open_jobs[:1]
    waiting = sum(1 for _ in islice(points(course.height), _MOST_POINTS)) if course.finals else 0
    counts = jobs.count(name)
    under_way = sum(counts[state] for state in STATES[:4])
    return {
        "breaker": worker.breaker.state,
        "chain": worker.adapter.chain,
        "configured": True,
        "jobs": {state: counts[state] for state in STATES},
        "kind": described.kind,
        "lag": {
            "points": under_way + waiting,
            "seconds": max(0, now - first[0].queued_at) // 1000 if first else 0,
        },
        "name": name,
        "newest": _newest(course),
        "operator": described.operator,
        "parked": _parked(jobs.parked(name)),
        "state": _state(worker, under_way),
        "stopped": course.stopped,
        "trouble": worker.trouble,
        "waiting": [
            {"reason": job.reason, "size": job.size, "state": job.state}
            for job in open_jobs
            if job.reason
        ],
    }


def lost_standing(jobs: JobsKept, configured: Mapping[str, object]) -> list[dict[str, Any]]:
    """What there is of adapters that are not configured any more."""
    courses = ((name, jobs.course(name)) for name in jobs.adapters() if name not in configured)
    return [_lost(name, course, jobs) for name, course in courses if course is not None]


def _lost(name: str, course: Course, jobs: JobsKept) -> dict[str, Any]:
    counts = jobs.count(name)
    return {
        "breaker": "",
        "chain": course.chain,
        "configured": False,
        "jobs": {state: counts[state] for state in STATES},
        "kind": "",
        "lag": {"points": 0, "seconds": 0},
        "name": name,
        "newest": _newest(course),
        "operator": "",
        "parked": _parked(jobs.parked(name)),
        "state": "not configured",
        "stopped": course.stopped,
        "trouble": "",
        "waiting": [],
    }


def _state(worker: Worker, under_way: int) -> str:
    if worker.course.conflict:
        return "conflict"
    if worker.course.stopped or worker.has_failed:
        return "stopped"
    if worker.breaker.state != "closed" or worker.trouble:
        return "unreachable"
    return "working" if under_way else "up to date"


def _newest(course: Course) -> dict[str, int] | None:
    if not course.finals:
        return None
    return {
        "ended_at": course.newest_ended_at,
        "size": course.newest_size,
        "time": course.newest_time,
    }


def _parked(jobs: Iterable[Job]) -> list[dict[str, Any]]:
    return [
        {"at": job.ended_at, "reason": job.reason, "size": job.size, "state": job.state}
        for job in islice(jobs, _MOST_PARKED)
    ]
