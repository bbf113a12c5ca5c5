"""What became of a transaction, as the ledger has it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from node.core.frame import decode_frame
from node.core.transaction import transaction_id
from node.ledger.reader import LedgerReader, LogEntry
from node.ledger.rows import TRANSACTION
from node.rules.rejections import REJECTIONS, Rejection

__all__ = ["Recorded", "RefusedThen", "proven_time", "standing_of"]


@dataclass(frozen=True)
class Recorded:
    """It is in the log. ``proven_time`` is that of the next header, in ms."""

    entry: LogEntry
    proven_time: int


@dataclass(frozen=True)
class RefusedThen:
    """A rule refused it in the block at ``height``."""

    rejection: Rejection
    height: int


def standing_of(reader: LedgerReader, identifier: bytes) -> Recorded | RefusedThen | None:
    """Where the transaction with this id was judged; None where the ledger has not seen it.

    The rows are found by 20 of the id's 32 bytes; the others are compared with the transaction.

    Raises:
        LedgerFault: what is stored does not hold.
    """
    judged = reader.judged(identifier)
    if judged is None:
        return None
    if judged.index is not None:
        entry = reader.entry(judged.index)
        if entry.transaction.id != identifier:
            return None
        return Recorded(entry, proven_time(reader, entry.entry.height))
    if _refused_id(reader, identifier) != identifier:
        return None
    return RefusedThen(REJECTIONS[judged.rejection], judged.height)


def proven_time(reader: LedgerReader, height: int) -> int:
    """The time, in ms, of the header that shows the log after the block at ``height``."""
    return reader.need_kept(height + 1)[0].time.milliseconds


def _refused_id(reader: LedgerReader, identifier: bytes) -> bytes:
    """The id of the refused transaction that the row found by ``identifier`` speaks of."""
    raw = reader.rows.get(TRANSACTION + identifier[:20]) or bytes(10)
    height, frame, place = int.from_bytes(raw[1:7], "big"), int.from_bytes(raw[7:9], "big"), raw[9]
    packed = next(islice(reader.frames(reader.need_block(height)), frame, None))
    return transaction_id(decode_frame(packed)[place])
