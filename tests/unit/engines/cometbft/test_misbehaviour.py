"""Proven misbehaviour is told to the operator."""

from __future__ import annotations

from builders.ledger import LedgerBench
from structlog.testing import capture_logs

from node.engines.cometbft.engine_home import validator_address
from node.engines.cometbft.misbehaviour import MisbehaviourAlarm
from node.rules.judgement import Misbehaviour

STRANGER = bytes(range(20))


def act(address: bytes) -> Misbehaviour:
    return Misbehaviour("duplicate_vote", address, 7, 12, 1_700_000_000_123, 40)


def test_the_alarm_says_who_and_what_to_do() -> None:
    genesis = LedgerBench().genesis
    own = genesis.validators[0].validator.public_key
    alarm = MisbehaviourAlarm(genesis, own)
    acts = [act(validator_address(own)), act(STRANGER)]
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
