"""What founders look at in a genesis before they sign it: hash, members, powers, warnings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from node.cli.output import fingerprint_lines, say
from node.core.encoding import rfc3339
from node.core.genesis import DEFAULT_PARAMETERS, ROLES, Genesis

__all__ = ["founding_warnings", "review_json", "tell_review"]

_SAFE_VALIDATORS = 4
_BY_DIVISION = {"police", "status_authority"}


def _powers(genesis: Genesis) -> dict[str, int]:
    """The power of each member that has any, of all its validators together."""
    powers: dict[str, int] = {}
    for item in genesis.validators:
        powers[item.member] = powers.get(item.member, 0) + item.validator.power
    return powers


def founding_warnings(genesis: Genesis) -> list[str]:
    """What a genesis allows and its founders may not want."""
    return [
        *_about_power(genesis),
        *_about_custodians(genesis),
        *_about_roles(genesis),
    ]


def _about_power(genesis: Genesis) -> Iterator[str]:
    powers = _powers(genesis)
    total = sum(powers.values())
    for member, power in sorted(powers.items()):
        if 3 * power >= total:
            yield (
                f"{member} has {power} of {total} of the power, a third or more: without it no "
                "block is made, and what it and its node suffer all suffer"
            )
    if len(powers) < _SAFE_VALIDATORS:
        yield (
            f"{len(powers)} members validate: with fewer than {_SAFE_VALIDATORS} the net stands "
            "still when any one of them is down, and cannot bear one that lies"
        )


def _about_custodians(genesis: Genesis) -> Iterator[str]:
    custodians = genesis.parameters["custodians"]
    roles = {member.id: member.roles for member in genesis.members}
    if all("platform" in roles[member] for member in custodians):
        told = ", ".join(custodians) or "none is named"
        yield (
            f"no custodian of private data is other than a platform ({told}): what a platform "
            "loses or withholds nobody else has"
        )


def _about_roles(genesis: Genesis) -> Iterator[str]:
    had = {role for member in genesis.members for role in member.roles}
    for role in ROLES:
        if role not in had:
            yield f"nobody has the role {role}"
    for member in genesis.members:
        if _BY_DIVISION & set(member.roles) and not member.divisions:
            yield f"{member.id} has no division, so it can act on no seal"


def review_json(genesis: Genesis) -> dict[str, Any]:
    """Everything that is to be looked at."""
    powers = _powers(genesis)
    return {
        "chain_id": genesis.chain_id,
        "genesis_hash": genesis.hash.hex(),
        "genesis_time": genesis.genesis_time,
        "members": [
            {
                "divisions": list(member.divisions),
                "id": member.id,
                "kids": [key.jwk.thumbprint() for key in member.keys],
                "name": member.name,
                "power": powers.get(member.id, 0),
                "roles": list(member.roles),
            }
            for member in genesis.members
        ],
        "parameters": genesis.parameters,
        **({} if genesis.predecessor is None else {"predecessor": genesis.predecessor.to_json()}),
        "total_power": sum(powers.values()),
        "warnings": founding_warnings(genesis),
    }


def tell_review(genesis: Genesis) -> None:
    """The same in words."""
    powers = _powers(genesis)
    first, second = fingerprint_lines(genesis.hash.hex())
    say("Chain:        {}, from {}", genesis.chain_id, rfc3339(genesis.genesis_time))
    say(f"Genesis hash: {first}\n              {second}")
    before = genesis.predecessor
    if before is not None:
        say("Continues:    {}, a log of {} entries", before.chain_id, before.size)
        say("              root {}", before.root.hex())
        say("              state {}", before.state_root.hex())
        say("              last header {}", before.header_hash.hex())
    say("Members:      {}, power {} in all", len(genesis.members), sum(powers.values()))
    for member in genesis.members:
        say("  {:<16} power {:>4}  {}", member.id, powers.get(member.id, 0), member.name)
        places = f" in {', '.join(part or 'all' for part in member.divisions)}"
        say("    {}{}", ", ".join(member.roles), places if member.divisions else "")
        for key in member.keys:
            say("    key {}", key.jwk.thumbprint())
    for name, value in sorted(genesis.parameters.items()):
        mark = "" if value == DEFAULT_PARAMETERS[name] else "  (not the default)"
        say("  {} = {}{}", name, value, mark)
    for warning in founding_warnings(genesis):
        say("Warning:      {}", warning)
