"""Proofs as they stand in bundles: of the state map, and what they lead to."""

from __future__ import annotations

from typing import Any

from node.core.block import Commit, Header
from node.core.bundle import commit_json, header_json, validator_set_json
from node.ledger.reader import LedgerReader, LogEntry

__all__ = ["inclusion_json", "signed_json", "state_json"]


def state_json(reader: LedgerReader, key: str) -> dict[str, Any]:
    """Proof of a key's value or absence, with the roots, header and commit that it leads to.

    Raises:
        NotProven: the chain has no block yet whose header shows the state.
    """
    height = reader.as_of
    return {"as_of": height, "proof": reader.prove(key).to_json(), **_shown_by(reader, height)}


def inclusion_json(reader: LedgerReader, entry: LogEntry) -> dict[str, Any]:
    """Inclusion of an entry in the log after its block, and what shows that log."""
    height = entry.entry.height
    size = reader.roots(height).size
    return {
        "index": entry.index,
        "size": size,
        "leaf_hash": entry.entry.leaf_hash().hex(),
        "path": [step.hex() for step in reader.inclusion(entry.index, size)],
        **_shown_by(reader, height),
    }


def _shown_by(reader: LedgerReader, height: int) -> dict[str, Any]:
    """Roots after ``height``, and the next header, whose app_hash is of them, with its commit."""
    row = reader.roots(height)
    header, commit = reader.need_kept(height + 1)
    return {
        "roots": {
            "height": height,
            "size": row.size,
            "root": row.root.hex(),
            "state_root": row.state_root.hex(),
        },
        **signed_json(reader, header, commit),
    }


def signed_json(reader: LedgerReader, header: Header, commit: Commit) -> dict[str, Any]:
    """A header, its commit, and who signed."""
    return {
        "header": header_json(header),
        "commit": commit_json(commit),
        "validators": validator_set_json(reader.validators(header.validators_hash)),
    }
