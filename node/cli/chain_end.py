"""Ending the chain of a node that does not run, so that another can continue it; and back."""

from __future__ import annotations

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.homes import opened_stores, read_meta
from node.config import NodeConfig
from node.core.encoding import canonical_json
from node.core.frame import decode_frame
from node.core.transaction import transaction_id
from node.engines.solo.recovery import replay
from node.ledger.application import Application
from node.ledger.intake import Intake
from node.ledger.lineage import ChainEnd, read_end
from node.ledger.rows import ENDED, TRANSACTION
from node.storage.ports import Segments, Store
from node.wiring import Stores

__all__ = ["end_chain", "reopen_chain"]


def end_chain(config: NodeConfig) -> ChainEnd:
    """End the chain: from now on its node makes no block. Done again it says the same.

    Raises:
        CommandFailure: the node is one of several, or has acknowledged what is not on the chain.
        InvalidInput: the chain has no block yet.
        StorageError: the node runs, or a store is damaged.
    """
    if config.engine.kind != "solo":
        raise CommandFailure(
            ExitCode.REFUSED,
            f"{config.home}: is the home of a consortium's node, whose chain no one member ends",
            "members, validators and parameters of a consortium are changed by votes",
        )
    with opened_stores(config) as stores:
        read_meta(stores.ledger)
        application = Application(stores.ledger, stores.blocks)
        replay(application, Intake(application.key_ring()))
        _check_journal(stores)
        end = read_end(stores.ledger, application.need_meta())
        _put(stores.ledger, canonical_json(end.to_json()))
        application.close()
    return end


def reopen_chain(config: NodeConfig) -> bool:
    """Take the end back; whether the chain had been ended."""
    with opened_stores(config) as stores:
        ended = stores.ledger.get(ENDED) is not None
        if ended:
            _put(stores.ledger, None)
    return ended


def _put(ledger: Store, value: bytes | None) -> None:
    batch = ledger.batch()
    if value is None:
        batch.delete(ENDED)
    else:
        batch.put(ENDED, value)
    ledger.write(batch, sync=True)


def _check_journal(stores: Stores) -> None:
    """What was acknowledged must be recorded or refused: it names this chain, so no other can."""
    count = sum(
        stores.ledger.get(TRANSACTION + transaction_id(jwt)[:20]) is None
        for jwt in _journaled(stores.journal)
    )
    if count:
        raise CommandFailure(
            ExitCode.TRY_AGAIN,
            f"{count} submissions that the node has acknowledged are not on the chain yet",
            "start the node, wait until `evidence-node status` shows none under way, stop it, and "
            "run this again",
        )


def _journaled(journal: Segments) -> list[bytes]:
    return [jwt for _, frame in journal.records(None) for jwt in decode_frame(frame)]
