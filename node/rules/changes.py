"""What a proposal would change: from the state as it is to the keys of the state map it would set.

Changes are written down when they are decided, with the height from which they hold: beside what
holds until then (`node.rules.judgement.in_force`), or as the bounds of a key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from node.core.block import Validator
from node.core.errors import InvalidInput
from node.core.genesis import read_ed25519_jwk, read_parameter
from node.core.signatures import PublicJwk
from node.rules.consortium_events import MAX_MEMBER_KEYS
from node.rules.judgement import State, View, in_force, refuse

__all__ = ["Changed", "Plan", "plan_change", "replace_key", "revoke_key", "voting_members"]

Changed = dict[str, State | None]
"""Keys of the state map with their new values, in the order in which they were set."""

_MOST_MEMBERS = 150
_LEAST_VALIDATORS, _MOST_VALIDATORS = 2, 200
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


class Plan:
    """The state with what has been planned so far."""

    def __init__(self, view: View, changed: Changed) -> None:
        self.view = view
        self.changed = changed

    def get(self, key: str) -> State | None:
        """The value of a key, as planned so far."""
        return self.changed[key] if key in self.changed else self.view.get(key)

    def need(self, key: str) -> State:
        """The value of a key that the state always has."""
        value = self.get(key)
        assert value is not None
        return value

    def member(self, member: str) -> State:
        """A member as it is now. Raises Refused where there is none, or a change is under way."""
        value = self.get("member/" + member)
        if value is None:
            raise refuse("member_unknown")
        return self.settled(value)

    def settled(self, value: State) -> State:
        """``value`` as it is in force. Raises Refused where a change of it is not yet."""
        coming = value.get("next")
        if coming is not None and self.view.height < coming["from"]:
            raise refuse("change_pending")
        return in_force(value, self.view.height)

    def set(self, key: str, value: State) -> None:
        """Plan another value of a key."""
        self.changed[key] = value

    def set_next(self, key: str, value: State, fields: State, height: int) -> None:
        """Have ``fields`` of a settled value change at ``height``. Raises Refused: none does."""
        if all(value.get(name) == field for name, field in fields.items()):
            raise refuse("no_change")
        self.set(key, {**value, "next": {"from": height, "value": fields}})

    def tell_engine(self, kind: str, name: str, height: int) -> None:
        """Note that the engine has to be told of something that changes at ``height``."""
        due = self.get("consortium/due") or {"changes": []}
        kept = [item for item in due["changes"] if item["from"] > self.view.height]
        kept.append({"from": height, "kind": kind, "name": name})
        self.set("consortium/due", {"changes": kept})


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


def register_key(plan: Plan, member: str, jwk: dict[str, str], held: State) -> None:
    """Register a key of ``member``; ``held`` has its bounds, and its use where it has one."""
    kid = PublicJwk.from_json(jwk, place="jwk").thumbprint()
    if plan.get("key/" + kid) is not None:
        raise refuse("key_taken")
    plan.set("key/" + kid, {**held, "jwk": jwk, "member": member})
    count = plan.need("member/" + member)
    registered = count["keys"] + 1
    if registered > MAX_MEMBER_KEYS:
        raise refuse("too_many_keys")
    plan.set("member/" + member, {**count, "keys": registered})


def _admit(plan: Plan, change: dict[str, Any], height: int) -> None:
    member = change["member"]
    if plan.get("member/" + member) is not None:
        raise refuse("member_exists")
    listed = plan.need("consortium/members")["ids"]
    if len(listed) >= _MOST_MEMBERS:
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
        register_key(plan, member, jwk, {"from": height})
    register_key(plan, member, change["recovery_key"], {"from": height, "use": "recovery"})


def _ed25519(jwk: Any) -> str:
    return read_ed25519_jwk(jwk, "public_key").hex()


def _suspend(plan: Plan, change: dict[str, Any], height: int) -> None:
    key, value = "member/" + change["member"], plan.member(change["member"])
    if value["status"] != "active":
        raise refuse("no_change")
    if not set(voting_members(plan.view)) - {change["member"]}:
        raise refuse("member_needed")
    plan.set_next(key, value, {"status": "suspended"}, height)


def _readmit(plan: Plan, change: dict[str, Any], height: int) -> None:
    value = plan.member(change["member"])
    plan.set_next("member/" + change["member"], value, {"status": "active"}, height)


def _change_member(plan: Plan, change: dict[str, Any], height: int) -> None:
    names = ("divisions", "name", "roles")
    fields: State = {name: change[name] for name in names if name in change}
    if "checkpoint_key" in change:
        fields["checkpoint_key"] = _ed25519(change["checkpoint_key"])
    value = plan.member(change["member"])
    plan.set_next("member/" + change["member"], value, fields, height)


def _replace_key(plan: Plan, change: dict[str, Any], height: int) -> None:
    plan.member(change["member"])
    replace_key(plan, change["member"], change, height)


def replace_key(plan: Plan, member: str, data: dict[str, Any], height: int) -> None:
    """Register ``data``'s ``jwk`` from ``height`` on, and end the key that it ``replaces``."""
    register_key(plan, member, data["jwk"], {"from": height})
    if "replaces" in data:
        old = _own_key(plan, member, data["replaces"])
        if "use" in old:
            raise refuse("key_foreign")
        _end_key(plan, data["replaces"], old, height + data.get("overlap_blocks", 0))


