"""One step of a job: a call of its adapter, and what comes of it kept before the next begins.

What was signed is durable before it is sent. Whatever happened in between, a job goes on with
looking up: only where the chain knows nothing of any attempt are the same bytes sent again, and
only where these can never be included are new ones signed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import structlog

from chaincode_adapters.errors import AnchorError, Refused, SignAnew, Unreachable, place_of
from chaincode_adapters.jobs import (
    FINAL,
    INCLUDED,
    QUEUED,
    SENT,
    SIGNED,
    Attempt,
    Course,
    Job,
    decode_point,
    encode,
    shortened,
)
from chaincode_adapters.keeping import Keeping
from chaincode_adapters.port import (
    AnchorAdapter,
    Final,
    Included,
    Pending,
    Receipt,
    Standing,
)
from chaincode_adapters.receipts import decode_item, encode_item
from chaincode_adapters.retry import backoff
from node.core.anchors.receipts import AnchorReceipt
from node.core.errors import InvalidInput

__all__ = ["After", "CheckReceipt", "Steps", "Unexpected"]

_MOST_ATTEMPTS = 32
_MOST_BAD_RECEIPTS = 5
_Answer = TypeVar("_Answer")

CheckReceipt = Callable[[AnchorReceipt, AnchorAdapter], str]
"""Checks an item against what the adapter itself names for the trust file; raises InvalidInput."""


class Unexpected(AnchorError):
    """An adapter failed in a way that it should not. Says which kind of error it was and where, not
    its text: nobody knows what stands in that."""


@dataclass(frozen=True)
class After:
    """A job after a step, and how many seconds its next one has to wait.

    ``came_on``: whether the other side has certainly spoken, and this was no step on the spot or
    back, so that former failures are forgotten. Signing, and looking up what nobody knows, may have
    asked nobody: services that answer at once keep nothing that could be asked for.
    """

    job: Job
    delay: float = 0.0
    came_on: bool = False


class Steps:
    """The steps of one adapter's jobs. ``course`` is how far it has come, as it is kept.

    Args:
        adapter: called by one thread, this one.
        keeping: where jobs and receipts are kept.
        check: what a receipt must pass before its job is final.
        now: this node's time, in ms.
        clock: seconds that only grow.
        draw: what waits are drawn with, from 0 to 1.
    """

    def __init__(
        self,
        adapter: AnchorAdapter,
        keeping: Keeping,
        course: Course,
        check: CheckReceipt,
        now: Callable[[], int],
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self.name = adapter.name
        self.course = course
        self._adapter = adapter
        self._keeping = keeping
        self._check = check
        self._now = now
        self._clock = clock
        self._draw = draw
        self._ready: set[bytes] = set()
        self._anew: set[bytes] = set()
        self._signed_at: dict[bytes, float] = {}
        self._sent_at: dict[bytes, float] = {}
        self._bad_receipts: Counter[bytes] = Counter()
        self._log = structlog.get_logger("anchors")

    def advance(self, job: Job) -> After:
        """Take one step.

        Raises:
            AnchorError: see `chaincode_adapters.errors`; the job is as it was before.
            StorageError: nothing can be kept.
        """
        if job.chain != self._adapter.chain:
            raise Refused(f"it was signed for {job.chain}, and the adapter is now of another chain")
        if job.state == QUEUED:
            return self._sign(job)
        if job.key in self._ready:
            return self._send(job)
        return self._look_up(job)

    def look_up(self, job: Job) -> Standing:
        """Where a job's point stands by the chain's word. Raises AnchorError."""
        point, attempts = decode_point(job.point), [item.signed() for item in job.attempts]
        return self.call(lambda: self._adapter.look_up(point, attempts, job.answer))

    def forget(self, job: Job) -> None:
        """Let go of what is remembered of a job that is not under way any more."""
        self._ready.discard(job.key)
        self._signed_at.pop(job.key, None)
        self._sent_at.pop(job.key, None)
        self._anew.discard(job.key)
        self._bad_receipts.pop(job.key, None)

    def call(self, function: Callable[[], _Answer]) -> _Answer:
        """Call the adapter. Raises AnchorError and nothing else."""
        try:
            return function()
        except AnchorError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this adapter's alone
            raise Unexpected(place_of(error)) from None

    # -- the steps --------------------------------------------------------------------------------

    def _sign(self, job: Job) -> After:
        if len(job.attempts) >= _MOST_ATTEMPTS:
            raise Refused(f"{_MOST_ATTEMPTS} attempts were signed, and none was included")
        point, attempts = decode_point(job.point), [item.signed() for item in job.attempts]
        signed = self.call(lambda: self._adapter.sign(point, attempts))
        made = msgspec.structs.replace(
            job, state=SIGNED, attempts=(*job.attempts, Attempt.of(signed))
        )
        self.call(lambda: encode(made))  # a memo that cannot be kept is the adapter's fault
        self._keeping.jobs.put(made, sync=True)
        self._ready.add(made.key)
        self._anew.discard(made.key)
        self._signed_at[made.key] = self._clock()
        return After(made)

    def _sign_anew(self, job: Job) -> After:
        """Sign again, the later the more often it has been done."""
        signed_at = self._signed_at.setdefault(job.key, self._clock())
        pause = backoff(len(job.attempts), first=0.2, most=60.0, draw=self._draw)
        wait = signed_at + pause - self._clock()
        return After(job, wait) if wait > 0 else self._sign(job)

    def _send(self, job: Job) -> After:
        self._ready.discard(job.key)
        first = job.key not in self._sent_at
        point, signed = decode_point(job.point), job.attempts[-1].signed()
        try:
            answer = self.call(lambda: self._adapter.send(point, signed))
        except SignAnew as error:
            self._anew.add(job.key)
            self._log.info("to be signed anew", **self._told(job), reason=shortened(str(error)))
            return After(job)
        self._sent_at[job.key] = self._clock()
        made = msgspec.structs.replace(job, state=SENT, answer=answer)
        self._keeping.jobs.put(made, sync=bool(answer))
        return After(made, 0.0 if first else self._poll, came_on=True)

    def _look_up(self, job: Job) -> After:
        try:
            standing = self.look_up(job)
        except SignAnew:
            return self._sign_anew(job)
        if isinstance(standing, Final):
            return self._end(job, standing)
        if isinstance(standing, Included):
            self._anew.discard(job.key)
            made = msgspec.structs.replace(
                job, state=INCLUDED, mark=standing.mark, height=standing.height, reason=""
            )
            return self._kept(job, made, self._poll, came_on=True)
        if job.state == INCLUDED:
            self._log.warning("reorganised away", **self._told(job), height=job.height)
        made = msgspec.structs.replace(job, state=SENT, mark="", height=0)
        if isinstance(standing, Pending):
            self._anew.discard(job.key)
            made = msgspec.structs.replace(made, reason=shortened(standing.reason))
            if made.reason and made.reason != job.reason:
                self._log.warning("pending for long", **self._told(job), reason=made.reason)
            return self._kept(job, made, max(self._poll, standing.retry_after), came_on=True)
        return self._missing(job, made)

    def _missing(self, job: Job, made: Job) -> After:
        """The chain knows nothing of it. What was sent a moment ago may not be seen yet."""
        if job.key in self._anew:
            return self._sign_anew(made)
        since = self._clock() - self._sent_at.get(job.key, -self._poll)
        if job.state == SENT and since < self._poll:
            return After(job, self._poll - since)
        self._ready.add(job.key)
        if job.state == SIGNED:  # nobody has taken it yet, as far as is known
            made = msgspec.structs.replace(made, state=SIGNED)
        return self._kept(job, made, 0.0)

    def _end(self, job: Job, final: Final) -> After:
        """Get the receipt, check it as a court would, and keep all of it at once."""
        point, attempts = decode_point(job.point), [item.signed() for item in job.attempts]
        receipt = self.call(lambda: self._adapter.receipt(point, attempts, job.answer, final))
        try:
            content = encode_item(AnchorReceipt(receipt.kind, point, receipt.content))
            checked = self._checked(decode_item(content))
        except InvalidInput as error:
            self._bad_receipts[job.key] += 1
            text = f"the receipt does not hold: {error}"
            if self._bad_receipts[job.key] >= _MOST_BAD_RECEIPTS:
                raise Refused(text) from error
            raise Unreachable(text) from error
        keeping, now = self._keeping, self._now()
        batch = keeping.store.batch()
        digest = keeping.receipts.add(batch, content, job.chain, job.size, keeping.member)
        ended = _ended(job, final, receipt, digest, checked, now)
        course = _with_final(self.course, ended)
        keeping.jobs.end(batch, ended, course)
        keeping.store.write(batch, sync=True)
        self.course = course
        self.forget(job)
        self._log.info("final", **self._told(job), external_tx=receipt.external_tx)
        return After(ended, came_on=True)

    def _checked(self, item: AnchorReceipt) -> str:
        """What the verifier says of a receipt. Raises InvalidInput, and AnchorError."""
        try:
            return self._check(item, self._adapter)
        except (AnchorError, InvalidInput):
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this adapter's alone
            raise Unexpected(place_of(error)) from None

    # -- what they share --------------------------------------------------------------------------

    @property
    def _poll(self) -> float:
        return self._adapter.poll_ms / 1000

    def _kept(self, before: Job, after: Job, delay: float, *, came_on: bool = False) -> After:
        if after != before:
            self._keeping.jobs.put(after, sync=False)
        return After(after, delay, came_on)

    def _told(self, job: Job) -> dict[str, Any]:
        return {"adapter": job.adapter, "chain": job.chain, "size": job.size}


def _ended(job: Job, final: Final, receipt: Receipt, digest: bytes, checked: str, now: int) -> Job:
    return msgspec.structs.replace(
        job,
        state=FINAL,
        mark=final.mark,
        height=final.height,
        reason="",
        ended_at=now,
        receipt=digest,
        external_tx=receipt.external_tx,
        external_height=receipt.height,
        external_time=receipt.time,
        checked=shortened(checked),
    )


def _with_final(course: Course, job: Job) -> Course:
    """The course with one more final job."""
    counted = msgspec.structs.replace(course, finals=course.finals + 1)
    if job.size < course.newest_size:
        return counted
    return msgspec.structs.replace(
        counted,
        newest_size=job.size,
        newest_time=job.external_time,
        newest_ended_at=job.ended_at,
    )
