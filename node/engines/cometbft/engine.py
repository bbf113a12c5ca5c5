"""The engine of a consortium, as submission and the node see it: start it, hand it frames.

Engine and application live and die together: where one ends, the node stops making blocks and says
why. A thread of its own runs the event loop in which everything that waits lives: the ABCI server,
the keeper, the broadcaster, the engine's process.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from node.core.block import Header
from node.core.errors import EvidenceError, LedgerFault
from node.engines.cometbft.abci import AbciServer
from node.engines.cometbft.broadcaster import Broadcaster
from node.engines.cometbft.engine_home import (
    ABCI_SOCKET,
    RPC_SOCKET,
    EngineHome,
    EngineSettings,
    PrivateKey,
)
from node.engines.cometbft.joining import Joining
from node.engines.cometbft.keeper import Keeper
from node.engines.cometbft.machine import Decided, Machine
from node.engines.cometbft.misbehaviour import MisbehaviourAlarm
from node.engines.cometbft.opened import OpenedFrames, Opener
from node.engines.cometbft.outlook import Outlook, Sight
from node.engines.cometbft.process import EngineDied, EngineProcess
from node.engines.cometbft.rpc import EngineRpc, RpcRefused, RpcUnreachable
from node.engines.cometbft.snapshot_maker import SnapshotMaker
from node.ledger.application import Application, Committed, OpenedFrame
from node.ledger.published import Published
from node.ledger.snapshots.shelf import Shelf
from node.rules.judgement import Misbehaviour

__all__ = ["CometEngine"]

_ASK_SECONDS = 0.05
_PUMP_SECONDS = 0.25
_SNAPSHOTS_KEPT = 2


class CometEngine:
    """Orders frames together with the other nodes. ``committed`` and ``failed`` are called in
    threads of the engine's own.

    ``home`` is the engine's directory, ``snapshots`` that of the node's snapshots.
    """

    def __init__(
        self,
        application: Application,
        published: Published,
        home: Path,
        snapshots: Path,
        binary: Path,
        validator: PrivateKey,
        node_key: PrivateKey,
        settings: EngineSettings,
        opener: Opener,
        committed: Callable[[Committed], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._application = application
        self._published = published
        self._home = EngineHome(home)
        self._binary = binary
        self._keys = validator, node_key
        self._settings = settings
        self._committed = committed
        self._failed = failed
        self._genesis = application.genesis()
        self._opened = OpenedFrames(opener, application.key_ring())
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running: threading.Thread | None = None
        self._pumping: threading.Thread | None = None
        self._stopping, self._pump_end = threading.Event(), threading.Event()
        self._early: list[tuple[OpenedFrame, object]] = []
        self._unproven: dict[int, tuple[Decided, list[list[object]]]] = {}
        self._state = threading.Lock()
        self._wake_pump: Callable[[], None] | None = None
        self._shelf = Shelf(snapshots, _SNAPSHOTS_KEPT)
        self.snapshots = SnapshotMaker(
            application, self._genesis, self._shelf, settings.snapshot_every, settings.min_free
        )
        self._outlook: Outlook | None = None
        self._alarm = MisbehaviourAlarm(self._genesis, validator.public_key)
        self.trouble: EvidenceError | None = None
        self.on_misbehaviour: Callable[[Sequence[Misbehaviour]], None] = lambda acts: None
        """Called in the event loop with what each block shows of validators."""

    @property
    def sight(self) -> Sight:
        """What the engine saw of its peers last. Any thread may ask."""
        return Sight() if self._outlook is None else self._outlook.sight

    @property
    def misbehaviours(self) -> int:
        """How many acts of validators the blocks of this run have proven."""
        return self._alarm.count

    def recover(self) -> int:
        """Make ready what a crash left; the blocks that are missing are replayed by the engine.

        Returns:
            0: nothing is replayed here.
        """
        application = self._application
        application.bodies.cut(application.last_body)  # what lies behind it comes again
        self._published.written()
        return 0

    def start(
        self, pump: Callable[[float], int] | None = None, wake: Callable[[], None] | None = None
    ) -> None:
        """Start application and engine, after `recover`; return when the engine answers.

        Args:
            pump: called again and again with a time to wait, in seconds; it may call `submit`.
            wake: makes a ``pump`` that waits return.

        Raises:
            EvidenceError: the engine does not start.
        """
        self._wake_pump = wake
        ready: Future[None] = Future()
        if pump is not None:  # blocks that the engine replays at its start are opened by workers
            self._pumping = threading.Thread(
                target=self._pump_loop, args=(pump,), name="comet-pump", daemon=True
            )
            self._pumping.start()
        self._running = threading.Thread(
            target=self._run, args=(ready,), name="comet-engine", daemon=True
        )
        self._running.start()
        ready.result()

    def submit(self, frame: OpenedFrame, token: object = None) -> None:
        """Hand a frame over. ``token`` comes back with it in `Committed`. Any thread may call."""
        loop = self._loop
        if loop is None:  # resumed before the start
            self._early.append((frame, token))
            return
        try:
            loop.call_soon_threadsafe(self._broadcaster.add, frame, token)
        except RuntimeError:  # the loop has been closed: it stays in the journal
            return

    def stop(self) -> None:
        """Stop the engine, then the application. Frames under way stay in the journal."""
        self._stopping.set()
        self.snapshots.stop()
        loop = self._loop
        if loop is not None:
            try:
                loop.call_soon_threadsafe(self._end.set)
            except RuntimeError:
                pass
        if self._running is not None:
            self._running.join()
        self._pump_end.set()  # not before: what the engine still asks may need frames opened
        if self._wake_pump is not None:
            self._wake_pump()
        if self._pumping is not None:
            self._pumping.join()
        self._published.close()

    def _pump_loop(self, pump: Callable[[float], int]) -> None:
        try:
            while not self._pump_end.is_set():
                pump(_PUMP_SECONDS)
        except BaseException as error:  # noqa: BLE001 - whatever it is, nothing is passed on any more
            self._fail(error)

    def _run(self, ready: Future[None]) -> None:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            try:
                runner.run(self._live(ready))
                if not ready.done():
                    raise LedgerFault("the engine was stopped before it had started")
            except BaseException as error:  # noqa: BLE001 - told to whoever waits, or to the node
                if ready.done():
                    self._fail(error)
                else:
                    ready.set_exception(self.trouble or error)

    async def _live(self, ready: Future[None]) -> None:
        """Everything from the engine's start to its end."""
        validator, node_key = self._keys
        begun = self._application.written_height >= self._genesis.initial_height
        self._joining = Joining(
            self._application,
            self._published,
            self._genesis,
            None if begun else self._settings.sync,
            self._restored,
        )
        self._home.write(self._genesis, validator, node_key, self._settings, begun=begun)
        with ThreadPoolExecutor(1, "consensus") as consensus:
            machine = Machine(
                self._application,
                self._genesis,
                self._opened,
                consensus,
                self._known_nodes(),
                self._decided,
                self._written,
                self._retain,
            )
            server = AbciServer(
                self._home.path / ABCI_SOCKET,
                machine,
                self._fail,
                snapshots=self._joining.calls(self._shelf, consensus),
            )
            rpc = EngineRpc(self._home.path / RPC_SOCKET)
            self._keeper = Keeper(
                rpc,
                self._application.store,
                self._genesis.chain_id,
                self._genesis.initial_height,
                self._kept,
            )
            self._broadcaster = Broadcaster(rpc, self._opened, self._fail)
            outlook = self._outlook = Outlook(rpc, self._settings.peers)
            process = EngineProcess(self._binary, self._home.path)
            self._end = asyncio.Event()
            self._loop = asyncio.get_running_loop()  # from here on others hand things over
            if self.trouble is not None or self._stopping.is_set():  # before a loop could be told
                self._end.set()
            await server.start()
            try:
                await process.start()
                await self._serve(process, rpc, outlook, ready)
            finally:
                await self._broadcaster.close()
                await rpc.close()
                await process.stop()
                await server.stop()

    def _known_nodes(self) -> set[str]:
        peers = {peer.partition("@")[0] for peer in self._settings.peers}
        return peers | set(self._settings.guests)

    def _restored(self) -> None:
        self._keeper.resume()

    def _retain(self) -> int:
        """Below which height the engine may drop its blocks: never what is not kept here yet, nor
        what a node that begins with one of the snapshots has to fetch."""
        keep, oldest = self._settings.keep_blocks, self.snapshots.oldest_height
        if not keep or oldest is None:
            return 0
        last = self._application.written_height - keep + 1
        return max(0, min(last, self._keeper.next_height - 1, oldest))

    async def _serve(
        self, process: EngineProcess, rpc: EngineRpc, outlook: Outlook, ready: Future[None]
    ) -> None:
        """Talk to the engine until it is told to end, or something fails."""
        watching = asyncio.create_task(process.watch())
        try:
            await _first(self._answers(rpc), watching, self._end.wait())
            await _first(self._joining.has_blocks(), watching, self._end.wait())
            if self._end.is_set():
                raise _stopped_early()
            self._keeper.decided(await rpc.latest_height())
            for frame, token in self._early:
                self._broadcaster.add(frame, token)
            self._early.clear()
            self._broadcaster.begin()
            await _first(
                self._end.wait(),
                watching,
                self._keeper.run(),
                self._broadcaster.watch(),
                self._tell_ready(ready),
                outlook.run(),
            )
            if not ready.done():
                raise _stopped_early()
        finally:
            watching.cancel()

    async def _tell_ready(self, ready: Future[None]) -> None:
        """Ready is who can show something: after a snapshot, once the next header proves it."""
        await self._joining.is_proven()
        ready.set_result(None)
        await self._end.wait()

    async def _answers(self, rpc: EngineRpc) -> None:
        """Wait until the engine has replayed what the application lacks, however much that is."""
        while True:
            try:
                await rpc.call("health")
            except (RpcUnreachable, RpcRefused):
                await asyncio.sleep(_ASK_SECONDS)
            else:
                return

    def _decided(self, decided: Decided) -> None:
        height = decided.block.height
        self._alarm.sound(decided.block.misbehaviour, height)
        self.on_misbehaviour(decided.block.misbehaviour)
        tokens = self._broadcaster.landed([frame.frame for frame in decided.frames])
        self._keeper.decided(height)
        # Nobody here waits for others' frames; a node that catches up would hold all of them.
        if any(tokens) and height + 1 >= self._keeper.next_height:
            with self._state:
                self._unproven[height] = (decided, tokens)

    def _written(self, decided: Decided) -> None:
        self._joining.written()
        self._published.written()
        self.snapshots.written(decided.block.height)

    def _kept(self, header: Header) -> None:
        """The block before this header's is proven now."""
        height = header.height - 1
        self._published.proven(height)
        self._joining.kept()
        self.snapshots.kept(header.height)
        with self._state:
            decided, tokens = self._unproven.pop(height, (None, []))
        if decided is not None and decided.frames:
            for place in range(max(1, *map(len, tokens))):
                some = [given[place] if place < len(given) else None for given in tokens]
                self._committed(Committed(decided.block, header, decided.frames, some))

    def _fail(self, error: BaseException) -> None:
        if self._stopping.is_set():
            return
        if self.trouble is None:
            self.trouble = error if isinstance(error, EvidenceError) else LedgerFault(repr(error))
            self._failed(error)
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._end.set)


def _stopped_early() -> EngineDied:
    return EngineDied("the node was stopped before it had caught up")


async def _first(*work: Coroutine[Any, Any, Any] | asyncio.Task[None]) -> None:
    """Run all until the first has ended; cancel those begun here. Raises what that one raised."""
    tasks = [asyncio.ensure_future(item) for item in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task, item in zip(tasks, work):
            if task is not item:
                task.cancel()
        await asyncio.gather(
            *(task for task, item in zip(tasks, work) if task is not item), return_exceptions=True
        )
