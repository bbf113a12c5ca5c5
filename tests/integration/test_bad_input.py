"""Everything bad that somebody might hand to a node: told with place and rule, nothing lost.

Each input is sent alone and as a line of a batch between two good ones, and the node stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.home import OPERATOR, Home, make_home
from builders.jwts import FORMATS, header_of, respelled, signed
from builders.served import ServedNode, served
from builders.signing import compact, private_fields, signed_jwt
from builders.story import STORY_TIME, Teller, Told

from node.core.disclosure import Disclosure, disclosure_digest
from node.core.encoding import canonical_json, decode_base64url, encode_base64url
from node.core.genesis import encode_genesis
from node.core.transaction import MAX_TRANSACTION_BYTES, TYP, split_compact
from node.rules.rejections import REJECTIONS

CASE = "case:platform-a:0001"
SEAL = "seal:platform-a:0001"
DEEP = b"[" * 10_000


@dataclass(frozen=True)
class Bad:
    """What is sent, and what must be answered: kind and place, or the rule's name."""

    make: Callable[[Teller, str], bytes]
    kind: str
    place: str
    says: str


def payload_of(told: Told) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(decode_base64url(told.jwt.split(b".")[1], place="payload"))
    return value


def written(how: str) -> Callable[[Teller, str], bytes]:
    """A record whose payload is written in another way, and signed so."""

    def make(teller: Teller, name: str) -> bytes:
        payload = payload_of(teller.initiated(name))
        key = teller.home.keys["platform-a"]
        return signed(key, header_of(key), FORMATS[how](payload))

    return make


def headed(change: Callable[[bytes], bytes]) -> Callable[[Teller, str], bytes]:
    """A record with another header, signed so."""

    def make(teller: Teller, name: str) -> bytes:
        payload = canonical_json(payload_of(teller.initiated(name)))
        key = teller.home.keys["platform-a"]
        return signed(key, change(header_of(key)), payload)

    return make


def spelled(signature: str, how: str = "") -> Callable[[Teller, str], bytes]:
    """A good record with another signature, or spelled otherwise."""
    return lambda teller, name: respelled(teller.initiated(name).jwt, signature, how)


def deep_payload(teller: Teller, name: str) -> bytes:
    key = teller.home.keys["platform-a"]
    return signed(key, header_of(key), b'{"data":' + DEEP)


def one_byte_too_long(teller: Teller, name: str) -> bytes:
    for fill in range(11_000, 12_000):
        told = teller.initiated(name, origin="x" * fill)
        if len(told.jwt) == MAX_TRANSACTION_BYTES + 1:
            return told.jwt
    raise AssertionError("no such length")


def loose_bits_in(part: int) -> Callable[[Teller, str], bytes]:
    """A part whose last character has bits that say nothing."""

    def make(teller: Teller, name: str) -> bytes:
        for length in range(20):
            parts = teller.initiated(name, origin="x" * (length + 1)).jwt.split(b".")
            if len(parts[part]) % 4:
                last = parts[part][-1:]
                alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                parts[part] = parts[part][:-1] + alphabet[alphabet.index(last) + 1 :][:1]
                return b".".join(parts)
        raise AssertionError("no such length")

    return make


def unsigned(teller: Teller, name: str) -> bytes:
    payload = canonical_json(payload_of(teller.initiated(name)))
    kid = teller.home.keys["platform-a"].kid
    return compact(canonical_json({"alg": "none", "kid": kid, "typ": TYP}), payload, b"")


def with_disclosures(
    choose: Callable[[tuple[Disclosure, ...]], list[str]],
) -> Callable[[Teller, str], bytes]:
    """A good record with other disclosures behind it."""

    def make(teller: Teller, name: str) -> bytes:
        told = teller.initiated(name)
        return b"~".join((told.jwt, *(text.encode() for text in choose(told.disclosures)), b""))

    return make


def naming(*texts: str, name: str = "platform-a") -> Callable[[Teller, str], bytes]:
    """A record whose ``_sd`` names just these disclosures, whatever they hold."""

    def make(teller: Teller, case: str) -> bytes:
        payload = payload_of(teller.initiated(case))
        payload["_sd"] = sorted(disclosure_digest(text) for text in texts)
        jwt = signed_jwt(teller.home.keys[name], canonical_json(payload))
        return b"~".join((jwt, *(text.encode() for text in texts), b""))

    return make


def array(text: bytes) -> str:
    """A disclosure of this very text."""
    return encode_base64url(text)


