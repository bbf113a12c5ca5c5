"""The quick way of taking transactions in accepts what the slow one accepts, and nothing else.

Three judges see every transaction: an intake that knows no header yet and so takes the slow way,
one that knows it and may take the quick one, and the core's own decoding and verification.
"""

from __future__ import annotations

from typing import Any

import pytest
from builders.consortium import CHAIN, consortium_genesis, member_key
from builders.events import NOW, case_sub, data_of, full_data_of
from builders.forms import mutated
from builders.jwts import FORMATS, HEADERS, SIGNATURES, SPOILED, header_of, respelled, signed
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidInput
from node.core.frame import pack_parts
from node.core.signatures import PublicJwk, load_backend
from node.core.transaction import decode_transaction, split_compact, verify_transaction
from node.ledger.intake import Intake, KeyRing, Taken, issuer_key
from node.rules.events import EVENTS, JUDGED
from node.rules.judge import flaw_of

KEY = member_key("platform-a")
KEYS: dict[str, PublicJwk] = {
    key.jwk.thumbprint(): key.jwk for item in consortium_genesis().members for key in item.keys
}
BACKEND = load_backend()


def payload_of(event_type: str = "signing.initiated", **changes: Any) -> dict[str, Any]:
    payload = {
        "cid": CHAIN,
        "data": full_data_of(event_type),
        "exp": NOW // 1000 + 3600,
        "iat": NOW // 1000,
        "iss": "platform-a",
        "jti": "event-1",
        "occurred_at": NOW,
        "source": {"method": "api", "system": "签约/平台"},
        "sub": case_sub(),
        "type": event_type,
        **changes,
    }
    return {name: value for name, value in payload.items() if value is not None}


def knowing(*headers: bytes) -> Intake:
    """An intake that has seen these headers before."""
    intake = Intake(KeyRing(KEYS))
    for header in headers:
        try:
            intake.take(signed(KEY, header, canonical_json(payload_of())))
        except InvalidInput:
            pass
    return intake


WARM = knowing(*(write(KEY) for write in HEADERS.values()))


FIRST = split_compact(signed(KEY, header_of(KEY), canonical_json(payload_of(jti="another"))))


def outcome(take: Any, jwt: bytes) -> Any:
    """What a judge says: what was taken, or the error."""
    try:
        return take(jwt)
    except InvalidInput as error:
        return type(error), error.place, error.rule


def by_the_core(jwt: bytes) -> Any:
    """The same once more from the core's own functions: (Taken's values, digests), or None."""
    try:
        transaction = decode_transaction(jwt)
        key = KEYS.get(transaction.kid)
        if key is not None:
            verify_transaction(transaction, key, BACKEND)
    except InvalidInput:
        return None
    payload = decode_json_object(split_compact(jwt)[1], place="payload", max_bytes=1 << 14)
    event = (
        transaction.id,
        transaction.cid,
        transaction.iss,
        transaction.jti,
        transaction.kid,
        transaction.iat,
        transaction.exp,
        transaction.type,
        transaction.sub,
        transaction.occurred_at,
        {name: value for name, value in transaction.data.items() if name in JUDGED},
        flaw_of(payload),
    )
    found = issuer_key(transaction.iss, transaction.jti)
    return (transaction.id, jwt, found, int(key is None), event), transaction.digests


def check_alike(jwt: bytes) -> Taken | None:
    """All judges must say the same. Returns what was taken."""
    slow, quick = outcome(Intake(KeyRing(KEYS)).take, jwt), outcome(WARM.take, jwt)
    assert slow == quick
    expected = by_the_core(jwt)
    taken = not isinstance(slow[0], type)
    assert taken == (expected is not None)
    if taken:
        assert tuple(slow) == expected[0]
    check_admitted_alike(jwt, expected)
    check_framed_alike(jwt, slow)
    return slow if taken else None


def check_framed_alike(jwt: bytes, alone: Any) -> None:
    """In a frame, where it comes without its base64url, and behind others that are good."""
    try:
        parts = split_compact(jwt)
        frame = pack_parts([FIRST, parts])
    except InvalidInput:
        return
    for intake in (Intake(KeyRing(KEYS)), WARM):
        told = outcome(intake.open_frame, frame)
        if isinstance(alone[0], type):
            kind, place, rule = alone
            assert told == (kind, f"frame[1].{place}", rule)
        else:
            assert told[1] == alone


