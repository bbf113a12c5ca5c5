"""The one place that builds a node's concrete parts and puts them together."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from chaincode_adapters.jobs_kept import JobsKept
from chaincode_adapters.receipts import Receipts
from node.client.keys import SigningKey
from node.config import NodeConfig, SyncConfig
from node.core.checkpoint import Checkpoint, NoteKey, checkpoint_origin, note_signature_line
from node.core.errors import EvidenceError, InvalidInput, LedgerFault
from node.core.genesis import Genesis, decode_genesis
from node.core.request_token import request_audience
from node.engines.solo.engine import SoloEngine, SoloSettings
from node.evidence.seal_status import SealStatuses, StatusTimes
from node.evidence.status_lists import STATUS_LISTS_PATH, StatusLists
from node.ledger.application import Application, OpenedFrame
from node.ledger.intake import Intake
from node.ledger.lineage import read_geneses
from node.ledger.published import Published
from node.ledger.reader import LedgerReader, open_reader
from node.ledger.reader_cache import ReaderCache
from node.ledger.rows import ANCHOR_POINT, ENDED, META, decode_meta, number_key
from node.ledger.snapshots.format import Manifest
from node.ledger.snapshots.restoring import discard_half_restored
from node.storage.errors import StorageError, StoreUnavailable
from node.storage.leveldb import LevelStore, open_leveldb
from node.storage.ports import SegmentRef
from node.storage.segments import FileSegments
from node.submission.disk_guard import DiskGuard
from node.submission.journal import Journal
from node.submission.keeping import Keeping
from node.submission.operator import OperatorRecords
from node.submission.reporting import MisbehaviourReports
from node.submission.submission import Submission, SubmissionLimits
from node.submission.tickets import Group
from node.submission.worker import WorkerSetup
from node.vault.access_log import AccessLog
from node.vault.opening import finish_rotation, open_vault

if TYPE_CHECKING:
    from chaincode_adapters.anchoring import Anchoring
    from node.core.anchors.point import AnchorPoint
    from node.engines.cometbft.engine import CometEngine
    from node.engines.cometbft.engine_home import StateSync
    from node.evidence.certificates.issuing import CertificateIssuer

__all__ = ["EdKey", "Node", "Stores", "open_stores", "system_time"]

_BLOCK_SEGMENT = 32 << 20
# The journal's last segment is read whole when it is opened.
_JOURNAL_SEGMENT = 4 << 20
_LOCAL_WRITE_BUFFER = 4 << 20
_CONSORTIUM_FRAME = 128
"""Transactions in a frame, at most. Each passes through every mempool and engine, where a few large
ones are less work than many small ones; but workers share the frames of a block among them."""
_MOST_POINTS = 1000
_ENGINE_ROUTE = "/v1/engine/rpc"


def system_time() -> int:
    """The machine's clock, in ms since the Unix epoch."""
    return time.time_ns() // 1_000_000


