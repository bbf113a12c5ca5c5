"""A new key's signature over who registers it."""

from __future__ import annotations

import pytest
from builders.signing import MemberKey

from node.core.encoding import encode_base64url
from node.core.errors import InvalidInput
from node.core.key_proof import key_proof_message, verify_key_proof
from node.core.signatures import P256_ORDER, load_backend

KEY = MemberKey("key proof")
MESSAGE = key_proof_message("chain", "member-a", KEY.kid)


def high_s(signature: bytes) -> bytes:
    """The other signature that holds for the same message."""
    s = P256_ORDER - int.from_bytes(signature[32:], "big")
    return signature[:32] + s.to_bytes(32, "big")


def verify(
    proof: str, chain_id: str = "chain", member: str = "member-a", key: MemberKey = KEY
) -> None:
    for name in ("cryptography", "ecdsa"):
        verify_key_proof(key.jwk, chain_id, member, proof, load_backend(name))


def test_what_is_signed() -> None:
    assert f"evidence-ledger/key/1\nchain\nmember-a\n{KEY.kid}".encode() == MESSAGE
    verify(encode_base64url(KEY.sign(MESSAGE)))


@pytest.mark.parametrize(
    ("proof", "rule"),
    [
        ("", "r‖s has 64"),
        ("A" * 85, "base64url"),
        (encode_base64url(bytes(64)), "between 1 and n-1"),
        (encode_base64url(high_s(KEY.sign(MESSAGE))), "low s"),
        (encode_base64url(KEY.sign(MESSAGE + b"\n")), "does not hold"),
        (encode_base64url(MemberKey("another").sign(MESSAGE)), "does not hold"),
    ],
)
def test_what_is_no_proof(proof: str, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule):
        verify(proof)


def test_a_proof_is_for_one_member_of_one_chain_and_one_key() -> None:
    proof = encode_base64url(KEY.sign(MESSAGE))
    for chain_id, member, key in (
        ("chain-2", "member-a", KEY),
        ("chain", "member-b", KEY),
        ("chain", "member-a", MemberKey("another")),
    ):
        with pytest.raises(InvalidInput, match="does not hold"):
            verify(proof, chain_id, member, key)
