"""The files of a founding: descriptions, a genesis, signatures under it, and who has signed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node.cli.files import read_input
from node.core.errors import InvalidInput, InvalidSignature
from node.core.genesis import MAX_GENESIS_BYTES, Genesis, decode_genesis
from node.core.genesis_signature import (
    MAX_GENESIS_SIGNATURE_BYTES,
    GenesisSignature,
    decode_genesis_signature,
    verify_genesis_signature,
)
from node.core.member_description import (
    MAX_DESCRIPTION_BYTES,
    MemberDescription,
    decode_description,
    verify_description,
)
from node.core.signatures import load_backend

__all__ = [
    "OWN_SIGNATURE_FILE",
    "Signers",
    "read_described",
    "read_genesis",
    "read_own_signature",
    "read_signatures",
]

OWN_SIGNATURE_FILE = "genesis.sig.json"
"""In a home: the member's signature under the genesis that it has signed last."""


@dataclass(frozen=True)
class Signers:
    """Whose signatures under one genesis are there; ``signed`` by member.

    ``missing`` validate and have not signed: with any of them the net may never come to start.
    ``others_missing`` have no power.
    """

    signed: dict[str, GenesisSignature]
    missing: tuple[str, ...]
    others_missing: tuple[str, ...]

    @property
    def peers(self) -> dict[str, str]:
        """Where members that have signed are reached, ``<node id>@host:port``, by member."""
        return {member: item.peer for member, item in self.signed.items() if item.peer}


def read_described(path: str | Path) -> MemberDescription:
    """A description whose signatures hold.

    Raises:
        InvalidInput: it is none, or a signature in it does not hold; names the file.
        OSError: it cannot be read.
    """
    content = read_input(str(path), MAX_DESCRIPTION_BYTES)
    try:
        described = decode_description(content.rstrip(b"\n"))
        verify_description(described, load_backend())
    except InvalidInput as error:
        raise type(error)(f"{path}: {error.place}", error.rule) from error
    return described


def read_genesis(path: str | Path) -> Genesis:
    """A genesis. Raises InvalidInput, naming the file, and OSError."""
    content = read_input(str(path), MAX_GENESIS_BYTES + 1)
    try:
        return decode_genesis(content.rstrip(b"\n"))
    except InvalidInput as error:
        raise type(error)(f"{path}: {error.place}", error.rule) from error


def read_own_signature(home: Path) -> GenesisSignature | None:
    """What the member of this home has signed last; None where it has signed nothing yet.

    Raises:
        InvalidInput: the file is none.
        OSError: it cannot be read.
    """
    path = home / OWN_SIGNATURE_FILE
    if not path.exists():
        return None
    try:
        return decode_genesis_signature(read_input(str(path), MAX_GENESIS_SIGNATURE_BYTES))
    except InvalidInput as error:
        raise type(error)(f"{path}: {error.place}", error.rule) from error


def read_signatures(paths: Sequence[str], genesis: Genesis) -> Signers:
    """Signatures under ``genesis``; every one that is given must hold.

    Raises:
        InvalidInput: one is none, or of another genesis, or does not hold, or a member's second
            one says something else; names the file.
        OSError: a file cannot be read.
    """
    backend = load_backend()
    signed: dict[str, GenesisSignature] = {}
    for path in paths:
        content = read_input(path, MAX_GENESIS_SIGNATURE_BYTES + 1).rstrip(b"\n")
        try:
            found = decode_genesis_signature(content)
            verify_genesis_signature(found, genesis, backend)
        except InvalidInput as error:
            raise type(error)(f"{path}: {error.place}", error.rule) from error
        before = signed.setdefault(found.member, found)
        if before.text != found.text:
            raise InvalidSignature(path, f"{found.member} has signed twice, with other peers")
    _check_peers(signed)
    powerful = {item.member for item in genesis.validators}
    unsigned = [member.id for member in genesis.members if member.id not in signed]
    return Signers(
        signed,
        tuple(member for member in unsigned if member in powerful),
        tuple(member for member in unsigned if member not in powerful),
    )


def _check_peers(signed: dict[str, GenesisSignature]) -> None:
    """No two members claim one node: else one could lead the others' nodes away from the other's.

    Raises:
        InvalidSignature: names both members.
    """
    claimed: dict[str, str] = {}
    for member, item in sorted(signed.items()):
        for part in filter(None, item.peer.partition("@")[::2]):
            other = claimed.setdefault(part, member)
            if other != member:
                raise InvalidSignature(
                    f"signature of {member}", f"names the same node as that of {other}: {part}"
                )
