from __future__ import annotations

import hashlib

import pytest

from node.core.errors import InvalidEncoding
from node.core.evidence_code import (
    EvidenceCode,
    check_digit,
    code_digits,
    parse_code,
    tidy_lookup,
)

CODES = ["0034133234711", code_digits("seal-test", bytes(32), 0), *(
    code_digits("seal-test", hashlib.sha256(b"%d" % number).digest(), 0) for number in range(400)
)]  # fmt: skip


def valid(digits: str) -> bool:
    try:
        parse_code(f"CZ{digits}")
    except InvalidEncoding:
        return False
    return True


def test_the_examples_of_the_formats() -> None:
    assert parse_code("CZ0034133234711-2") == EvidenceCode("0034133234711", 2)
    with pytest.raises(InvalidEncoding, match="the check digit does not fit"):
        parse_code("CZ0034133234712-2")


@pytest.mark.parametrize(("digits", "check"), [("0794", "5"), ("079", "2"), ("", "1")])
def test_check_digit_of_iso_7064(digits: str, check: str) -> None:
    """0794 with 5 is the standard's own example; the others are worked by hand."""
    assert check_digit(digits) == check


def test_every_wrong_digit_is_noticed() -> None:
    """Each place and each other digit, on 400 codes."""
    for code in CODES:
        assert valid(code)
        for place, digit in enumerate(code):
            for other in "0123456789":
                if other != digit:
                    assert not valid(code[:place] + other + code[place + 1 :])


def transposed(code: str, place: int) -> str:
    return code[:place] + code[place + 1] + code[place] + code[place + 2 :]


def test_of_exchanged_neighbours_about_one_in_45_is_not_noticed() -> None:
    """Exactly: the sum that the code has reached picks one pair of the 45, and no other."""
    noticed = missed = 0
    for code in CODES:
        for place in range(12):
            if code[place] == code[place + 1]:
                continue
            if valid(transposed(code, place)):
                missed += 1
                assert pair_that_slips(code, place)
            else:
                noticed += 1
                assert not pair_that_slips(code, place)
    assert 1 / 60 < missed / (missed + noticed) < 1 / 30


def pair_that_slips(code: str, place: int) -> bool:
    """Whether the neighbours at ``place`` are the one pair that the sum so far cannot tell apart.

    With P the product before them (10 at the start), the pair is {5-P, 6-P} of the digits modulo
    10; at the end, where the second digit is the check digit, only P = 5 with {0, 1}.
    """
    product = 10
    for digit in code[:place]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    pair = {int(code[place]), int(code[place + 1])}
    if place == 11:
        return product == 5 and pair == {0, 1}
    return pair == {(5 - product) % 10, (6 - product) % 10}


def test_digits_follow_from_chain_transaction_and_counter() -> None:
    first = bytes(range(32))
    material = b"seal-test" + first + b"\x00\x00\x00\x07"
    number = int.from_bytes(hashlib.sha256(material).digest()[:8], "big") % 10**12
    digits = code_digits("seal-test", first, 7)
    assert digits[:12] == f"{number:012d}"
    assert len(digits) == 13
    assert valid(digits)
    others = {
        code_digits("seal-test", first, 8),
        code_digits("seal-tesu", first, 7),
        code_digits("seal-test", bytes(32), 7),
    }
    assert digits not in others
    assert len(others) == 3


@pytest.mark.parametrize(
    ("text", "ordinal"),
    [("CZ0034133234711", None), ("CZ0034133234711-1", 1), ("CZ0034133234711-999999999", 999999999)],
)
def test_round_trip(text: str, ordinal: int | None) -> None:
    code = parse_code(text)
    assert str(code) == text
    assert code.ordinal == ordinal
    assert code.dossier == "CZ0034133234711"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CZ",
        "0034133234711",
        "cz0034133234711",
        "CZ003413323471",
        "CZ00341332347110",
        "CZ0034133234711-",
        "CZ0034133234711-0",
        "CZ0034133234711-01",
        "CZ0034133234711--1",
        "CZ0034133234711-1 ",
        " CZ0034133234711",
        "CZ0034133234711-1\n",
        "CZ0034133234711-1000000000",
        "CZ００34133234711",
        "CZ003413323471١",
        "CZ0034133234711-１",
        "CZ0034133234711_1",
        "XZ0034133234711",
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding, match="must be CZ, 13 digits") as refused:
        parse_code(text, place="here")
    assert refused.value.place == "here"


@pytest.mark.parametrize(
    "typed",
    [
        "CZ0034133234711-2",
        "cz0034133234711-2",
        " cz 0034 1332 34711 - 2 \n",
        "ＣＺ００３４１３３２３４７１１－２",
        "CZ0034133234711–2",
        "CZ0034133234711—2",
        "CZ0034133234711−2",
        "CZ0034133234711‐2",
        "CZ0034133234711ー2",
        "\ufeffCZ0034133234711\u200b-2",
        "CZ0034133234711\u3000-2",
    ],
)
def test_lookup_forgives_what_people_type(typed: str) -> None:
    assert tidy_lookup(typed) == "CZ0034133234711-2"


def test_lookup_keeps_what_is_no_code() -> None:
    assert tidy_lookup("qy812163472634127040-1") == "QY812163472634127040-1"
    assert tidy_lookup("") == ""
