from __future__ import annotations

from typing import Any

import pytest
from builders.events import data_of
from builders.home import Home
from builders.running import record_of

from node.client.records import Submission
from node.core.encoding import encode_base64url
from node.core.frame import MAX_FRAME_BYTES, decode_frame
from node.core.signatures import P256_ORDER
from node.core.transaction import split_compact
from node.ledger.intake import Intake, KeyRing
from node.submission.admission import ChunkAdmitter, decode_answer


@pytest.fixture(scope="module")
def admitter(home: Home) -> ChunkAdmitter:
    keys = {key.kid: key.jwk for key in map(home.member_key, home.keys)}
    return ChunkAdmitter(Intake(KeyRing(keys)), home.chain_id)


def high_s(jwt: bytes) -> bytes:
    _, _, signature = split_compact(jwt)
    high = P256_ORDER - int.from_bytes(signature[32:], "big")
    raw = signature[:32] + high.to_bytes(32, "big")
    return jwt[: jwt.rindex(b".") + 1] + encode_base64url(raw).encode()


def signed_anew(home: Home, record: Submission) -> bytes:
    """The same content with another signature: ECDSA signs with a random number each time."""
    signed = record.jwt[: record.jwt.rindex(b".")]
    signature = encode_base64url(home.member_key("platform-a").sign(signed))
    return signed + b"." + signature.encode()


def test_good_ones_are_framed_in_order_and_flawed_ones_named(
    admitter: ChunkAdmitter, home: Home
) -> None:
    first, second = record_of(home), record_of(home, private={"summary": "补录"})
    answer = decode_answer(admitter.admit([first.encode(), b"x.y", second.encode(), b""]))
    assert [len(result) for result in answer.results] == [6, 4, 6, 4]
    (frame, positions), *rest = answer.frames
    assert (positions, rest) == ([0, 2], [])
    assert decode_frame(frame) == [first.jwt, second.jwt]
    kept = answer.results[2]
    assert kept[0].hex() == second.id
    assert kept[1] == second.jwt, "the submission itself is longer"
    assert answer.results[0][1] is None


def test_a_high_s_is_lowered_and_the_id_is_of_the_lowered(
    admitter: ChunkAdmitter, home: Home
) -> None:
    for _ in range(2):  # the first way a header is met is the slow one
        record = record_of(home)
        answer = decode_answer(admitter.admit([high_s(record.jwt)]))
        (identifier, jwt, _, _, _, lowered) = answer.results[0]
        assert (identifier.hex(), jwt, lowered) == (record.id, record.jwt, True)
        assert decode_frame(answer.frames[0][0]) == [record.jwt]


def changed(record: Submission, **payload: Any) -> bytes:
    """The record with another payload under the same signature."""
    import json

    header, raw, signature = split_compact(record.jwt)
    body = json.dumps({**json.loads(raw), **payload}).encode()
    return b".".join(encode_base64url(part).encode() for part in (header, body, signature))


FLAWS = [
    (lambda r, h: r.jwt[:-8] + b"AAAAAAAA", "InvalidSignature", "signature", ""),
    (lambda r, h: changed(r, jti="other"), "InvalidSignature", "signature", ""),
    (lambda r, h: changed(r, nonsense=1), "InvalidTransaction", "payload.nonsense", ""),
    (lambda r, h: r.jwt + b"~", None, "", ""),
    (lambda r, h: r.jwt + b"~x", "InvalidEncoding", "submission", ""),
    (lambda r, h: r.jwt + b"~e30~", "InvalidEncoding", "disclosures[0]", ""),
    (
        lambda r, h: record_of(h, chain_id="another").jwt,
        "InvalidTransaction",
        "payload.cid",
        "",
    ),
    (
        lambda r, h: record_of(h, private={"nickname": "某"}).encode(),
        "InvalidTransaction",
        "disclosure nickname",
        "",
    ),
    (
        lambda r, h: record_of(
            h,
            event_type="seal.applied",
            subject="seal:platform-a:1",
            data=data_of("seal.applied"),
            private={"agent_name": "某", "owner_name": "别的公司"},
        ).encode(),
        "InvalidTransaction",
        "disclosures[1]",
        "",
    ),
    (
        lambda r, h: (
            record_of(
                h,
                member="identity-a",
                event_type="signing.identity_verified",
                subject="case:platform-a:1",
                data={"method": "face"},
            ).jwt
        ),
        "FieldError",
        "payload.data.party_ref",
        "malformed_data",
    ),
    (
        lambda r, h: record_of(h, event_type="record.unknown", data={}).jwt,
        "FieldError",
        "payload.type",
        "unknown_type",
    ),
]


