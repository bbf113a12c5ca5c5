"""The adapter against the replay of a recorded network: every recorded answer and error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from builders.fabric import ROOT_2000, ROOT_3000, RecordedPoint, exchanges, recorded, recorded_trust
from builders.fabric_replay import Replay, adapter

from chaincode_adapters.errors import (
    AnchorError,
    Conflicting,
    Misconfigured,
    Refused,
    SignAnew,
    Unreachable,
)
from chaincode_adapters.fabric.failures import to_error
from chaincode_adapters.fabric.gateway import Detail, GatewayError
from chaincode_adapters.port import Final, Missing, Pending, Signed
from node.core.anchors.fabric import verify_fabric
from node.core.signatures import load_backend

POINT = RecordedPoint.of()
OUTCOMES = recorded()["outcomes"]["evidence"]
FIRST = OUTCOMES["attest_first"]["txid"]


@pytest.fixture
def replay() -> Iterator[Replay]:
    with Replay() as running:
        yield running


@pytest.fixture
def bft() -> Iterator[Replay]:
    with Replay("evidencebft") as running:
        yield running


def anchored(on: Replay, one: Any, point: Any = POINT) -> tuple[Signed, bytes, Final]:
    signed = one.sign(point, [])
    answer = one.send(point, signed)
    standing = one.look_up(point, [signed], answer)
    assert isinstance(standing, Final)
    return signed, answer, standing


def test_a_point_is_anchored_and_its_receipt_verifies(replay: Replay) -> None:
    one = adapter(replay, ["attest_first.endorse", "attest_identical_repeat.endorse"])
    signed, answer, final = anchored(replay, one)
    assert signed.external_tx == FIRST == final.external_tx
    assert final.height == 5
    assert final.time == 1_795_346_291_201
    receipt = one.receipt(POINT, [signed], answer, final)
    trust = recorded_trust(one.trust_entry())
    vouched = verify_fabric(receipt.content, POINT, trust, load_backend(), "receipt")
    assert vouched.time == receipt.time
    assert final.mark in vouched.details[0]
    assert "descends from block 0" in vouched.details[0]
    assert "signed that their ledgers hold it, since block 6" in vouched.how
    assert (receipt.kind, receipt.height, receipt.external_tx) == ("fabric", 5, FIRST)


def test_smartbft_works_alike(bft: Replay) -> None:
    one = adapter(bft, ["bft.attest_first.endorse"], confirm=False)
    signed, answer, final = anchored(bft, one)
    receipt = one.receipt(POINT, [signed], answer, final)
    trust = recorded_trust(one.trust_entry())
    assert len(one.trust_entry()["consenters"]) == 4
    vouched = verify_fabric(receipt.content, POINT, trust, load_backend(), "receipt")
    assert "ordered by consenters 1, 2, 3;" in vouched.how


def test_nothing_is_ordered_by_sign(replay: Replay) -> None:
    one = adapter(replay, ["attest_first.endorse"])
    signed = one.sign(POINT, [])
    assert "Submit" not in replay.asked
    assert one.look_up(POINT, [signed], b"") == Missing()


def test_an_answer_lost_after_submit_is_found_on_the_chain(replay: Replay) -> None:
    replay.faults["Submit"] = [None]
    one = adapter(replay, ["attest_first.endorse"])
    signed = one.sign(POINT, [])
    with pytest.raises(Unreachable):
        one.send(POINT, signed)
    assert isinstance(one.look_up(POINT, [signed], b""), Final)
    assert replay.asked.count("Submit") == 1


def test_the_same_envelope_again_does_no_harm_on_raft(replay: Replay) -> None:
    """The network ordered it again as DUPLICATE_TXID; qscc goes on giving the first."""
    one = adapter(replay, ["attest_first.endorse"])
    signed, _, final = anchored(replay, one)
    again = one.send(POINT, signed)
    assert one.look_up(POINT, [signed], again) == final


def test_the_same_envelope_again_is_success_on_smartbft(bft: Replay) -> None:
    """The network answers UNAVAILABLE: request already processed."""
    one = adapter(bft, ["bft.attest_first.endorse"])
    signed, _, final = anchored(bft, one)
    again = one.send(POINT, signed)
    assert one.look_up(POINT, [signed], again) == final


def test_a_read_conflict_is_signed_anew(replay: Replay) -> None:
    point = RecordedPoint.of(2000, ROOT_2000)
    one = adapter(replay, ["mvcc_b.endorse", "mvcc_b_retry.endorse"], "Org2MSP")
    signed = one.sign(point, [])
    answer = one.send(point, signed)
    with pytest.raises(SignAnew, match="MVCC_READ_CONFLICT"):
        one.look_up(point, [signed], answer)
    with pytest.raises(SignAnew, match="MVCC_READ_CONFLICT"):
        one.look_up(point, [signed], b"")
    anew = one.sign(point, [signed])
    final = one.look_up(point, [signed, anew], one.send(point, anew))
    assert isinstance(final, Final)
    assert final.external_tx == OUTCOMES["mvcc_b_retry"]["txid"]


def test_of_several_attempts_the_one_that_counted_is_taken(replay: Replay) -> None:
    """Whatever became of the later one."""
    point = RecordedPoint.of(2000, ROOT_2000)
    one = adapter(replay, ["mvcc_a.endorse"])
    signed, _, final = anchored(replay, one, point)
    lost = Signed(OUTCOMES["mvcc_b"]["txid"], b"")
    replay.committed.add(lost.external_tx)
    assert one.look_up(point, [signed, lost], b"") == final
    unknown = Signed("ab" * 32, b"")
    assert one.look_up(point, [signed, unknown], b"") == final
    assert one.look_up(point, [lost, unknown], b"") == Missing()


def test_a_policy_failure_is_refused(replay: Replay) -> None:
    point = RecordedPoint.of(3000, ROOT_3000)
    one = adapter(replay)
    signed = Signed(OUTCOMES["endorsement_policy_failure"]["txid"], b"")
    replay.committed.add(signed.external_tx)
    with pytest.raises(Refused, match="ENDORSEMENT_POLICY_FAILURE"):
        one.look_up(point, [signed], b"")


def test_what_was_sent_just_now_is_pending_and_later_missing(replay: Replay) -> None:
    clock = [1_795_346_291_000]
    one = adapter(replay, ["attest_first.endorse"], now=lambda: clock[0])
    signed = one.sign(POINT, [])
    replay.faults["CommitStatus"] = ["commit_status_unknown_txid"] * 2
    sent = str(clock[0]).encode()
    assert one.look_up(POINT, [signed], sent) == Pending()
    clock[0] += 29_999
    assert one.look_up(POINT, [signed], sent) == Pending()
    clock[0] += 1
    assert one.look_up(POINT, [signed], sent) == Missing()
    assert replay.asked.count("CommitStatus") == 2


def test_a_clock_set_back_does_not_keep_it_pending(replay: Replay) -> None:
    one = adapter(replay)
    assert one.look_up(POINT, [Signed("ab" * 32, b"")], b"1795346300000") == Missing()


def test_a_peer_that_is_a_block_behind_is_waited_for(replay: Replay) -> None:
    """VALID speaks for one peer: Org2's had not committed the block yet."""
    replay.faults["Endorse"] = ["lagging_peer_mismatch.endorse"] * 3
    one = adapter(replay, ["attest_first.endorse"] * 4)
    assert one.sign(POINT, []).external_tx == FIRST
    assert replay.asked.count("Endorse") == 4


