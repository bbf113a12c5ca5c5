from __future__ import annotations

import os

import pytest
import zstandard
from builders.signing import MemberKey, event, signed_jwt

from node.core.encoding import canonical_json, encode_base64url, encode_uvarint
from node.core.errors import InvalidEncoding, InvalidInput
from node.core.frame import (
    MAX_BLOCK_TRANSACTIONS,
    MAX_BLOCK_UNPACKED_BYTES,
    MAX_FRAME_BYTES,
    MAX_FRAME_TRANSACTIONS,
    MAX_UNPACKED_BYTES,
    BlockRoom,
    check_block,
    declared_size,
    decode_frame,
    encode_frame,
    pack_parts,
    transaction_at,
    transaction_count,
    transaction_offsets,
    unpack,
    unpack_parts,
)

KEY = MemberKey("platform-a")
PARTS = (b"h", b"p", b"s")


def jwts(count: int) -> list[bytes]:
    return [signed_jwt(KEY, canonical_json(event(jti=f"e{n}"))) for n in range(count)]


def packed(unpacked: bytes, **options: bool) -> bytes:
    return b"\x01" + zstandard.ZstdCompressor(level=3, **options).compress(unpacked)


def refusal(frame: bytes) -> InvalidEncoding:
    with pytest.raises(InvalidEncoding) as refused:
        unpack_parts(frame)
    return refused.value


@pytest.mark.parametrize("count", [1, 2, 50, MAX_FRAME_TRANSACTIONS])
def test_transactions_come_back_byte_for_byte(count: int) -> None:
    before = jwts(count)
    frame = encode_frame(before)
    assert frame[0] == 1
    assert decode_frame(frame) == before
    assert pack_parts(unpack_parts(frame)) == frame


def test_frame_saves_more_than_half() -> None:
    before = jwts(50)
    assert len(encode_frame(before)) < sum(map(len, before)) / 2


def test_layout_by_hand() -> None:
    frame = pack_parts([PARTS, (b"", b"x" * 200, b"")])
    body = b"\x02" + b"\x01h\x01p\x01s" + b"\x00" + b"\xc8\x01" + b"x" * 200 + b"\x00"
    assert zstandard.ZstdDecompressor().decompress(frame[1:]) == body
    assert unpack_parts(packed(body)) == [PARTS, (b"", b"x" * 200, b"")]


@pytest.mark.parametrize("count", [0, MAX_FRAME_TRANSACTIONS + 1])
def test_count_is_1_to_256(count: int) -> None:
    different = [(b"h", b"%03d" % number, b"s") for number in range(count)]
    with pytest.raises(InvalidEncoding, match="must have 1 to 256 transactions"):
        pack_parts(different)
    content = b"".join(b"\x01h\x03%b\x01s" % payload for _, payload, _ in different)
    refused = refusal(packed(encode_uvarint(count) + content))
    assert (refused.place, refused.rule) == ("frame.count", "must be 1 to 256")


def noise(size: int) -> bytes:
    return os.urandom(size)


def test_200_kb_packed_are_allowed_and_one_byte_more_is_not() -> None:
    """Random bytes are stored as they are, so the size can be met exactly."""
    over = len(pack_parts([(b"", b"", noise(150_000))])) - 150_000
    body = noise(MAX_FRAME_BYTES)
    exact = next(
        size
        for size in range(MAX_FRAME_BYTES - over - 8, MAX_FRAME_BYTES - over + 8)
        if 1 + len(zstandard.ZstdCompressor(level=1).compress(unpacked(body[:size])))
        == MAX_FRAME_BYTES
    )
    frame = pack_parts([(b"", b"", body[:exact])])
    assert len(frame) == MAX_FRAME_BYTES == 200_000
    assert unpack_parts(frame) == [(b"", b"", body[:exact])]
    with pytest.raises(InvalidEncoding, match="at most 200000 bytes packed"):
        pack_parts([(b"", b"", body[: exact + 1])])
    refused = refusal(b"\x01" + zstandard.ZstdCompressor().compress(unpacked(body)))
    assert "at most 200000 bytes packed" in refused.rule


