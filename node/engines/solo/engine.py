"""The solo engine: takes opened frames, makes a block of them, has it written, tells who waits.

Two threads: one finalizes block after block, the other has the last one written and synced. A block
with transactions is followed at once by an empty one, whose header carries its app_hash.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from node.core.block import Commit, Header, Timestamp
from node.core.errors import EvidenceError, LedgerFault
from node.engines.solo.blocks import BlockMaker, Tip, VoteSigner
from node.engines.solo.clock import BlockClock, ClockBehind
from node.engines.solo.recovery import encode_seal, replay
from node.ledger.application import Application, Committed, Finalized, OpenedFrame
from node.ledger.intake import Intake

__all__ = ["SoloEngine", "SoloSettings"]

_QUEUED_BLOCKS = 2
_CLOCK_RETRY_SECONDS = 0.5


@dataclass(frozen=True)
class SoloSettings:
    """How blocks are made. ``empty_block_ms`` is the longest time without one.

    A block that has room waits for what is on its way to it, up to ``gather_each_us`` microseconds
    for each transaction and ``gather_ms`` in all: what a block costs is then shared by more.
    """

    max_frames: int = 256
    empty_block_ms: int = 10_000
    power: int = 10
    gather_ms: int = 150
    gather_each_us: int = 100


@dataclass
class _Step:
    blocks: list[Finalized]
    kept: list[tuple[Header, Commit]]
    frames: list[OpenedFrame] = field(default_factory=list)
    tokens: list[object] = field(default_factory=list)


class SoloEngine:
    """Orders the frames of one node into blocks. ``committed`` is called in the writing thread.

    ``failed`` is called once when the engine can not go on; from then on it makes no blocks.
    """

    def __init__(
        self,
        application: Application,
        signer: VoteSigner,
        now: Callable[[], int],
        settings: SoloSettings,
        committed: Callable[[Committed], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._application = application
        self._signer = signer
        self._now = now
        self._settings = settings
        self._committed = committed
        self._failed = failed
        self._waiting: deque[tuple[OpenedFrame, object]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._steps: queue.Queue[_Step | None] = queue.Queue(_QUEUED_BLOCKS)
        self._written: queue.SimpleQueue[_Step] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._pump: Callable[[float], int] | None = None
        self._wake_pump: Callable[[], None] | None = None
        self._broken = False
        self.trouble: EvidenceError | None = None

    def recover(self) -> int:
        """Bring the chain up to the last body written.

        Returns:
            How many blocks were made again from their bodies.

        Raises:
            LedgerFault: what is stored cannot be right.
        """
        application = self._application
        genesis = application.genesis()
        validator = genesis.validators[0].validator
        if len(genesis.validators) != 1 or validator.public_key != self._signer.public_key:
            raise LedgerFault(
                "the genesis names other validators than this node's key; start it with the key "
                "that the chain was made with"
            )
        replayed = replay(application, Intake(application.key_ring()))
        tip = _read_tip(application)
        self._maker = BlockMaker(
            genesis.chain_id,
            self._signer,
            validator.power,
            application.parameter("max_block_bytes"),
            application.parameter("rules_version"),
            tip,
        )
        last = genesis.genesis_time if tip is None else _vote_time(tip.commit)
        self._clock = BlockClock(self._now, max(last, application.need_meta().time))
        return replayed

    def start(
        self, pump: Callable[[float], int] | None = None, wake: Callable[[], None] | None = None
    ) -> None:
        """Begin to make blocks, after `recover`.

        Args:
            pump: called between blocks with a time to wait, in seconds; it may call `submit`, and
                returns how many transactions are on their way to it.
            wake: makes a ``pump`` that waits return.
        """
        self._pump, self._wake_pump = pump, wake
        for name, target in (("finalize", self._finalize_loop), ("persist", self._persist_loop)):
            thread = threading.Thread(target=target, name=f"solo-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def submit(self, frame: OpenedFrame, token: object = None) -> None:
        """Queue a frame for the next block. ``token`` comes back with it in `Committed`."""
        with self._wake:
            self._waiting.append((frame, token))
            self._wake.notify()

    def stop(self) -> None:
        """Finish the block under way and stop. Frames still queued are not made into blocks."""
        self._interrupt()
        for thread in self._threads:
            thread.join()

    def _interrupt(self) -> None:
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._wake_pump is not None:
            self._wake_pump()

    def _finalize_loop(self) -> None:
        try:
            while (taken := self._take()) is not None:
                step = self._make_step(taken)
                if step is not None:
                    self._steps.put(step)
        except BaseException as error:  # noqa: BLE001 - whatever it is, no block may follow it
            self._fail(error)
        finally:
            self._steps.put(None)

    def _take(self) -> list[tuple[OpenedFrame, object]] | None:
        """The frames of the next block, none for an empty one; None when stopping."""
        settings = self._settings
        due = time.monotonic() + settings.empty_block_ms / 1000
        since: float | None = None
        coming = 0
        while True:
            if self._pump is not None:
                until = self._gather_until(since, coming) if self._waiting else due
                coming = self._pump(max(0.0, until - time.monotonic()))
            with self._wake:
                now = time.monotonic()
                if self._pump is None and not (self._waiting or self._stopping) and now < due:
                    self._wake.wait(due - now)
                if self._stopping:
                    return None
                if 0 < len(self._waiting) < settings.max_frames and coming:
                    since = since or now
                    if now < self._gather_until(since, coming):
                        continue
                if self._waiting or time.monotonic() >= due:
                    most = min(len(self._waiting), settings.max_frames)
                    frames = [self._waiting[position][0] for position in range(most)]
                    count = self._application.prepare(frames, self._maker.max_block_bytes)
                    return [self._waiting.popleft() for _ in range(count)]

    def _gather_until(self, since: float | None, coming: int) -> float:
        """Until when a block waits for more, which began to wait ``since``."""
        settings = self._settings
        longest = min(settings.gather_ms / 1e3, coming * settings.gather_each_us / 1e6)
        return 0.0 if since is None else since + longest

    def _make_step(self, taken: list[tuple[OpenedFrame, object]]) -> _Step | None:
        self._release_written()
        application, height = self._application, self._application.need_meta().height + 1
        try:
            moment = self._clock.next()
        except ClockBehind as error:
            self._wait_for_clock(taken, error)
            return None
        if isinstance(self.trouble, ClockBehind):
            self.trouble = None
        frames = [frame for frame, _ in taken]
        before = application.need_meta().app_hash
        block = application.finalize(height, moment, frames)
        step = _Step([block], [self._seal(moment, before, block)])
        if taken:
            step.frames, step.tokens = frames, [token for _, token in taken]
            after = self._clock.later()
            proving = application.finalize(height + 1, after, (), block.batch)
            step.blocks.append(proving)
            step.kept.append(self._seal(after, block.app_hash, proving))
        return step

    def _seal(self, moment: int, app_hash: bytes, block: Finalized) -> tuple[Header, Commit]:
        """The header and commit of a block; ``app_hash`` is that of the one before."""
        stamp = Timestamp.from_milliseconds
        header, commit = self._maker.make(
            block.height, stamp(moment), block.frames, app_hash, stamp(self._clock.later())
        )
        self._maker.advance(header, commit, block.results, block.updates)
        return header, commit

    def _wait_for_clock(self, taken: list[tuple[OpenedFrame, object]], error: ClockBehind) -> None:
        """Give the frames back and wait a little: times must neither go back nor be invented."""
        self.trouble = error
        with self._wake:
            self._waiting.extendleft(reversed(taken))
            if not self._stopping:
                self._wake.wait_for(lambda: self._stopping, _CLOCK_RETRY_SECONDS)

    def _persist_loop(self) -> None:
        while (step := self._steps.get()) is not None:
            if self._broken:
                continue
            try:
                self._application.persist(step.blocks, step.kept, encode_seal(step.kept))
                self._written.put(step)
                if step.frames:
                    proof = step.kept[-1][0]
                    self._committed(Committed(step.blocks[0], proof, step.frames, step.tokens))
            except BaseException as error:  # noqa: BLE001 - nothing may be written after it
                self._fail(error)

    def _release_written(self) -> None:
        while not self._written.empty():
            self._application.release(self._written.get().blocks)

    def _fail(self, error: BaseException) -> None:
        self._broken = True
        self._interrupt()
        self.trouble = error if isinstance(error, EvidenceError) else LedgerFault(repr(error))
        self._failed(error)


def _vote_time(commit: Commit) -> int:
    return commit.signatures[0].time.milliseconds


def _read_tip(application: Application) -> Tip | None:
    """The last block as it was kept, None before the first."""
    found = application.last_block()
    if found is None:
        return None
    header, commit, results = found
    if commit is None:
        raise LedgerFault(f"the commit of height {header.height} is missing; restore a backup")
    return Tip(header, commit, tuple(results))
