"""Certificates of evidence as PDF files, made by typst and sealed by pyHanko, for tests.

What seals them is a real one of its kind: PAdES B-B, or B-LTA with tokens of `openssl ts`.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typst
from asn1crypto import keys as asn1_keys
from asn1crypto import pem as asn1_pem
from asn1crypto import tsp
from asn1crypto import x509 as asn1_x509
from builders.bundling import bundle_of, trust_of
from builders.cases import PRIVATE, SUB
from builders.certificates import (
    BEGIN,
    Extension,
    Held,
    ca_extensions,
    issue,
    pem_key,
    self_signed,
    tsa_extensions,
)
from builders.chain import Chain
from builders.signing import GENESIS_TIME, MemberKey, digests_of, signed_jwt
from builders.time_stamping import openssl_authority
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.timestamps.api import TimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from node.core.encoding import canonical_json
from node.demo.tsa import OpensslTsa

__all__ = [
    "CERTIFICATE_NO",
    "ISSUER",
    "ODD_KEYS",
    "Office",
    "OpensslStamper",
    "certificate_of",
    "code_of",
    "files_of",
    "office",
    "seal",
    "small_chain",
    "statement_of",
    "typeset",
    "with_members",
]

CERTIFICATE_NO = "CZS20261123000001"
ISSUER = "platform-a"

_PAGE = """
#set document(title: "Certificate", date: datetime(year: 2026, month: 11, day: 23))
#set page(width: 120mm, height: 80mm)
#for file in json(bytes(sys.inputs.files)) {
  pdf.attach(file.name, bytes(file.content), relationship: "data", mime-type: file.type,
    description: file.name)
}
#sys.inputs.text
"""
_TYPES = {".json": "application/json", ".jwt": "application/jose"}


def typeset(files: Mapping[str, bytes], text: str = "Certificate of evidence") -> bytes:
    """One page with these files attached, PDF/A-3b."""
    listed = [
        {"name": name, "content": content.decode(), "type": _TYPES[Path(name).suffix]}
        for name, content in files.items()
    ]
    inputs = {"files": canonical_json(listed).decode(), "text": text}
    made = typst.compile(
        _PAGE.encode(),
        format="pdf",
        pdf_standards="a-3b",
        sys_inputs=inputs,
        ignore_system_fonts=True,
    )
    assert isinstance(made, bytes)
    return made + b"\n"  # pyHanko writes its first object right behind it


class OpensslStamper(TimeStamper):  # type: ignore[misc]
    """pyHanko's way to an authority that is `openssl ts -reply`."""

    def __init__(self, authority: OpensslTsa) -> None:
        super().__init__()
        self._authority = authority

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """See TimeStamper."""
        return tsp.TimeStampResp.load(self._authority.answer(req.dump()))


@dataclass(frozen=True)
class Office:
    """Who issues: a chain with its records, the institution's seal, a time-stamp authority."""

    chain: Chain
    seal: Held
    tsa: Held
    stamper: OpensslStamper = field(repr=False)

    @property
    def trust(self) -> bytes:
        """The trust file, with the roots of seal and authority."""
        return trust_of(
            self.chain,
            signer_roots=[_base64(self.seal.root)],
            tsa_roots=[_base64(self.tsa.root)],
        )

    def bundle(self, *keys: str, **changes: Any) -> bytes:
        """The dossier's bundle, with the proofs of the issuer's key and member, and of ``keys``."""
        key = self.chain.keys[ISSUER]
        extra = [f"key/{key.kid}", f"member/{ISSUER}", *keys]
        given = {"extra_keys": extra, **changes}
        return canonical_json(bundle_of(self.chain, SUB, **given))


def _base64(certificate: x509.Certificate) -> str:
    return base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()


def _now() -> float:
    """Days from the tests' certificates' beginning to now: tokens are of the system's clock."""
    return (datetime.now(UTC) - BEGIN).total_seconds() / 86_400


def office(folder: Path, chain: Chain | None = None) -> Office:
    """A new office with keys of its own; ``folder`` is for openssl."""
    chain = chain or small_chain()
    today = _now()
    span = (min(0, today - 1), max(3650, today + 3650))
    seal_ca = issue(
        "Seal authority", self_signed("Root of seals", days=span), ca_extensions(0), days=span
    )
    tsa = issue("Test TSA", self_signed("Root of TSAs", days=span), tsa_extensions(), days=span)
    seal_held = issue("南京市公证处", seal_ca, seal_extensions(), days=span)
    return Office(chain, seal_held, tsa, OpensslStamper(openssl_authority(folder, tsa)))


ODD_KEYS: dict[str, dict[str, Any]] = {
    "retired": {"to": 2},
    "coming": {"from": 1_000},
    "compromised": {"suspect_from": GENESIS_TIME},
    "recovery": {"use": "recovery"},
}
"""Keys of the issuer that may not sign a certificate, by what is wrong with them."""


