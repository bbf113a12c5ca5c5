"""Verifying that a point was attested on a Hyperledger Fabric channel (docs/spec/anchor-fabric.md).

Endorsement and order are signed, by peers and by orderers. Whether a transaction counted (its
VALID flag) is signed by nobody; a receipt may have an endorsed reading of the ledger instead, by
which the same peers say that their ledgers held the point (docs/adr/0034).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.core.anchors.fabric_block import (
    MAX_BLOCK_BYTES,
    BlockSignature,
    FabricBlock,
    read_base64,
    read_block,
    read_link,
)
from node.core.anchors.fabric_identities import (
    certificate_of,
    check_member,
    verify_fabric_signature,
)
from node.core.anchors.fabric_messages import (
    ENVELOPE,
    IDENTIFIER_HEADER,
    SIGNATURE_HEADER,
)
from node.core.anchors.fabric_transaction import (
    Attestation,
    Endorsement,
    read_attestation,
    read_identity,
)
from node.core.anchors.fabric_trust import (
    FabricTrust,
    may_be_named,
    quorum_of,
    read_fabric_trust,
)
from node.core.anchors.point import AnchorPoint
from node.core.anchors.protobuf import read_message
from node.core.anchors.vouching import Vouched
from node.core.encoding import rfc3339
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof
from node.core.fields import exact_members, read_integer
from node.core.signatures import Backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = ["verify_fabric"]


@dataclass(frozen=True)
class _Receipt:
    """A decoded receipt that hangs together and is of the point; nobody's word is weighed yet."""

    place: str
    block: FabricBlock
    position: int
    attestation: Attestation
    confirmation: Attestation | None
    link: Any


def verify_fabric(
    receipt: Any, point: AnchorPoint, trust: Trust, backend: Backend, place: str
) -> Vouched:
    """Check a receipt of kind ``fabric``; see `node.core.anchors.vouching.VerifyReceipt`.

    1. the trust file's items of this kind are of their form
    2. so is the receipt; the transaction's parts belong together and are of ``point``
    3. the signatures of the submitter and of all endorsers hold under their certificates
    4. the trust file names the channel and the chaincode
    5. enough of its organisations endorsed
    6. its orderers signed the block
    7. the block descends from a pinned one, where the receipt says so
    8. the same organisations read the point from their ledgers, where the receipt says so
    9. the trust file says that endorsing peers compare a proposal's time with their clocks
    """
    known = trust.entries("fabric", read_fabric_trust)
    read = _read_receipt(receipt, point, place)
    _check_signatures(read, backend)
    named = (read.attestation.channel, read.attestation.chaincode)
    entries = [entry for entry in known if (entry.channel, entry.chaincode) == named]
    if not entries:
        raise _not_named(read.attestation)
    error: InvalidInput | None = None
    for entry in sorted(entries, key=lambda entry: entry.window is None):
        try:
            return _verify_by(entry, read, backend)
        except InvalidInput as refused:
            error = refused
    assert error is not None
    raise error


def _read_receipt(receipt: Any, point: AnchorPoint, place: str) -> _Receipt:
    members = exact_members(
        receipt, place, ("block", "position", "transaction"), ("confirmation", "link")
    )
    block = read_block(members["block"], f"{place}.block")
    position = read_integer(members["position"], f"{place}.position", most=len(block.data) - 1)
    _check_items(block, f"{place}.block.data")
    inner = f"{place}.block.data[{position}]"
    if block.data.index(block.data[position]) != position:
        raise InvalidProof(inner, "stands in the block before; that is the one that may count")
    envelope = read_message(block.data[position], inner, ENVELOPE)
    attestation = read_attestation(envelope["payload"], inner)
    if members["transaction"] != attestation.tx_id:
        raise InvalidProof(f"{place}.transaction", "is not the id of the transaction there")
    attestation.check_point(point, inner)
    confirmation = None
    if "confirmation" in members:
        inner = f"{place}.confirmation"
        payload = read_base64(members["confirmation"], inner, most=MAX_BLOCK_BYTES)
        confirmation = read_attestation(payload, inner)
        confirmation.check_point(point, inner)
        _check_confirmation(confirmation, attestation, inner)
    return _Receipt(place, block, position, attestation, confirmation, members.get("link"))


def _check_items(block: FabricBlock, place: str) -> None:
    """The block's hash is of its items one after the other, and does not show where they end. An
    envelope of both its fields ends in one place only."""
    for number, item in enumerate(block.data):
        envelope = read_message(item, f"{place}[{number}]", ENVELOPE)
        if not envelope["payload"] or not envelope["signature"]:
            raise InvalidEncoding(f"{place}[{number}]", "must have a payload and a signature")


