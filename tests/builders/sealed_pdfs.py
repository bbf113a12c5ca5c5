"""What others say of a sealed PDF: poppler with an NSS database, pyHanko, openssl."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typst
from asn1crypto import x509
from asn1crypto.core import VOID
from builders.time_stamping import missing
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.settings import KeyUsageConstraints

from node.evidence.certificates.port import SealSpace

SPACE = SealSpace(0, (300, 100, 420, 220))
_SOURCE = """
#set document(title: "证书", date: datetime(year: 2026, month: 1, day: 1))
#set text(font: "Noto Serif SC")
存证证书 Certificate of evidence
"""


def unsealed_pdf() -> bytes:
    """A PDF/A-3b of one page, as typst makes it: without a line feed at its end."""
    import pylopdf_fonts_zh_cn

    fonts = str(Path(pylopdf_fonts_zh_cn.serif_path()).parent)
    pdf = typst.compile(_SOURCE.encode(), format="pdf", font_paths=[fonts], pdf_standards="a-3b")
    assert isinstance(pdf, bytes)
    return pdf


def pdfsig(pdf: bytes, root: Path, folder: Path) -> str:
    """What poppler says, with ``root`` (PEM) as the one authority that it trusts."""
    for program in ("pdfsig", "certutil"):
        if shutil.which(program) is None:
            missing(f"{program} is missing: apt-get install poppler-utils libnss3-tools")
    store = folder / "nss"
    store.mkdir()
    database = ["certutil", "-d", f"sql:{store}"]
    subprocess.run([*database, "-N", "--empty-password"], check=True, capture_output=True)
    subprocess.run(
        [*database, "-A", "-n", "root", "-t", "C,C,C", "-i", root], check=True, capture_output=True
    )
    path = folder / "checked.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(
        ["pdfsig", "-nssdir", store, path], check=True, capture_output=True, text=True
    )
    return done.stdout


@dataclass(frozen=True)
class LastingStatus:
    """What pyHanko says of a seal and of the document time-stamp over it, each "" where valid."""

    seal: str
    stamp: str


def lasting_status(pdf: bytes, *roots: bytes, revocation: str) -> LastingStatus:
    """Validate seal and document time-stamp with what the document itself holds, and no network.

    ``revocation`` as in pyHanko: "hard-fail" wants what the certificates name, "require" wants it
    of all of them.
    """
    reader = PdfFileReader(io.BytesIO(pdf))
    held = DocumentSecurityStore.read_dss(reader).as_validation_context(
        {
            "trust_roots": [x509.Certificate.load(root) for root in roots],
            "allow_fetching": False,
            "revocation_mode": revocation,
        }
    )
    seal = validate_pdf_signature(
        reader.embedded_regular_signatures[0],
        signer_validation_context=held,
        ts_validation_context=held,
        key_usage_settings=KeyUsageConstraints(key_usage={"non_repudiation"}),
    )
    stamp = validate_pdf_timestamp(reader.embedded_timestamp_signatures[-1], held)
    if seal.bottom_line and seal.timestamp_validity is None:
        return LastingStatus("has no time-stamp", "")
    return LastingStatus(
        "" if seal.bottom_line else seal.pretty_print_details(),
        "" if stamp.valid and stamp.trusted else stamp.summary(),
    )


def token_of(pdf: bytes) -> tuple[bytes, bytes]:
    """The signature time-stamp's token (DER), and the bytes that it is over."""
    signature = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures[0]
    (token,) = tokens_in(signature)
    return token, bytes(signature.signer_info["signature"].native)


def tokens_in(signature: Any) -> list[bytes]:
    """The time-stamp tokens among a signature's unsigned attributes (DER)."""
    attributes = signature.signer_info["unsigned_attrs"]
    return [
        bytes(value.dump())
        for attribute in (() if attributes is VOID else attributes)
        if attribute["type"].native == "signature_time_stamp_token"
        for value in attribute["values"]
    ]


def token_content(signed_data: Any) -> bytes:
    """A SignedData as the ContentInfo that it came in."""
    from asn1crypto import cms

    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed_data}).dump())


def document_token_of(pdf: bytes) -> tuple[bytes, bytes]:
    """The document time-stamp's token (DER), and the bytes that it is over."""
    stamp = PdfFileReader(io.BytesIO(pdf)).embedded_timestamp_signatures[-1]
    first, length, second, rest = stamp.byte_range
    covered = pdf[first : first + length] + pdf[second : second + rest]
    return token_content(stamp.signed_data), covered


def pdfa_faults(pdf: bytes, folder: Path) -> str:
    """What veraPDF has against a file as PDF/A-3b, "" if nothing."""
    if shutil.which("java") is None:
        missing("java is missing: apt-get install default-jre-headless")
    script = Path(__file__).resolve().parents[2] / "scripts" / "install-verapdf"
    found = subprocess.run([str(script)], capture_output=True, text=True, check=False)
    if found.returncode:
        missing(f"veraPDF cannot be had: {found.stderr[-500:]}")
    path = folder / "certificate.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(
        ["java", "-jar", found.stdout.strip(), "-f", "3b", "--format", "text", "-v", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.stdout.startswith("PASS") else done.stdout + done.stderr


def der(certificate: Any) -> bytes:
    """A certificate's DER."""
    return bytes(certificate.public_bytes(Encoding.DER))


__all__ = [
    "SPACE",
    "LastingStatus",
    "der",
    "document_token_of",
    "lasting_status",
    "pdfa_faults",
    "pdfsig",
    "token_of",
    "tokens_in",
    "unsealed_pdf",
]
