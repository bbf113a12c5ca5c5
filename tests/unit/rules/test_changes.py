"""Every kind of change, once it is decided: what it sets, from which height, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from builders.consortium import MEMBERS, member_key
from builders.deciding import admission, decide, propose, validator_named
from builders.events import data_of
from builders.world import World

from node.core.genesis import DEFAULT_PARAMETERS, ed25519_jwk
from node.rules.changes import voting_members
from node.rules.judgement import in_force

CASE = "case:platform-b:1"


def refusal(world: World, change: dict[str, Any], **changes: Any) -> str:
    """What a proposal of ``change`` earns."""
    data = data_of("governance.proposed", change=change, closes_at=world.time + 1, **changes)
    return world.refusal("governance.proposed", "consortium:platform-a:refused", data)


def now(world: World, key: str) -> dict[str, Any]:
    return in_force(world.state[key], world.height)


def pass_blocks(world: World, count: int) -> None:
    for _ in range(count):
        world.next_block()


def opens(world: World, member: str = "platform-b", **changes: Any) -> str:
    return world.refusal("signing.initiated", f"case:{member}:1", by=member, **changes)


# -- members --------------------------------------------------------------------------------------


def test_a_member_is_admitted_with_its_keys(world: World) -> None:
    keys = [member_key("newcomer", which) for which in ("signing", "second")]
    checkpoint = validator_named("checkpoint").validator.public_key
    change = admission(
        "newcomer",
        checkpoint_key=ed25519_jwk(checkpoint),
        keys=[key.jwk.to_json() for key in keys],
        roles=["operator", "platform"],
    )
    start = decide(world, change)["in_force_from"]
    recovery = member_key("newcomer", "recovery")
    assert world.state["member/newcomer"] == {
        "checkpoint_key": checkpoint.hex(),
        "divisions": [],
        "keys": 3,
        "name": "成员 newcomer",
        "recovery_key": recovery.jwk.to_json(),
        "roles": ["operator", "platform"],
        "since": start,
        "status": "active",
    }
    for key in keys:
        held = {"from": start, "jwk": key.jwk.to_json(), "member": "newcomer"}
        assert world.state[f"key/{key.kid}"] == held
    assert world.state[f"key/{recovery.kid}"]["use"] == "recovery"
    assert world.state["consortium/members"]["ids"] == sorted([*MEMBERS, "newcomer"])
    world.next_block()
    assert opens(world, "newcomer") == "key_not_in_force"
    assert "newcomer" not in voting_members(world)
    world.next_block()
    assert opens(world, "newcomer") == "accepted"
    assert "newcomer" in voting_members(world)


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": [member_key("court-a").jwk.to_json()]},
        {"keys": [member_key("court-a", "recovery").jwk.to_json()]},
        {"keys": [member_key("newcomer").jwk.to_json()] * 2},
        {"recovery_key": member_key("newcomer").jwk.to_json()},
    ],
)
def test_no_key_is_registered_twice(world: World, changes: dict[str, Any]) -> None:
    assert refusal(world, admission("newcomer", **changes)) == "key_taken"


def test_a_suspended_member_is_silent_from_its_height_and_comes_back(world: World) -> None:
    decide(world, {"kind": "member.suspend", "member": "platform-b"})
    world.next_block()
    assert opens(world) == "accepted"
    world.next_block()
    assert opens(world) == "member_not_active"
    assert "platform-b" not in voting_members(world)
    assert refusal(world, {"kind": "member.suspend", "member": "platform-b"}) == "no_change"
    decide(world, {"kind": "member.readmit", "member": "platform-b"})
    world.next_block()
    assert opens(world) == "member_not_active"
    world.next_block()
    assert opens(world) == "accepted"
    assert "next" in world.state["member/platform-b"]  # in force, and written so until it changes


def test_roles_divisions_and_name_change_at_their_height(world: World) -> None:
    change = {
        "divisions": ["37"],
        "kind": "member.change",
        "member": "court-a",
        "name": "新名称",
        "roles": ["court", "platform"],
    }
    decide(world, change, **{"from": world.height + 5})
    pass_blocks(world, 4)
    assert opens(world, "court-a") == "role_missing"
    world.next_block()
    assert opens(world, "court-a") == "accepted"
    assert now(world, "member/court-a")["name"] == "新名称"
    assert now(world, "member/court-a")["divisions"] == ["37"]
    assert refusal(world, change) == "no_change"
    assert refusal(world, {"kind": "member.change", "member": "court-a"}) == "no_change"


def test_a_maker_is_looked_at_as_it_is_in_force(world: World) -> None:
    change = {"kind": "member.change", "member": "maker-b", "roles": ["notary"]}
    decide(world, change)
    world.next_block()
    data = data_of("seal.applied", maker="maker-b")
    assert world.refusal("seal.applied", "seal:maker-a:1", data) == "accepted"
    world.next_block()
    assert world.refusal("seal.applied", "seal:maker-a:1", data) == "maker_unknown"


def test_one_active_member_stays_whatever_is_under_way() -> None:
    """Two suspensions, each of which would leave the other, must not leave nobody."""
    world = World()
    for member in MEMBERS:
        if member not in ("platform-a", "platform-b"):
            world.put(f"member/{member}", status="suspended")
    first = propose(world, {"kind": "member.suspend", "member": "platform-a"})
    second = propose(world, {"kind": "member.suspend", "member": "platform-b"})
    world.record("governance.voted", first, by="platform-b")
    facts = world.record("governance.voted", second, by="platform-b").facts
    assert facts["void"] == "member_needed"
    pass_blocks(world, 5)
    assert voting_members(world) == ["platform-b"]


def test_a_far_change_of_a_name_does_not_keep_a_member_from_being_suspended(world: World) -> None:
    renamed = {"kind": "member.change", "member": "platform-b", "name": "新"}
    far = world.height + 1_000_000
    decide(world, renamed, **{"from": far})
    decide(world, {"kind": "member.suspend", "member": "platform-b"})
    pass_blocks(world, 2)
    assert opens(world) == "member_not_active"
    assert now(world, "member/platform-b")["name"] == "成员 platform-b"
    world.height = far
    assert now(world, "member/platform-b")["name"] == "新"
    assert now(world, "member/platform-b")["status"] == "suspended"


def test_what_was_decided_gives_way_to_what_comes_no_later(world: World) -> None:
    suspend = {"kind": "member.suspend", "member": "platform-b"}
    readmit = {"kind": "member.readmit", "member": "platform-b"}
    decide(world, suspend, **{"from": world.height + 10})
    assert refusal(world, suspend, **{"from": world.height + 10}) == "no_change"
    assert refusal(world, suspend, **{"from": world.height + 11}) == "change_pending"
    assert refusal(world, readmit, **{"from": world.height + 11}) == "change_pending"
    decide(world, suspend)  # earlier
    assert world.state["member/platform-b"]["next"] == {
        "status": {"from": world.height + 2, "value": "suspended"}
    }
    decide(world, readmit)  # called off
    assert "next" not in world.state["member/platform-b"]
    decide(world, suspend)
    world.next_block()
    assert refusal(world, readmit) == "change_pending"


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "member.suspend"},
        {"kind": "member.readmit"},
        {"kind": "member.change", "name": "x"},
        {"kind": "key.replace", "jwk": member_key("x").jwk.to_json()},
        {"kind": "key.revoke", "kid": member_key("court-a").kid},
        {"kind": "recovery_key.replace", "jwk": member_key("x").jwk.to_json()},
    ],
)
def test_nothing_is_changed_of_nobody(world: World, change: dict[str, Any]) -> None:
    assert refusal(world, {"member": "nobody", **change}) == "member_unknown"


# -- parameters and rules -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("clock_tolerance_ms", 0, -1),
        ("clock_tolerance_ms", 3_600_000, 3_600_001),
        ("custodians", ["court-a"], ["nobody"]),
        ("custodians", [], 5),
        ("late_after_ms", 1, 0),
        ("max_block_bytes", 1 << 20, (1 << 20) - 1),
        ("max_block_bytes", 100 << 20, (100 << 20) + 1),
        ("max_block_bytes", 1 << 21, [1]),
        ("sign_no_patterns", [r"HT-\d+"], ["("]),
        ("sign_no_patterns", [], ["a{1,9999"]),
    ],
)
def test_parameters_have_their_forms(world: World, name: str, good: Any, bad: Any) -> None:
    def change(value: Any) -> dict[str, Any]:
        return {"kind": "parameter.set", "name": name, "value": value}

    assert refusal(world, change(bad)) == "parameter_malformed"
    if good == DEFAULT_PARAMETERS[name]:
        assert refusal(world, change(good)) == "no_change"
        return
    decide(world, change(good))
    world.next_block()
    assert world.parameter(name) == DEFAULT_PARAMETERS[name]
    world.next_block()
    assert world.parameter(name) == good
    assert refusal(world, change(good)) == "no_change"


def test_a_parameter_is_judged_by_at_its_height(world: World) -> None:
    change = {"kind": "parameter.set", "name": "sign_no_patterns", "value": [r"HT-\d+"]}
    decide(world, change)
    data = data_of("signing.initiated", sign_no="HT-1")
    world.next_block()
    assert world.refusal("signing.initiated", CASE, data, by="platform-b") == "sign_no_malformed"
    world.next_block()
    assert world.refusal("signing.initiated", CASE, data, by="platform-b") == "accepted"


def test_only_what_the_headers_show_is_told_to_the_engine(world: World) -> None:
    decide(world, {"kind": "parameter.set", "name": "late_after_ms", "value": 5})
    assert "consortium/due" not in world.state
    decide(world, {"kind": "parameter.set", "name": "max_block_bytes", "value": 1 << 21})
    start = world.height + 2
    due = [{"from": start, "kind": "parameter", "name": "max_block_bytes"}]
    assert world.state["consortium/due"] == {"changes": due}


def test_the_rules_rise_by_one_and_a_rise_is_called_off(world: World) -> None:
    assert refusal(world, {"kind": "rules.set", "version": 1}) == "no_change"
    assert refusal(world, {"kind": "rules.set", "version": 3}) == "rules_not_next"
    decide(world, {"kind": "rules.set", "version": 2}, **{"from": world.height + 50})
    assert refusal(world, {"kind": "rules.set", "version": 3}) == "rules_not_next"
    assert world.state["consortium/due"]["changes"][0]["name"] == "rules_version"
    decide(world, {"kind": "rules.set", "version": 1})
    assert world.state["parameter/rules_version"] == {"value": 1}
    assert world.state["consortium/due"] == {"changes": []}
    decide(world, {"kind": "rules.set", "version": 2})
    pass_blocks(world, 2)
    assert world.parameter("rules_version") == 2
    assert refusal(world, {"kind": "rules.set", "version": 1}) == "rules_not_next"
    assert refusal(world, {"kind": "rules.set", "version": 3}) == "accepted"
