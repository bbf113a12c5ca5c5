"""Members' keys changed by vote."""

from __future__ import annotations

from typing import Any

import pytest
from builders.consortium import consortium_genesis, member_key
from builders.deciding import decide, rotation
from builders.events import data_of
from builders.world import World

from node.rules.judgement import in_force

OLD = member_key("platform-b")
NEW = member_key("platform-b", "new")
BY_VOTE = {"jwk": NEW.jwk.to_json(), "kind": "key.replace", "member": "platform-b"}


def refusal(world: World, change: dict[str, Any]) -> str:
    data = data_of("governance.proposed", change=change)
    return world.refusal("governance.proposed", "consortium:platform-a:refused", data)


def opens(world: World, kid: str) -> str:
    return world.refusal("signing.initiated", "case:platform-b:1", by="platform-b", kid=kid)


def rotates(world: World, which: str) -> str:
    data = rotation("platform-b", member_key("platform-b", "next"))
    kid = member_key("platform-b", which).kid
    sub = "consortium:platform-b:next"
    return world.refusal("key.rotated", sub, data, by="platform-b", kid=kid)


def test_a_key_is_replaced_by_vote(world: World) -> None:
    decide(world, {**BY_VOTE, "overlap_blocks": 1, "replaces": OLD.kid})
    start = world.height + 2
    assert world.state[f"key/{NEW.kid}"] == {
        "from": start,
        "jwk": NEW.jwk.to_json(),
        "member": "platform-b",
    }
    assert world.state[f"key/{OLD.kid}"]["to"] == start + 1
    ends = []
    for _ in range(4):
        ends.append((opens(world, OLD.kid), opens(world, NEW.kid)))
        world.next_block()
    out = "key_not_in_force"
    assert ends == [("accepted", out), ("accepted", out), ("accepted", "accepted"),
                    (out, "accepted")]  # fmt: skip


@pytest.mark.parametrize(
    "kid", [member_key("court-a").kid, member_key("platform-b", "recovery").kid]
)
@pytest.mark.parametrize("kind", ["key.replace", "key.revoke"])
def test_only_the_members_own_signing_keys_end(world: World, kind: str, kid: str) -> None:
    change = {"kid": kid, "kind": kind, "member": "platform-b"}
    if kind == "key.replace":
        change = {**BY_VOTE, "replaces": kid}
    assert refusal(world, change) == "key_foreign"


def test_a_key_is_revoked_and_doubted_by_vote(world: World) -> None:
    change = {"kid": OLD.kid, "kind": "key.revoke", "member": "platform-b"}
    decide(world, change)
    start = world.height + 2
    assert world.state[f"key/{OLD.kid}"]["to"] == start
    assert "suspect_from" not in world.state[f"key/{OLD.kid}"]
    assert refusal(world, change) == "no_change"
    decide(world, {**change, "suspect_from": 1000})
    assert world.state[f"key/{OLD.kid}"]["suspect_from"] == 1000
    assert world.state[f"key/{OLD.kid}"]["to"] == start
    assert refusal(world, {**change, "suspect_from": 2000}) == "no_change"
    world.next_block()
    assert opens(world, OLD.kid) == "accepted"
    world.next_block()
    assert opens(world, OLD.kid) == "key_not_in_force"


def test_what_ends_earlier_is_not_put_off() -> None:
    keys = [{"from": 1, "jwk": OLD.jwk.to_json(), "to": 14}]
    world = World(keys={"platform-b": keys})
    decide(world, {**BY_VOTE, "overlap_blocks": 1_000_000, "replaces": OLD.kid})
    assert world.state[f"key/{OLD.kid}"]["to"] == 14


def test_a_key_revoked_before_it_begins_never_holds(world: World) -> None:
    start = world.height + 100
    decide(world, BY_VOTE, **{"from": start})
    decide(world, {"kid": NEW.kid, "kind": "key.revoke", "member": "platform-b"})
    held = world.state[f"key/{NEW.kid}"]
    assert held["from"] == held["to"] == start
    world.height = start
    assert opens(world, NEW.kid) == "key_not_in_force"


def test_a_recovery_key_is_replaced_at_its_height(world: World) -> None:
    jwk = member_key("platform-b", "recovery 2").jwk.to_json()
    decide(world, {"jwk": jwk, "kind": "recovery_key.replace", "member": "platform-b"})
    old = member_key("platform-b", "recovery")
    assert world.state[f"key/{old.kid}"]["to"] == world.height + 2
    for expected in (("accepted", "key_not_in_force"),) * 2 + (("key_not_in_force", "accepted"),):
        assert (rotates(world, "recovery"), rotates(world, "recovery 2")) == expected
        shown = in_force(world.state["member/platform-b"], world.height)["recovery_key"]
        assert (shown == jwk) == (expected[1] == "accepted")
        world.next_block()
    assert world.state["member/platform-b"]["keys"] == 3


def test_a_recovery_key_that_was_to_come_gives_way_to_another(world: World) -> None:
    """Where the one that is coming is stolen, or was a trick, it must never hold; nor may the one
    in force go on to the later height."""
    second, third = (member_key("platform-b", f"recovery {n}") for n in (2, 3))
    change = {"kind": "recovery_key.replace", "member": "platform-b"}
    far = world.height + 1000
    decide(world, {**change, "jwk": second.jwk.to_json()}, **{"from": far})
    decide(world, {**change, "jwk": third.jwk.to_json()})
    world.next_block()
    world.next_block()
    assert rotates(world, "recovery") == "key_not_in_force"
    assert rotates(world, "recovery 3") == "accepted"
    world.height = far
    assert rotates(world, "recovery 2") == "key_not_in_force"
    assert rotates(world, "recovery 3") == "accepted"


def test_keys_of_the_genesis_are_counted() -> None:
    member = next(item for item in consortium_genesis().members if item.id == "platform-b")
    assert World().state["member/platform-b"]["keys"] == len(member.keys) + 1
