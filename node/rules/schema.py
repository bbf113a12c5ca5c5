"""The forms of fields: each checks a value and describes itself as JSON Schema.

A form accepts or raises `FieldError`; what it accepts follows from this module alone and never from
a library, since every node must judge alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from node.core.errors import InvalidInput
from node.rules.validation import find_identity_number

__all__ = [
    "Choice",
    "FieldError",
    "Form",
    "Integer",
    "ListOf",
    "Match",
    "Object",
    "Text",
    "Variants",
]


class FieldError(InvalidInput):
    """A field is missing, unknown or malformed. ``rejection`` names the entry in the registry."""

    def __init__(self, place: str, rule: str, rejection: str = "malformed_data") -> None:
        super().__init__(place, rule)
        self.rejection = rejection

    def under(self, place: str) -> FieldError:
        """See InvalidInput; the rejection stays."""
        return FieldError(f"{place}.{self.place}", self.rule, self.rejection)


class Form(Protocol):
    """One form of value."""

    def check(self, value: Any, place: str) -> None:
        """Raise FieldError, naming ``place``, unless ``value`` has this form."""

    def describe(self) -> dict[str, Any]:
        """This form as JSON Schema (draft 2020-12)."""


@dataclass(frozen=True)
class Match:
    """Text that a pattern matches whole and, where given, a further test accepts.

    ``opaque`` says that it names a person or thing without telling anything: it is searched for
    identity numbers. Codes that others give are not, since theirs may look like one by chance.
    """

    pattern: re.Pattern[str]
    rule: str
    test: Callable[[str], bool] | None = None
    opaque: bool = False

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        if type(value) is not str or self.pattern.fullmatch(value) is None:
            raise FieldError(place, self.rule)
        if self.test is not None and not self.test(value):
            raise FieldError(place, self.rule)
        if self.opaque:
            _refuse_identity_number(value, place)

    def describe(self) -> dict[str, Any]:
        """See Form."""
        pattern = self.pattern.pattern.replace(r"\d", "[0-9]")
        return {"type": "string", "pattern": _whole(pattern), "description": self.rule}


def _whole(pattern: str) -> str:
    """A pattern that matches whole texts in ECMA-262, and in Python too, whose ``$`` alone lets a
    newline follow."""
    return rf"^(?:{pattern})(?!\n)$"


def _refuse_identity_number(text: str, place: str) -> None:
    if len(text) > 17 and find_identity_number(text):
        raise FieldError(
            place, "holds an identity card number in clear", "personal_number_in_clear"
        )


@dataclass(frozen=True)
class Text:
    """Free text of 1 to ``most`` characters (code points), without identity numbers, control
    characters, and marks that let a text be shown in another order than it is written in."""

    most: int

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        if type(value) is not str or not 1 <= len(value) <= self.most:
            raise FieldError(place, f"must be text of 1 to {self.most} characters")
        if not value.isprintable() and _UNSHOWN.search(value) is not None:
            raise FieldError(place, "must not hold control characters, of direction or of lines")
        _refuse_identity_number(value, place)

    def describe(self) -> dict[str, Any]:
        """See Form."""
        return {
            "type": "string",
            "minLength": 1,
            "maxLength": self.most,
            "pattern": _whole(f"[^{_UNSHOWN_CHARACTERS}]*"),
            "description": f"must be text of 1 to {self.most} characters",
        }


# All are unprintable in every version of Unicode, so that `isprintable` may spare the search.
_UNSHOWN_CHARACTERS = r"\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069"
_UNSHOWN = re.compile(f"[{_UNSHOWN_CHARACTERS}]")


@dataclass(frozen=True)
class Integer:
    """An integer between two bounds."""

    least: int
    most: int
    rule: str

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        if type(value) is not int or not self.least <= value <= self.most:
            raise FieldError(place, self.rule)

    def describe(self) -> dict[str, Any]:
        """See Form."""
        return {
            "type": "integer",
            "minimum": self.least,
            "maximum": self.most,
            "description": self.rule,
        }


@dataclass(frozen=True)
class Choice:
    """One of a few texts or integers."""

    values: tuple[str | int, ...]

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        if type(value) not in (str, int) or value not in self.values:
            raise FieldError(place, "must be one of " + ", ".join(map(str, self.values)))

    def describe(self) -> dict[str, Any]:
        """See Form."""
        return {"enum": list(self.values)}


@dataclass(frozen=True)
class ListOf:
    """An array of ``least`` to ``most`` values of one form."""

    item: Form
    least: int
    most: int

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        if type(value) is not list or not self.least <= len(value) <= self.most:
            raise FieldError(place, f"must be an array of {self.least} to {self.most} items")
        check = self.item.check
        for position, item in enumerate(value):
            check(item, f"{place}[{position}]")

    def describe(self) -> dict[str, Any]:
        """See Form."""
        return {
            "type": "array",
            "minItems": self.least,
            "maxItems": self.most,
            "items": self.item.describe(),
        }


class Object:
    """An object with required and optional (``name?``) members, and names that must be private."""

    def __init__(self, members: Mapping[str, Form], private: tuple[str, ...] = ()) -> None:
        self.members = {name.rstrip("?"): form for name, form in members.items()}
        self.required = frozenset(name for name in members if not name.endswith("?"))
        self.private = frozenset(private)
        self._checks = {name: form.check for name, form in self.members.items()}

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        if type(value) is not dict:
            raise FieldError(place, "must be an object")
        checks = self._checks
        for name, member in value.items():
            check = checks.get(name)
            if check is None:
                raise self._unknown(name, place)
            check(member, f"{place}.{name}")
        if not self.required <= value.keys():
            missing = min(self.required - value.keys())
            raise FieldError(f"{place}.{missing}", "is missing")

    def _unknown(self, name: str, place: str) -> FieldError:
        here = f"{place}.{name[:64]}"
        if name in self.private:
            rule = "is private: it may only stand in a disclosure"
            return FieldError(here, rule, "private_in_clear")
        return FieldError(here, "is no field of this event type")

    def describe(self) -> dict[str, Any]:
        """See Form."""
        return {
            "type": "object",
            "properties": {name: form.describe() for name, form in sorted(self.members.items())},
            "required": sorted(self.required),
            "additionalProperties": False,
        }


class Variants:
    """An object whose members depend on one of them, the discriminator."""

    def __init__(self, discriminator: str, variants: Mapping[str, Object]) -> None:
        self.discriminator = discriminator
        self.variants = dict(variants)

    def check(self, value: Any, place: str) -> None:
        """See Form."""
        if type(value) is not dict:
            raise FieldError(place, "must be an object")
        chosen = value.get(self.discriminator)
        variant = self.variants.get(chosen) if type(chosen) is str else None
        if variant is None:
            rule = "must be one of " + ", ".join(self.variants)
            raise FieldError(f"{place}.{self.discriminator}", rule)
        variant.check(value, place)

    def describe(self) -> dict[str, Any]:
        """See Form."""
        options = []
        for name, variant in self.variants.items():
            option = variant.describe()
            option["properties"][self.discriminator] = {"const": name}
            options.append(option)
        return {"oneOf": options}
