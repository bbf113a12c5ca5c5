"""node.api.authentication, on a ledger that is a dictionary."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest
from builders.home import signing_key
from builders.signing import compact

from node.api.authentication import SeenTokens, SignIn
from node.api.problems import Problem
from node.client.requests import sign_request
from node.core.encoding import canonical_json
from node.core.request_token import decode_request_token

CHAIN, NOW = "seal-test", 1_790_000_000_000
KEY, OTHER = signing_key("court"), signing_key("another")
BODY = b'{"a":1}'


class Ledger:
    """A reader of a state that the test writes."""

    def __init__(self, state: dict[str, Any], height: int = 10) -> None:
        self._state = state
        self.meta = SimpleNamespace(height=height)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def state(self, key: str) -> Any:
        return self._state.get(key)


@pytest.fixture
def state() -> dict[str, Any]:
    return {
        f"key/{KEY.kid}": {"from": 1, "jwk": KEY.jwk.to_json(), "member": "court-a"},
        "member/court-a": {"status": "active", "roles": ["court"], "divisions": ["37"]},
    }


@pytest.fixture
def sign_in(state: dict[str, Any]) -> SignIn:
    node = SimpleNamespace(
        audience=f"{CHAIN}:platform-a", now=lambda: NOW, reader=lambda: Ledger(state)
    )
    return SignIn(node)  # type: ignore[arg-type]


def token(**changes: Any) -> str:
    wanted = {
        "member": "court-a",
        "chain_id": CHAIN,
        "operator": "platform-a",
        "method": "POST",
        "target": "/v1/x?y=1",
        "body": BODY,
        "issued_at": NOW,
        **changes,
    }
    return sign_request(wanted.pop("key", KEY), **wanted)


def check(sign_in: SignIn, authorization: str | None) -> Any:
    return sign_in.check(authorization, "POST", "/v1/x?y=1", BODY)


def test_a_member_is_known_by_its_signature(sign_in: SignIn) -> None:
    caller = check(sign_in, token())
    assert (caller.member, caller.kid) == ("court-a", KEY.kid)
    assert caller.roles == {"court"}
    assert caller.divisions == ("37",)


def test_the_scheme_may_be_written_in_any_case(sign_in: SignIn) -> None:
    assert check(sign_in, token().replace("Bearer", "bEaReR")).member == "court-a"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"method": "GET"}, "token.htm"),
        ({"target": "/v1/x"}, "token.htu"),
        ({"target": "/v1/x?y=2"}, "token.htu"),
        ({"body": b'{"a":2}'}, "token.bsh"),
        ({"chain_id": "another-chain"}, "token.aud"),
        ({"operator": "platform-b"}, "token.aud"),
        ({"member": "platform-a"}, "token.iss"),
        ({"key": OTHER}, "token.header.kid"),
        ({"issued_at": NOW - 31_000}, "token.exp"),
        ({"issued_at": NOW + 31_000}, "token.iat"),
        ({"lifetime": 61}, "token.exp"),
        ({"lifetime": 0}, "token.exp"),
    ],
)
def test_what_does_not_fit_is_named(sign_in: SignIn, changes: dict[str, Any], place: str) -> None:
    with pytest.raises(Problem) as caught:
        check(sign_in, token(**changes))
    assert caught.value.status == 401
    assert caught.value.detail.startswith(place)
    assert 'error="invalid_token"' in caught.value.headers["WWW-Authenticate"]

    if place != "token.bsh":
        with pytest.raises(Problem) as early:
            sign_in.read(token(**changes), "POST", "/v1/x?y=1")
        assert early.value.detail.startswith(place)


def test_a_token_is_read_without_a_body_and_used_up_with_it(sign_in: SignIn) -> None:
    first, second = (sign_in.read(text, "POST", "/v1/x?y=1") for text in (token(), token()))
    with pytest.raises(Problem) as caught:
        sign_in.accept(first, "POST", "/v1/x?y=1", b"another")
    assert caught.value.detail.startswith("token.bsh")
    for item in (first, second):
        assert sign_in.accept(item, "POST", "/v1/x?y=1", BODY).member == "court-a"
    with pytest.raises(Problem) as caught:
        sign_in.accept(first, "POST", "/v1/x?y=1", BODY)
    assert "used before" in caught.value.detail


def test_a_token_that_ends_while_the_body_comes_is_late(
    sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sign_in.read(token(), "POST", "/v1/x?y=1")
    monkeypatch.setattr(sign_in._node, "now", lambda: NOW + 61_000)
    with pytest.raises(Problem) as caught:
        sign_in.accept(found, "POST", "/v1/x?y=1", BODY)
    assert caught.value.detail.startswith("token.exp")


@pytest.mark.parametrize("authorization", [None, "", "Basic YTpi", "Bearer", "Token x"])
def test_without_a_token_the_answer_says_how_to_sign(
    sign_in: SignIn, authorization: str | None
) -> None:
    with pytest.raises(Problem) as caught:
        check(sign_in, authorization)
    assert caught.value.status == 401
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("text", ["x", "a.b", "a.b.c", "..", "a.b.c.d", "é.é.é", "x" * 9000])
def test_what_is_no_token_is_refused(sign_in: SignIn, text: str) -> None:
    with pytest.raises(Problem) as caught:
        check(sign_in, f"Bearer {text}")
    assert caught.value.status == 401


def test_a_signature_that_does_not_hold_is_refused(sign_in: SignIn) -> None:
    head, _, _ = token().rpartition(".")
    _, _, signature = token().rpartition(".")
    with pytest.raises(Problem) as caught:
        check(sign_in, f"{head}.{signature}")
    assert caught.value.status == 401


def test_no_token_is_taken_twice_and_a_refused_one_is_not_used_up(sign_in: SignIn) -> None:
    once = token()
    with pytest.raises(Problem):
        sign_in.check(once, "GET", "/v1/x?y=1", BODY)
    check(sign_in, once)
    with pytest.raises(Problem, match="unauthenticated") as caught:
        check(sign_in, once)
    assert "used before" in caught.value.detail


@pytest.mark.parametrize(
    "change", [{"from": 12}, {"to": 11}, {"to": 2}, {"suspect_from": 3}], ids=str
)
def test_only_a_key_in_force_at_the_next_height_counts(
    sign_in: SignIn, state: dict[str, Any], change: dict[str, int]
) -> None:
    state[f"key/{KEY.kid}"].update(change)
    with pytest.raises(Problem) as caught:
        check(sign_in, token())
    assert caught.value.status == 401


@pytest.mark.parametrize("change", [{"from": 11}, {"to": 12}], ids=str)
def test_a_key_counts_from_its_first_height_to_before_its_last(
    sign_in: SignIn, state: dict[str, Any], change: dict[str, int]
) -> None:
    state[f"key/{KEY.kid}"].update(change)
    assert check(sign_in, token()).member == "court-a"


def test_a_suspended_member_may_not_though_its_key_holds(
    sign_in: SignIn, state: dict[str, Any]
) -> None:
    state["member/court-a"]["status"] = "suspended"
    with pytest.raises(Problem) as caught:
        check(sign_in, token())
    assert caught.value.status == 403
    assert caught.value.members["name"] == "member_not_active"


def test_another_algorithm_is_no_way_in(sign_in: SignIn) -> None:
    claims = {
        "aud": f"{CHAIN}:platform-a",
        "bsh": hashlib.sha256(BODY).hexdigest(),
        "exp": NOW // 1000 + 30,
        "htm": "POST",
        "htu": "/v1/x?y=1",
        "iat": NOW // 1000,
        "iss": "court-a",
        "jti": "1",
    }
    for algorithm in ("none", "HS256", "ES384"):
        header = {"alg": algorithm, "kid": KEY.kid, "typ": "evidence-request+jwt"}
        forged = compact(canonical_json(header), canonical_json(claims), bytes(64))
        with pytest.raises(Problem) as caught:
            check(sign_in, f"Bearer {forged.decode()}")
        assert caught.value.status == 401


def test_memory_for_tokens_is_bounded_and_comes_free_when_they_expire() -> None:
    seen = SeenTokens(most=2)
    tokens = [decode_request_token(token().removeprefix("Bearer ")) for _ in range(3)]
    seconds = NOW // 1000
    seen.take(tokens[0], seconds)
    seen.take(tokens[1], seconds)
    with pytest.raises(Problem) as caught:
        seen.take(tokens[2], seconds)
    assert caught.value.status == 503
    later = decode_request_token(token(issued_at=NOW + 61_000).removeprefix("Bearer "))
    seen.take(later, seconds + 61)
    with pytest.raises(Problem) as caught:
        seen.take(later, seconds + 61)
    assert caught.value.status == 401
