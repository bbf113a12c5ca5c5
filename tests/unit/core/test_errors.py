from __future__ import annotations

import pickle
import re
import subprocess
import sys

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


def test_the_rule_in_chinese_is_that_given_or_follows_from_the_rule() -> None:
    assert InvalidProof("path[3]", "is missing").rule_zh == "缺失"
    assert InvalidProof("path[3]", "is unheard of").rule_zh == ""
    given = InvalidProof("path[3]", "is missing", "少了一项")
    assert given.rule_zh == given.under("bundle").rule_zh == "少了一项"
    assert given.args == ("path[3]", "is missing")


def test_errors_go_between_processes_whole() -> None:
    error = InvalidProof("path[3]", "is missing", "少了一项")
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is InvalidProof
    assert (str(twin), twin.rule_zh) == (str(error), "少了一项")


def test_whoever_meets_no_failure_loads_no_chinese() -> None:
    """The tables are read when the first error is told, not when a verifier starts."""
    told = (
        "import sys, node.core.verify_certificate\n"
        "from node.core.errors import InvalidInput\n"
        "InvalidInput('a', 'is missing')\n"
        "print('node.core.chinese.rules' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_fault_of_the_ledger_is_no_bad_input() -> None:
    assert issubclass(LedgerFault, EvidenceError)
    assert not issubclass(LedgerFault, InvalidInput)
