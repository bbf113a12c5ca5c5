"""Commands against a running node, in processes of their own, as their users run them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.node_process import NodeProcess, running_node, use_any_port

from node.cli.command_table import COMMANDS
from node.cli.exit_codes import ExitCode
from node.cli.main import main
from node.cli.members_example import EXAMPLE_OPERATOR

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
SIGN_NO = "QY812163472634127040-1"
CASE = "case:platform-a:0001"
RECORD = {
    "aliases": ["CZ0034133234712-2"],
    "document_hashes": ["ab" * 32],
    "happened_at": 1_600_866_875_000,
    "record_hash": "cd" * 32,
    "source_system": "旧存证平台",
}
INITIATED = {
    "channel": "API接口",
    "documents": [{"media_type": "application/pdf", "sha256": "ef" * 32, "size": 48213}],
    "origin": "安云印电子印章平台",
    "parties": [{"kind": "organisation", "party_ref": "a" * 22}],
    "sign_no": SIGN_NO,
}


def environment() -> dict[str, str]:
    folder = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONUTF8": "1"}


def shell(line: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-ec", line],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def evidence_node(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "node.cli", *map(str, arguments)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def fresh_home(folder: Path, name: str = "node") -> Path:
    """A home beside ``folder/members.toml`` and all members' keys."""
    home = folder / name
    members = str(folder / "members.toml")
    assert main(["init", "--example", str(folder)]) == ExitCode.OK
    arguments = ["--home", str(home), "--chain-id", "trial-1", "--members", members]
    assert main(["init", *arguments]) == ExitCode.OK
    use_any_port(home)
    return home


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node on a chain of its own."""
    home = fresh_home(tmp_path_factory.mktemp("live") / "trial")
    with running_node(home) as running:
        yield running


@pytest.fixture
def desk(node: NodeProcess, tmp_path: Path) -> Path:
    """A directory with what the examples of the help name."""
    shutil.copytree(node.home.parent / "keys", tmp_path, dirs_exist_ok=True)
    trust = tmp_path / "trust.json"
    genesis = node.home / "genesis.json"
    made = evidence_node("trust", "make", "--genesis", genesis, "--out", trust, cwd=tmp_path)
    assert made.returncode == ExitCode.OK, made.stderr
    return tmp_path


def signer(member: str) -> tuple[str, ...]:
    return "--key", f"{member}.pem", "--member", member, "--trust", "trust.json"


def asker(member: str) -> tuple[str, ...]:
    """Who signs requests, which are for one node, unlike records."""
    return *signer(member), "--operator", EXAMPLE_OPERATOR


def submit(node: NodeProcess, desk: Path, event_type: str, subject: str, data: Any) -> Any:
    """Submit as platform-a; the receipt."""
    ended = evidence_node(
        *("submit", "--url", node.url, *signer("platform-a"), "--type", event_type),
        *("--subject", subject, "--data", json.dumps(data), "--json"),
        cwd=desk,
    )
    assert ended.returncode == ExitCode.OK, ended.stderr
    return json.loads(ended.stdout)


def examples(command: str, cwd: Path) -> list[str]:
    text = evidence_node(command, "--help", cwd=cwd).stdout.partition("examples:\n")[2]
    return [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]


def test_examples_of_the_help_work(tmp_path: Path) -> None:
    """From a fresh node to a restored one, every example in its turn."""
    home = fresh_home(tmp_path / "trial")
    desk = tmp_path / "desk"
    shutil.copytree(home.parent / "keys", desk)
    (desk / "record.json").write_text(json.dumps(RECORD))
    events = [
        {"type": "signing.initiated", "subject": CASE, "data": INITIATED},
        {"type": "signing.voided", "subject": CASE, "data": {"reason_code": "withdrawn"}},
    ]
    (desk / "events.ndjson").write_text("".join(f"{json.dumps(event)}\n" for event in events))
    shell(f"evidence-node trust make --genesis {home}/genesis.json --out trust.json", desk)
    places = {
        "/var/lib/evidence-restored": str(tmp_path / "restored"),
        "/var/lib/evidence": str(home),
        "/mnt/backup": str(tmp_path),
        "/var/tmp": str(tmp_path),
    }
    with running_node(home) as node:
        places["http://127.0.0.1:8440"] = node.url
        for command in ("submit", "show", "bundle", "status", "backup"):
            try_examples(command, desk, places)
            if command == "submit":
                lines = (desk / "answers.ndjson").read_text("utf-8").splitlines()
                code = json.loads(lines[-1])["code"]
                assert code.endswith("-2")
                places["CZ0034133234711"] = code[:15]
                places[f"{code[:15]}-2"] = code
        assert node.end() == ExitCode.OK
    for command in ("audit", "restore", "reindex", "status"):
        try_examples(command, desk, places)


def test_in_json_the_node_says_where_it_listens(tmp_path: Path) -> None:
    home = fresh_home(tmp_path / "trial")
    arguments = [sys.executable, "-m", "node.cli", "run", "--home", str(home), "--json"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            ready = json.loads(process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == ExitCode.OK
            assert process.stdout.read() == ""
        finally:
            process.kill()
    assert ready == {"chain_id": "trial-1", "event": "ready", "url": ready["url"]}
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", ready["url"])


def test_every_command_answers_in_json_where_it_is_asked_to(tmp_path: Path) -> None:
    """And tells its errors in JSON: each is asked for something that is not there."""
    absent = str(tmp_path / "absent")
    url = ("--url", "http://127.0.0.1:9", "--patience", "0")
    asked = {
        "audit": ("--home", absent),
        "anchor": ("status", "--home", absent),
        "backup": ("--home", absent, "--to", str(tmp_path / "to")),
        "bench": ("--dir", absent),
        "bundle": ("CZ0034133234711", *url),
        "certificate": (
            "CZ0034133234711",
            *url,
            "--applicant",
            "x",
            "--purpose",
            "x",
            "--out",
            absent,
        ),
        "check-document": (absent, *url),
        "demo": ("--seed", "x"),
        "describe": ("--home", absent, "--member", "A B", "--name", "x", "--role", "court"),
        "doctor": ("--home", absent, "--wait", "x"),
        "genesis": ("show", absent),
        "govern": ("show", *url),
        "init": ("--home", f"{absent}/x", "--chain-id", "x", "--members", absent),
        "introduce": ("check", absent, "--genesis", absent),
        "join": ("--home", absent, "--genesis", absent, "--signatures", absent),
        "keys": ("show", absent),
        "migrate": ("prepare", "--home", absent),
        "monitor": (url[1], "--genesis", absent),
        "reindex": ("--home", absent),
        "restore": (absent, "--home", str(tmp_path / "to")),
        "run": ("--home", absent),
        "seal": ("check", "x", absent, "--trust", absent),
        "show": ("CZ0034133234711", *url),
        "snapshot": ("--home", absent),
        "status": ("--home", absent),
        "submit": ("--file", absent, *url),
        "testnet": ("--dir", absent, "--engine", absent),
        "trust": ("show", absent),
        "verifiers": ("--out", "/dev/null/x"),
        "verify": (absent, "--trust", absent),
    }
    assert set(asked) == set(COMMANDS)
    for command, arguments in asked.items():
        done = evidence_node(command, *arguments, "--json", cwd=tmp_path)
        error = json.loads(done.stderr)["error"]
        assert (done.stdout, error["code"]) == ("", done.returncode), command
        assert done.returncode in (1, 2, 3, 65, 74), (command, error)


def try_examples(command: str, desk: Path, places: dict[str, str]) -> None:
    lines = examples(command, desk)
    assert lines
    for line in lines:
        meant = line
        for written, place in places.items():
            meant = meant.replace(written, place)
        done = shell(meant, desk)
        assert done.returncode == ExitCode.OK, (meant, done.stdout, done.stderr)


def test_first_session_of_the_documentation_works(tmp_path: Path) -> None:
    session = re.findall(r"```sh\n(.+?)```", DOCS.read_text("utf-8"), re.DOTALL)[0]
    before, start, after = session.partition("evidence-node run --home trial/node &\n")
    assert start
    made = shell(before, tmp_path)
    assert made.returncode == ExitCode.OK, made.stderr
    use_any_port(tmp_path / "trial" / "node")
    with running_node(tmp_path / "trial" / "node") as node:
        done = shell(after.replace("http://127.0.0.1:8440", node.url), tmp_path)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "Nothing failed" in done.stdout


def test_record_is_found_by_everything_that_names_it(node: NodeProcess, desk: Path) -> None:
    subject = "record:platform-a:found"
    data = {**RECORD, "aliases": ["OLD-2020-0001"], "document_hashes": ["12" * 32]}
    receipt = submit(node, desk, "record.imported", subject, data)
    for what in (
        receipt["code"],
        receipt["code"].lower().replace("-", " － "),
        "old-2020-0001",
        "12" * 32,
        receipt["id"],
        subject,
    ):
        ended = evidence_node("show", what, "--url", node.url, "--json", cwd=desk)
        assert ended.returncode == ExitCode.OK, (what, ended.stderr)
        assert json.loads(ended.stdout)["dossier"]["sub"] == subject


def test_mistyped_code_is_told_from_an_unknown_one(node: NodeProcess, desk: Path) -> None:
    receipt = submit(node, desk, "record.imported", "record:platform-a:typed", RECORD)
    digit = str((int(receipt["code"][4]) + 1) % 10)
    mistyped = receipt["code"][:4] + digit + receipt["code"][5:]
    for what, outcome in ((mistyped, "mistyped"), ("CZ0034133234711", "unknown_code")):
        ended = evidence_node("show", what, "--url", node.url, "--json", cwd=desk)
        assert ended.returncode == ExitCode.REFUSED
        assert json.loads(ended.stderr)["error"]["outcome"] == outcome


def test_same_bytes_get_the_same_receipt(node: NodeProcess, desk: Path) -> None:
    first = submit(node, desk, "record.imported", "record:platform-a:same", RECORD)
    again = evidence_node("submit", "--url", node.url, "--file", first["file"], "--json", cwd=desk)
    assert json.loads(again.stdout) == first


def test_refusal_names_the_rule_and_the_code(node: NodeProcess, desk: Path) -> None:
    ended = evidence_node(
        *("submit", "--url", node.url, *signer("court-a"), "--type", "record.imported"),
        *("--subject", "record:court-a:1", "--data", json.dumps(RECORD), "--json"),
        cwd=desk,
    )
    assert ended.returncode == ExitCode.REFUSED
    error = json.loads(ended.stderr)["error"]
    assert error["problem"]["name"] == "role_missing"
    assert error["problem"]["height"] > 0
    plain = evidence_node(
        *("submit", "--url", node.url, *signer("court-a"), "--type", "record.imported"),
        *("--subject", "record:court-a:2", "--data", json.dumps(RECORD)),
        cwd=desk,
    )
    assert plain.returncode == ExitCode.REFUSED
    assert "Traceback" not in plain.stderr


def test_private_fields_come_with_a_purpose_to_a_court(node: NodeProcess, desk: Path) -> None:
    subject = "record:platform-a:private"
    ended = evidence_node(
        *("submit", "--url", node.url, *signer("platform-a"), "--type", "record.imported"),
        *("--subject", subject, "--data", json.dumps(RECORD)),
        *("--private", '{"summary": "只有法院可见"}'),
        cwd=desk,
    )
    assert ended.returncode == ExitCode.OK, ended.stderr
    asked = (subject, "--url", node.url, "--out", "disclosed.json", "--disclosures", "all")
    bundle = evidence_node(
        *("bundle", *asked, *asker("court-a"), "--purpose", "审理", "--case-no", "1号"), cwd=desk
    )
    assert bundle.returncode == ExitCode.OK, bundle.stderr
    verified = evidence_node(
        "verify", "disclosed.json", "--trust", "trust.json", "--json", cwd=desk
    )
    steps = {step["id"]: step for step in json.loads(verified.stdout)["steps"]}
    assert steps["disclosures"]["status"] == "passed"
    shown = evidence_node("show", subject, "--url", node.url, cwd=desk)
    assert "只有法院可见" not in shown.stdout
    stranger = evidence_node(
        *("bundle", subject, "--url", node.url, "--out", "no.json", "--disclosures", "all"),
        *asker("ca-a"),
        *("--purpose", "好奇"),
        cwd=desk,
    )
    assert stranger.returncode == ExitCode.REFUSED
    elsewhere = evidence_node(
        *("bundle", subject, "--url", node.url, "--out", "no.json", *signer("court-a")),
        *("--operator", "platform-a", "--json"),
        cwd=desk,
    )
    assert elsewhere.returncode == ExitCode.REFUSED
    assert "token.aud" in json.loads(elsewhere.stderr)["error"]["message"]
    assert not (desk / "no.json").exists()
    assert not (desk / "no.json").exists()


def test_status_of_the_running_node(node: NodeProcess, desk: Path) -> None:
    ended = evidence_node("status", "--home", node.home, "--json", cwd=desk)
    told = json.loads(ended.stdout)
    assert ended.returncode == ExitCode.OK
    assert (told["running"], told["pid"]) == (True, node.process.pid)
    assert told["chain_id"] == "trial-1"
    text = evidence_node("status", "--home", node.home, cwd=desk).stdout
    assert "\nchain id " in text


def test_running_node_is_backed_up_while_it_records(node: NodeProcess, desk: Path) -> None:
    lines = [
        {"type": "record.imported", "subject": f"record:platform-a:b{number}", "data": RECORD}
        for number in range(600)
    ]
    (desk / "many.ndjson").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    load = subprocess.Popen(
        [
            *(sys.executable, "-m", "node.cli", "submit", "--url", node.url),
            *signer("platform-a"),
            *("--ndjson", "many.ndjson", "--out", "signed.ndjson"),
        ],
        cwd=desk,
        env=environment(),
        stdout=subprocess.PIPE,
    )
    made = evidence_node("backup", "--home", node.home, "--to", "b/../copy", "--json", cwd=desk)
    assert load.communicate()[0] == b"600 lines: 600 recorded\n"
    assert made.returncode == ExitCode.OK, made.stderr
    manifest = json.loads(made.stdout)
    assert manifest["keys"] == "left out"
    audited = evidence_node("audit", "--home", "copy", "--json", cwd=desk)
    assert audited.returncode == ExitCode.OK, audited.stdout
    assert json.loads(audited.stdout)["ledger"]["app_hash"] == manifest["app_hash"]
    again = evidence_node("backup", "--home", node.home, "--to", "copy", cwd=desk)
    assert again.returncode == ExitCode.BAD_INPUT


@pytest.mark.parametrize("command", ["audit", "reindex", "run"])
def test_home_of_a_running_node_is_left_alone(node: NodeProcess, desk: Path, command: str) -> None:
    ended = evidence_node(command, "--home", node.home, cwd=desk)
    assert ended.returncode == ExitCode.UNREACHABLE
    assert f"process {node.process.pid}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_backup_that_the_node_cannot_write_is_told(node: NodeProcess, desk: Path) -> None:
    ended = evidence_node(
        "backup", "--home", node.home, "--to", desk / "nowhere" / "copy", "--json", cwd=desk
    )
    assert ended.returncode == ExitCode.BAD_INPUT
    assert "nowhere" in json.loads(ended.stderr)["error"]["message"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_node_stops_when_told_and_says_ready_again(tmp_path: Path, number: int) -> None:
    home = fresh_home(tmp_path / "trial")
    for _ in range(2):
        with running_node(home) as node:
            assert node.end(number) == ExitCode.OK
        assert not (home / "admin.sock").exists()


def test_killed_node_leaves_a_home_that_can_be_read(tmp_path: Path) -> None:
    home = fresh_home(tmp_path / "trial")
    with running_node(home) as node:
        assert node.end(signal.SIGKILL) == -signal.SIGKILL
    assert (home / "admin.sock").exists()
    status = evidence_node("status", "--home", home, "--json", cwd=tmp_path)
    assert json.loads(status.stdout)["running"] is False
    with running_node(home) as node:
        told = evidence_node("status", "--home", home, "--json", cwd=tmp_path)
        assert json.loads(told.stdout)["pid"] == node.process.pid


def test_home_with_a_long_path_is_reached(tmp_path: Path) -> None:
    """The path of a socket has at most 107 bytes; that of a home may have more."""
    folder = tmp_path / ("d" * 100)
    folder.mkdir()
    home = fresh_home(folder / "trial")
    with running_node(home) as node:
        told = evidence_node("status", "--home", home, "--json", cwd=tmp_path)
        assert json.loads(told.stdout)["pid"] == node.process.pid


def test_run_says_what_is_no_home(tmp_path: Path) -> None:
    ended = evidence_node("run", "--home", tmp_path / "nowhere", cwd=tmp_path)
    assert ended.returncode == ExitCode.BAD_INPUT
    assert "is no node's home" in ended.stderr


def test_run_names_the_mistake_in_the_configuration(tmp_path: Path) -> None:
    home = fresh_home(tmp_path / "trial")
    with (home / "node.toml").open("a") as file:
        file.write("\n[colour]\nred = 1\n")
    ended = evidence_node("run", "--home", home, cwd=tmp_path)
    assert ended.returncode == ExitCode.BAD_INPUT
    assert "colour" in ended.stderr
    assert len(ended.stderr.splitlines()) == 2
