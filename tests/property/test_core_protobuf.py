"""The strict protobuf reader against Google's: what it reads has one encoding."""

from __future__ import annotations

import pytest
from builders.fabric import blocks
from fabric_protos.common import common_pb2
from hypothesis import given
from hypothesis import strategies as st

from node.core.anchors.fabric_messages import (
    CHANNEL_HEADER,
    ENVELOPE,
    RESPONSE,
    TIMESTAMP,
    TRANSACTION,
)
from node.core.anchors.fabric_transaction import read_attestation
from node.core.anchors.protobuf import read_message
from node.core.errors import InvalidEncoding, InvalidInput

PAYLOAD = common_pb2.Envelope.FromString(blocks("evidence")[6].data.data[0]).payload
NUMBERS = st.integers(0, 2**31 - 1)
HEADERS = st.builds(
    common_pb2.ChannelHeader,
    type=NUMBERS,
    version=NUMBERS,
    channel_id=st.text(max_size=20),
    tx_id=st.text(max_size=20),
    epoch=st.integers(0, 2**64 - 1),
    extension=st.binary(max_size=20),
    timestamp=st.none() | st.builds(dict, seconds=st.integers(0, 2**62), nanos=NUMBERS),
)


@given(HEADERS)
def test_what_google_writes_is_read(header: common_pb2.ChannelHeader) -> None:
    values = read_message(header.SerializeToString(deterministic=True), "header", CHANNEL_HEADER)
    for name in ("type", "version", "channel_id", "tx_id", "epoch", "extension"):
        assert values[name] == getattr(header, name)
    assert (values["timestamp"] is None) == (not header.HasField("timestamp"))
    if values["timestamp"] is not None:
        time = read_message(values["timestamp"], "time", TIMESTAMP)
        assert time == {"seconds": header.timestamp.seconds, "nanos": header.timestamp.nanos}


@given(st.binary(max_size=40) | HEADERS.map(lambda header: header.SerializeToString()), st.data())
def test_what_is_read_has_no_other_encoding(raw: bytes, data: st.DataObject) -> None:
    if raw:
        place = data.draw(st.integers(0, len(raw) - 1))
        changed = data.draw(st.binary(max_size=3))
        raw = raw[:place] + changed + raw[place + data.draw(st.integers(0, 3)) :]
    try:
        values = read_message(raw, "header", CHANNEL_HEADER)
    except InvalidEncoding:
        return
    inner = values.pop("timestamp")
    again = common_pb2.ChannelHeader(**{**values, "type": 0, "version": 0})
    for name in ("type", "version"):  # varints of 64 bits there are cut by Google to 32
        if values[name] >= 2**31:
            return
        setattr(again, name, values[name])
    if inner is not None:
        try:
            time = read_message(inner, "time", TIMESTAMP)
        except InvalidEncoding:
            return
        if time["seconds"] >= 2**63 or time["nanos"] >= 2**31:
            return
        again.timestamp.SetInParent()
        again.timestamp.seconds, again.timestamp.nanos = time["seconds"], time["nanos"]
    assert again.SerializeToString(deterministic=True) == raw


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_attestation(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_attestation(raw, "payload")


@given(st.integers(0, len(PAYLOAD) - 1), st.integers(0, len(PAYLOAD)), st.binary(max_size=4))
def test_a_damaged_attestation_is_refused_or_differs(start: int, length: int, put: bytes) -> None:
    """Never another error; what still reads is of other signed bytes."""
    damaged = PAYLOAD[:start] + put + PAYLOAD[start + length :]
    if damaged == PAYLOAD:
        return
    try:
        read = read_attestation(damaged, "payload")
    except InvalidInput:
        return
    assert read != read_attestation(PAYLOAD, "payload")


MALFORMED = [
    (b"\x08", "cut off"),
    (b"\x08\x80\x00", "not canonical"),
    (b"\x08" + b"\xff" * 10, "longer than 64 bits"),
    (b"\x08\x00", "a zero is not written"),
    (b"\x1a\x00", "an empty value is not written"),
    (b"\x1a\x02a", "is cut off"),
    (b"\x08\x01\x08\x01", "stands twice"),
    (b"\x1a\x01a\x08\x01", "stands twice or out of order"),
    (b"\x09" + bytes(8), "has wire type 1"),
    (b"\x0a\x01a", "has wire type 2"),
    (b"\x18\x01", "has wire type 0"),
    (b"\x22\x01a", "field 4 is not of this message"),
    (b"\x02\x01a", "field 0 is not of this message"),
    (b"\x12\x01\xff", "not UTF-8"),
]


@pytest.mark.parametrize(("raw", "rule"), MALFORMED)
def test_each_fault_is_named(raw: bytes, rule: str) -> None:
    with pytest.raises(InvalidEncoding, match=rule):
        read_message(raw, "response", RESPONSE)


def test_repeated_fields_keep_their_order() -> None:
    raw = b"\x0a\x01a\x0a\x00\x0a\x01b"
    assert read_message(raw, "transaction", TRANSACTION)["actions"] == (b"a", b"", b"b")
    assert read_message(b"", "envelope", ENVELOPE) == {"payload": b"", "signature": b""}