def test_peers_that_never_agree_are_an_outage(replay: Replay) -> None:
    replay.faults["Endorse"] = ["lagging_peer_mismatch.endorse"] * 9
    one = adapter(replay, ["attest_first.endorse"] * 9)
    with pytest.raises(Unreachable, match="do not match"):
        one.sign(POINT, [])
    assert replay.asked.count("Endorse") == 6


def test_an_endorsement_of_something_else_is_not_signed(replay: Replay) -> None:
    """A gateway that lies would get a signature for what it likes."""
    for lie, text in (
        ("mvcc_a.endorse", "attests another point"),
        ("attest_second_member.endorse", "another transaction than was proposed"),
        ("bft.attest_first.endorse", "another transaction than was proposed"),
    ):
        replay.faults["Endorse"] = [lie]
        with pytest.raises(Refused, match=text):
            adapter(replay, ["attest_first.endorse"]).sign(POINT, [])


def test_a_planted_conflict_is_the_alarm(replay: Replay) -> None:
    other = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
    one = adapter(replay, ["conflict.endorse"])
    with pytest.raises(Conflicting, match=r"size 1000 known root 1665e132\w* given d9298a10"):
        one.sign(RecordedPoint.of(1000, other), [])


ERRORS: dict[str, tuple[type[AnchorError], str]] = {
    "evaluate_not_found": (Refused, "not found: audit"),
    "conflict.endorse": (Conflicting, "conflict: audit size 1000"),
    "conflict.evaluate": (Conflicting, "conflict: audit size 1000"),
    "stale_size.endorse": (Refused, "stale: audit size 999 is not above 1000"),
    "bad_point.endorse": (Refused, "bad point"),
    "reendorse_same_proposal.endorse": (SignAnew, "duplicate transaction found"),
    "commit_status_unknown_txid": (Unreachable, "DEADLINE_EXCEEDED"),
    "qscc.GetTransactionByID.unknown": (Refused, "no such transaction ID"),
    "qscc.GetBlockByTxID.unknown": (Refused, "no such transaction ID"),
    "bad_proposal_signature.endorse": (Refused, "access denied"),
    "high_s_proposal_signature.endorse": (Refused, "access denied"),
    "wrong_txid.endorse": (Refused, "incorrectly computed txid"),
    "timestamp_20_min_old.endorse": (Unreachable, "clock and the peer's are too far apart"),
    "unknown_chaincode.endorse": (Refused, "No metadata was found for chaincode nosuch"),
    "unknown_channel.endorse": (Refused, "in channel nosuchchannel"),
    "bad_envelope_signature.submit": (Refused, "status=FORBIDDEN"),
    "high_s_envelope_signature.submit": (Refused, "status=FORBIDDEN"),
    "no_envelope_signature.submit": (Refused, "must be signed"),
    "bad_commit_status_signature": (Refused, "PERMISSION_DENIED"),
    "lagging_peer_mismatch.endorse": (Unreachable, "do not match"),
    "orderer_down.submit": (Unreachable, "connection refused"),
    "other_org_chaincode_down.endorse": (Unreachable, "could not launch chaincode"),
    "own_chaincode_down.endorse": (Unreachable, "could not launch chaincode"),
    "own_chaincode_down.evaluate": (Unreachable, "could not launch chaincode"),
    "other_org_peer_down_at_once.endorse": (Unreachable, "connection refused"),
    "other_org_peer_down_again.endorse": (Unreachable, "connection refused"),
    "other_org_peer_down_30s.endorse": (Unreachable, "no peer combination can satisfy"),
    "gateway_peer_down.evaluate": (Unreachable, "Connection refused"),
    "bft.resubmit_same_envelope.submit": (Unreachable, "request already processed"),
    "bft.bad_envelope_signature.submit": (Refused, "status=FORBIDDEN"),
}


