"""What goes wrong between this node and an outside chain.

AnchorError (an EvidenceError)
├── Unreachable   nothing, or nothing usable, came back: the same is tried again later
├── SignAnew      what was signed can never be included: look it up once more, then sign again
├── Refused       the chain or service refuses this for good: the job is parked with its reason
│   └── Overtaken  it has a later point, and will not take this one any more
├── Conflicting   the chain holds something else than this ledger does: the alarm
└── Misconfigured the settings cannot be right: the adapter does not start
"""

from __future__ import annotations

from node.core.errors import EvidenceError

__all__ = [
    "AnchorError",
    "Conflicting",
    "Misconfigured",
    "Overtaken",
    "Refused",
    "SignAnew",
    "Unreachable",
    "place_of",
]


class AnchorError(EvidenceError):
    """Root of what adapters raise. Its text holds no key and no secret."""


class Unreachable(AnchorError):
    """No usable answer: an outage, a timeout, an answer that is not of its form.

    ``retry_after`` is in seconds, 0 where the service did not say.
    """

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class SignAnew(AnchorError):
    """The signed bytes can never be included: a nonce taken, a read conflict, a price too low."""


class Refused(AnchorError):
    """Refused for good. Somebody has to look at it."""


class Overtaken(Refused):
    """The chain does not have this point, and takes it no more: it has a later one of this account.
    That one covers the same entries; what was final before is denied by it all the same."""


class Conflicting(AnchorError):
    """The outside chain holds another root at this size, or denies what it had confirmed as final:
    one of the two histories is false."""


class Misconfigured(AnchorError):
    """The settings name something that is not there or not what it must be."""


def place_of(error: Exception) -> str:
    """The kind of an error that nobody foresaw, and the line it came from. Its text is left out:
    nobody knows what stands in it."""
    trace, place = error.__traceback__, "nowhere"
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename.rpartition("/")[2]
        place = f"{file}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} in {place}"
