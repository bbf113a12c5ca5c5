"""What a proposal would change: from the state as it is to the keys that it would set in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from node.core.errors import InvalidInput
from node.core.genesis import read_ed25519_bytes, read_ed25519_jwk, read_parameter
from node.rules import key_changes, validator_changes
from node.rules.judgement import State, View, in_force, refuse
from node.rules.planning import Changed, Plan

__all__ = ["MAX_MEMBERS", "Held", "check_change", "plan_change", "voting_members"]

MAX_MEMBERS = 150
"""Those that there may ever be, suspended ones too: none is taken out."""
_ENGINE_PARAMETERS = ("max_block_bytes", "rules_version")
"""Those that stand in the headers, so that the engine has to be told."""


def plan_change(view: View, change: dict[str, Any], height: int) -> Changed:
    """What ``change``, in force from ``height`` on, sets in the state.

    Raises:
        Refused: it cannot be made.
    """
    changed: Changed = {}
    _PLANS[change["kind"]](Plan(view, changed), change, height)
    return changed


def check_change(change: dict[str, Any]) -> None:
    """What is asked of a change only once it is approved: that its Ed25519 keys are keys.

    Raises:
        Refused: one is none, or of small order.
    """
    for name in ("checkpoint_key", "public_key"):
        if name in change:
            try:
                read_ed25519_jwk(change[name], name)
            except InvalidInput as error:
                raise refuse("malformed_data") from error


class Held(Protocol):
    """A height, and the state then."""

    @property
    def height(self) -> int:
        """See View."""

    def get(self, key: str) -> State | None:
        """See View."""


def voting_members(view: Held) -> list[str]:
    """The members that have a vote at the view's height: one each of the active ones."""
    listed = view.get("consortium/members")
    assert listed is not None
    return [member for member in listed["ids"] if _has_vote(view, member)]


def _has_vote(view: Held, member: str) -> bool:
    value = view.get("member/" + member)
    if value is None or value["since"] > view.height:
        return False
    return bool(in_force(value, view.height)["status"] == "active")


def _admit(plan: Plan, change: dict[str, Any], height: int) -> None:
    member = change["member"]
    if plan.get("member/" + member) is not None:
        raise refuse("member_exists")
    listed = plan.need("consortium/members")["ids"]
    if len(listed) >= MAX_MEMBERS:
        raise refuse("too_many_members")
    value: State = {
        "divisions": change["divisions"],
        "keys": 0,
        "name": change["name"],
        "recovery_key": change["recovery_key"],
        "roles": change["roles"],
        "since": height,
        "status": "active",
    }
    if "checkpoint_key" in change:
        value["checkpoint_key"] = _ed25519(change["checkpoint_key"])
    plan.set("member/" + member, value)
    plan.set("consortium/members", {"ids": sorted([*listed, member])})
    for jwk in change["keys"]:
        key_changes.register_key(plan, member, jwk, {"from": height})
    recovery = {"from": height, "use": "recovery"}
    key_changes.register_key(plan, member, change["recovery_key"], recovery)


def _ed25519(jwk: Any) -> str:
    return read_ed25519_bytes(jwk, "public_key").hex()


def _suspend(plan: Plan, change: dict[str, Any], height: int) -> None:
    plan.need_member(change["member"])
    plan.set_next("member/" + change["member"], {"status": "suspended"}, height)
    if not any(_stays_active(plan, member) for member in voting_members(plan.view)):
        raise refuse("member_needed")


def _stays_active(plan: Plan, member: str) -> bool:
    """Whether an active member is to be suspended by nothing that has been decided."""
    return "status" not in plan.coming("member/" + member)


def _readmit(plan: Plan, change: dict[str, Any], height: int) -> None:
    plan.need_member(change["member"])
    plan.set_next("member/" + change["member"], {"status": "active"}, height)


def _change_member(plan: Plan, change: dict[str, Any], height: int) -> None:
    plan.need_member(change["member"])
    names = ("divisions", "name", "roles")
    fields: State = {name: change[name] for name in names if name in change}
    if "checkpoint_key" in change:
        fields["checkpoint_key"] = _ed25519(change["checkpoint_key"])
    plan.set_next("member/" + change["member"], fields, height)


def _set_parameter(plan: Plan, change: dict[str, Any], height: int) -> None:
    name, value = change["name"], change["value"]
    members = plan.need("consortium/members")["ids"]
    try:
        read_parameter(name, value, name, frozenset(members))
    except InvalidInput as error:
        raise refuse("parameter_malformed") from error
    _set_value(plan, name, value, height)


def _set_value(plan: Plan, name: str, value: Any, height: int) -> None:
    plan.set_next("parameter/" + name, {"value": value}, height)
    if name in _ENGINE_PARAMETERS:
        plan.tell_engine("parameter", name, height)


def _set_rules(plan: Plan, change: dict[str, Any], height: int) -> None:
    """The version in force calls off the one that is to follow it."""
    now = plan.now("parameter/rules_version")["value"]
    if change["version"] not in (now, now + 1):
        raise refuse("rules_not_next")
    _set_value(plan, "rules_version", change["version"], height)


_PLANS: dict[str, Callable[[Plan, dict[str, Any], int], None]] = {
    **key_changes.PLANS,
    **validator_changes.PLANS,
    "member.admit": _admit,
    "member.change": _change_member,
    "member.readmit": _readmit,
    "member.suspend": _suspend,
    "parameter.set": _set_parameter,
    "rules.set": _set_rules,
}
