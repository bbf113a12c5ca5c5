from __future__ import annotations

import hashlib
import io
from datetime import datetime
from typing import Any

import pytest
from asn1crypto import cms
from builders.sealed_contract import SealedContract
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader

from node.core.errors import InvalidInput
from node.demo.documents import SealedPdf, seal_pdf
from node.evidence.imprints.imprint import Imprint

ROUND = {"field_name": "third", "page": 0, "box": (10, 10, 124, 124), "reason": "见证"}


def fields(pdf: bytes) -> list[Any]:
    form = PdfFileReader(io.BytesIO(pdf)).root["/AcroForm"]
    return [field.get_object() for field in form["/Fields"]]


def message(sealed: SealedPdf) -> Any:
    return cms.ContentInfo.load(sealed.signature, strict=True)["content"]


def covered(sealed: SealedPdf) -> bytes:
    first, length, second, rest = sealed.byte_range
    return sealed.pdf[first : first + length] + sealed.pdf[second : second + rest]


def test_each_seal_appends_and_leaves_what_was_before(contract: SealedContract) -> None:
    assert contract.first.pdf.startswith(contract.unsigned)
    assert contract.second.pdf.startswith(contract.first.pdf)
    assert len(contract.unsigned) < len(contract.first.pdf) < len(contract.second.pdf)


def test_hashes_name_the_file_before_and_after_without_a_gap(contract: SealedContract) -> None:
    assert contract.first.before_sha256 == hashlib.sha256(contract.unsigned).hexdigest()
    assert contract.first.after_sha256 == hashlib.sha256(contract.first.pdf).hexdigest()
    assert contract.second.before_sha256 == contract.first.after_sha256
    assert contract.second.after_sha256 == hashlib.sha256(contract.second.pdf).hexdigest()


def test_byte_range_covers_all_but_the_signature(contract: SealedContract) -> None:
    for sealed in (contract.first, contract.second):
        start, first, second, rest = sealed.byte_range
        assert (start, second + rest) == (0, len(sealed.pdf))
        gap = sealed.pdf[first:second]
        assert (gap[:1], gap[-1:]) == (b"<", b">")
        held = bytes.fromhex(gap[1:-1].decode())
        assert held.rstrip(b"\0") == sealed.signature.rstrip(b"\0")
        assert sealed.signature_sha256 == hashlib.sha256(sealed.signature).hexdigest()


def test_signature_is_es256_over_the_covered_bytes(contract: SealedContract) -> None:
    """Checked with the key alone, past the library that made it (RFC 5652 §5.4)."""
    for sealed, signer in zip((contract.first, contract.second), contract.signers):
        info = message(sealed)["signer_infos"][0]
        assert info["digest_algorithm"]["algorithm"].native == "sha256"
        assert info["signature_algorithm"]["algorithm"].native == "sha256_ecdsa"
        attributes = {item["type"].native: item["values"][0] for item in info["signed_attrs"]}
        digest = hashlib.sha256(covered(sealed)).digest()
        assert attributes["message_digest"].native == digest
        public_key = signer.certificate.public_key()
        assert isinstance(public_key, ec.EllipticCurvePublicKey)
        signed = info["signed_attrs"].untag().dump()
        public_key.verify(info["signature"].native, signed, ec.ECDSA(SHA256()))


def test_message_is_pades_baseline_b(contract: SealedContract) -> None:
    """ETSI EN 319 142-1 §6.3: which attributes must be there, and which must not."""
    for sealed, signer in zip((contract.first, contract.second), contract.signers):
        content = message(sealed)
        attributes = {
            item["type"].native: item for item in content["signer_infos"][0]["signed_attrs"]
        }
        assert {"content_type", "message_digest", "signing_certificate_v2"} == set(attributes)
        certificate_id = attributes["signing_certificate_v2"]["values"][0]["certs"][0]
        assert certificate_id["cert_hash"].native.hex() == signer.certificate_sha256
        assert content["encap_content_info"]["content"].native is None
        held = {item.chosen.sha256.hex() for item in content["certificates"]}
        issuing = hashlib.sha256(signer.chain[0].public_bytes(Encoding.DER)).hexdigest()
        assert held == {signer.certificate_sha256, issuing}, "the root comes from the verifier"


def test_field_shows_the_imprint_and_says_when_and_why(contract: SealedContract) -> None:
    found = fields(contract.second.pdf)
    assert [field["/T"] for field in found] == ["party_a", "party_b"]
    for field in found:
        value = field["/V"]
        assert value["/SubFilter"] == "/ETSI.CAdES.detached"
        assert value["/M"] == "D:20260302010203Z"
        assert value["/Reason"] == "同意签署本合同"
        appearance = field["/AP"]["/N"]
        assert "/Imprint" in appearance["/Resources"]["/XObject"]
        assert appearance["/Resources"]["/ExtGState"]["/Ink"]["/BM"] == "/Multiply"
        assert sorted(float(side) for side in appearance["/BBox"]) == [0, 0, 114, 114]
        assert field["/F"] & 4, "printed too"


def test_imprints_outlines_are_those_of_its_own_file(
    contract: SealedContract, imprint: Imprint
) -> None:
    shown = fields(contract.first.pdf)[0]["/AP"]["/N"]["/Resources"]["/XObject"]["/Imprint"]
    drawn = PdfFileReader(io.BytesIO(imprint.pdf)).root["/Pages"]["/Kids"][0]["/Contents"]
    assert shown.data == drawn.data


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"field_name": "party_a"}, "field_name"),
        ({"field_name": ""}, "field_name"),
        ({"field_name": "a.b"}, "field_name"),
        ({"page": 2}, "page"),
        ({"page": -1}, "page"),
        ({"box": (10, 10, 10, 20)}, "box"),
        ({"box": (10, 20, 30, 10)}, "box"),
        ({"signed_at": datetime(2026, 3, 2)}, "signed_at"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    contract: SealedContract, imprint: Imprint, now: datetime, change: Any, place: str
) -> None:
    arguments: Any = ROUND | {"signed_at": now} | change
    with pytest.raises(InvalidInput) as caught:
        seal_pdf(contract.first.pdf, contract.signers[0], imprint, **arguments)
    assert caught.value.place == place


@pytest.mark.parametrize(
    "damage",
    [
        lambda pdf: b"",
        lambda pdf: b"no PDF",
        lambda pdf: b"%PDF-1.7\n",
        lambda pdf: pdf[:-400],
        lambda pdf: pdf.replace(b"startxref", b"startyref"),
        lambda pdf: pdf.replace(b"/Pages", b"/Pagez"),
    ],
)
def test_what_is_no_pdf_is_refused(
    contract: SealedContract, imprint: Imprint, now: datetime, damage: Any
) -> None:
    arguments: Any = ROUND | {"signed_at": now}
    with pytest.raises(InvalidInput, match="pdf: must be a PDF that can be signed"):
        seal_pdf(damage(contract.unsigned), contract.signers[0], imprint, **arguments)
