from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from builders.curves import P256_N
from builders.signing import (
    MemberKey,
    compact,
    digests_of,
    event,
    private_fields,
    seeded,
    signed_jwt,
)

from node.core.encoding import canonical_json, encode_base64url
from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature, InvalidTransaction
from node.core.signatures import Backend, has_low_s
from node.core.transaction import (
    MAX_DIGESTS,
    MAX_FERRIED_LIFETIME,
    MAX_LIFETIME,
    MAX_TRANSACTION_BYTES,
    decode_transaction,
    normalise_signature,
    split_compact,
    transaction_id,
    verify_transaction,
)

KEY = MemberKey("platform-a")
HEADER = {"alg": "ES256", "kid": KEY.kid, "typ": "evidence+sd-jwt"}
DIGEST = encode_base64url(bytes(32))


def jwt(header: Any = None, **changes: Any) -> bytes:
    return signed_jwt(
        KEY,
        canonical_json(event(**changes)),
        None if header is None else canonical_json(header),
    )


def refusal(data: bytes) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        decode_transaction(data)
    return refused.value


def test_a_transaction_is_decoded_member_by_member() -> None:
    private = private_fields({"initiator": "南某", "document_names": ["待盖章文件"]})
    data = jwt(collected_at=1_790_000_000_000, **digests_of(private))
    transaction = decode_transaction(data)
    payload = event()
    for name in ("cid", "iss", "jti", "iat", "exp", "type", "sub", "occurred_at", "source", "data"):
        assert getattr(transaction, name) == payload[name]
    assert transaction.collected_at == 1_790_000_000_000
    assert transaction.kid == KEY.kid
    assert transaction.digests == tuple(sorted(item.digest for item in private))
    assert transaction.jwt.encode() == data
    assert transaction.id == hashlib.sha256(data).digest() == transaction_id(data)
    assert transaction.signing_input + b"." + data.split(b".")[2] == data
    assert len(transaction.signature) == 64


def test_members_may_be_left_out_only_where_the_format_says() -> None:
    transaction = decode_transaction(jwt())
    assert transaction.collected_at is None
    assert transaction.digests == ()


def test_json_of_any_layout_is_accepted() -> None:
    """The bytes are the submitter's own; nothing asks for canonical JSON there."""
    text = json.dumps(event(), indent=2, ensure_ascii=True).encode()
    assert decode_transaction(signed_jwt(KEY, text)).iss == "platform-a"


def test_signature_holds_under_the_named_key_only(backend: Backend) -> None:
    transaction = decode_transaction(jwt())
    verify_transaction(transaction, KEY.jwk, backend)
    with pytest.raises(InvalidTransaction) as wrong:
        verify_transaction(transaction, MemberKey("other").jwk, backend)
    assert wrong.value.place == "header.kid"


def test_signature_of_another_payload_is_refused(backend: Backend) -> None:
    one, other = jwt().split(b"."), jwt(jti="event-2").split(b".")
    for forged in ((one[0], other[1], one[2]), (one[0], one[1], other[2])):
        with pytest.raises(InvalidSignature) as refused:
            verify_transaction(decode_transaction(b".".join(forged)), KEY.jwk, backend)
        assert refused.value.place == "transaction.signature"


def without(name: str) -> dict[str, Any]:
    return {other: value for other, value in HEADER.items() if other != name}


