"""The node's own copies of the certificates that it issued, and what it still has to finish.

A copy is encrypted under a key of its own (AES-256-GCM), which lies in the vault under the dossier
of the certificate's record: whoever has the disk has nothing, and erasing the key erases the copy,
wherever else its file lies. Only a backup from before holds that key too. The rows are in the
node's local store:

=========================== ===================================================================
``c/n/<number>``            what is known of the certificate, `Kept`
``c/u/<number>``            empty; its record is not known to be on the chain yet
``c/t/<SHA-256>``           the number that was given for an idempotency token
``c/a/<dossier>/<number>``  empty; a copy that shows private fields of that dossier
=========================== ===================================================================

The rows come first, then the file, then the record: so what a crash leaves is named by its row.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.evidence.certificates.errors import CopyLost
from node.evidence.certificates.numbering import looks_like_number
from node.storage.directory import ensure_directory, sync_directory
from node.storage.errors import StoreCorrupt, from_os_error

if TYPE_CHECKING:
    from node.storage.ports import Batch, Reader, Store

__all__ = ["COPIES", "CopyKeys", "Kept", "KeptCertificates", "kept_files"]

COPIES = "certificates"
"""The folder of the copies in a node's home."""

_ROW, _UNFINISHED, _TOKEN, _ABOUT = b"c/n/", b"c/u/", b"c/t/", b"c/a/"
_KEY_BYTES, _NONCE_BYTES = 32, 12
_COPY, _RECORD = b"evidence-ledger/certificate/copy/1\0", b"evidence-ledger/certificate/record/1\0"


class CopyKeys(Protocol):
    """Where the copies' keys are held; the vault is behind it."""

    def put(self, batch: Batch, dossier: str, number: str, secret: bytes) -> str:
        """Add a key to ``batch``; the name by which `get` finds it."""

    def get(self, dossier: str, name: str) -> bytes | None:
        """The key, None where it was erased."""

    def erase(self, batch: Batch, dossier: str, name: str, why: str) -> None:
        """Add its erasure to ``batch``."""

    def purge(self, dossier: str) -> None:
        """Make what was erased go from the store's files, now or after a backup under way."""


class Kept(msgspec.Struct, frozen=True):
    """A certificate of which a copy is kept. Times in ms, hashes in hex.

    ``about`` is the dossier that it is about, ``record`` that of its own record; ``key`` names the
    copy's key; ``submission`` is that record, signed, encrypted like the copy; after ``expires``
    no block takes it. ``member`` asked for it, ``request`` is the SHA-256 of what was asked, and
    ``token`` of the idempotency token, b"" where there was none. ``disclosed``: it shows private
    fields.
    """

    number: str
    code: str
    about: str
    record: str
    key: str
    report_hash: str
    submission: bytes
    issued_at: int
    expires: int
    pages: int
    member: str
    request: bytes
    token: bytes
    disclosed: bool


