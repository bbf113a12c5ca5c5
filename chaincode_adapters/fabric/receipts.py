"""What a receipt has of a block, and what a trust file has of a channel's configuration."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from fabric_protos.common import common_pb2, configtx_pb2
from fabric_protos.common import configuration_pb2 as common_configuration
from fabric_protos.msp import msp_config_pb2
from fabric_protos.orderer import configuration_pb2 as orderer_configuration
from google.protobuf.message import DecodeError

from chaincode_adapters.errors import Refused, Unreachable
from node.core.anchors.fabric_block import MAX_BLOCK_BYTES, header_hash

__all__ = [
    "block_hash",
    "block_member",
    "channel_members",
    "decode_block",
    "tx_position",
    "tx_time",
]

_SIGNATURES = common_pb2.BlockMetadataIndex.SIGNATURES
_ORDERER, _PEER = "orderer_ou_identifier", "peer_ou_identifier"


def decode_block(data: bytes) -> common_pb2.Block:
    """A block as a peer gives it. Raises Unreachable where it is none."""
    try:
        block = common_pb2.Block.FromString(data)
    except DecodeError as error:
        raise Unreachable("the peer answered with something that is no block") from error
    hashed = hashlib.sha256(b"".join(block.data.data)).digest()
    if hashed != block.header.data_hash or len(block.metadata.metadata) <= _SIGNATURES:
        raise Unreachable(f"the peer's block {block.header.number} does not hang together")
    return block


def block_hash(block: common_pb2.Block) -> bytes:
    """The hash of a block's header."""
    header = block.header
    return header_hash(header.number, header.previous_hash, header.data_hash)


def tx_position(block: common_pb2.Block, tx_id: str) -> int:
    """Where in the block the transaction first stands. Raises Unreachable where it does not."""
    for position in range(len(block.data.data)):
        if _channel_header(block, position).tx_id == tx_id:
            return position
    raise Unreachable(f"the peer's block {block.header.number} does not have {tx_id}")


def tx_time(block: common_pb2.Block, position: int) -> int:
    """The client's time of a transaction, in ms, rounded up."""
    stamp = _channel_header(block, position).timestamp
    return int(stamp.seconds * 1000 - (-stamp.nanos // 1_000_000))


def _channel_header(block: common_pb2.Block, position: int) -> common_pb2.ChannelHeader:
    try:
        envelope = common_pb2.Envelope.FromString(block.data.data[position])
        payload = common_pb2.Payload.FromString(envelope.payload)
        return common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    except DecodeError as error:
        raise Unreachable(f"the peer's block {block.header.number} cannot be read") from error


def block_member(block: common_pb2.Block) -> dict[str, Any]:
    """The receipt's ``block``. Raises Refused where it is larger than a receipt may be."""
    total = sum(len(item) for item in block.data.data)
    if total > MAX_BLOCK_BYTES:
        raise Refused(
            f"block {block.header.number} has {total} bytes, a receipt at most {MAX_BLOCK_BYTES}"
        )
    try:
        metadata = common_pb2.Metadata.FromString(block.metadata.metadata[_SIGNATURES])
    except DecodeError as error:
        raise Unreachable(f"block {block.header.number} has no readable signatures") from error
    return {
        "data": [_base64(item) for item in block.data.data],
        "metadata": _base64(metadata.value),
        "number": block.header.number,
        "previous_hash": block.header.previous_hash.hex(),
        "signatures": _signature_members(metadata.signatures),
    }


def _signature_members(signatures: Iterable[common_pb2.MetadataSignature]) -> list[dict[str, str]]:
    """Without repetitions and in the order of a receipt, which is not that of every peer."""
    by_header = {one.identifier_header or one.signature_header: one for one in signatures}
    return [_signature_member(by_header[header]) for header in sorted(by_header)]


def _signature_member(signature: common_pb2.MetadataSignature) -> dict[str, str]:
    if signature.identifier_header:
        named = {"identifier": _base64(signature.identifier_header)}
    else:
        named = {"header": _base64(signature.signature_header)}
    return {**named, "signature": _base64(signature.signature)}


def channel_members(config_block: common_pb2.Block) -> dict[str, Any]:
    """Of a channel's configuration what a trust entry has: ``endorsers``, with the CA certificates
    of each, and ``orderers`` or ``consenters``. Raises Unreachable where it cannot be read."""
    try:
        return _channel_members(config_block)
    except (DecodeError, IndexError, ValueError) as error:
        raise Unreachable("the channel's configuration cannot be read") from error


def _channel_members(config_block: common_pb2.Block) -> dict[str, Any]:
    envelope = common_pb2.Envelope.FromString(config_block.data.data[0])
    payload = common_pb2.Payload.FromString(envelope.payload)
    group = configtx_pb2.ConfigEnvelope.FromString(payload.data).config.channel_group
    orderer = group.groups["Orderer"]
    consensus = orderer_configuration.ConsensusType.FromString(
        orderer.values["ConsensusType"].value
    )
    members: dict[str, Any] = {
        "endorsers": _organisations(group.groups["Application"], _PEER),
    }
    if consensus.type == "BFT":
        mapping = common_configuration.Orderers.FromString(orderer.values["Orderers"].value)
        members["consenters"] = [
            {"certificate": _base64(_der(one.identity)), "id": one.id}
            for one in mapping.consenter_mapping
        ]
    else:
        members["orderers"] = _organisations(orderer, _ORDERER)
    return members


def _organisations(group: configtx_pb2.ConfigGroup, role: str) -> list[dict[str, Any]]:
    """The organisations of a group, ordered by MSP id."""
    out = []
    for organisation in group.groups.values():
        outer = msp_config_pb2.MSPConfig.FromString(organisation.values["MSP"].value)
        config = msp_config_pb2.FabricMSPConfig.FromString(outer.config)
        member: dict[str, Any] = {
            "msp_id": config.name,
            "roots": [_base64(_der(pem)) for pem in config.root_certs],
        }
        if config.intermediate_certs:
            member["intermediates"] = [_base64(_der(pem)) for pem in config.intermediate_certs]
        unit = getattr(config.fabric_node_ous, role).organizational_unit_identifier
        if config.fabric_node_ous.enable and unit:
            member["unit"] = unit
        out.append(member)
    return sorted(out, key=lambda member: str(member["msp_id"]))


def _der(pem: bytes) -> bytes:
    return x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