HEADERS = {
    "alg none": ({**HEADER, "alg": "none"}, "header.alg"),
    "alg None": ({**HEADER, "alg": "None"}, "header.alg"),
    "alg HS256": ({**HEADER, "alg": "HS256"}, "header.alg"),
    "alg ES384": ({**HEADER, "alg": "ES384"}, "header.alg"),
    "alg es256": ({**HEADER, "alg": "es256"}, "header.alg"),
    "alg list": ({**HEADER, "alg": ["ES256"]}, "header.alg"),
    "no alg": (without("alg"), "header"),
    "no kid": (without("kid"), "header"),
    "no typ": (without("typ"), "header"),
    "empty": ({}, "header"),
    "crit": ({**HEADER, "crit": ["exp"]}, "header"),
    "jwk": ({**HEADER, "jwk": KEY.jwk.to_json()}, "header"),
    "x5c": ({**HEADER, "x5c": []}, "header"),
    "jku": ({**HEADER, "jku": "http://keys"}, "header"),
    "typ JWT": ({**HEADER, "typ": "JWT"}, "header.typ"),
    "typ in capitals": ({**HEADER, "typ": "EVIDENCE+SD-JWT"}, "header.typ"),
    "typ number": ({**HEADER, "typ": 1}, "header.typ"),
    "kid short": ({**HEADER, "kid": KEY.kid[:-1]}, "header.kid"),
    "kid padded": ({**HEADER, "kid": KEY.kid + "="}, "header.kid"),
    "kid with loose bits": ({**HEADER, "kid": "A" * 42 + "B"}, "header.kid"),
    "kid number": ({**HEADER, "kid": 1}, "header.kid"),
    "kid path": ({**HEADER, "kid": "../../../etc/passwd"}, "header.kid"),
}


@pytest.mark.parametrize(("header", "place"), HEADERS.values(), ids=HEADERS)
def test_headers_refused(header: dict[str, Any], place: str) -> None:
    refused = refusal(jwt(header))
    assert isinstance(refused, InvalidTransaction)
    assert refused.place == place


