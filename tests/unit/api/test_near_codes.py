"""node.api.near_codes: one wrong digit, or two exchanged, leads back to the code."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from node.api.near_codes import NearCode, near_codes
from node.core.evidence_code import check_digit

bodies = st.text("0123456789", min_size=12, max_size=12)


def reader_of(*digits: str) -> Any:
    held = {f"code/{one}": {"dossier": "case:a:1"} for one in digits}
    return SimpleNamespace(state=held.get)


@given(bodies, st.integers(0, 12), st.integers(1, 9))
def test_a_wrong_digit_is_named(body: str, at: int, by: int) -> None:
    digits = body + check_digit(body)
    wrong = str((int(digits[at]) + by) % 10)
    typed = digits[:at] + wrong + digits[at + 1 :]
    found = near_codes(reader_of(digits), f"CZ{typed}-3")
    assert NearCode(f"CZ{digits}", at + 1, digits[at], wrong) in found


@given(bodies, st.integers(0, 11))
def test_two_exchanged_digits_are_named(body: str, at: int) -> None:
    digits = body + check_digit(body)
    typed = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
    found = near_codes(reader_of(digits), f"CZ{typed}")
    if typed != digits:
        assert NearCode(f"CZ{digits}", at + 1, digits[at], "") in found


def test_only_codes_of_this_ledger_are_named() -> None:
    assert near_codes(reader_of(), "CZ0034133234712") == []


def test_what_has_not_the_form_of_a_code_has_no_neighbours() -> None:
    for query in (
        "",
        "CZ",
        "CZ12",
        "CZ００３４１３３２３４７１２",
        "QY1234567890123",
        "CZ" + "1" * 40,
    ):
        assert near_codes(reader_of("0034133234711"), query) == []
