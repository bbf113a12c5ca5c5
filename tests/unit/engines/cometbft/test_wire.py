"""Messages in a stream of bytes."""

from __future__ import annotations

import pytest

from node.core.errors import InvalidEncoding
from node.core.genesis import read_parameter
from node.engines.cometbft.wire import MAX_MESSAGE_BYTES, MessageDecoder, encode_message


def all_of(decoder: MessageDecoder, *pieces: bytes) -> list[bytes]:
    return [message for piece in pieces for message in decoder.feed(piece)]


@pytest.mark.parametrize(
    ("message", "head"),
    [
        (b"", "00"),
        (b"x", "01"),
        (bytes(127), "7f"),
        (bytes(128), "8001"),
        (bytes(300), "ac02"),
        (bytes(16_384), "808001"),
    ],
)
def test_lengths_are_written_as_go_writes_them(message: bytes, head: str) -> None:
    assert encode_message(message) == bytes.fromhex(head) + message
    assert all_of(MessageDecoder("stream"), bytes.fromhex(head) + message) == [message]


def test_messages_come_out_as_soon_as_they_are_whole() -> None:
    decoder = MessageDecoder("stream")
    assert all_of(decoder, b"\x02a") == []
    assert (decoder.number, decoder.is_between) == (1, False)
    assert all_of(decoder, b"b\x00\x01c\x80") == [b"ab", b"", b"c"]
    assert (decoder.number, decoder.is_between) == (4, False)
    assert all_of(decoder, b"\x01", bytes(100), b"") == []
    assert all_of(decoder, bytes(28)) == [bytes(128)]
    assert (decoder.number, decoder.is_between) == (5, True)


def test_a_message_of_one_byte_pieces_is_put_together() -> None:
    message = bytes(range(256)) * 1000
    stream = encode_message(message) * 2
    decoder = MessageDecoder("stream")
    assert all_of(decoder, *(stream[at : at + 1] for at in range(len(stream)))) == [message] * 2


@pytest.mark.parametrize(
    ("stream", "rule"),
    [
        ("8000", "more bytes than it needs"),
        ("818000", "more bytes than it needs"),
        ("ffffffffffffffffffff", "more than 10 bytes"),
        ("8080808080808080808000", "more than 10 bytes"),
        ("ffffffffffffffffff01", "is 18446744073709551615 bytes, at most 109051904"),
        ("ffffffffffffffffff7f", "at most 109051904"),
        ("81808034", "is 109051905 bytes, at most 109051904"),
    ],
)
def test_bad_lengths_are_refused_by_place_and_rule(stream: str, rule: str) -> None:
    for pieces in ([bytes.fromhex(stream)], [bytes([byte]) for byte in bytes.fromhex(stream)]):
        decoder = MessageDecoder("connection 3")
        assert all_of(decoder, b"\x01a\x01b") == [b"a", b"b"]
        with pytest.raises(InvalidEncoding, match=rule) as raised:
            all_of(decoder, *pieces)
        assert raised.value.place == "connection 3, message 3"
        with pytest.raises(InvalidEncoding, match=rule):
            all_of(decoder, b"\x01c")


def test_messages_before_a_bad_length_are_given() -> None:
    messages = MessageDecoder("stream").feed(b"\x01a\x01b\x80\x00")
    assert [next(messages), next(messages)] == [b"a", b"b"]
    with pytest.raises(InvalidEncoding):
        next(messages)


def test_the_longest_message_is_as_long_as_the_limit() -> None:
    assert all_of(MessageDecoder("stream", max_bytes=3), b"\x03abc") == [b"abc"]
    with pytest.raises(InvalidEncoding, match="the length is 4 bytes, at most 3"):
        all_of(MessageDecoder("stream", max_bytes=3), b"\x04abcd")
    at_most = MessageDecoder("stream")
    assert all_of(at_most, encode_message(bytes(MAX_MESSAGE_BYTES))[:5]) == []


def test_the_largest_block_that_members_may_vote_for_can_be_proposed() -> None:
    """Else one proposer would stop every node that it makes its proposal to."""
    most = 100 << 20
    read_parameter("max_block_bytes", most, "max_block_bytes", ())
    with pytest.raises(InvalidEncoding):
        read_parameter("max_block_bytes", most + 1, "max_block_bytes", ())
    assert most + (2 << 20) <= MAX_MESSAGE_BYTES