PAYLOADS: dict[str, tuple[dict[str, Any], str]] = {
    **{
        f"no {name}": ({name: None}, f"payload.{name}")
        for name in (
            "cid", "data", "exp", "iat", "iss", "jti", "occurred_at", "source", "sub", "type",
        )
    },
    "unknown member": ({"nbf": 1}, "payload.nbf"),
    "vct": ({"vct": "x"}, "payload.vct"),
    "cnf": ({"cnf": {}}, "payload.cnf"),
    "cid empty": ({"cid": ""}, "payload.cid"),
    "cid blank": ({"cid": "a b"}, "payload.cid"),
    "cid of 51": ({"cid": "a" * 51}, "payload.cid"),
    "cid line end": ({"cid": "a\n"}, "payload.cid"),
    "cid number": ({"cid": 1}, "payload.cid"),
    "iss in capitals": ({"iss": "Platform"}, "payload.iss"),
    "iss of 41": ({"iss": "a" * 41}, "payload.iss"),
    "iss with end dash": ({"iss": "a-"}, "payload.iss"),
    "iss list": ({"iss": ["a"]}, "payload.iss"),
    "jti empty": ({"jti": ""}, "payload.jti"),
    "jti of 129": ({"jti": "a" * 129}, "payload.jti"),
    "jti slash": ({"jti": "a/b"}, "payload.jti"),
    "jti Chinese": ({"jti": "事件"}, "payload.jti"),
    "type without a dot": ({"type": "signing"}, "payload.type"),
    "type in capitals": ({"type": "signing.Initiated"}, "payload.type"),
    "sub of two parts": ({"sub": "case:platform-a"}, "payload.sub"),
    "sub of four parts": ({"sub": "case:platform-a:1:2"}, "payload.sub"),
    "sub of another kind": ({"sub": "person:platform-a:1"}, "payload.sub"),
    "sub with an empty id": ({"sub": "case:platform-a:"}, "payload.sub"),
    "sub with an id of 65": ({"sub": "case:platform-a:" + "1" * 65}, "payload.sub"),
    "sub full width": ({"sub": "case:platform-a:００１"}, "payload.sub"),
    "source text": ({"source": "api"}, "payload.source"),
    "source without method": ({"source": {"system": "x"}}, "payload.source"),
    "source with more": ({"source": {"system": "x", "method": "api", "ip": "1"}}, "payload.source"),
    "source system empty": ({"source": {"system": "", "method": "api"}}, "payload.source.system"),
    "source system long": (
        {"source": {"system": "x" * 201, "method": "api"}}, "payload.source.system",
    ),
    "source method in capitals": (
        {"source": {"system": "x", "method": "API"}}, "payload.source.method",
    ),
    "source method number": ({"source": {"system": "x", "method": 1}}, "payload.source.method"),
    "data list": ({"data": []}, "payload.data"),
    "data text": ({"data": "x"}, "payload.data"),
    "iat text": ({"iat": "1"}, "payload.iat"),
    "iat negative": ({"iat": -1}, "payload.iat"),
    "exp text": ({"exp": "1"}, "payload.exp"),
    "occurred_at negative": ({"occurred_at": -1}, "payload.occurred_at"),
    "iat past the year 9999": (
        {"iat": 253_402_300_800, "exp": 253_402_300_801}, "payload.iat",
    ),
    "exp past the year 9999": (
        {"iat": 253_402_300_799, "exp": 253_402_300_800}, "payload.exp",
    ),
    "occurred_at past the year 9999": ({"occurred_at": 253_402_300_800_000}, "payload.occurred_at"),
    "collected_at text": ({"collected_at": "1"}, "payload.collected_at"),
    "collected before it occurred": (
        {"occurred_at": 2000, "collected_at": 1999}, "payload.collected_at",
    ),
    "exp before iat": ({"iat": 100, "exp": 99}, "payload.exp"),
    "exp at iat": ({"iat": 100, "exp": 100}, "payload.exp"),
    "exp more than a day later": ({"iat": 100, "exp": 101 + MAX_LIFETIME}, "payload.exp"),
    "ferried, exp more than 30 days later": (
        {
            "iat": 100,
            "exp": 101 + MAX_FERRIED_LIFETIME,
            "source": {"system": "x", "method": "ferry"},
        },
        "payload.exp",
    ),
    "_sd without _sd_alg": ({"_sd": [DIGEST]}, "payload._sd_alg"),
    "_sd_alg without _sd": ({"_sd_alg": "sha-256"}, "payload._sd"),
    "_sd_alg sha-512": ({"_sd": [DIGEST], "_sd_alg": "sha-512"}, "payload._sd_alg"),
    "_sd_alg SHA-256": ({"_sd": [DIGEST], "_sd_alg": "SHA-256"}, "payload._sd_alg"),
    "_sd_alg md5": ({"_sd": [DIGEST], "_sd_alg": "md5"}, "payload._sd_alg"),
    "_sd empty": ({"_sd": [], "_sd_alg": "sha-256"}, "payload._sd"),
    "_sd text": ({"_sd": DIGEST, "_sd_alg": "sha-256"}, "payload._sd"),
    "_sd twice the same": ({"_sd": [DIGEST, DIGEST], "_sd_alg": "sha-256"}, "payload._sd"),
    "_sd of 65": (
        {
            "_sd": [encode_base64url(seeded(n)) for n in range(MAX_DIGESTS + 1)],
            "_sd_alg": "sha-256",
        },
        "payload._sd",
    ),
    "_sd in data": ({"data": {"a": 1, "_sd": [DIGEST]}}, "payload.data._sd"),
    "_sd_alg in data": ({"data": {"_sd_alg": "sha-256"}}, "payload.data._sd_alg"),
    "_sd deep in data": ({"data": {"a": [1, {"b": {"_sd": 1}}]}}, "payload.data.a[1].b._sd"),
    "a digest in an array": ({"data": {"a": [{"...": DIGEST}]}}, "payload.data.a[0]...."),
    "_sd number": ({"_sd": [DIGEST, 1], "_sd_alg": "sha-256"}, "payload._sd[1]"),
    "_sd short": ({"_sd": [DIGEST[:-1]], "_sd_alg": "sha-256"}, "payload._sd[0]"),
    "_sd hex": ({"_sd": ["00" * 32], "_sd_alg": "sha-256"}, "payload._sd[0]"),
    "_sd padded": ({"_sd": [DIGEST + "="], "_sd_alg": "sha-256"}, "payload._sd[0]"),
    "_sd with loose bits": ({"_sd": ["A" * 42 + "B"], "_sd_alg": "sha-256"}, "payload._sd[0]"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "place"), PAYLOADS.values(), ids=PAYLOADS)
