"""The forms of `node.rules.schema` as plain functions: whether a value has the form, not why not.

Worker processes ask these for every transaction, and the forms themselves only where they say no.
Each accepts exactly what its form accepts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from node.rules.events import EVENTS
from node.rules.schema import Choice, FieldError, Form, Integer, ListOf, Match, Object, Variants

__all__ = ["accepts_data", "accepts_of"]

Accepts = Callable[[Any], bool]


def accepts_of(form: Form) -> Accepts:
    """Whether a value has ``form``, as a function."""
    if isinstance(form, Match):
        return _match(form)
    if isinstance(form, Integer):
        return _integer(form)
    if isinstance(form, Choice):
        return _choice(form)
    if isinstance(form, ListOf):
        return _list(form)
    if isinstance(form, Object):
        return _object(form)
    if isinstance(form, Variants):
        return _variants(form)
    return _any(form)


def _any(form: Form) -> Accepts:
    check = form.check

    def accepts(value: Any) -> bool:
        try:
            check(value, "")
        except FieldError:
            return False
        return True

    return accepts


def _is_plain(form: Form) -> bool:
    """Whether the pattern alone decides."""
    return isinstance(form, Match) and form.test is None and not form.opaque


def _match(form: Match) -> Accepts:
    if not _is_plain(form):
        return _any(form)
    fullmatch = form.pattern.fullmatch
    return lambda value: type(value) is str and fullmatch(value) is not None


def _integer(form: Integer) -> Accepts:
    least, most = form.least, form.most
    return lambda value: type(value) is int and least <= value <= most


def _choice(form: Choice) -> Accepts:
    values = frozenset(form.values)
    return lambda value: type(value) in (str, int) and value in values


def _list(form: ListOf) -> Accepts:
    item, least, most = accepts_of(form.item), form.least, form.most
    return lambda value: (
        type(value) is list and least <= len(value) <= most and all(map(item, value))
    )


def _object(form: Object) -> Accepts:
    """The required members first, those with a plain pattern without another call."""
    plain, required, optional = [], [], []
    for name, member in form.members.items():
        if name not in form.required:
            optional.append((name, accepts_of(member)))
        elif isinstance(member, Match) and _is_plain(member):
            plain.append((name, member.pattern.fullmatch))
        else:
            required.append((name, accepts_of(member)))
    least = len(form.required)

    def accepts(value: Any) -> bool:
        if type(value) is not dict:
            return False
        get, count = value.get, least
        for name, fullmatch in plain:
            text = get(name)
            if type(text) is not str or fullmatch(text) is None:
                return False
        for name, has_form in required:
            if not has_form(get(name)):
                return False
        for name, has_form in optional:
            if name in value:
                if not has_form(value[name]):
                    return False
                count += 1
        return len(value) == count

    return accepts


def _variants(form: Variants) -> Accepts:
    discriminator = form.discriminator
    variants = {name: accepts_of(variant) for name, variant in form.variants.items()}

    def accepts(value: Any) -> bool:
        if type(value) is not dict:
            return False
        chosen = value.get(discriminator)
        variant = variants.get(chosen) if type(chosen) is str else None
        return variant is not None and variant(value)

    return accepts


_DATA = {name: accepts_of(event.data) for name, event in EVENTS.items()}


def accepts_data(event_type: str, data: Any) -> bool:
    """Whether ``data`` has the form of this event type's public fields."""
    accepts = _DATA.get(event_type)
    return accepts is not None and accepts(data)
