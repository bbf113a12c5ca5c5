"""Small PDFs, and those who sign them: PAdES B-B to B-LTA, certified, several signatures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import asn1crypto.crl
import asn1crypto.keys
import asn1crypto.x509
from builders.certificates import (
    Held,
    ca_extensions,
    issue,
    moment,
    new_key,
    self_signed,
    tsa_extensions,
)
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from node.evidence.documents.settings import DocumentSettings

__all__ = ["SIGNED", "STAMPED", "Signatories", "milliseconds", "plain_pdf", "update", "writer_of"]

SIGNED = moment(10)
"""When lists of revoked certificates were made. What the signers themselves claim is the moment at
which the test runs."""
STAMPED = SIGNED + timedelta(minutes=1)


def milliseconds(at: datetime) -> int:
    """A moment in ms."""
    return int(at.timestamp() * 1000)


def plain_pdf(text: str = "Pay 100 yuan", *, writer: PdfFileWriter | None = None) -> bytes:
    """One page with ``text`` and a text field."""
    writer = writer or PdfFileWriter(stream_xrefs=False)
    content = writer.add_object(generic.StreamObject(stream_data=page_content(text)))
    font = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Font"),
            pdf_name("/Subtype"): pdf_name("/Type1"),
            pdf_name("/BaseFont"): pdf_name("/Helvetica"),
        }
    )
    fonts = generic.DictionaryObject({pdf_name("/F1"): writer.add_object(font)})
    resources = generic.DictionaryObject({pdf_name("/Font"): fonts})
    page = writer.insert_page(PageObject(content, (0, 0, 300, 200), resources))
    field = generic.DictionaryObject(
        {
            pdf_name("/FT"): pdf_name("/Tx"),
            pdf_name("/T"): generic.pdf_string("note"),
            pdf_name("/V"): generic.pdf_string("before"),
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Widget"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (10, 10, 90, 30))),
            pdf_name("/P"): page,
        }
    )
    reference = writer.add_object(field)
    form = generic.DictionaryObject({pdf_name("/Fields"): generic.ArrayObject([reference])})
    writer.root["/AcroForm"] = writer.add_object(form)
    page.get_object()["/Annots"] = generic.ArrayObject([reference])
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def page_content(text: str) -> bytes:
    """What draws ``text`` on a page."""
    return f"BT /F1 18 Tf 40 100 Td ({text}) Tj ET".encode("latin-1")


def writer_of(pdf: bytes) -> IncrementalPdfFileWriter:
    """What appends to ``pdf``."""
    return IncrementalPdfFileWriter(io.BytesIO(pdf))


def update(writer: IncrementalPdfFileWriter) -> bytes:
    """The file with what ``writer`` was told to append."""
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def _asn1(held: Held) -> asn1crypto.x509.Certificate:
    return asn1crypto.x509.Certificate.load(held.der)


def _key(held: Held) -> asn1crypto.keys.PrivateKeyInfo:
    der = held.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return asn1crypto.keys.PrivateKeyInfo.load(der)


def _usage() -> x509.KeyUsage:
    names = (
        "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign",
        "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(
        digital_signature=True, content_commitment=True, **dict.fromkeys(names, False)
    )


class _CarelessSigner(signers.PdfSigner):
    """Does not look at what earlier signatures permit."""

    def _enforce_certification_constraints(self, reader: Any) -> None:
        """Whatever they say."""


@dataclass
class Signatories:
    """A root, an authority below it, a signer, and a time-stamp authority with a root of its own.

    ``days`` is how long the signer's certificate is valid, from `BEGIN` on.
    """

    days: tuple[float, float] = (0, 3650)
    name: str = "某某公司"

    @cached_property
    def root(self) -> Held:
        return self_signed("Signers' root")

    @cached_property
    def authority(self) -> Held:
        return issue("Signers' authority", self.root, ca_extensions())

    @cached_property
    def signer(self) -> Held:
        extensions = [(x509.BasicConstraints(False, None), True), (_usage(), True)]
        return issue(self.name, self.authority, extensions, days=self.days)

    @cached_property
    def tsa_root(self) -> Held:
        return self_signed("Time-stamps' root")

    @cached_property
    def tsa(self) -> Held:
        key = new_key("RSA-2048")  # the library's authority for tests knows no other kind
        return issue("时间戳机构", self.tsa_root, tsa_extensions(), key=key)

    def settings(self, at: datetime = STAMPED, **changes: Any) -> DocumentSettings:
        """Those that trust both roots."""
        given = {"roots": (self.root.der,), "tsa_roots": (self.tsa_root.der,), **changes}
        return DocumentSettings(now=milliseconds(at), **given)

    def crl(self, issuer: Held, *revoked: tuple[int, datetime]) -> asn1crypto.crl.CertificateList:
        """A list of ``issuer``, made at `SIGNED`, of serial numbers and since when."""
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=issuer.certificate.subject,
            last_update=SIGNED,
            next_update=SIGNED + timedelta(days=3000),
        )
        for serial, since in revoked:
            entry = x509.RevokedCertificateBuilder(serial, since).build()
            builder = builder.add_revoked_certificate(entry)
        der = builder.sign(issuer.key, SHA256()).public_bytes(Encoding.DER)
        return asn1crypto.crl.CertificateList.load(der)

    def stamper(self, at: datetime = STAMPED) -> DummyTimeStamper:
        """The time-stamp authority, whose clock stands still."""
        store = SimpleCertificateStore()
        store.register(_asn1(self.tsa_root))
        return DummyTimeStamper(_asn1(self.tsa), _key(self.tsa), store, fixed_dt=at)

    def sign(
        self,
        pdf: bytes,
        field: str = "Signature1",
        *,
        by: Held | None = None,
        stamped: bool = False,
        long_term: bool = False,
        revoked: tuple[tuple[int, datetime], ...] = (),
        permits: fields.MDPPerm | None = None,
        careless: bool = False,
    ) -> bytes:
        """``pdf`` with one more signature; ``long_term`` makes it B-LTA, ``permits`` certifies.
        ``careless`` signs what an earlier signature does not permit to be signed."""
        by = by or self.signer
        store = SimpleCertificateStore()
        store.register_multiple(
            asn1crypto.x509.Certificate.load(one.public_bytes(Encoding.DER)) for one in by.above
        )
        signer = signers.SimpleSigner(
            signing_cert=_asn1(by), signing_key=_key(by), cert_registry=store
        )
        options: dict[str, Any] = {}
        if permits is not None:
            options = {"certify": True, "docmdp_permissions": permits}
        if long_term:
            options |= {
                "embed_validation_info": True,
                "use_pades_lta": True,
                "validation_context": self._context(revoked),
                "timestamp_field_name": f"{field}-archive",
            }
        meta = signers.PdfSignatureMetadata(
            field_name=field,
            md_algorithm="sha256",
            subfilter=fields.SigSeedSubFilter.PADES,
            **options,
        )
        make = _CarelessSigner if careless else signers.PdfSigner
        pdf_signer = make(
            meta, signer, timestamper=self.stamper() if stamped or long_term else None
        )
        return pdf_signer.sign_pdf(writer_of(pdf)).getvalue()

    def _context(self, revoked: tuple[tuple[int, datetime], ...]) -> ValidationContext:
        return ValidationContext(
            trust_roots=[_asn1(self.root), _asn1(self.tsa_root)],
            crls=[self.crl(self.root), self.crl(self.authority, *revoked), self.crl(self.tsa_root)],
            moment=STAMPED,
            allow_fetching=False,
            revocation_mode="soft-fail",
            retroactive_revinfo=True,
        )
