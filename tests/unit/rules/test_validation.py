"""Check digits of Chinese standards, against the standards' own examples and numbers made here."""

from __future__ import annotations

import calendar
import random
import string

import pytest
from builders.events import DIVISION, identity_number, uscc

from node.rules.validation import (
    DIVISION as DIVISION_FORM,
)
from node.rules.validation import (
    SEAL_CODE,
    find_identity_number,
    identity_check_character,
    is_identity_number,
    is_uscc,
    uscc_check_character,
)

USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"

# The first two are printed as examples in GB 11643-1999; the third stands on the specimen of the
# residence permit of 2023. The others follow from running numbers.
IDENTITY_NUMBERS = (
    "11010519491231002X",
    "440524188001010014",
    "911124198108030024",
    *(identity_number(serial) for serial in range(1, 12)),
    identity_number(1, "20000229"),
    identity_number(1, "20991231", "830000"),
    identity_number(1, "20991231", "659001"),
)
# The first is the specimen that authorities print, the next are published by large enterprises; the
# others follow from running numbers.
PUBLISHED = ("91350100M000100Y43", "9144030071526726XG", "914403001922038216", "91330100716105852F")
CREDIT_CODES = (*PUBLISHED, *(uscc(number) for number in range(1, 40)))


@pytest.mark.parametrize("code", CREDIT_CODES)
def test_credit_codes(code: str) -> None:
    assert is_uscc(code)
    assert uscc_check_character(code[:17]) == code[17]


@pytest.mark.parametrize("code", CREDIT_CODES[:4])
def test_every_single_wrong_character_of_a_credit_code_is_found(code: str) -> None:
    """Weights are powers of 3, which are no multiples of 31, so one error always shows."""
    for position, right in enumerate(code):
        for wrong in USCC_ALPHABET + "IOSVZ" + "abcxyz" + " -":
            if wrong != right:
                assert not is_uscc(code[:position] + wrong + code[position + 1 :])


@pytest.mark.parametrize("code", CREDIT_CODES[:4])
def test_a_credit_code_has_eighteen_characters(code: str) -> None:
    for wrong in (code[:-1], code[1:], code + "0", "0" + code, code + "\n", ""):
        assert not is_uscc(wrong)


def test_check_characters_of_credit_codes_are_those_of_the_standards_formula() -> None:
    """C18 = 31 - (sum of Ci times 3^(i-1) mod 31) mod 31 (GB 32100-2015, ISO 7064 MOD 31-3)."""
    rng = random.Random(31)
    for _ in range(500):
        first = "".join(rng.choice(USCC_ALPHABET) for _ in range(17))
        total = sum(USCC_ALPHABET.index(item) * 3**place for place, item in enumerate(first))
        assert uscc_check_character(first) == USCC_ALPHABET[(31 - total % 31) % 31]


def test_check_characters_of_identity_numbers_are_those_of_the_standards_formula() -> None:
    """The sum of all eighteen, each times 2^(18-i), leaves 1 modulo 11 (ISO 7064 MOD 11-2)."""
    rng = random.Random(11)
    for _ in range(500):
        first = "".join(rng.choice("0123456789") for _ in range(17))
        last = identity_check_character(first)
        values = [*map(int, first), 10 if last == "X" else int(last)]
        assert sum(value * 2 ** (17 - place) for place, value in enumerate(values)) % 11 == 1


def test_a_credit_code_has_a_division_in_it() -> None:
    first = "91AB0102000000001"
    assert not is_uscc(first + uscc_check_character(first))


def test_all_check_characters_of_credit_codes_occur() -> None:
    assert {code[17] for code in map(uscc, range(400))} == set(USCC_ALPHABET)


@pytest.mark.parametrize("number", IDENTITY_NUMBERS)
def test_identity_numbers(number: str) -> None:
    assert is_identity_number(number)
    assert identity_check_character(number[:17]) == number[17]
    assert find_identity_number(number)


@pytest.mark.parametrize("number", IDENTITY_NUMBERS)
def test_every_single_wrong_character_of_an_identity_number_is_found(number: str) -> None:
    for position, right in enumerate(number):
        for wrong in "0123456789Xx ０":
            if wrong != right:
                assert not is_identity_number(number[:position] + wrong + number[position + 1 :])


