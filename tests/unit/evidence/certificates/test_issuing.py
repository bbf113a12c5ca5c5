"""Issuing: what is refused, for good or for now; and when a certificate is issued."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import pytest
from builders.certified import CASE, ISSUER
from builders.consortium import member_key

from node.core.errors import InvalidInput
from node.evidence.certificates import issuing
from node.evidence.certificates.errors import IssuingBusy, SealingFailed
from node.evidence.certificates.finishing import Ledger
from node.evidence.certificates.issuing import CertificateIssuer
from node.evidence.certificates.port import Draft, Order
from node.evidence.certificates.requests import Asked, Wanted


def issuer(most: int) -> CertificateIssuer:
    """One of which only the room is looked at."""
    nothing: Any = None
    return CertificateIssuer(*[nothing] * 8, most=most)


def test_more_than_there_ever_is_room_for_is_not_told_to_try_again() -> None:
    """A case that names a hundred seals, with a certificate of each."""
    room = issuer(4)
    with room.admitted(3), pytest.raises(IssuingBusy), room.admitted(2):
        pass
    with pytest.raises(InvalidInput, match="at most 4"), room.admitted(5):
        pass
    with room.admitted(4):
        assert room.under_way == 4


class _Waiting:
    """Composes and makes; the first certificate until others wait for it and blocks have come."""

    def __init__(self) -> None:
        self.at = 1_763_913_480_000  # two minutes before midnight in China
        self.composing, self.go_on = threading.Event(), threading.Event()
        self.asked = threading.Semaphore(0)
        self.numbers: list[str] = []
        self.read_at: list[int] = []
        self.issued_at: list[int] = []
        self.signed_at: list[int] = []

    def now(self) -> int:
        self.asked.release()
        return self.at

    def read(self) -> Any:
        self.read_at.append(self.at)
        return nullcontext()

    def compose(self, *_: Any, certificate_no: str, issued_at: int, **__: Any) -> Draft:
        self.issued_at.append(issued_at)
        self.numbers.append(certificate_no)
        if len(self.issued_at) == 1:
            self.composing.set()
            assert self.go_on.wait(60)
            self.at += 300_000
        return Draft(certificate_no, issued_at, "zh", "{}", ())

    def make(self, _: Draft, signed_at: int) -> Any:
        self.signed_at.append(signed_at)
        raise SealingFailed("it is enough")

    def find(self, _: str) -> None:
        """No copy has the number."""


def test_who_has_waited_is_issued_no_earlier_than_the_state_that_it_speaks_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else every verifier refuses its statement: nobody signs over what is not there yet."""
    monkeypatch.setattr(issuing, "certificate_record", lambda *_: None)
    waiting: Any = _Waiting()
    nothing: Any = None
    ledger = Ledger(waiting.read, "chain-1", nothing, lambda *_: (), waiting.now)
    made = CertificateIssuer(
        ISSUER,
        member_key("operator-a"),
        ledger,
        waiting.compose,
        waiting,
        waiting,
        nothing,
        nothing,
    )
    wanted = Wanted(Order(CASE), "CZ00000000000017")
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(made.issue, wanted, Asked("operator-a"))
        assert waiting.composing.wait(60)
        while waiting.asked.acquire(blocking=False):
            pass  # by the first
        second = threads.submit(made.issue, wanted, Asked("operator-a"))
        assert waiting.asked.acquire(timeout=60)  # whether the seal is in force
        waiting.go_on.set()
        for one in (first, second):
            with pytest.raises(SealingFailed, match="enough"):
                one.result()
    assert waiting.issued_at[1] - waiting.issued_at[0] == 300_000
    assert waiting.issued_at[1] >= waiting.read_at[-1]
    assert sorted(waiting.signed_at) == waiting.issued_at
    assert [number[:10] for number in waiting.numbers] == ["ZS20251123", "ZS20251124"]
