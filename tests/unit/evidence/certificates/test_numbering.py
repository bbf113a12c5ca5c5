"""Certificate numbers: their form, their date in China, their check digit."""

from __future__ import annotations

import pytest

from node.core.errors import InvalidEncoding
from node.evidence.certificates.numbering import (
    is_mistyped,
    new_certificate_no,
    read_certificate_no,
)
from node.rules.event_form import TOKEN

MIDNIGHT_IN_CHINA = 1_790_006_400_000 // 86_400_000 * 86_400_000 - 8 * 3_600_000


def number(now: int = MIDNIGHT_IN_CHINA) -> str:
    return new_certificate_no(now, lambda given: False)


def test_the_date_is_china_s() -> None:
    before, after = number(MIDNIGHT_IN_CHINA - 1), number(MIDNIGHT_IN_CHINA)
    assert int(after[2:10]) == int(before[2:10]) + 1


def test_a_number_has_the_form_that_the_ledger_asks() -> None:
    given = number()
    TOKEN.check(given, "certificate_no")
    assert len(given) == 21
    assert read_certificate_no(given) == given


def test_numbers_cannot_be_guessed_from_one_another() -> None:
    assert len({number() for _ in range(1000)}) == 1000


def test_a_number_that_is_taken_is_not_given() -> None:
    taken: list[str] = []

    def is_taken(given: str) -> bool:
        taken.append(given)
        return len(taken) < 3

    assert new_certificate_no(0, is_taken) == taken[2]
    with pytest.raises(RuntimeError, match="no free"):
        new_certificate_no(0, lambda given: True)


def test_every_single_wrong_digit_is_noticed() -> None:
    given = number()
    for place in range(2, len(given)):
        for digit in "0123456789":
            wrong = given[:place] + digit + given[place + 1 :]
            assert is_mistyped(wrong) == (wrong != given)


@pytest.mark.parametrize("text", ["", "ZS", "CZ0034133234711", "ZS123", "ZS" + "1" * 20, "ZS1²"])
def test_what_has_not_the_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding, match="must be ZS and 19 digits"):
        read_certificate_no(text)


def test_what_people_type_is_forgiven() -> None:
    given = number()
    wide = "".join(chr(ord(one) + 0xFEE0) for one in given)
    spaced = f" {given[:2].lower()}\u3000{given[2:10]} {given[10:]}\u200b"
    assert read_certificate_no(wide) == read_certificate_no(spaced) == given
