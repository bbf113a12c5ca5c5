"""Proven misbehaviour: read from FinalizeBlock, told to the operator."""

from __future__ import annotations

from builders.ledger import LedgerBench
from google.protobuf.timestamp_pb2 import Timestamp
from structlog.testing import capture_logs

from node.engines.cometbft.engine_home import validator_address
from node.engines.cometbft.misbehaviour import (
    Misbehaviour,
    MisbehaviourAlarm,
    read_misbehaviour,
)
from node.engines.cometbft.proto import abci_pb2 as abci

STRANGER = bytes(range(20))


def told(kind: int, address: bytes = STRANGER) -> abci.Misbehavior:
    return abci.Misbehavior(
        type=kind,
        validator=abci.Validator(address=address, power=7),
        height=12,
        time=Timestamp(seconds=1_700_000_000, nanos=123_999_999),
        total_voting_power=40,
    )


def test_what_finalize_block_tells() -> None:
    acts = read_misbehaviour([told(abci.DUPLICATE_VOTE), told(abci.LIGHT_CLIENT_ATTACK), told(0)])
    assert [act.kind for act in acts] == ["duplicate_vote", "light_client_attack", "unknown"]
    assert acts[0] == Misbehaviour("duplicate_vote", STRANGER, 12, 1_700_000_000_123, 7, 40)


def test_the_alarm_says_who_and_what_to_do() -> None:
    genesis = LedgerBench().genesis
    own = genesis.validators[0].validator.public_key
    alarm = MisbehaviourAlarm(genesis, own)
    acts = read_misbehaviour(
        [told(abci.DUPLICATE_VOTE, validator_address(own)), told(abci.DUPLICATE_VOTE)]
    )
    with capture_logs() as logs:
        alarm.sound(acts, 15)
    assert alarm.count == 2
    mine, other = logs
    assert mine["log_level"] == other["log_level"] == "error"
    assert mine["member"] == genesis.validators[0].member
    assert "this node's own validator key" in mine["what_to_do"]
    assert (other["member"], other["address"]) == ("", STRANGER.hex())
    assert (other["height"], other["proven_at"], other["power"]) == (12, 15, 7)
    assert "ask its operator" in other["what_to_do"]