def _check_confirmation(confirmation: Attestation, attestation: Attestation, place: str) -> None:
    """It must be a reading of the point, by the same chaincode of the same channel."""
    if (confirmation.channel, confirmation.chaincode) != (
        attestation.channel,
        attestation.chaincode,
    ):
        raise InvalidProof(place, "is of another channel or chaincode")
    if confirmation.held is None or confirmation.writes:
        raise InvalidProof(place, "does not read the point from the ledger")


def _check_signatures(read: _Receipt, backend: Backend) -> None:
    """Of the submitter on the envelope, and of every endorser."""
    attestation = read.attestation
    inner = f"{read.place}.block.data[{read.position}]"
    envelope = read_message(read.block.data[read.position], inner, ENVELOPE)
    verify_fabric_signature(
        certificate_of(attestation.creator, f"{inner}.creator"),
        envelope["payload"],
        envelope["signature"],
        backend,
        f"{inner}.signature",
    )
    for endorsement in _endorsements(read):
        verify_fabric_signature(
            certificate_of(endorsement.identity, f"{endorsement.place}.endorser"),
            endorsement.message,
            endorsement.signature,
            backend,
            f"{endorsement.place}.signature",
        )


def _endorsements(read: _Receipt) -> tuple[Endorsement, ...]:
    more = () if read.confirmation is None else read.confirmation.endorsements
    return read.attestation.endorsements + more


def _not_named(attestation: Attestation) -> NotChecked:
    """It says the names only where they can be no sentence: nobody vouches for them."""
    if not may_be_named(attestation.channel, attestation.chaincode):
        return NotChecked(
            "the trust file has no such Fabric channel; the receipt hangs together, but anybody "
            "can make such",
            "信任文件中没有该 Fabric 通道;回执自身一致,但任何人都能做出这样的回执",
        )
    where = f"{attestation.chaincode} on the Fabric channel {attestation.channel}"
    return NotChecked(
        f"the trust file has no {where}; the receipt hangs together, but anybody can make such",
        f"信任文件中没有 Fabric 通道 {attestation.channel} 上的 {attestation.chaincode};"
        "回执自身一致,但任何人都能做出这样的回执",
    )


def _verify_by(entry: FabricTrust, read: _Receipt, backend: Backend) -> Vouched:
    attestation, block = read.attestation, read.block
    endorsers = _check_endorsers(entry, attestation, backend)
    if entry.consenters:
        orderers = _check_consenters(entry, read, backend)
    else:
        orderers = _check_orderers(entry, read, backend)
    linked = None
    if read.link is not None:
        linked = read_link(read.link, f"{read.place}.link", block, entry.pinned)
    elif block.number in entry.pinned:
        if entry.pinned[block.number] != block.hash():
            raise InvalidProof(f"{read.place}.block", "is not the block that the trust file names")
        linked = block.number
    if read.confirmation is not None:
        _check_endorsers(entry, read.confirmation, backend)
    if entry.window is None:
        raise _no_time(entry, endorsers)
    return _vouched(entry, entry.window, read, endorsers, orderers, linked)


def _no_time(entry: FabricTrust, endorsers: list[str]) -> NotChecked:
    return NotChecked(
        f"endorsed on the channel of {entry.operator} by {' and '.join(endorsers)}; since when is "
        "the submitter's word alone, since the trust file does not say that their peers compare a "
        "proposal's time with their clocks",
        f"已由 {entry.operator} 通道上的 {'、'.join(endorsers)} 背书；但时间仅为提交者自称，"
        "信任文件未说明背书节点会将提案时间与自身时钟核对",
    )


def _check_endorsers(entry: FabricTrust, attestation: Attestation, backend: Backend) -> list[str]:
    """The organisations of the trust file that endorsed, which must be enough."""
    known = {organisation.msp_id: organisation for organisation in entry.endorsers}
    found = []
    for endorsement in attestation.endorsements:
        organisation = known.get(endorsement.identity.msp_id)
        if organisation is not None:
            place = f"{endorsement.place}.endorser"
            certificate = certificate_of(endorsement.identity, place)
            check_member(certificate, organisation, attestation.time, backend, place)
            found.append(organisation.msp_id)
    if len(set(found)) < entry.needed:
        raise InvalidProof(
            f"transaction {attestation.tx_id}",
            f"endorsed by {len(set(found))} organisations of the trust file, "
            f"which asks for {entry.needed}",
        )
    return sorted(set(found))


