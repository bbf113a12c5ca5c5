"""Founding a consortium through the command line, as four members on four machines would."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from builders.commands import Cli, Ended

__all__ = ["ROLES", "Ceremony", "free_ports"]

ROLES = {
    "jinan-court": "court",
    "jinan-data": "operator",
    "jinan-maker": "seal_maker",
    "jinan-notary": "notary",
}


class Ceremony:
    """What lies where: homes, descriptions, the genesis, and the signatures under it."""

    def __init__(self, cli: Cli, folder: Path, ports: Mapping[str, int] | None = None) -> None:
        self.cli = cli
        self.folder = folder
        self.ports = ports or {member: 26656 + at for at, member in enumerate(ROLES)}
        self.genesis = folder / "genesis.json"

    def home(self, member: str) -> Path:
        return self.folder / member

    def description(self, member: str) -> Path:
        return self.home(member) / "description.json"

    def signature(self, member: str) -> Path:
        return self.folder / f"{member}.sig.json"

    def describe(self, member: str, *arguments: object, role: str = "") -> Ended:
        """Make a member's home."""
        return self.cli(
            *("describe", "--home", self.home(member), "--member", member, "--json"),
            *("--name", f"机构 {member}", "--role", role or ROLES[member]),
            *("--recovery", self.folder / f"{member}.recovery.pem"),
            *(arguments or ("--peer", f"127.0.0.1:{self.ports[member]}")),
        )

    def assemble(self, *members: str) -> Ended:
        """Put the genesis together."""
        return self.cli(
            *("genesis", "assemble", "--chain-id", "founded-1", "--out", self.genesis, "--json"),
            *(self.description(member) for member in members or ROLES),
        )

    def sign(self, member: str, genesis: Path | None = None) -> Ended:
        """One member's signature."""
        return self.cli(
            *("genesis", "sign", genesis or self.genesis, "--home", self.home(member)),
            *("--out", self.signature(member), "--json"),
        )

    def check(self, member: str, *signed: str) -> Ended:
        """Look at the genesis and the signatures of ``signed``."""
        paths = [self.signature(other) for other in signed]
        return self.cli(
            "genesis", "check", self.genesis, *paths, "--home", self.home(member), "--json"
        )

    def join(self, member: str, engine: Path, *arguments: object, signed: object = None) -> Ended:
        """Make a home ready, with the signatures of ``signed``, by default of all."""
        names = tuple(ROLES) if signed is None else signed
        assert isinstance(names, tuple)
        return self.cli(
            *("join", "--home", self.home(member), "--genesis", self.genesis, "--json"),
            *("--engine", engine, *arguments),
            *("--signatures", *(self.signature(other) for other in names)),
        )

    def until_signed(self) -> None:
        """All steps before `join`."""
        for member in ROLES:
            ended = self.describe(member)
            assert ended.code == 0, ended.err
        assert self.assemble().code == 0
        for member in ROLES:
            assert self.sign(member).code == 0


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody has now."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [int(item.getsockname()[1]) for item in sockets]
