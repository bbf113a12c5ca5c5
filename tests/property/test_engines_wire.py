"""Framing against any cut of the stream, and against any bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.core.errors import InvalidEncoding
from node.engines.cometbft.wire import MessageDecoder, encode_message

MESSAGES = st.lists(st.one_of(st.binary(max_size=20), st.integers(100, 400).map(bytes)), max_size=8)


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    ends = [0, *sorted(at % (len(stream) + 1) for at in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(ends)]


@given(MESSAGES, st.lists(st.integers(0, 10_000), max_size=20))
def test_what_is_encoded_comes_back_however_the_stream_is_cut(
    messages: list[bytes], cuts: list[int]
) -> None:
    decoder = MessageDecoder("stream")
    stream = b"".join(map(encode_message, messages))
    taken = [message for piece in cut(stream, cuts) for message in decoder.feed(piece)]
    assert taken == messages
    assert decoder.is_between
    assert decoder.number == len(messages) + 1


@given(st.binary(max_size=60), st.lists(st.integers(0, 100), max_size=10))
def test_any_bytes_mean_the_same_however_they_are_cut(stream: bytes, cuts: list[int]) -> None:
    def outcome(pieces: list[bytes]) -> tuple[list[bytes], str, bool]:
        decoder, taken = MessageDecoder("stream", max_bytes=30), list[bytes]()
        try:
            for piece in pieces:
                taken.extend(decoder.feed(piece))
        except InvalidEncoding as error:
            return taken, str(error), False
        assert stream.startswith(b"".join(map(encode_message, taken)))
        return taken, "", decoder.is_between

    assert outcome([stream])[1:] == outcome(cut(stream, cuts))[1:]


@given(MESSAGES, st.lists(st.integers(0, 10_000), max_size=10))
def test_messages_before_a_flaw_are_given_however_the_stream_is_cut(
    messages: list[bytes], cuts: list[int]
) -> None:
    taken: list[bytes] = []
    decoder = MessageDecoder("stream")

    def take_all() -> None:
        for piece in cut(b"".join(map(encode_message, messages)) + b"\x81\x00", cuts):
            for message in decoder.feed(piece):
                taken.append(message)

    with pytest.raises(InvalidEncoding) as raised:
        take_all()
    assert raised.value.place == f"stream, message {len(messages) + 1}"
    assert taken == messages
