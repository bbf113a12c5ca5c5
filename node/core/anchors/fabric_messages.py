"""The messages of Hyperledger Fabric that a receipt holds, as field tables for `read_message`.

Names and numbers are those of fabric-protos (common/common.proto, peer/*.proto, ledger/rwset/*).
Fields that an anchor's transaction never has (decorations, transient data, TLS binding, range
queries, private collections) are left out, so that a message with one of them is refused.
"""

from __future__ import annotations

from typing import Any

from node.core.anchors.protobuf import MESSAGE, TEXT, UINT, Field, Message, read_message
from node.core.errors import InvalidEncoding

__all__ = [
    "ACTION",
    "ACTION_PAYLOAD",
    "CHAINCODE_ACTION",
    "CHAINCODE_ID",
    "CHANNEL_HEADER",
    "ENDORSED_ACTION",
    "ENDORSEMENT",
    "ENVELOPE",
    "EXTENSION",
    "HEADER",
    "IDENTIFIER_HEADER",
    "IDENTITY",
    "INPUT",
    "INVOCATION",
    "KEY_VALUES",
    "NAMESPACE",
    "PAYLOAD",
    "PROPOSAL_PAYLOAD",
    "READ",
    "RESPONSE",
    "RESPONSE_PAYLOAD",
    "SIGNATURE_HEADER",
    "SPEC",
    "TIMESTAMP",
    "TRANSACTION",
    "VERSION",
    "WRITE",
    "WRITE_SETS",
    "need_message",
]

ENVELOPE: Message = {1: Field("payload"), 2: Field("signature")}
PAYLOAD: Message = {1: Field("header", MESSAGE), 2: Field("data")}
HEADER: Message = {1: Field("channel_header"), 2: Field("signature_header")}
CHANNEL_HEADER: Message = {
    1: Field("type", UINT),
    2: Field("version", UINT),
    3: Field("timestamp", MESSAGE),
    4: Field("channel_id", TEXT),
    5: Field("tx_id", TEXT),
    6: Field("epoch", UINT),
    7: Field("extension"),
}
TIMESTAMP: Message = {1: Field("seconds", UINT), 2: Field("nanos", UINT)}
EXTENSION: Message = {2: Field("chaincode_id", MESSAGE)}
SIGNATURE_HEADER: Message = {1: Field("creator"), 2: Field("nonce")}
IDENTIFIER_HEADER: Message = {1: Field("identifier", UINT), 2: Field("nonce")}
IDENTITY: Message = {1: Field("mspid", TEXT), 2: Field("id_bytes")}

TRANSACTION: Message = {1: Field("actions", MESSAGE, repeated=True)}
ACTION: Message = {1: Field("header"), 2: Field("payload")}
ACTION_PAYLOAD: Message = {1: Field("chaincode_proposal_payload"), 2: Field("action", MESSAGE)}
ENDORSED_ACTION: Message = {
    1: Field("proposal_response_payload"),
    2: Field("endorsements", MESSAGE, repeated=True),
}
ENDORSEMENT: Message = {1: Field("endorser"), 2: Field("signature")}

PROPOSAL_PAYLOAD: Message = {1: Field("input")}
INVOCATION: Message = {1: Field("chaincode_spec", MESSAGE)}
SPEC: Message = {
    1: Field("type", UINT),
    2: Field("chaincode_id", MESSAGE),
    3: Field("input", MESSAGE),
}
CHAINCODE_ID: Message = {2: Field("name", TEXT), 3: Field("version", TEXT)}
INPUT: Message = {1: Field("args", repeated=True)}

RESPONSE_PAYLOAD: Message = {1: Field("proposal_hash"), 2: Field("extension")}
CHAINCODE_ACTION: Message = {
    1: Field("results"),
    2: Field("events"),
    3: Field("response", MESSAGE),
    4: Field("chaincode_id", MESSAGE),
}
RESPONSE: Message = {1: Field("status", UINT), 2: Field("message", TEXT), 3: Field("payload")}
WRITE_SETS: Message = {
    1: Field("data_model", UINT),
    2: Field("ns_rwset", MESSAGE, repeated=True),
}
NAMESPACE: Message = {1: Field("namespace", TEXT), 2: Field("rwset")}
KEY_VALUES: Message = {
    1: Field("reads", MESSAGE, repeated=True),
    3: Field("writes", MESSAGE, repeated=True),
}
READ: Message = {1: Field("key", TEXT), 2: Field("version", MESSAGE)}
VERSION: Message = {1: Field("block_num", UINT), 2: Field("tx_num", UINT)}
WRITE: Message = {1: Field("key", TEXT), 2: Field("is_delete", UINT), 3: Field("value")}


def need_message(values: dict[str, Any], name: str, place: str, fields: Message) -> dict[str, Any]:
    """The message in member ``name`` of ``values``, which must be there."""
    inner = f"{place}.{name}"
    if not values[name]:
        raise InvalidEncoding(inner, "is missing")
    return read_message(values[name], inner, fields)