def unpacked(signature: bytes) -> bytes:
    return b"\x01\x00\x00" + encode_uvarint(len(signature)) + signature


def test_4_mb_unpacked_are_allowed_and_one_byte_more_is_not() -> None:
    room = MAX_UNPACKED_BYTES - len(unpacked(b"")) - 3
    assert len(unpacked(bytes(room))) == MAX_UNPACKED_BYTES
    frame = pack_parts([(b"", b"", bytes(room))])
    assert unpack_parts(frame) == [(b"", b"", bytes(room))]
    with pytest.raises(InvalidEncoding, match="at most 4000000 bytes unpacked"):
        pack_parts([(b"", b"", bytes(room + 1))])
    refused = refusal(packed(unpacked(bytes(room + 1))))
    assert refused.rule == "must declare a size of 1 to 4000000 bytes unpacked"


def test_a_bomb_is_refused_by_what_it_declares() -> None:
    bomb = packed(bytes(50_000_000))
    assert len(bomb) < 10_000
    assert "must declare a size" in refusal(bomb).rule


BODY = b"\x01\x01h\x01p\x01s"
ONE = packed(BODY)
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
ZSTD = {
    "empty": (b"", "its first byte must be 0x01"),
    "version 0": (b"\x00" + ONE[1:], "its first byte must be 0x01"),
    "version 2": (b"\x02" + ONE[1:], "its first byte must be 0x01"),
    "no version": (ONE[1:], "its first byte must be 0x01"),
    "nothing behind the version": (b"\x01", "no single zstd frame"),
    "no zstd": (b"\x01" + b"hello world", "no single zstd frame"),
    "gzip": (b"\x01\x1f\x8b\x08\x00", "no single zstd frame"),
    "two frames": (ONE + ONE[1:], "no single zstd frame"),
    "one byte behind": (ONE + b"\x00", "no single zstd frame"),
    "cut off": (ONE[:-1], "no single zstd frame"),
    "skippable frame in front": (b"\x01" + SKIPPABLE + ONE[1:], "must declare a size"),
    "skippable frame behind": (ONE + SKIPPABLE, "no single zstd frame"),
    "skippable frame of the same size in front": (
        b"\x01\x50\x2a\x4d\x18\x07\x00\x00\x00abcdefg" + ONE[1:],
        "must declare a size",
    ),
    "skippable frame alone": (b"\x01" + SKIPPABLE, "must declare a size"),
    "unknown content size": (packed(BODY, write_content_size=False), "must declare a size"),
    "empty content": (packed(b""), "must declare a size"),
    "checksum wrong": (packed(BODY, write_checksum=True)[:-1] + b"\x00", "no single zstd frame"),
}


@pytest.mark.parametrize(("frame", "rule"), ZSTD.values(), ids=ZSTD)
def test_what_is_no_single_zstd_frame_is_refused(frame: bytes, rule: str) -> None:
    refused = refusal(frame)
    assert refused.place == "frame"
    assert rule in refused.rule


def test_a_frame_that_holds_more_or_less_than_it_declares_is_refused() -> None:
    for unpacked_size in range(256):
        frame = bytearray(ONE)
        assert frame[6] == len(BODY)
        if unpacked_size != len(BODY):
            frame[6] = unpacked_size
            refusal(bytes(frame))


def frame_with_window(log: int, content: bytes) -> bytes:
    """A frame whose header asks for a window of 2^log bytes and declares its content's size."""
    header = b"\x28\xb5\x2f\xfd\x40" + bytes((log - 10 << 3,))
    header += (len(content) - 256).to_bytes(2, "little")
    return b"\x01" + header + (1 | len(content) << 3).to_bytes(3, "little") + content


