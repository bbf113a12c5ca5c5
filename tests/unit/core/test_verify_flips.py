"""Every byte of a bundle changed, one at a time: none may be accepted, none may crash."""

from __future__ import annotations

import json
import random

import pytest
from builders.bundling import bundle_of, trust_of
from builders.cases import LATER, PRIVATE, SUB
from builders.chain import Chain
from builders.signing import digests_of, private_fields

from node.core.encoding import canonical_json
from node.core.signatures import Backend, load_backend
from node.core.verify import verify_bundle

CHUNKS = 8


def small() -> tuple[bytes, bytes]:
    """A bundle of one record of a chain of one member, and its trust file."""
    private = private_fields({"initiator": "南某"})
    chain = Chain(members=[("platform-a", ("platform",))])
    chain.commit_block(chain.jwt(**digests_of(private)))
    chain.commit_block(chain.jwt(jti="other", sub="case:platform-a:2"))
    chain.commit_block()
    bundle = bundle_of(chain, SUB, disclosures=private, consistency_from=[0])
    return canonical_json(bundle), trust_of(chain, known_at=0)


BUNDLE, TRUST = small()
MEANING = canonical_json(json.loads(BUNDLE))


def flipped(data: bytes, position: int) -> bytes:
    """``data`` with one byte changed to another, which follows from the position."""
    mask = random.Random(position).randrange(1, 256)
    return data[:position] + bytes((data[position] ^ mask,)) + data[position + 1 :]


def means_the_same(data: bytes, meaning: bytes) -> bool:
    try:
        return canonical_json(json.loads(data)) == meaning
    except ValueError:
        return False


def check(data: bytes, trust: bytes, positions: range, backend: Backend) -> None:
    meaning = canonical_json(json.loads(data))
    assert verify_bundle(data, trust, backend).accepted
    for position in positions:
        changed = flipped(data, position)
        if verify_bundle(changed, trust, backend).accepted:
            assert means_the_same(changed, meaning), f"byte {position} may be changed"


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_every_byte_of_a_small_bundle(chunk: int) -> None:
    positions = range(chunk, len(BUNDLE), CHUNKS)
    check(BUNDLE, TRUST, positions, load_backend("cryptography"))


def test_a_sample_of_the_bytes_with_the_other_backend() -> None:
    check(BUNDLE, TRUST, range(5, len(BUNDLE), 23), load_backend("ecdsa"))


def test_a_sample_of_the_bytes_of_a_large_bundle(chain: Chain) -> None:
    data = canonical_json(
        bundle_of(chain, SUB, disclosures=[*PRIVATE, *LATER], consistency_from=[2, 4])
    )
    check(data, trust_of(chain, known_at=4), range(3, len(data), 5), load_backend("cryptography"))


def test_absence_of_another_key_is_accepted_only_where_it_is_true(chain: Chain) -> None:
    """The one thing that may change: a proof of absence holds for every key of that place."""
    data = canonical_json(bundle_of(chain, SUB, extra_keys=["seal/none"]))
    trust, start = trust_of(chain), data.index(b"seal/none")
    for position in range(start, start + 9):
        for other in b"abcdefghijklmnopqrstuvwxyz0123456789/":
            changed = data[:position] + bytes((other,)) + data[position + 1 :]
            report = verify_bundle(changed, trust)
            if report.accepted:
                key = changed[start : start + 9].decode()
                assert key not in chain.points[6].state
                details = next(step.details for step in report.steps if step.id == "state.proofs")
                assert details == ((f"{key}: does not exist",) if key[:5] == "seal/" else ())


def test_every_bit_of_some_bytes() -> None:
    backend = load_backend("cryptography")
    for position in range(0, len(BUNDLE), 131):
        for bit in range(8):
            changed = bytearray(BUNDLE)
            changed[position] ^= 1 << bit
            if verify_bundle(bytes(changed), TRUST, backend).accepted:
                assert means_the_same(bytes(changed), MEANING)


def test_bytes_cut_off_or_added() -> None:
    for end in range(0, len(BUNDLE), 61):
        assert not verify_bundle(BUNDLE[:end], TRUST).accepted
    assert not verify_bundle(BUNDLE[:-1], TRUST).accepted
    assert not verify_bundle(BUNDLE + b"}", TRUST).accepted
    assert not verify_bundle(BUNDLE + b"\x00", TRUST).accepted
    assert verify_bundle(BUNDLE + b" \n", TRUST).accepted
