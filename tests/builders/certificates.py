"""Certificates for tests: roots, authorities below them, and signers, good ones and others.

Made by `cryptography`, so what reads them in the tests is not what wrote them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = [
    "BEGIN",
    "TIME_STAMPING",
    "Extension",
    "Held",
    "ca_extensions",
    "issue",
    "moment",
    "new_key",
    "pem_key",
    "self_signed",
    "tsa_extensions",
]

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
TIME_STAMPING = ExtendedKeyUsageOID.TIME_STAMPING
Extension = tuple[x509.ExtensionType, bool]
_CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
_HASHES = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


@dataclass(frozen=True)
class Held:
    """A certificate with its key and the certificates above it, the root last."""

    certificate: x509.Certificate
    key: Any = field(repr=False)
    above: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def root(self) -> x509.Certificate:
        """The topmost certificate."""
        return self.above[-1] if self.above else self.certificate

    @property
    def root_pem(self) -> bytes:
        """The topmost certificate in PEM."""
        return self.root.public_bytes(Encoding.PEM)

    def write(self, folder: Path) -> tuple[Path, Path, Path]:
        """PEM files in ``folder``: the certificate, its key, those above it."""
        certificate, key, above = folder / "tsa.pem", folder / "tsa.key", folder / "chain.pem"
        certificate.write_bytes(self.pem)
        key.write_bytes(pem_key(self.key))
        above.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in self.above))
        return certificate, key, above


def pem_key(key: Any) -> bytes:
    """A private key in PEM (PKCS#8)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@cache
def _rsa_key(bits: int, number: int) -> rsa.RSAPrivateKey:
    """Kept, since they take long to make."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def new_key(kind: str = "P-256", number: int = 0) -> Any:
    """A key of a curve, or RSA of so many bits (``RSA-2048``); RSA keys of a number are reused."""
    if kind.startswith("RSA-"):
        return _rsa_key(int(kind[4:]), number)
    return ec.generate_private_key(_CURVES[kind]())


def moment(days: float = 0) -> datetime:
    """So many days after `BEGIN`, in whole seconds."""
    return BEGIN + timedelta(seconds=round(days * 86_400))


def ca_extensions(
    path_length: int | None = None, *purposes: x509.ObjectIdentifier
) -> list[Extension]:
    """Those of a certificate authority."""
    usage = _usage(key_cert_sign=True, crl_sign=True)
    extensions: list[Extension] = [(x509.BasicConstraints(True, path_length), True), (usage, True)]
    if purposes:
        extensions.append((x509.ExtendedKeyUsage(purposes), False))
    return extensions


def tsa_extensions(
    purposes: tuple[x509.ObjectIdentifier, ...] = (TIME_STAMPING,),
    *,
    critical: bool = True,
    usage: x509.KeyUsage | None = None,
) -> list[Extension]:
    """Those of a time-stamp authority (RFC 3161 §2.3), or nearly."""
    return [
        (x509.BasicConstraints(False, None), True),
        (usage or _usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage(purposes), critical),
    ]


def _usage(**given: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: given.get(name, False) for name in names})


def issue(
    name: str,
    issuer: Held | None,
    extensions: list[Extension],
    *,
    key: Any = None,
    days: tuple[float, float] = (0, 3650),
    digest: str = "sha256",
    pss: bool = False,
    serial: int | None = None,
) -> Held:
    """A certificate for ``name``, valid between two days after `BEGIN`, by ``issuer`` or itself."""
    key = key or new_key()
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "测试 Test"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    signer = key if issuer is None else issuer.key
    builder = x509.CertificateBuilder(
        issuer_name=subject if issuer is None else issuer.certificate.subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=serial or x509.random_serial_number(),
        not_valid_before=moment(days[0]),
        not_valid_after=moment(days[1]),
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical)
    hashed = _HASHES[digest]()
    options = {"rsa_padding": padding.PSS(padding.MGF1(hashed), hashed.digest_size)} if pss else {}
    certificate = builder.sign(signer, hashed, **options)
    above = () if issuer is None else (issuer.certificate, *issuer.above)
    return Held(certificate, key, above)


def self_signed(name: str = "Test root", **options: Any) -> Held:
    """A root."""
    return issue(name, None, ca_extensions(), **options)