STRANGE = private_fields({"initiator": "somebody else"})[0].encoded
FIRST, SECOND = (private_fields({"initiator": name})[0].encoded for name in ("南甲", "南乙"))
SALT = b'["' + b"a" * 22 + b'","initiator",'

BYTES = {
    "duplicate key": Bad(written("a member twice"), "malformed", "payload", "duplicate member"),
    "duplicate key inside": Bad(
        written("a member twice inside"), "malformed", "payload", "duplicate member"
    ),
    "duplicate key in the header": Bad(
        headed(lambda header: header.replace(b'"alg":', b'"alg":"none","alg":')),
        "malformed",
        "header",
        "duplicate member",
    ),
    "float": Bad(written("a float"), "malformed", "payload", "integer"),
    "whole float": Bad(written("a whole float"), "malformed", "payload", "integer"),
    "exponent": Bad(written("an exponent"), "malformed", "payload", "integer"),
    "NaN": Bad(written("NaN"), "malformed", "payload", "NaN"),
    "beyond 2^53": Bad(written("a number beyond 2^53"), "malformed", "payload", "2^53"),
    "lone surrogate": Bad(written("a lone surrogate"), "malformed", "payload", "surrogate"),
    "half a character": Bad(written("half a character"), "malformed", "payload", "UTF-8"),
    "10,000 levels": Bad(deep_payload, "malformed", "payload", "16 levels"),
    "17 levels": Bad(written("nested to 17"), "malformed", "payload", "deep"),
    "10,000 levels in the header": Bad(
        headed(lambda header: DEEP[:6000]), "malformed", "header", "16 levels"
    ),
    "16 KiB + 1": Bad(one_byte_too_long, "malformed", "transaction", "at most 16384"),
    "trailing bytes in the payload": Bad(
        written("two values"), "malformed", "payload", "Extra data"
    ),
    "trailing part": Bad(spelled("low", "a fourth part"), "malformed", "transaction", "three"),
    "trailing line feed": Bad(spelled("low", "a newline"), "malformed", "signature", "base64url"),
    "padding": Bad(spelled("low", "padding"), "malformed", "signature", "base64url"),
    "loose bits in the payload": Bad(loose_bits_in(1), "malformed", "payload", "base64url"),
    "loose bits in the signature": Bad(
        spelled("low", "loose bits"), "malformed", "signature", "base64url"
    ),
    "standard alphabet": Bad(
        lambda teller, name: teller.initiated(name).jwt[:-1] + b"+", "malformed", "", "base64url"
    ),
    "alg none, unsigned": Bad(unsigned, "malformed", "header.alg", "must be ES256"),
    "alg none, signed": Bad(
        headed(lambda header: header.replace(b"ES256", b"none")),
        "malformed",
        "header.alg",
        "must be ES256",
    ),
    "short signature": Bad(spelled("short"), "invalid-signature", "signature", "63 bytes"),
    "long signature": Bad(spelled("long"), "invalid-signature", "signature", "65 bytes"),
    "no signature": Bad(spelled("empty"), "invalid-signature", "signature", "0 bytes"),
    "DER signature": Bad(spelled("der"), "invalid-signature", "signature", "r‖s has 64"),
    "r = 0": Bad(spelled("zero r"), "invalid-signature", "signature", "between 1 and n-1"),
    "s = 0": Bad(spelled("zero s"), "invalid-signature", "signature", "between 1 and n-1"),
    "s = n": Bad(spelled("s = n"), "invalid-signature", "signature", "between 1 and n-1"),
    "another chain's cid": Bad(
        lambda teller, name: (
            teller.tell(
                "platform-a", "signing.voided", CASE, {"reason_code": "x"}, cid="another", jti=name
            ).jwt
        ),
        "malformed",
        "payload.cid",
        "this node's chain",
    ),
    "a disclosure that no digest names": Bad(
        with_disclosures(lambda own: [STRANGE]), "malformed", "disclosures[0]", "no digest"
    ),
    "a disclosure twice": Bad(
        with_disclosures(lambda own: [own[0].encoded] * 2), "malformed", "disclosures[1]", "twice"
    ),
    "two disclosures of one name": Bad(
        naming(FIRST, SECOND), "malformed", "disclosures[1]", "a second disclosure of"
    ),
    "a disclosure with a duplicate key": Bad(
        naming(array(SALT + b'{"a":1,"a":2}]')),
        "malformed",
        "disclosures[0]",
        "duplicate member",
    ),
    "a disclosure with a float": Bad(
        naming(array(SALT + b"93.9]")), "malformed", "disclosures[0]", "integer"
    ),
    "a disclosure with NaN": Bad(
        naming(array(SALT + b"NaN]")), "malformed", "disclosures[0]", "NaN"
    ),
    "a disclosure with a lone surrogate": Bad(
        naming(array(SALT + b'"\\ud800"]')), "malformed", "disclosures[0]", "surrogate"
    ),
    "a disclosure 10,000 levels deep": Bad(
        naming(array(SALT + DEEP)), "malformed", "disclosures[0]", "16 levels"
    ),
    "a disclosure with trailing bytes": Bad(
        naming(array(SALT + b'"x"]x')), "malformed", "disclosures[0]", "Extra data"
    ),
    "a disclosure with padding": Bad(
        naming(array(SALT + b'"x"]') + "="), "malformed", "disclosures[0]", "base64url"
    ),
    "a disclosure of an unknown field": Bad(
        naming(array(b'["' + b"a" * 22 + b'","nickname","x"]')),
        "malformed",
        "disclosure nickname",
        "no private field",
    ),
}


