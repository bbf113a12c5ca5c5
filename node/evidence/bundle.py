"""Building evidence bundles ``evidence-bundle/1`` (see ``docs/spec/bundle.md``)."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson

from node.core.block import Commit, Header, ValidatorSet
from node.core.bundle import (
    BUNDLE_FORMAT,
    MAX_BUNDLE_BYTES,
    MAX_BUNDLE_RECORDS,
    commit_json,
    header_json,
    validator_set_json,
)
from node.core.disclosure import disclosure_digest
from node.core.errors import InvalidInput
from node.ledger.reader import LedgerReader, LogEntry

__all__ = [
    "Receipts",
    "Shown",
    "bundle_dossier",
    "bundle_record",
    "encode_bundle",
    "no_receipts",
    "show_chain",
]

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
_LEAST_BESIDE = 200
"""Bytes of an entry's item in a bundle that are not the entry, at the very least."""

Shown = tuple[bytes, str]
"""The id of the transaction that a disclosure was handed in with, and the disclosure, encoded."""

Receipts = Callable[[Sequence[int], int], Sequence[dict[str, Any]]]
"""Given the indexes of records and the size of the log that is shown: receipts whose points cover
them and are not beyond it, as items of a bundle's ``anchors``."""


def no_receipts(indexes: Sequence[int], size: int) -> Sequence[dict[str, Any]]:
    """Those of a node that anchors nowhere."""
    return ()


def encode_bundle(bundle: dict[str, Any]) -> bytes:
    """The bundle as a file: canonical JSON, as `node.core.encoding.canonical_json` gives it (all
    member names are ASCII and all numbers integers, so C may make it), and a newline. Receipts for
    which there is no room are left out, those of the oldest points first: they cover the fewest.

    Raises:
        InvalidInput: it is larger than verifiers take.
    """
    encoded = orjson.dumps(bundle, option=_OPTIONS)
    excess, kept = len(encoded) - MAX_BUNDLE_BYTES, list(bundle["anchors"])
    while excess > 0 and kept:
        excess -= len(orjson.dumps(kept.pop(0))) + 1  # and its comma
    if len(kept) < len(bundle["anchors"]):
        encoded = orjson.dumps({**bundle, "anchors": kept}, option=_OPTIONS)
    if len(encoded) > MAX_BUNDLE_BYTES:
        raise _too_large(f"{len(encoded)} bytes are")
    return encoded


def bundle_dossier(
    reader: LedgerReader,
    subject: str,
    disclosures: Iterable[Shown] = (),
    *,
    from_size: int | None = None,
    anchors: Receipts = no_receipts,
    also: Iterable[str] = (),
) -> dict[str, Any]:
    """The bundle of a whole dossier, up to its last record.

    Args:
        reader: the ledger as of the moment that the bundle speaks of.
        subject: the dossier's ``sub``.
        disclosures: those that whoever gets the bundle may see.
        from_size: a size of the log that its reader knows; a consistency proof leads from there.
        anchors: gives the receipts of outside chains.
        also: further keys of the state map to prove, or to prove absent.

    Raises:
        InvalidInput: there is no such dossier, no record of it names a disclosure, the log that
            the bundle shows has not come to ``from_size``, or the bundle would be too large.
    """
    count = reader.dossier_count(subject)
    if not count:
        raise InvalidInput("dossier", f"{subject} does not exist")
    if count > MAX_BUNDLE_RECORDS:
        raise _too_large(f"{count} records are")
    indexes = reader.dossier_indexes(subject)
    return _bundle(reader, "dossier", indexes, disclosures, from_size, anchors, also)


def bundle_record(
    reader: LedgerReader,
    index: int,
    disclosures: Iterable[Shown] = (),
    *,
    from_size: int | None = None,
    anchors: Receipts = no_receipts,
    also: Iterable[str] = (),
) -> dict[str, Any]:
    """The bundle of one record, which says nothing of the others of its dossier.

    Raises:
        InvalidInput: as `bundle_dossier`, where there is no such entry.
    """
    return _bundle(reader, "record", [index], disclosures, from_size, anchors, also)


def show_chain(reader: LedgerReader) -> dict[str, Any]:
    """``chain`` and ``predecessors`` as a bundle has them, of what shows the newest state alone."""
    chains = _Chains(reader)
    newest = chains.of(reader.as_of)
    newest.add_roots(reader.as_of)
    newest.add_changes(reader.as_of)
    *before, chain = chains.to_json(newest.size_after(reader.as_of))
    return {"chain": chain, "predecessors": before}


