"""Ledgers of a consortium that changes: members, keys, validators, parameters, rules."""

from __future__ import annotations

from typing import Any

import pytest
from builders.consortium import member_key
from builders.deciding import admission, rotation, validator_change, validator_named
from builders.events import data_of
from builders.ledger import LedgerBench
from builders.validating import SetBench

from node.core.errors import LedgerFault, RulesUnknown
from node.core.frame import encode_frame
from node.ledger.application import Application, OpenedFrame
from node.ledger.audit import audit_ledger
from node.ledger.intake import Intake, KeyRing
from node.ledger.opening import FrameOpener
from node.ledger.replay import replay_ledger
from node.rules import judge, versions
from node.rules.genesis_parameters import first_keys
from node.rules.judgement import Misbehaviour, in_force
from node.rules.versions import RuleSet
from node.storage.memory import MemoryStore

NEWCOMER = "newcomer"


@pytest.fixture
def bench() -> SetBench:
    return SetBench()


def state(bench: LedgerBench, key: str) -> Any:
    with bench.reader() as reader:
        return reader.state(key)


def audited(bench: LedgerBench, workers: int = 0) -> tuple[str, ...]:
    """What an audit finds."""
    report = audit_ledger(bench.store, bench.bodies, MemoryStore(), workers, lambda *_: None)
    return tuple(f"{item.where}: {item.what}" for item in report.findings)


def case_of(bench: LedgerBench, number: int, by: str = NEWCOMER, **changes: Any) -> bytes:
    return bench.jwt("signing.initiated", f"case:{by}:{number}", by=by, **changes)


# -- members and keys -----------------------------------------------------------------------------


def test_an_admitted_member_signs_from_its_height(bench: SetBench) -> None:
    early = case_of(bench, 1)
    assert bench.block([early]) == ["unknown_key"]
    bench.decide(admission(NEWCOMER))
    height = bench.height
    start = state(bench, f"member/{NEWCOMER}")["since"]
    assert start == height  # the vote's block was followed by one that proves it
    assert bench.block([early], [case_of(bench, 2)]) == ["accepted", "accepted"]
    assert audited(bench) == ()


def test_a_key_registered_in_a_block_is_unknown_in_it_and_known_in_the_next(
    bench: SetBench,
) -> None:
    """Whenever a frame was opened: all nodes judge alike, by what the blocks before registered."""
    new = member_key("court-a", "new")
    rotated = bench.jwt(
        "key.rotated",
        "consortium:court-a:new",
        rotation("court-a", member_key("court-a", "new")),
        "court-a",
        key=member_key("court-a", "recovery"),
    )
    record = bench.jwt("governance.proposed", "consortium:court-a:2", by="court-a", key=new)
    (opened_early,) = bench.open([record])
    assert opened_early.taken[0][3] == 1
    assert bench.block([rotated], [record]) == ["accepted", "unknown_key"]
    block = bench.finalize([opened_early])
    bench.persist()
    assert block.results == [b"\0"]
    assert audited(bench) == ()
    assert bench.application.public_keys()[new.kid] == new.jwk
    assert Application(bench.store, bench.bodies).key_ring().get(new.kid) is not None


def test_a_block_with_a_bad_signature_of_a_key_since_registered_stops_the_node(
    bench: SetBench,
) -> None:
    """A proposal with such a frame is refused, so that no such block can be decided; see
    `node.engines.cometbft.opened`."""
    assert bench.rotate("court-a", "new") == ["accepted"]
    good = bench.jwt("governance.proposed", "consortium:court-a:2", by="court-a",
                     key=member_key("court-a", "new"))  # fmt: skip
    forged = good[:-20] + (b"A" if good[-20:-19] != b"A" else b"B") + good[-19:]
    frame = encode_frame([forged])
    before = Intake(KeyRing(first_keys(bench.genesis)))
    opened = OpenedFrame(frame, before.open_frame(frame))
    with pytest.raises(LedgerFault, match="a frame that may not be there"):
        bench.finalize([opened])


