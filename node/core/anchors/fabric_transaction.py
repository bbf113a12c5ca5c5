"""Decoding an attestation on a Hyperledger Fabric channel: the payload of a transaction's envelope.

What is read here hangs together by hashes: the transaction id is that of nonce and creator, the
proposal's hash stands in what the endorsers signed. Whose the signatures are is checked elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from node.core.anchors import fabric_messages as messages
from node.core.anchors.fabric_messages import need_message
from node.core.anchors.point import AnchorPoint
from node.core.anchors.protobuf import Message, read_message
from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.fields import exact_members

__all__ = [
    "Attestation",
    "Endorsement",
    "Held",
    "Identity",
    "attest_argument",
    "point_key",
    "read_attestation",
    "read_identity",
]

_ENDORSER_TRANSACTION = 3
_MAX_SECONDS = 2**53 // 1000 - 1
_MOST_ENDORSEMENTS = 100


@dataclass(frozen=True)
class Identity:
    """A SerializedIdentity: the id of a membership service provider, and a PEM certificate."""

    msp_id: str
    pem: bytes


@dataclass(frozen=True)
class Endorsement:
    """``signature`` (DER) of ``identity`` over ``message``."""

    place: str
    identity: Identity
    message: bytes
    signature: bytes


@dataclass(frozen=True)
class Held:
    """Where the endorsers' ledgers had the point when they read it: block, and place in it."""

    block: int
    transaction: int


@dataclass(frozen=True)
class Attestation:
    """An endorsed call of ``Attest``.

    ``time`` is the client's, in ms, that endorsers compared with their clocks. ``writes`` says
    whether it writes the point; ``held`` where the ledger already had it, as its read set says.
    """

    channel: str
    chaincode: str
    tx_id: str
    time: int
    creator: Identity
    endorsements: tuple[Endorsement, ...]
    argument: dict[str, Any]
    answer: dict[str, Any]
    writes: bool
    held: Held | None

    def check_point(self, point: AnchorPoint, place: str) -> None:
        """Raise InvalidProof unless this attests ``point``."""
        wanted = {"chain_id": point.chain_id, "root": point.digest().hex(), "size": point.size}
        if self.argument != wanted:
            raise InvalidProof(place, "the transaction attests another point")
        if {name: self.answer.get(name) for name in wanted} != wanted:
            raise InvalidProof(place, "the chaincode answered with another point")


def attest_argument(point: AnchorPoint) -> bytes:
    """The one argument of ``Attest``. Its ``root`` is the point's digest."""
    return (
        b'{"chain_id":' + canonical_json(point.chain_id) + b',"size":%d,"root":"' % point.size
    ) + point.digest().hex().encode("ascii") + b'"}'  # fmt: skip


def point_key(chain_id: str, size: int) -> str:
    """The key under which the chaincode keeps what was attested at ``size``."""
    return f"p|{chain_id}|{size:020d}"


def read_identity(data: bytes, place: str) -> Identity:
    """Decode a SerializedIdentity. Raises InvalidEncoding."""
    values = read_message(data, place, messages.IDENTITY)
    return Identity(values["mspid"], values["id_bytes"])


def read_attestation(payload: bytes, place: str) -> Attestation:
    """Decode ``common.Payload`` of an endorsed call of ``Attest``.

    Raises:
        InvalidEncoding: it is not the canonical form of such a payload.
        InvalidProof: its parts do not belong together, or the chaincode refused.
    """
    outer = read_message(payload, place, messages.PAYLOAD)
    header = need_message(outer, "header", place, messages.HEADER)
    channel = _read(header, "channel_header", place, messages.CHANNEL_HEADER)
    signer = _read(header, "signature_header", place, messages.SIGNATURE_HEADER)
    _check_header(channel, signer, place)
    transaction = _read(outer, "data", place, messages.TRANSACTION)
    if len(transaction["actions"]) != 1:
        raise InvalidEncoding(f"{place}.data.actions", "must be one action")
    action = read_message(transaction["actions"][0], f"{place}.action", messages.ACTION)
    if action["header"] != header["signature_header"]:
        raise InvalidProof(f"{place}.action.header", "differs from the transaction's header")
    body = _read(action, "payload", place, messages.ACTION_PAYLOAD)
    endorsed = need_message(body, "action", place, messages.ENDORSED_ACTION)
    hashed = (
        header["channel_header"] + header["signature_header"] + body["chaincode_proposal_payload"]
    )
    result = _read_result(endorsed, hashed, place)
    chaincode, argument = _read_call(body, place)
    _check_chaincode(channel, result, chaincode, place)
    answer = _read_answer(result, place)
    writes, held = _read_state(result, chaincode, argument, answer, place)
    return Attestation(
        channel=channel["channel_id"],
        chaincode=chaincode,
        tx_id=channel["tx_id"],
        time=_read_time(channel, place),
        creator=read_identity(signer["creator"], f"{place}.creator"),
        endorsements=_read_endorsements(endorsed, place),
        argument=argument,
        answer=answer,
        writes=writes,
        held=held,
    )


def _read(values: dict[str, Any], name: str, place: str, fields: Message) -> dict[str, Any]:
    return read_message(values[name], f"{place}.{name}", fields)


def _check_header(channel: dict[str, Any], signer: dict[str, Any], place: str) -> None:
    if channel["type"] != _ENDORSER_TRANSACTION or channel["version"] or channel["epoch"]:
        raise InvalidProof(f"{place}.channel_header", "must be of an endorser transaction")
    expected = hashlib.sha256(signer["nonce"] + signer["creator"]).hexdigest()
    if channel["tx_id"] != expected:
        raise InvalidProof(f"{place}.tx_id", "is not the hash of nonce and creator")


