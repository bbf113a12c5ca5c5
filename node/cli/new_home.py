"""Making the home of a node that starts a chain: its keys, its genesis, its configuration."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import write_output
from node.cli.members import Founder, Founding
from node.cli.node_toml import node_toml
from node.client.keys import SigningKey
from node.core.block import RULES_VERSION
from node.core.errors import InvalidInput
from node.core.genesis import GENESIS_FORMAT, Genesis, ed25519_jwk, encode_genesis
from node.core.signatures import PublicJwk
from node.storage.directory import sync_directory
from node.vault.keys import create_wrapping_key
from node.wiring import EdKey

__all__ = ["NewHome", "empty_home", "make_home"]

_POWER = 10
_FIRST_HEIGHT = 1


@dataclass(frozen=True)
class NewHome:
    """What was made. ``operator_kid`` is None where the operator's key exists already."""

    genesis: Genesis
    operator: str
    operator_kid: str | None


def make_home(
    home: Path, chain_id: str, founding: Founding, operator: Founder, now: int
) -> NewHome:
    """Make the home of the node that the member ``operator`` runs.

    Args:
        home: a directory that does not exist, or is empty.
        chain_id: the new chain's id.
        founding: the first members and the parameters.
        operator: one of the members; if it has no key yet, its key is made here.
        now: the genesis's time, in ms.

    Raises:
        CommandFailure: the home is not empty.
        InvalidInput: members or parameters make no genesis; the home is left as it was.
        OSError, StoreUnavailable, KeyFileRefused: the home cannot be written.
    """
    with empty_home(home, ("genesis.json", "node.toml")):
        validator, checkpoint = _make_node_keys(home / "keys")
        key = _operator_key(home / "keys", operator)
        members = [
            _member_json(member, key, checkpoint.public_key)
            if member is operator
            else _member_json(member, member.key)
            for member in founding.members
        ]
        genesis = encode_genesis(
            {
                "chain_id": chain_id,
                "format": GENESIS_FORMAT,
                "genesis_time": now,
                "initial_height": _FIRST_HEIGHT,
                "members": members,
                "parameters": dict(founding.parameters),
                "rules_version": RULES_VERSION,
                "validators": [_validator_json(operator.id, validator)],
            }
        )
        write_output(home / "genesis.json", genesis.document)
        text = node_toml(operator.id if operator.key is None else "")
        write_output(home / "node.toml", text.encode("utf-8"))
    return NewHome(genesis, operator.id, key.thumbprint() if operator.key is None else None)


def _make_node_keys(folder: Path) -> tuple[EdKey, EdKey]:
    """The keys that sign blocks and checkpoints, and the one that protects private data."""
    create_wrapping_key(folder / "wrapping.key")
    return EdKey.generate(folder / "validator.pem"), EdKey.generate(folder / "checkpoint.pem")


def _operator_key(folder: Path, operator: Founder) -> PublicJwk:
    """The operator's public key; one is made where it has none."""
    if operator.key is not None:
        return operator.key
    made = SigningKey.generate()
    made.save(folder / "operator.pem")
    return made.jwk


def _member_json(
    member: Founder, key: PublicJwk | None, checkpoint_key: bytes | None = None
) -> dict[str, Any]:
    if key is None:
        raise InvalidInput(f"member {member.id}", "key is missing")
    value: dict[str, Any] = {
        "divisions": list(member.divisions),
        "id": member.id,
        "keys": [{"from": _FIRST_HEIGHT, "jwk": key.to_json()}],
        "name": member.name,
        "recovery_key": member.recovery_key.to_json(),
        "roles": list(member.roles),
    }
    if checkpoint_key is not None:
        value["checkpoint_key"] = ed25519_jwk(checkpoint_key)
    return value


def _validator_json(member: str, key: EdKey) -> dict[str, Any]:
    return {"member": member, "power": _POWER, "public_key": ed25519_jwk(key.public_key)}


@contextmanager
def empty_home(home: Path, files: Iterable[str]) -> Iterator[None]:
    """An empty home with a folder for keys; as it was before when what follows fails.

    Args:
        home: a directory that does not exist, or is empty.
        files: names of those that will be written in it, to be removed again.

    Raises:
        CommandFailure: the home is not empty.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{home}: is there and not empty; a home is never overwritten",
            "name a directory that does not exist yet",
        )
    with ExitStack() as undo:
        if not home.exists():
            home.mkdir(parents=True, mode=0o700)
            undo.callback(home.rmdir)
        (home / "keys").mkdir(mode=0o700)
        undo.callback(shutil.rmtree, home / "keys")
        for name in files:
            undo.callback((home / name).unlink, missing_ok=True)
        yield
        for folder in (home / "keys", home, home.parent):
            sync_directory(folder)
        undo.pop_all()
