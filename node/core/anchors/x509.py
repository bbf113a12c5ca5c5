"""Certificates (RFC 5280): who, by whom, when, which key, for what.

Read strictly, and only as far as a verifier without a network needs them. What leads from one to a
root that somebody trusts is in `node.core.anchors.x509_path`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from node.core.anchors.der import (
    BIT_STRING,
    BOOLEAN,
    CONTEXT_CONSTRUCTED,
    GENERALIZED_TIME,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    UTC_TIME,
    Contents,
    Element,
    decode_der,
    decode_time,
    read_bits,
    read_boolean,
    read_integer,
    read_oid,
    read_sole,
)
from node.core.anchors.der_whole import check_whole
from node.core.anchors.public_keys import (
    PublicKey,
    decode_public_key,
    read_signature_algorithm,
    verify_signature,
)
from node.core.encoding import rfc3339
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.signatures import Backend

__all__ = [
    "MAX_CERTIFICATE_BYTES",
    "Certificate",
    "decode_certificate",
]

MAX_CERTIFICATE_BYTES = 16_384
_KEY_USAGE, _BASIC_CONSTRAINTS, _EXTENDED_KEY_USAGE = "2.5.29.15", "2.5.29.19", "2.5.29.37"
_NEEDS_NO_READING = {"2.5.29.17", "2.5.29.32"}
"""Other names of the subject; policies, which forbid nothing to who asks for none (§6.1.1)."""
_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)


@dataclass(frozen=True)
class _Extensions:
    """What is read of a certificate's extensions; None is said of those that are not there."""

    key_usage: frozenset[str] | None = None
    purposes: tuple[str, ...] | None = None
    purposes_critical: bool = False
    is_authority: bool = False
    path_length: int | None = None
    not_read: tuple[str, ...] = ()


@dataclass(frozen=True)
class Certificate:
    """A decoded certificate. ``issuer`` and ``subject`` are the DER of the names, ``not_before``
    and ``not_after`` ms since the Unix epoch, ``encoded`` the DER of it all. ``key_usage`` and
    ``purposes`` (the object identifiers of its extended key usage) are None where it has none."""

    encoded: bytes = field(repr=False)
    serial: int
    issuer: bytes
    subject: bytes
    not_before: int
    not_after: int
    place: str
    extensions: _Extensions
    _spki: Element = field(repr=False)
    _signed: bytes = field(repr=False)
    _algorithm: Element = field(repr=False)
    _signature: bytes = field(repr=False)

    @property
    def key_usage(self) -> frozenset[str] | None:
        """What its key may do, by the names of RFC 5280 §4.2.1.3."""
        return self.extensions.key_usage

    @property
    def purposes(self) -> tuple[str, ...] | None:
        """Its extended key usage (§4.2.1.12)."""
        return self.extensions.purposes

    @property
    def purposes_critical(self) -> bool:
        """Whether that extension is critical."""
        return self.extensions.purposes_critical

    def public_key(self) -> PublicKey:
        """The subject's key. Raises InvalidEncoding: it is of a kind that is not read here."""
        return decode_public_key(self._spki)

    def verify_issued_by(self, issuer: Certificate, backend: Backend) -> None:
        """Raise InvalidInput unless the signature on this certificate is of ``issuer``'s key."""
        verify_signature(
            issuer.public_key(),
            read_signature_algorithm(self._algorithm),
            self._signed,
            self._signature,
            backend,
            f"{self.place}.signatureValue",
        )

    def check_time(self, at: int) -> None:
        """Raise InvalidProof unless it is valid at ``at``, ms since the Unix epoch."""
        if not self.not_before <= at // 1000 * 1000 <= self.not_after:
            raise InvalidProof(
                self.place,
                f"is not valid at {_time(at)}, but from {_time(self.not_before)} "
                f"to {_time(self.not_after)}",
            )

    def check_extensions(self) -> None:
        """Raise InvalidProof where it has a critical extension that is not read here."""
        if self.extensions.not_read:
            named = ", ".join(self.extensions.not_read)
            raise InvalidProof(self.place, f"has a critical extension that is not known: {named}")


def _time(milliseconds: int) -> str:
    return rfc3339(milliseconds, offset_hours=0, whole_seconds=True)


