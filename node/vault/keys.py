"""The node's wrapping key: under it, and only it, lie the dossiers' data keys.

Data keys are wrapped by AES-256-GCM and not by AES key wrap (RFC 3394). RFC 3394 takes no
associated data, so a wrapped key copied to another dossier's row would unwrap there; GCM binds the
row's name. The price is a nonce that must not repeat: with random 96-bit nonces one wrapping key
may wrap 2^32 data keys (NIST SP 800-38D §8.3), some three thousand times the dossiers that the
platform has made in all its years, and a rotation starts the count again.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from node.vault.errors import KeyFileRefused, VaultDamaged

__all__ = [
    "KEY_BYTES",
    "NONCE_BYTES",
    "WrappingKey",
    "create_wrapping_key",
    "read_wrapping_key",
    "replace_wrapping_key",
]

KEY_BYTES = 32
NONCE_BYTES = 12
_ID_LABEL = b"evidence-ledger/vault/wrapping-key-id/1"
_WRAP_LABEL = b"evidence-ledger/vault/data-key/1\0"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class WrappingKey:
    """32 secret bytes. ``id`` names the key (16 hex digits) and tells nothing about it."""

    secret: bytes = field(repr=False, compare=False)
    id: str = field(init=False)
    _cipher: AESGCM = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a wrapping key has {KEY_BYTES} bytes, not {len(self.secret)}")
        name = hmac.new(self.secret, _ID_LABEL, hashlib.sha256).hexdigest()[:16]
        object.__setattr__(self, "id", name)
        object.__setattr__(self, "_cipher", AESGCM(self.secret))

    def wrap(self, data_key: bytes, row: bytes) -> bytes:
        """Encrypt a data key for the row named ``row``: 12 bytes of nonce, then the rest."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data_key, _WRAP_LABEL + row)

    def unwrap(self, wrapped: bytes, row: bytes) -> bytes:
        """The data key that `wrap` was given.

        Raises:
            VaultDamaged: the bytes were altered or were wrapped for another row.
        """
        place = row.decode("ascii", "replace")
        if len(wrapped) != NONCE_BYTES + KEY_BYTES + 16:
            raise VaultDamaged(place, f"a wrapped key of {len(wrapped)} bytes")
        try:
            return self._cipher.decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], _WRAP_LABEL + row
            )
        except InvalidTag as error:
            raise VaultDamaged(place, "the wrapped key was altered or is another row's") from error


def create_wrapping_key(path: Path) -> WrappingKey:
    """Make a new key and its file: mode 0600, whole and on disk when this returns.

    A node calls this once, when it is set up, and never because a file is missing: a new key opens
    no vault that exists.

    Raises:
        KeyFileRefused: there is a file already (it is left as it is), or none can be made.
    """
    secret = secrets.token_bytes(KEY_BYTES)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            _write_new_file(unfinished, secret)
            os.link(unfinished, path)  # unlike a rename, never replaces an older key
        finally:
            unfinished.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except FileExistsError as error:
        raise KeyFileRefused(str(path), "exists already and is not overwritten") from error
    except OSError as error:
        raise KeyFileRefused(str(path), f"cannot be made: {error.strerror}") from error
    return WrappingKey(secret)


def read_wrapping_key(path: Path) -> WrappingKey:
    """Read the key's file, after a look at who else can.

    Raises:
        KeyFileRefused: missing, not a plain file, another user's, open to group or others, or not
            of exactly 32 bytes.
    """
    try:
        # O_NONBLOCK: opening a FIFO must not wait for somebody to write to it
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise KeyFileRefused(
            str(path), "is missing: restore it from its backup, a new key opens no old vault"
        ) from error
    except OSError as error:
        raise KeyFileRefused(str(path), f"cannot be opened: {error.strerror}") from error
    try:
        _check_key_file(path, os.fstat(descriptor))
        secret = os.read(descriptor, KEY_BYTES + 1)
    except OSError as error:
        raise KeyFileRefused(str(path), f"cannot be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if len(secret) != KEY_BYTES:
        raise KeyFileRefused(str(path), f"holds {len(secret)} bytes where {KEY_BYTES} are due")
    return WrappingKey(secret)


def replace_wrapping_key(successor: Path, path: Path) -> WrappingKey:
    """Put the file of the key that a rotation ended with in the old key's place, atomically.

    The old key's bytes lose their name here; what the disk keeps of them is the operator's matter.

    Raises:
        KeyFileRefused: ``successor`` is no good key file, or the move failed.
    """
    key = read_wrapping_key(successor)
    try:
        os.replace(successor, path)
        _sync_directory(path.parent)
    except OSError as error:
        raise KeyFileRefused(str(path), f"cannot be replaced: {error.strerror}") from error
    return key


def _check_key_file(path: Path, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise KeyFileRefused(str(path), "is no plain file")
    if status.st_uid not in (os.geteuid(), 0):
        raise KeyFileRefused(str(path), f"belongs to user {status.st_uid}: chown it to the node's")
    if mode & _OTHERS:
        # with a POSIX access list the group bits are its mask, so this covers lists too
        raise KeyFileRefused(str(path), f"mode {mode:04o} is open to others: chmod 600 it")
    if status.st_size != KEY_BYTES:
        raise KeyFileRefused(str(path), f"holds {status.st_size} bytes where {KEY_BYTES} are due")


def _write_new_file(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "wb") as file:
        os.fchmod(file.fileno(), 0o600)  # whatever the umask was
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
