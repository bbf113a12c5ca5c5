"""The alarm about what blocks prove of validators; what the ledger keeps of it is the rules'."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from node.core.genesis import Genesis
from node.engines.cometbft.engine_home import validator_address
from node.rules.judgement import Misbehaviour

__all__ = ["MisbehaviourAlarm"]

_OWN_KEY = (
    "this node's own validator key signed two blocks of one height: it runs twice, or was stolen; "
    "stop whatever else has the key, and have the key replaced"
)
_OTHERS_KEY = (
    "ask its operator whether its key runs twice or was stolen; until that is settled, have the "
    "members vote it out"
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