def test_new_keys_are_told_with_the_block_that_registers_them(bench: SetBench) -> None:
    new, recovery = member_key("court-a", "new"), member_key("court-a", "recovery")
    data = rotation("court-a", new)
    jwt = bench.jwt("key.rotated", "consortium:court-a:new", data, "court-a", key=recovery)
    block = bench.finalize(bench.open([jwt]))
    assert block.new_keys == {new.kid: new.jwk}
    bench.persist()
    assert bench.finalize(()).new_keys == {}


def test_what_a_lost_key_signed_is_refused_after_its_end(bench: SetBench) -> None:
    key = member_key("platform-a")
    report = {"kid": key.kid, "suspect_from": bench.time() - 1000}
    late = case_of(bench, 1, "platform-a")
    bench.record("key.compromised", "consortium:platform-a:1", report)
    assert bench.block([late]) == ["key_not_in_force"]
    assert state(bench, f"key/{key.kid}")["suspect_from"] == report["suspect_from"]
    assert audited(bench) == ()


# -- validators and parameters --------------------------------------------------------------------


def test_validators_change_in_the_headers_where_the_state_says(bench: SetBench) -> None:
    bench.decide(validator_change("d", 10, "court-a"), **{"from": bench.height + 8})
    bench.decide(validator_change("a", 0), **{"from": bench.height + 6})
    bench.decide({"kind": "parameter.set", "name": "max_block_bytes", "value": 1 << 20})
    for _ in range(12):
        bench.pass_block()
    with bench.reader() as reader:
        last = reader.meta.height
        for height in range(1, last + 1):
            _, commit = reader.need_kept(height)
            powers = {
                address: in_force(value, height)["power"]
                for name in "abcd"
                if (value := reader.state(f"validator/{(address := address_of(name))}"))
            }
            voted = {item.address.hex() for item in commit.signatures}
            decided = {address for address, power in powers.items() if power}
            if height > last - 12:  # what the newest state says of heights after its decisions
                assert voted == decided, height
    assert address_of("a") not in voted
    assert address_of("d") in voted
    assert audited(bench) == ()


def address_of(name: str) -> str:
    return validator_named(name).validator.address.hex()


def test_a_ledger_whose_headers_name_other_validators_than_its_state_is_found(
    bench: SetBench,
) -> None:
    bench.decide(validator_change("d", 10, "court-a"))
    honest = bench.maker.next_validators
    assert len(honest.validators) == 4
    bench.maker.next_validators = bench.genesis.validator_set
    for _ in range(3):
        bench.pass_block()
    assert any("next_validators_hash" in finding for finding in audited(bench))


# -- misbehaviour ---------------------------------------------------------------------------------


def deed(name: str = "a", height: int = 1, kind: str = "duplicate_vote") -> Misbehaviour:
    address = validator_named(name).validator.address
    return Misbehaviour(kind, address, 10, height, 1_790_000_000_000, 30)


def test_misbehaviour_is_noted_and_then_recorded(bench: SetBench) -> None:
    bench.pass_block()
    shown_at = bench.height
    before = bench.app_hash
    block = bench.show(deed(), deed("b"), deed(kind="light_client_attack"))
    assert block.results == []
    assert block.app_hash != before
    key = f"misbehaviour/{address_of('a')}/1"
    assert state(bench, key) == {
        "kind": "duplicate_vote",
        "power": 10,
        "shown_at": shown_at,
        "time": 1_790_000_000_000,
        "total_power": 30,
    }
    bench.show(deed())
    assert state(bench, key)["shown_at"] == shown_at
    data = {"address": address_of("a"), "height": 1, "misbehaviour": "duplicate_vote"}
    bench.record("validator.misbehaved", "consortium:court-a:1", data, "court-a")
    assert state(bench, key)["dossier"] == "consortium:court-a:1"
    again = bench.jwt("validator.misbehaved", "consortium:court-a:2", data, "court-a")
    assert bench.block([again]) == ["misbehaviour_recorded"]


