"""What CometBFT has proven of a validator: that it signed two blocks of one height and round, or
helped to deceive a light client. It comes with a decided block, the same on every node.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from node.core.block import Timestamp
from node.core.genesis import Genesis
from node.engines.cometbft.engine_home import validator_address
from node.engines.cometbft.proto import abci_pb2 as abci

__all__ = ["Misbehaviour", "MisbehaviourAlarm", "read_misbehaviour"]

_KINDS = {abci.DUPLICATE_VOTE: "duplicate_vote", abci.LIGHT_CLIENT_ATTACK: "light_client_attack"}
_OWN_KEY = (
    "this node's own validator key signed two blocks of one height: it runs twice, or was stolen; "
    "stop whatever else has the key, and have the key replaced"
)
_OTHERS_KEY = (
    "ask its operator whether its key runs twice or was stolen; until that is settled, have the "
    "members vote it out"
)


@dataclass(frozen=True)
class Misbehaviour:
    """One proven act. ``kind`` is duplicate_vote, light_client_attack or unknown; ``address`` the
    validator's 20 bytes; ``height`` and ``time`` (ms) those of the act; ``power`` the validator's
    then, of ``total_power``."""

    kind: str
    address: bytes
    height: int
    time: int
    power: int
    total_power: int


def read_misbehaviour(told: Iterable[abci.Misbehavior]) -> tuple[Misbehaviour, ...]:
    """What FinalizeBlock tells, in its order."""
    return tuple(
        Misbehaviour(
            _KINDS.get(item.type, "unknown"),
            item.validator.address,
            item.height,
            Timestamp(item.time.seconds, item.time.nanos).milliseconds,
            item.validator.power,
            item.total_voting_power,
        )
        for item in told
    )


class MisbehaviourAlarm:
    """Tells the operator, with what is to be done; ``count`` is how many acts it told of."""

    def __init__(self, genesis: Genesis, own_key: bytes) -> None:
        self._members = {
            validator_address(item.validator.public_key): item.member for item in genesis.validators
        }
        self._own = validator_address(own_key)
        self._log = structlog.get_logger("engine")
        self.count = 0

    def sound(self, acts: Iterable[Misbehaviour], height: int) -> None:
        """Tell of what the block at ``height`` proves."""
        for act in acts:
            self.count += 1
            self._log.error(
                "a validator misbehaved",
                kind=act.kind,
                address=act.address.hex(),
                member=self._members.get(act.address, ""),
                height=act.height,
                proven_at=height,
                power=act.power,
                total_power=act.total_power,
                what_to_do=_OWN_KEY if act.address == self._own else _OTHERS_KEY,
            )
