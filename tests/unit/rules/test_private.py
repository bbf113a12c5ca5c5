"""What private fields must look like where they are handed in."""

from __future__ import annotations

from typing import Any

import pytest
from builders.events import identity_number, uscc

from node.core.errors import InvalidTransaction
from node.rules.events import EVENTS
from node.rules.private import check_private_field, private_rule

NUMBER = identity_number()
NAMES = sorted({name for event in EVENTS.values() for name in event.private})

CASES: list[tuple[str, tuple[Any, ...], tuple[Any, ...]]] = [
    ("name", ("南某", "a" * 2000), ("", "a" * 2001, 1, None, ["南某"])),
    ("id_no", (NUMBER, uscc(1)), (NUMBER[:17], NUMBER.lower(), "120105*******061X", "", 1)),
    ("owner_id_no", (NUMBER,), (uscc(1), NUMBER + "0", "")),
    ("agent_id_no", (NUMBER,), (uscc(1), "x")),
    (
        "ip",
        ("17.144.28.67", "::1", "2001:db8::1", "::ffff:1.2.3.4"),
        ("17.144.28", "256.1.1.1", "1.2.3.4.5", "fe80::1%eth0", "::::", "localhost", "1.2.3.4/8"),
    ),
    (
        "latitude",
        ("39.074169", "-90", "90", "0.0"),
        ("90.1", "-91", "39,07", "1e1", "nan", "", "39.0741690000001"),
    ),
    ("longitude", ("117.24968", "-180", "180.0"), ("180.1", "181", "+1", 117)),
    ("score", ("93.9%", "93.9", "100", "100.00%", "0"), ("101", "-1", "93.9%%", "0.939999", "")),
    ("phone", ("13800000000", "+86-531-0000000"), ("1234", "call me", "1" * 21)),
    ("document_names", (["待盖章文件"], ["x"] * 200), ([], ["x"] * 201, "x", [""], ["x" * 201])),
    ("party_names", (["南某"],), ([["南某"]], {})),
    ("page_rectangles", ([{"page": 1}], ["1:0,0,1,1"]), ([], ["x"] * 201, "x")),
]  # fmt: skip


@pytest.mark.parametrize(("name", "good", "bad"), CASES)
def test_forms(name: str, good: tuple[Any, ...], bad: tuple[Any, ...]) -> None:
    for value in good:
        check_private_field(name, value)
    for value in bad:
        with pytest.raises(InvalidTransaction) as caught:
            check_private_field(name, value)
        assert caught.value.place == f"disclosure {name}"
        assert caught.value.rule == private_rule(name)


def test_rules_say_what_is_asked() -> None:
    assert private_rule("name") == "must be text of 1 to 2000 characters"
    assert private_rule("page_rectangles") == "must be a list of 1 to 200 items"
    names = "must be a list of 1 to 200 items, each text of 1 to 200 characters"
    assert private_rule("document_names") == private_rule("party_names") == names
    assert private_rule("ip") == "must be an IP address"
    assert "GB 32100" in private_rule("id_no")
    assert "GB 32100" not in private_rule("owner_id_no")


@pytest.mark.parametrize("name", NAMES)
def test_every_private_field_has_a_rule(name: str) -> None:
    assert private_rule(name).startswith("must be ")
    for value in (None, 1, True, {}, "", []):
        with pytest.raises(InvalidTransaction):
            check_private_field(name, value)
