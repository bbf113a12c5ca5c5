"""Receipts of outside chains: the node's verifier and the second one come to the same verdicts."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from builders.anchor_vectors import (
    FOLDER,
    Vector,
    both_say,
    forgeries,
    forgery,
    names,
    ours,
    theirs,
    vector,
)
from builders.second_opinion import second

from node.core.signatures import load_backend

VECTORS = FOLDER.parent
NOT_CHECKED = {"evm-embedded", "evm-transaction", "rest-hmac"}
KINDS = {"evm", "fabric", "rekor", "rest", "rfc3161"}


@pytest.mark.parametrize("name", names())
def test_receipts_of_the_real_systems(name: str) -> None:
    expected = "not checked" if name in NOT_CHECKED else "passed"
    assert both_say(vector(name)) == expected
    assert ours(vector(name), load_backend("ecdsa"))[0] == expected


def test_there_are_receipts_of_every_kind() -> None:
    passed = {vector(name).kind for name in names() if name not in NOT_CHECKED}
    assert passed == KINDS == set(second.receipts.KINDS)


@pytest.mark.parametrize("made", forgeries(), ids=lambda made: f"{made['of']}: {made['what']}")
def test_forgeries(made: dict[str, Any]) -> None:
    forged = forgery(made)
    assert forged != vector(made["of"])
    assert both_say(forged) == made["verdict"]
    assert ours(forged, load_backend("ecdsa"))[0] == made["verdict"]


# The recorded network attested no digests of points.
OF_POINTS = [
    (name, member)
    for name in names()
    for member in ("chain_id", "header", "height", "root", "size", "state_root")
    if not vector(name).attested or member in ("chain_id", "size")
]


@pytest.mark.parametrize(("name", "member"), OF_POINTS)
def test_a_receipt_vouches_for_no_other_point(name: str, member: str) -> None:
    made = vector(name)
    was = made.point[member]
    other = was + 1 if isinstance(was, int) else was[:-1] + ("0" if was[-1] != "0" else "1")
    assert both_say(dataclasses.replace(made, point={**made.point, member: other})) == "failed"


@pytest.mark.parametrize("name", names())
def test_where_nobody_is_trusted_nothing_is_passed(name: str) -> None:
    made = vector(name)
    nobody = {**made.trust, "anchors": [], "tsa_roots": []}
    assert both_say(dataclasses.replace(made, trust=nobody)) == "not checked"


@pytest.mark.parametrize("name", names())
def test_a_receipt_is_of_its_kind_alone(name: str) -> None:
    for kind in KINDS - {vector(name).kind}:
        assert both_say(dataclasses.replace(vector(name), kind=kind)) == "failed"


def evm_vectors() -> list[tuple[str, Vector]]:
    made = json.loads((VECTORS / "evm" / "receipts.json").read_text("utf-8"))
    trust = {**vector("evm-anvil-state").trust, "anchors": [made["chain"]]}
    return [
        ("passed" if "time" in one else "not checked", Vector(**one["item"], trust=trust))
        for one in made["anchors"]
    ]


def fabric_vectors() -> list[tuple[str, Vector]]:
    made = json.loads((VECTORS / "fabric" / "receipts.json").read_text("utf-8"))
    trust = vector("fabric-raft").trust
    return [
        (
            one["outcome"],
            Vector(
                "fabric",
                one["point"],
                one["receipt"],
                {**trust, "anchors": [made["trusts"][one["trust"]]]},
                one.get("attested", ""),
            ),
        )
        for one in made["cases"]
    ]


@pytest.mark.parametrize(("expected", "made"), [*evm_vectors(), *fabric_vectors()])
def test_vectors_of_the_specification(expected: str, made: Vector) -> None:
    assert both_say(made) == expected


def test_a_real_receipt_stands_in_a_bundle_as_any_other() -> None:
    """The items are of the form that a bundle's schema has."""
    for name in names():
        second.conform(vector(name).item(), "anchor")


def test_the_second_verifier_can_say_no() -> None:
    """It would be no second opinion if it agreed to everything."""
    made = vector("rekor-ecdsa")
    assert theirs(dataclasses.replace(made, receipt={}))[0] == "failed"
    assert theirs(made)[0] == "passed"
