"""Hypothesis strategies of what the forms of `node.rules.schema` accept."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from builders.consortium import member_key
from builders.signing import BlockSigner
from hypothesis import strategies as st

from node.core.genesis import ROLES, ed25519_jwk
from node.rules.consortium_events import ParameterValue, PublicKey, Roles
from node.rules.events import EVENTS
from node.rules.schema import Choice, Form, Integer, ListOf, Match, Object, Text, Variants
from node.rules.validation import find_identity_number, is_uscc, uscc_check_character

__all__ = ["ODD_VALUES", "accepted", "event_data", "mutated", "places"]

_SHOWN = st.characters(
    exclude_categories=["Cs", "Cc"],
    exclude_characters="\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
)
_KEYS = {
    "EC": [member_key("court-a", str(number)).jwk.to_json() for number in range(3)],
    "OKP": [ed25519_jwk(BlockSigner(str(number)).validator.public_key) for number in range(3)],
}
_MOST_ITEMS = 2
_LONGEST_DRAWN = 40


def accepted(form: Form) -> st.SearchStrategy[Any]:
    """Values that ``form`` accepts; of arrays and texts, short ones."""
    if isinstance(form, Match):
        return _matching(form)
    if isinstance(form, Text):
        texts = st.text(_SHOWN, min_size=1, max_size=min(form.most, _LONGEST_DRAWN))
        return texts.filter(lambda text: not find_identity_number(text))
    if isinstance(form, Integer):
        return st.integers(form.least, form.most)
    if isinstance(form, Choice):
        return st.sampled_from(form.values)
    if isinstance(form, ListOf):
        most = min(form.most, form.least + _MOST_ITEMS)
        return st.lists(accepted(form.item), min_size=form.least, max_size=most)
    if isinstance(form, Object):
        return _object(form, {})
    if isinstance(form, PublicKey):
        return st.sampled_from(_KEYS[dict(form.members)["kty"]])
    if isinstance(form, Roles):
        chosen = st.sets(st.sampled_from(ROLES), min_size=1)
        return chosen.map(lambda roles: [role for role in ROLES if role in roles])
    if isinstance(form, ParameterValue):
        return st.one_of(st.integers(-(2**53), 2**53), st.lists(st.text(max_size=5), max_size=3))
    assert isinstance(form, Variants)
    return st.one_of(
        [
            _object(variant, {form.discriminator: st.just(value)})
            for value, variant in form.variants.items()
        ]
    )


def _matching(form: Match) -> st.SearchStrategy[str]:
    if form.pattern.pattern == "[0-9a-f]{64}":  # as below, only faster
        return st.binary(min_size=32, max_size=32).map(bytes.hex)
    texts = st.from_regex(form.pattern, fullmatch=True)
    if form.test is is_uscc:
        return texts.map(lambda text: text[:17] + uscc_check_character(text))
    assert form.test is None
    return texts.filter(lambda text: not (form.opaque and find_identity_number(text)))


def _object(form: Object, fixed: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    members = {name: accepted(member) for name, member in form.members.items()} | fixed
    needed = {name: members[name] for name in form.required}
    return st.fixed_dictionaries(
        needed, optional={name: members[name] for name in members if name not in needed}
    )


@lru_cache
def event_data(event_type: str) -> st.SearchStrategy[dict[str, Any]]:
    """Public fields of a type, as its form accepts them."""
    return accepted(EVENTS[event_type].data)


# -- what forms should refuse ---------------------------------------------------------------------

ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.0,
    1.5,
    4.0,
    2**53,
    "",
    "x",
    "\n",
    "甲\u202e乙",
    "organisation",
    "person",
    "handwritten",
    "personal_seal",
    "370102209912310028",
    "３７０１０２２０９９１２３１００２８",
    "91350100M000100Y44",
    "a" * 22,
    "f" * 64,
    "x" * 501,
    [],
    [[]],
    {},
    {"sha256": "f" * 64},
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside ``value``."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield (*path, name)
            yield from places(member, (*path, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield (*path, position)
            yield from places(item, (*path, position))


def _changed(value: Any, path: tuple[Any, ...], change: Any) -> Any:
    if not path:
        return change(value)
    head, *rest = path
    if isinstance(value, dict):
        inner = {name: item for name, item in value.items() if name != head}
        found = _changed(value[head], tuple(rest), change)
        return inner if found is _GONE else {**inner, head: found}
    items = list(value)
    found = _changed(items[head], tuple(rest), change)
    return items[:head] + ([] if found is _GONE else [found]) + items[head + 1 :]


_GONE = object()


@lru_cache
@st.composite
def mutated(draw: st.DrawFn, original: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """Something accepted with one change somewhere: a value gone, another, or a little altered.

    Or an object gains a member: one that others have, or that RFC 9901 reserves.
    """
    data = draw(original)
    paths = sorted(places(data), key=repr)
    kind = draw(st.sampled_from(["gone", "odd", "longer", "case", "added", "moved", "nested"]))
    if kind == "added" or not paths:
        name = draw(st.sampled_from(["seal_name", "owner_name", "id_no", "ip", "remark", "sm3"]))
        return {**data, name: draw(st.sampled_from(ODD_VALUES))}
    path = draw(st.sampled_from(paths))
    if kind == "nested":
        name, odd = draw(st.sampled_from(["_sd", "_sd_alg", "..."])), draw(_DIGESTS)
        return _changed(data, path, lambda value: _with(value, name, odd))
    if kind == "gone":
        return _changed(data, path, lambda value: _GONE)
    if kind == "odd":
        odd = draw(st.sampled_from(ODD_VALUES))
        return _changed(data, path, lambda value: odd)
    if kind == "moved":
        by = draw(st.sampled_from([-1, 1, 2**53]))
        return _changed(
            data, path, lambda value: value + by if type(value) is int else _repeated(value)
        )
    tail = draw(st.sampled_from(["\n", " ", "0", "x", "\u0660", "－"]))

    def text(value: Any) -> Any:
        if not isinstance(value, str):
            return _repeated(value)
        return value + tail if kind == "longer" else value.swapcase()

    return _changed(data, path, text)


_DIGESTS = st.sampled_from(["sha-256", ["A" * 43], [], {"...": "A" * 43}])


def _with(value: Any, name: str, member: Any) -> Any:
    """An object with one member more, or an object of it alone."""
    return {**value, name: member} if isinstance(value, dict) else {name: member}


def _repeated(value: Any) -> Any:
    if isinstance(value, list) and value:
        return value * 21
    return value
