"""Putting every data key under another wrapping key, a few rows at a time, while the node works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING

from node.vault.data_keys import DataKeys
from node.vault.errors import VaultDamaged, WrongWrappingKey
from node.vault.keyring import KeyRing
from node.vault.keys import WrappingKey
from node.vault.rows import DATA_KEYS, data_key_row, name_of_data_key, rows_under

if TYPE_CHECKING:
    from node.storage.ports import Batch, Store

__all__ = ["Rotation", "rotate"]

_ROWS_A_BATCH = 256


@dataclass(frozen=True)
class Rotation:
    """How far a rotation came: ``rewrapped`` rows in this run.

    Not ``complete``: run it again, and keep the former key until it is. Either batches from before
    it were on their way (if that does not end: start the node again), or the rows named in
    ``damaged`` do not open under either key: restore them from a backup, or erase their dossiers.
    """

    rewrapped: int
    damaged: tuple[str, ...]
    complete: bool


def rotate(
    store: Store, ring: KeyRing, keys: DataKeys, lock: Lock, successor: WrappingKey
) -> Rotation:
    """Put ``successor`` in force, rewrap what is under another key, and let go of the former key.

    Interrupted at any point, it leaves rows that open under one of two keys, both of them named in
    the store, and goes on where it stopped when it is run again.

    Raises:
        RotationPending: a rotation to another key is under way.
    """
    with lock:
        ring.begin_rotation(successor)
        former = ring.former
        # Asked before the rows are read: a row that is written in between is then met below.
        crossing = former is not None and keys.any_unwritten_under(former.id)
    rewrapped = 0
    damaged: list[str] = []
    with store.snapshot() as view:
        old = (
            row
            for row, _ in rows_under(view, DATA_KEYS)
            if name_of_data_key(row).wrapping != successor.id
        )
        for rows in _by_batches(old):
            with lock:
                batch = store.batch()
                for row in rows:
                    rewrapped += _rewrap(store, ring, batch, row, damaged)
                if len(batch):
                    store.write(batch, sync=True)
    with lock:
        if ring.former is not None and not crossing and not damaged:
            ring.end_rotation()
        return Rotation(rewrapped, tuple(damaged), complete=ring.former is None)


def _by_batches(rows: Iterator[bytes]) -> Iterator[list[bytes]]:
    while batch := list(islice(rows, _ROWS_A_BATCH)):
        yield batch


def _rewrap(store: Store, ring: KeyRing, batch: Batch, row: bytes, damaged: list[str]) -> int:
    value = store.get(row)
    if value is None:
        return 0  # erased since the view was taken
    name = name_of_data_key(row)
    target = data_key_row(name.dossier, name.key, ring.current.id)
    if store.get(target) is None:
        try:
            wrapping = ring.in_use().get(name.wrapping)
            if wrapping is None:
                raise WrongWrappingKey(name.wrapping, tuple(ring.in_use()))
            secret = wrapping.unwrap(value, row)
        except (VaultDamaged, WrongWrappingKey):
            damaged.append(row.decode("ascii"))
            return 0
        batch.put(target, ring.current.wrap(secret, target))
    batch.delete(row)
    return 1