def _own_key(plan: Plan, member: str, kid: str) -> State:
    value = plan.get("key/" + kid)
    if value is None or value["member"] != member:
        raise refuse("key_foreign")
    return value


def _end_key(plan: Plan, kid: str, value: State, height: int, **fields: int) -> None:
    """Let a key end at ``height``, or before it where it does already.

    One that would end before it begins ends when it begins: it never holds.
    """
    end = max(min(value.get("to", height), height), value["from"])
    plan.set("key/" + kid, {**value, **fields, "to": end})


def _revoke_key(plan: Plan, change: dict[str, Any], height: int) -> None:
    plan.member(change["member"])
    revoke_key(plan, change["member"], change, height)


def revoke_key(plan: Plan, member: str, data: dict[str, Any], height: int) -> None:
    """End ``data``'s ``kid`` at ``height``, and doubt what it signed since ``suspect_from``."""
    value = _own_key(plan, member, data["kid"])
    if "use" in value:
        raise refuse("key_foreign")
    fields = {}
    if "suspect_from" in data:
        suspect = data["suspect_from"]
        fields["suspect_from"] = min(value.get("suspect_from", suspect), suspect)
    if value.get("to", height + 1) <= height and all(
        value.get(name) == field for name, field in fields.items()
    ):
        raise refuse("no_change")
    _end_key(plan, data["kid"], value, height, **fields)


def _replace_recovery_key(plan: Plan, change: dict[str, Any], height: int) -> None:
    member = change["member"]
    value = plan.member(member)
    old = PublicJwk.from_json(value["recovery_key"], place="recovery_key").thumbprint()
    register_key(plan, member, change["jwk"], {"from": height, "use": "recovery"})
    counted = {**value, "keys": plan.need("member/" + member)["keys"]}
    plan.set_next("member/" + member, counted, {"recovery_key": change["jwk"]}, height)
    _end_key(plan, old, plan.need("key/" + old), height)


def _set_parameter(plan: Plan, change: dict[str, Any], height: int) -> None:
    name, value = change["name"], change["value"]
    members = plan.need("consortium/members")["ids"]
    try:
        read_parameter(name, value, name, frozenset(members))
    except InvalidInput as error:
        raise refuse("parameter_malformed") from error
    _set_value(plan, name, value, height)


def _set_value(plan: Plan, name: str, value: Any, height: int) -> None:
    key = "parameter/" + name
    plan.set_next(key, plan.settled(plan.need(key)), {"value": value}, height)
    if name in _ENGINE_PARAMETERS:
        plan.tell_engine("parameter", name, height)


def _set_rules(plan: Plan, change: dict[str, Any], height: int) -> None:
    now = plan.settled(plan.need("parameter/rules_version"))["value"]
    if change["version"] != now + 1:
        raise refuse("rules_not_next")
    _set_value(plan, "rules_version", change["version"], height)


def _set_validator(plan: Plan, change: dict[str, Any], height: int) -> None:
    member, power = change["member"], change["power"]
    plan.member(member)
    public_key = read_ed25519_jwk(change["public_key"], "public_key")
    address = Validator(public_key, 1).address.hex()
    listed = plan.need("consortium/validators")["addresses"]
    powers = {held: _coming_power(plan, held) for held in listed}
    if sum(value > 0 for value in powers.values()) < _LEAST_VALIDATORS:
        raise refuse("sole_validator")
    key = "validator/" + address
    known = plan.get(key)
    if known is None:
        value: State = {"member": member, "power": 0, "public_key": public_key.hex()}
    else:
        value = plan.settled(known)
        if value["member"] != member:
            raise refuse("validator_foreign")
    plan.set_next(key, value, {"power": power}, height)
    powers[address] = power
    if not _LEAST_VALIDATORS <= sum(value > 0 for value in powers.values()) <= _MOST_VALIDATORS:
        raise refuse("validators_bounds")
    # Those without power, now and to come, are no longer listed; what is known of them stays.
    kept = [held for held in powers if powers[held] or held == address or _power(plan, held)]
    plan.set("consortium/validators", {"addresses": sorted(kept)})
    plan.tell_engine("validator", address, height)


def _power(plan: Plan, address: str) -> int:
    power: int = in_force(plan.need("validator/" + address), plan.view.height)["power"]
    return power


def _coming_power(plan: Plan, address: str) -> int:
    """The power when all that was decided is in force."""
    value = plan.need("validator/" + address)
    power: int = value["next"]["value"]["power"] if "next" in value else value["power"]
    return power


_PLANS: dict[str, Callable[[Plan, dict[str, Any], int], None]] = {
    "key.replace": _replace_key,
    "key.revoke": _revoke_key,
    "member.admit": _admit,
    "member.change": _change_member,
    "member.readmit": _readmit,
    "member.suspend": _suspend,
    "parameter.set": _set_parameter,
    "recovery_key.replace": _replace_recovery_key,
    "rules.set": _set_rules,
    "validator.set": _set_validator,
}
