"""The exported JSON Schemas accept what the rules' forms accept, and little else.

What a schema cannot say is listed in docs/spec/events.md; here it is each exception's condition.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from builders.consortium import CHAIN
from builders.events import CHANGES_OF, NOW, data_of, full_data_of
from builders.forms import event_data, mutated, places
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import node
from node.core.errors import InvalidInput, InvalidTransaction
from node.core.signatures import PublicJwk
from node.core.transaction import check_payload
from node.rules.events import EVENTS
from node.rules.judge import check_data, check_public, flaw_of
from node.rules.quick import accepts_data
from node.rules.rejections import rejection
from node.rules.schema import FieldError
from node.rules.validation import is_uscc

SCHEMAS = Path(node.__file__).parents[1] / "docs" / "spec" / "schemas"
TYPES = sorted(EVENTS)


def load(name: str) -> dict[str, Any]:
    return json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))


@lru_cache
def validator(name: str) -> Draft202012Validator:
    """The validator of a committed schema, what it refers to put in its place."""
    schema = load(name)
    Draft202012Validator.check_schema(schema)
    for branch in schema.get("allOf", []):
        data = branch["then"]["properties"]["data"]
        branch["then"]["properties"]["data"] = load(data["$ref"].removesuffix(".json"))
    return Draft202012Validator(schema)


def rejection_of(event_type: str, data: Any) -> str:
    """What the forms say; the quick functions made of them must agree."""
    try:
        check_data(event_type, data)
    except FieldError as error:
        assert not accepts_data(event_type, data)
        return error.rejection
    assert accepts_data(event_type, data)
    return "accepted"


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def beyond_a_schema(value: Any, rejection: str) -> bool:
    """Whether the rules refuse this for a reason that a schema cannot give."""
    found = [(path, at(value, path)) for path in places(value)]
    return (
        rejection == "personal_number_in_clear"
        or any(type(item) is float and item.is_integer() for _, item in found)
        or any(path[-1] == "owner_uscc" and not is_uscc(item) for path, item in found)
        or any(isinstance(item, dict) and "kty" in item and not is_key(item) for _, item in found)
        or any(path[-1] == "roles" and item != sorted(item) for path, item in found)
    )


def is_key(jwk: dict[str, Any]) -> bool:
    """Whether the coordinates are those of a point."""
    try:
        if jwk["kty"] == "EC":
            PublicJwk.from_json(jwk, place="")
    except InvalidInput:
        return False
    return True


@pytest.mark.parametrize("event_type", TYPES)
@settings(max_examples=30)
@given(st.data())
def test_what_the_rules_accept_the_schema_accepts(event_type: str, data: st.DataObject) -> None:
    fields = data.draw(event_data(event_type))
    assert rejection_of(event_type, fields) == "accepted"
    validator(event_type).validate(fields)


@pytest.mark.parametrize("event_type", TYPES)
@settings(max_examples=30)
@given(st.data())
def test_what_the_rules_refuse_the_schema_refuses(event_type: str, data: st.DataObject) -> None:
    fields = data.draw(mutated(event_data(event_type)))
    rejection = rejection_of(event_type, fields)
    accepted = validator(event_type).is_valid(fields)
    if rejection == "accepted":
        assert accepted
    elif accepted:
        assert beyond_a_schema(fields, rejection)


@pytest.mark.parametrize("event_type", TYPES)
def test_private_fields_are_refused_by_both(event_type: str) -> None:
    for name in EVENTS[event_type].private:
        fields = {**data_of(event_type), name: "南某"}
        refused = rejection_of(event_type, fields) == "private_in_clear"
        assert refused != validator(event_type).is_valid(fields)


def admitting(**changes: Any) -> dict[str, Any]:
    required, _ = CHANGES_OF["member.admit"]
    change = {"kind": "member.admit", **required, **changes}
    return data_of("governance.proposed", change=change)


def test_each_reason_that_a_schema_cannot_give_occurs() -> None:
    wrong_check = data_of("seal.applied", owner_uscc="91350100M000100Y44")
    in_clear = data_of("seal.applied", owner_name="张某 370102209912310028")
    as_party = data_of("signing.started", party_ref="party-370102209912310028")
    fraction = data_of("seal.created", ses_version=4.0)
    key = data_of("key.rotated")["jwk"]
    no_point = data_of("key.rotated", jwk={**key, "x": key["y"]})
    unsorted = admitting(roles=["police", "notary"])
    for event_type, fields, refused_as in (
        ("key.rotated", no_point, "malformed_data"),
        ("governance.proposed", unsorted, "malformed_data"),
        ("seal.applied", wrong_check, "malformed_data"),
        ("seal.applied", in_clear, "personal_number_in_clear"),
        ("signing.started", as_party, "personal_number_in_clear"),
        ("seal.created", fraction, "malformed_data"),
    ):
        assert validator(event_type).is_valid(fields)
        assert rejection_of(event_type, fields) == refused_as


# -- whole payloads -------------------------------------------------------------------------------


def payload_of(event_type: str, **changes: Any) -> dict[str, Any]:
    return {
        "cid": CHAIN,
        "data": full_data_of(event_type),
        "exp": NOW // 1000 + 3600,
        "iat": NOW // 1000,
        "iss": "platform-a",
        "jti": "event-1",
        "occurred_at": NOW,
        "source": {"method": "api", "system": "签约平台"},
        "sub": "case:platform-a:0001",
        "type": event_type,
        **changes,
    }


payloads = st.sampled_from(TYPES).map(
    lambda name: payload_of(
        name, _sd=["A" * 43, "B" * 42 + "A"], _sd_alg="sha-256", collected_at=NOW
    )
)


def judged(payload: dict[str, Any]) -> str:
    try:
        check_payload(payload)
    except InvalidTransaction as error:
        return str(error)
    flaw, found = flaw_of(payload), "accepted"
    try:
        check_public(payload)
    except FieldError as error:
        found = error.rejection
    assert flaw == (0 if found == "accepted" else rejection(found))
    return found


@pytest.mark.parametrize("event_type", TYPES)
def test_payloads_of_every_type(event_type: str) -> None:
    payload = payload_of(event_type)
    assert judged(payload) == "accepted"
    validator("payload").validate(payload)
    other = "seal.filed" if event_type != "seal.filed" else "seal.created"
    assert not validator("payload").is_valid({**payload, "data": data_of(other)})


@given(mutated(payloads))
def test_payloads_are_accepted_and_refused_alike(payload: dict[str, Any]) -> None:
    found = judged(payload)
    accepted = validator("payload").is_valid(payload)
    if found == "accepted":
        assert accepted
    elif accepted:
        related = ("payload.exp: must be after iat", "payload.collected_at: must not be before")
        assert found.startswith(related) or beyond_a_schema(payload, found)
