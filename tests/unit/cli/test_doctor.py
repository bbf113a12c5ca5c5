"""Homes of nodes that do not run, each with something wrong."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders.ceremony import ROLES, Ceremony, free_ports
from builders.commands import Cli, Ended

from node.cli.exit_codes import ExitCode

COURT = "jinan-court"


@pytest.fixture(scope="module")
def joined(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a node that has never run; not to be changed."""
    from node.cli.main import main

    folder = tmp_path_factory.mktemp("ceremony")
    engine = folder / "evidence-engine"
    engine.write_text("#!/bin/sh\necho 0.38.25\n")
    engine.chmod(0o755)

    def cli(*arguments: object, stdin: bytes = b"") -> Ended:
        return Ended(main([str(argument) for argument in arguments]), "", "")

    ports = free_ports(len(ROLES) + 1)
    ceremony = Ceremony(cli, folder, dict(zip(ROLES, ports)))
    ceremony.until_signed()
    assert ceremony.join(COURT, engine, "--api-port", ports[-1]).code == 0
    return ceremony.home(COURT)


@pytest.fixture
def home(joined: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(joined, tmp_path / "home")
    return tmp_path / "home"


def examined(cli: Cli, home: Path, *arguments: object) -> tuple[int, dict[str, Any]]:
    ended = cli("doctor", "--home", home, "--json", *arguments)
    return ended.code, {item["id"]: item for item in ended.document["checks"]}


def texts(check: dict[str, Any]) -> str:
    return "\n".join(item["text"] for item in check["findings"])


def test_a_home_in_order_but_for_its_peers(cli: Cli, home: Path) -> None:
    code, checks = examined(cli, home)
    assert code == ExitCode.REFUSED
    status = {name: item["status"] for name, item in checks.items()}
    assert status == {
        "home": "ok",
        "versions": "ok",
        "keys": "ok",
        "disk": "ok",
        "ports": "ok",
        "peers": "failed",
        "clock": "not checked",
        "ready": "not checked",
        "anchors": "ok",
        "certificates": "ok",
        "height": "not checked",
        "agreement": "not checked",
    }
    assert [item["number"] for item in checks.values()] == list(range(1, 13))
    assert "127.0.0.1" in texts(checks["peers"])


def change_text(home: Path, old: str, new: str) -> None:
    path = home / "node.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


WRONG: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "key readable by others": (
        lambda home: (home / "keys/validator.pem").chmod(0o644),
        "keys",
        "can be read by others",
    ),
    "no validator key": (
        lambda home: (home / "keys/validator.pem").unlink(),
        "keys",
        "validator.pem is missing",
    ),
    "no node key": (lambda home: (home / "keys/node.pem").unlink(), "keys", "node.pem is missing"),
    "a key that is none": (
        lambda home: (home / "keys/checkpoint.pem").write_text("nothing"),
        "keys",
        "no private key",
    ),
    "a signing key of nobody": (
        lambda home: shutil.copy(home.parent / "other.pem", home / "keys/operator.pem"),
        "keys",
        "is no key of jinan-court",
    ),
    "signing state gone": (
        lambda home: (home / "ledger").mkdir(),
        "keys",
        "priv_validator_state.json is gone",
    ),
    "no space": (
        lambda home: change_text(
            home, "min_free_megabytes = 256", "min_free_megabytes = 99999999999"
        ),
        "disk",
        "at least 99999999999 must be",
    ),
    "no engine": (
        lambda home: change_text(home, 'binary = "/', 'binary = "/nowhere/'),
        "versions",
        "does not tell its version",
    ),
    "node.toml": (lambda home: change_text(home, "[api]", "[appi]"), "home", "appi"),
    "no genesis": (lambda home: (home / "genesis.json").unlink(), "home", "genesis.json"),
    "an altered genesis": (
        lambda home: (home / "genesis.json").write_text("{}"),
        "home",
        "genesis.chain_id: is missing",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_found_and_advice_given(cli: Cli, home: Path, case: str) -> None:
    from node.client.keys import SigningKey

    SigningKey.generate().save(home.parent / "other.pem")
    harm, check, told = WRONG[case]
    harm(home)
    code, checks = examined(cli, home)
    assert code == ExitCode.REFUSED
    assert checks[check]["status"] == "failed", checks
    failed = [item for item in checks[check]["findings"] if item["status"] == "failed"]
    assert any(told in item["text"] for item in failed), failed
    assert all(item["advice"] for item in failed)


def test_a_recovery_key_that_stayed(cli: Cli, home: Path) -> None:
    (home / "recovery.pem").touch()
    _, checks = examined(cli, home)
    assert checks["keys"]["status"] == "warning"
    assert "recovery key lies in the home" in texts(checks["keys"])


def test_an_engine_of_another_version(cli: Cli, home: Path, tmp_path: Path) -> None:
    other = tmp_path / "other-engine"
    other.write_text("#!/bin/sh\necho 0.38.17\n")
    other.chmod(0o755)
    text = (home / "node.toml").read_text("utf-8")
    (binary,) = [line for line in text.splitlines() if line.startswith("binary = ")]
    change_text(home, binary, f'binary = "{other}"')
    _, checks = examined(cli, home)
    assert checks["versions"]["status"] == "failed"
    assert "0.38.17" in texts(checks["versions"])


def test_a_port_that_another_has(cli: Cli, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        text = (home / "node.toml").read_text("utf-8")
        (line,) = [line for line in text.splitlines() if line.startswith("port = ")]
        change_text(home, line, f"port = {port}")
        _, checks = examined(cli, home)
    assert checks["ports"]["status"] == "failed"
    assert f"127.0.0.1:{port}: another process has it" in texts(checks["ports"])


def test_an_engine_whose_rpc_is_open_to_all(cli: Cli, home: Path) -> None:
    config = home / "engine/config/config.toml"
    config.parent.mkdir(parents=True)
    for address, status in (
        ("tcp://0.0.0.0:26657", "failed"),
        ("tcp://127.0.0.1:26657", "ok"),
        ("unix://rpc.sock", "ok"),
    ):
        config.write_text(f'[rpc]\nladdr = "{address}"\n')
        _, checks = examined(cli, home)
        assert checks["ports"]["status"] == status, address


def test_an_interface_without_tls(cli: Cli, home: Path) -> None:
    change_text(home, 'host = "127.0.0.1"', 'host = "0.0.0.0"')
    _, checks = examined(cli, home)
    assert checks["ports"]["status"] == "warning"
    assert "without TLS" in texts(checks["ports"])


def test_in_words_each_check_has_its_number(cli: Cli, home: Path) -> None:
    (home / "keys/validator.pem").chmod(0o644)
    ended = cli("doctor", "--home", home, "--fix-nothing")
    assert ended.code == ExitCode.REFUSED
    lines = ended.out.splitlines()
    assert lines[0].split() == ["1", "Home", "ok"]
    assert " 3 Keys                       FAILED" in lines
    assert any(line.strip().startswith("→ chmod 600 keys/validator.pem") for line in lines)
    assert lines[-1] == "2 of 12 checks failed: keys, peers"


def test_nothing_is_changed(cli: Cli, home: Path) -> None:
    def seen() -> dict[str, tuple[int, bytes]]:
        return {
            str(path): (path.stat().st_mode, path.read_bytes())
            for path in home.rglob("*")
            if path.is_file()
        }

    (home / "keys/validator.pem").chmod(0o644)
    before = seen()
    examined(cli, home)
    assert seen() == before


def test_a_node_that_runs_and_does_not_answer(cli: Cli, home: Path, tmp_path: Path) -> None:
    folder = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"/proc/self/fd/{folder}/admin.sock")
        listener.listen()
        ended = threading.Event()

        def hang_up() -> None:
            while not ended.is_set():
                connection, _ = listener.accept()
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        code, checks = examined(cli, home)
        ended.set()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as last:
            last.connect(f"/proc/self/fd/{folder}/admin.sock")
        thread.join()
    os.close(folder)
    assert code == ExitCode.REFUSED
    assert checks["home"]["status"] == "failed"
    assert checks["ready"]["status"] == "failed"
    assert checks["ports"]["status"] == "failed"


def test_no_home_at_all(cli: Cli, tmp_path: Path) -> None:
    code, checks = examined(cli, tmp_path / "nowhere")
    assert code == ExitCode.REFUSED
    assert list(checks) == ["home"]
