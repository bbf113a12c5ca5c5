from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from builders.founding import Founder
from builders.signing import GENESIS_TIME, MemberKey

from node.core.encoding import canonical_json, decode_base64url, encode_base64url
from node.core.errors import InvalidInput, InvalidSignature
from node.core.founding import assemble_genesis
from node.core.genesis import DEFAULT_PARAMETERS
from node.core.genesis_signature import (
    GenesisSignature,
    decode_genesis_signature,
    encode_genesis_signature,
    verify_genesis_signature,
)
from node.core.signatures import P256_ORDER, load_backend

BACKENDS = [load_backend("cryptography"), load_backend("ecdsa")]
FOUNDERS = [Founder("court-a"), Founder("notary-a", ("notary",))]
GENESIS = assemble_genesis(
    "seal-test", GENESIS_TIME, DEFAULT_PARAMETERS, [item.describe() for item in FOUNDERS]
)
UNSIGNED = GenesisSignature(
    GENESIS.chain_id, GENESIS.hash, "court-a", FOUNDERS[0].signing.kid, f"{'0a' * 20}@a.example:1"
)
SIGNED, DOCUMENT = encode_genesis_signature(UNSIGNED, FOUNDERS[0].signing.sign)
VALUE = json.loads(DOCUMENT)


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda item: item.name)
def test_what_is_signed_verifies(backend: Any) -> None:
    verify_genesis_signature(decode_genesis_signature(DOCUMENT), GENESIS, backend)
    bare, _ = encode_genesis_signature(replace(UNSIGNED, peer=""), FOUNDERS[0].signing.sign)
    verify_genesis_signature(bare, GENESIS, backend)


def test_the_text_is_told_apart_line_by_line() -> None:
    assert (
        UNSIGNED.text
        == (
            f"evidence-genesis-signature/1\nseal-test\n{GENESIS.hash.hex()}\ncourt-a\n{UNSIGNED.peer}\n"
        ).encode()
    )


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("genesis_hash", "00" * 32, "another genesis"),
        ("chain_id", "seal-other", "another genesis"),
        ("member", "notary-a", "no signing key of that member"),
        ("member", "nobody", "no signing key of that member"),
        ("kid", FOUNDERS[1].signing.kid, "no signing key of that member"),
        ("kid", FOUNDERS[0].recovery.kid, "no signing key of that member"),
        ("peer", "", "does not hold"),
        ("peer", f"{'0b' * 20}@a.example:1", "does not hold"),
        ("peer", f"{'0a' * 20}@b.example:1", "does not hold"),
    ],
)
def test_nothing_in_it_can_be_altered(name: str, value: str, rule: str) -> None:
    altered = decode_genesis_signature(canonical_json({**VALUE, name: value}))
    for backend in BACKENDS:
        with pytest.raises(InvalidSignature, match=rule):
            verify_genesis_signature(altered, GENESIS, backend)


def test_a_foreign_key_and_a_high_s() -> None:
    foreign, _ = encode_genesis_signature(UNSIGNED, MemberKey("stranger").sign)
    with pytest.raises(InvalidSignature, match="signature of court-a: does not hold"):
        verify_genesis_signature(foreign, GENESIS, BACKENDS[0])
    low = decode_base64url(VALUE["signature"], place="x")
    high = P256_ORDER - int.from_bytes(low[32:], "big")
    value = {**VALUE, "signature": encode_base64url(low[:32] + high.to_bytes(32, "big"))}
    with pytest.raises(InvalidSignature, match="s must be low"):
        verify_genesis_signature(
            decode_genesis_signature(canonical_json(value)), GENESIS, BACKENDS[0]
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "evidence-genesis-signature/2"),
        ("chain_id", "a/b"),
        ("genesis_hash", "AB" * 32),
        ("member", "Court"),
        ("member", "court-a\nnotary-a"),
        ("kid", "short"),
        ("peer", "nobody"),
        ("peer", f"{'0A' * 20}@a.example:1"),
        ("peer", f"{'0a' * 20}@a.example:1\n"),
        ("peer", 7),
        ("signature", ""),
        ("extra", "x"),
    ],
)
def test_what_is_not_of_the_format_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_genesis_signature(canonical_json({**VALUE, name: value}))
    assert refused.value.place == f"signature.{name}"


def test_members_are_all_needed_and_bytes_canonical() -> None:
    for name in VALUE:
        value = {other: item for other, item in VALUE.items() if other != name}
        with pytest.raises(InvalidInput, match=f"signature.{name}: is missing"):
            decode_genesis_signature(canonical_json(value))
    with pytest.raises(InvalidInput):
        decode_genesis_signature(DOCUMENT + b" ")
