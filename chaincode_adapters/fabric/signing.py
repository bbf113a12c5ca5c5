"""This node's client identity on a Fabric channel: its certificate and the key that signs."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fabric_protos.msp import identities_pb2

from chaincode_adapters.errors import Misconfigured

__all__ = ["SigningIdentity"]

_CURVES: tuple[type[ec.EllipticCurve], ...] = (ec.SECP256R1, ec.SECP384R1)


class SigningIdentity:
    """Signs ECDSA with SHA-256, DER, low s: what Fabric takes. The key is in no repr and no error.

    Raises Misconfigured where certificate and key are not PEM, or do not belong together.
    """

    def __init__(self, msp_id: str, certificate: bytes, key: bytes) -> None:
        self.msp_id = msp_id
        self.serialized: bytes = identities_pb2.SerializedIdentity(
            mspid=msp_id, id_bytes=certificate
        ).SerializeToString()
        self._key = _load_key(key)
        try:
            public = x509.load_pem_x509_certificate(certificate).public_key()
        except ValueError as error:
            raise Misconfigured("certificate: is no certificate in PEM") from error
        if public != self._key.public_key():
            raise Misconfigured("key: is not the certificate's")
        self._half_order = _ORDERS[self._key.curve.name] >> 1

    def __repr__(self) -> str:
        return f"SigningIdentity({self.msp_id})"

    def sign(self, message: bytes) -> bytes:
        """A signature of ``message``."""
        r, s = decode_dss_signature(self._key.sign(message, ec.ECDSA(hashes.SHA256())))
        if s > self._half_order:
            s = _ORDERS[self._key.curve.name] - s
        return encode_dss_signature(r, s)


_ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int("f" * 48 + "c7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16),
}


def _load_key(key: bytes) -> ec.EllipticCurvePrivateKey:
    # The library's own words are not passed on: they could quote what stands in the file.
    try:
        loaded = load_pem_private_key(key, password=None)
    except (ValueError, TypeError):
        raise Misconfigured("key: is no private key in PEM without a password") from None
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or not isinstance(loaded.curve, _CURVES):
        raise Misconfigured("key: must be an ECDSA key on P-256 or P-384")
    return loaded