def test_every_recorded_error_is_here() -> None:
    assert set(ERRORS) == {name for name, one in exchanges().items() if "error" in one}


@pytest.mark.parametrize("name", ERRORS)
def test_each_recorded_error_means_what_it_must(name: str) -> None:
    exchange = exchanges()[name]
    error = exchange["error"]
    details = tuple(
        Detail(one["address"], one["msp_id"], one["message"]) for one in error.get("details", ())
    )
    call = exchange["rpc"].rpartition("/")[2]
    kind, text = ERRORS[name]
    meant = to_error(GatewayError(call, error["code"], error["message"], details))
    assert type(meant) is kind
    assert text in str(meant)


ON_THE_WIRE = [name for name in ERRORS if name != "gateway_peer_down.evaluate"]


@pytest.mark.parametrize("name", [name for name in ON_THE_WIRE if name.endswith(".endorse")])
def test_each_recorded_error_of_endorse_comes_out_of_sign(replay: Replay, name: str) -> None:
    replay.faults["Endorse"] = [name] * 6
    kind, text = ERRORS[name]
    with pytest.raises(AnchorError) as caught:
        adapter(replay, ["attest_first.endorse"] * 6).sign(POINT, [])
    assert type(caught.value) is kind
    assert text in str(caught.value)


@pytest.mark.parametrize("name", [name for name in ON_THE_WIRE if name.endswith(".submit")])
def test_each_recorded_error_of_submit_comes_out_of_send(replay: Replay, name: str) -> None:
    one = adapter(replay, ["attest_first.endorse"])
    signed = one.sign(POINT, [])
    replay.faults["Submit"] = [name]
    if name == "bft.resubmit_same_envelope.submit":
        assert one.send(POINT, signed)
        return
    kind, text = ERRORS[name]
    with pytest.raises(AnchorError) as caught:
        one.send(POINT, signed)
    assert type(caught.value) is kind
    assert text in str(caught.value)


