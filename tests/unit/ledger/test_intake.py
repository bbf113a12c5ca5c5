"""Taking transactions in: which way is taken, what is told, what happens to a high s."""

from __future__ import annotations

import marshal

import pytest
from builders.consortium import member_key
from builders.events import case_sub, data_of
from builders.jwts import respelled
from builders.ledger import LedgerBench
from builders.signing import signed_jwt

from node.core.encoding import canonical_json
from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature, InvalidTransaction
from node.core.frame import encode_frame
from node.core.signatures import has_low_s
from node.core.transaction import split_compact, transaction_id
from node.ledger import intake as intake_module
from node.ledger.intake import Intake, Taken, issuer_key
from node.rules.events import JUDGED
from node.rules.judgement import Event
from node.rules.rejections import rejection

CASE = case_sub()


def forbid_the_slow_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(jwt: bytes) -> None:
        raise AssertionError("took the slow way")

    monkeypatch.setattr(intake_module, "decode_transaction", refuse)


def test_a_known_header_and_compact_json_take_the_quick_way(
    bench: LedgerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the comparison of both ways would compare one with itself."""
    first, second = (bench.jwt("signing.initiated", case_sub(n)) for n in (1, 2))
    slow = Intake(bench.intake.ring).take(second)
    intake = Intake(bench.intake.ring)
    intake.take(first)
    forbid_the_slow_way(monkeypatch)
    assert intake.take(second) == slow
    assert intake.admit(respelled(second, "high", "")).taken == slow
    with pytest.raises(AssertionError, match="slow way"):
        Intake(bench.intake.ring).take(second)


def test_what_is_taken(bench: LedgerBench) -> None:
    jwt = bench.jwt("signing.initiated", CASE, jti="one")
    taken = bench.intake.take(jwt)
    assert isinstance(taken, Taken)
    assert taken.id == transaction_id(jwt)
    assert taken.jwt == jwt
    assert taken.issuer_key == issuer_key("platform-a", "one")
    assert taken.unknown_key == 0
    event = Event(*taken.event)
    assert (event.id, event.iss, event.jti, event.sub) == (taken.id, "platform-a", "one", CASE)
    assert (event.kid, event.flaw) == (member_key("platform-a").kid, 0)
    data = data_of("signing.initiated")
    assert event.data == {name: value for name, value in data.items() if name in JUDGED}
    assert event._fields == ("id", "cid", "iss", "jti", "kid", "iat", "exp", "type", "sub",
                             "occurred_at", "data", "flaw")  # fmt: skip


def test_an_unknown_key_is_taken_and_marked(bench: LedgerBench) -> None:
    jwt = bench.jwt("signing.initiated", CASE, key=member_key("stranger"))
    for _ in range(2):
        taken = bench.intake.take(jwt)
        assert taken.unknown_key == 1
        assert taken.id == transaction_id(jwt)


def test_names_are_shared_and_can_be_forgotten(
    bench: LedgerBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is interned may never be freed again, and anybody can send names without end."""
    monkeypatch.setattr(intake_module, "_MAX_SHARED", 3)
    monkeypatch.setattr(intake_module, "_shared", {})
    taken = [
        bench.intake.take(bench.jwt("signing.initiated", case_sub(number))) for number in (1, 2)
    ]
    for name in ("iss", "cid", "type"):
        one, other = (getattr(Event._make(item.event), name) for item in taken)
        assert one is other
        assert marshal.dumps(one)[0] & 0x7F == ord("z"), "is not interned (`Z`)"
    intake_module._share("one too many")
    assert len(intake_module._shared) == 3


def test_a_header_is_remembered_only_once_its_signature_held(bench: LedgerBench) -> None:
    intake = Intake(bench.intake.ring)
    jwt = bench.jwt("signing.initiated", CASE)
    with pytest.raises(InvalidSignature, match="does not hold under the key"):
        intake.take(respelled(jwt, "flipped", ""))
    assert not intake._headers
    intake.take(jwt)
    assert len(intake._headers) == 1


def test_flaws_are_found_in_both_ways(bench: LedgerBench) -> None:
    cases = {
        "malformed_data": {"origin": 1},
        "private_in_clear": {"initiator": "南某"},
        "personal_number_in_clear": {"origin": "370102209912310028"},
    }
    for name, changes in cases.items():
        data = {**data_of("signing.initiated"), **changes}
        jwt = bench.jwt("signing.initiated", CASE, data)
        for intake in (Intake(bench.intake.ring), bench.intake):
            assert Event(*intake.take(jwt).event).flaw == rejection(name)
    jwt = bench.jwt("signing.forgotten", CASE, {})
    assert Event(*bench.intake.take(jwt).event).flaw == rejection("unknown_type")


@pytest.mark.parametrize("warm", [True, False])
def test_a_high_s_is_turned_low_where_it_is_handed_in(bench: LedgerBench, warm: bool) -> None:
    low = bench.jwt("signing.initiated", CASE)
    high = respelled(low, "high", "")
    intake = Intake(bench.intake.ring)
    if warm:
        intake.take(bench.jwt("signing.initiated", case_sub(2)))
    with pytest.raises(InvalidTransaction, match="s is high"):
        intake.take(high)
    admitted = intake.admit(high)
    assert admitted.lowered
    assert admitted.taken.jwt == low
    assert admitted.taken.id == transaction_id(low) != transaction_id(high)
    assert admitted.parts == split_compact(low)
    assert has_low_s(admitted.parts[2])
    again = intake.admit(low)
    assert not again.lowered
    assert (again.taken, again.parts) == (admitted.taken, admitted.parts)


def test_digests_are_handed_on(bench: LedgerBench) -> None:
    digests = ["A" * 43, "B" * 42 + "A"]
    jwt = bench.jwt("signing.initiated", CASE, _sd=digests, _sd_alg="sha-256")
    assert bench.intake.admit(jwt).digests == tuple(digests)
    assert Intake(bench.intake.ring).admit(jwt).digests == tuple(digests)


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize(
    ("raw", "kind", "words"),
    [
        (b'{"iat":1,"iat":2}', InvalidEncoding, "duplicate member 'iat'"),
        (b"{", InvalidEncoding, "not JSON"),
        (b'{"iat":1.5}', InvalidEncoding, "not an integer"),
        (b"{}", InvalidTransaction, "payload.cid: is missing"),
    ],
)
def test_errors_name_the_place_whatever_the_way(
    bench: LedgerBench, warm: bool, raw: bytes, kind: type[InvalidInput], words: str
) -> None:
    intake = Intake(bench.intake.ring)
    if warm:
        intake.take(bench.jwt("signing.initiated", CASE))
    with pytest.raises(kind, match=words):
        intake.take(signed_jwt(member_key("platform-a"), raw))


def test_frames_are_opened_whole(bench: LedgerBench) -> None:
    jwts = [bench.jwt("signing.initiated", case_sub(n)) for n in range(3)]
    assert [taken.jwt for taken in bench.intake.open_frame(encode_frame(jwts))] == jwts
    forged = respelled(jwts[1], "flipped", "")
    with pytest.raises(InvalidSignature, match=r"frame\[1\]\.signature"):
        bench.intake.open_frame(encode_frame([jwts[0], forged]))
    with pytest.raises(InvalidTransaction, match=r"frame\[0\]\.signature: s is high"):
        bench.intake.open_frame(encode_frame([respelled(jwts[0], "high", "")]))


def test_the_longest_and_one_byte_more(bench: LedgerBench) -> None:
    payload = bench.payload("signing.initiated", CASE)

    def of_length(length: int) -> bytes:
        blanks = b" " * length + canonical_json(payload)
        return signed_jwt(member_key("platform-a"), blanks)

    room = (16_384 - len(of_length(0))) * 3 // 4
    longest = max(
        (of_length(room + extra) for extra in range(-4, 5)),
        key=lambda jwt: (len(jwt) <= 16_384, len(jwt)),
    )
    assert 16_382 <= len(longest) <= 16_384
    assert bench.intake.take(longest).jwt == longest
    with pytest.raises(InvalidTransaction, match="at most 16384"):
        bench.intake.take(of_length(room + 8))


def test_issuer_keys_tell_issuer_and_event_id_apart() -> None:
    keys = {issuer_key(*pair) for pair in (("a", "b"), ("ab", ""), ("", "ab"), ("a", "c"))}
    assert len(keys) == 4
    assert all(len(key) == 16 for key in keys)


def test_the_ring_knows_every_key_and_no_other(bench: LedgerBench) -> None:
    ring = bench.application.key_ring()
    assert ring.get(member_key("platform-a").kid) is not None
    assert ring.get(member_key("platform-a", "recovery").kid) is not None
    assert ring.get(member_key("platform-a", "new").kid) is None
    assert ring.get("") is None
