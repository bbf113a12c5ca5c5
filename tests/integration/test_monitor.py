"""Real nodes that really fork: the home of a solo node, copied and run twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from builders.node_process import running_node, use_any_port

from node.cli.exit_codes import ExitCode
from node.cli.main import main
from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.client.records import build_submission
from node.wiring import system_time


def submit(url: str, key: SigningKey, number: int) -> None:
    now = system_time()
    submission = build_submission(
        key,
        member="platform-a",
        chain_id="cloned-1",
        event_id=f"event-{number}",
        event_type="record.imported",
        subject=f"record:platform-a:{number}",
        data={
            "aliases": [],
            "document_hashes": [],
            "happened_at": 1_600_866_875_000,
            "record_hash": "b2" * 32,
            "source_system": "旧存证平台",
        },
        source={"method": "api", "system": "test"},
        occurred_at=now,
        issued_at=now,
    )
    with NodeClient(url) as client:
        assert client.submit(submission, timeout=60)["status"] == "recorded"


def test_a_cloned_node_is_caught(tmp_path: Path, capsys: Any) -> None:
    trial, home = tmp_path / "trial", tmp_path / "node"
    assert main(["init", "--example", str(trial)]) == 0
    made = ["init", "--home", str(home), "--chain-id", "cloned-1"]
    assert main([*made, "--members", str(trial / "members.toml")]) == 0
    use_any_port(home)
    clone = tmp_path / "clone"
    shutil.copytree(home, clone)
    key = SigningKey.load(trial / "keys/platform-a.pem")
    state = tmp_path / "state.json"
    watching = ["--genesis", str(home / "genesis.json"), "--state", str(state), "--once", "--json"]
    with running_node(home) as one, running_node(clone) as other:
        assert main(["monitor", one.url, other.url, *watching]) == ExitCode.OK
        submit(one.url, key, 1)
        assert main(["monitor", one.url, other.url, *watching]) == ExitCode.OK, "one is ahead"
        submit(other.url, key, 2)
        submit(other.url, key, 3)
        capsys.readouterr()
        assert main(["monitor", one.url, other.url, *watching]) == ExitCode.FAULT
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (fork,) = [item for item in told if item["event"] == "raised" and item["kind"] == "fork"]
    assert "bureau-3701" in fork["text"]
    (evidence,) = tmp_path.glob("fork-*.json")
    assert (
        json.loads(evidence.read_bytes())["genesis"].encode()
        == (home / "genesis.json").read_bytes()
    )