class KeptCertificates:
    """The copies in ``folder``, and their rows in ``store``. Safe for threads."""

    def __init__(self, store: Store, folder: Path, keys: CopyKeys) -> None:
        self._store = store
        self._folder = folder
        self._keys = keys
        self._writing: set[str] = set()

    def keep(self, kept: Kept, pdf: bytes, submission: bytes) -> Kept:
        """Keep a copy and the signed record, durably, before that record is submitted.

        ``kept.key`` and ``kept.submission`` are set here.

        Raises:
            StorageError: it could not be written; then it must not be issued.
        """
        secret = os.urandom(_KEY_BYTES)
        batch = self._store.batch()
        name = self._keys.put(batch, kept.record, kept.number, secret)
        label = kept.number.encode("ascii")
        sealed = b"".join(_encrypted(secret, _RECORD + label, submission))
        kept = msgspec.structs.replace(kept, key=name, submission=sealed)
        batch.put(_ROW + label, msgspec.msgpack.encode(kept))
        batch.put(_UNFINISHED + label, b"")
        if kept.token:
            batch.put(_TOKEN + kept.token, label)
        if kept.disclosed:
            batch.put(_about_row(kept), b"")
        self._writing.add(kept.number)
        try:
            self._store.write(batch, sync=True)
            self._write(self._path(kept.number), _encrypted(secret, _COPY + label, pdf))
        finally:
            self._writing.discard(kept.number)
        return kept

    def finished(self, number: str) -> None:
        """The record is on the chain. If this is lost, the chain says so again."""
        batch = self._store.batch()
        batch.delete(_UNFINISHED + number.encode("ascii"))
        self._store.write(batch, sync=False)

    def drop(self, kept: Kept, why: str) -> None:
        """Remove a copy for good: its key, its rows, its file."""
        label = kept.number.encode("ascii")
        batch = self._store.batch()
        self._keys.erase(batch, kept.record, kept.key, why)
        for row in (_ROW + label, _UNFINISHED + label, _about_row(kept)):
            batch.delete(row)
        if kept.token:
            batch.delete(_TOKEN + kept.token)
        self._store.write(batch, sync=True)
        self._path(kept.number).unlink(missing_ok=True)
        self._keys.purge(kept.record)

    def find(self, number: str) -> Kept | None:
        """What is known of a certificate, None where no copy is kept."""
        raw = self._store.get(_ROW + number.encode("ascii"))
        return None if raw is None else msgspec.msgpack.decode(raw, type=Kept)

    def by_token(self, token: bytes) -> Kept | None:
        """The certificate that was given for an idempotency token."""
        raw = self._store.get(_TOKEN + token)
        return None if raw is None else self.find(raw.decode("ascii"))

    def unfinished(self) -> Iterator[Kept]:
        """Those whose records are not known to be on the chain, oldest numbers first; without those
        that are just being written, whose file is missing for no crash."""
        for row, _ in self._store.scan(_UNFINISHED, _UNFINISHED + b"\xff"):
            number = row[len(_UNFINISHED) :].decode("ascii")
            kept = None if number in self._writing else self.find(number)
            if kept is not None:
                yield kept

    def is_finished(self, number: str) -> bool:
        """Whether the record is known to be on the chain."""
        return self._store.get(_UNFINISHED + number.encode("ascii")) is None

    def disclosing(self, about: str) -> list[Kept]:
        """Those that show private fields of the dossier ``about``."""
        start = _ABOUT + about.encode("ascii") + b"/"
        rows = [row for row, _ in self._store.scan(start, start + b"\xff")]
        found = (self.find(row[len(start) :].decode("ascii")) for row in rows)
        return [kept for kept in found if kept is not None]

    def read(self, kept: Kept) -> bytes:
        """The copy, which is what was recorded.

        Raises:
            CopyLost: it is gone, was erased, or is not what was recorded.
            StorageError: it cannot be read now.
        """
        path = self._path(kept.number)
        try:
            raw = path.read_bytes()
        except FileNotFoundError as error:
            raise CopyLost(f"the copy of {kept.number} is gone") from error
        except OSError as error:
            raise from_os_error(error, str(path), "reading a certificate") from error
        pdf = self._open(kept, _COPY, raw)
        if hashlib.sha256(pdf).hexdigest() != kept.report_hash:
            raise CopyLost(f"the copy of {kept.number} is not the file that is on record")
        return pdf

    def read_submission(self, kept: Kept) -> bytes:
        """The signed record as it was submitted. Raises CopyLost."""
        return self._open(kept, _RECORD, kept.submission)

    def _open(self, kept: Kept, purpose: bytes, raw: bytes) -> bytes:
        secret = self._keys.get(kept.record, kept.key)
        if secret is None:
            raise CopyLost(f"the copy of {kept.number} was erased")
        try:
            return _decrypt(secret, purpose + kept.number.encode("ascii"), raw)
        except (InvalidTag, ValueError) as error:
            raise CopyLost(f"the copy of {kept.number} was altered") from error

    def _path(self, number: str) -> Path:
        return self._folder / _file_name(number)

    def _write(self, path: Path, parts: Iterable[bytes]) -> None:
        ensure_directory(path.parent, create=True)
        temporary = path.with_suffix(".part")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise from_os_error(error, str(path), "keeping a certificate") from error
        sync_directory(path.parent)


def kept_files(rows: Reader) -> Iterator[str]:
    """The files that a local store's rows name, by their paths in the folder of the copies, each
    greater than the one before. Of one that is being written or dropped the file may be missing.

    Raises:
        StoreCorrupt: a row bears no certificate's number.
    """
    for row, _ in rows.scan(_ROW, _ROW + b"\xff"):
        number = row[len(_ROW) :].decode("ascii", "replace")
        if not looks_like_number(number):
            raise StoreCorrupt("the local store", f"the row {row!r} bears no certificate's number")
        yield _file_name(number)


def _file_name(number: str) -> str:
    return f"{number[2:8]}/{number}.pdf.enc"


def _about_row(kept: Kept) -> bytes:
    return _ABOUT + f"{kept.about}/{kept.number}".encode("ascii")


def _encrypted(secret: bytes, label: bytes, plain: bytes) -> tuple[bytes, bytes]:
    """The nonce, and what comes behind it."""
    nonce = os.urandom(_NONCE_BYTES)
    return nonce, AESGCM(secret).encrypt(nonce, plain, label)


def _decrypt(secret: bytes, label: bytes, sealed: bytes) -> bytes:
    return AESGCM(secret).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label)
