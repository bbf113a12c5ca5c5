"""The account that anchors: its key, read from a file that nobody else can read, and signing."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from eth_account import Account as _Account

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.evm.recursion import lower_recursion_limit

__all__ = ["EvmAccount", "load_account", "new_account"]

lower_recursion_limit()

_HEX_KEY = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)
_MOST_BYTES = 4096


class EvmAccount:
    """An account whose key is at hand. Neither its text nor its errors tell the key."""

    def __init__(self, key: bytes) -> None:
        try:
            self._account = _Account.from_key(key)
        except Exception:  # noqa: BLE001 - of whichever kind, its text may hold the key
            raise Misconfigured("key: is no key of secp256k1") from None
        self.address: bytes = bytes.fromhex(self._account.address[2:])

    def __repr__(self) -> str:
        return f"EvmAccount(0x{self.address.hex()})"

    def sign(self, fields: dict[str, Any]) -> tuple[str, bytes]:
        """Sign a transaction. Returns its hash in hex with 0x, and the bytes to send."""
        signed = self._account.sign_transaction(fields)
        return f"0x{bytes(signed.hash).hex()}", bytes(signed.raw_transaction)


def load_account(path: Path) -> EvmAccount:
    """Read a key from a file: 64 characters of hex, or PEM (PKCS #8 or SEC 1) on secp256k1.

    Raises:
        Misconfigured: the file cannot be read, is readable by others, or has no such key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise Misconfigured(f"key: {path} cannot be read: {error.strerror}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise Misconfigured(f"key: {path} can be read by others than its owner: chmod 600 it")
    if len(data) > _MOST_BYTES:
        raise Misconfigured(f"key: {path} is longer than {_MOST_BYTES} bytes")
    return EvmAccount(_decode_key(data, path))


def _decode_key(data: bytes, path: Path) -> bytes:
    found = _HEX_KEY.fullmatch(data.decode("ascii", "replace").strip())
    if found is not None:
        return bytes.fromhex(found[1])
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        raise Misconfigured(
            f"key: {path} has neither 64 characters of hex nor an unencrypted key in PEM"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256k1":
        raise Misconfigured(f"key: {path} must be a key on the curve secp256k1")
    return key.private_numbers().private_value.to_bytes(32, "big")


def new_account(path: Path) -> EvmAccount:
    """Make a key and keep it in ``path`` as hex, readable by its owner alone."""
    key = bytes(_Account.create().key)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return EvmAccount(key)
