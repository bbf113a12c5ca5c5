"""Votes hold where CometBFT says so (ZIP 215), and nothing else holds by it."""

from __future__ import annotations

import pytest
from builders.curves import (
    ED_BASE,
    ED_ORDER,
    ED_PRIME,
    ED_TORSION,
    ed_add,
    ed_encode,
    ed_multiply,
    ed_secret,
    ed_sign,
)

from node.core.errors import InvalidSignature
from node.core.signatures import Backend
from node.core.vote_signature import verify_vote_signature

SECRET = ed_secret(bytes(range(32)))
KEY = ed_encode(ed_multiply(SECRET, ED_BASE))
MESSAGE = b"a vote"


def refused(backend: Backend, signature: bytes, key: bytes = KEY, message: bytes = MESSAGE) -> str:
    with pytest.raises(InvalidSignature) as error:
        verify_vote_signature(key, message, signature, backend)
    return error.value.place


@pytest.mark.parametrize("times", range(8))
@pytest.mark.parametrize("nonce", [0, 99])
def test_r_may_have_a_small_order_part(backend: Backend, times: int, nonce: int) -> None:
    """With nonce 0 it is nothing else. One validator that votes so must not stop all nodes."""
    first = ed_encode(ed_add(ed_multiply(nonce, ED_BASE), ED_TORSION[times]))
    signature = ed_sign(SECRET, KEY, MESSAGE, first, nonce, first)
    verify_vote_signature(KEY, MESSAGE, signature, backend)
    if times or not nonce:
        with pytest.raises(InvalidSignature):
            backend.verify_ed25519(KEY, MESSAGE, signature)
    assert refused(backend, signature, message=b"another") == "signature"
    beyond = int.from_bytes(signature[32:], "little") + ED_ORDER
    assert refused(backend, signature[:32] + beyond.to_bytes(32, "little")) == "signature"
    assert refused(backend, signature[:63]) == "signature"
    assert refused(backend, signature + b"\0") == "signature"


@pytest.mark.parametrize("y", [1, ED_PRIME, ED_PRIME + 1, ED_PRIME - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_r_may_be_written_in_any_way(backend: Backend, y: int, sign: int) -> None:
    """y of p or more, and a negative zero for x: both are hashed as they are written."""
    first = (y | sign << 255).to_bytes(32, "little")
    verify_vote_signature(KEY, MESSAGE, ed_sign(SECRET, KEY, MESSAGE, first, 0, first), backend)


def test_r_must_be_a_point(backend: Backend) -> None:
    assert refused(backend, (2).to_bytes(32, "little") + bytes(32)) == "signature"


@pytest.mark.parametrize("times", range(1, 8))
def test_keys_must_be_keys_all_the_same(backend: Backend, times: int) -> None:
    first = ed_encode(ed_multiply(99, ED_BASE))
    mixed = ed_encode(ed_add(ed_multiply(SECRET, ED_BASE), ED_TORSION[times]))
    signature = ed_sign(SECRET, mixed, MESSAGE, first, 99, first)
    assert refused(backend, signature, key=mixed) == "public key"
    assert refused(backend, signature, key=ed_encode(ED_TORSION[times])) == "public key"