@pytest.mark.parametrize("workers", [0, 1])
def test_blocks_with_misbehaviour_are_made_again(bench: SetBench, workers: int) -> None:
    """With transactions beside it and without."""
    bench.show(deed())
    frames = bench.open([case_of(bench, 1, "platform-a")], [case_of(bench, 2, "platform-a")])
    assert bench.show(deed("b"), frames=frames).results == [b"\0", b"\0"]
    bench.show(deed("c"))
    bench.record("signing.initiated", "case:platform-a:3")
    assert audited(bench, workers) == ()
    target = MemoryStore()
    with FrameOpener(first_keys(bench.genesis), 0) as opener:
        replay_ledger(bench.store, bench.bodies, target, opener, lambda *_: None)
    made = Application(target, bench.bodies)
    assert made.need_meta().app_hash == bench.app_hash
    assert made.need_meta().height == bench.height - 1


def test_misbehaviour_that_no_header_shows_is_found(bench: SetBench) -> None:
    """Somebody put it into the body."""
    bench.pass_block()
    height, before, time = bench.height, bench.app_hash, bench.time()
    block = bench.application.finalize(height, time, (), misbehaviour=[deed()])
    kept = [bench.seal_block(height, time, (), before, [], block.updates)]
    bench.waiting.append(([block], kept))
    bench.persist()
    assert any("evidence_hash" in finding for finding in audited(bench))


# -- versions of the rules ------------------------------------------------------------------------


def test_rules_that_are_not_known_stop_the_node_and_say_what_to_do(bench: SetBench) -> None:
    bench.decide({"kind": "rules.set", "version": 2}, **{"from": bench.height + 4})
    while bench.height < state(bench, "parameter/rules_version")["next"]["value"]["from"]:
        bench.pass_block()
    height, app_hash = bench.height, bench.app_hash
    record = bench.open([case_of(bench, 1, "platform-a")])
    for frames, shown in (((), ()), (record, ()), ((), [deed()])):
        with pytest.raises(RulesUnknown, match=r"rules of version 2 .* install a release"):
            bench.application.finalize(height, bench.time(), frames, misbehaviour=shown)
    assert (bench.height, bench.app_hash) == (height, app_hash)
    again = Application(bench.store, bench.bodies)
    with pytest.raises(RulesUnknown, match="rules of version 2"):
        again.finalize(height, bench.time(), ())
    assert audited(bench) == ()


def test_a_version_with_other_forms_judges_from_its_height(
    bench: SetBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transactions were looked at by the forms of version 1 when they came in."""
    seen = []

    def flaw_of(payload: Any) -> int:
        """Under these rules nothing is to be said of an origin in Latin letters."""
        seen.append(payload["jti"])
        if payload["type"] == "signing.initiated" and payload["data"]["origin"].isascii():
            return 12
        return 0

    monkeypatch.setitem(versions.RULES, 2, RuleSet(judge.judge, flaw_of))
    bench.decide({"kind": "rules.set", "version": 2}, **{"from": bench.height + 4})
    start = state(bench, "parameter/rules_version")["next"]["value"]["from"]

    def steps() -> list[bytes]:
        latin = data_of("signing.initiated", origin="Latin")
        malformed = data_of(
            "signing.initiated", origin="甲", channel=5
        )  # well formed under version 2
        return [
            case_of(bench, 10 * bench.height, "platform-a", data=latin),
            case_of(bench, 10 * bench.height + 1, "platform-a", data=malformed),
        ]

    while bench.height < start:
        assert bench.block(steps()) == ["accepted", "malformed_data"]
    assert not seen
    assert bench.block(steps()) == ["malformed_data", "accepted"]
    assert len(seen) == 2
    assert audited(bench) == ()
    with bench.reader() as reader:
        apps = {height: reader.need_kept(height)[0].version[1] for height in range(1, bench.height)}
    assert apps == {height: 1 if height < start else 2 for height in apps}
