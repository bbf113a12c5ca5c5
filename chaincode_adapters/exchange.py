"""Fetching the receipts of other members' anchors, so that any node's bundle has them.

The ledger names each by its SHA-256. Whoever gives it is believed in nothing: it must hash to that,
be of its form, be of a point of this very ledger, and hold by itself.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import httpx
import structlog

from chaincode_adapters.deadline import Connections, Deadline
from chaincode_adapters.errors import place_of
from chaincode_adapters.jobs import shortened
from chaincode_adapters.receipts import MAX_RECEIPT_BYTES, Receipts, Wanted, decode_item
from chaincode_adapters.retry import backoff
from node.core.anchors.point import AnchorPoint
from node.core.anchors.receipts import AnchorReceipt
from node.core.errors import EvidenceError, InvalidInput, InvalidProof, LedgerFault
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader
from node.storage.errors import StorageError

__all__ = ["Exchange", "check_point"]

_IDLE_SECONDS = 5.0
_TIMEOUT_SECONDS = 10.0
_MOST_FOLLOWED = 200
_MOST_FETCHED = 20
"""Receipts of one member that are asked for in a round: however many it records, those of the
others are asked for as soon."""
_MOST_BYTES_AN_HOUR = 64 << 20
"""Of one member: a record of a kilobyte can name a receipt of a megabyte."""
_HOUR = 3600.0
_MOST_PAUSES = 20_000
_MOST_PAUSE = 600.0
_REFUSED_PAUSE = 3600.0


class _NotGiven(Exception):
    """A node gave no answer, or has no such receipt (``missing``)."""

    def __init__(self, text: str, *, missing: bool = False) -> None:
        super().__init__(text)
        self.missing = missing


class _Pauses:
    """What is not asked again before a while has passed, the longer the more often it failed."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[Hashable, tuple[int, float]] = {}

    def waits(self, key: Hashable) -> bool:
        held = self._held.get(key)
        return held is not None and held[1] > self._clock()

    def failed(self, key: Hashable, at_least: float = 0.0) -> None:
        times = self._held.get(key, (0, 0.0))[0] + 1
        pause = max(at_least, backoff(times, first=5.0, most=_MOST_PAUSE))
        if len(self._held) >= _MOST_PAUSES:
            now = self._clock()
            self._held = {key: held for key, held in self._held.items() if held[1] > now}
        if len(self._held) >= _MOST_PAUSES:
            self._held.clear()
        self._held[key] = times, self._clock() + pause

    def forget(self, key: Hashable) -> None:
        self._held.pop(key, None)


def check_point(point: AnchorPoint, wanted: Wanted, reader: LedgerReader) -> None:
    """Check that a point is one of this ledger, and the one that was recorded.

    Raises:
        InvalidProof: it is not.
    """
    recorded = (wanted.size, wanted.root, wanted.state_root)
    if (point.size, point.root, point.state_root) != recorded:
        raise InvalidProof("item.point", "must be the point that the ledger's record names")
    if point.height >= reader.meta.height or point != _point_at(point.height, reader):
        raise InvalidProof("item.point", "must be a point of this ledger")


def _point_at(height: int, reader: LedgerReader) -> AnchorPoint:
    roots, proof = reader.roots(height), reader.header(height + 1)
    return AnchorPoint(
        reader.chain_id_at(height),
        height,
        roots.size,
        roots.root,
        roots.state_root,
        proof.hash(),
    )