@pytest.mark.parametrize(("make", "kind", "place", "rejection"), FLAWS)
def test_each_flaw_names_its_place(
    admitter: ChunkAdmitter, home: Home, make: Any, kind: str | None, place: str, rejection: str
) -> None:
    answer = decode_answer(admitter.admit([make(record_of(home), home)]))
    result = answer.results[0]
    if kind is None:
        assert len(result) == 6
        return
    assert (result[0], result[3]) == (kind, rejection), result
    assert result[1].endswith(place), result
    assert answer.frames == []


def test_an_unknown_key_is_no_submission_of_this_chain(home: Home) -> None:
    admitter = ChunkAdmitter(Intake(KeyRing({})), home.chain_id)
    answer = decode_answer(admitter.admit([record_of(home).jwt]))
    assert answer.results[0][:2] == ("InvalidSignature", "header.kid")


def test_what_was_signed_twice_comes_into_frames_of_its_own(
    admitter: ChunkAdmitter, home: Home
) -> None:
    """A frame may not hold it twice, whether copied or signed anew."""
    first, second = record_of(home), record_of(home)
    again = signed_anew(home, first)
    assert again != first.jwt
    answer = decode_answer(
        admitter.admit([first.jwt, second.jwt, first.jwt, again, second.jwt, b"x"])
    )
    assert [len(result) for result in answer.results] == [6, 6, 6, 6, 6, 4]
    assert [positions for _, positions in answer.frames] == [[0, 1], [2], [3, 4]]
    assert [decode_frame(frame) for frame, _ in answer.frames] == [
        [first.jwt, second.jwt],
        [first.jwt],
        [again, second.jwt],
    ]


@pytest.mark.parametrize(("most", "sizes"), [(1, [1] * 7), (3, [3, 3, 1]), (128, [7])])
def test_frames_hold_as_many_as_they_were_told(home: Home, most: int, sizes: list[int]) -> None:
    keys = {key.kid: key.jwk for key in map(home.member_key, home.keys)}
    admitter = ChunkAdmitter(Intake(KeyRing(keys)), home.chain_id, most)
    answer = decode_answer(admitter.admit([record_of(home).jwt for _ in range(7)]))
    assert [len(positions) for _, positions in answer.frames] == sizes


def test_what_does_not_fit_one_frame_goes_into_several(admitter: ChunkAdmitter, home: Home) -> None:
    import secrets

    records = [
        record_of(
            home,
            data={
                "aliases": [],
                "document_hashes": [secrets.token_hex(32) for _ in range(90)],
                "happened_at": 1,
                "record_hash": secrets.token_hex(32),
                "source_system": "旧系统",
            },
        )
        for _ in range(120)
    ]
    answer = decode_answer(admitter.admit([record.jwt for record in records]))
    assert len(answer.frames) > 1
    assert all(len(frame) <= MAX_FRAME_BYTES for frame, _ in answer.frames)
    order = [position for _, positions in answer.frames for position in positions]
    assert order == list(range(120))
    told = [jwt for frame, _ in answer.frames for jwt in decode_frame(frame)]
    assert told == [record.jwt for record in records]
