"""Receipts of REST services made by hand, with their entries of a trust file."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from typing import Any

import gmssl_pyx
from builders.judicial_dialects import SERVICE_SM2
from builders.judicial_service import SERVICE_KEY, point_hex
from builders.judicial_setup import OPERATOR, point_of
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from node.core.anchors.key_forms import raw_signature
from node.core.trust import Trust

__all__ = [
    "TIME",
    "entry_of",
    "rest_receipt",
    "rsa_key",
    "rsa_public",
    "signature_over",
    "signed_text",
    "trusting",
]

TIME = 1_795_422_846_190
_ECDSA = ec.ECDSA(hashes.SHA256())


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    """The service's RSA key, another one in each run."""
    return rsa.generate_private_key(65537, 2048)


def rsa_public() -> str:
    """Base64 of its SubjectPublicKeyInfo."""
    spki = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b64encode(rsa_key().public_key().public_bytes(*spki)).decode()


def signed_text(number: int = 1, **values: str) -> str:
    """What the service says of a point."""
    given = {
        "state": "OK",
        "serial": "SF1",
        "hash": point_of(number).digest().hex(),
        "time": str(TIME),
        **values,
    }
    return "&".join(f"{name}={text}" for name, text in given.items())


def entry_of(algorithm: str = "ecdsa-p256-sha256", **changes: Any) -> dict[str, Any]:
    """The service's entry of a trust file; a change of None leaves a member out."""
    keys = {"sm2-sm3": SERVICE_SM2[1], "rsa-pkcs1-sha256": rsa_public()}
    key = keys.get(algorithm, point_hex(SERVICE_KEY))
    entry: dict[str, Any] = {
        "kind": "rest",
        "name": "court",
        "operator": OPERATOR,
        "algorithm": algorithm,
        "public_key": key,
        "encoding": "base64",
        "form": "raw" if algorithm == "rsa-pkcs1-sha256" else "der",
        "text": {
            "parts": ["state={state}", "serial={serial}", "hash={hash}", "time={time}"],
            "separator": "&",
        },
        "digest": {"field": "hash", "is": "digest"},
        "time": {"field": "time", "form": "milliseconds"},
        "expects": {"state": ["OK"]},
        "serial": "serial",
        **changes,
    }
    return {name: value for name, value in entry.items() if value is not None}


def signature_over(text: str, algorithm: str = "ecdsa-p256-sha256", form: str = "der") -> str:
    """The service's signature, in base64."""
    if algorithm == "rsa-pkcs1-sha256":
        signature = rsa_key().sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return b64encode(signature).decode()
    if algorithm == "sm2-sm3":
        private, public = (bytes.fromhex(part) for part in SERVICE_SM2)
        der = gmssl_pyx.sm2_sign(private, public, text.encode())
    else:
        der = SERVICE_KEY.sign(text.encode(), _ECDSA)
    return b64encode(der if form == "der" else raw_signature(der, place="s")).decode()


def rest_receipt(
    text: str | None = None, algorithm: str = "ecdsa-p256-sha256", form: str = "der"
) -> dict[str, Any]:
    """A receipt of the first point."""
    signed = signed_text() if text is None else text
    signature = signature_over(signed, algorithm, form)
    return {"service": "court", "signature": signature, "signed": signed}


def trusting(*entries: dict[str, Any]) -> Trust:
    """A trust file with these anchors."""
    return Trust("seals-of-zhengzhou", b"\x07" * 32, anchors=entries)
