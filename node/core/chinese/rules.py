"""What a rule is called in Chinese: looked up when something has failed, and not before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

from node.core.chinese import anchor_rules, bundle_rules, certificate_rules

__all__ = ["rule_zh"]

_TABLES = (bundle_rules, anchor_rules, certificate_rules)
_RULES: dict[str, str] = {
    english: chinese for table in _TABLES for english, chinese in table.RULES.items()
}
_FORMS: dict[str, str] = {
    english: chinese for table in _TABLES for english, chinese in table.FORMS.items()
}
_SHORT = ".{0,300}?"
"""A value beside others: names of whoever made the evidence are cut, so all are short, and a text
made to have many ways to be matched is not tried for long."""


def rule_zh(rule: str) -> str:
    """A rule of `InvalidInput` in Chinese, a half sentence to stand behind its place; "" where it
    has none."""
    known = _RULES.get(rule)
    if known is not None:
        return known
    for form in _LONGEST_FIRST:
        found = _values(form, rule)
        if found is not None:
            return _FORMS[form].format(**found)
    return ""


def _values(form: str, rule: str) -> dict[str, str] | None:
    """What stands in the places of a form; None where the rule is not of it."""
    first = form.partition("{")[0]
    last = form.rpartition("}")[2]
    if not rule.startswith(first) or not rule.endswith(last):
        return None
    found = re.fullmatch("".join(_pattern(form)), rule, re.DOTALL)
    return None if found is None else found.groupdict()


def _pattern(form: str) -> Iterator[str]:
    parts = list(Formatter().parse(form))
    alone = sum(name is not None for _, name, _, _ in parts) == 1
    for text, name, _, _ in parts:
        yield re.escape(text)
        if name is not None:
            yield f"(?P<{name}>{'.*' if alone else _SHORT})"


def _literal(form: str) -> int:
    return sum(len(text) for text, _, _, _ in Formatter().parse(form))


# "must be at most 9 bytes" is also of the form "must be at most {most}": the one that says more
# of it comes first.
_LONGEST_FIRST = sorted(_FORMS, key=_literal, reverse=True)
