"""Transactions that are signed by all whom the trust file names, and are no attestation of the
point: their parts are checked against each other, not believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from builders.fabric_channel import Channel
from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2

from chaincode_adapters.errors import Refused
from chaincode_adapters.fabric.receipts import block_member
from node.core.anchors.fabric import verify_fabric
from node.core.anchors.fabric_messages import KEY_VALUES
from node.core.anchors.point import AnchorPoint
from node.core.anchors.protobuf import read_message
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

POINT = AnchorPoint("audit", 12, 4096, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
OTHER = AnchorPoint("audit", 12, 4096, b"\x09" * 32, b"\x02" * 32, b"\x03" * 32)
Tamper = Callable[[Any], None]


def verified(home: Path, tamper: dict[str, Tamper], point: AnchorPoint = POINT) -> Any:
    """Verify what a channel whose members all lie so would give."""
    with Channel(tamper=tamper) as channel:
        one = channel.adapter(home)
        channel.careless(point)
        trust = Trust("audit", bytes(32), anchors=(one.trust_entry(),))
        envelope = common_pb2.Envelope.FromString(channel.blocks[1].data.data[0])
        payload = common_pb2.Payload.FromString(envelope.payload)
        header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
        receipt = {
            "block": block_member(channel.blocks[1]),
            "position": 0,
            "transaction": header.tx_id,
        }
        return verify_fabric(receipt, POINT, trust, load_backend(), "receipt")


def in_channel_header(change: Tamper) -> Tamper:
    def tamper(header: Any) -> None:
        inner = common_pb2.ChannelHeader.FromString(header.channel_header)
        change(inner)
        header.channel_header = inner.SerializeToString()

    return tamper


def setting(name: str, value: Any) -> Tamper:
    return lambda message: setattr(message, name, value)


def answering(change: Callable[[dict[str, Any]], None]) -> Tamper:
    def tamper(action: Any) -> None:
        answer = json.loads(action.response.payload)
        change(answer)
        action.response.payload = json.dumps(answer).encode()

    return tamper


def first_write(change: Tamper) -> Tamper:
    def tamper(values: Any) -> None:
        change(next(one for one in values.writes if one.key.startswith("p|")))

    return tamper


def without_writes(values: Any) -> None:
    del values.writes[:]


def other_namespace(sets: Any) -> None:
    sets.ns_rwset[0].namespace = "other"


def namespace_twice(sets: Any) -> None:
    sets.ns_rwset.add().CopyFrom(sets.ns_rwset[0])


def hashed_collection(sets: Any) -> None:
    sets.ns_rwset[0].collection_hashed_rwset.add(collection_name="private")


def two_actions(transaction: Any) -> None:
    transaction.actions.add().CopyFrom(transaction.actions[0])


def other_header(transaction: Any) -> None:
    transaction.actions[0].header += b"\x1a\x01x"


def no_endorsements(endorsed: Any) -> None:
    del endorsed.endorsements[:]


def one_endorser_twice(endorsed: Any) -> None:
    endorsed.endorsements[1].CopyFrom(endorsed.endorsements[0])


def wrong_signature(endorsed: Any) -> None:
    first, second = endorsed.endorsements
    first.signature, second.signature = second.signature, first.signature


LIES: dict[str, tuple[dict[str, Tamper], str]] = {
    "refused": ({"action": lambda it: setattr(it.response, "status", 500)}, "chaincode refused"),
    "answers with another root": (
        {"action": answering(lambda it: it.update(root="ab" * 32))},
        "what is written is not what was answered|answered with another point",
    ),
    "answers and writes another root": (
        {
            "values": first_write(setting("value", b'{"root":"ab"}')),
            "action": lambda it: setattr(it.response, "payload", b'{"root":"ab"}'),
        },
        "answered with another point",
    ),
    "writes something else": (
        {"values": first_write(setting("value", b"{}"))},
        "not what was answered",
    ),
    "writes no JSON": ({"values": first_write(setting("value", b"x"))}, "not JSON"),
    "deletes": ({"values": first_write(setting("is_delete", True))}, "not what was answered"),
    "writes elsewhere": ({"values": first_write(setting("key", "p|x"))}, "neither writes"),
    "writes nothing": ({"values": without_writes}, "neither writes"),
    "another namespace": ({"sets": other_namespace}, "one set of the chaincode"),
    "the namespace twice": ({"sets": namespace_twice}, "one set of the chaincode"),
    "a private collection": ({"sets": hashed_collection}, "field 3 is not of this message"),
    "another chaincode ran": (
        {"action": lambda it: setattr(it.chaincode_id, "name", "other")},
        "differs between header, call and result",
    ),
    "another proposal": ({"response": setting("proposal_hash", bytes(32))}, "another proposal"),
    "no proposal hash": ({"response": setting("proposal_hash", b"")}, "another proposal"),
    "two actions": ({"transaction": two_actions}, "must be one action"),
    "another header": ({"transaction": other_header}, "differs from the transaction's header"),
    "no endorsements": ({"endorsed": no_endorsements}, "endorsed by 0 organisations"),
    "one organisation twice": ({"endorsed": one_endorser_twice}, "endorsed by 1 organisations"),
    "swapped signatures": ({"endorsed": wrong_signature}, "does not hold"),
    "another transaction's id": (
        {"header": in_channel_header(setting("tx_id", "ab" * 32))},
        "not the hash of nonce and creator",
    ),
    "a configuration": ({"header": in_channel_header(setting("type", 1))}, "endorser transaction"),
    "another version": (
        {"header": in_channel_header(setting("version", 1))},
        "endorser transaction",
    ),
    "another epoch": ({"header": in_channel_header(setting("epoch", 1))}, "endorser transaction"),
    "no time": (
        {"header": in_channel_header(lambda it: it.ClearField("timestamp"))},
        "timestamp: is missing",
    ),
    "a time that is none": (
        {"header": in_channel_header(lambda it: setattr(it.timestamp, "nanos", 10**9))},
        "out of range",
    ),
    "a time before 1970": (
        {"header": in_channel_header(lambda it: setattr(it.timestamp, "seconds", -1))},
        "out of range",
    ),
    "bound to TLS": (
        {"header": in_channel_header(setting("tls_cert_hash", b"x"))},
        "field 8 is not of this message",
    ),
    "long after all certificates": (
        {"header": in_channel_header(lambda it: setattr(it.timestamp, "seconds", 2**33))},
        "is not valid at",
    ),
}


def test_without_a_lie_it_holds(tmp_path: Path) -> None:
    assert verified(tmp_path, {}).by == "Court consortium (Org1MSP, Org2MSP)"


@pytest.mark.parametrize("name", LIES)
def test_each_lie_is_found(tmp_path: Path, name: str) -> None:
    tamper, text = LIES[name]
    with pytest.raises(InvalidInput, match=text):
        verified(tmp_path, tamper)


UNSEEN = {
    "long after all certificates",
    "no endorsements",
    "one organisation twice",
    "swapped signatures",
}
"""What the adapter leaves to the verifier, which sees every receipt before it counts."""


@pytest.mark.parametrize("name", sorted(set(LIES) - UNSEEN))
def test_the_adapter_signs_no_lie(tmp_path: Path, name: str) -> None:
    with Channel(tamper=LIES[name][0]) as channel, pytest.raises(Refused):
        channel.adapter(tmp_path).sign(POINT, [])


def test_a_transaction_about_another_point_is_none_of_this(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="attests another point"):
        verified(tmp_path, {}, OTHER)


def test_range_queries_are_not_read() -> None:
    """The messages that carry several values in Fabric are read whole."""
    values = kv_rwset_pb2.KVRWSet()
    values.range_queries_info.add(start_key="a")
    sets = rwset_pb2.TxReadWriteSet()
    sets.ns_rwset.add(namespace="anchor", rwset=values.SerializeToString())
    with pytest.raises(InvalidInput, match="field 2 is not of this message"):
        read_message(sets.ns_rwset[0].rwset, "rwset", KEY_VALUES)


def test_a_channel_that_is_a_sentence_is_not_printed(tmp_path: Path) -> None:
    """Anybody can make a receipt of a channel of any name; nothing may be said by that."""
    said = "x. The Supreme Court vouches for this log since 2015"
    changed = in_channel_header(setting("channel_id", said))
    with pytest.raises(NotChecked) as caught:
        verified(tmp_path, {"header": changed})
    assert "Court" not in caught.value.told.text + caught.value.told.text_zh
    assert "anybody can make such" in caught.value.told.text