class _ChainParts:
    """Headers, commits, validator sets and roots that a bundle's claims rest on, of one chain whose
    genesis stands at the height ``start``."""

    def __init__(self, reader: LedgerReader, start: int) -> None:
        self._reader = reader
        self._start = start
        self._headers: dict[int, Header] = {}
        self._commits: dict[int, Commit] = {}
        self._sets: dict[bytes, ValidatorSet] = {}
        self._roots: dict[int, dict[str, Any]] = {}

    def add_roots(self, height: int) -> None:
        """Log and state after ``height``, with the next header and its commit that prove them."""
        if height in self._roots:
            return
        row = self._reader.roots(height)
        self._roots[height] = {
            "height": height,
            "root": row.root.hex(),
            "size": row.size,
            "state_root": row.state_root.hex(),
        }
        self._add_committed(height + 1)

    def _add_committed(self, height: int) -> None:
        header, commit = self._reader.need_kept(height)
        self._headers[height], self._commits[height] = header, commit
        if header.validators_hash not in self._sets:
            self._sets[header.validators_hash] = self._reader.validators(header.validators_hash)

    def add_changes(self, height: int) -> None:
        """The headers up to ``height`` that name other validators for the next one, with their
        commits: a set of validators is believed because the one before it signed for it."""
        for changed in self._reader.changes_of_validators(height):
            if changed > self._start:
                self._add_committed(changed)

    def later_validators(self) -> list[str]:
        """Addresses of all validators, where there was a change; else the genesis names them."""
        if len(self._sets) == 1:
            return []
        shown = (item for members in self._sets.values() for item in members.validators)
        return sorted({item.address.hex() for item in shown})

    def size_after(self, height: int) -> int:
        """How many entries the log has after ``height``, whose roots have been added."""
        size: int = self._roots[height]["size"]
        return size

    def add_time(self, height: int) -> None:
        """The header that gives the block at ``height`` its time; the next one vouches for it."""
        if height not in self._headers:
            self._headers[height] = self._reader.header(height)

    def to_json(self, genesis: bytes, genesis_path: Sequence[bytes]) -> dict[str, Any]:
        """The bundle's ``chain``."""
        return {
            "commits": [commit_json(self._commits[height]) for height in sorted(self._commits)],
            "genesis": genesis.decode("utf-8"),
            "genesis_path": [step.hex() for step in genesis_path],
            "headers": [header_json(self._headers[height]) for height in sorted(self._headers)],
            "roots": [self._roots[height] for height in sorted(self._roots)],
            "validator_sets": [validator_set_json(members) for members in self._sets.values()],
        }


class _Chains:
    """The parts of all chains that the ledger holds, oldest first, each with its last header.

    ``seams`` are the sizes of the log at which one continues another.
    """

    def __init__(self, reader: LedgerReader) -> None:
        self._reader = reader
        self._documents = reader.genesis_documents()
        later = reader.geneses()[1:] if len(self._documents) > 1 else []
        self._starts = [genesis.initial_height - 1 for genesis in later]
        self._parts = [_ChainParts(reader, start) for start in (-1, *self._starts)]
        self.seams = [genesis.index for genesis in later]
        for parts, start in zip(self._parts, self._starts):
            parts.add_roots(start - 2)  # which the last header before it shows
            parts.add_changes(start - 1)

    def of(self, height: int) -> _ChainParts:
        """The parts of the chain that ``height`` belongs to."""
        return self._parts[bisect_right(self._starts, height)]

    def to_json(self, size: int) -> list[dict[str, Any]]:
        """What a bundle shows of each, in a log of ``size``."""
        return [
            parts.to_json(document, self._reader.inclusion(index, size))
            for parts, (index, document) in zip(self._parts, self._documents.items())
        ]


def _bundle(
    reader: LedgerReader,
    scope: str,
    indexes: Sequence[int],
    disclosures: Iterable[Shown],
    from_size: int | None,
    anchors: Receipts,
    also: Iterable[str],
) -> dict[str, Any]:
    as_of = reader.as_of
    found = _read_entries(reader, indexes)
    shown = _by_record(found, disclosures)
    chains = _Chains(reader)
    for entry in found:
        parts = chains.of(entry.entry.height)
        parts.add_roots(entry.entry.height)
        parts.add_time(entry.entry.height)
    newest = chains.of(as_of)
    newest.add_roots(as_of)
    newest.add_changes(as_of)
    size = newest.size_after(as_of)
    *before, chain = chains.to_json(size)
    receipts = _receipts(anchors, indexes, size)
    anchored = {item["point"]["size"] for item in receipts}
    return {
        "anchors": receipts,
        "as_of": as_of,
        "chain": chain,
        "consistency": _consistency(reader, size, from_size, (*chains.seams, *anchored)),
        "entries": [
            _entry_json(reader, chains.of(entry.entry.height), entry, size, shown[entry.index])
            for entry in found
        ],
        "format": BUNDLE_FORMAT,
        "predecessors": before,
        "scope": scope,
        "state": [
            reader.prove(key).to_json()
            for key in sorted({*_state_keys(scope, found, newest), *also})
        ],
    }