class EdKey:
    """An Ed25519 key in a PEM file: the validator's, or the one that signs checkpoints."""

    def __init__(self, private_key: ed25519.Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self.public_key = private_key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls, path: Path) -> EdKey:
        """Make a key and write it, readable by its owner only. Raises FileExistsError."""
        key = ed25519.Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        return cls(key)

    @classmethod
    def load(cls, path: Path) -> EdKey:
        """Read a key. Raises InvalidInput when the file holds no Ed25519 key."""
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError) as error:
            raise InvalidInput(str(path), f"no private key in PEM: {error}") from error
        if not isinstance(key, ed25519.Ed25519PrivateKey):
            raise InvalidInput(str(path), "must hold an Ed25519 key")
        return cls(key)

    @property
    def seed(self) -> bytes:
        """The private key's 32 bytes, for an engine that signs by itself."""
        return self._private_key.private_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature."""
        return self._private_key.sign(message)


class Engine(Protocol):
    """What orders frames into blocks, as the node uses it."""

    trouble: EvidenceError | None

    def recover(self) -> int:
        """Make good what a crash left; how many blocks were made again here."""

    def start(self, pump: Callable[[float], int], wake: Callable[[], None]) -> None:
        """Begin to make blocks. ``pump`` passes on what has been examined, ``wake`` ends its
        waiting."""

    def submit(self, frame: OpenedFrame, token: object = None) -> None:
        """Queue a frame; ``token`` comes back in Committed."""

    def stop(self) -> None:
        """Finish what is under way and stop."""


class Stores:
    """A node's open stores: the ledger's, which all nodes could hold alike, and its own."""

    def __init__(
        self, ledger: LevelStore, blocks: FileSegments, local: LevelStore, journal: FileSegments
    ) -> None:
        self.ledger = ledger
        self.blocks = blocks
        self.local = local
        self.journal = journal

    def close(self) -> None:
        """Close all of them."""
        for store in (self.journal, self.local, self.blocks, self.ledger):
            store.close()


def open_stores(config: NodeConfig, *, create: bool) -> Stores:
    """Open the stores in the node's home.

    Raises:
        StorageError: one of them is locked, damaged, of a newer format, or missing.
    """
    if config.path("ledger.before").exists() and not config.path("ledger").exists():
        raise StoreUnavailable(
            str(config.path("ledger")),
            "a rebuilding was cut off; run `evidence-node reindex` again",
        )
    opened: list[LevelStore | FileSegments] = []
    try:
        ledger = open_leveldb(
            config.path("ledger"),
            kind="ledger",
            write_buffer=config.storage.write_buffer_megabytes << 20,
            block_cache=config.storage.block_cache_megabytes << 20,
            create=create,
        )
        opened.append(ledger)
        blocks = FileSegments(
            config.path("blocks"),
            max_bytes=_BLOCK_SEGMENT,
            create=create,
            synced=_last_body(ledger),
        )
        opened.append(blocks)
        local = open_leveldb(
            config.path("local"), kind="local", write_buffer=_LOCAL_WRITE_BUFFER, create=create
        )
        opened.append(local)
        journal = FileSegments(config.path("journal"), max_bytes=_JOURNAL_SEGMENT, create=create)
        return Stores(ledger, blocks, local, journal)
    except BaseException:
        for store in opened:
            store.close()
        raise


def _last_body(ledger: LevelStore) -> SegmentRef | None:
    """Where the last body lies that the ledger knows: it was synced before the ledger was."""
    raw = ledger.get(META)
    try:
        meta = None if raw is None else decode_meta(raw)
    except msgspec.DecodeError:  # whoever opens the ledger says so
        return None
    return SegmentRef(*meta.body) if meta and meta.body else None


class Node:
    """A running node: everything behind the API. Make it, `start` it, `stop` it.

    ``member`` runs it; ``audience`` is what the tokens of signed requests to it must name.
    ``ask_snapshot`` has one taken at the next block; None where the node runs alone.
    """

    def __init__(
        self,
        config: NodeConfig,
        deliver: Callable[[Iterable[Group]], None] = lambda groups: None,
        now: Callable[[], int] = system_time,
    ) -> None:
        self.config = config
        self.now = now
        self.log = structlog.get_logger("node")
        self.failure: BaseException | None = None
        self.failed = threading.Event()
        self.stores = open_stores(config, create=True)
        try:
            self._build(deliver)
        except BaseException:
            self.stores.close()
            raise

    def _build(self, deliver: Callable[[Iterable[Group]], None]) -> None:
        config, stores = self.config, self.stores
        if discard_half_restored(stores.ledger, stores.blocks, self._forget_engine):
            self.log.warning("a snapshot was restored only in part; the node begins anew")
        self.application = Application(stores.ledger, stores.blocks)
        if stores.ledger.get(ENDED) is not None:
            raise InvalidInput(
                str(config.home),
                "this home's chain has been ended by `evidence-node migrate prepare`; "
                "`evidence-node migrate apply` continues it under its new genesis, "
                "`evidence-node migrate prepare --undo` takes the end back",
            )
        if self.application.meta is None:
            self.application.init_chain(_read_genesis(config.path("genesis.json")))
        self.genesis: Genesis = self.application.genesis()
        self.frames = ReaderCache(stores.blocks)
        self.vault = open_vault(stores.local, config.path("keys"))
        self.access_log = AccessLog(stores.local)
        self._checkpoint_key = EdKey.load(config.path("keys/checkpoint.pem"))
        self.note_key = NoteKey(
            checkpoint_origin(self.genesis.chain_id), self._checkpoint_key.public_key
        )
        guard = DiskGuard(config.home, config.storage.min_free_megabytes << 20)
        limits = config.submission
        self.submission = Submission(
            self._worker_setup(),
            Keeping(Journal(stores.journal), stores.local, self.vault),
            self.application,
            SubmissionLimits(
                limits.max_items, limits.max_megabytes << 20, config.workers, limits.depth
            ),
            deliver,
            guard.reason,
        )
        self.application.on_keys(self.submission.keys_registered)
        self._validator = EdKey.load(config.path("keys/validator.pem"))
        self.published: Published | None = None
        self.ask_snapshot: Callable[[], Future[Manifest]] | None = None
        self.consortium: CometEngine | None = None
        self.engine = self._solo() if config.engine.kind == "solo" else self._consortium()
        self.member = config.operator.member or _validating_member(self.genesis, self._validator)
        if not self.member:
            raise InvalidInput(
                "node.toml, operator.member",
                "must name the member that runs this node, whose key is no validator's",
            )
        self.audience = request_audience(self.genesis.chain_id, self.member)
        self.operator = self._operator()
        self.seal_statuses: SealStatuses | None = None
        self.status_lists: StatusLists | None = None
        if self.operator is not None:
            self._publish_statuses(self.operator)
        self._reports: MisbehaviourReports | None = None
        if self.operator is not None and self.consortium is not None:
            self._reports = MisbehaviourReports(self.operator, self.reader)
            self.consortium.on_misbehaviour = self._reports.shown
        self.receipts = Receipts(stores.local, self.member, config.anchors.ignore)
        self.anchor_jobs = JobsKept(stores.local)
        self.anchoring: Anchoring | None = None
        if config.anchors.to or config.anchors.peers:
            self.anchoring = self._anchoring()
        self.certificates: CertificateIssuer | None = None
        if config.certificates.chain:
            self.certificates = self._certificates()

    def _worker_setup(self) -> WorkerSetup:
        chain, keys = self.genesis.chain_id, self.application.public_keys()
        geneses = read_geneses(self.stores.ledger)
        former = frozenset(genesis.chain_id for genesis in geneses[:-1])
        if self.config.engine.kind == "solo":
            return WorkerSetup(chain, keys, former=former)
        return WorkerSetup(chain, keys, _CONSORTIUM_FRAME, former)

    def _forget_engine(self) -> None:
        from node.engines.cometbft.engine_home import EngineHome

        EngineHome(self.config.path("engine")).forget()

    def _solo(self) -> Engine:
        config = self.config.engine
        return SoloEngine(
            self.application,
            self._validator,
            self.now,
            SoloSettings(config.max_frames, config.empty_block_ms),
            self.submission.committed,
            self._fail,
        )

    def _consortium(self) -> Engine:
        # A third of the time that a solo node's commands take to start would go here.
        from node.engines.cometbft.engine import CometEngine
        from node.engines.cometbft.engine_home import EngineSettings

        config = self.config.consortium
        self.published = Published(self.stores.ledger, self.application.layers)
        self.consortium = engine = CometEngine(
            self.application,
            self.published,
            self.config.path("engine"),
            self.config.path("snapshots"),
            Path(config.binary),
            self._validator,
            EdKey.load(self.config.path("keys/node.pem")),
            EngineSettings(
                listen=config.listen,
                peers=tuple(config.peers),
                moniker=self.config.operator.member or "node",
                timeout_commit_ms=config.timeout_commit_ms,
                timeout_propose_ms=config.timeout_propose_ms,
                empty_block_ms=self.config.engine.empty_block_ms,
                strict_addresses=config.strict_addresses,
                guests=tuple(config.guests),
                keep_blocks=config.keep_blocks,
                snapshot_every=config.snapshot_every,
                look_back_blocks=config.look_back_blocks,
                min_free=self.config.storage.min_free_megabytes << 20,
                sync=_state_sync(config.sync),
            ),
            self.submission,
            self.submission.committed,
            self._fail,
        )
        self.ask_snapshot = engine.snapshots.ask
        return engine

    def _operator(self) -> OperatorRecords | None:
        """The records of the node itself, where its operator's key is configured."""
        operator = self.config.operator
        if not operator.member:
            return None
        key = SigningKey.load(self.config.path(operator.key))
        return OperatorRecords(
            key, operator.member, self.genesis.chain_id, self.submission, self.now
        )

    def _publish_statuses(self, operator: OperatorRecords) -> None:
        seals, key, member = self.config.seals, operator.key, operator.member
        times = StatusTimes(seals.next_update_seconds, seals.stale_after_seconds)
        base = self.config.api.public_url.rstrip("/") + STATUS_LISTS_PATH
        self.seal_statuses = SealStatuses(key, member, times)
        self.status_lists = StatusLists(key, member, times, base)

    def _anchoring(self) -> Anchoring:
        # What belongs to outside chains is loaded by nodes that have some.
        from node.wiring_anchors import build_anchoring

        return build_anchoring(self)

    def _certificates(self) -> CertificateIssuer:
        # Typesetting and sealing are loaded by nodes that issue certificates.
        from node.wiring_certificates import build_certificates

        return build_certificates(self)

    def anchor_points(self, after: int) -> list[AnchorPoint]:
        """The anchor points above a height that are proven by now, the first thousand of them;
        none while the node fetches blocks of long ago: the newest of those is not the newest."""
        if self.is_joining or (self.consortium is not None and self.consortium.sight.catching_up):
            return []
        with self.reader() as reader:
            start, stop = number_key(ANCHOR_POINT, after + 1), ANCHOR_POINT + b"\xff"
            if next(iter(reader.rows.scan(start, stop)), None) is None:
                return []
            return list(islice(reader.anchor_points(after), _MOST_POINTS))

    @property
    def is_joining(self) -> bool:
        """Whether it has no blocks yet and is to begin with a snapshot of the others."""
        config = self.config
        if config.engine.kind == "solo" or not config.consortium.sync.servers:
            return False
        return self.application.written_height < self.genesis.initial_height

    def start(self) -> None:
        """Recover what a crash left, then take submissions and make blocks.

        Raises:
            LedgerFault: what is stored cannot be right.
            StorageError: a store cannot be used.
        """
        # What the writer makes lives long and holds no cycles: looking for some after every few
        # hundred objects took a sixth of its time (docs/performance.md).
        gc.freeze()
        gc.set_threshold(1_000_000, 50, 100)
        replayed = self.engine.recover()
        self._settle_vault()
        ring = self.application.key_ring()
        resumed = self.submission.start(self.engine, Intake(ring), take=False)
        self.engine.start(self.submission.pump, self.submission.wake)
        self.submission.take()
        if self.anchoring is not None:
            self.anchoring.start()
        if self.certificates is not None:
            self.certificates.start()
        self.log.info(
            "started",
            chain=self.genesis.chain_id,
            height=self.application.need_meta().height,
            replayed_blocks=replayed,
            resumed_submissions=resumed,
        )

    def _settle_vault(self) -> None:
        """Go on with a change of the wrapping key, and complete erasures that were cut off."""
        rotation = finish_rotation(self.vault, self.config.path("keys"))
        if rotation is not None:
            tell = self.log.info if rotation.complete else self.log.warning
            tell(
                "wrapping key changed" if rotation.complete else "wrapping key not changed yet",
                rewrapped=rotation.rewrapped,
                damaged=list(rotation.damaged),
                key=self.vault.wrapping_key_id,
            )
        self.purge_due()

    def purge_due(self) -> None:
        """Complete the erasures that are not; what fails is tried again at the next start."""
        try:
            dossiers = self.vault.purge_due()
        except StorageError as error:
            self.log.error("erasures not complete yet", reason=str(error))
        else:
            if dossiers:
                self.log.info("erasures completed", dossiers=dossiers)

    def stop(self) -> None:
        """Let what is under way come to its end, then close the stores."""
        if self.certificates is not None:
            self.certificates.stop()
        if self.anchoring is not None:
            self.anchoring.stop()
        self.submission.refuse("the node is stopping")
        if self._reports is not None:
            self._reports.stop()
        self.engine.stop()
        self.submission.stop()
        if self.failure is None:
            self.application.close()
        self.stores.close()
        self.log.info("stopped")

    def abandon(self) -> None:
        """End what a start has begun that failed; the stores stay open."""
        self.submission.refuse("the node did not start")
        self.engine.stop()
        self.submission.abandon()

    def _fail(self, error: BaseException) -> None:
        self.failure = error
        self.log.error("no more blocks", reason=str(error), fatal=isinstance(error, LedgerFault))
        self.failed.set()

    def reader(self) -> LedgerReader:
        """The ledger as of the last written block, or of the last that is proven where its proof
        comes later; close it after use."""
        if self.published is not None:
            return self.published.open(self.frames)
        return open_reader(self.stores.ledger, self.frames, self.application.layers)

    def checkpoint(self, reader: LedgerReader) -> bytes:
        """The signed checkpoint of what ``reader`` sees."""
        meta = reader.meta
        text = Checkpoint(
            self.note_key.name, meta.size, meta.root, meta.state_root, meta.height
        ).text()
        signature = self._checkpoint_key.sign(text.encode("utf-8"))
        return f"{text}\n{note_signature_line(self.note_key, signature)}".encode()


def _validating_member(genesis: Genesis, key: EdKey) -> str:
    """The member whose validator's key this node has; none has an observer's."""
    members = [
        item.member for item in genesis.validators if item.validator.public_key == key.public_key
    ]
    return members[0] if members else ""


def _state_sync(config: SyncConfig) -> StateSync | None:
    from node.engines.cometbft.engine_home import StateSync

    if not config.servers:
        return None
    return StateSync(
        tuple(url.rstrip("/") + _ENGINE_ROUTE for url in config.servers),
        config.trust_height,
        bytes.fromhex(config.trust_hash),
        config.trust_hours,
    )


def _read_genesis(path: Path) -> Genesis:
    try:
        return decode_genesis(path.read_bytes())
    except FileNotFoundError as error:
        raise InvalidInput(
            str(path), "is missing; run `evidence-node init`, or copy the consortium's genesis here"
        ) from error
