"""A node in a process of its own: started, stopped, killed, backed up, and started again."""

from __future__ import annotations

import json
import os
import queue
import signal
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.home import OPERATOR, Home, make_home
from builders.process import NodeProcess, running, teller_of_today
from builders.story import Told

from node.api.backup import BACKUP_FORMAT, MANIFEST
from node.api.server import run_server
from node.client.http import NodeClient
from node.config import NodeConfig, load_config
from node.ledger.rows import ENTRIES
from node.wiring import open_stores


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(tmp_path / "home", genesis_time=time.time_ns() // 1_000_000 - 1000)


def admin(home: Home, method: str, path: str, **options: Any) -> httpx.Response:
    transport = httpx.HTTPTransport(uds=str(home.path / "admin.sock"))
    with httpx.Client(transport=transport, base_url="http://node", timeout=60) as client:
        return client.request(method, path, **options)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_when_told(home: Home, number: signal.Signals) -> None:
    with running(home) as process:
        assert httpx.get(f"{process.url}/readyz").json()["ready"] is True
        assert (home.path / "admin.sock").is_socket()
        assert stat.S_IMODE((home.path / "admin.sock").stat().st_mode) == 0o600
        process.send(number)
        assert process.wait() == 0
    assert not (home.path / "admin.sock").exists()
    assert not list(home.path.glob(".admin-*"))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{process.url}/healthz")
    assert process.output.count("ready") == 1


class Load:
    """Submits from several threads until the node does not answer any more."""

    def __init__(self, url: str, told: list[Told], query: str) -> None:
        self._left: queue.SimpleQueue[Told] = queue.SimpleQueue()
        for item in told:
            self._left.put(item)
        self._url = f"{url}/v1/submissions{query}"
        self.acknowledged: dict[str, int] = {}
        self.others: list[httpx.Response] = []
        self.enough = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(16)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        with httpx.Client(timeout=30) as client:
            while True:
                try:
                    item = self._left.get_nowait()
                    answer = client.post(self._url, content=item.encode())
                except (queue.Empty, httpx.HTTPError):
                    return
                if answer.status_code in (201, 202):
                    self.acknowledged[item.id] = answer.status_code
                else:
                    self.others.append(answer)
                if len(self.acknowledged) >= 200:
                    self.enough.set()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("query", ["", "?wait=none"])
def test_what_was_acknowledged_is_there_after_the_node_was_stopped_or_killed(
    home: Home, number: signal.Signals, query: str
) -> None:
    teller = teller_of_today(home)
    told = [teller.initiated(f"load-{position}") for position in range(3000)]
    with running(home) as process:
        load = Load(process.url, told, query)
        assert load.enough.wait(60), process.output
        process.send(number)
        code = process.wait()
        load.join()
    assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    assert 200 <= len(load.acknowledged) < len(told)
    for answer in load.others:
        assert answer.status_code == 503
        assert answer.json()["type"].endswith(":stopped")
    with running(home) as again, NodeClient(again.url) as client:
        for identifier in load.acknowledged:
            assert client.wait(identifier, timeout=30)["status"] == "recorded"
        again.send(signal.SIGTERM)
        assert again.wait() == 0


def test_neither_what_it_prints_nor_its_errors_hold_private_data(home: Home) -> None:
    teller = teller_of_today(home)
    with running(home) as process:
        with NodeClient(process.url) as client:
            for item in [*teller.seal(), *teller.case(), teller.imported()]:
                client.submit(item.encode())
        wrong = teller.tell(
            "identity-a",
            "signing.identity_verified",
            "case:platform-a:0001",
            {},
            {"id_no": "12010519900101061X", "name": "南霁云"},
        )
        told = httpx.post(f"{process.url}/v1/submissions", content=wrong.encode())
        assert told.status_code in (400, 422)
        process.send(signal.SIGTERM)
        assert process.wait() == 0
    for value in teller.private:
        if len(value) > 4:
            assert value not in process.output
            assert value not in told.text


# -- the admin socket -----------------------------------------------------------------------------


@pytest.fixture
def process(home: Home) -> Iterator[NodeProcess]:
    with running(home) as running_one:
        yield running_one


def test_status_over_the_admin_socket(home: Home, process: NodeProcess) -> None:
    teller = teller_of_today(home)
    with NodeClient(process.url) as client:
        client.submit(teller.initiated("status").encode())
    told = admin(home, "GET", "/admin/status").json()
    assert told["pid"] == process.pid
    assert told["chain_id"] == home.chain_id
    assert (told["ready"], told["reasons"], told["pending"]) == (True, [], 0)
    assert told["records"] == {"signing.initiated": 1}
    assert told["operator_records"] is True
    assert told["disk_free_bytes"] > 0


def test_stop_over_the_admin_socket(home: Home, process: NodeProcess) -> None:
    assert admin(home, "POST", "/admin/stop").status_code == 202
    assert process.wait() == 0


def test_the_admin_interface_is_not_on_the_network(process: NodeProcess) -> None:
    for path in ("/admin/status", "/admin/backup", "/admin/stop"):
        assert httpx.get(process.url + path).status_code == 404
        assert httpx.post(process.url + path).status_code == 404


@pytest.mark.parametrize("keys", [False, True])
def test_a_backup_made_under_load_is_a_home_that_starts(
    home: Home, process: NodeProcess, tmp_path: Path, keys: bool
) -> None:
    teller = teller_of_today(home)
    told = [teller.initiated(f"backed-up-{position}") for position in range(1500)]
    load = Load(process.url, told, "")
    assert load.enough.wait(60), process.output
    before = dict(load.acknowledged)
    target = tmp_path / "backup"
    answer = admin(home, "POST", "/admin/backup", json={"target": str(target), "keys": keys})
    load.join()
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1]["event"] == "done", lines
    manifest = lines[-1]["manifest"]
    assert json.loads((target / MANIFEST).read_bytes()) == manifest
    assert manifest["format"] == BACKUP_FORMAT
    assert (target / "keys").exists() is keys
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    process.send(signal.SIGTERM)
    assert process.wait() == 0
    if not keys:
        (target / "keys").mkdir(mode=0o700)
        for path in (home.path / "keys").iterdir():
            os.link(path, target / "keys" / path.name)
    with running(target) as copy, NodeClient(copy.url) as client:
        assert client.node()["size"] >= manifest["size"]
        for identifier in before:
            assert client.wait(identifier)["status"] == "recorded"
        whole = client.dossier("case:platform-a:backed-up-0")
        assert whole["records"] == 1
    with running(target) as copy:
        key = home.member_key("platform-a")
        signer = {"member": "platform-a", "chain_id": home.chain_id, "operator": OPERATOR}
        with NodeClient(copy.url, key=key, **signer) as client:
            assert len(client.disclosures("case:platform-a:backed-up-0")["disclosures"]) == 2


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b'{"keys": true}', "body"),
        (b'{"target": "relative"}', "body.target"),
        (b'{"target": 7}', "body.target"),
        (b'{"target": "/", "keys": 1}', "body.keys"),
        (b'{"target": "/"}', "body.target"),
    ],
)
def test_a_backup_that_is_not_well_asked_for(
    home: Home, process: NodeProcess, body: bytes, place: str
) -> None:
    answer = admin(home, "POST", "/admin/backup", content=body)
    assert answer.status_code == 400
    assert answer.json()["place"] == place


