"""The CMS object of a seal (RFC 5652; PAdES: ETSI EN 319 142-1 §6.3), from a form made once.

Two seals with one key differ in the document's hash, the signature and the time-stamp token. All
else is taken, as bytes, from an object that pyHanko makes when the seal is opened: it would encode
every certificate anew each time.
"""

from __future__ import annotations

import hashlib
from typing import Any

from asn1crypto import cms
from pyhanko.sign.signers import Signer
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko.sign.timestamps import TimeStamper

from node.core.anchors.der import OCTET_STRING, SEQUENCE, SET, encode_der, encode_oid
from node.core.errors import InvalidEncoding

__all__ = ["SignatureForm"]

_HASH = "sha256"
_ANY_DIGEST = hashlib.sha256(b"evidence-node: where a document's hash stands in a seal").digest()
_CONSTRUCTED_0, _CONSTRUCTED_1 = 0xA0, 0xA1
_SIGNED_DATA = encode_oid("1.2.840.113549.1.7.2")
_TIME_STAMP_TOKEN = encode_oid("1.2.840.113549.1.9.16.2.14")


class SignatureForm:
    """What all seals by one signer have in common."""

    @classmethod
    async def make(cls, signer: Signer) -> SignatureForm:
        """Have pyHanko make one with a placeholder for its signature: no token is asked to sign."""
        made = await signer.async_sign(
            _ANY_DIGEST,
            _HASH,
            dry_run=True,
            use_pades=True,
            signed_attr_settings=PdfCMSSignedAttributes(),
        )
        return cls(signer, bytes(made.dump()))

    def __init__(self, signer: Signer, example: bytes) -> None:
        """``example`` (DER) is over `_ANY_DIGEST` and has no time-stamp."""
        self._signer = signer
        content = cms.ContentInfo.load(example)["content"]
        (info,) = content["signer_infos"]
        attributes = b"".join(sorted(one.dump() for one in info["signed_attrs"]))
        before, found, after = attributes.partition(_ANY_DIGEST)
        if not found or _ANY_DIGEST in after:
            raise InvalidEncoding("seal", "its signed attributes hold the hash not exactly once")
        self._attributes = before, after
        self._head = _dump(
            content, "version", "digest_algorithms", "encap_content_info", "certificates"
        )
        self._signer_head = _dump(info, "version", "sid", "digest_algorithm")
        self._algorithm = _dump(info, "signature_algorithm")

    async def sign(self, digest: bytes, stamper: TimeStamper | None) -> bytes:
        """The CMS object (DER) over a document's SHA-256, time-stamped where there is a stamper.

        Raises:
            TimeStampFailed: no token that holds was to be had.
        """
        before, after = self._attributes
        attributes = before + digest + after
        signature = await self._signer.async_sign_raw(encode_der(SET, attributes), _HASH)
        stamped = b"" if stamper is None else await _stamped(signature, stamper)
        info = encode_der(
            SEQUENCE,
            self._signer_head,
            encode_der(_CONSTRUCTED_0, attributes),
            self._algorithm,
            encode_der(OCTET_STRING, signature),
            stamped,
        )
        content = encode_der(SEQUENCE, self._head, encode_der(SET, info))
        return encode_der(SEQUENCE, _SIGNED_DATA, encode_der(_CONSTRUCTED_0, content))


def _dump(sequence: Any, *fields: str) -> bytes:
    return b"".join(bytes(sequence[name].dump()) for name in fields)


async def _stamped(signature: bytes, stamper: TimeStamper) -> bytes:
    """The unsigned attributes: the time-stamp over a signature (RFC 3161, appendix A)."""
    token = await stamper.async_timestamp(hashlib.sha256(signature).digest(), _HASH)
    attribute = encode_der(SEQUENCE, _TIME_STAMP_TOKEN, encode_der(SET, bytes(token.dump())))
    return encode_der(_CONSTRUCTED_1, attribute)
