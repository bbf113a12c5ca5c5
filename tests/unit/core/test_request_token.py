from __future__ import annotations

import hashlib
from typing import Any

import pytest
from builders.signing import MemberKey, signed_jwt

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput, InvalidSignature
from node.core.request_token import (
    CLOCK_LEEWAY,
    MAX_TOKEN_LIFETIME,
    REQUEST_TYP,
    RequestToken,
    decode_request_token,
    request_audience,
)
from node.core.signatures import Backend

KEY = MemberKey("court-a")
HEADER = {"alg": "ES256", "kid": KEY.kid, "typ": REQUEST_TYP}
BODY = b'{"code":"CZ0034133234711-2"}'
NOW = 1_790_000_000
CLAIMS = {
    "aud": "notary-a",
    "bsh": hashlib.sha256(BODY).hexdigest(),
    "exp": NOW + 60,
    "htm": "POST",
    "htu": "/v1/disclosures?x=1",
    "iat": NOW,
    "iss": "court-a",
    "jti": "7f3a",
}


def token(header: Any = None, **changes: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    head = canonical_json(HEADER if header is None else header)
    return signed_jwt(KEY, canonical_json(claims), head).decode()


def bound(decoded: RequestToken, **changes: Any) -> None:
    request: dict[str, Any] = {
        "audience": "notary-a",
        "method": "POST",
        "target": "/v1/disclosures?x=1",
        "body": BODY,
        "now": NOW * 1000 + 500,
        **changes,
    }
    decoded.verify_binding(**request)


def test_a_token_is_decoded_and_holds(backend: Backend) -> None:
    decoded = decode_request_token(token())
    for name, value in CLAIMS.items():
        assert getattr(decoded, name) == value
    assert decoded.kid == KEY.kid
    decoded.verify(KEY.jwk, backend)
    bound(decoded)


def test_another_key_or_another_claim_is_refused(backend: Backend) -> None:
    with pytest.raises(InvalidSignature):
        decode_request_token(token()).verify(MemberKey("other").jwk, backend)
    one, other = token().split("."), token(jti="other").split(".")
    with pytest.raises(InvalidSignature):
        decode_request_token(f"{one[0]}.{other[1]}.{one[2]}").verify(KEY.jwk, backend)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"audience": "court-a"}, "token.aud"),
        ({"method": "GET"}, "token.htm"),
        ({"method": "post"}, "token.htm"),
        ({"target": "/v1/disclosures"}, "token.htu"),
        ({"target": "/v1/disclosures?x=2"}, "token.htu"),
        ({"body": b""}, "token.bsh"),
        ({"body": BODY + b" "}, "token.bsh"),
        ({"now": (NOW - CLOCK_LEEWAY - 1) * 1000}, "token.iat"),
        ({"now": (NOW + 60) * 1000}, "token.exp"),
        ({"now": (NOW + 3600) * 1000}, "token.exp"),
    ],
)
def test_a_token_holds_for_one_request_and_one_minute(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidSignature) as refused:
        bound(decode_request_token(token()), **changes)
    assert refused.value.place == place


def test_the_ends_of_its_time() -> None:
    decoded = decode_request_token(token())
    bound(decoded, now=(NOW + 60) * 1000 - 1)
    bound(decoded, now=(NOW - CLOCK_LEEWAY) * 1000)
    assert MAX_TOKEN_LIFETIME == 60


@pytest.mark.parametrize("exp", [NOW + 61, NOW, NOW - 1, 2**53 - 1])
def test_a_lifetime_that_is_too_long_or_none_is_refused(exp: int) -> None:
    with pytest.raises(InvalidSignature) as refused:
        bound(decode_request_token(token(exp=exp)))
    assert refused.value.place == "token.exp"


