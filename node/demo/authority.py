"""A certificate authority for the demonstration: root, issuing authority, signers (RFC 5280).

Its certificates (P-256) are real ones and verify like any others, but nobody vouches for the names
in them: every subject says so, and the private keys live only as long as the process. There is no
revocation service; a certificate ends when its time is over.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from node.core.errors import InvalidInput

__all__ = ["DEMONSTRATION_MARK", "DemoAuthority", "SignerIdentity"]

DEMONSTRATION_MARK = "演示专用，不得用于真实业务 DEMONSTRATION ONLY - NOT FOR USE"
_ORGANISATION = "存证节点演示"
_MARK_WORD = "演示"
_LONGEST_COMMON_NAME = 64  # ub-common-name of RFC 5280, appendix A.1; the library counts bytes
_LONGEST_ORGANISATION = 64  # ub-organization-name
_BACKDATED = timedelta(days=1)  # for machines whose clocks are behind
_ROOT_LIFE = timedelta(days=3650)
_ISSUING_LIFE = timedelta(days=1825)
_SIGNER_LIFE = timedelta(days=365)


@dataclass(frozen=True)
class SignerIdentity:
    """A certificate, its private key, and the certificates above it, the root last."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate_der(self) -> bytes:
        """The certificate in DER."""
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def certificate_sha256(self) -> str:
        """SHA-256 of the certificate's DER, lower-case hex."""
        return hashlib.sha256(self.certificate_der).hexdigest()

    @property
    def serial_number(self) -> str:
        """The serial number as whole bytes in lower-case hex (``signer_cert_sn`` on the chain)."""
        digits = f"{self.certificate.serial_number:x}"
        return digits.zfill(len(digits) + len(digits) % 2)

    @property
    def valid_from(self) -> int:
        """Start of the validity, milliseconds since the Unix epoch."""
        return _milliseconds(self.certificate.not_valid_before_utc)

    @property
    def valid_to(self) -> int:
        """End of the validity, milliseconds since the Unix epoch."""
        return _milliseconds(self.certificate.not_valid_after_utc)


@dataclass(frozen=True)
class _Extension:
    value: x509.ExtensionType
    critical: bool


@dataclass(frozen=True)
class _Request:
    """What a certificate is to say of its subject."""

    subject: x509.Name
    public_key: ec.EllipticCurvePublicKey
    extensions: tuple[_Extension, ...]


@dataclass(frozen=True)
class _Issuer:
    name: x509.Name
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def issue(
        self, request: _Request, *, serial_number: int, valid: tuple[datetime, datetime]
    ) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            issuer_name=self.name,
            subject_name=request.subject,
            public_key=request.public_key,
            serial_number=serial_number,
            not_valid_before=valid[0],
            not_valid_after=valid[1],
        )
        subject_key = x509.SubjectKeyIdentifier.from_public_key(request.public_key)
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        for extension in request.extensions:
            builder = builder.add_extension(extension.value, critical=extension.critical)
        builder = builder.add_extension(subject_key, critical=False)
        builder = builder.add_extension(issuer_key, critical=False)
        return builder.sign(self.key, SHA256())


