"""The adapter for rekor-tiles v2, sigstore's transparency log.

An entry is the point's digest, signed deterministically (RFC 6979): the same point by the same key
is the same entry, however often it is made, and the log refuses a second one and tells the index of
the first, whose proof is then made from the log's tiles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chaincode_adapters.errors import Conflicting, Misconfigured, Refused, Unreachable
from chaincode_adapters.port import Final, Missing, Receipt, Signed, Standing, Surroundings
from chaincode_adapters.rekor.answers import message_of, read_log_entry, receipt_content
from chaincode_adapters.rekor.settings import RekorSettings
from chaincode_adapters.rekor.signing import EntryKey
from chaincode_adapters.rekor.tiles import Tiles, TilesMissing
from chaincode_adapters.rest.exchange import Exchange, Reply, Sent, retry_after
from node.core.anchors.log_notes import (
    LogCheckpoint,
    LogKey,
    check_cosignature,
    check_log_signature,
)
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rekor import (
    RekorReceipt,
    check_in_log,
    decode_rekor_receipt,
    decode_trusted_log,
    entry_bytes,
)
from node.core.encoding import canonical_json, decode_canonical_json
from node.core.errors import InvalidInput
from node.core.merkle import inclusion_path, leaf_hash, verify_inclusion
from node.core.signatures import load_backend

__all__ = ["RekorAdapter"]

_PATH = "/api/v2/log/entries"
_MAX_ANSWER = 1 << 20


class RekorAdapter:
    """One log. See `chaincode_adapters.port.AnchorAdapter`."""

    kind = "rekor"

    def __init__(
        self,
        settings: RekorSettings,
        key: EntryKey,
        exchange: Callable[..., Reply],
        tiles: str,
        surroundings: Surroundings,
    ) -> None:
        self.name = settings.name
        self.in_flight = settings.in_flight
        self.poll_ms = settings.poll_ms
        self._settings = settings
        self._key = key
        self._exchange = exchange
        self._surroundings = surroundings
        self._backend = load_backend()
        try:
            log = decode_trusted_log(self.trust_entry(), "settings")
        except InvalidInput as error:
            raise Misconfigured(str(error)) from error
        self.chain = _chain_of(log.key)
        self._log: LogKey = log.key
        self._witnesses = tuple(key for _, key in log.witnesses)
        self._tiles = Tiles(lambda path: exchange(Sent("GET", path, (), b""), url=tiles))
        self._fresh: set[str] = set()

    def open(self) -> None:
        """Nothing to find out: the log's key says which one it is."""
        if isinstance(self._exchange, Exchange):
            self._exchange.open()

    def close(self) -> None:
        """Close the connections."""
        self._fresh.clear()
        if isinstance(self._exchange, Exchange):
            self._exchange.close()

    def sign(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Signed:
        """The entry; its id is its leaf hash. Every attempt is the same one."""
        entry = entry_bytes(point.digest(), self._key.sign(point.document()), self._key.public)
        return Signed(leaf_hash(entry).hex(), entry)

    def send(self, point: AnchorPoint, signed: Signed) -> bytes:
        """Submit. Returns the receipt, checked."""
        reply = self._exchange(_submission(signed.payload))
        if reply.status == 409:
            content = self._of_duplicate(reply, signed)
        elif reply.status in (200, 201):
            content = read_log_entry(reply, signed.payload, self._keys)
        else:
            raise _refusal(reply)
        self._checked(content, point)
        self._fresh.add(signed.external_tx)
        return canonical_json(content)

    def look_up(self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes) -> Standing:
        """By the receipt that was kept; asked again later, by the log's tiles too. A log cannot be
        searched: without a receipt the entry is sent again, and the log tells where it is."""
        if not answer or not attempts:
            return Missing(asked=False)
        receipt = self._checked(_decode_answer(answer), point)
        leaf = leaf_hash(receipt.entry.raw)
        if leaf.hex() in self._fresh:
            self._fresh.discard(leaf.hex())
        else:
            self._check_still_there(leaf, receipt)
        return Final(leaf.hex(), receipt.index, leaf.hex(), self._time_of(receipt))

    def receipt(
        self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes, final: Final
    ) -> Receipt:
        """See docs/spec/anchor-rekor.md."""
        content = _decode_answer(answer)
        receipt = self._checked(content, point)
        return Receipt("rekor", content, final.external_tx, receipt.index, self._time_of(receipt))

    def trust_entry(self) -> dict[str, Any]:
        """The log's, with its witnesses."""
        settings = self._settings
        entry: dict[str, Any] = {
            "kind": "rekor",
            "log_key": settings.log_key,
            "name": settings.name,
            "operator": settings.operator,
        }
        if settings.witnesses:
            entry["witnesses"] = [
                {"key": one.key, "operator": one.operator} for one in settings.witnesses
            ]
        return entry

    # -- checking ---------------------------------------------------------------------------------

    @property
    def _keys(self) -> tuple[LogKey, ...]:
        return (self._log, *self._witnesses)

    def _checked(self, content: dict[str, Any], point: AnchorPoint) -> RekorReceipt:
        """The receipt, once all of it but a court's trust file says that it holds."""
        try:
            receipt = decode_rekor_receipt(content, "answer")
            check_in_log(receipt, point, self._backend, "answer")
            self._check_signed(receipt.checkpoint)
        except InvalidInput as error:
            raise Unreachable(f"the log's proof does not hold: {error}") from error
        return receipt

    def _check_signed(self, checkpoint: LogCheckpoint) -> None:
        check_log_signature(checkpoint, self._log, self._backend, "checkpoint")

    def _time_of(self, receipt: RekorReceipt) -> int:
        """The earliest time that a witness vouches for; where none does, this node's own, which
        nobody vouches for and the verifier therefore does not tell."""
        times = []
        signers = {(name, key_id) for name, key_id, _ in receipt.checkpoint.signatures}
        for witness in self._witnesses:
            if (witness.name, witness.id) in signers:
                try:
                    times.append(
                        check_cosignature(receipt.checkpoint, witness, self._backend, "").time
                    )
                except InvalidInput as error:
                    raise Unreachable(f"the log's proof does not hold: {error}") from error
        return min(times, default=self._surroundings.now())

    # -- the log's tiles --------------------------------------------------------------------------

    def _of_duplicate(self, reply: Reply, signed: Signed) -> dict[str, Any]:
        """The receipt of the entry that the log has already."""
        text = reply.headers.get("x-log-index", "")
        if not (text.isascii() and text.isdigit() and len(text) <= 16):
            raise Unreachable(f"{message_of(reply)}: without the index of the entry")
        index, checkpoint = int(text), self._tiles.checkpoint()
        if checkpoint.size <= index:
            raise Unreachable(f"entry {index} is under no checkpoint yet")
        path = self._path(index, checkpoint)
        return receipt_content(signed.payload, index, path, checkpoint, self._keys)

    def _path(self, index: int, checkpoint: LogCheckpoint) -> list[bytes]:
        return inclusion_path(index, checkpoint.size, self._tiles.reader(checkpoint.size))

    def _check_still_there(self, leaf: bytes, receipt: RekorReceipt) -> None:
        """Check that the log's newest checkpoint has the entry where it was.

        Raises:
            Conflicting: the log has signed a tree with something else there.
        """
        try:
            checkpoint = self._tiles.checkpoint()
            self._check_signed(checkpoint)
            if checkpoint.size < receipt.checkpoint.size:
                return  # a mirror that lags; the tree that it has is not denied by the newer one
            path = self._path(receipt.index, checkpoint)
            theirs = self._tiles.reader(checkpoint.size)(0, receipt.index)
        except TilesMissing:
            return  # this log cannot be asked
        except InvalidInput as error:
            raise Unreachable(f"the log's {error}") from error
        if theirs == leaf:
            return
        try:
            verify_inclusion(theirs, receipt.index, checkpoint.size, path, checkpoint.root)
        except InvalidInput as error:
            raise Unreachable(f"the log's tiles do not lead to its checkpoint: {error}") from error
        raise Conflicting(
            f"the log has signed a tree with another entry at {receipt.index}: {theirs.hex()}"
        )


def _chain_of(log: LogKey) -> str:
    """The log's name, as far as it fits, and its key's id."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "._/-") else "-" for c in log.name)
    return f"rekor:{log.id.hex()}:{name}"[:64]


def _submission(entry: bytes) -> Sent:
    """The request that makes ``entry``."""
    value = decode_canonical_json(entry, place="kept entry", max_bytes=_MAX_ANSWER)
    record = value["spec"]["hashedRekordV002"]
    body = {
        "hashedRekordRequestV002": {
            "digest": record["data"]["digest"],
            "signature": record["signature"],
        }
    }
    return Sent("POST", _PATH, (("Content-Type", "application/json"),), canonical_json(body))


def _refusal(reply: Reply) -> Exception:
    told = message_of(reply)
    if reply.status == 405:
        return Misconfigured(f"url: this log takes no entries any more: {told}")
    if reply.status in (400, 413, 422):
        return Refused(told)
    return Unreachable(told, retry_after(reply))


def _decode_answer(answer: bytes) -> dict[str, Any]:
    try:
        return decode_canonical_json(answer, place="kept answer", max_bytes=_MAX_ANSWER)
    except InvalidInput as error:
        raise Unreachable(str(error)) from error