@pytest.mark.parametrize("number", IDENTITY_NUMBERS)
def test_every_exchange_of_neighbours_is_found(number: str) -> None:
    for position in range(17):
        one, other = number[position], number[position + 1]
        if one != other:
            swapped = number[:position] + other + one + number[position + 2 :]
            assert not is_identity_number(swapped)


@pytest.mark.parametrize(
    "birth",
    ["17991231", "21000101", "20990001", "20991301", "20990100", "20990132", "20990431",
     "20990229", "19000229", "21000229"],
)  # fmt: skip
def test_the_birth_date_must_be_one(birth: str) -> None:
    assert not is_identity_number(identity_number(1, birth))


def test_every_month_ends_where_it_ends() -> None:
    for year in (1900, 1999, 2000, 2004):
        for month in range(1, 13):
            last = calendar.monthrange(year, month)[1]
            assert is_identity_number(identity_number(1, f"{year}{month:02d}{last:02d}"))
            assert not is_identity_number(identity_number(1, f"{year}{month:02d}{last + 1:02d}"))


@pytest.mark.parametrize("birth", ["18000101", "20000229", "20960229", "20991231", "19040229"])
def test_dates_that_are(birth: str) -> None:
    assert is_identity_number(identity_number(1, birth))


@pytest.mark.parametrize("division", ["000000", "160102", "200000", "720000", "840000"])
def test_the_province_must_be_one(division: str) -> None:
    assert not is_identity_number(identity_number(1, division=division))
    assert DIVISION_FORM.fullmatch(division) is None


def test_divisions_of_all_provinces() -> None:
    provinces = [11, 12, 13, 14, 15, 21, 22, 23, *range(31, 38), *range(41, 47), *range(50, 55)]
    provinces += [*range(61, 66), 71, 81, 82]
    known = {
        number for number in range(100) if DIVISION_FORM.fullmatch(f"{number:02d}0000") is not None
    }
    assert known == set(provinces)
    for number in range(100):
        for length in (11, 12):
            code = f"{number:02d}" + "0" * length
            assert (SEAL_CODE.fullmatch(code) is not None) == (number in known)


# -- in texts -------------------------------------------------------------------------------------

NUMBER = identity_number(1)
FULL_WIDTH = NUMBER.translate({ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789X"})


@pytest.mark.parametrize(
    "text",
    [
        NUMBER,
        NUMBER.lower(),
        f"身份证{NUMBER}号",
        f"({NUMBER})",
        f"a {NUMBER} b",
        f"_{NUMBER}_",
        f"-{NUMBER}-",
        f"{NUMBER[:17]}0 {NUMBER}",
        FULL_WIDTH,
        f"证件{FULL_WIDTH[:9]}{NUMBER[9:]}",
        f"x\n{NUMBER}",
    ],
)
def test_identity_numbers_are_found_in_texts(text: str) -> None:
    assert find_identity_number(text)


def full_width(text: str) -> str:
    return "".join(chr(ord(character) + 0xFEE0) for character in text)


def test_every_full_width_digit_and_letter_counts_as_its_ascii_one() -> None:
    numbers = [identity_number(serial, f"19{serial % 90 + 10}0{serial % 9 + 1}1{serial % 9}")
               for serial in range(100, 200)]  # fmt: skip
    assert {digit for number in numbers for digit in number} == set("0123456789X")
    for number in numbers:
        assert find_identity_number(full_width(number))
        assert find_identity_number(full_width(number.lower()))
        other = str((int(number[16]) + 1) % 10)
        assert not find_identity_number(full_width(number[:16] + other + number[17:]))
    for letter in string.ascii_letters + string.digits:
        assert not find_identity_number(full_width(letter) + NUMBER[:9] + full_width(NUMBER[9:]))
        assert not find_identity_number(full_width(NUMBER) + full_width(letter))
    for other in "＠［｀｛／：－＿":
        assert find_identity_number(other + full_width(NUMBER) + other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        NUMBER[:17],
        f"1{NUMBER}",
        f"{NUMBER[:17]}01",
        f"QY{NUMBER}",
        f"{NUMBER}A",
        f"Ｑ{FULL_WIDTH}",
        NUMBER[:6] + " " + NUMBER[6:],
        "QY812163472634127040-1",
        "37050045049282",
        "0" * 18,
        "٣" * 18,
    ],
)
def test_other_numbers_are_not_taken_for_one(text: str) -> None:
    assert not find_identity_number(text)


def test_the_division_of_the_tests_is_one() -> None:
    assert DIVISION_FORM.fullmatch(DIVISION) is not None
