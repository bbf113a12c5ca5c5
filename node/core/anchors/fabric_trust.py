"""What a trust file says of a Hyperledger Fabric channel (docs/spec/anchor-fabric.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from node.core.anchors.fabric_block import read_base64
from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.encoding import decode_hash
from node.core.errors import InvalidBundle
from node.core.fields import (
    exact_members,
    read_each,
    read_integer,
    read_list,
    read_match,
    read_text,
)

__all__ = [
    "Consenter",
    "FabricTrust",
    "Organisation",
    "may_be_named",
    "quorum_of",
    "read_fabric_trust",
]

_CHANNEL = re.compile(r"[a-z][a-z0-9.-]{0,248}", re.ASCII)
_CHAINCODE = re.compile(r"[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)*", re.ASCII)
_MSP_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
_MAX_CERTIFICATE = 16_384


@dataclass(frozen=True)
class Organisation:
    """An organisation by its MSP id, with its CA certificates. Where ``unit`` is not empty,
    a certificate must have that organizational unit, such as ``peer``, to count."""

    msp_id: str
    roots: tuple[Certificate, ...]
    intermediates: tuple[Certificate, ...]
    unit: str


@dataclass(frozen=True)
class Consenter:
    """An orderer of SmartBFT by its number in the channel's configuration, with its certificate."""

    identifier: int
    certificate: Certificate


@dataclass(frozen=True)
class FabricTrust:
    """A channel. Blocks are signed by one of ``orderers``, or by a quorum of ``consenters``: one of
    the two is empty. ``needed`` different organisations of ``endorsers`` must have endorsed.
    ``window`` is how far, in ms, a proposal's time may be from the clock of a peer that endorses
    it; None where peers do not look at it. ``pinned`` are hashes of block headers by number; block
    0, which nobody signs, is there."""

    name: str
    operator: str
    channel: str
    chaincode: str
    pinned: dict[int, bytes]
    orderers: tuple[Organisation, ...]
    consenters: tuple[Consenter, ...]
    endorsers: tuple[Organisation, ...]
    needed: int
    window: int | None


def may_be_named(channel: str, chaincode: str) -> bool:
    """Whether these are names that a trust file could have."""
    return _CHANNEL.fullmatch(channel) is not None and (
        len(chaincode) <= 249 and _CHAINCODE.fullmatch(chaincode) is not None
    )


def quorum_of(count: int) -> int:
    """How many of ``count`` orderers of SmartBFT sign a block: ⌈(n+f+1)/2⌉, f = ⌊(n-1)/3⌋."""
    return (count + (count - 1) // 3 + 2) // 2


def read_fabric_trust(value: Any, place: str) -> FabricTrust:
    """Decode an item of a trust file's ``anchors`` of kind ``fabric``. Raises InvalidInput."""
    members = exact_members(
        value,
        place,
        (
            "chaincode",
            "channel",
            "endorsements_needed",
            "endorsers",
            "genesis",
            "kind",
            "name",
            "operator",
        ),
        ("blocks", "consenters", "orderers", "time_window_ms"),
    )
    if ("orderers" in members) == ("consenters" in members):
        raise InvalidBundle(place, "must have either orderers (Raft) or consenters (SmartBFT)")
    endorsers = read_each(
        members["endorsers"], f"{place}.endorsers", _read_organisation, most=100, least=1
    )
    orderers: tuple[Organisation, ...] = ()
    consenters: tuple[Consenter, ...] = ()
    if "orderers" in members:
        orderers = read_each(
            members["orderers"], f"{place}.orderers", _read_organisation, most=100, least=1
        )
    else:
        consenters = _read_consenters(members["consenters"], f"{place}.consenters")
    _check_distinct([one.msp_id for one in endorsers], f"{place}.endorsers")
    _check_distinct([one.msp_id for one in orderers], f"{place}.orderers")
    return FabricTrust(
        name=read_text(members["name"], f"{place}.name", most=40),
        operator=read_text(members["operator"], f"{place}.operator", most=200),
        channel=read_match(
            members["channel"], f"{place}.channel", _CHANNEL, "must be a channel's name"
        ),
        chaincode=read_match(
            members["chaincode"], f"{place}.chaincode", _CHAINCODE, "must be a chaincode's name"
        ),
        pinned=_read_pinned(members, place),
        orderers=orderers,
        consenters=consenters,
        endorsers=endorsers,
        needed=read_integer(
            members["endorsements_needed"],
            f"{place}.endorsements_needed",
            least=1,
            most=len(endorsers),
        ),
        window=_read_window(members.get("time_window_ms"), f"{place}.time_window_ms"),
    )


def _read_window(value: Any, place: str) -> int | None:
    return None if value is None else read_integer(value, place, most=365 * 86_400_000)


def _read_pinned(members: dict[str, Any], place: str) -> dict[int, bytes]:
    pinned = {0: decode_hash(members["genesis"], place=f"{place}.genesis")}
    inner = f"{place}.blocks"
    for position, item in enumerate(read_list(members.get("blocks", []), inner, most=1_000)):
        block = exact_members(item, f"{inner}[{position}]", ("hash", "number"))
        number = read_integer(block["number"], f"{inner}[{position}].number", least=1)
        if number in pinned:
            raise InvalidBundle(inner, f"names block {number} twice")
        pinned[number] = decode_hash(block["hash"], place=f"{inner}[{position}].hash")
    return pinned


def _read_organisation(value: Any, place: str) -> Organisation:
    members = exact_members(value, place, ("msp_id", "roots"), ("intermediates", "unit"))
    unit = members.get("unit")
    return Organisation(
        msp_id=read_match(members["msp_id"], f"{place}.msp_id", _MSP_ID, "must be an MSP id"),
        roots=read_each(members["roots"], f"{place}.roots", _read_certificate, most=20, least=1),
        intermediates=read_each(
            members.get("intermediates", []), f"{place}.intermediates", _read_certificate, most=20
        ),
        unit="" if unit is None else read_text(unit, f"{place}.unit", most=64),
    )


def _read_consenters(value: Any, place: str) -> tuple[Consenter, ...]:
    out = []
    for position, item in enumerate(read_list(value, place, most=1_000, least=1)):
        inner = f"{place}[{position}]"
        members = exact_members(item, inner, ("certificate", "id"))
        out.append(
            Consenter(
                read_integer(members["id"], f"{inner}.id", least=1, most=2**32 - 1),
                _read_certificate(members["certificate"], f"{inner}.certificate"),
            )
        )
    _check_distinct([one.identifier for one in out], place)
    _check_distinct([one.certificate.encoded for one in out], place)
    return tuple(out)


def _read_certificate(value: Any, place: str) -> Certificate:
    return decode_certificate(read_base64(value, place, most=_MAX_CERTIFICATE), place)


def _check_distinct(values: list[Any], place: str) -> None:
    if len(set(values)) != len(values):
        raise InvalidBundle(place, "names one twice")
