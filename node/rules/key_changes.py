"""Registering, replacing and ending members' keys: by vote, or by the member itself."""

from __future__ import annotations

from typing import Any

from node.core.signatures import PublicJwk
from node.rules.judgement import State, refuse
from node.rules.planning import Plan

__all__ = ["PLANS", "register_key", "replace_key", "revoke_key"]


def register_key(plan: Plan, member: str, jwk: dict[str, str], held: State) -> None:
    """Register a key of ``member``; ``held`` has its bounds, and its use where it has one.

    Raises:
        Refused: it is registered already, whosever it is.
    """
    kid = _kid(jwk)
    if plan.get("key/" + kid) is not None:
        raise refuse("key_taken")
    plan.set("key/" + kid, {**held, "jwk": jwk, "member": member})
    owner = plan.need("member/" + member)
    plan.set("member/" + member, {**owner, "keys": owner["keys"] + 1})


def _kid(jwk: dict[str, str]) -> str:
    return PublicJwk.from_json(jwk, place="jwk").thumbprint()


def replace_key(plan: Plan, member: str, data: dict[str, Any], height: int) -> None:
    """Register ``data``'s ``jwk`` from ``height`` on, and end the key that it ``replaces``.

    Raises:
        Refused: the one is taken, or the other not the member's to sign records with.
    """
    register_key(plan, member, data["jwk"], {"from": height})
    if "replaces" in data:
        old = _signing_key(plan, member, data["replaces"])
        end = height + data.get("overlap_blocks", 0)
        plan.set("key/" + data["replaces"], _ended(old, end))


def revoke_key(plan: Plan, member: str, data: dict[str, Any], height: int) -> None:
    """End ``data``'s ``kid`` at ``height``, and doubt what it signed since ``suspect_from``.

    Raises:
        Refused: the key is not the member's to sign records with, or nothing would change.
    """
    value = _signing_key(plan, member, data["kid"])
    ended = _ended(value, height)
    if "suspect_from" in data:
        suspect = data["suspect_from"]
        ended["suspect_from"] = min(value.get("suspect_from", suspect), suspect)
    if ended == value:
        raise refuse("no_change")
    plan.set("key/" + data["kid"], ended)


def _signing_key(plan: Plan, member: str, kid: str) -> State:
    value = plan.get("key/" + kid)
    if value is None or value["member"] != member or "use" in value:
        raise refuse("key_foreign")
    return value


def _ended(value: State, height: int) -> State:
    """A key that ends at ``height``, or before it where it does already.

    One that would end before it begins ends when it begins: it never holds.
    """
    return {**value, "to": max(min(value.get("to", height), height), value["from"])}


def _replace(plan: Plan, change: dict[str, Any], height: int) -> None:
    plan.need_member(change["member"])
    replace_key(plan, change["member"], change, height)


def _revoke(plan: Plan, change: dict[str, Any], height: int) -> None:
    plan.need_member(change["member"])
    revoke_key(plan, change["member"], change, height)


def _replace_recovery_key(plan: Plan, change: dict[str, Any], height: int) -> None:
    """Also one that is to hold later than ``height`` gives way."""
    plan.need_member(change["member"])
    key = "member/" + change["member"]
    old = [plan.now(key)["recovery_key"]]
    old += [item["value"] for item in (plan.coming(key).get("recovery_key"),) if item is not None]
    register_key(plan, change["member"], change["jwk"], {"from": height, "use": "recovery"})
    plan.set_next(key, {"recovery_key": change["jwk"]}, height)
    for jwk in old:
        kid = _kid(jwk)
        plan.set("key/" + kid, _ended(plan.need("key/" + kid), height))


PLANS = {
    "key.replace": _replace,
    "key.revoke": _revoke,
    "recovery_key.replace": _replace_recovery_key,
}
"""What each kind of change plans; see `node.rules.changes`."""
