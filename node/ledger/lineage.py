"""The chains that a ledger holds one behind the other, and the point at which one ends.

A ledger has one log and one state map. A genesis that names the chain before it is one more entry
of that log (docs/spec/genesis.md); the geneses before it are kept beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.core.block import Header
from node.core.bundle import MAX_BUNDLE_PREDECESSORS
from node.core.ended_chain import EndedChain
from node.core.errors import InvalidInput, LedgerFault
from node.core.genesis import Genesis, Predecessor, decode_genesis
from node.ledger.rows import (
    GENESIS,
    KEPT,
    PREDECESSOR,
    Meta,
    decode_kept,
    number_key,
)
from node.storage.ports import Reader

__all__ = [
    "ChainEnd",
    "check_continues",
    "genesis_documents",
    "read_end",
    "read_geneses",
]

_HIGHEST = (1 << 48) - 1


@dataclass(frozen=True)
class ChainEnd:
    """Where a chain ends, for the genesis that continues it. ``last`` is its last header."""

    predecessor: Predecessor
    last: Header

    @property
    def initial_height(self) -> int:
        """The first height of whatever continues it."""
        return self.last.height + 2

    def to_json(self) -> dict[str, Any]:
        """What `evidence-node migrate prepare` writes."""
        after = self.last.time.milliseconds
        return EndedChain(self.predecessor, self.initial_height, after).to_json()


def genesis_documents(rows: Reader) -> dict[int, bytes]:
    """The genesis documents of a ledger by their index in the log, oldest first.

    Raises:
        LedgerFault: it holds none, or a damaged one.
    """
    newest = rows.get(GENESIS)
    if newest is None:
        raise LedgerFault("the store holds no chain: its genesis is missing")
    older = list(rows.scan(PREDECESSOR, number_key(PREDECESSOR, _HIGHEST)))
    documents = {int.from_bytes(key[1:], "big"): document for key, document in older}
    if not documents:
        return {0: newest}
    documents[_need(newest).index] = newest
    return documents


def read_geneses(rows: Reader) -> list[Genesis]:
    """The geneses of a ledger, oldest first; the last is that of its newest chain.

    Raises:
        LedgerFault: it holds none, one is damaged, or one does not name the one before it.
    """
    geneses = [_need(document) for document in genesis_documents(rows).values()]
    before = None
    for genesis in geneses:
        named = None if genesis.predecessor is None else genesis.predecessor.chain_id
        if named != before:
            raise LedgerFault(f"the genesis of {genesis.chain_id} does not continue {before}")
        before = genesis.chain_id
    return geneses


def _need(document: bytes) -> Genesis:
    try:
        return _decoded(document)
    except InvalidInput as error:
        raise LedgerFault(f"the genesis in the store is damaged: {error}") from error


@functools.lru_cache(maxsize=64)
def _decoded(document: bytes) -> Genesis:
    """Checking its keys takes long, and each bundle asks for it."""
    return decode_genesis(document)


def read_end(rows: Reader, meta: Meta) -> ChainEnd:
    """Where the ledger's newest chain ends, if no more blocks are made.

    Args:
        rows: its store.
        meta: how far it has come.

    Raises:
        InvalidInput: it cannot end here: no header with a commit shows log and state as they are.
    """
    raw = rows.get(number_key(KEPT, meta.height))
    header, commit = (None, None) if raw is None else decode_kept(raw)
    if header is None or commit is None or header.app_hash != meta.app_hash:
        raise InvalidInput(
            f"chain {meta.chain_id}",
            f"cannot end at height {meta.height}, whose header does not show all that was "
            "recorded; start its node, let it make a block, and stop it",
        )
    before = Predecessor(meta.chain_id, meta.size, meta.root, meta.state_root, header.hash())
    return ChainEnd(before, header)


def check_continues(genesis: Genesis, before: Sequence[Genesis], end: ChainEnd) -> None:
    """Check that ``genesis`` continues the chains ``before`` where the last of them ends.

    Raises:
        InvalidInput: names what of the genesis is another.
    """
    named = genesis.predecessor
    if named is None:
        raise InvalidInput("genesis.predecessor", "is missing: this genesis continues no chain")
    for name, found in end.predecessor.to_json().items():
        if named.to_json()[name] != found:
            raise InvalidInput(
                f"genesis.predecessor.{name}",
                f"is {named.to_json()[name]}, the ledger's chain ends with {found}",
            )
    if genesis.initial_height != end.initial_height:
        raise InvalidInput(
            "genesis.initial_height", f"must be {end.initial_height}, behind the chain before"
        )
    if genesis.genesis_time <= end.last.time.milliseconds:
        raise InvalidInput(
            "genesis.genesis_time",
            f"must be after {end.last.time.milliseconds}, the time of the last block before",
        )
    if len(before) > MAX_BUNDLE_PREDECESSORS:
        raise InvalidInput(
            "genesis.predecessor",
            f"would be the {len(before)}th, and bundles hold {MAX_BUNDLE_PREDECESSORS}",
        )
    if genesis.chain_id in {one.chain_id for one in before}:
        raise InvalidInput("genesis.chain_id", "is that of a chain before it")