def _check_orderers(entry: FabricTrust, read: _Receipt, backend: Backend) -> list[str]:
    """Every signature of the block must be of an orderer organisation of the trust file. Returns
    their MSP ids."""
    known = {organisation.msp_id: organisation for organisation in entry.orderers}
    found = []
    for signature, place in _signatures_of(read, by_number=False):
        values = read_message(signature.header, f"{place}.header", SIGNATURE_HEADER)
        identity = read_identity(values["creator"], f"{place}.header.creator")
        organisation = known.get(identity.msp_id)
        if organisation is None:
            raise InvalidProof(place, "its signer is not of an organisation of the trust file")
        certificate = certificate_of(identity, f"{place}.header.creator")
        check_member(certificate, organisation, read.attestation.time, backend, place)
        signed = read.block.signed_by(signature)
        verify_fabric_signature(certificate, signed, signature.signature, backend, place)
        found.append(identity.msp_id)
    return sorted(set(found))


def _check_consenters(entry: FabricTrust, read: _Receipt, backend: Backend) -> list[str]:
    """The block must be signed by a quorum of the consenters, and by nobody else. Returns their
    numbers."""
    known = {one.identifier: one.certificate for one in entry.consenters}
    found: list[int] = []
    for signature, place in _signatures_of(read, by_number=True):
        values = read_message(signature.header, f"{place}.identifier", IDENTIFIER_HEADER)
        number = values["identifier"]
        if number not in known or number in found:
            raise InvalidProof(place, f"consenter {number} is unknown, or signs twice")
        signed = read.block.signed_by(signature)
        verify_fabric_signature(known[number], signed, signature.signature, backend, place)
        found.append(number)
    if len(found) < quorum_of(len(known)):
        raise InvalidProof(
            f"{read.place}.block.signatures",
            f"{len(found)} consenters signed, {quorum_of(len(known))} of {len(known)} must",
        )
    return [str(number) for number in sorted(found)]


def _signatures_of(read: _Receipt, *, by_number: bool) -> list[tuple[BlockSignature, str]]:
    place = f"{read.place}.block.signatures"
    if any(one.by_number != by_number for one in read.block.signatures):
        meant = "consenters (SmartBFT)" if by_number else "orderers (Raft)"
        raise InvalidProof(place, f"are not of {meant}, which the trust file names")
    return [(one, f"{place}[{number}]") for number, one in enumerate(read.block.signatures)]


def _vouched(
    entry: FabricTrust,
    window: int,
    read: _Receipt,
    endorsers: list[str],
    orderers: list[str],
    linked: int | None,
) -> Vouched:
    attestation, block = read.attestation, read.block
    reading = read.confirmation
    if reading is None and not attestation.writes:
        reading = attestation
    shown = "endorsed by " + " and ".join(endorsers) + ", ordered by "
    shown += ("consenters " if entry.consenters else "") + ", ".join(orderers)
    who = "共识节点" if entry.consenters else ""
    shown_zh = f"由 {'、'.join(endorsers)} 背书,由{who} {'、'.join(orderers)} 排序"
    if reading is None:
        shown += "; that peers marked it VALID is signed by nobody and was not checked"
        shown_zh += ";节点标记其为有效(VALID)一事无人签名,未检查"
    else:
        assert reading.held is not None
        since = reading.held.block
        shown += f"; their peers also signed that their ledgers hold it, since block {since}"
        shown_zh += f";其节点并签名确认其账本自区块 {since} 起存有该内容"
    shown += (
        "; that they refuse what is not within "
        f"{window // 1000} s of their clocks is the trust file's word"
    )
    shown_zh += f";其仅接受与自身时钟相差 {window // 1000} 秒以内的提案一事,以信任文件为准"
    link = "whether the block descends from the pinned block 0 was not checked"
    if linked is not None:
        link = f"the block descends from block {linked}, whose hash the trust file pins"
    return Vouched(
        by=f"{entry.operator} ({', '.join(endorsers)})",
        time=attestation.time + window,
        where=f"channel {attestation.channel}, block {block.number}, "
        f"transaction {attestation.tx_id}",
        how=shown,
        how_zh=shown_zh,
        details=(
            f"block {block.number}: {block.hash().hex()}; {link}",
            f"submitted under the name of {attestation.creator.msp_id} with time "
            f"{rfc3339(attestation.time)}, to which {window // 1000} s are added",
        ),
    )