def decode_certificate(data: bytes, place: str) -> Certificate:
    """Decode a certificate, of version 1 or 3.

    Raises:
        InvalidEncoding: names ``place`` with the field, and the rule.
    """
    if len(data) > MAX_CERTIFICATE_BYTES:
        raise InvalidEncoding(place, f"has more than {MAX_CERTIFICATE_BYTES} bytes")
    whole = decode_der(data, place, SEQUENCE)
    check_whole(whole)
    outer = Contents(whole)
    signed = outer.take("tbsCertificate", SEQUENCE)
    algorithm = outer.take("signatureAlgorithm", SEQUENCE)
    signature = _whole_bytes(outer.take("signatureValue", BIT_STRING))
    outer.end()

    tbs = Contents(signed)
    version = _version(tbs.take_if("version", CONTEXT_CONSTRUCTED))
    serial = read_integer(tbs.take("serialNumber", INTEGER))
    if tbs.take("signature", SEQUENCE).encoded != algorithm.encoded:
        raise InvalidEncoding(f"{place}.signatureAlgorithm", "differs from the signed one (§4.1.1)")
    issuer = tbs.take("issuer", SEQUENCE)
    not_before, not_after = _read_validity(tbs.take("validity", SEQUENCE))
    subject = tbs.take("subject", SEQUENCE)
    spki = tbs.take("subjectPublicKeyInfo", SEQUENCE)
    extensions = tbs.take_if("extensions", CONTEXT_CONSTRUCTED + 3) if version == 3 else None
    tbs.end()
    return Certificate(
        encoded=data,
        serial=serial,
        issuer=issuer.encoded,
        subject=subject.encoded,
        not_before=not_before,
        not_after=not_after,
        place=place,
        extensions=_Extensions() if extensions is None else _read_extensions(extensions),
        _spki=spki,
        _signed=signed.encoded,
        _algorithm=algorithm,
        _signature=signature,
    )


def _read_validity(element: Element) -> tuple[int, int]:
    contents = Contents(element)
    not_before = decode_time(contents.take("notBefore", UTC_TIME, GENERALIZED_TIME))
    not_after = decode_time(contents.take("notAfter", UTC_TIME, GENERALIZED_TIME))
    contents.end()
    return not_before // 1_000_000, not_after // 1_000_000


def _version(element: Element | None) -> int:
    if element is None:
        return 1
    if read_integer(read_sole(element, "0", INTEGER)) != 2:
        raise InvalidEncoding(element.place, "must be absent or 2, that is version 3")
    return 3


def _whole_bytes(element: Element) -> bytes:
    value, unused = read_bits(element)
    if unused:
        raise InvalidEncoding(element.place, "must be whole bytes")
    return value


def _read_extensions(tagged: Element) -> _Extensions:
    found: dict[str, tuple[bool, Element]] = {}
    for item in Contents(read_sole(tagged, "0", SEQUENCE)).rest(SEQUENCE):
        contents = Contents(item)
        oid = read_oid(contents.take("extnID", OID))
        flag = contents.take_if("critical", BOOLEAN)
        if flag is not None and not read_boolean(flag):
            raise InvalidEncoding(flag.place, "the default is left out in DER (X.690 §11.5)")
        value = contents.take("extnValue", OCTET_STRING)
        contents.end()
        if oid in found:
            raise InvalidEncoding(item.place, f"extension {oid} stands there twice (§4.2)")
        found[oid] = (flag is not None, value)
    read = {_KEY_USAGE, _BASIC_CONSTRAINTS, _EXTENDED_KEY_USAGE, *_NEEDS_NO_READING}
    is_authority, path_length = _read_constraints(found.get(_BASIC_CONSTRAINTS))
    return _Extensions(
        key_usage=_read_usage(found.get(_KEY_USAGE)),
        purposes=_read_purposes(found.get(_EXTENDED_KEY_USAGE)),
        purposes_critical=found.get(_EXTENDED_KEY_USAGE, (False, None))[0],
        is_authority=is_authority,
        path_length=path_length,
        not_read=tuple(oid for oid, (critical, _) in found.items() if critical and oid not in read),
    )


def _read_usage(extension: tuple[bool, Element] | None) -> frozenset[str] | None:
    if extension is None:
        return None
    element = decode_der(extension[1].content, extension[1].place, BIT_STRING)
    octets, unused = read_bits(element)
    number, width = int.from_bytes(octets, "big") >> unused, 8 * len(octets) - unused
    if not number & 1 or width > len(_USAGES):
        raise InvalidEncoding(element.place, "is no keyUsage in DER (§4.2.1.3, X.690 §11.2.2)")
    return frozenset(
        name for place, name in enumerate(_USAGES[:width]) if number >> (width - 1 - place) & 1
    )


def _read_constraints(extension: tuple[bool, Element] | None) -> tuple[bool, int | None]:
    """Of basicConstraints (§4.2.1.9): whether it is an authority, and pathLenConstraint."""
    if extension is None:
        return False, None
    contents = Contents(decode_der(extension[1].content, extension[1].place, SEQUENCE))
    authority = contents.take_if("cA", BOOLEAN)
    if authority is not None and not read_boolean(authority):
        raise InvalidEncoding(authority.place, "the default is left out in DER (X.690 §11.5)")
    length = contents.take_if("pathLenConstraint", INTEGER)
    contents.end()
    most = None if length is None else read_integer(length, least=0)
    return authority is not None, most


def _read_purposes(extension: tuple[bool, Element] | None) -> tuple[str, ...] | None:
    if extension is None:
        return None
    value = extension[1]
    items = Contents(decode_der(value.content, value.place, SEQUENCE)).rest(OID)
    if not items:
        raise InvalidEncoding(value.place, "must name a purpose (§4.2.1.12)")
    return tuple(read_oid(item) for item in items)
