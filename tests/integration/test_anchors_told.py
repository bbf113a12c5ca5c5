"""What a node tells of its anchors, everywhere: and a conflict, which nobody can miss."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from builders.anchored import Miner, administered, fake_kind, settled, to_chains
from builders.commands import Cli, in_process
from builders.fake_chain import FakeAdapter, FakeChain, unreachable
from builders.home import make_home
from builders.running import record_of, running, submit
from builders.served import ServedNode, served

from chaincode_adapters.jobs import Course
from chaincode_adapters.port import Pending
from node.api import models
from node.cli.exit_codes import ExitCode
from node.client.monitor_fetch import Fetcher
from node.config import AnchorsConfig
from node.core.anchors.point import AnchorPoint
from node.core.anchors.receipts import read_anchor_receipt
from node.core.encoding import decode_canonical_json
from node.core.trust import decode_trust
from node.evidence.bundle import bundle_record
from node.wiring import Node, system_time


@dataclass
class Case:
    """A served node that anchors on two chains."""

    running: ServedNode
    court: FakeChain
    notary: FakeChain
    adapters: dict[str, FakeAdapter]

    @property
    def home(self) -> Path:
        return self.running.home.path

    def record(self) -> str:
        """Record something and wait until both chains have it; its code."""
        node = self.running.node
        [ticket] = submit(node, [record_of(self.running.home).encode()]).tickets
        assert ticket.position is not None
        covered = [ticket.position.index]
        with Miner(self.court, self.notary):
            settled(lambda: len(node.receipts.items(covered, 1 << 40)) == 2)
        return ticket.position.code

    def plant(self) -> int:
        """Another root on the court's chain at the next point; its size, once it is found out."""
        node = self.running.node
        size = len(self.sizes()) and self.sizes()[0]
        self.court.planted = dict.fromkeys(range(size + 1, size + 50), b"another root")
        submit(node, [record_of(self.running.home).encode()])
        with Miner(self.court, self.notary):
            settled(lambda: node.anchor_jobs.parked("court"))
            [job] = node.anchor_jobs.parked("court")
            settled(lambda: node.anchor_jobs.final("notary", job.size))
        return job.size

    def sizes(self) -> list[int]:
        told = self.running.get("/v1/anchors").json()
        return [item["point"]["size"] for item in told["points"]]


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Case]:
    court, notary = FakeChain(name="fake:court"), FakeChain(name="fake:notary")
    adapters = fake_kind(monkeypatch, {"court": court, "notary": notary})
    more = to_chains("court", "notary")
    home = make_home(tmp_path / "home", parameters={"anchor_every_records": 1}, more=more)
    with served(home, system_time) as running_node, administered(running_node):
        yield Case(running_node, court, notary, adapters)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return in_process(capsys, monkeypatch)


def test_points_receipts_and_standing_over_the_interface(case: Case) -> None:
    case.record()
    told = case.running.get("/v1/anchors").json()
    models.Anchors.model_validate(told)
    assert told["alarms"] == []
    assert {one["name"]: one["chain"] for one in told["adapters"]} == {
        "court": "fake:court",
        "notary": "fake:notary",
    }
    newest = told["points"][0]
    point = AnchorPoint.from_json(newest["point"])
    assert newest["digest"] == point.digest().hex()
    at = case.running.get(f"/v1/anchors/{point.size}").json()
    models.Anchored.model_validate(at)
    assert at["point"] == newest["point"]
    assert {one["chain"] for one in at["receipts"]} == {"fake:court", "fake:notary"}
    for one in at["receipts"]:
        answer = case.running.get(f"/v1/anchors/receipts/{one['hash']}")
        assert "immutable" in answer.headers["cache-control"]
        item = decode_canonical_json(answer.content, place="item", max_bytes=1 << 20)
        receipt = read_anchor_receipt(item, "item")
        assert (receipt.point, receipt.hash().hex()) == (point, one["hash"])
    assert case.running.get("/v1/anchors/1").json()["point"]["height"] == 0
    for path in (
        f"/v1/anchors/{point.size + 1000}",
        f"/v1/anchors/receipts/{'0' * 64}",
    ):
        assert case.running.get(path).status_code == 404
    for path in ("/v1/anchors/0", "/v1/anchors/x", "/v1/anchors/receipts/xyz"):
        assert case.running.get(path).status_code == 400


def test_what_is_told_to_everybody_names_no_place_inside(case: Case) -> None:
    """Why an adapter is in trouble may name a machine that is nobody else's business."""
    told = case.running.get("/v1/anchors").json()
    for one in told["adapters"]:
        assert not {"trouble", "parked", "stopped", "waiting"} & set(one)


def test_metrics(case: Case) -> None:
    case.record()
    text = case.running.get("/metrics").text
    assert "evidence_anchor_conflicts 0.0" in text
    assert 'evidence_anchor_jobs{adapter="court",state="final"} 2.0' in text
    assert 'evidence_anchor_lag_points{adapter="court"} 0.0' in text
    assert 'evidence_anchor_breaker{adapter="notary",state="closed"} 1.0' in text
    assert 'evidence_anchor_final_seconds_count{adapter="court"} 2.0' in text