def test_payloads_refused(changes: dict[str, Any], place: str) -> None:
    refused = refusal(jwt(**changes))
    assert isinstance(refused, InvalidTransaction)
    assert refused.place == place


@pytest.mark.parametrize(
    ("method", "longest"), [("api", MAX_LIFETIME), ("ferry", MAX_FERRIED_LIFETIME)]
)
def test_the_longest_lifetime_is_allowed(method: str, longest: int) -> None:
    data = jwt(iat=100, exp=100 + longest, source={"method": method, "system": "x"})
    assert decode_transaction(data).exp == 100 + longest
    assert MAX_LIFETIME == 24 * 3600
    assert MAX_FERRIED_LIFETIME == 30 * 24 * 3600


def test_sixty_four_digests_are_allowed() -> None:
    digests = [encode_base64url(seeded(number)) for number in range(MAX_DIGESTS)]
    assert decode_transaction(jwt(_sd=digests, _sd_alg="sha-256")).digests == tuple(digests)


@pytest.mark.parametrize("data", [{}, {"sd": ["_sd"]}, {"a": [{"b": "..."}, []]}, {"_sd_": {}}])
def test_data_may_be_any_object_and_the_type_any_of_its_pattern(data: dict[str, Any]) -> None:
    assert decode_transaction(jwt(data=data, type="no.such_type")).data == data


def nested(depth: int) -> bytes:
    return b'{"data":' + b"[" * depth + b"]" * depth + b"}"


BYTES = {
    "payload list": (None, b"[]", "payload", "must be a JSON object"),
    "payload text": (None, b'"x"', "payload", "must be a JSON object"),
    "payload empty": (None, b"", "payload", "not JSON"),
    "payload cut off": (None, b'{"cid":', "payload", "not JSON"),
    "payload with more behind": (None, b"{} {}", "payload", "not JSON"),
    "payload with a byte order mark": (None, b"\xef\xbb\xbf{}", "payload", "not JSON"),
    "payload not UTF-8": (None, b'{"cid":"\xff"}', "payload", "not UTF-8"),
    "payload with a duplicate": (None, b'{"iss":"a","iss":"b"}', "payload", "duplicate"),
    "payload with a float": (None, b'{"iat":1.0}', "payload", "not an integer"),
    "payload with null": (None, b'{"data":{"a":null}}', "payload.data.a", "null"),
    "payload with true": (None, b'{"data":{"a":[true]}}', "payload.data.a[0]", "null"),
    "payload 17 deep": (None, nested(16), "payload.data" + "[0]" * 15, "nested"),
    "payload lone surrogate": (None, rb'{"data":{"a":"\ud800"}}', "payload.data.a", "surrogate"),
    "payload big integer": (None, b'{"iat":9007199254740992}', "payload", "out of range"),
    "header list": (b"[]", b"{}", "header", "must be a JSON object"),
    "header with a duplicate": (b'{"alg":"none","alg":"ES256"}', b"{}", "header", "duplicate"),
    "header with null": (b'{"alg":null}', b"{}", "header.alg", "null"),
    "header empty": (b"", b"{}", "header", "not JSON"),
}


@pytest.mark.parametrize(("header", "payload", "place", "rule"), BYTES.values(), ids=BYTES)
def test_bytes_refused(header: bytes | None, payload: bytes, place: str, rule: str) -> None:
    refused = refusal(signed_jwt(KEY, payload, header))
    assert isinstance(refused, InvalidEncoding)
    assert refused.place == place
    assert rule in refused.rule


def test_ten_thousand_levels_are_refused() -> None:
    for payload in (nested(5000), b'{"a":' * 2000 + b"1" + b"}" * 2000):
        assert "nested" in refusal(signed_jwt(KEY, payload)).rule


