"""Signing requests: a short ES256 JWT bound to method, path and body proves who asks."""

from __future__ import annotations

import hashlib
import secrets

from node.client.keys import SigningKey
from node.core.encoding import canonical_json, encode_base64url
from node.core.request_token import REQUEST_TYP, request_audience

__all__ = ["sign_request"]


def sign_request(
    key: SigningKey,
    *,
    member: str,
    chain_id: str,
    operator: str,
    method: str,
    target: str,
    body: bytes,
    issued_at: int,
    lifetime: int = 30,
) -> str:
    """The value of the ``Authorization`` header for one request.

    Args:
        key: a signing key of ``member``.
        member: who asks.
        chain_id: the chain's id.
        operator: the member that runs the node. Known from elsewhere: a node that is asked for it
            could name another, and use the signature there.
        method: such as ``GET``.
        target: path and query as sent, such as ``/v1/dossiers/case:a:1?full=1``.
        body: the request's body.
        issued_at: now, in ms.
        lifetime: seconds until it expires, at most 60.
    """
    issued = issued_at // 1000
    header = {"alg": "ES256", "kid": key.kid, "typ": REQUEST_TYP}
    claims = {
        "aud": request_audience(chain_id, operator),
        "bsh": hashlib.sha256(body).hexdigest(),
        "exp": issued + lifetime,
        "htm": method,
        "htu": target,
        "iat": issued,
        "iss": member,
        "jti": encode_base64url(secrets.token_bytes(16)),
    }
    signed = ".".join(encode_base64url(canonical_json(part)) for part in (header, claims))
    return f"Bearer {signed}.{encode_base64url(key.sign(signed.encode('ascii')))}"