def _receipts(anchors: Receipts, indexes: Sequence[int], size: int) -> list[dict[str, Any]]:
    """The receipts, the oldest points first; only those of points that this log has come to."""
    given = [item for item in anchors(indexes, size) if item["point"]["size"] <= size]
    return sorted(given, key=lambda item: (item["point"]["size"], item["kind"]))


def _read_entries(reader: LedgerReader, indexes: Sequence[int]) -> list[LogEntry]:
    found: list[LogEntry] = []
    room = MAX_BUNDLE_BYTES
    for entry in reader.entries(indexes):
        found.append(entry)
        room -= len(entry.text) + _LEAST_BESIDE
        if room < 0:
            raise _too_large(f"the first {len(found)} of {len(indexes)} records are")
    return found


def _too_large(what: str) -> InvalidInput:
    return InvalidInput(
        "dossier",
        f"{what} too much for one bundle, which may have {MAX_BUNDLE_BYTES} bytes and "
        f"{MAX_BUNDLE_RECORDS} records; ask for the records one by one, by their codes",
    )


def _by_record(found: Sequence[LogEntry], disclosures: Iterable[Shown]) -> dict[int, set[str]]:
    """Which disclosures stand beside which entry, by its index.

    A disclosure belongs to the record that it was handed in with. Where that one was not recorded,
    it goes to the first that names it: another member may have copied a digest into a later one.
    """
    given = list(disclosures)
    own: dict[tuple[bytes, str], int] = {}
    first: dict[str, int] = {}
    for entry in found if given else ():
        for digest in entry.transaction.digests:
            own[entry.transaction.id, digest] = entry.index
            first.setdefault(digest, entry.index)
    shown: dict[int, set[str]] = defaultdict(set)
    for transaction_id, text in given:
        digest = disclosure_digest(text)
        index = own.get((transaction_id, digest), first.get(digest))
        if index is None:
            raise InvalidInput("disclosures", f"no record names the one of the digest {digest}")
        shown[index].add(text)
    return shown


def _entry_json(
    reader: LedgerReader, parts: _ChainParts, entry: LogEntry, newest: int, shown: Iterable[str]
) -> dict[str, Any]:
    """An entry with its paths in the log after its block and in that of size ``newest``."""
    size = parts.size_after(entry.entry.height)
    path = [step.hex() for step in reader.inclusion(entry.index, size)]
    if size == newest:
        path_as_of = path
    else:
        path_as_of = [step.hex() for step in reader.inclusion(entry.index, newest)]
    return {
        "disclosures": sorted(shown),
        "entry": entry.text.decode("utf-8"),
        "index": entry.index,
        "path": path,
        "path_as_of": path_as_of,
    }


def _consistency(
    reader: LedgerReader, size: int, from_size: int | None, needed: Iterable[int]
) -> list[dict[str, Any]]:
    """Proofs that the newest log continues that of each size ``needed``, and one ``from_size``."""
    if from_size is not None and not 0 < from_size <= size:
        raise InvalidInput("from_size", f"must be from 1 to {size}, where the log shown here ends")
    sizes = {*needed, size if from_size is None else from_size} - {size}
    return [
        {
            "first": first,
            "first_root": reader.root(first).hex(),
            "proof": [step.hex() for step in reader.consistency(first, size)],
            "second": size,
            "second_root": reader.root(size).hex(),
        }
        for first in sorted(sizes)
    ]


def _state_keys(scope: str, found: Sequence[LogEntry], parts: _ChainParts) -> list[str]:
    """What the state map must show: the signers' keys and names, the dossier's head, the seals; and
    who runs the validators, where the genesis does not say it."""
    keys = {f"validator/{address}": None for address in parts.later_validators()}
    for entry in found:
        header, payload = entry.parts
        keys[f"key/{header['kid']}"] = None
        keys[f"member/{payload['iss']}"] = None
        if scope == "dossier":
            keys[f"dossier/{payload['sub']}"] = None
        seal = payload["data"].get("es_id")
        if isinstance(seal, str):
            keys[f"seal/{seal}"] = None
    return list(keys)