def check_admitted_alike(jwt: bytes, expected: Any) -> None:
    slow, quick = outcome(Intake(KeyRing(KEYS)).admit, jwt), outcome(WARM.admit, jwt)
    assert slow == quick
    if isinstance(slow[0], type):
        assert expected is None
        return
    taken, parts, digests, lowered = slow
    assert lowered == (taken.jwt != jwt)
    low = by_the_core(taken.jwt)
    assert low is not None
    assert (tuple(taken), digests) == low
    assert parts == split_compact(taken.jwt)


@pytest.mark.parametrize("header", sorted(HEADERS))
@pytest.mark.parametrize("written", sorted(FORMATS))
def test_every_way_to_write_a_transaction(header: str, written: str) -> None:
    payload = FORMATS[written](payload_of())
    for high in (False, True):
        check_alike(signed(KEY, HEADERS[header](KEY), payload, high=high))


@pytest.mark.parametrize("spoiled", SPOILED)
@pytest.mark.parametrize("signature", SIGNATURES)
def test_every_way_to_sign_and_to_spell_one(signature: str, spoiled: str) -> None:
    jwt = signed(KEY, header_of(KEY), canonical_json(payload_of()))
    taken = check_alike(respelled(jwt, signature, spoiled))
    assert (taken is not None) == (signature == "low" and not spoiled)


ACCEPTED_FORMATS = {
    "canonical",
    "in another order",
    "with spaces",
    "over lines",
    "escaped",
    "escaped without need",
    "with an escaped slash",
    "a newline behind",
    "a blank before",
    "a surrogate pair",
    "nested to 16",
}


def test_which_ways_to_write_a_payload_are_taken() -> None:
    """Any JSON of the subset is: what counts are the values, and the bytes as they were signed."""
    taken = {
        name
        for name, write in FORMATS.items()
        if check_alike(signed(KEY, header_of(KEY), write(payload_of())))
    }
    assert taken == ACCEPTED_FORMATS


def test_which_ways_to_write_a_header_are_taken() -> None:
    payload = canonical_json(payload_of())
    taken = {
        name for name, write in HEADERS.items() if check_alike(signed(KEY, write(KEY), payload))
    }
    assert taken == {"canonical", "in another order", "with spaces", "a stranger's kid"}


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_events_of_every_type(event_type: str) -> None:
    for data in (data_of(event_type), full_data_of(event_type), {}):
        payload = payload_of(event_type, data=data)
        assert check_alike(signed(KEY, header_of(KEY), canonical_json(payload)))


PAYLOADS = st.sampled_from(sorted(EVENTS)).map(
    lambda name: payload_of(name, _sd=["A" * 43], _sd_alg="sha-256", collected_at=NOW + 5)
)


@settings(max_examples=150)
@given(
    mutated(PAYLOADS),
    st.sampled_from(sorted(FORMATS)),
    st.sampled_from(["canonical", "canonical", "with spaces"]),
    st.booleans(),
)
def test_mutated_payloads(payload: Any, written: str, header: str, high: bool) -> None:
    try:
        raw = FORMATS[written](payload)
    except (KeyError, TypeError, AttributeError):
        raw = canonical_json(payload)
    check_alike(signed(KEY, HEADERS[header](KEY), raw, high=high))


@settings(max_examples=150)
@given(st.data())
def test_single_bytes_changed_anywhere(data: st.DataObject) -> None:
    jwt = signed(KEY, header_of(KEY), canonical_json(payload_of(data=data_of("signing.initiated"))))
    place = data.draw(st.integers(0, len(jwt) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = jwt[:place] + bytes((byte,)) + jwt[place + 1 :]
    taken = check_alike(changed)
    # With another kid nothing is known of the signature, and the ledger is told so.
    assert (taken is not None and not taken.unknown_key) == (changed == jwt)


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_any_bytes_at_all(raw: bytes) -> None:
    check_alike(raw)
    assert not check_alike(header_of(KEY) + raw)
