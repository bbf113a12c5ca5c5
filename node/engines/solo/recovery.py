"""Recovery: blocks whose body is on disk and whose batch is not are made again from the body."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from node.core.block import Commit, Header
from node.core.errors import EvidenceError, LedgerFault
from node.ledger.application import Application
from node.ledger.body import decode_body
from node.ledger.intake import Intake
from node.ledger.rows import decode_kept, encode_kept

__all__ = ["encode_seal", "replay"]


def encode_seal(kept: Sequence[tuple[Header, Commit]]) -> bytes:
    """Headers and commits of the blocks that a body stands for, to be stored in it."""
    return msgspec.msgpack.encode([encode_kept(header, commit) for header, commit in kept])


def replay(application: Application, intake: Intake) -> int:
    """Make the blocks again whose bodies follow the last block written, and cut a torn tail.

    A body is synced before the batch that names it, so this is what a crash leaves between the two.
    The headers and commits are the ones that were signed then: none is signed a second time.

    Returns:
        How many bodies were replayed.

    Raises:
        LedgerFault: a body is not of the next height or leads to another app_hash.
    """
    replayed = 0
    for reference, payload in application.bodies.records(application.last_body):
        body = decode_body(payload)
        kept = [decode_kept(raw) for raw in msgspec.msgpack.decode(body.seal)]
        height = application.need_meta().height + 1
        if body.height < height:
            continue
        if body.height != height:
            raise LedgerFault(
                f"segment {reference.segment}, offset {reference.offset}: body of height "
                f"{body.height} where {height} should follow; restore a backup"
            )
        try:
            frames = application.process(body.frames, intake)
        except EvidenceError as error:
            raise LedgerFault(
                f"segment {reference.segment}, offset {reference.offset}: {error}"
            ) from error
        block = application.finalize(height, body.time, frames)
        blocks = [block]
        for header, _ in kept[1:]:
            if header.app_hash != block.app_hash:
                raise LedgerFault(
                    f"height {height}: replaying its body gives another app_hash than was signed; "
                    "do not go on with this store: keep it for examination and restore a backup"
                )
            empty = application.finalize(header.height, header.time.milliseconds, (), block.batch)
            blocks.append(empty)
        application.persist(blocks, kept, body.seal, reference)
        application.release(blocks)
        replayed += 1
    application.bodies.cut(application.last_body)
    return replayed
