"""Proof that whoever registers a key holds it: the key's own signature over who it is for.

Without it a member could register a key that another is about to, who would find it taken.
"""

from __future__ import annotations

from node.core.encoding import decode_base64url
from node.core.errors import InvalidSignature
from node.core.signatures import Backend, PublicJwk, algorithm_named, has_low_s

__all__ = ["key_proof_message", "verify_key_proof"]

_DOMAIN = "evidence-ledger/key/1"
_ALGORITHM = "ES256"


def key_proof_message(chain_id: str, member: str, kid: str) -> bytes:
    """What the new key ``kid`` (RFC 7638 thumbprint) signs to be registered by ``member``."""
    return f"{_DOMAIN}\n{chain_id}\n{member}\n{kid}".encode("ascii")


def verify_key_proof(
    key: PublicJwk, chain_id: str, member: str, proof: str, backend: Backend
) -> None:
    """Check ``proof``: base64url of a raw ES256 signature r‖s (64 bytes) with a low s.

    Raises:
        InvalidInput: it is malformed, or no signature of this key for this member of this chain.
    """
    signature = decode_base64url(proof, place="proof")
    algorithm = algorithm_named(_ALGORITHM, place="proof")
    algorithm.check_form(signature, place="proof")
    if not has_low_s(signature):
        raise InvalidSignature("proof", algorithm.rule)
    message = key_proof_message(chain_id, member, key.thumbprint())
    algorithm.verify(key, message, signature, backend)
