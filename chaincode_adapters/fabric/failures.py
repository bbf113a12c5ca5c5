"""What a failed call of a Fabric gateway means for an anchor.

The same gRPC code stands for different things: ABORTED is a chaincode's refusal, but an outage,
an unknown client and a late peer too. What the nodes behind the gateway said tells them apart;
the texts are Fabric's own of 2.5 and 3.1 and, of refusals, the chaincode's.
"""

from __future__ import annotations

import re

from chaincode_adapters.errors import AnchorError, Conflicting, Refused, SignAnew, Unreachable
from chaincode_adapters.fabric.gateway import GatewayError

__all__ = ["from_validation_code", "is_already_ordered", "is_mismatch", "is_unknown", "to_error"]

_REFUSAL = re.compile(r"chaincode response \d+, (.*)", re.DOTALL)
_UNKNOWN_TRANSACTION = re.compile(r"no such transaction ID|entry not found in index", re.IGNORECASE)
_FORBIDDEN = "status=FORBIDDEN"
_REFUSED_CODES = frozenset(
    ("INVALID_ARGUMENT", "PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED")
)
_REFUSED_TEXTS = (
    "error validating proposal: access denied",
    "incorrectly computed txid",
    "No metadata was found for chaincode",
    "chaincode definition for",
)
_SIGN_ANEW = {
    11: "another transaction wrote what this one had read",
    12: "another transaction changed a range that this one had read",
    17: "the chaincode it was endorsed by has been replaced",
    18: "the chaincode it was endorsed by has been replaced",
}
"""By TxValidationCode: what a new endorsement can mend."""
_LONGEST_TEXT = 500


def is_mismatch(error: GatewayError) -> bool:
    """Whether the endorsing peers simulated on different states: one is a block behind."""
    return any("ProposalResponsePayloads do not match" in text for text in error.texts())


def is_unknown(error: GatewayError) -> bool:
    """Whether qscc says that it has no such transaction."""
    return any(_UNKNOWN_TRANSACTION.search(text) for text in error.texts())


def is_already_ordered(error: GatewayError) -> bool:
    """Whether orderers of SmartBFT say that they have had this envelope."""
    return any("request already processed" in text for text in error.texts())


def to_error(error: GatewayError) -> AnchorError:
    """The error of the port that a failed call stands for."""
    said = str(error)[:_LONGEST_TEXT]
    refusals = [match[1] for text in error.texts() if (match := _REFUSAL.search(text))]
    for text in refusals:
        if text.startswith("conflict:"):
            return Conflicting(f"the chaincode holds something else: {text[:_LONGEST_TEXT]}")
    for text in refusals:
        if text.startswith("stale:"):
            return Refused(
                f"a larger size is attested, whose anchor covers this one: {text[:_LONGEST_TEXT]}"
            )
    if refusals:
        return Refused(f"the chaincode refuses: {refusals[0][:_LONGEST_TEXT]}")
    if any("duplicate transaction found" in text for text in error.texts()):
        return SignAnew(said)
    if any("due to incorrect timestamp" in text for text in error.texts()):
        return Unreachable(f"this node's clock and the peer's are too far apart: {said}")
    forbidden = [_FORBIDDEN in text for text in error.texts()[: len(error.details) or None]]
    if error.code in _REFUSED_CODES or all(forbidden):
        return Refused(said)
    if any(known in text for text in error.texts() for known in _REFUSED_TEXTS):
        return Refused(said)
    return Unreachable(said)


def from_validation_code(name: str, number: int, tx_id: str) -> AnchorError:
    """The error for a transaction that was ordered but did not count (TxValidationCode)."""
    if number in _SIGN_ANEW:
        return SignAnew(f"{tx_id} is {name}: {_SIGN_ANEW[number]}")
    return Refused(f"{tx_id} was ordered but is {name}")
