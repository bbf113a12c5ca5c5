"""What a genesis changes of the state that the chain before it left (docs/spec/genesis.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from node.core.errors import InvalidInput
from node.core.genesis import Genesis
from node.rules.anchor_points import count_entries
from node.rules.genesis_parameters import first_point, first_state
from node.rules.judgement import State, in_force

__all__ = ["RETIRED", "SET_BY_GENESIS", "continued_state"]

RETIRED = "retired"
"""The status of a member that the genesis of the chain that follows does not name."""
SET_BY_GENESIS = ("consortium/", "key/", "member/", "parameter/", "validator/")
"""What a genesis decides. Of all other keys of the state map only open proposals and the
last anchor point change."""

Changed = dict[str, State | None]


def continued_state(
    genesis: Genesis, before: Mapping[str, State], get: Callable[[str], State | None]
) -> Changed:
    """The changes that ``genesis`` makes to the state of the chain that it continues.

    Args:
        genesis: of the new chain.
        before: the values of all keys `SET_BY_GENESIS` that the old chain left.
        get: gives the value of any key that it left.

    Raises:
        InvalidInput: it carries over a key that was another member's, has ended or was used
            otherwise, has one that is in force begin later, or gives a validator to another member.
    """
    first = genesis.initial_height
    state: Changed = dict(first_state(genesis))
    for key, value in state.items():
        if key.startswith("key/") and value is not None and key not in before:
            state[key] = {**value, "from": max(first, value["from"])}
    for key, held in before.items():
        kind = key.partition("/")[0]
        state[key] = _AFTER[kind](key, held, state.get(key), first)
    _count_members(state)
    if genesis.predecessor is not None:
        state.update([first_point(genesis, count_entries(get, genesis.predecessor.size + 1))])
    for subject in before.get("consortium/open", {"subs": []})["subs"]:
        proposal = get("dossier/" + subject)
        if proposal is not None and proposal["status"] == "open":
            version = proposal["status_version"] + 1
            state["dossier/" + subject] = {**proposal, "status": "void", "status_version": version}
    return state


def _key(key: str, held: State, named: State | None, height: int) -> State:
    """A key that goes on: from when it did, and doubted where it was; or one that ends."""
    if named is None:
        return {**held, "to": min(height, held.get("to", height))}
    place = f"genesis.members: {key}"
    if held["member"] != named["member"]:
        raise InvalidInput(place, f"is {held['member']}'s in the chain before")
    if held.get("use") != named.get("use"):
        raise InvalidInput(place, "is a recovery key on one side, and signs records on the other")
    if held.get("to", height + 1) <= height:
        raise InvalidInput(place, f"ended at height {held['to']}, and cannot be taken up again")
    start = max(height, named["from"])
    if held["from"] < height:
        if start > height:
            raise InvalidInput(place, f"is in force already: its from must be at most {height}")
        start = held["from"]
    value = {**named, "from": start}
    if "to" in named:  # what it signed before stays signed
        value["to"] = max(height, named["to"])
    if "suspect_from" in held:
        value["suspect_from"] = held["suspect_from"]
    return value


def _member(key: str, held: State, named: State | None, height: int) -> State:
    return {**in_force(held, height), "status": RETIRED} if named is None else named


def _validator(key: str, held: State, named: State | None, height: int) -> State:
    """One that the genesis does not name loses its power; who ran it goes on being shown."""
    if named is None:
        return {**in_force(held, height), "power": 0}
    if held["member"] != named["member"]:
        place = f"genesis.validators: {key}"
        raise InvalidInput(place, f"is {held['member']}'s in the chain before")
    return named


def _replaced(key: str, held: State, named: State | None, height: int) -> State | None:
    return named


_AFTER: dict[str, Callable[[str, State, State | None, int], State | None]] = {
    "consortium": _replaced,
    "key": _key,
    "member": _member,
    "parameter": _replaced,
    "validator": _validator,
}


def _count_members(state: Changed) -> None:
    """List all members, retired ones too, so that they can be readmitted; count their keys."""
    keys = Counter(value["member"] for key, value in state.items() if value and key[:4] == "key/")
    names = sorted(key[7:] for key in state if key.startswith("member/"))
    state["consortium/members"] = {"ids": names}
    for name in names:
        value = state["member/" + name]
        assert value is not None
        state["member/" + name] = {**value, "keys": keys[name]}
