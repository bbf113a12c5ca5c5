"""What a genesis changes of the state that the chain before it left (docs/spec/genesis.md)."""

from __future__ import annotations

from collections.abc import Mapping

from node.core.errors import InvalidInput
from node.core.genesis import Genesis
from node.rules.genesis_parameters import first_state
from node.rules.judgement import State

__all__ = ["RETIRED", "SET_BY_GENESIS", "continued_state"]

RETIRED = "retired"
"""The status of a member that the genesis of the chain that follows does not name."""
SET_BY_GENESIS = ("key/", "member/", "parameter/", "validator/")
"""What a genesis decides. All other keys of the state map stay as they are."""


def continued_state(genesis: Genesis, before: Mapping[str, State]) -> dict[str, State | None]:
    """The changes that ``genesis`` makes to the state of the chain that it continues.

    Args:
        genesis: of the new chain.
        before: the values of all keys `SET_BY_GENESIS` that the old chain left.

    Raises:
        InvalidInput: it carries over a key that was another member's or has ended, or has one
            that is in force begin later.
    """
    first = genesis.initial_height
    state: dict[str, State | None] = dict(first_state(genesis))
    for key, value in state.items():
        if key.startswith("key/") and value is not None and key not in before:
            state[key] = {**value, "from": max(first, value["from"])}
    for key, held in before.items():
        named = state.get(key)
        if key.startswith("key/"):
            state[key] = _ended(held, first) if named is None else _carried(key, held, named, first)
        elif named is None:
            member = key.startswith("member/")
            state[key] = {**held, "status": RETIRED} if member else None
    return state


def _ended(held: State, height: int) -> State:
    return {**held, "to": min(height, held.get("to", height))}


def _carried(key: str, held: State, named: State, height: int) -> State:
    """A key that goes on: from when it did, and doubted where it was."""
    place = f"genesis.members: {key}"
    if held["member"] != named["member"]:
        raise InvalidInput(place, f"is {held['member']}'s in the chain before")
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
