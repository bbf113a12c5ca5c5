"""The chaincode's rules under any sequence of calls, and its inclusion query against the log's."""

from __future__ import annotations

import json
from typing import Any

from builders.fabric_chaincode import State
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from node.core.anchors.point import AnchorPoint
from node.core.merkle import leaf_hash, node_hash, root_of_leaves, verify_inclusion

MEMBERS = ("Org1MSP", "Org2MSP", "Org3MSP", "Org4MSP")
ROOTS = tuple(byte * 32 for byte in ("aa", "bb"))


class Attesting(RuleBasedStateMachine):
    """Members and strangers attest and vote in any order; some transactions come too late."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.seen: dict[str, dict[str, Any]] = {}
        self.last: dict[str, int] = {}
        self.waiting: list[Any] = []

    @initialize(count=st.integers(1, 4), data=st.data())
    def begin(self, count: int, data: st.DataObject) -> None:
        self.state.initialise(MEMBERS[:count], data.draw(st.integers(1, count)))

    def configuration(self) -> dict[str, Any]:
        return json.loads(self.state.get("c"))

    @rule(size=st.integers(1, 6), root=st.sampled_from(ROOTS), by=st.sampled_from(MEMBERS))
    def attest(self, size: int, root: str, by: str) -> None:
        point = json.dumps({"chain_id": "audit", "size": size, "root": root})
        before = self.state.get(f"p|audit|{size:020d}")
        done = self.state.call("Attest", point, by=by)
        if by not in self.configuration()["members"]:
            assert done.message == f"not a member: {by}"
        elif before and json.loads(before)["root"] != root:
            assert done.message.startswith("conflict: ")
        elif before and by in json.loads(before)["by"]:
            assert (done.status, done.writes) == (200, {})
        elif size <= self.last.get(by, 0):
            assert done.message.startswith("stale: ")
        else:
            assert self.state.commit(done)
            self.last[by] = size

    @rule(size=st.integers(1, 6), root=st.sampled_from(ROOTS), by=st.sampled_from(MEMBERS))
    def endorse_only(self, size: int, root: str, by: str) -> None:
        point = json.dumps({"chain_id": "audit", "size": size, "root": root})
        done = self.state.call("Attest", point, by=by)
        if done.status == 200 and done.writes:
            self.waiting.append((by, size, done))

    @rule()
    def commit_late(self) -> None:
        if self.waiting:
            by, size, done = self.waiting.pop()
            if self.state.commit(done):
                self.last[by] = size

    @rule(members=st.sets(st.sampled_from(MEMBERS), min_size=1), by=st.sampled_from(MEMBERS))
    def vote(self, members: set[str], by: str) -> None:
        wanted = {
            "members": sorted(members),
            "threshold": len(members),
            "version": self.configuration()["version"] + 1,
        }
        done = self.state.call("VoteConfiguration", json.dumps(wanted), by=by)
        if done.status == 200:
            assert self.state.commit(done)

    @invariant()
    def nothing_is_taken_back(self) -> None:
        for key, (value, _) in self.state.values.items():
            if key.startswith("p|"):
                record = json.loads(value)
                old = self.seen.get(key)
                if old is not None:
                    assert record["root"] == old["root"]
                    assert set(old["by"]) <= set(record["by"])
                    for name in ("time", "first_tx", "confirmed_tx", "confirmed_time"):
                        assert name not in old or record[name] == old[name]
                self.seen[key] = record

    @invariant()
    def the_newest_is_confirmed(self) -> None:
        newest = self.state.get("h|audit")
        confirmed = [one["size"] for one in self.seen.values() if "confirmed_tx" in one]
        assert int(newest or b"0") == max(confirmed, default=0)


Attesting.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestAttesting = Attesting.TestCase


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH(m, D_n) of RFC 9162 §2.1.3.1, as it is written there."""
    if len(leaves) == 1:
        return []
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    if index < cut:
        return [*path_of(index, leaves[:cut]), tree_root(leaves[cut:])]
    return [*path_of(index - cut, leaves[cut:]), tree_root(leaves[:cut])]


def tree_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    cut = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(tree_root(leaves[:cut]), tree_root(leaves[cut:]))


@settings(max_examples=60)
@given(st.integers(1, 40), st.data())
def test_the_inclusion_query_agrees_with_the_log(size: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(str(number).encode()) for number in range(size)]
    root = root_of_leaves(leaves)
    anchored = AnchorPoint("audit", 3, size, root, b"\x01" * 32, b"\x02" * 32)
    state = State()
    state.initialise(("Org1MSP",), 1)
    attested = json.dumps({"chain_id": "audit", "size": size, "root": anchored.digest().hex()})
    assert state.commit(state.call("Attest", attested))

    index = data.draw(st.integers(0, size - 1))
    path = path_of(index, leaves)
    verify_inclusion(leaves[index], index, size, path, root)
    document = anchored.document().decode()

    def asked(leaf: bytes, at: int, hashes: list[bytes], of: str = document) -> Any:
        texts = json.dumps([one.hex() for one in hashes])
        return state.call("IsRecorded", of, leaf.hex(), str(at), texts)

    found = asked(leaves[index], index, path)
    assert found.status == 200, found.message
    assert json.loads(found.answer)["leaf"] == leaves[index].hex()
    assert found.writes == {}
    wrong = data.draw(st.integers(0, size + 2).filter(lambda other: other != index))
    for refused in (
        asked(leaf_hash(b"another"), index, path),
        asked(leaves[index], wrong, path),
        asked(leaves[index], index, [*path, bytes(32)]),
        asked(leaves[index], index, path, document.replace('"height":3', '"height":4')),
    ):
        assert refused.status == 500
    if path:
        assert asked(leaves[index], index, path[:-1]).status == 500
        assert asked(leaves[index], index, [*path[:-1], bytes(32)]).status == 500


def test_what_is_not_confirmed_is_not_recorded() -> None:
    root = leaf_hash(b"only")
    anchored = AnchorPoint("audit", 3, 1, root, bytes(32), bytes(32))
    state = State()
    state.initialise(("Org1MSP", "Org2MSP"), 2)
    attested = json.dumps({"chain_id": "audit", "size": 1, "root": anchored.digest().hex()})
    document = anchored.document().decode()
    arguments = ("IsRecorded", document, root.hex(), "0", "[]")
    assert state.call(*arguments).message.startswith("not found")
    assert state.commit(state.call("Attest", attested))
    assert state.call(*arguments).message.startswith("not confirmed")
    assert state.commit(state.call("Attest", attested, by="Org2MSP"))
    assert state.call(*arguments).status == 200
