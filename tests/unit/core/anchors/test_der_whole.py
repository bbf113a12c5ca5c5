from __future__ import annotations

import pytest

from node.core.anchors.der import decode_der
from node.core.anchors.der_whole import check_whole
from node.core.errors import InvalidEncoding


def whole(*parts: str) -> None:
    content = bytes.fromhex("".join(parts))
    assert len(content) < 0x80
    check_whole(decode_der(bytes((0x30, len(content))) + content, "x"))


@pytest.mark.parametrize(
    "part",
    ["0101ff", "020100", "0500", "06022a03", "03020780", "3000", "310602010102010a", "a103020101",
     "8101ff", "040101", "0c0141"],
)  # fmt: skip
def test_der_inside(part: str) -> None:
    whole("3000", part)


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ("010101", "boolean must be"),
        ("02020001", "not minimal"),
        ("050100", "no content"),
        ("0603800103", "not minimal"),
        ("03020781", "bit string"),
        ("2403040141", "must be primitive"),
        ("1000", "must be constructed"),
        ("31060201020201 01".replace(" ", ""), "not in DER's order"),
        ("a1030281", "cut off"),
        ("a10402810101", "definite and minimal"),
    ],
)
def test_what_is_not_der_inside_is_found_at_its_place(part: str, rule: str) -> None:
    with pytest.raises(InvalidEncoding, match=rule) as caught:
        whole("3000", part)
    assert caught.value.place.startswith("x[1]")


def test_deep_nesting_is_refused() -> None:
    data = b""
    for _ in range(40):
        data = bytes((0x30, len(data))) + data
    with pytest.raises(InvalidEncoding, match="nested deeper than 32 levels"):
        check_whole(decode_der(data, "x"))
