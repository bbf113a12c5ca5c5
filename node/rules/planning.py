"""Changes while they are planned: the state as it is, and the keys that would be set in it.

Changes are written down when they are decided, with the height from which they hold: beside what
holds until then (`node.rules.judgement.in_force`), or as the bounds of a key.
"""

from __future__ import annotations

from typing import Any

from node.rules.judgement import State, View, in_force, refuse

__all__ = ["Changed", "Plan"]

Changed = dict[str, State | None]
"""Keys of the state map with their new values, in the order in which they were set."""


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

    def now(self, key: str) -> State:
        """The value of such a key as it is in force."""
        return in_force(self.need(key), self.view.height)

    def coming(self, key: str) -> dict[str, Any]:
        """What of such a value is decided and not in force yet: by field, as in ``next``."""
        held = self.need(key).get("next", {})
        return {name: item for name, item in held.items() if self.view.height < item["from"]}

    def need_member(self, member: str) -> None:
        """Raise Refused unless there is such a member."""
        if self.get("member/" + member) is None:
            raise refuse("member_unknown")

    def set(self, key: str, value: State) -> None:
        """Plan another value of a key."""
        self.changed[key] = value

    def set_next(self, key: str, fields: State, height: int) -> None:
        """Have ``fields`` of a value change at ``height``.

        What was decided earlier of the same fields gives way: else one far change would keep all
        others out. But nothing that is decided comes later by it.

        Raises:
            Refused: nothing would change, or an earlier change holds before ``height``.
        """
        now, before = self.now(key), self.coming(key)
        coming = dict(before)
        for name, field in fields.items():
            if name in coming and coming[name]["from"] < height:
                raise refuse("change_pending")
            if now.get(name) == field:
                coming.pop(name, None)
            else:
                coming[name] = {"from": height, "value": field}
        if coming == before:
            raise refuse("no_change")
        self.set(key, {**now, "next": coming} if coming else now)

    def tell_engine(self, kind: str, name: str, height: int) -> None:
        """Note that the engine has to be told of what was just planned of ``kind/name``.

        What it was to be told of the same before is dropped: it has not been yet, since a change
        that gives way holds no earlier than this one, which is two blocks ahead at least.
        """
        due = self.get("consortium/due") or {"changes": []}
        kept = [
            item
            for item in due["changes"]
            if item["from"] > self.view.height and (item["kind"], item["name"]) != (kind, name)
        ]
        if self.coming(f"{kind}/{name}"):
            kept.append({"from": height, "kind": kind, "name": name})
        self.set("consortium/due", {"changes": kept})
