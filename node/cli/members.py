"""``members.toml``: who is in a new consortium, as its founders write it down."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.cli.files import read_input
from node.cli.key_files import read_public_key
from node.core.errors import InvalidInput
from node.core.fields import exact_members, read_list, read_object, read_text
from node.core.genesis import DEFAULT_PARAMETERS, MAX_GENESIS_BYTES, ROLES
from node.core.signatures import PublicJwk

__all__ = ["Founder", "Founding", "read_founding"]

_BY_DIVISION = {"police", "status_authority"}


@dataclass(frozen=True)
class Founder:
    """A member as the file has it. ``key`` is None where the key is to be made with the home."""

    id: str
    name: str
    roles: tuple[str, ...]
    divisions: tuple[str, ...]
    key: PublicJwk | None
    recovery_key: PublicJwk

    @property
    def powerless(self) -> bool:
        """Whether its roles act by division, and it has none: it could act on no seal."""
        return bool(_BY_DIVISION & set(self.roles)) and not self.divisions


@dataclass(frozen=True)
class Founding:
    """The whole file: the members, and the parameters with what the file changes in them."""

    members: tuple[Founder, ...]
    parameters: Mapping[str, Any]


def read_founding(path: str) -> Founding:
    """Read a members file. Paths of keys in it are relative to the file.

    Raises:
        InvalidInput: names the file, the member and the rule.
        OSError: the file or a key's file cannot be read.
    """
    try:
        value = tomllib.loads(read_input(path, MAX_GENESIS_BYTES).decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(path, f"is no TOML: {error}") from error
    exact_members(value, path, ("member",), ("parameters",))
    items = read_list(value["member"], f"{path}: member", least=1, most=1000)
    folder = Path(path).parent
    members = tuple(
        _read_founder(item, f"{path}: member[{position}]", folder)
        for position, item in enumerate(items)
    )
    changed = exact_members(
        value.get("parameters", {}), f"{path}: parameters", (), DEFAULT_PARAMETERS
    )
    return Founding(members, {**DEFAULT_PARAMETERS, **changed})


def _read_founder(value: Any, place: str, folder: Path) -> Founder:
    members = exact_members(
        value, place, ("id", "name", "recovery_key", "roles"), ("divisions", "key")
    )
    roles = read_list(members["roles"], f"{place}.roles", least=1, most=len(ROLES))
    for role in roles:
        if role not in ROLES:
            raise InvalidInput(f"{place}.roles", f"{role!r} is none of {', '.join(ROLES)}")
    divisions = read_list(members.get("divisions", []), f"{place}.divisions", most=500)
    key = members.get("key")
    return Founder(
        id=read_text(members["id"], f"{place}.id", most=40),
        name=read_text(members["name"], f"{place}.name", most=200),
        roles=tuple(sorted(set(roles))),
        divisions=tuple(divisions),
        key=None if key is None else _read_key(key, f"{place}.key", folder),
        recovery_key=_read_key(members["recovery_key"], f"{place}.recovery_key", folder),
    )


def _read_key(value: Any, place: str, folder: Path) -> PublicJwk:
    """A key given as the path of a JWK file, or as the JWK itself."""
    if not isinstance(value, str):
        return PublicJwk.from_json(read_object(value, place), place=place)
    try:
        return read_public_key(str(folder / value))
    except InvalidInput as error:
        raise InvalidInput(place, str(error)) from error