def test_a_frame_that_asks_for_a_large_window_is_refused() -> None:
    body = unpacked(bytes(300))
    assert unpack_parts(frame_with_window(23, body)) == [(b"", b"", bytes(300))]
    assert "window of at most 8388608 bytes" in refusal(frame_with_window(27, body)).rule


CONTENT = {
    "cut off in the count": (b"\x80", "frame.count"),
    "count not canonical": (b"\x81\x00" + BODY[1:], "frame.count"),
    "count too high": (b"\x02" + BODY[1:], "frame[1].header"),
    "cut off in a length": (BODY[:1] + b"\x80", "frame[0].header"),
    "length not canonical": (b"\x01\x81\x00h\x01p\x01s", "frame[0].header"),
    "header cut off": (b"\x01\x05h", "frame[0].header"),
    "payload cut off": (b"\x01\x01h\x05p", "frame[0].payload"),
    "signature cut off": (b"\x01\x01h\x01p\x02s", "frame[0].signature"),
    "no signature": (b"\x01\x01h\x01p", "frame[0].signature"),
    "length of 2^64 - 1": (b"\x01" + b"\xff" * 9 + b"\x01", "frame[0].header"),
    "one byte behind": (BODY + b"\x00", "frame"),
    "a transaction behind": (BODY + BODY[1:], "frame"),
    "a transaction twice": (b"\x02" + BODY[1:] * 2, "frame[1]"),
    "a transaction twice, not in turn": (
        b"\x03" + BODY[1:] + b"\x01h\x01q\x01s" + BODY[1:],
        "frame[2]",
    ),
    "the same with another signature": (b"\x02" + BODY[1:] + b"\x01h\x01p\x01t", "frame[1]"),
}


@pytest.mark.parametrize(("content", "place"), CONTENT.values(), ids=CONTENT)
def test_content_refused_with_its_place(content: bytes, place: str) -> None:
    assert refusal(packed(content)).place == place


def test_only_canonical_compact_strings_are_framed() -> None:
    good = jwts(1)[0]
    for wrong in (good + b"=", good + b"~", b"a.b", b"", good[:-1] + bytes((good[-1] + 1,))):
        with pytest.raises(InvalidInput):
            encode_frame([good, wrong])


@pytest.mark.parametrize("count", [1, 2, 127, 128, 256])
def test_one_transaction_is_found_without_the_others(count: int) -> None:
    before = jwts(count)
    data = unpack(encode_frame(before))
    offsets = transaction_offsets(before)
    assert [transaction_at(data, offset) for offset in offsets] == before


@pytest.mark.parametrize("size", [0, 1, 93, 127, 128, 129, 12_100])
def test_parts_of_any_length_are_found(size: int) -> None:
    sizes = (size % 200, size, size % 130)
    before = [
        b".".join(encode_base64url(letter * length).encode() for letter, length in zip(some, sizes))
        for some in ((b"h", b"p", b"s"), (b"h", b"q", b"s"))
    ][: 2 if size else 1]
    data = unpack(encode_frame(before))
    assert [transaction_at(data, offset) for offset in transaction_offsets(before)] == before


@pytest.mark.parametrize("keep", range(7))
def test_a_transaction_that_is_cut_off_is_not_found(keep: int) -> None:
    if keep < len(BODY):
        with pytest.raises(InvalidEncoding):
            transaction_at(BODY[:keep], 1)
    with pytest.raises(InvalidEncoding):
        transaction_at(BODY, len(BODY) + keep)
    with pytest.raises(InvalidEncoding):
        transaction_at(b"\x01" + b"\xff" * (4 + keep) + b"\x01", 1)


def test_what_was_signed_stands_in_a_frame_once() -> None:
    """Neither a copy nor another signature of the same; another header or payload is another."""
    for twin in (PARTS, (b"h", b"p", b"t")):
        with pytest.raises(InvalidEncoding) as refused:
            pack_parts([(b"h", b"o", b"s"), PARTS, twin])
        assert (refused.value.place, refused.value.rule) == (
            "frame[2]",
            "has the header and payload of frame[1]",
        )
    different = [PARTS, (b"hp", b"", b"s"), (b"", b"hp", b"s"), (b"h", b"q", b"s")]
    assert unpack_parts(pack_parts(different)) == different


