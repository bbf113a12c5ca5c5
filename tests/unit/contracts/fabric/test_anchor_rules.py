"""The chaincode's rules, on a state of the tests' own."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from builders.fabric_chaincode import FOLDER, State, rules

from node.core.anchors.fabric_transaction import attest_argument, point_key
from node.core.anchors.point import AnchorPoint

ROOT, OTHER = "ab" * 32, "cd" * 32
MEMBERS = ("Org1MSP", "Org2MSP", "Org3MSP")


@pytest.fixture
def state() -> State:
    made = State()
    made.initialise(MEMBERS, 2)
    return made


def point(size: int = 1000, root: str = ROOT, chain_id: str = "audit") -> str:
    return json.dumps({"chain_id": chain_id, "size": size, "root": root})


def attest(state: State, size: int = 1000, root: str = ROOT, by: str = "Org1MSP") -> Any:
    done = state.call("Attest", point(size, root), by=by, at=size)
    if done.status == 200:
        assert state.commit(done)
    return done


def configuration(members: tuple[str, ...], threshold: int, version: int = 2) -> str:
    return json.dumps({"members": list(members), "threshold": threshold, "version": version})


def vote(state: State, wanted: str, by: str) -> Any:
    done = state.call("VoteConfiguration", wanted, by=by)
    if done.status == 200:
        assert state.commit(done)
    return done


def test_the_first_attestation_is_kept_and_not_confirmed(state: State) -> None:
    done = attest(state)
    kept = json.loads(state.get("p|audit|00000000000000001000"))
    assert kept == json.loads(done.answer)
    assert kept == {
        "by": ["Org1MSP"],
        "chain_id": "audit",
        "first_tx": done.tx_id,
        "root": ROOT,
        "size": 1000,
        "time": "1700001000.000000000",
    }
    assert done.event is None
    assert state.call("GetAnchor", "audit").message == "not found: audit"


def test_the_threshold_confirms_with_the_time_of_that_transaction(state: State) -> None:
    attest(state)
    done = state.call("Attest", point(), by="Org2MSP", at=5)
    name, payload = done.event
    record = json.loads(payload)
    assert name == "Anchored"
    assert record["by"] == ["Org1MSP", "Org2MSP"]
    assert record["confirmed_time"] == "1700000005.000000000"
    assert record["confirmed_tx"] == done.tx_id
    assert record["time"] == "1700001000.000000000"
    assert state.commit(done)
    assert json.loads(state.call("GetAnchor", "audit").answer) == record
    third = attest(state, by="Org3MSP")
    assert third.event is None
    assert json.loads(third.answer)["confirmed_tx"] == done.tx_id


def test_the_same_again_writes_nothing_however_old(state: State) -> None:
    attest(state, 1000)
    attest(state, 2000)
    again = state.call("Attest", point(1000))
    assert (again.status, again.writes, again.event) == (200, {}, None)
    assert json.loads(again.answer)["by"] == ["Org1MSP"]


def test_another_root_at_a_known_size_is_a_conflict_for_everybody(state: State) -> None:
    attest(state)
    for member in MEMBERS:
        done = state.call("Attest", point(root=OTHER), by=member)
        assert done.message == f"conflict: audit size 1000 known root {ROOT} given {OTHER}"
        assert done.status == 500


def test_the_sizes_of_one_member_rise_and_block_no_other(state: State) -> None:
    attest(state, 2**53 - 1, by="Org1MSP")
    done = state.call("Attest", point(1000), by="Org1MSP")
    assert done.message == "stale: audit size 1000 is not above 9007199254740991"
    assert attest(state, 1000, by="Org2MSP").status == 200
    assert attest(state, 2000, by="Org2MSP").status == 200
    assert attest(state, 1500, by="Org2MSP").message.startswith("stale:")


def test_sizes_of_other_chains_do_not_count(state: State) -> None:
    attest(state, 1000)
    assert state.call("Attest", point(5, chain_id="other")).status == 200


def test_an_older_size_confirmed_later_is_not_the_newest(state: State) -> None:
    for size, by in ((2000, "Org1MSP"), (2000, "Org2MSP"), (1000, "Org3MSP")):
        attest(state, size, by=by)
    late = State(dict(state.values), state.commits)
    late.values["m|audit|Org1MSP"] = (b"900", 1)
    done = late.call("Attest", point(1000), by="Org1MSP")
    assert done.event is not None
    assert "h|audit" not in done.writes
    assert late.commit(done)
    assert json.loads(late.call("GetAnchor", "audit").answer)["size"] == 2000


def test_only_members_attest_and_vote(state: State) -> None:
    for done in (
        state.call("Attest", point(), by="Org9MSP"),
        state.call("VoteConfiguration", configuration(("Org9MSP",), 1), by="Org9MSP"),
    ):
        assert done.message == "not a member: Org9MSP"


def test_without_a_configuration_nothing_can_be_attested() -> None:
    assert State().call("Attest", point()).message == "not initialised"
    assert State().call("GetConfiguration").message == "not initialised"


def test_initialising_again_changes_nothing(state: State) -> None:
    vote(state, configuration(("Org1MSP",), 1), "Org1MSP")
    vote(state, configuration(("Org1MSP",), 1), "Org2MSP")
    call = rules.Call("Init", (), "Org9MSP", "tx", "1.0")
    again = state.run("tx", lambda: rules.initialise(call, ("Org9MSP",), 1))
    assert again.writes == {}
    assert json.loads(again.answer) == {"members": ["Org1MSP"], "threshold": 1, "version": 2}


@pytest.mark.parametrize(
    ("members", "threshold"),
    [((), 1), (("A", "A"), 1), (("A",), 0), (("A",), 2), (("A", "B|C"), 1), (("A",), True)],
)
def test_a_first_configuration_must_be_right(members: tuple[str, ...], threshold: int) -> None:
    with pytest.raises(rules.Refusal, match="bad configuration"):
        rules.check_configuration(members, threshold)


def test_members_change_by_a_vote_of_the_threshold(state: State) -> None:
    wanted = configuration(("Org1MSP", "Org4MSP"), 1)
    first = vote(state, wanted, "Org1MSP")
    assert first.event is None
    assert state.call("Attest", point(), by="Org4MSP").status == 500
    again = vote(state, wanted, "Org1MSP")
    assert again.writes == {}
    second = vote(state, wanted, "Org2MSP")
    assert second.event[0] == "ConfigurationChanged"
    assert json.loads(state.call("GetConfiguration").answer) == json.loads(wanted)
    assert state.call("Attest", point(), by="Org2MSP").message == "not a member: Org2MSP"
    assert state.call("Attest", point(), by="Org4MSP").event[0] == "Anchored"


def test_votes_do_not_outlive_a_change(state: State) -> None:
    lingering = configuration(("Org3MSP",), 1)
    vote(state, lingering, "Org3MSP")
    for member in ("Org1MSP", "Org2MSP"):
        vote(state, configuration(MEMBERS, 2), member)
    late = state.call("VoteConfiguration", lingering, by="Org1MSP")
    assert late.message == "stale: the configuration has version 2"


def test_the_votes_of_members_that_left_do_not_count(state: State) -> None:
    """Nor do their attestations: the threshold is one of present members."""
    attest(state, by="Org3MSP")
    for member in ("Org1MSP", "Org2MSP"):
        vote(state, configuration(("Org1MSP", "Org2MSP"), 2), member)
    assert attest(state, by="Org1MSP").event is None
    assert attest(state, by="Org2MSP").event is not None


def test_a_change_does_not_touch_what_was_confirmed(state: State) -> None:
    attest(state)
    attest(state, by="Org2MSP")
    before = state.get("p|audit|00000000000000001000")
    for member in ("Org1MSP", "Org2MSP"):
        vote(state, configuration(("Org4MSP",), 1), member)
    assert state.get("p|audit|00000000000000001000") == before
    conflict = state.call("Attest", point(root=OTHER), by="Org4MSP")
    assert conflict.message.startswith("conflict:")


def test_of_two_attestations_at_once_one_must_come_again(state: State) -> None:
    """As in the recording: MVCC_READ_CONFLICT for the second in a block."""
    first = state.call("Attest", point(), by="Org1MSP")
    second = state.call("Attest", point(), by="Org2MSP")
    assert state.commit(first)
    assert not state.commit(second)
    assert attest(state, by="Org2MSP").event is not None


BAD_POINTS = [
    "",
    "[]",
    "null",
    "{",
    "[" * 5000,
    '{"chain_id":"audit","size":1}',
    '{"chain_id":"audit","size":1,"root":"' + ROOT + '","x":1}',
    '{"chain_id":"audit","size":1,"size":2,"root":"' + ROOT + '"}',
    '{"chain_id":"audit","size":1.0,"root":"' + ROOT + '"}',
    '{"chain_id":"audit","size":1e3,"root":"' + ROOT + '"}',
    '{"chain_id":"audit","size":NaN,"root":"' + ROOT + '"}',
    '{"chain_id":"audit","size":true,"root":"' + ROOT + '"}',
    '{"chain_id":"audit","size":"1","root":"' + ROOT + '"}',
    point(0),
    point(-1),
    point(2**53),
    point(root=ROOT.upper()),
    point(root=ROOT[:-2]),
    point(chain_id=""),
    point(chain_id="a|b"),
    point(chain_id="a" * 51),
    point(chain_id="审计"),
    " " * 5000 + point(),
]


@pytest.mark.parametrize("text", BAD_POINTS)
def test_a_bad_point_is_refused_with_its_rule(state: State, text: str) -> None:
    done = state.call("Attest", text)
    assert done.status == 500
    assert done.message.startswith("bad ")
    assert done.reads == {}


@pytest.mark.parametrize(
    "wanted",
    [
        configuration((), 1),
        configuration(("Org1MSP", "Org1MSP"), 1),
        configuration(("Org2MSP", "Org1MSP"), 1),
        configuration(("Org1MSP",), 2),
        configuration(("Org1MSP",), 0),
        '{"members":"Org1MSP","threshold":1,"version":2}',
        '{"members":[1],"threshold":1,"version":2}',
        '{"members":["Org1MSP"],"threshold":true,"version":2}',
        '{"members":["Org1MSP"],"threshold":1}',
    ],
)
def test_a_bad_configuration_is_refused(state: State, wanted: str) -> None:
    assert vote(state, wanted, "Org1MSP").message.startswith("bad configuration")


@pytest.mark.parametrize("version", [1, 3])
def test_a_configuration_must_follow_the_present_one(state: State, version: int) -> None:
    done = vote(state, configuration(MEMBERS, 1, version), "Org1MSP")
    assert done.message == "stale: the configuration has version 1"


@pytest.mark.parametrize(
    ("function", "parameters"),
    [("Delete", ("x",)), ("Attest", ()), ("GetAnchorAt", ("audit",)), ("Init", ()), ("", ())],
)
def test_unknown_calls_are_refused(
    state: State, function: str, parameters: tuple[str, ...]
) -> None:
    assert state.call(function, *parameters).message.startswith("bad ")


@pytest.mark.parametrize("size", ["0", "-1", "01", "1.0", "", "x", "9" * 20, "１"])
def test_a_bad_size_is_refused(state: State, size: str) -> None:
    assert state.call("GetAnchorAt", "audit", size).message.startswith("bad size")


def test_what_is_attested_can_be_read(state: State) -> None:
    done = attest(state)
    assert state.call("GetAnchorAt", "audit", "1000").answer == done.answer
    assert state.call("GetAnchorAt", "audit", "1001").message == "not found: audit size 1001"


def test_the_adapters_argument_and_key_are_the_chaincodes(state: State) -> None:
    anchored = AnchorPoint("court-1.x_y", 9, 4096, bytes(32), b"\x01" * 32, b"\x02" * 32)
    done = state.call("Attest", attest_argument(anchored).decode())
    record = json.loads(done.answer)
    assert record["root"] == anchored.digest().hex()
    assert point_key("court-1.x_y", 4096) == rules.point_key("court-1.x_y", 4096)
    assert point_key("court-1.x_y", 4096) in done.writes


@pytest.mark.parametrize("name", ["anchor_reading", "anchor_rules"])
def test_the_rules_know_no_clock_disk_or_network(name: str) -> None:
    """So that every peer comes to the same bytes."""
    imported = set()
    for part in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))):
        if isinstance(part, ast.ImportFrom):
            imported.add(part.module)
        elif isinstance(part, ast.Import):
            imported.update(alias.name for alias in part.names)
    pure = {"collections.abc", "dataclasses", "hashlib", "json", "re", "typing"}
    assert imported - pure - {"anchor_reading"} == {"__future__"}