def test_status_in_words_and_in_json(case: Case, cli: Cli) -> None:
    case.record()
    ended = cli("anchor", "status", "--home", case.home)
    assert ended.code == ExitCode.OK
    assert "court (fake:court): UP TO DATE" in ended.out
    assert "jobs       2 final" in ended.out
    told = cli("anchor", "status", "--home", case.home, "--json").document
    assert told["running"]
    assert [one["jobs"]["final"] for one in told["adapters"]] == [2, 2]
    whole = cli("status", "--home", case.home, "--json").document
    assert whole["alarms"] == []
    assert whole["anchors"]["court"]["lag_points"] == 0
    assert "anchors, court, state" in cli("status", "--home", case.home).out
    doctor = cli("doctor", "--home", case.home, "--json", "--wait", "0.1").document
    [check] = [item for item in doctor["checks"] if item["id"] == "anchors"]
    assert check["status"] == "ok"


def test_why_a_point_waits_is_shown(case: Case, cli: Cli) -> None:
    case.adapters["court"].fault = unreachable
    stands, why = case.adapters["notary"]._stands, "审核中"
    case.adapters["notary"]._stands = lambda *given: Pending(reason=why)  # type: ignore[method-assign]
    submit(case.running.node, [record_of(case.running.home).encode()])
    told = ("anchor", "status", "--home", case.home)
    settled(lambda: f"sent: {why}" in cli(*told).out)
    settled(lambda: "trouble    nothing came back" in cli(*told).out)
    case.adapters["notary"]._stands = stands  # type: ignore[method-assign]


def test_what_covers_a_record_as_files_and_by_the_live_chains(
    case: Case, cli: Cli, tmp_path: Path
) -> None:
    code = case.record()
    out = tmp_path / "proof"
    ended = cli("anchor", "prove", "--home", case.home, "--code", code, "--out", out)
    assert ended.code == ExitCode.OK, ended.err
    assert "it stands as it was confirmed" in ended.out
    points = sorted(out.glob("point-*.json"))
    assert len(points) == 1
    point = AnchorPoint.from_json(json.loads(points[0].read_text()))
    assert points[0].read_bytes() == point.document()
    items = [json.loads(path.read_text()) for path in out.glob("receipt-*.json")]
    assert {read_anchor_receipt(item, "item").content["chain"] for item in items} == {
        "fake:court",
        "fake:notary",
    }
    case.court.reorganise(100, forget=True, deep=True)
    ended = cli("anchor", "prove", "--home", case.home, "--size", point.size, "--json")
    assert ended.code == ExitCode.REFUSED
    stands = {one["adapter"]: one["live"]["stands"] for one in ended.document["receipts"]}
    assert stands == {"court": False, "notary": True}
    unknown = cli("anchor", "prove", "--home", case.home, "--code", "CZ0000000000000")
    assert unknown.code == ExitCode.REFUSED
    beyond = cli("anchor", "prove", "--home", case.home, "--size", 10_000)
    assert "the log's size" in beyond.err


def test_entries_for_a_trust_file(case: Case, cli: Cli, tmp_path: Path) -> None:
    trust, made = tmp_path / "trust.json", tmp_path / "anchored.json"
    cli("trust", "make", "--genesis", case.home / "genesis.json", "--out", trust)
    asked = ("anchor", "trust", "--home", case.home, "--trust", trust, "--out", made)
    ended = cli(*asked)
    assert ended.code == ExitCode.OK, ended.err
    entries = decode_trust(made.read_bytes()).anchors
    assert [entry["chain"] for entry in entries] == ["fake:court", "fake:notary"]
    again = cli("anchor", "trust", "--home", case.home, "--trust", made, "--out", tmp_path / "x")
    assert again.code == ExitCode.OK
    assert (tmp_path / "x").read_bytes() == made.read_bytes(), "they are in it once"
    assert cli(*asked).code != ExitCode.OK, "no file is overwritten"
    half = cli("anchor", "trust", "--home", case.home, "--trust", trust)
    assert half.code == ExitCode.USAGE


def alarms_seen(case: Case, cli: Cli) -> dict[str, Callable[[], bool]]:
    """Every place at which a conflict must be seen."""
    get, home = case.running.get, case.home
    return {
        "the interface": lambda: bool(get("/v1/anchors").json()["alarms"]),
        "the node's description": lambda: bool(get("/v1/node").json()["alarms"]),
        "readiness": lambda: bool(get("/readyz").json()["alarms"]),
        "metrics": lambda: "evidence_anchor_conflicts 1.0" in get("/metrics").text,
        "the page": lambda: 'role="alert"' in get("/").text and "fake:court" in get("/").text,
        "the page in English": lambda: "contradicts" in get("/?lang=en").text,
        "the status page": lambda: 'role="alert"' in get("/status").text,
        "a block's page": lambda: 'role="alert"' in get("/b/1").text,
        "the page of certificates": lambda: 'role="alert"' in get("/certificate").text,
        "status": lambda: bool(cli("status", "--home", home, "--json").document["alarms"]),
        "anchor status": lambda: cli("anchor", "status", "--home", home).code == ExitCode.REFUSED,
        "doctor": lambda: (
            "anchors" in cli("doctor", "--home", home, "--json", "--wait", "0.1").document["failed"]
        ),
        "monitor": lambda: bool(Fetcher(5.0).observe([case.running.url])[0].conflicts),
    }