def test_the_audience_is_one_node_of_one_chain() -> None:
    """It fits a token at its longest, and can be read in one way only."""
    assert request_audience("jinan", "bureau-3701") == "jinan:bureau-3701"
    longest = request_audience("x" * 50, "m" * 40)
    decoded = decode_request_token(token(aud=longest))
    bound(decoded, audience=longest)
    for other in (request_audience("x" * 50, "n" * 40), "x" * 50, "m" * 40):
        with pytest.raises(InvalidSignature, match=r"token\.aud"):
            bound(decoded, audience=other)


CLAIM_CASES: dict[str, tuple[dict[str, Any], str]] = {
    **{f"no {name}": ({name: None}, f"token.{name}") for name in CLAIMS},
    "unknown claim": ({"sub": "x"}, "token.sub"),
    "aud list": ({"aud": ["notary-a"]}, "token.aud"),
    "aud empty": ({"aud": ""}, "token.aud"),
    "iss with a slash": ({"iss": "a/b"}, "token.iss"),
    "jti of 129": ({"jti": "x" * 129}, "token.jti"),
    "jti with a line end": ({"jti": "x\n"}, "token.jti"),
    "htm with a blank": ({"htm": "GET "}, "token.htm"),
    "htu empty": ({"htu": ""}, "token.htu"),
    "htu of 4097": ({"htu": "/" * 4097}, "token.htu"),
    "bsh in capitals": ({"bsh": "AB" * 32}, "token.bsh"),
    "bsh short": ({"bsh": "ab"}, "token.bsh"),
    "iat text": ({"iat": "1"}, "token.iat"),
    "iat negative": ({"iat": -1}, "token.iat"),
    "exp list": ({"exp": []}, "token.exp"),
}


@pytest.mark.parametrize(("changes", "place"), CLAIM_CASES.values(), ids=CLAIM_CASES)
def test_malformed_claims_are_refused(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_request_token(token(**changes))
    assert refused.value.place == place


HEADERS: dict[str, dict[str, Any]] = {
    "alg none": {**HEADER, "alg": "none"},
    "alg HS256": {**HEADER, "alg": "HS256"},
    "alg list": {**HEADER, "alg": ["ES256"]},
    "typ of a transaction": {**HEADER, "typ": "evidence+sd-jwt"},
    "typ object": {**HEADER, "typ": {}},
    "crit": {**HEADER, "crit": []},
    "jwk": {**HEADER, "jwk": KEY.jwk.to_json()},
    "no kid": {"alg": "ES256", "typ": REQUEST_TYP},
    "kid short": {**HEADER, "kid": "x"},
    "kid number": {**HEADER, "kid": 1},
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_malformed_headers_are_refused(header: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_request_token(token(header))
    assert refused.value.place.startswith("token.header")


GOOD = token()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")
COMPACT = {
    "empty": "",
    "two parts": f"{HEAD}.{PAYLOAD}",
    "four parts": GOOD + ".",
    "large": GOOD + "A" * 8192,
    "padding": GOOD + "==",
    "loose bits": GOOD[:-1] + "B",
    "blank": " " + GOOD,
    "outside ASCII": GOOD[:-1] + "é",
    "signature empty": f"{HEAD}.{PAYLOAD}.",
    "signature of zeros": f"{HEAD}.{PAYLOAD}.{'A' * 86}",
    "claims list": f"{HEAD}.W10.{SIGNATURE}",
    "claims empty": f"{HEAD}..{SIGNATURE}",
    "header empty": f".{PAYLOAD}.{SIGNATURE}",
}


@pytest.mark.parametrize("text", COMPACT.values(), ids=COMPACT)
def test_malformed_tokens_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_request_token(text)
    assert refused.value.place.startswith("token")


def test_a_member_named_twice_is_refused() -> None:
    twice = canonical_json(CLAIMS).replace(b'"aud":', b'"aud":"x","aud":')
    data = signed_jwt(KEY, twice, canonical_json(HEADER)).decode()
    with pytest.raises(InvalidInput, match="duplicate member 'aud'"):
        decode_request_token(data)
