"""Headers of a snapshot, checked as they arrive: newest first, each named by the one above it."""

from __future__ import annotations

from dataclasses import dataclass

from node.core.block import Commit, Header, ValidatorSet, verify_commit
from node.core.errors import InvalidInput
from node.core.genesis import Genesis
from node.core.signatures import load_backend
from node.ledger.rows import (
    KEPT,
    VALIDATORS,
    decode_kept,
    decode_kept_header,
    decode_validators,
    encode_validators,
    number_key,
    put_kept,
)
from node.ledger.snapshots.format import HeaderItem, Manifest
from node.storage.ports import Store

__all__ = ["HeaderRows", "TrustedHeader"]


@dataclass(frozen=True)
class TrustedHeader:
    """A header that the operator was told of by somebody he trusts."""

    height: int
    hash: bytes


class HeaderRows:
    """Makes the rows of headers, commits and validator sets, from H + 1 down; of H + 1 none."""

    def __init__(
        self, store: Store, genesis: Genesis, manifest: Manifest, trusted: TrustedHeader | None
    ) -> None:
        self._store = store
        self._genesis = genesis
        self._manifest = manifest
        self._trusted = trusted
        self._backend = load_backend()
        self._sets: dict[bytes, ValidatorSet] = {}
        self._following: Header | None = None
        self._head: Header | None = None

    def take(self, items: list[HeaderItem]) -> None:
        """Check and write headers, the ones below those that came before.

        Raises:
            InvalidInput: one is not the chain's.
            StorageError: they cannot be written.
        """
        batch = self._store.batch()
        for item in items:
            header, commit = decode_kept(item.kept)
            if commit is None:
                raise InvalidInput(f"header {header.height}", "its commit is missing")
            for raw in item.sets:
                found = decode_validators(raw)
                if found.hash() != header.validators_hash or found.hash() in self._sets:
                    raise InvalidInput(
                        f"header {header.height}", "comes with validators not its own"
                    )
                self._sets[found.hash()] = found
            self._check(header, commit)
            if self._following is None:
                self._head = header
            else:
                put_kept(batch, header, commit)
                validators = self._sets[header.validators_hash]
                batch.put(VALIDATORS + validators.hash(), encode_validators(validators))
            self._following = header
        self._store.write(batch, sync=True)

    def _check(self, header: Header, commit: Commit) -> None:
        """A header must be the one that the next names, and its commit hold by itself too."""
        place, manifest, following = f"header {header.height}", self._manifest, self._following
        if following is None:
            if header.hash() != manifest.head or header.height != manifest.height + 1:
                raise InvalidInput(place, "is not the one that the snapshot begins with")
            if header.app_hash != manifest.app_hash:
                raise InvalidInput(place, "carries another app_hash")
        else:
            if header.height != following.height - 1:
                raise InvalidInput(place, f"comes where {following.height - 1} should")
            if header.hash() != following.last_block_id.hash:
                raise InvalidInput(place, "is not the one that the next header names")
            if commit.block_id != following.last_block_id:
                raise InvalidInput(place, "its commit is of another block")
            if commit.hash() != following.last_commit_hash:
                raise InvalidInput(place, "its commit is not the one that the next header names")
            if header.next_validators_hash != following.validators_hash:
                raise InvalidInput(place, "names other validators for the next height")
            if header.time >= following.time:
                raise InvalidInput(place, "its time is not before the next one's")
        if header.chain_id != self._genesis.chain_id:
            raise InvalidInput(place, f"is of the chain {header.chain_id}")
        validators = self._sets.get(header.validators_hash)
        if validators is None:
            raise InvalidInput(place, "its validators are missing")
        verify_commit(header, commit, validators, self._backend)
        trusted = self._trusted
        if trusted and header.height == trusted.height and header.hash() != trusted.hash:
            raise InvalidInput(place, "is not the trusted one of this height")

    def end(self) -> None:
        """The last must be the chain's first, of the genesis's validators. Raises InvalidInput."""
        first, genesis = self._following, self._genesis
        if first is None or first.height != genesis.initial_height:
            raise InvalidInput("headers", f"do not come down to {genesis.initial_height}")
        if first.validators_hash != genesis.validator_set.hash():
            raise InvalidInput(f"header {first.height}", "names other validators than the genesis")
        self._sets.clear()

    def header(self, height: int) -> Header:
        """The header at ``height``, once all have come. Raises InvalidInput above H + 1."""
        if height == self._manifest.height + 1:
            assert self._head is not None
            return self._head
        raw = self._store.get(number_key(KEPT, height))
        if raw is None:
            raise InvalidInput(f"block {height}", "is above the snapshot's height")
        return decode_kept_header(raw)
