"""The command where no node is needed, and what it says where one is."""

from __future__ import annotations

import base64
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from builders.commands import Cli
from builders.home import make_home

from node.cli.anchor_trust import with_entries
from node.cli.checkup import FAILED, OK, WARNING
from node.cli.checkup_anchors import judge_adapter
from node.cli.exit_codes import ExitCode
from node.core.trust import Trust


@dataclass
class Rehearsed:
    lines: list[str] = field(default_factory=lambda: ["submit: as recorded"])
    good: bool = True


def rehearsing(monkeypatch: pytest.MonkeyPatch, found: Rehearsed) -> list[tuple[Any, ...]]:
    asked: list[tuple[Any, ...]] = []

    def rehearse(service: Path, recorded: Path, *, key: Path | None, operator: str) -> Rehearsed:
        asked.append((service, recorded, key, operator))
        return found

    module = ModuleType("chaincode_adapters.rest.rehearsing")
    module.rehearse = rehearse  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chaincode_adapters.rest.rehearsing", module)
    return asked


def test_rehearsing_tells_each_line_and_the_verdict(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = rehearsing(monkeypatch, Rehearsed())
    ended = cli("anchor", "rehearse", "s.toml", "x.json", "--key", "k.pem", "--operator", "法院")
    assert (ended.code, ended.out) == (ExitCode.OK, "submit: as recorded\n")
    assert asked == [(Path("s.toml"), Path("x.json"), Path("k.pem"), "法院")]
    rehearsing(monkeypatch, Rehearsed(["poll: was read as pending"], good=False))
    ended = cli("anchor", "rehearse", "s.toml", "x.json", "--json")
    assert ended.code == ExitCode.REFUSED
    assert ended.document == {"good": False, "lines": ["poll: was read as pending"]}


def test_a_package_that_is_missing_is_named_with_its_extra(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = make_home(tmp_path / "home")
    monkeypatch.delitem(sys.modules, "chaincode_adapters.evm.deploying", raising=False)
    monkeypatch.delitem(sys.modules, "chaincode_adapters.evm.account", raising=False)
    monkeypatch.setitem(sys.modules, "eth_account", None)
    ended = cli(
        *("anchor", "deploy", "--url", "http://127.0.0.1:1", "--chain-id", 1, "--key", "k"),
        *("--genesis", home.path / "genesis.json", "--member", "0x" + "11" * 20),
        *("--threshold", 1),
    )
    assert ended.code == ExitCode.USAGE
    assert "eth_account" in ended.err
    assert "evidence-ledger-node[node,evm]" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("retry", "court"),
        ("prove", "--code", "CZ0034133234711-2"),
        ("prove", "--size", "3"),
        ("trust",),
    ],
)
def test_what_only_a_running_node_can_answer(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    home = make_home(tmp_path / "home")
    ended = cli("anchor", *arguments, "--home", home.path)
    assert ended.code == ExitCode.UNREACHABLE
    assert "does not run" in ended.err


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("prove", "--home", "x"),
        ("prove", "--home", "x", "--code", "y", "--size", "1"),
        ("retry", "--home", "x"),
        ("deploy", "--url", "x"),
    ],
)
def test_arguments_that_do_not_go_together(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli("anchor", *arguments).code == ExitCode.USAGE


def test_entries_are_added_once_and_roots_stand_with_the_roots() -> None:
    trust = Trust("c", bytes(32), tsa_roots=(b"\x30one",), anchors=({"kind": "evm", "name": "a"},))
    roots = [base64.b64encode(root).decode() for root in (b"\x30one", b"\x30two", b"\x30two")]
    entries: list[dict[str, Any]] = [
        {"kind": "evm", "name": "a"},
        {"kind": "evm", "name": "b"},
        {"kind": "rfc3161", "tsa_roots": roots},
    ]
    made = with_entries(trust, entries)
    assert made.anchors == ({"kind": "evm", "name": "a"}, {"kind": "evm", "name": "b"})
    assert made.tsa_roots == (b"\x30one", b"\x30two")
    assert with_entries(made, entries) == made


@pytest.mark.parametrize(
    ("state", "parked", "late", "status"),
    [
        ("up to date", 0, 0, OK),
        ("working", 0, 600, OK),
        ("working", 0, 30_000, WARNING),
        ("unreachable", 0, 600, WARNING),
        ("up to date", 2, 0, WARNING),
        ("stopped", 0, 0, FAILED),
        ("conflict", 1, 0, FAILED),
    ],
)
def test_what_a_standing_means_to_the_doctor(
    state: str, parked: int, late: int, status: str
) -> None:
    told = {"lag_points": 3, "newest_size": 700, "parked": parked, "state": state}
    told["lag_seconds"] = late
    found = judge_adapter("court", told)
    assert found.status == status
    assert "court" in found.text
    assert bool(found.advice) == (status != OK)
