from __future__ import annotations

from typing import Any

import pytest
from builders.founding import Founder
from builders.signing import GENESIS_TIME

from node.cli.founding_review import founding_warnings, review_json
from node.core.founding import assemble_genesis
from node.core.genesis import DEFAULT_PARAMETERS, ROLES, Genesis

ALL_ROLES = {f"member-{at}": role for at, role in enumerate(ROLES)}


def founded(powers: dict[str, int], **parameters: Any) -> Genesis:
    """A genesis in which every role is had, and these members validate."""
    described = [
        Founder(member, (role,), power=powers.get(member, 0), divisions=("37",)).describe()
        for member, role in ALL_ROLES.items()
    ]
    return assemble_genesis(
        "seal-test", GENESIS_TIME, {**DEFAULT_PARAMETERS, **parameters}, described
    )


FOUR = {f"member-{at}": 10 for at in range(4)}
KEPT = {"custodians": ["member-2"]}  # a court


def test_nothing_to_warn_of() -> None:
    assert founding_warnings(founded(FOUR, **KEPT)) == []


@pytest.mark.parametrize(
    ("powers", "warned"),
    [
        ({**FOUR, "member-0": 14}, []),
        ({**FOUR, "member-0": 15}, ["member-0"]),
        ({**FOUR, "member-0": 100}, ["member-0"]),
    ],
)
def test_a_third_of_the_power(powers: dict[str, int], warned: list[str]) -> None:
    told = founding_warnings(founded(powers, **KEPT))
    assert [text.split()[0] for text in told] == warned


def test_few_validators() -> None:
    told = founding_warnings(founded({"member-0": 10, "member-1": 10, "member-2": 10}, **KEPT))
    assert any(text.startswith("3 members validate") for text in told)


@pytest.mark.parametrize(
    ("custodians", "warned"),
    [([], True), (["member-6"], True), (["member-6", "member-2"], False)],
)
def test_custodians(custodians: list[str], warned: bool) -> None:
    assert ALL_ROLES["member-6"] == "platform"
    told = founding_warnings(founded(FOUR, custodians=custodians))
    assert [text for text in told if "custodian" in text] == told
    assert bool(told) == warned


def test_roles_that_nobody_has_and_members_without_division() -> None:
    described = [
        Founder(f"m-{at}", (role,)).describe()
        for at, role in enumerate(("court", "notary", "police", "platform"))
    ]
    genesis = assemble_genesis(
        "c", GENESIS_TIME, {**DEFAULT_PARAMETERS, "custodians": ["m-0"]}, described
    )
    told = founding_warnings(genesis)
    assert "nobody has the role seal_maker" in told
    assert "nobody has the role court" not in told
    assert "m-2 has no division, so it can act on no seal" in told


def test_json_has_what_is_to_be_looked_at() -> None:
    genesis = founded(FOUR, **KEPT)
    told = review_json(genesis)
    assert told["genesis_hash"] == genesis.hash.hex()
    assert told["total_power"] == 40
    assert {item["id"]: item["power"] for item in told["members"] if item["power"]} == FOUR
