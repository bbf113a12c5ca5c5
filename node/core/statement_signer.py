"""Who may sign a statement beside the chain: a certificate's, a seal's status.

The state map has to show the key as that member's own, in force and under no suspicion, and the
member as active, all as of the height that is shown.
"""

from __future__ import annotations

from typing import Any, Mapping, Optional

from node.core.errors import InvalidProof
from node.core.signatures import PublicJwk

__all__ = ["active_member", "signing_key"]

_State = Mapping[str, Optional[Mapping[str, Any]]]


def signing_key(state: _State, kid: str, member: str, as_of: int) -> PublicJwk:
    """The key ``kid``, by the proven values of the state map after ``as_of``.

    Raises:
        InvalidInput: it is not shown, is another's or a recovery key, is not in force, or was
            reported compromised.
    """
    place = f"state key/{kid}"
    value = _value(state, f"key/{kid}")
    jwk = PublicJwk.from_json(value.get("jwk"), place=f"{place}.jwk")
    if jwk.thumbprint() != kid:
        raise InvalidProof(place, "is not this key's")
    if value.get("member") != member:
        raise InvalidProof(place, f"is not a key of {member}", f"不是成员 {member} 的密钥")
    if value.get("use") is not None:
        raise InvalidProof(place, "may not sign statements")
    start, end = value.get("from"), value.get("to")
    if type(start) is not int or as_of < start or (type(end) is int and as_of >= end):
        raise InvalidProof(place, f"was not valid at height {as_of}")
    if value.get("suspect_from") is not None:
        raise InvalidProof(place, "was reported compromised before this was signed")
    return jwk


def active_member(state: _State, member: str, as_of: int) -> str:
    """The name of a member, which must be active at ``as_of``.

    Raises:
        InvalidProof: it is not shown, or was not active then.
    """
    place = f"state member/{member}"
    value = _value(state, f"member/{member}")
    if _in_force(value, "status", as_of) != "active":
        raise InvalidProof(place, f"was not active at height {as_of}")
    since = value.get("since", 0)
    if type(since) is not int or as_of < since:
        raise InvalidProof(place, f"was no member yet at height {as_of}")
    name = _in_force(value, "name", as_of)
    if not isinstance(name, str):
        raise InvalidProof(f"{place}.name", "must be text")
    return name


def _value(state: _State, key: str) -> Mapping[str, Any]:
    value = state.get(key)
    if value is None:
        raise InvalidProof(f"state {key}", "no proof of it is in the bundle")
    return value


def _in_force(value: Mapping[str, Any], name: str, height: int) -> Any:
    """A member of a state value that may be about to change (docs/spec/state-map.md)."""
    coming = value.get("next")
    change = coming.get(name) if isinstance(coming, dict) else None
    start = change.get("from") if isinstance(change, dict) else None
    if isinstance(change, dict) and type(start) is int and height >= start:
        return change.get("value")
    return value.get(name)