def test_a_conflict_is_seen_everywhere_until_it_is_cleared_up(case: Case, cli: Cli) -> None:
    case.record()
    places = alarms_seen(case, cli)
    assert [place for place, seen in places.items() if seen()] == []
    size = case.plant()
    assert [place for place, seen in places.items() if not seen()] == []
    assert case.running.get("/readyz").json()["ready"], "the ledger itself goes on"
    told = cli("anchor", "status", "--home", case.home).out
    assert f"CONFLICT court (fake:court): conflict at size {size}" in told
    assert "court (fake:court): CONFLICT" in told
    assert "notary (fake:notary): UP TO DATE" in told, "the other chain is not stopped"
    case.court.planted.clear()
    ended = cli("anchor", "retry", "court", "--home", case.home)
    assert (ended.code, ended.out) == (ExitCode.OK, f"court takes up size {size}\n")
    with Miner(case.court, case.notary):
        settled(lambda: not case.running.node.anchor_jobs.parked("court"))
    assert [place for place, seen in places.items() if seen()] == []


def test_what_can_be_retried(case: Case, cli: Cli) -> None:
    nobody = cli("anchor", "retry", "nobody", "--home", case.home)
    assert nobody.code == ExitCode.REFUSED
    assert "no adapter is called nobody" in nobody.err
    nothing = cli("anchor", "retry", "court", "--home", case.home)
    assert nothing.out == "court goes on; nothing was parked\n"


def test_an_adapter_that_is_not_configured_any_more_keeps_its_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Cli
) -> None:
    court = FakeChain(name="fake:court", planted={2: b"another root"})
    fake_kind(monkeypatch, {"court": court})
    home = make_home(
        tmp_path / "home", parameters={"anchor_every_records": 1}, more=to_chains("court")
    )
    node = running(home)
    submit(node, [record_of(home).encode()])
    settled(lambda: node.anchor_jobs.parked("court"))
    node.stop()
    ended = cli("anchor", "status", "--home", home.path, "--json")
    assert ended.code == ExitCode.REFUSED
    told = ended.document
    assert not told["running"]
    assert [alarm["adapter"] for alarm in told["alarms"]] == ["court"]
    without = replace(home, config=replace_anchors(home.config, home.path))
    with served(without, system_time) as again, administered(again):
        told = again.get("/v1/anchors").json()
        assert [alarm["adapter"] for alarm in told["alarms"]] == ["court"]
        assert {one["state"] for one in told["adapters"]} == {"not configured"}
        ended = cli("anchor", "retry", "court", "--home", home.path)
        assert "its alarm is taken back" in ended.out
        assert again.get("/v1/anchors").json()["alarms"] == []


def replace_anchors(config: object, home: Path, *peers: str) -> object:
    """A configuration without outside chains, of another home."""
    import msgspec

    return msgspec.structs.replace(config, home=home, anchors=AnchorsConfig(peers=list(peers)))


def test_receipts_get_to_a_node_that_does_not_anchor_itself(case: Case, tmp_path: Path) -> None:
    """Another node of the same ledger, with nothing local: it follows the ledger's records."""
    case.record()
    home, node = case.running.home, case.running.node
    settled(lambda: not node.anchor_jobs.unrecorded())
    settled(lambda: case.running.get("/readyz").json()["pending"] == 0)
    copied = tmp_path / "copied"
    with node.reader() as reader:
        index = reader.meta.size - 1
    node.engine.stop()
    shutil.copytree(
        home.path, copied, ignore=shutil.ignore_patterns("*.sock", "local", "journal", "LOCK")
    )
    config = replace_anchors(home.config, copied, case.running.url)
    other = running(replace(home, path=copied, config=config))
    try:
        settled(lambda: other.receipts.followed > index and not other.receipts.wanted())
        with other.reader() as reader:
            bundle = bundle_record(reader, 1, anchors=other.receipts.items)
        assert bundle["anchors"] == node.receipts.items([1], 1 << 40)
        assert len(bundle["anchors"]) == 2
    finally:
        other.stop()


def test_a_stopped_node_still_tells_of_a_conflict(tmp_path: Path, cli: Cli) -> None:
    home = make_home(tmp_path / "home")
    node = Node(home.config)
    node.start()
    node.anchor_jobs.put_course(
        "court", Course(7, stopped="conflict at size 7: another root", conflict=True)
    )
    node.stop()
    ended = cli("doctor", "--home", home.path, "--wait", "0.1")
    assert ended.code != ExitCode.OK
    assert "contradicts this ledger: court: conflict at size 7: another root" in ended.out
