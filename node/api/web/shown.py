"""How times, hashes and numbers are written on pages."""

from __future__ import annotations

from node.core.encoding import rfc3339

__all__ = ["clock_time", "date_time", "day_name", "grouped"]

_GROUP = 8


def date_time(milliseconds: int) -> str:
    """Date and time to the second in China's zone, such as ``2020-09-23 13:13:30 +08:00``."""
    return rfc3339(milliseconds)[:19].replace("T", " ") + " +08:00"


def clock_time(milliseconds: int) -> str:
    """The same without the zone, where a page has said which one it is."""
    return rfc3339(milliseconds)[:19].replace("T", " ")


def grouped(digits: str) -> str:
    """A hash in groups of eight, so that it can be read aloud and compared."""
    return " ".join(digits[at : at + _GROUP] for at in range(0, len(digits), _GROUP))


def day_name(milliseconds: int) -> str:
    """The date in China's zone, such as ``2020-09-23``."""
    return rfc3339(milliseconds)[:10]
