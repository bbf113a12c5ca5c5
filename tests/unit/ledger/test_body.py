"""Bodies of blocks: what goes in comes out, and nothing else passes for one."""

from __future__ import annotations

import pytest

from node.core.errors import InvalidEncoding
from node.ledger.body import Body, decode_body, encode_body

FRAMES = (b"first", b"", b"x" * 300, b"\x00\xff")


@pytest.mark.parametrize("frames", [(), FRAMES, (b"one",)])
@pytest.mark.parametrize("seal", [b"", b"seal" * 100])
def test_a_body_comes_back(frames: tuple[bytes, ...], seal: bytes) -> None:
    payload, spans = encode_body(2**40, 1_790_000_000_000, frames, seal)
    assert decode_body(payload) == Body(2**40, 1_790_000_000_000, seal, frames)
    assert tuple(payload[start : start + length] for start, length in spans) == frames


def test_every_cut_is_found() -> None:
    payload, _ = encode_body(7, 8, FRAMES, b"seal")
    for length in range(len(payload)):
        with pytest.raises(InvalidEncoding, match="body"):
            decode_body(payload[:length])


def test_nothing_may_follow() -> None:
    payload, _ = encode_body(7, 8, FRAMES, b"seal")
    with pytest.raises(InvalidEncoding, match="trailing bytes"):
        decode_body(payload + b"\x00")


def test_an_error_names_the_place() -> None:
    payload, spans = encode_body(7, 8, FRAMES, b"seal")
    with pytest.raises(InvalidEncoding, match=r"body\.frames\[2\]: is cut off"):
        decode_body(payload[: spans[2][0] + 10])
    with pytest.raises(InvalidEncoding, match=r"body\.seal"):
        decode_body(payload[:4])