def test_what_a_frame_says_of_itself_is_told_without_its_transactions() -> None:
    content = b"\x03" + BODY[1:] + b"nothing that could be a transaction"
    assert declared_size(packed(content)) == len(content)
    assert transaction_count(packed(content)) == 3
    for wrong in (b"", b"\x02" + ONE[1:], b"\x01nothing", packed(bytes(MAX_UNPACKED_BYTES + 1))):
        with pytest.raises(InvalidEncoding):
            declared_size(wrong)
    for count in (0, MAX_FRAME_TRANSACTIONS + 1):
        with pytest.raises(InvalidEncoding):
            transaction_count(packed(encode_uvarint(count) + BODY[1:]))


def of_size(size: int, count: int = 1) -> bytes:
    """A frame that says to have so many transactions, in so many bytes."""
    return packed(encode_uvarint(count) + bytes(size - len(encode_uvarint(count))))


def refused_block(frames: list[bytes]) -> InvalidEncoding:
    with pytest.raises(InvalidEncoding) as refused:
        check_block(frames)
    return refused.value


def test_8192_transactions_are_allowed_in_a_block_and_one_more_is_not() -> None:
    full = [of_size(300, MAX_FRAME_TRANSACTIONS)] * (MAX_BLOCK_TRANSACTIONS // 256)
    check_block(full)
    refused = refused_block([*full, of_size(10)])
    assert (refused.place, refused.rule) == ("block", "at most 8192 transactions are allowed")
    many = [of_size(10)] * (MAX_BLOCK_TRANSACTIONS + 1)
    assert refused_block(many).rule == "at most 8192 frames are allowed"


def test_8_mb_unpacked_are_allowed_in_a_block_and_one_byte_more_is_not() -> None:
    half = of_size(MAX_BLOCK_UNPACKED_BYTES // 2)
    check_block([half, half])
    refused = refused_block([half, half, of_size(1)])
    assert refused.rule == "at most 8000000 bytes unpacked are allowed"


def test_nothing_is_unpacked_of_a_block_that_declares_too_much() -> None:
    bombs = [of_size(MAX_UNPACKED_BYTES)] * 3
    assert sum(map(len, bombs)) < 3_000
    with pytest.raises(InvalidEncoding, match="8000000 bytes unpacked"):
        check_block(bombs, lambda _: pytest.fail("unpacked"))


def test_a_frame_that_does_not_tell_its_count_is_named() -> None:
    assert refused_block([ONE, b"\x01nothing"]).place == "block[1].frame"
    assert refused_block([packed(b"\x00" + BODY[1:]), ONE]).place == "block[0].frame.count"
    check_block([])


@pytest.mark.parametrize(
    ("max_bytes", "sizes", "taken"),
    [
        (1 << 20, [(3_000_000, 1), (3_000_000, 1), (3_000_000, 1), (2_000_000, 1)], "++-+"),
        (1 << 20, [(300, 256)] * 32 + [(10, 1)], "+" * 32 + "-"),
        (2 * (len(ONE) + 8), [(len(BODY), 1)] * 3, "++-"),
        (2 * (len(ONE) + 8) - 1, [(len(BODY), 1)] * 3, "+--"),
    ],
)
def test_a_block_is_filled_as_far_as_it_may_be(
    max_bytes: int, sizes: list[tuple[int, int]], taken: str
) -> None:
    room = BlockRoom(max_bytes)
    frames = [ONE if size == len(BODY) else of_size(size, count) for size, count in sizes]
    told = [room.take(frame, count) for frame, (_, count) in zip(frames, sizes)]
    assert "".join("-+"[took] for took in told) == taken
    check_block([frame for frame, took in zip(frames, told) if took])