def test_a_gateway_that_is_down_is_unreachable(replay: Replay) -> None:
    one = adapter(replay, ["attest_first.endorse"])
    signed = one.sign(POINT, [])
    replay.stop()
    one._gateway.names = ["attest_first.endorse"]
    for call in (
        lambda: one.sign(POINT, []),
        lambda: one.send(POINT, signed),
        lambda: one.look_up(POINT, [signed], b""),
        lambda: one.look_up(POINT, [signed], b"1795346291000"),
        one.open,
    ):
        with pytest.raises(Unreachable):
            call()


def test_before_it_is_opened_it_is_unreachable(replay: Replay) -> None:
    one = adapter(replay)
    one.close()
    one.close()
    with pytest.raises(Unreachable, match="not connected"):
        one.look_up(POINT, [Signed("ab" * 32, b"")], b"")
    assert one.trust_entry()["channel"] == "evidence"


def test_the_trust_entry_is_the_channels(replay: Replay) -> None:
    entry = adapter(replay).trust_entry()
    assert entry["genesis"] == exchanges_genesis()
    assert [one["msp_id"] for one in entry["endorsers"]] == ["Org1MSP", "Org2MSP"]
    assert [(one["msp_id"], one["unit"]) for one in entry["orderers"]] == [
        ("OrdererMSP", "orderer")
    ]
    assert {one["unit"] for one in entry["endorsers"]} == {"peer"}
    cas = recorded()["msp_cas"]
    for one in (*entry["endorsers"], *entry["orderers"]):
        body = "".join(cas[one["msp_id"]]["ca_pem"].splitlines()[1:-1])
        assert one["roots"] == [body]


def exchanges_genesis() -> str:
    from builders.fabric import recorded_blocks

    return str(recorded_blocks()["channels"]["evidence"]["genesis_header_hash"])


def test_another_block_0_than_configured_is_refused(replay: Replay) -> None:
    with pytest.raises(Misconfigured, match="block 0 of evidence has the hash 0b6ff17c"):
        adapter(replay, genesis="ab" * 32)
    assert adapter(replay, genesis=exchanges_genesis()).trust_entry()


def test_endorsers_that_are_not_on_the_channel_are_refused(replay: Replay) -> None:
    with pytest.raises(Misconfigured, match="Org9MSP is not on the channel"):
        adapter(replay, endorsers=("Org9MSP",))


def test_more_endorsements_than_endorsers_are_refused(replay: Replay) -> None:
    with pytest.raises(Misconfigured, match="only 1 can endorse"):
        adapter(replay, endorsers=("Org1MSP",))


def test_a_long_channel_carries_no_link(replay: Replay) -> None:
    one = adapter(replay, ["attest_first.endorse"], confirm=False, link_blocks=4)
    signed, answer, final = anchored(replay, one)
    assert set(one.receipt(POINT, [signed], answer, final).content) == {
        "block",
        "position",
        "transaction",
    }


def test_names_fit_the_ledgers_records(replay: Replay) -> None:
    one = adapter(replay)
    assert one.chain == "fabric:evidence:anchor"
    long = adapter(replay, chaincode="a" * 60)
    assert len(long.chain) <= 64
    assert long.chain != adapter(replay, chaincode="a" * 61).chain
    assert (one.kind, one.in_flight, one.name) == ("fabric", 1, "court-channel")
