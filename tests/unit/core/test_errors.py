from __future__ import annotations

import re

import pytest

from node.core import errors
from node.core.errors import EvidenceError, InvalidInput, InvalidProof, LedgerFault


def drawn_tree() -> dict[str, str]:
    """Each class of the docstring's drawing and the class it stands below."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([│├└─ ]*)([A-Z]\w+)(?:  |$)", line)
        if match is None:
            continue
        indent, name = len(match[1]), match[2]
        above = [item for item in above if item[0] < indent]
        parents[name] = above[-1][1] if above else "Exception"
        above.append((indent, name))
    return parents


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    real = {name: getattr(errors, name).__base__.__name__ for name in errors.__all__}
    assert drawn_tree() == real


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name.startswith("Invalid")])
def test_bad_input_names_place_and_rule(name: str) -> None:
    error = getattr(errors, name)("payload.iat", "is missing")
    assert isinstance(error, InvalidInput)
    assert (error.place, error.rule, str(error)) == (
        "payload.iat",
        "is missing",
        "payload.iat: is missing",
    )


def test_place_is_prefixed_and_kind_kept() -> None:
    inner = InvalidProof("path[3]", "is too long")
    outer = inner.under("bundle.entries[0]")
    assert type(outer) is InvalidProof
    assert str(outer) == "bundle.entries[0].path[3]: is too long"
    assert str(inner) == "path[3]: is too long"


def test_a_fault_of_the_ledger_is_no_bad_input() -> None:
    assert issubclass(LedgerFault, EvidenceError)
    assert not issubclass(LedgerFault, InvalidInput)