@dataclass(frozen=True)
class DemoAuthority:
    """A root certificate and the issuing authority below it."""

    root: x509.Certificate
    issuing: x509.Certificate
    now: datetime
    _issuer: _Issuer = field(repr=False)
    _serial_numbers: Iterator[int] = field(repr=False)

    @classmethod
    def create(cls, now: datetime, *, seed: bytes | None = None) -> DemoAuthority:
        """Make new keys, a root and an issuing authority that are valid at ``now``.

        ``seed`` makes the serial numbers repeatable, the keys are random all the same. Without one
        they are random too, as they must be where certificates of two runs meet in one store.

        Raises:
            InvalidInput: ``now`` has no time zone.
        """
        if now.utcoffset() is None:
            raise InvalidInput("now", "must have a time zone")
        now = now.astimezone(UTC).replace(microsecond=0)
        serial_numbers = _serial_numbers(seed)
        root_key, issuing_key = _new_key(), _new_key()
        root_issuer = _Issuer(_subject("存证节点演示根证书", _ORGANISATION), root_key)
        root = root_issuer.issue(
            _Request(root_issuer.name, root_key.public_key(), _authority_extensions(1)),
            serial_number=next(serial_numbers),
            valid=(now - _BACKDATED, now + _ROOT_LIFE),
        )
        name = _subject("存证节点演示签发机构", _ORGANISATION)
        issuing = root_issuer.issue(
            _Request(name, issuing_key.public_key(), _authority_extensions(0)),
            serial_number=next(serial_numbers),
            valid=(now - _BACKDATED, now + _ISSUING_LIFE),
        )
        return cls(root, issuing, now, _Issuer(name, issuing_key), serial_numbers)

    @property
    def root_pem(self) -> bytes:
        """The root certificate in PEM."""
        return self.root.public_bytes(Encoding.PEM)

    def write_root(self, path: Path) -> None:
        """Write the root certificate in PEM to ``path``."""
        path.write_bytes(self.root_pem)

    def issue_signer(
        self, common_name: str, organisation: str = "", *, organisation_id: str = ""
    ) -> SignerIdentity:
        """Issue a certificate for document signatures, to a seal maker, a seal or a person.

        A person has no ``organisation``; ``organisation_id`` is the unified social credit code.
        The common name gets the mark 演示 unless it holds it.

        Raises:
            InvalidInput: the common name is empty, or a name is longer than RFC 5280 allows.
        """
        key = _new_key()
        subject = _subject(common_name, organisation, organisation_id)
        certificate = self._issuer.issue(
            _Request(subject, key.public_key(), _signer_extensions()),
            serial_number=next(self._serial_numbers),
            valid=(self.now - _BACKDATED, self.now + _SIGNER_LIFE),
        )
        return SignerIdentity(certificate, key, (self.issuing, self.root))


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000


def _serial_numbers(seed: bytes | None) -> Iterator[int]:
    """Serial numbers of at most 127 bits: positive, and 16 bytes of DER (RFC 5280 §4.1.2.2)."""
    for ordinal in itertools.count(1):
        if seed is None:
            yield x509.random_serial_number() >> 32 or ordinal
        else:
            digest = hashlib.sha256(seed + ordinal.to_bytes(4, "big")).digest()
            yield int.from_bytes(digest[:16], "big") >> 1 or ordinal


def _subject(common_name: str, organisation: str, organisation_id: str = "") -> x509.Name:
    if not common_name:
        raise InvalidInput("common_name", "must not be empty")
    if _MARK_WORD not in common_name:
        common_name += f"（{_MARK_WORD}）"
    if len(common_name.encode()) > _LONGEST_COMMON_NAME:
        raise InvalidInput(
            "common_name", f"must have at most {_LONGEST_COMMON_NAME} bytes of UTF-8 with its mark"
        )
    if len(organisation) > _LONGEST_ORGANISATION:
        raise InvalidInput("organisation", f"must have at most {_LONGEST_ORGANISATION} characters")
    attributes = [x509.NameAttribute(NameOID.COUNTRY_NAME, "CN")]
    if organisation:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    if organisation_id:
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, organisation_id))
    attributes.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, DEMONSTRATION_MARK))
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    return x509.Name(attributes)


def _authority_extensions(path_length: int) -> tuple[_Extension, ...]:
    return (
        _Extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True),
        _Extension(_key_usage(signs_documents=False), critical=True),
    )


def _signer_extensions() -> tuple[_Extension, ...]:
    return (
        _Extension(x509.BasicConstraints(ca=False, path_length=None), critical=True),
        _Extension(_key_usage(signs_documents=True), critical=True),
    )


def _key_usage(*, signs_documents: bool) -> x509.KeyUsage:
    """Documents (digital signature, non-repudiation) or certificates, never both."""
    return x509.KeyUsage(
        digital_signature=signs_documents,
        content_commitment=signs_documents,
        key_cert_sign=not signs_documents,
        crl_sign=not signs_documents,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