def with_members(**options: Any) -> Chain:
    """A chain whose state map names its members, and odd keys of the issuer."""
    chain = Chain(**{"validators": 4, **options})
    for name, roles in chain.members:
        member = {"name": name, "roles": list(roles), "since": 1, "status": "active"}
        chain.put(f"member/{name}", member)
    for name, odd in ODD_KEYS.items():
        key = MemberKey(name)
        value = {"from": 1, "jwk": key.jwk.to_json(), "member": ISSUER, **odd}
        chain.put(f"key/{key.kid}", value)
    return chain


def small_chain(**options: Any) -> Chain:
    """One validator, one record: a bundle of a few kB."""
    chain = with_members(**{"validators": 1, **options})
    chain.commit_block(chain.jwt(**digests_of(PRIVATE)))
    chain.commit_block()
    chain.commit_block()
    return chain


def seal_extensions() -> list[Extension]:
    """Those of a certificate for sealing documents."""
    usage = x509.KeyUsage(True, True, False, False, False, False, False, False, False)
    return [(x509.BasicConstraints(False, None), True), (usage, True)]


def files_of(made: Office, **changes: bytes) -> dict[str, bytes]:
    """The attachments but the statement."""
    return {"bundle.json": made.bundle(), "trust.json": made.trust, **changes}


def statement_of(
    made: Office,
    files: Mapping[str, bytes],
    *,
    key: MemberKey | None = None,
    header: Mapping[str, Any] | None = None,
    **changes: Any,
) -> bytes:
    """statement.jwt of these files; ``changes`` replace members of the payload."""
    key = key or made.chain.keys[ISSUER]
    digits = code_of(files["bundle.json"])
    payload = {
        "certificate_no": CERTIFICATE_NO,
        "chain_id": made.chain.chain_id,
        "code": digits,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "format": "evidence-certificate/1",
        "iat": GENESIS_TIME // 1000 + 600,
        "iss": ISSUER,
        "language": "zh",
        "sealing_certificate_sha256": hashlib.sha256(made.seal.der).hexdigest(),
        "software": {
            "name": "evidence-ledger-node",
            "version": "0.1.0",
            "config_sha256": "00" * 32,
        },
        **changes,
    }
    given = {"alg": "ES256", "kid": key.kid, "typ": "evidence-certificate+jwt", **(header or {})}
    return signed_jwt(key, canonical_json(payload), canonical_json(given))


def code_of(bundle: bytes) -> str:
    """The evidence code of a bundle: of its dossier, or of its one record."""
    value = json.loads(bundle)
    code = str(json.loads(value["entries"][0]["entry"])["code"])
    return code if value["scope"] == "record" else code.partition("-")[0]


def certificate_of(
    made: Office, files: Mapping[str, bytes] | None = None, **statement: Any
) -> bytes:
    """The unsealed PDF of the office's dossier, with the statement of these files."""
    files = files or files_of(made)
    return typeset({**files, "statement.jwt": statement_of(made, files, **statement)})


def seal(
    pdf: bytes,
    made: Office,
    *,
    held: Held | None = None,
    level: str = "b-lta",
    field_name: str = "Seal",
    **options: Any,
) -> bytes:
    """The PDF sealed by pyHanko: ``level`` is b-b, b-t or b-lta."""
    held = held or made.seal
    signer = signers.SimpleSigner(
        asn1_x509.Certificate.load(held.der),
        asn1_keys.PrivateKeyInfo.load(asn1_pem.unarmor(pem_key(held.key))[2]),
        _store(held.above),
        embed_roots=False,
    )
    context = ValidationContext(
        trust_roots=[_asn1(held.root), _asn1(made.tsa.root)],
        other_certs=[_asn1(one) for one in (*held.above, *made.tsa.above)],
        allow_fetching=False,
    )
    lta = level == "b-lta"
    meta = signers.PdfSignatureMetadata(
        field_name=field_name,
        md_algorithm="sha256",
        subfilter=SigSeedSubFilter.PADES,
        embed_validation_info=lta,
        use_pades_lta=lta,
        validation_context=context if lta else None,
        **options,
    )
    out = io.BytesIO()
    signers.PdfSigner(
        meta,
        signer,
        timestamper=None if level == "b-b" else made.stamper,
        new_field_spec=SigFieldSpec(field_name, on_page=0, box=(200, 20, 320, 80)),
    ).sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), output=out)
    return out.getvalue()


def _asn1(certificate: x509.Certificate) -> Any:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _store(certificates: Any) -> SimpleCertificateStore:
    store = SimpleCertificateStore()
    store.register_multiple(_asn1(one) for one in certificates)
    return store
