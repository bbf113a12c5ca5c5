"""What a certificate is issued with, read from files: the seal's chain, its imprint, hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import typst
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from node.core.errors import InvalidInput
from node.evidence.certificates.keys import SealChain
from node.evidence.certificates.port import SealingCertificate

__all__ = ["describe_chain", "file_hashes", "imprint_page", "read_certificates", "read_chain"]

_MOST_BYTES = 8 << 20
_MILLIMETRES = 40
_PAGE = """\
#set page(width: {mm}mm, height: {mm}mm, margin: 0mm, fill: none)
#image(bytes(sys.inputs.picture), format: "svg", width: {mm}mm, height: {mm}mm, fit: "contain")
"""
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_IN_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
    'viewBox="0 0 1 1"><image width="1" height="1" xlink:href="data:image/png;base64,{}"/></svg>'
)


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file.

    Raises:
        InvalidInput: it holds none.
        OSError: it cannot be read.
    """
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except ValueError as error:
        raise InvalidInput(str(path), f"holds no certificates in PEM: {error}") from error


def read_chain(path: Path) -> SealChain:
    """The seal's certificate and those above it, from a PEM file.

    Raises:
        InvalidInput: it is no such chain, or the first has no P-256 key that may sign documents.
        OSError: it cannot be read.
    """
    first, *above = read_certificates(path)
    key = first.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise InvalidInput(str(path), "the first certificate must have a P-256 key")
    try:
        usage = first.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        usage = None
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise InvalidInput(str(path), "the first certificate is not for signing documents")
    for lower, upper in zip((first, *above), above):
        try:
            lower.verify_directly_issued_by(upper)
        except Exception as error:
            rule = "each certificate must be followed by its issuer's"
            raise InvalidInput(str(path), rule) from error
    last = above[-1] if above else first
    if last.subject != last.issuer:
        raise InvalidInput(str(path), "the last certificate must be the root")
    return SealChain(
        first.public_bytes(Encoding.DER), tuple(one.public_bytes(Encoding.DER) for one in above)
    )


def describe_chain(chain: SealChain) -> SealingCertificate:
    """What certificates of evidence say of the seal's certificate."""
    one = x509.load_der_x509_certificate(chain.certificate)
    digits = f"{one.serial_number:x}"
    return SealingCertificate(
        subject=one.subject.rfc4514_string(),
        issuer=one.issuer.rfc4514_string(),
        serial_number=digits.zfill(len(digits) + len(digits) % 2),
        sha256=hashlib.sha256(chain.certificate).hexdigest(),
        valid_from=int(one.not_valid_before_utc.timestamp()) * 1000,
        valid_to=int(one.not_valid_after_utc.timestamp()) * 1000,
    )


def imprint_page(path: Path) -> bytes:
    """An imprint as a PDF of one page: a PDF file as it is, an SVG or PNG file set on 40 mm.

    Raises:
        InvalidInput: it is of none of these forms, or larger than any imprint.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    if len(content) > _MOST_BYTES:
        raise InvalidInput(str(path), f"is longer than {_MOST_BYTES} bytes")
    if content.startswith(b"%PDF-"):
        return content
    if content.startswith(_PNG):
        import base64

        picture = _PNG_IN_SVG.format(base64.b64encode(content).decode("ascii"))
    else:
        try:
            picture = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(str(path), "must be a PDF, an SVG or a PNG") from error
    try:
        source = _PAGE.format(mm=_MILLIMETRES).encode("ascii")
        pdf = typst.compile(source, format="pdf", sys_inputs={"picture": picture})
    except RuntimeError as error:
        raise InvalidInput(str(path), f"must be a PDF, an SVG or a PNG: {error}") from error
    assert isinstance(pdf, bytes)
    return pdf + b"\n"


def file_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Names of files and the SHA-256 (hex) of each. Raises OSError."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
