"""What a check of documents is given: roots to trust, and how much it may use."""

from __future__ import annotations

import msgspec

__all__ = ["DocumentSettings"]


class DocumentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``roots`` and ``tsa_roots`` are DER certificates that signers' and time-stamp authorities'
    chains may end at; with none, chains are "not checked". ``now`` (ms) is when the check is made.

    ``max_bytes`` of a file are taken; the process that examines it may use ``memory_megabytes`` of
    address space, ``cpu_seconds`` and ``seconds`` of wall time.
    """

    now: int
    roots: tuple[bytes, ...] = ()
    tsa_roots: tuple[bytes, ...] = ()
    max_bytes: int = 50 << 20
    memory_megabytes: int = 1024
    cpu_seconds: int = 20
    seconds: int = 40