def _read_time(channel: dict[str, Any], place: str) -> int:
    """In ms, rounded up: it is used as a latest time."""
    time = need_message(channel, "timestamp", place, messages.TIMESTAMP)
    if time["seconds"] > _MAX_SECONDS or time["nanos"] >= 1_000_000_000:
        raise InvalidEncoding(f"{place}.timestamp", "is out of range")
    return int(time["seconds"] * 1000 - (-time["nanos"] // 1_000_000))


def _read_result(endorsed: dict[str, Any], hashed: bytes, place: str) -> dict[str, Any]:
    response = _read(endorsed, "proposal_response_payload", place, messages.RESPONSE_PAYLOAD)
    if response["proposal_hash"] != hashlib.sha256(hashed).digest():
        raise InvalidProof(f"{place}.proposal_hash", "is of another proposal")
    return read_message(response["extension"], f"{place}.extension", messages.CHAINCODE_ACTION)


def _read_call(body: dict[str, Any], place: str) -> tuple[str, dict[str, Any]]:
    """The chaincode's name, and the argument of ``Attest``."""
    proposal = _read(body, "chaincode_proposal_payload", place, messages.PROPOSAL_PAYLOAD)
    invocation = _read(proposal, "input", place, messages.INVOCATION)
    spec = need_message(invocation, "chaincode_spec", place, messages.SPEC)
    called = need_message(spec, "chaincode_id", place, messages.CHAINCODE_ID)
    arguments = need_message(spec, "input", place, messages.INPUT)["args"]
    if len(arguments) != 2 or arguments[0] != b"Attest":
        raise InvalidProof(f"{place}.input", "must be a call of Attest with one argument")
    inner = f"{place}.Attest"
    argument = decode_json_object(arguments[1], place=inner, max_bytes=1_024)
    return called["name"], exact_members(argument, inner, ("chain_id", "root", "size"))


def _check_chaincode(
    channel: dict[str, Any], result: dict[str, Any], called: str, place: str
) -> None:
    """The name in the channel header, in the call and in what ran must be one and the same."""
    extension = _read(channel, "extension", place, messages.EXTENSION)
    named = need_message(extension, "chaincode_id", place, messages.CHAINCODE_ID)["name"]
    ran = need_message(result, "chaincode_id", place, messages.CHAINCODE_ID)["name"]
    if not called or {named, ran} != {called}:
        raise InvalidProof(f"{place}.chaincode_id", "differs between header, call and result")


def _read_answer(result: dict[str, Any], place: str) -> dict[str, Any]:
    response = need_message(result, "response", place, messages.RESPONSE)
    if response["status"] != 200:
        raise InvalidProof(f"{place}.response", "the chaincode refused")
    return decode_json_object(response["payload"], place=f"{place}.response", max_bytes=65_536)


def _read_state(
    result: dict[str, Any],
    chaincode: str,
    argument: dict[str, Any],
    answer: dict[str, Any],
    place: str,
) -> tuple[bool, Held | None]:
    """Whether the point is written, and where it was held already. One of the two must be."""
    inner = f"{place}.results"
    sets = read_message(result["results"], inner, messages.WRITE_SETS)["ns_rwset"]
    spaces = [read_message(one, inner, messages.NAMESPACE) for one in sets]
    own = [space for space in spaces if space["namespace"] == chaincode]
    if len(own) != 1:
        raise InvalidProof(inner, "must have one set of the chaincode")
    values = _read(own[0], "rwset", inner, messages.KEY_VALUES)
    size = argument["size"]
    if type(size) is not int or size < 1:
        raise InvalidEncoding(f"{place}.Attest.size", "must be a positive integer")
    key = point_key(str(argument["chain_id"]), size)
    held = _read_held(values, key, inner)
    for item in values["writes"]:
        write = read_message(item, inner, messages.WRITE)
        if write["key"] == key:
            written = decode_json_object(write["value"], place=inner, max_bytes=65_536)
            if write["is_delete"] or written != answer:
                raise InvalidProof(inner, "what is written is not what was answered")
            return True, held
    if held is None:
        raise InvalidProof(inner, "neither writes the point nor reads it from the ledger")
    return False, held


def _read_held(values: dict[str, Any], key: str, place: str) -> Held | None:
    for item in values["reads"]:
        read = read_message(item, place, messages.READ)
        if read["key"] == key and read["version"] is not None:
            version = read_message(read["version"], place, messages.VERSION)
            return Held(version["block_num"], version["tx_num"])
    return None


def _read_endorsements(endorsed: dict[str, Any], place: str) -> tuple[Endorsement, ...]:
    out = []
    if len(endorsed["endorsements"]) > _MOST_ENDORSEMENTS:
        raise InvalidEncoding(f"{place}.endorsements", f"are more than {_MOST_ENDORSEMENTS}")
    for position, item in enumerate(endorsed["endorsements"]):
        inner = f"{place}.endorsements[{position}]"
        values = read_message(item, inner, messages.ENDORSEMENT)
        out.append(
            Endorsement(
                place=inner,
                identity=read_identity(values["endorser"], f"{inner}.endorser"),
                message=endorsed["proposal_response_payload"] + values["endorser"],
                signature=values["signature"],
            )
        )
    return tuple(out)