GOOD = jwt()
HEAD, BODY, SIGNATURE = GOOD.split(b".")
COMPACT = {
    "empty": (b"", "transaction"),
    "one part": (HEAD, "transaction"),
    "two parts": (HEAD + b"." + BODY, "transaction"),
    "four parts": (GOOD + b".", "transaction"),
    "JWE of five parts": (b"a.b.c.d.e", "transaction"),
    "disclosures behind": (GOOD + b"~", "signature"),
    "padded header": (HEAD + b"=." + BODY + b"." + SIGNATURE, "header"),
    "padded payload": (HEAD + b"." + BODY + b"=." + SIGNATURE, "payload"),
    "padded signature": (GOOD + b"==", "signature"),
    "line end": (GOOD + b"\n", "signature"),
    "blank in front": (b" " + GOOD, "header"),
    "plus": (HEAD + b"." + BODY + b"." + b"+" + SIGNATURE[1:], "signature"),
    "slash": (HEAD + b"." + BODY + b"." + b"/" + SIGNATURE[1:], "signature"),
    "loose bits": (GOOD[:-1] + bytes((GOOD[-1] + 1,)), "signature"),
    "Latin-1": (HEAD + b"." + BODY + b".\xe9" + SIGNATURE[1:], "signature"),
    "JSON serialisation": (b'{"payload":"","signatures":[]}', "transaction"),
}


@pytest.mark.parametrize(("data", "place"), COMPACT.values(), ids=COMPACT)
def test_compact_forms_refused(data: bytes, place: str) -> None:
    assert refusal(data).place == place
    with pytest.raises(InvalidInput) as refused:
        split_compact(data)
    assert refused.value.place == place


SIGNATURES = {
    "empty": b"",
    "63 bytes": bytes(62) + b"\x01",
    "65 bytes": b"\x01" * 65,
    "r = 0": bytes(32) + b"\x01" * 32,
    "s = 0": b"\x01" * 32 + bytes(32),
    "r = n": P256_N.to_bytes(32, "big") + b"\x01" * 32,
    "s = n": b"\x01" * 32 + P256_N.to_bytes(32, "big"),
}


@pytest.mark.parametrize("signature", SIGNATURES.values(), ids=SIGNATURES)
def test_signatures_refused(signature: bytes) -> None:
    header, payload, _ = split_compact(GOOD)
    data = compact(header, payload, signature)
    refused = refusal(data)
    assert isinstance(refused, InvalidSignature)
    assert refused.place == "signature"
    with pytest.raises(InvalidSignature):
        normalise_signature(data)


def test_high_s_is_refused_on_the_chain_and_put_right_at_the_edge(backend: Backend) -> None:
    header, payload, low = split_compact(GOOD)
    high = low[:32] + (P256_N - int.from_bytes(low[32:], "big")).to_bytes(32, "big")
    data = compact(header, payload, high)
    refused = refusal(data)
    assert (refused.place, type(refused)) == ("signature", InvalidTransaction)
    assert "s is high" in refused.rule
    assert normalise_signature(data) == (GOOD, True)
    assert normalise_signature(GOOD) == (GOOD, False)
    assert has_low_s(split_compact(GOOD)[2])
    verify_transaction(decode_transaction(normalise_signature(data)[0]), KEY.jwk, backend)


def filled(size: int) -> bytes:
    """A transaction of exactly ``size`` bytes, filled up in a public field and in the system."""
    for system in range(1, 5):
        source = {"method": "api", "system": "x" * system}
        room = size - len(jwt(source=source, data={"fill": ""}))
        for fill in range(room * 3 // 4 - 3, room * 3 // 4 + 4):
            data = jwt(source=source, data={"fill": "x" * fill})
            if len(data) == size:
                return data
    raise AssertionError("no such size")


def test_16_kib_is_allowed_and_one_byte_more_is_not() -> None:
    exact = filled(MAX_TRANSACTION_BYTES)
    assert len(exact) == 16 * 1024
    assert decode_transaction(exact).iss == "platform-a"
    refused = refusal(filled(MAX_TRANSACTION_BYTES + 1))
    assert (refused.place, refused.rule) == (
        "transaction",
        "16385 bytes, at most 16384 are allowed",
    )
