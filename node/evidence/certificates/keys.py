"""The key of an institution's seal: P-256, in a PEM file or in a PKCS#11 token.

Settings name files and variables, never a secret: a PIN is read where the token is opened and kept
nowhere. What is opened here stays in the process that opened it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from asn1crypto import keys, x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pyhanko.sign.signers import Signer, SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from node.evidence.certificates.errors import KeyUnusable

if TYPE_CHECKING:
    from pkcs11 import Session

__all__ = ["FileKey", "SealChain", "TokenKey", "check_key", "close_signer", "open_signer"]

_MOST_PIN_BYTES = 256
_PROBE = b"evidence-node: does this key fit the certificate?"


@dataclass(frozen=True)
class FileKey:
    """A PEM file without a password, which only its owner may read."""

    path: str


@dataclass(frozen=True)
class TokenKey:
    """A key in a PKCS#11 token. ``library`` is the module's path, ``token`` the token's label; the
    key is named by its label, or by its id in hex. The PIN is in a file or in a variable of the
    environment, and without either the token is asked without one."""

    library: str
    token: str
    key_label: str = ""
    key_id: str = ""
    pin_file: str = ""
    pin_env: str = ""


@dataclass(frozen=True)
class SealChain:
    """The certificate of the seal and those above it, the root last; DER."""

    certificate: bytes
    above: tuple[bytes, ...] = field(repr=False)

    @property
    def root(self) -> bytes:
        """The topmost one."""
        return self.above[-1] if self.above else self.certificate


def open_signer(key: FileKey | TokenKey, chain: SealChain) -> Signer:
    """A signer of pyHanko's for this key and certificate.

    Raises:
        KeyUnusable: the key cannot be had, or is not that of the certificate.
    """
    certificate = x509.Certificate.load(chain.certificate)
    above = [x509.Certificate.load(one) for one in chain.above]
    # The root is not in the signature but in the validation data (EN 319 142-1 §6.3, B-LT): who
    # validates as of the past looks there for who signed a revocation list.
    above = [one for one in above if one.self_signed == "no"]
    if isinstance(key, FileKey):
        return _file_signer(key, certificate, above)
    return _token_signer(key, certificate, above)


def close_signer(signer: Signer) -> None:
    """Let go of a token, which has one who is logged in at a time. What was opened is not to be
    used any more."""
    session = getattr(signer, "pkcs11_session", None)
    if session is not None:
        with suppress(Exception):  # a token that is gone is closed
            session.close()


def check_key(key: FileKey | TokenKey, chain: SealChain) -> None:
    """Sign something with the key and check it under the certificate.

    Raises:
        KeyUnusable: it cannot be used, or does not fit.
    """
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from cryptography import x509 as certificates
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.hashes import SHA256

    signer = open_signer(key, chain)
    public = certificates.load_der_x509_certificate(chain.certificate).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    try:
        # A node is put together inside the loop of its server: the signer gets one of its own.
        with ThreadPoolExecutor(1) as alone:
            signing = signer.async_sign_raw(_PROBE, "sha256")
            signature = alone.submit(asyncio.run, signing).result()
        public.verify(signature, _PROBE, ec.ECDSA(SHA256()))
    except InvalidSignature as error:
        raise KeyUnusable("the key of the seal is not that of its certificate") from error
    except Exception as error:  # whatever a token's module raises
        raise KeyUnusable(f"the key of the seal does not sign: {_named(error)}") from error
    finally:
        close_signer(signer)


def _file_signer(
    key: FileKey, certificate: x509.Certificate, above: list[x509.Certificate]
) -> SimpleSigner:
    loaded = _load_file(Path(key.path))
    point = loaded.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    if certificate.public_key["public_key"].native != point:
        raise KeyUnusable(f"{key.path}: is not the key of the seal's certificate")
    encoded = loaded.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(above)
    return SimpleSigner(
        signing_cert=certificate,
        signing_key=keys.PrivateKeyInfo.load(encoded),
        cert_registry=store,
    )


def _load_file(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise KeyUnusable(f"{path}: can be read by others (mode {mode:04o}); chmod 600 it")
        loaded = serialization.load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise KeyUnusable(f"{path}: holds no private key in PEM without a password") from error
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.curve.name != "secp256r1":
        raise KeyUnusable(f"{path}: must hold a P-256 key")
    return loaded


def _token_signer(
    key: TokenKey, certificate: x509.Certificate, above: list[x509.Certificate]
) -> Signer:
    try:
        from pyhanko.sign.pkcs11 import PKCS11Signer
    except ImportError as error:
        raise KeyUnusable("python-pkcs11 is missing: install the extra `pkcs11`") from error
    session = _open_session(key)
    return PKCS11Signer(
        session,
        signing_cert=certificate,
        ca_chain=above,
        key_label=key.key_label or None,
        key_id=bytes.fromhex(key.key_id) or None,
        use_raw_mechanism=True,  # tokens that hash by themselves are few
    )


def _open_session(key: TokenKey) -> Session:
    from pyhanko.config.pkcs11 import TokenCriteria
    from pyhanko.sign.pkcs11 import open_pkcs11_session

    try:
        return open_pkcs11_session(
            key.library, token_criteria=TokenCriteria(label=key.token), user_pin=_read_pin(key)
        )
    except KeyUnusable:
        raise
    except Exception as error:
        reason = f"token {key.token!r}: cannot be opened: {_named(error)}"
        raise KeyUnusable(reason) from error


def _read_pin(key: TokenKey) -> str | None:
    if key.pin_env:
        pin = os.environ.get(key.pin_env)
        if not pin:
            raise KeyUnusable(f"the variable {key.pin_env}, which is to hold the PIN, is not set")
        return pin
    if not key.pin_file:
        return None
    path = Path(key.pin_file)
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        raw = path.read_bytes()
    except OSError as error:
        raise KeyUnusable(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise KeyUnusable(f"{path}: can be read by others (mode {mode:04o}); chmod 600 it")
    if len(raw) > _MOST_PIN_BYTES:
        raise KeyUnusable(f"{path}: is longer than any PIN")
    return raw.decode("utf-8", "strict").strip()


def _named(error: Exception) -> str:
    """The kind of an error alone: the text of a foreign one could hold what was handed to it."""
    return type(error).__name__