def post(node: ServedNode, body: bytes) -> httpx.Response:
    return httpx.post(
        f"{node.url}/v1/submissions",
        content=body,
        headers={"content-type": "application/sd-jwt"},
        timeout=60,
    )


def assert_stands(node: ServedNode, name: str) -> None:
    """The node takes the next record."""
    assert post(node, node.teller.initiated(name).encode()).status_code == 201
    assert node.get("/readyz").status_code == 200


@pytest.mark.parametrize("name", BYTES)
def test_bad_bytes_are_refused_with_place_and_rule(node: ServedNode, name: str) -> None:
    bad, case = BYTES[name], f"bad-{[*BYTES].index(name)}"
    body = bad.make(node.teller, case)
    size = node.get("/v1/node").json()["size"]
    answer = post(node, body)
    problem = answer.json()
    assert (answer.status_code, problem["type"].rpartition(":")[2]) == (400, bad.kind), problem
    assert problem["place"].startswith(bad.place), problem
    assert bad.says in problem["rule"], problem
    assert problem["detail_zh"]
    assert node.get("/v1/node").json()["size"] == size
    assert_stands(node, f"after-{case}")


def test_among_good_ones_each_bad_one_is_told_by_its_line(node: ServedNode) -> None:
    lines = []
    for position, (name, bad) in enumerate(BYTES.items()):
        good = node.teller.initiated(f"good-{position}").encode()
        lines += [good, bad.make(node.teller, f"bad-in-batch-{position}")]
        assert name
    body = b"".join(json.dumps(line.decode("latin-1")).encode() + b"\n" for line in lines)
    answer = httpx.post(f"{node.url}/v1/submissions/batch", content=body, timeout=60)
    told = [json.loads(line) for line in answer.content.split(b"\n") if line]
    assert [item["line"] for item in told] == list(range(1, len(lines) + 1))
    assert {item["status_code"] for item in told[::2]} == {201}
    for item, (name, bad) in zip(told[1::2], BYTES.items()):
        assert item["status_code"] == 400, name
        assert item["place"].startswith(bad.place), (name, item)
        assert bad.says in item["rule"], (name, item)


# -- what breaks a rule of the ledger -------------------------------------------------------------


@pytest.fixture(scope="module")
def told(node: ServedNode) -> ServedNode:
    """The node, after a seal and a case were recorded."""
    node.submit(*node.teller.seal(), *node.teller.case())
    return node


def refused(node: ServedNode, told: Told, name: str) -> dict[str, Any]:
    """The refusal, which must be that of this name; told the same way when sent again."""
    answers = [post(node, told.encode()) for _ in range(2)]
    problems = [answer.json() for answer in answers]
    assert [answer.status_code for answer in answers] == [422, 422], problems
    assert [problem["name"] for problem in problems] == [name, name]
    assert all(problem["detail"] and problem["detail_zh"] for problem in problems)
    if REJECTIONS[problems[0]["code"]].remembered:
        assert problems[0]["height"] == problems[1]["height"], "it was not judged again"
    return {name: problems[0][name] for name in ("code", "height", "id", "name")}


def signed_by(teller: Teller, signer: str, told: Told) -> Told:
    """The same payload, signed with another member's key under that key's kid."""
    key = teller.home.keys[signer]
    return Told(signed_jwt(key, canonical_json(payload_of(told))), told.disclosures)


