"""CMS objects from a form, byte for byte those that pyHanko makes."""

from __future__ import annotations

import asyncio
import hashlib

import pytest
from asn1crypto import cms
from builders.issuing import Seal, make_seal
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st
from pyhanko.sign.signers import ExternalSigner, Signer
from pyhanko.sign.timestamps import TimeStamper

from node.core.errors import InvalidEncoding
from node.evidence.certificates.keys import open_signer
from node.evidence.certificates.signature_forms import SignatureForm

_TOKEN = cms.ContentInfo({"content_type": "data", "content": b"what an authority answers"}).dump()


class Stamper(TimeStamper):
    """An authority that answers the same to all."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[bytes] = []

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        self.asked.append(message_digest)
        return cms.ContentInfo.load(_TOKEN)


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    return make_seal(tmp_path_factory.mktemp("seal"))


@pytest.fixture(scope="module")
def signer(seal: Seal) -> Signer:
    return open_signer(seal.key, seal.chain)


@pytest.fixture(scope="module")
def form(signer: Signer) -> SignatureForm:
    return asyncio.run(SignatureForm.make(signer))


def parts(made: bytes) -> tuple[bytes, bytes]:
    """The signature and what it is over."""
    (info,) = cms.ContentInfo.load(made, strict=True)["content"]["signer_infos"]
    return info["signature"].native, info["signed_attrs"].untag().dump()


def of_pyhanko(
    signer: Signer, digest: bytes, signature: bytes, stamper: TimeStamper | None
) -> bytes:
    """What pyHanko makes of the same hash and signature."""
    outside = ExternalSigner(
        signing_cert=signer.signing_cert,
        cert_registry=signer.cert_registry,
        signature_value=signature,
        embed_roots=False,
    )
    made = outside.async_sign(digest, "sha256", use_pades=True, timestamper=stamper)
    return bytes(asyncio.run(made).dump())


@given(digest=st.binary(min_size=32, max_size=32))
def test_each_is_what_pyhanko_makes(signer: Signer, form: SignatureForm, digest: bytes) -> None:
    made = asyncio.run(form.sign(digest, None))
    assert made == of_pyhanko(signer, digest, parts(made)[0], None)


def test_a_stamped_one_too_and_the_stamp_is_over_the_signature(
    signer: Signer, form: SignatureForm
) -> None:
    digest, stamper = hashlib.sha256(b"document").digest(), Stamper()
    made = asyncio.run(form.sign(digest, stamper))
    signature, _ = parts(made)
    assert stamper.asked == [hashlib.sha256(signature).digest()]
    assert made == of_pyhanko(signer, digest, signature, Stamper())


def test_the_signature_holds_over_the_attributes(seal: Seal, form: SignatureForm) -> None:
    signature, attributes = parts(asyncio.run(form.sign(bytes(32), None)))
    public = x509.load_der_x509_certificate(seal.chain.certificate).public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, attributes, ec.ECDSA(SHA256()))


def test_an_example_over_another_hash_is_no_form(signer: Signer) -> None:
    example = of_pyhanko(signer, bytes(32), b"signature", None)
    with pytest.raises(InvalidEncoding, match="exactly once"):
        SignatureForm(signer, example)