def test_a_backup_that_fails_says_so_and_leaves_nothing(
    home: Home, process: NodeProcess, tmp_path: Path
) -> None:
    target = tmp_path / "absent" / "backup"
    answer = admin(home, "POST", "/admin/backup", json={"target": str(target)})
    last = json.loads(answer.text.splitlines()[-1])
    assert last["event"] == "failed"
    assert last["problem"]["place"] == "target"
    assert not target.parent.exists()


# -- what keeps a node from running ---------------------------------------------------------------


def exit_code(config: NodeConfig, capfd: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Run a node that does not get far, here; its exit code and what it printed."""
    code = run_server(config)
    return code, capfd.readouterr().err


def test_a_home_in_use_is_not_taken(
    home: Home, process: NodeProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    code, text = exit_code(home.config, capfd)
    assert code == 3
    assert str(process.pid) in text
    assert (home.path / "admin.sock").is_socket()
    assert httpx.get(f"{process.url}/readyz").status_code == 200


def test_in_json_a_refusal_is_one_document(
    home: Home, process: NodeProcess, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_server(home.config, as_json=True) == 3
    out, err = capfd.readouterr()
    error = json.loads(err)["error"]
    assert (out, error["code"], error["kind"]) == ("", 3, "StoreLocked")
    assert str(process.pid) in error["message"]


def test_a_port_in_use_is_said(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        toml = (home.path / "node.toml").read_text()
        port = taken.getsockname()[1]
        (home.path / "node.toml").write_text(toml.replace("port = 0", f"port = {port}"))
        code, text = exit_code(load_config(home.path), capfd)
    assert code == 3
    assert str(port) in text
    assert not (home.path / "admin.sock").exists()


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("genesis.json", b"{}", 65),
        ("genesis.json", None, 65),
        ("keys/wrapping.key", b"short", 65),
        ("keys/validator.pem", b"no key", 65),
        ("keys/operator.pem", b"no key", 65),
        ("ledger", b"a file where a folder should be", 74),
    ],
)
def test_a_home_that_is_not_whole_is_refused_with_its_place(
    home: Home,
    capfd: pytest.CaptureFixture[str],
    name: str,
    content: bytes | None,
    code: int,
) -> None:
    path = home.path / name
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    found, text = exit_code(home.config, capfd)
    assert found == code, text
    assert name.removesuffix(".json") in text
    assert "Traceback" not in text


def test_a_chain_of_later_rules_is_refused(home: Home, capfd: pytest.CaptureFixture[str]) -> None:
    path = home.path / "genesis.json"
    path.write_bytes(path.read_bytes().replace(b'"rules_version":1', b'"rules_version":2'))
    code, text = exit_code(home.config, capfd)
    assert code == 65
    assert "genesis.rules_version: 2: made under rules that are not known here" in text


def test_a_level_of_logging_that_does_not_exist_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = make_home(tmp_path / "home", settings={"log": {"level": "loud"}})
    assert exit_code(home.config, capfd)[0] == 65


_BREAK = """
from node.core.errors import LedgerFault
from node.ledger.application import Application
from node.storage.errors import StoreFull
persist = Application.persist
def break_it(self, blocks, *args, **kwargs):
    if blocks[0].recording is not None:
        raise {error}
    persist(self, blocks, *args, **kwargs)
Application.persist = break_it
"""


def test_a_ledger_that_cannot_be_right_ends_the_process(home: Home) -> None:
    told = teller_of_today(home).initiated("breaks")
    with running(home, _BREAK.format(error='LedgerFault("height 1: a test broke it")')) as process:
        answer = httpx.post(f"{process.url}/v1/submissions", content=told.encode(), timeout=60)
        assert answer.status_code in (202, 503)
        assert process.wait() == 70
    assert "evidence-node: height 1: a test broke it" in process.output
    assert "Traceback" not in process.output


def test_a_full_disk_leaves_the_node_to_be_read(home: Home) -> None:
    teller = teller_of_today(home)
    with running(home, _BREAK.format(error='StoreFull("blocks", "no space left")')) as process:
        told = teller.initiated("pending")
        answer = httpx.post(f"{process.url}/v1/submissions", content=told.encode(), timeout=60)
        assert answer.status_code == 202
        more = httpx.post(f"{process.url}/v1/submissions", content=teller.initiated("x").encode())
        assert more.status_code == 503
        assert "no space left" in more.json()["detail"]
        assert httpx.get(f"{process.url}/v1/node").status_code == 200
        ready = httpx.get(f"{process.url}/readyz")
        assert ready.status_code == 503
        assert "no space left" in ready.json()["detail"]
        process.send(signal.SIGTERM)
        assert process.wait() == 0
    with running(home) as again, NodeClient(again.url) as client:
        assert client.wait(told.id)["status"] == "recorded"


def test_an_altered_entry_is_never_an_answer(home: Home) -> None:
    teller = teller_of_today(home)
    told = teller.initiated("altered")
    with running(home) as process:
        with NodeClient(process.url) as client:
            index = client.submit(told.encode())["index"]
        process.send(signal.SIGTERM)
        process.wait()
    stores = open_stores(home.config, create=False)
    rows = dict(stores.ledger.scan(ENTRIES, ENTRIES + b"\xff" * 7))
    batch = stores.ledger.batch()
    for key, value in rows.items():
        assert value.count(b'"initiated"') == 1
        batch.put(key, value.replace(b'"initiated"', b'"completed"'))
    stores.ledger.write(batch, sync=True)
    stores.close()
    with running(home) as process:
        answer = httpx.get(f"{process.url}/v1/dossiers/case:platform-a:altered")
        assert answer.status_code == 500
        problem = answer.json()
        assert problem["type"].endswith(":ledger-fault")
        assert f"entry {index} " in problem["detail"]
        ready = httpx.get(f"{process.url}/readyz")
        assert ready.status_code == 503
        assert "damage" in ready.json()["detail"]
        assert httpx.get(f"{process.url}/v1/node").status_code == 200
        assert problem["instance"] in process.output
