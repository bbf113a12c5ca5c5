"""A ledger that goes on as another chain: one log, one state; bundles and audits cross the seam."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from builders.consortium import CHAIN, MEMBERS, consortium_genesis, member_key
from builders.deciding import validator_change, validator_named
from builders.events import case_sub
from builders.ledger import LedgerBench, rows_of
from builders.second_opinion import both_of
from builders.traffic import traffic
from builders.validating import SetBench
from builders.world import SEAL

from node.core.bundle import decode_bundle
from node.core.encoding import canonical_json
from node.core.errors import InvalidInput, LedgerFault
from node.core.genesis import decode_genesis
from node.evidence.bundle import bundle_dossier, bundle_record
from node.ledger.application import Application
from node.ledger.audit import AuditReport, audit_ledger
from node.ledger.lineage import read_end, read_geneses
from node.ledger.opening import FrameOpener
from node.ledger.replay import replay_ledger
from node.ledger.rows import ENDED, GENESIS, PREDECESSOR
from node.storage.memory import MemoryStore

CASE, LATER = case_sub(), "case:platform-a:later"
NEXT = "consortium-next"


def begun() -> LedgerBench:
    bench = LedgerBench()
    bench.record("seal.applied", SEAL)
    bench.block([bench.jwt("seal.created", SEAL)], [bench.jwt("seal.filed", SEAL)])
    bench.record("signing.initiated", CASE)
    bench.record("signing.identity_verified", CASE)
    return bench


def gone_on() -> LedgerBench:
    bench = begun()
    bench.move_on()
    bench.record("signing.started", CASE)
    bench.record("signing.sealed", CASE)
    bench.record("signing.initiated", LATER)
    return bench


@pytest.fixture(scope="module")
def moved() -> LedgerBench:
    """A ledger of two chains. Not to be changed."""
    return gone_on()


def state(bench: LedgerBench, key: str) -> Mapping[str, Any]:
    with bench.reader() as reader:
        value = reader.state(key)
    assert value is not None, key
    return value


def audit(bench: LedgerBench, changes: Mapping[bytes, bytes | None]) -> AuditReport:
    store = MemoryStore()
    batch = store.batch()
    for key, value in {**rows_of(bench.store), **changes}.items():
        if value is not None:
            batch.put(key, value)
    store.write(batch, sync=True)
    return audit_ledger(store, bench.bodies, MemoryStore(), 0, lambda *_: None)


# -- going on --------------------------------------------------------------------------------------


def test_log_and_heights_continue() -> None:
    bench = begun()
    before = bench.application.need_meta()
    with bench.reader() as reader:
        documents, root = reader.genesis_documents(), reader.root(before.size)
    bench.move_on()
    after = bench.application.need_meta()
    assert (after.size, after.height, after.chain_id) == (before.size + 1, before.height + 1, NEXT)
    with bench.reader() as reader:
        assert reader.root(before.size) == root
        assert reader.genesis_documents() == {**documents, before.size: bench.genesis.document}
        with pytest.raises(InvalidInput, match=f"entry {before.size} is a genesis"):
            reader.entry(before.size)
        assert [entry.index for entry in reader.entries([1, before.size - 1])]


def test_an_old_dossier_goes_on_under_its_code(moved: LedgerBench) -> None:
    with moved.reader() as reader:
        entries = list(reader.entries(reader.dossier_indexes(CASE)))
    assert [entry.entry.code[-2:] for entry in entries] == ["-1", "-2", "-3", "-4"]
    assert len({entry.entry.code[:-2] for entry in entries}) == 1
    assert [entry.transaction.cid for entry in entries] == [CHAIN, CHAIN, NEXT, NEXT]


@pytest.mark.parametrize("sub", [CASE, LATER, SEAL])
def test_bundles_span_both_chains(moved: LedgerBench, sub: str) -> None:
    with moved.reader() as reader:
        bundle = bundle_dossier(reader, sub)
    assert [len(chain["roots"]) for chain in bundle["predecessors"]] != [0]
    assert both_of(bundle, moved.trust()).accepted
    decode_bundle(canonical_json(bundle))


def test_single_records_of_either_chain(moved: LedgerBench) -> None:
    with moved.reader() as reader:
        for index in (1, 4, reader.meta.size - 1):
            report = both_of(bundle_record(reader, index), moved.trust())
            assert report.accepted, report


def test_a_bundle_from_an_old_size_leads_there(moved: LedgerBench) -> None:
    with moved.reader() as reader:
        for size in (2, 6, reader.meta.size):
            bundle = bundle_dossier(reader, CASE, from_size=size)
            known = {"root": reader.root(size).hex(), "size": size}
            trust = canonical_json({**_json(moved.trust()), "checkpoint": known})
            report = both_of(bundle, trust)
            step = next(step for step in report.steps if step.id == "log.checkpoint")
            assert step.status == "passed", (size, step)


def _json(document: bytes) -> dict[str, Any]:
    import json

    value: dict[str, Any] = json.loads(document)
    return value


def test_old_bundles_and_trust_files_stay_good() -> None:
    bench = begun()
    trust = bench.trust()
    with bench.reader() as reader:
        bundle = bundle_dossier(reader, CASE)
    bench.move_on()
    assert both_of(bundle, trust).accepted
    bench.record("signing.started", CASE)
    with bench.reader() as reader:
        report = both_of(bundle_dossier(reader, CASE), trust)
    assert [step.id for step in report.steps if step.status == "failed"] == ["chain.identity"]


def test_an_event_is_recorded_once_over_both_chains() -> None:
    bench = begun()
    old = bench.record("signing.initiated", LATER, jti="once")
    bench.move_on()
    again = bench.jwt("signing.initiated", "case:platform-a:other", jti="once")
    assert bench.block([old, again]) == ["duplicate", "conflict"]


def test_what_names_the_old_chain_is_refused() -> None:
    bench = begun()
    bench.move_on()
    assert bench.block([bench.jwt("signing.initiated", LATER, cid=CHAIN)]) == ["wrong_chain"]


def test_three_chains() -> None:
    bench = gone_on()
    bench.move_on(bench.successor("consortium-third"))
    bench.record("signing.completed", CASE)
    with bench.reader() as reader:
        bundle = bundle_dossier(reader, CASE)
    assert len(bundle["predecessors"]) == 2
    assert both_of(bundle, bench.trust()).accepted
    assert audit(bench, {}).clean
    assert [genesis.chain_id for genesis in read_geneses(bench.store)] == [
        CHAIN,
        NEXT,
        "consortium-third",
    ]


def test_the_ledger_opens_again(moved: LedgerBench) -> None:
    again = Application(moved.store, moved.bodies)
    assert again.need_meta().app_hash == moved.app_hash
    assert again.need_meta().chain_id == NEXT
    assert again.genesis().chain_id == NEXT
    assert set(again.public_keys()) >= {member_key(name).kid for name in MEMBERS}


# -- members and keys ------------------------------------------------------------------------------


def successor_of(bench: LedgerBench, without: str = "", **changes: Any) -> bytes:
    """The document of a genesis that lacks a member, or changes members by their ids."""
    value = _json(bench.successor().document)
    members = [item for item in value["members"] if item["id"] != without]
    value["members"] = [{**item, **changes.get(item["id"], {})} for item in members]
    return canonical_json(value)


def test_a_member_that_is_not_named_retires() -> None:
    bench = begun()
    first = bench.application.need_meta().height + 2
    bench.move_on(decode_genesis(successor_of(bench, without="maker-b")))
    assert state(bench, "member/maker-b")["status"] == "retired"
    assert state(bench, f"key/{member_key('maker-b').kid}")["to"] == first
    assert state(bench, "member/maker-a")["since"] == first
    kept = state(bench, f"key/{member_key('maker-a').kid}")
    assert (kept["from"], kept.get("to")) == (1, None)
    assert bench.block([bench.jwt("seal.applied", "seal:maker-b:1", by="maker-b")]) == [
        "key_not_in_force"
    ]


def test_a_member_with_a_new_key_signs_with_that_one_alone() -> None:
    bench = begun()
    first = bench.application.need_meta().height + 2
    fresh = member_key("platform-a", "fresh")
    keys = [{"from": 1, "jwk": fresh.jwk.to_json()}]
    bench.move_on(decode_genesis(successor_of(bench, **{"platform-a": {"keys": keys}})))
    assert state(bench, f"key/{fresh.kid}")["from"] == first, "not in the old chain's heights"
    old = bench.jwt("signing.initiated", LATER)
    new = bench.jwt("signing.initiated", LATER, key=fresh)
    assert bench.block([old, new]) == ["key_not_in_force", "accepted"]
    bench.block([bench.jwt("signing.started", CASE, key=fresh)])
    with bench.reader() as reader:
        assert both_of(bundle_dossier(reader, CASE), bench.trust()).accepted


def test_validators_and_parameters_are_the_new_genesis_s() -> None:
    bench = begun()
    bench.move_on(bench.successor(parameters={"late_after_ms": 5}))
    assert state(bench, "parameter/late_after_ms") == {"value": 5}
    validator = bench.genesis.validator_set.validators[0]
    assert state(bench, f"validator/{validator.address.hex()}")["member"] == "operator-a"


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"maker-a": "maker-b", "maker-b": "maker-a"}, "'s in the chain before"),
        ({"maker-a": "maker-a"}, "is in force already: its from must be at most"),
    ],
)
def test_keys_that_cannot_be_carried_over(keys: dict[str, str], says: str) -> None:
    bench = begun()
    start = 1 if len(keys) == 2 else 100
    changed = {
        name: {"keys": [{"from": start, "jwk": member_key(whose).jwk.to_json()}]}
        for name, whose in keys.items()
    }
    before = rows_of(bench.store)
    with pytest.raises(InvalidInput, match=says):
        bench.move_on(decode_genesis(successor_of(bench, **changed)))
    assert rows_of(bench.store) == before


def test_a_key_that_ended_is_not_taken_up_again() -> None:
    ended = [
        {"from": 1, "jwk": member_key("maker-b").jwk.to_json(), "to": 3},
        {"from": 1, "jwk": member_key("maker-b", "second").jwk.to_json()},
    ]
    bench = LedgerBench(genesis=consortium_genesis(keys={"maker-b": ended}))
    bench.record("signing.initiated", CASE)
    bench.block()
    with pytest.raises(InvalidInput, match="ended at height 3, and cannot be taken up again"):
        bench.move_on(bench.successor())


# -- what is refused -------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "chain": ({"predecessor": {"chain_id": "other"}}, r"predecessor\.chain_id"),
    "header": ({"predecessor": {"header": "00" * 32}}, r"predecessor\.header"),
    "root": ({"predecessor": {"root": "00" * 32}}, r"predecessor\.root"),
    "size": ({"predecessor": {"size": 3}}, r"predecessor\.size"),
    "state": ({"predecessor": {"state_root": "00" * 32}}, r"predecessor\.state_root"),
    "height": ({"initial_height": 11}, r"initial_height: must be 10"),
    "time": ({"genesis_time": 5}, r"genesis_time: must be after"),
    "none": ({"predecessor": None}, "holds the chain consortium-test already"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_genesis_that_does_not_continue_it(case: str) -> None:
    changes, says = WRONG[case]
    bench = begun()
    value = _json(bench.successor().document)
    for name, change in changes.items():
        if change is None:
            del value[name]
        else:
            value[name] = {**value[name], **change} if isinstance(change, dict) else change
    before = rows_of(bench.store)
    with pytest.raises(InvalidInput, match=says):
        bench.application.init_chain(decode_genesis(canonical_json(value)))
    assert rows_of(bench.store) == before
    bench.record("signing.started", CASE)


def test_an_id_is_not_used_twice() -> None:
    bench = gone_on()
    with pytest.raises(InvalidInput, match="chain_id: is that of a chain before it"):
        bench.move_on(bench.successor(CHAIN))


def test_bundles_hold_as_many_chains_as_a_ledger_may() -> None:
    bench = LedgerBench()
    bench.record("signing.initiated", CASE)
    for number in range(16):
        bench.move_on(bench.successor(f"chain-{number}"))
        bench.record("signing.initiated", f"case:platform-a:{number}")
    with bench.reader() as reader:
        bundle = bundle_dossier(reader, CASE)
    assert len(bundle["predecessors"]) == 16
    assert both_of(bundle, bench.trust()).accepted
    with pytest.raises(InvalidInput, match="would be the 17th, and bundles hold 16"):
        bench.move_on(bench.successor("one-too-many"))


def test_a_chain_does_not_end_where_no_header_shows_it() -> None:
    bench = LedgerBench()
    with pytest.raises(InvalidInput, match="cannot end at height 0"):
        read_end(bench.store, bench.application.need_meta())


# -- made again ------------------------------------------------------------------------------------


def test_the_ledger_is_made_again_from_its_blocks() -> None:
    bench = LedgerBench()
    bench.play(traffic(3, seals=3, cases=3, records=2))
    bench.move_on()
    bench.play(traffic(4, seals=3, cases=3, records=2))
    made = MemoryStore()
    replay_ledger(bench.store, bench.bodies, made, FrameOpener({}, 0), lambda *_: None)
    bench.application.close()
    assert rows_of(made) == rows_of(bench.store)


def test_an_audit_across_the_seam(moved: LedgerBench) -> None:
    report = audit(moved, {})
    assert report.clean, report
    assert report.replayed is not None
    assert report.replayed.height == moved.application.need_meta().height


def test_an_audit_passes_over_the_mark_of_an_ended_chain(moved: LedgerBench) -> None:
    assert audit(moved, {ENDED: b"{}"}).clean


def test_an_audit_finds_another_past(moved: LedgerBench) -> None:
    (key,) = [key for key in rows_of(moved.store) if key[:1] == PREDECESSOR]
    other = consortium_genesis(genesis_time=7).document
    assert not audit(moved, {key: other}).clean
    assert not audit(moved, {key: None}).clean
    assert not audit(moved, {GENESIS: other}).clean


def test_a_key_is_unknown_until_its_genesis_names_it() -> None:
    """What an old block made of a signer that only the next genesis names is made of it again."""
    bench = begun()
    fresh = member_key("platform-a", "fresh")
    stranger = bench.jwt("signing.initiated", LATER, key=fresh)
    assert bench.block([stranger]) == ["unknown_key"]
    keys = [{"from": 1, "jwk": fresh.jwk.to_json()}]
    bench.move_on(decode_genesis(successor_of(bench, **{"platform-a": {"keys": keys}})))
    assert bench.block([bench.jwt("signing.initiated", LATER, key=fresh)]) == ["accepted"]
    assert audit(bench, {}).clean


def test_damaged_geneses_are_told_of(moved: LedgerBench) -> None:
    store = MemoryStore()
    with pytest.raises(LedgerFault, match="its genesis is missing"):
        read_geneses(store)
    batch = store.batch()
    batch.put(GENESIS, b"{}")
    store.write(batch, sync=True)
    with pytest.raises(LedgerFault, match="the genesis in the store is damaged"):
        read_geneses(store)


# -- what members had decided ----------------------------------------------------------------------


def proposal(bench: LedgerBench, sub: str, change: Mapping[str, Any]) -> list[str]:
    data = {"change": dict(change), "closes_at": bench.time() + 86_400_000}
    return bench.block([bench.jwt("governance.proposed", sub, data, "operator-a")])


def test_open_proposals_end_void() -> None:
    bench = begun()
    sub = "consortium:operator-a:p1"
    assert proposal(bench, sub, {"kind": "member.suspend", "member": "maker-b"}) == ["accepted"]
    assert state(bench, f"dossier/{sub}")["status"] == "open"
    bench.move_on()
    assert state(bench, f"dossier/{sub}")["status"] == "void"
    vote = bench.jwt("governance.voted", sub, {"vote": "approve"}, "operator-b")
    assert bench.block([vote]) == ["proposal_closed"]
    again = "consortium:operator-a:p2"
    assert proposal(bench, again, {"kind": "member.suspend", "member": "maker-b"}) == ["accepted"]
    assert audit(bench, {}).clean


def test_a_retired_member_is_still_listed_and_has_no_vote() -> None:
    bench = begun()
    bench.move_on(decode_genesis(successor_of(bench, without="maker-b")))
    assert "maker-b" in state(bench, "consortium/members")["ids"]
    admit = {"kind": "member.readmit", "member": "maker-b"}
    assert proposal(bench, "consortium:operator-a:p1", admit) == ["accepted"]
    with bench.reader() as reader:
        held = reader.state("dossier/consortium:operator-a:p1")
    assert held is not None
    assert held["status"] == "open"


def test_a_recovery_key_goes_on_and_is_no_other() -> None:
    bench = begun()
    bench.move_on()
    kid = member_key("platform-a", "recovery").kid
    assert state(bench, f"key/{kid}") == {
        "from": 1,
        "jwk": member_key("platform-a", "recovery").jwk.to_json(),
        "member": "platform-a",
        "use": "recovery",
    }
    swapped = {
        "platform-a": {
            "keys": [{"from": 1, "jwk": member_key("platform-a", "recovery").jwk.to_json()}],
            "recovery_key": member_key("platform-a").jwk.to_json(),
        }
    }
    bench = begun()
    with pytest.raises(InvalidInput, match="is a recovery key on one side"):
        bench.move_on(decode_genesis(successor_of(bench, **swapped)))


def test_keys_are_counted_over_both_chains() -> None:
    bench = begun()
    fresh = member_key("platform-a", "fresh")
    keys = [{"from": 1, "jwk": fresh.jwk.to_json()}]
    bench.move_on(decode_genesis(successor_of(bench, **{"platform-a": {"keys": keys}})))
    assert state(bench, "member/platform-a")["keys"] == 3, "old, new and recovery key"


def test_a_consortium_s_chain_whose_validators_changed_is_continued() -> None:
    """Its changes of validators are shown with it, and who validated then stays known."""
    bench = SetBench()
    bench.record("signing.initiated", CASE)
    bench.decide(validator_change("d", 10, "court-a"))
    bench.record("signing.identity_verified", CASE)
    bench.block()
    LedgerBench.move_on(bench)
    bench.record("signing.voided", CASE)
    with bench.reader() as reader:
        bundle = bundle_dossier(reader, CASE)
    assert len(bundle["predecessors"][0]["validator_sets"]) == 2
    assert len(bundle["chain"]["validator_sets"]) == 1
    assert both_of(bundle, bench.trust()).accepted
    assert audit(bench, {}).clean
    left = validator_named("d").validator.address.hex()
    assert state(bench, f"validator/{left}")["power"] == 0