class Exchange:
    """Follows the ledger's anchors and fetches what is missing, in a thread of its own. ``refused``
    counts wrong receipts, ``trouble`` says why its thread has ended.

    Args:
        peers: URLs of other nodes.
        receipts: where they are kept.
        reader: opens the ledger.
        check: what an item must pass; raises InvalidInput.
        clock: seconds that only grow.
        transport: replaces the network in tests.
    """

    def __init__(
        self,
        peers: Sequence[str],
        receipts: Receipts,
        reader: Callable[[], LedgerReader],
        check: Callable[[AnchorReceipt], object],
        *,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.refused = 0
        self.trouble = ""
        self._peers = [url.rstrip("/") for url in peers]
        self._receipts = receipts
        self._reader = reader
        self._check = check
        self._clock = clock
        self._silent = _Pauses(clock)
        self._later = _Pauses(clock)
        self._after: dict[str, bytes] = {}
        self._taken: dict[str, tuple[float, int]] = {}
        self._http = httpx.Client(
            timeout=_TIMEOUT_SECONDS,
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            headers={"accept-encoding": "identity"},  # a few bytes can unpack to very many
        )
        self._connections = Connections()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._log = structlog.get_logger("anchors")

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self.run, name="anchor-exchange", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Have it end, and what it is asking for too."""
        self._stopping.set()
        self._connections.cut()

    def join(self, timeout: float) -> None:
        """Wait until it has ended."""
        if self._thread is not None:
            self._thread.join(timeout)

    def run(self) -> None:
        """Follow and fetch until told to stop."""
        try:
            while not self._stopping.wait(0 if self.round() else _IDLE_SECONDS):
                pass
        except EvidenceError as error:
            self._ends(shortened(str(error)))
        except Exception as error:  # noqa: BLE001 - a fault of this program's; it must be seen
            self._ends(place_of(error))
        finally:
            self._http.close()
            self._connections.close()

    def _ends(self, reason: str) -> None:
        if not self._stopping.is_set():
            self.trouble = f"its thread has ended: {reason}"
            self._log.error("receipts are not fetched any more", reason=reason)

    def round(self) -> bool:
        """Follow the ledger a step and fetch what is missing; whether there is more at once.

        Raises:
            StorageError, LedgerFault: nothing can be read or kept.
        """
        more = self._follow()
        for member in self._receipts.members_wanted():
            found = self._receipts.wanted_in_turn(
                member, self._after.get(member, b""), _MOST_FETCHED
            )
            self._after[member] = found[-1].receipt if len(found) == _MOST_FETCHED else b""
            for wanted in found:
                if self._stopping.is_set():
                    return False
                if self._has_enough_of(member):
                    self._after[member] = b""
                    break
                self._fetch(wanted)
        return more

    def _follow(self) -> bool:
        """Note the receipts that the ledger names; whether it names more than were looked at."""
        first = self._receipts.followed
        with self._reader() as reader:
            size = reader.meta.size
            if size < first:  # an older ledger was restored: what is in it now may be another thing
                first = 0
            found = list(find(reader.rows, "anchor", "", limit=_MOST_FOLLOWED, first=first))
            found = [index for index in found if index < size]
            wanted = [_wanted(entry.parts[1], entry.index) for entry in reader.entries(found)]
        more = len(found) == _MOST_FOLLOWED
        followed = found[-1] + 1 if more else size
        if wanted or more or abs(followed - self._receipts.followed) >= _MOST_FOLLOWED:
            self._receipts.want(wanted, followed)
        return more

    def _fetch(self, wanted: Wanted) -> None:
        """Ask one node after the other for a receipt, those that are not to be left alone now."""
        if self._receipts.get(wanted.receipt) is not None:
            self._receipts.not_wanted(wanted)
            return
        for url in self._peers:
            key = (url, wanted.receipt)
            if self._silent.waits(url) or self._later.waits(key):
                continue
            try:
                content = self._get(url, wanted.receipt)
            except _NotGiven as reason:
                if reason.missing:
                    self._later.failed(key)
                else:
                    self._silent.failed(url)
                continue
            self._silent.forget(url)
            try:
                self._admit(content, wanted)
            except InvalidInput as error:
                self._refuse(wanted, url, error)
                continue
            for other in self._peers:
                self._later.forget((other, wanted.receipt))
            self._log.info("receipt fetched", chain=wanted.chain, size=wanted.size, given_by=url)
            return

    def _refuse(self, wanted: Wanted, url: str, error: InvalidInput) -> None:
        self.refused += 1
        self._later.failed((url, wanted.receipt), at_least=_REFUSED_PAUSE)
        self._log.error(
            "wrong receipt",
            receipt=wanted.receipt.hex(),
            recorded_by=wanted.member,
            given_by=url,
            reason=shortened(str(error)),
        )

    def _admit(self, content: bytes, wanted: Wanted) -> None:
        """Keep a receipt that was given. Raises InvalidInput where it is not the one wanted."""
        if hashlib.sha256(content).digest() != wanted.receipt:
            raise InvalidProof("item", "must hash to what the ledger's record names")
        item = self._decoded(content)
        with self._reader() as reader:
            try:
                check_point(item.point, wanted, reader)
            except (StorageError, InvalidInput):
                raise
            except LedgerFault as error:
                raise InvalidProof("item.point", f"cannot be compared: {error}") from error
        self._checked(item)
        self._receipts.keep(content, wanted)
        since, taken = self._taken.get(wanted.member, (self._clock(), 0))
        self._taken[wanted.member] = since, taken + len(content)

    def _decoded(self, content: bytes) -> AnchorReceipt:
        try:
            return decode_item(content)
        except InvalidInput:
            raise
        except Exception as error:  # noqa: BLE001 - made up by whoever recorded it; one is enough
            raise InvalidProof("item", f"cannot be read: {place_of(error)}") from None

    def _checked(self, item: AnchorReceipt) -> None:
        try:
            self._check(item)
        except InvalidInput:
            raise
        except Exception as error:  # noqa: BLE001 - made up by whoever recorded it; one is enough
            raise InvalidProof("item", f"cannot be checked: {place_of(error)}") from None

    def _has_enough_of(self, member: str) -> bool:
        """Whether so much of a member was kept within the hour that the rest has to wait."""
        since, taken = self._taken.get(member, (0.0, 0))
        if taken and self._clock() - since >= _HOUR:
            del self._taken[member]
            return False
        return taken >= _MOST_BYTES_AN_HOUR

    def _get(self, url: str, receipt: bytes) -> bytes:
        try:
            with Deadline(self._connections, _TIMEOUT_SECONDS):
                return self._read(f"{url}/v1/anchors/receipts/{receipt.hex()}")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise _NotGiven(str(error) or type(error).__name__) from error

    def _read(self, url: str) -> bytes:
        content = b""
        watched = {"trace": self._connections.watch}
        with self._http.stream("GET", url, extensions=watched) as answer:
            if answer.status_code == 404:
                raise _NotGiven("it has none", missing=True)
            if answer.status_code != 200:
                raise _NotGiven(f"answered {answer.status_code}")
            for part in answer.iter_raw():
                content += part
                if len(content) > MAX_RECEIPT_BYTES:
                    break  # it will not hash to what is wanted, which is shorter
        return content


def _wanted(payload: dict[str, Any], index: int) -> Wanted:
    data = payload["data"]
    return Wanted(
        receipt=bytes.fromhex(data["receipt_hash"]),
        index=index,
        member=payload["iss"],
        chain=data["chain"],
        size=data["size"],
        root=bytes.fromhex(data["root"]),
        state_root=bytes.fromhex(data["state_root"]),
    )