def test_a_kid_of_another_member(told: ServedNode) -> None:
    forged = signed_by(told.teller, "platform-b", told.teller.initiated("foreign"))
    assert refused(told, forged, "foreign_key")["height"] > 0


def test_a_kid_of_another_member_over_an_own_signature(told: ServedNode) -> None:
    """The header names the rival's key, and what signs is the submitter's own."""
    payload = canonical_json(payload_of(told.teller.initiated("named")))
    rival = told.home.keys["platform-b"]
    forged = signed(told.home.keys["platform-a"], header_of(rival), payload)
    problem = post(told, forged).json()
    assert problem["type"].endswith(":invalid-signature")
    assert rival.kid in problem["rule"]


def test_a_key_before_its_heights(told: ServedNode) -> None:
    record = told.teller.initiated("early", member="court-a")
    early = Told(signed_jwt(told.home.future_key, canonical_json(payload_of(record))), ())
    assert refused(told, early, "key_not_in_force")


def test_a_key_after_its_heights(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    end_key(home, "platform-b", at=3)
    with served(home) as node:
        first = node.teller.initiated("in-force", member="platform-b")
        [receipt] = node.submit(first)
        assert receipt["height"] < 3
        while node.get("/v1/node").json()["height"] < 3:
            node.submit(node.teller.initiated(f"more-{node.get('/v1/node').json()['size']}"))
        late = node.teller.initiated("out-of-force", member="platform-b")
        assert refused(node, late, "key_not_in_force")
        again = post(node, first.encode())
        assert (again.status_code, again.json()) == (201, receipt), "what it signed before stays"
        answer = node.get(f"/v1/dossiers/{CASE}", "platform-b")
        assert answer.status_code == 401
        assert_stands(node, "after")


def end_key(home: Home, member: str, *, at: int) -> None:
    """Let a member's key end at a height."""
    path = home.path / "genesis.json"
    genesis = json.loads(path.read_bytes())
    for item in genesis["members"]:
        if item["id"] == member:
            item["keys"][0]["to"] = at
    path.write_bytes(encode_genesis(genesis).document)


def test_a_replay_after_exp(told: ServedNode) -> None:
    """What was recorded has its receipt for ever; what was not can never come in any more."""
    past = Teller(told.home, STORY_TIME - 7_200_000)
    assert refused(told, past.initiated("too-late"), "expired")
    refusal = told.teller.tell(
        "platform-a", "signing.voided", "case:platform-a:none", {"reason_code": "x"}, jti="replay"
    )
    assert refused(told, refusal, "dossier_unknown")


def test_a_recorded_and_a_refused_one_are_played_again_after_exp(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    now = STORY_TIME
    with served(home, lambda: now) as node:
        good = node.teller.initiated("replayed")
        bad = node.teller.tell(
            "platform-a", "signing.voided", "case:platform-a:opened-later", {"reason_code": "x"}
        )
        [receipt] = node.submit(good)
        before = refused(node, bad, "dossier_unknown")
        node.submit(node.teller.initiated("opened-later"))
        assert refused(node, bad, "dossier_unknown") == before, "though it would be allowed now"
        now += 3_700_000
        later = Teller(home, now)
        node.submit(later.initiated("an-hour-later"))
        assert post(node, good.encode()).json() == receipt
        assert refused(node, bad, "expired")
        state = node.get("/v1/dossiers/case:platform-a:opened-later").json()
        assert (state["records"], state["status"]) == (1, "initiated")


def test_another_members_dossier(told: ServedNode) -> None:
    voided = told.teller.tell("platform-b", "signing.voided", CASE, {"reason_code": "rival"})
    assert refused(told, voided, "not_permitted")
    opened = told.teller.tell(
        "platform-b",
        "signing.initiated",
        "case:platform-a:taken",
        payload_of(told.teller.initiated("taken"))["data"],
    )
    assert refused(told, opened, "not_opener")
    status = told.get(f"/v1/dossiers/{CASE}").json()
    assert (status["records"], status["status"]) == (5, "completed")


def test_another_divisions_seal(told: ServedNode) -> None:
    suspended = told.teller.tell(
        "police-qingdao",
        "seal.status_changed",
        SEAL,
        {"effective_at": told.teller.time, "reason_code": "x", "to": "suspended"},
    )
    assert refused(told, suspended, "other_division")
    assert told.get("/v1/seals/ES-0001/status").json()["status"] == "active"


CLEAR = {
    "a private field": ("signing.voided", {"reason_code": "x", "reason": "南某病重"}, {}, "reason"),
    "a private field inside": (
        "signing.completed",
        {"documents": [{"sha256": "0" * 64, "initiator": "南某"}], "finished_at": 1},
        {},
        "documents[0]",
    ),
    "an identity number": (
        "signing.voided",
        {"reason_code": "x-120105199001010610"},
        {},
        "reason_code",
    ),
    "an identity number in the dossier's name": (
        "signing.voided",
        {"reason_code": "x"},
        {"sub": "case:platform-a:120105199001010610"},
        "sub",
    ),
    "an identity number in the event's id": (
        "signing.voided",
        {"reason_code": "x"},
        {"jti": "120105199001010610"},
        "jti",
    ),
    "an identity number in the source": (
        "signing.voided",
        {"reason_code": "x"},
        {"source": {"method": "api", "system": "身份证120105199001010610"}},
        "source",
    ),
}


@pytest.mark.parametrize("name", CLEAR)
def test_personal_data_in_clear_stays_off_the_chain_and_out_of_the_answer(
    told: ServedNode, name: str
) -> None:
    event_type, data, changes, place = CLEAR[name]
    subject = changes.get("sub", CASE)
    others = {name: value for name, value in changes.items() if name != "sub"}
    clear = told.teller.tell("platform-a", event_type, subject, data, **others)
    answer = post(told, clear.encode())
    problem = answer.json()
    assert answer.status_code == 422
    assert problem["name"] in ("private_in_clear", "personal_number_in_clear", "malformed_data")
    assert place in problem["place"]
    assert "height" not in problem
    assert "南某" not in answer.text
    assert "120105199001010610" not in answer.text
    assert told.get(f"/v1/transactions/{clear.id}").status_code == 404


# -- the same in other places where a node reads what somebody wrote ------------------------------


BODIES = {
    "duplicate key": b'{"digests":"all","reason":"x","reason":"y"}',
    "float": b'{"digests":"all","reason":1.5}',
    "NaN": b'{"digests":"all","reason":NaN}',
    "lone surrogate": b'{"digests":"all","reason":"\\ud800"}',
    "10,000 levels": b'{"digests":' + DEEP,
    "trailing bytes": b'{"digests":"all","reason":"x"}x',
    "no UTF-8": b'{"digests":"all","reason":"\xff"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_bad_json_in_the_body_of_an_erasure(told: ServedNode, name: str) -> None:
    target, body = f"/v1/dossiers/{CASE}/erasure", BODIES[name]
    headers = told.authorization(OPERATOR, "POST", target, body)
    answer = httpx.post(told.url + target, content=body, headers=headers, timeout=30)
    assert answer.status_code == 400, answer.text
    assert answer.json()["place"].startswith("body")
    assert told.node.vault.count(CASE) > 0, "nothing was erased"


@pytest.mark.parametrize("name", BODIES)
def test_bad_json_for_a_bundle_fails_the_first_step(told: ServedNode, name: str) -> None:
    answer = httpx.post(f"{told.url}/v1/verify", content=BODIES[name], timeout=30)
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 200:
        report = answer.json()
        assert report["accepted"] is False
        assert report["steps"][0]["status"] == "failed"


@pytest.mark.parametrize("name", BODIES)
def test_bad_json_in_a_line_of_a_batch(told: ServedNode, name: str) -> None:
    answer = httpx.post(f"{told.url}/v1/submissions/batch", content=BODIES[name], timeout=30)
    [line] = [json.loads(text) for text in answer.content.split(b"\n") if text]
    assert line["status_code"] == 400
    assert line["place"].startswith("line 1")


@pytest.mark.parametrize("name", BODIES)
def test_bad_json_in_a_request_token(told: ServedNode, name: str) -> None:
    target = f"/v1/dossiers/{CASE}/bundle"
    good = told.authorization("court-a", "GET", target)["authorization"]
    parts = good.removeprefix("Bearer ").encode().split(b".")
    claims = BODIES[name][:6000]
    token = compact(decode_base64url(parts[0], place="header"), claims, b"\x01" * 64)
    headers = {"authorization": f"Bearer {token.decode()}"}
    answer = httpx.get(told.url + target, headers=headers, timeout=30)
    assert answer.status_code == 401, answer.text


def test_after_all_that_nothing_is_lost_and_the_ledger_is_sound(told: ServedNode) -> None:
    assert_stands(told, "in-the-end")
    with told.node.reader() as reader:
        for index in range(1, reader.meta.size):
            assert split_compact(reader.entry(index).entry.tx.encode())
    told.node.vault.verify()
