"""Signed statuses and lists, made from a ledger and checked as whoever asks for them would."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from builders.consortium import consortium_genesis, member_key
from builders.events import data_of
from builders.ledger import LedgerBench
from builders.world import SEAL
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.compact_jws import encode_compact_jws
from node.core.encoding import canonical_json, encode_base64url
from node.core.errors import InvalidInput
from node.core.seal_status import (
    SEAL_STATUS_TYP,
    SealStatusStatement,
    StaleStatus,
    derived_status,
    verify_seal_status,
)
from node.core.signatures import Backend, load_backend
from node.core.status_list import (
    STATUS_LIST_TYP,
    STATUS_VALUES,
    pack_statuses,
    verify_status_list,
)
from node.core.trust import decode_trust
from node.evidence import status_lists
from node.evidence.seal_status import SealStatuses, StatusTimes
from node.evidence.status_lists import StatusLists

BACKENDS = [load_backend("cryptography"), load_backend("ecdsa")]
OPERATOR, KEY = "operator-a", member_key("operator-a")
BASE = "https://evidence.example/lists"
ES_ID = data_of("seal.created")["es_id"]
MAX_AGE = 600_000


@pytest.fixture(scope="module")
def bench() -> LedgerBench:
    bench = LedgerBench()
    for event_type in ("seal.applied", "seal.created", "seal.filed"):
        bench.record(event_type, SEAL)
    return bench


@pytest.fixture
def statuses() -> SealStatuses:
    return SealStatuses(KEY, OPERATOR, StatusTimes())  # type: ignore[arg-type]


@pytest.fixture
def lists() -> StatusLists:
    return StatusLists(KEY, OPERATOR, StatusTimes(), BASE)  # type: ignore[arg-type]


def now_of(bench: LedgerBench) -> int:
    """A moment shortly after the last block."""
    return bench.time() // 1000 * 1000


def signed(bench: LedgerBench, statuses: SealStatuses, es_id: str = ES_ID) -> bytes:
    with bench.reader() as reader:
        return statuses.sign(reader, es_id, now_of(bench), {"idx": 0, "uri": f"{BASE}/0"})


def check(
    bench: LedgerBench, content: bytes, backend: Backend = BACKENDS[0], **changes: Any
) -> SealStatusStatement:
    arguments: dict[str, Any] = {"es_id": ES_ID, "now": now_of(bench), "max_age_ms": MAX_AGE}
    trust = decode_trust(bench.trust())
    return verify_seal_status(content, trust, backend=backend, **{**arguments, **changes})


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda item: item.name)
def test_a_status_is_checked_in_one_call(
    bench: LedgerBench, statuses: SealStatuses, backend: Backend
) -> None:
    found = check(bench, signed(bench, statuses), backend)
    assert (found.es_id, found.member, found.status) == (ES_ID, OPERATOR, "active")
    assert found.next_update == now_of(bench) + 60_000
    assert found.expires == now_of(bench) + 600_000
    assert found.place is not None
    assert (found.place.index, found.place.uri) == (0, f"{BASE}/0")


def test_it_is_stale_past_each_limit(bench: LedgerBench, statuses: SealStatuses) -> None:
    content = signed(bench, statuses)
    found = check(bench, content)
    check(bench, content, now=found.expires - 1, max_age_ms=2**52)
    with pytest.raises(StaleStatus, match=r"statement\.exp"):
        check(bench, content, now=found.expires, max_age_ms=2**52)
    check(bench, content, max_age_ms=now_of(bench) - found.as_of_time)
    with pytest.raises(StaleStatus, match=r"status\.as_of"):
        check(bench, content, max_age_ms=now_of(bench) - found.as_of_time - 1)
    with pytest.raises(StaleStatus, match=r"statement\.iat"):
        check(bench, content, now=found.issued_at - 30_001)


def test_the_seal_expires_between_signing_and_checking(
    bench: LedgerBench, statuses: SealStatuses
) -> None:
    until = check(bench, signed(bench, statuses)).valid_to
    with bench.reader() as reader:
        content = statuses.sign(reader, ES_ID, until)
        late = statuses.sign(reader, ES_ID, until + 1000)
    assert check(bench, content, now=until, max_age_ms=2**52).status == "active"
    assert check(bench, content, now=until + 1, max_age_ms=2**52).status == "expired"
    assert check(bench, late, now=until + 1000, max_age_ms=2**52).status == "expired"


def test_another_seal_chain_or_signer_is_refused(
    bench: LedgerBench, statuses: SealStatuses
) -> None:
    with pytest.raises(InvalidInput, match="is of another seal"):
        check(bench, signed(bench, statuses), es_id="another")
    trust = decode_trust(LedgerBench(genesis=consortium_genesis(chain_id="another")).trust())
    with pytest.raises(InvalidInput, match="genesis"):
        verify_seal_status(
            signed(bench, statuses),
            trust,
            es_id=ES_ID,
            now=now_of(bench),
            max_age_ms=MAX_AGE,
            backend=BACKENDS[0],
        )
    thief = SealStatuses(member_key("maker-a"), OPERATOR, StatusTimes())  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=f"is not a key of {OPERATOR}"):
        check(bench, signed(bench, thief))
    with pytest.raises(InvalidInput, match="no seal of this ledger"):
        signed(bench, statuses, "nothing")


def _resigned(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The status with other claims, signed again by the operator: what a liar would do."""
    from node.core.encoding import decode_base64url

    value = json.loads(content)
    payload = value["statement"].split(".")[1]
    claims = json.loads(decode_base64url(payload, place=""))
    change(claims)
    value["statement"] = encode_compact_jws(SEAL_STATUS_TYP, KEY.kid, claims, KEY.sign)
    return canonical_json(value)


LIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "revoked": (lambda claims: claims.update(status="revoked"), "must be active at its iat"),
    "version": (lambda claims: claims.update(status_version=9), "does not show"),
    "longer": (lambda claims: claims.update(valid_to=2**52), "does not show"),
    "newer": (lambda claims: claims["as_of"].update(time=2**52), "that of the next block"),
    "height": (lambda claims: claims["as_of"].update(height=1), "not the height"),
    "chain": (lambda claims: claims.update(cid="other"), "is of another chain"),
    "order": (lambda claims: claims.update(next_update=claims["exp"] + 1), "from iat to exp"),
    "unknown": (lambda claims: claims.update(trust="me"), "not a member of this format"),
    "word": (lambda claims: claims.update(status="fine"), "must be one of"),
}


@pytest.mark.parametrize("name", LIES)
def test_what_an_operator_says_must_be_what_is_proven(
    name: str, bench: LedgerBench, statuses: SealStatuses
) -> None:
    change, told = LIES[name]
    with pytest.raises(InvalidInput, match=told):
        check(bench, _resigned(signed(bench, statuses), change))


def test_a_member_that_is_not_active_vouches_for_nothing(
    bench: LedgerBench, statuses: SealStatuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its key may be in force still. The proofs are left alone, what they show is changed."""
    from node.core import verify_chain

    honest = verify_chain.decode_state_value

    def suspended(value: bytes, key: str) -> dict[str, Any]:
        shown = honest(value, key)
        return {**shown, "status": "suspended"} if key == f"member/{OPERATOR}" else shown

    content = signed(bench, statuses)
    monkeypatch.setattr(verify_chain, "decode_state_value", suspended)
    with pytest.raises(InvalidInput, match="was not active at height"):
        check(bench, content)


def test_an_old_state_signed_anew_is_stale(statuses: SealStatuses) -> None:
    bench = LedgerBench()
    for event_type in ("seal.applied", "seal.created", "seal.filed"):
        bench.record(event_type, SEAL)
    old = signed(bench, statuses)
    bench.record("seal.status_changed", SEAL)
    later = now_of(bench) + 7_200_000

    def freshen(claims: dict[str, Any]) -> None:
        claims.update(iat=later // 1000, next_update=later // 1000, exp=later // 1000 + 600)

    with pytest.raises(StaleStatus, match=r"status\.as_of"):
        check(bench, _resigned(old, freshen), now=later)
    assert check(bench, signed(bench, statuses)).status != "active"


@settings(max_examples=60)
@given(st.data())
def test_no_changed_byte_is_accepted_with_another_meaning(data: st.DataObject) -> None:
    bench = _shared()
    content = signed(bench, SealStatuses(KEY, OPERATOR, StatusTimes()))  # type: ignore[arg-type]
    place = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != content[place]))
    changed = content[:place] + bytes([other]) + content[place + 1 :]
    try:
        found = check(bench, changed)
    except InvalidInput:
        return
    assert found == check(bench, content)


def _shared(held: list[LedgerBench] = []) -> LedgerBench:  # noqa: B006
    if not held:
        bench = LedgerBench()
        for event_type in ("seal.applied", "seal.created", "seal.filed"):
            bench.record(event_type, SEAL)
        held.append(bench)
    return held[0]


# -- lists ----------------------------------------------------------------------------------------


def listed(bench: LedgerBench, lists: StatusLists, now: int, **changes: Any) -> Any:
    with bench.reader() as reader:
        token = lists.sign(reader, 0, now).token.decode()
    arguments = {"cid": bench.genesis.chain_id, "uri": f"{BASE}/0", "max_age_ms": MAX_AGE}
    return verify_status_list(
        token, KEY.jwk, now=now, backend=BACKENDS[0], **{**arguments, **changes}
    )


def grown_lists() -> Iterator[LedgerBench]:
    """A ledger with one seal more each time."""
    bench = LedgerBench()
    for number in range(3):
        subject = f"seal:maker-a:{number:04}"
        bench.record("seal.applied", subject)
        made = data_of("seal.created", es_id=f"ES-{number}", seal_code=f"370500450492{number:02}")
        bench.record("seal.created", subject, made)
        yield bench


def test_places_never_change_and_statuses_follow() -> None:
    lists = StatusLists(KEY, OPERATOR, StatusTimes(), BASE)  # type: ignore[arg-type]
    for number, bench in enumerate(grown_lists()):
        with bench.reader() as reader:
            assert lists.count(reader) == 1
            for seal in range(number + 1):
                place = lists.place_of(reader, f"ES-{seal}")
                assert place == {"idx": seal, "uri": f"{BASE}/0"}
    filed = data_of("seal.filed", filing_no="another")
    bench.record("seal.filed", "seal:maker-a:0001", filed)
    now = now_of(bench)
    found = listed(bench, lists, now)
    assert [found.status(place) for place in range(3)] == [
        "not_yet_valid",
        "active",
        "not_yet_valid",
    ]
    assert found.next_update == now + 60_000


def test_a_list_is_made_anew_when_its_update_is_due(bench: LedgerBench, lists: StatusLists) -> None:
    now = now_of(bench)
    with bench.reader() as reader:
        first = lists.sign(reader, 0, now)
        assert lists.sign(reader, 0, now + 59_999) is first
        assert lists.sign(reader, 0, now + 60_000) is not first
        with pytest.raises(InvalidInput, match="there is no list 1"):
            lists.sign(reader, 1, now)


def test_one_seal_s_place_is_found_while_a_list_of_all_is_made(
    bench: LedgerBench, lists: StatusLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of 65,536 seals takes seconds, and anybody may ask for one."""
    making, go_on = threading.Event(), threading.Event()

    def slowly(*given: Any) -> str:
        making.set()
        assert go_on.wait(10)
        return "active"

    monkeypatch.setattr(status_lists, "derived_status", slowly)

    def listed_meanwhile() -> None:
        with bench.reader() as reader:
            lists.sign(reader, 0, now_of(bench))

    with ThreadPoolExecutor(2) as threads:
        made = threads.submit(listed_meanwhile)
        try:
            assert making.wait(10)
            with bench.reader() as reader:
                place = threads.submit(lists.place_of, reader, ES_ID).result(5)
        finally:
            go_on.set()
        made.result(10)
    assert place["idx"] == 0


def test_lists_of_another_address_chain_key_or_time_are_refused(
    bench: LedgerBench, lists: StatusLists
) -> None:
    now = now_of(bench)
    with pytest.raises(InvalidInput, match="of another list"):
        listed(bench, lists, now, uri=f"{BASE}/1")
    with pytest.raises(InvalidInput, match="of another chain"):
        listed(bench, lists, now, cid="other")
    with pytest.raises(StaleStatus, match=r"status_list\.as_of"):
        listed(bench, lists, now, max_age_ms=0)
    with bench.reader() as reader:
        token = lists.sign(reader, 0, now).token.decode()
    arguments: dict[str, Any] = {
        "cid": bench.genesis.chain_id, "uri": f"{BASE}/0", "max_age_ms": MAX_AGE,
        "backend": BACKENDS[0],
    }  # fmt: skip
    with pytest.raises(StaleStatus, match=r"status_list\.exp"):
        verify_status_list(token, KEY.jwk, now=now + 600_000, **arguments)
    with pytest.raises(InvalidInput, match="kid"):
        verify_status_list(token, member_key("maker-a").jwk, now=now, **arguments)


@given(st.lists(st.sampled_from(sorted(set(STATUS_VALUES.values()))), min_size=1, max_size=200))
def test_packed_statuses_come_back(values: list[int]) -> None:
    claims = {
        "as_of": {"height": 1, "time": 0}, "cid": "c", "exp": 10, "iat": 0, "iss": "a",
        "status_list": {"bits": 4, "lst": pack_statuses(bytes(values))}, "sub": "u", "ttl": 5,
    }  # fmt: skip
    token = encode_compact_jws(STATUS_LIST_TYP, KEY.kid, claims, KEY.sign)
    found = verify_status_list(
        token, KEY.jwk, cid="c", uri="u", now=0, max_age_ms=0, backend=BACKENDS[0]
    )
    assert [STATUS_VALUES[found.status(place)] for place in range(len(values))] == values
    with pytest.raises(InvalidInput):
        found.status(2 * ((len(values) + 1) // 2))


@pytest.mark.parametrize(
    ("lst", "told"),
    [
        (encode_base64url(b"plain"), "no ZLIB data"),
        (pack_statuses(bytes(1 << 17)), "more than 65536"),
        (pack_statuses(b"\1\2") + "AAAA", "nothing behind"),
        (pack_statuses(bytes(range(14)) * 9)[:-8], "one ZLIB stream, whole"),
    ],
)
def test_lists_that_are_none_are_refused(lst: str, told: str) -> None:
    claims = {
        "as_of": {"height": 1, "time": 0}, "cid": "c", "exp": 10, "iat": 0, "iss": "a",
        "status_list": {"bits": 4, "lst": lst}, "sub": "u", "ttl": 5,
    }  # fmt: skip
    token = encode_compact_jws(STATUS_LIST_TYP, KEY.kid, claims, KEY.sign)
    with pytest.raises(InvalidInput, match=told):
        verify_status_list(
            token, KEY.jwk, cid="c", uri="u", now=0, max_age_ms=0, backend=BACKENDS[0]
        )


@pytest.mark.parametrize(
    ("stored", "time", "shown"),
    [
        ("active", 9, "not_yet_valid"),
        ("active", 10, "active"),
        ("active", 20, "active"),
        ("active", 21, "expired"),
        ("suspended", 9, "suspended"),
        ("suspended", 21, "expired"),
        ("revoked", 21, "revoked"),
        ("created", 21, "created"),
    ],
)
def test_validity_makes_a_status_another(stored: str, time: int, shown: str) -> None:
    assert derived_status(stored, 10, 20, time) == shown
