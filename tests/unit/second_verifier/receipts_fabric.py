"""A second opinion on receipts of Fabric channels (anchor-fabric.md), with fabric_protos.

Messages are decoded by protobuf's library, which takes more than the one form: so each is encoded
again and compared, and its fields are held against the specification's table.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import second_receipts_forms as forms
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import (
    chaincode_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)
from google.protobuf.message import DecodeError
from second_receipts_forms import (
    Bad,
    NothingTrusted,
    array,
    der_signature,
    exactly,
    from_base64,
    from_hex,
    integer,
    need,
    sha256,
    strict_json,
    text,
)
from second_receipts_x509 import CURVES, check_authority, read_certificate, strictly

__all__ = ["read_trusted", "verify"]

FIELDS = """
Envelope payload signature
Payload header data
Header channel_header signature_header
ChannelHeader type version timestamp channel_id tx_id epoch extension
Timestamp seconds nanos
ChaincodeHeaderExtension chaincode_id
SignatureHeader creator nonce
IdentifierHeader identifier nonce
SerializedIdentity mspid id_bytes
Transaction actions
TransactionAction header payload
ChaincodeActionPayload chaincode_proposal_payload action
ChaincodeEndorsedAction proposal_response_payload endorsements
Endorsement endorser signature
ChaincodeProposalPayload input
ChaincodeInvocationSpec chaincode_spec
ChaincodeSpec type chaincode_id input
ChaincodeID name version
ChaincodeInput args
ProposalResponsePayload proposal_hash extension
ChaincodeAction results events response chaincode_id
Response status message payload
TxReadWriteSet data_model ns_rwset
NsReadWriteSet namespace rwset
KVRWSet reads writes
KVRead key version
Version block_num tx_num
KVWrite key is_delete value
"""
TABLE = {line.split()[0]: set(line.split()[1:]) for line in FIELDS.split("\n") if line}
PEM = re.compile(
    b"-----BEGIN CERTIFICATE-----\n((?:[A-Za-z0-9+/=]{64}\n)*(?:[A-Za-z0-9+/=]{1,63}\n)?)"
    b"-----END CERTIFICATE-----\n?"
)
ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": int("f" * 48 + "c7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16),
    "secp521r1": int(
        "1ff" + "f" * 62 + "a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409", 16
    ),
}


def decode(kind, raw):
    """A message in its one form."""
    try:
        made = kind.FromString(raw)
    except DecodeError as error:
        raise Bad(f"no {kind.DESCRIPTOR.name}: {error}") from error
    check_fields(made)
    made.DiscardUnknownFields()
    need(made.SerializeToString(deterministic=True) == raw, f"{kind.DESCRIPTOR.name}'s encoding")
    return made


def check_fields(message):
    for field, value in message.ListFields():
        need(field.name in TABLE[message.DESCRIPTOR.name], f"field {field.name}")
        if field.message_type is not None:
            many = [value] if hasattr(value, "ListFields") else value
            need(len(many) <= (100 if field.name == "endorsements" else 1000), "too many items")
            for one in many:
                check_fields(one)
        elif field.name == "args":
            need(len(value) <= 1000, "too many items")


# --- the trust file -------------------------------------------------------------------------------


def certificate(value):
    return read_certificate(from_base64(value, 16_384))


def read_trusted(entry):
    """Raises Bad where an entry of the trust file is not of its form."""
    names = "kind name operator channel chaincode genesis endorsers endorsements_needed"
    exactly(entry, names, "blocks orderers consenters time_window_ms")
    text(entry["name"], 40)
    text(entry["operator"], 200)
    need(matches("[a-z][a-z0-9.-]{0,248}", entry["channel"]), "channel")
    need(matches("[A-Za-z0-9]+([-_][A-Za-z0-9]+)*", entry["chaincode"]), "chaincode")
    from_hex(entry["genesis"], 32, 32)
    numbers = []
    for block in array(entry.get("blocks", []), 1000):
        exactly(block, "number hash")
        numbers.append(integer(block["number"], 1))
        from_hex(block["hash"], 32, 32)
    need(len(set(numbers)) == len(numbers), "a block's number twice")
    need(("orderers" in entry) != ("consenters" in entry), "orderers or consenters")
    for name in ("orderers", "endorsers"):
        if name in entry:
            read_organisations(entry[name])
    if "consenters" in entry:
        read_consenters(entry["consenters"])
    integer(entry["endorsements_needed"], 1, len(entry["endorsers"]))
    integer(entry.get("time_window_ms", 0), 0, 31_536_000_000)


def matches(pattern, value):
    return isinstance(value, str) and re.fullmatch(pattern, value)


def read_organisations(value):
    ids = []
    for one in array(value, 100, 1):
        exactly(one, "msp_id roots", "intermediates unit")
        need(matches("[A-Za-z0-9_.-]{1,100}", one["msp_id"]), "msp_id")
        ids.append(one["msp_id"])
        for item in [*array(one["roots"], 20, 1), *array(one.get("intermediates", []), 20)]:
            certificate(item)
        text(one.get("unit", "-"), 64)
    need(len(set(ids)) == len(ids), "an organisation twice")


def read_consenters(value):
    for one in array(value, 1000, 1):
        exactly(one, "id certificate")
        integer(one["id"], 1, 4_294_967_295)
        certificate(one["certificate"])
    for name in ("id", "certificate"):
        need(len({one[name] for one in value}) == len(value), f"{name} twice")


# --- identities and signatures --------------------------------------------------------------------


def identity(raw):
    """The MSP's id and the certificate."""
    made = decode(identities_pb2.SerializedIdentity, raw)
    found = PEM.fullmatch(made.id_bytes)
    need(found, "no PEM")
    return made.mspid, read_certificate(from_base64(found[1].replace(b"\n", b"").decode(), 16_384))


@strictly
def signed_by(signer, message, signature):
    key = signer.key
    need(isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, CURVES), "curve")
    r, s = der_signature(signature)
    need(s <= ORDERS[key.curve.name] // 2, "s is high")
    try:
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise Bad("a signature does not hold") from error


@strictly
def check_member(signer, organisation, time):
    unit = organisation.get("unit")
    need(unit is None or unit in signer.units(), "not of the unit")
    roots = [certificate(one) for one in organisation["roots"]]
    between = [certificate(one) for one in organisation.get("intermediates", [])]
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time // 1000)
    failed = Bad("no authority of the organisation")
    for path in paths([signer], roots, between):
        try:
            check_path(path, moment)
            return
        except Bad as error:
            failed = error
    raise failed


def paths(path, roots, between):
    last = path[-1]
    if last in roots:
        yield path
    for root in roots:
        if root.subject == last.issuer and root not in path:
            yield [*path, root]
    for one in between if len(path) < 8 else []:
        if one.subject == last.issuer and one not in path:
            yield from paths([*path, one], roots, between)


def check_path(path, moment):
    for place, one in enumerate(path):
        one.check_valid(moment)
        one.check_critical()
        if place:
            check_authority(one, place - 1, None)
            path[place - 1].check_issued_by(one)


# --- attestations ---------------------------------------------------------------------------------


class Attestation:
    """A Payload that attests a point."""

    def __init__(self, raw, point):
        payload = decode(common_pb2.Payload, raw)
        need(payload.HasField("header"), "no header")
        channel_raw, self.signature_raw = (
            payload.header.channel_header,
            payload.header.signature_header,
        )
        self.read_header(decode(common_pb2.ChannelHeader, channel_raw))
        signature = decode(common_pb2.SignatureHeader, self.signature_raw)
        need(self.transaction == sha256(signature.nonce + signature.creator).hex(), "tx_id")
        self.creator = identity(signature.creator)[1]
        body = self.only_action(decode(transaction_pb2.Transaction, payload.data))
        need(body.HasField("action"), "no action")
        hashed = sha256(channel_raw + self.signature_raw + body.chaincode_proposal_payload)
        self.wanted = {
            "chain_id": point["chain_id"],
            "root": forms.digest_of(point).hex(),
            "size": point["size"],
        }
        self.read_call(body.chaincode_proposal_payload)
        self.read_answer(body.action.proposal_response_payload, hashed)
        self.endorsements = [
            (*identity(one.endorser), one.endorser, one.signature)
            for one in body.action.endorsements
        ]
        self.signed = body.action.proposal_response_payload

    def read_header(self, header):
        need((header.type, header.version, header.epoch) == (3, 0, 0), "type, version, epoch")
        self.channel, self.transaction = header.channel_id, header.tx_id
        extension = decode(proposal_pb2.ChaincodeHeaderExtension, header.extension)
        self.chaincode = extension.chaincode_id.name
        need(self.chaincode, "no chaincode")
        need(header.HasField("timestamp"), "no timestamp")
        seconds, nanos = header.timestamp.seconds, header.timestamp.nanos
        need(0 <= seconds <= 9_007_199_254_739 and 0 <= nanos < 10**9, "timestamp")
        self.time = seconds * 1000 + -(-nanos // 10**6)

    def only_action(self, transaction):
        need(len(transaction.actions) == 1, "actions")
        action = transaction.actions[0]
        need(action.header == self.signature_raw, "header of the action")
        return decode(transaction_pb2.ChaincodeActionPayload, action.payload)

    def read_call(self, raw):
        proposal = decode(proposal_pb2.ChaincodeProposalPayload, raw)
        invocation = decode(chaincode_pb2.ChaincodeInvocationSpec, proposal.input)
        spec = invocation.chaincode_spec
        need(spec.chaincode_id.name == self.chaincode, "another chaincode is called")
        need(len(spec.input.args) == 2 and spec.input.args[0] == b"Attest", "arguments")
        said = exactly(strict_json(spec.input.args[1], 1024), "chain_id root size")
        need(said == self.wanted, "attests another point")

    def read_answer(self, raw, hashed):
        answer = decode(proposal_response_pb2.ProposalResponsePayload, raw)
        need(answer.proposal_hash == hashed, "proposal_hash")
        action = decode(proposal_pb2.ChaincodeAction, answer.extension)
        need(action.chaincode_id.name == self.chaincode, "another chaincode answers")
        need(action.response.status == 200, "status")
        said = strict_json(action.response.payload, 65_536)
        need(isinstance(said, dict), "the answer is no object")
        need(self.wanted.items() <= said.items(), "answers for another point")
        sets = decode(rwset_pb2.TxReadWriteSet, action.results).ns_rwset
        mine = [one for one in sets if one.namespace == self.chaincode]
        need(len(mine) == 1, "sets of the namespace")
        self.read_set(decode(kv_rwset_pb2.KVRWSet, mine[0].rwset), said)

    def read_set(self, changes, said):
        key = f"p|{self.wanted['chain_id']}|{self.wanted['size']:020d}"
        self.held = any(one.key == key and one.HasField("version") for one in changes.reads)
        writes = [one for one in changes.writes if one.key == key]
        self.writes = bool(writes)
        if writes:
            need(not writes[0].is_delete, "deletes the point")
            need(strict_json(writes[0].value, 65_536) == said, "writes something else")
        need(self.held or self.writes, "neither reads nor writes the point")

    def check_signatures(self):
        for _, signer, raw, signature in self.endorsements:
            signed_by(signer, self.signed + raw, signature)

    def check_endorsers(self, entry):
        known = {one["msp_id"]: one for one in entry["endorsers"]}
        found = set()
        for mspid, signer, _, _ in self.endorsements:
            if mspid in known:
                check_member(signer, known[mspid], self.time)
                found.add(mspid)
        need(len(found) >= entry["endorsements_needed"], "too few organisations endorsed")


# --- the receipt ----------------------------------------------------------------------------------


def header_der(number, previous, data_hash):
    raw = number.to_bytes(number.bit_length() // 8 + 1, "big")
    body = b"\x02" + bytes([len(raw)]) + raw
    for one in (previous, data_hash):
        body += b"\x04" + bytes([len(one)]) + one
    return b"\x30" + bytes([len(body)]) + body


def header_hash(*parts):
    return sha256(header_der(*parts))


class Block:
    def __init__(self, value):
        exactly(value, "number previous_hash data metadata signatures")
        self.number = integer(value["number"], 1)
        self.previous = from_hex(value["previous_hash"], 32, 32)
        self.data = [from_base64(one, 4_194_304) for one in array(value["data"], 10_000, 1)]
        need(sum(map(len, self.data)) <= 4_194_304, "too much data")
        self.metadata = from_base64(value["metadata"], 65_536)
        self.signatures = []
        for one in array(value["signatures"], 1000, 1):
            kind = "header" if isinstance(one, dict) and "header" in one else "identifier"
            exactly(one, f"{kind} signature")
            raw, signature = from_base64(one[kind], 65_536), from_base64(one["signature"], 256)
            need(raw and signature, "empty")
            self.signatures.append((kind, raw, signature))
        headers = [raw for _, raw, _ in self.signatures]
        need(headers == sorted(set(headers)), "order of the signatures")
        self.der = header_der(self.number, self.previous, sha256(b"".join(self.data)))

    def check_orderers(self, entry, time):
        seen = set()
        for kind, raw, signature in self.signatures:
            if "orderers" in entry:
                need(kind == "header", "no signature of an orderer")
                mspid, signer = identity(decode(common_pb2.SignatureHeader, raw).creator)
                known = [one for one in entry["orderers"] if one["msp_id"] == mspid]
                need(known, "signer of another organisation")
                check_member(signer, known[0], time)
            else:
                need(kind == "identifier", "no signature of a consenter")
                place = decode(common_pb2.IdentifierHeader, raw).identifier
                known = [one for one in entry["consenters"] if one["id"] == place]
                need(known and place not in seen, "no consenter, or one that signs twice")
                seen.add(place)
                signer = certificate(known[0]["certificate"])
            signed_by(signer, self.metadata + raw + self.der, signature)
        if "consenters" in entry:
            count = len(entry["consenters"])
            need(len(seen) >= -(-(count + (count - 1) // 3 + 1) // 2), "too few consenters")

    def check_link(self, entry, link):
        pinned = {one["number"]: one["hash"] for one in entry.get("blocks", [])}
        pinned[0] = entry["genesis"]
        if link is None:
            wanted = pinned.get(self.number, sha256(self.der).hex())
            need(sha256(self.der).hex() == wanted, "not the block that is pinned")
            return
        first, between = link
        need(first in pinned, "the link begins at no pinned block")
        need(first + len(between) + 1 == self.number, "number of data hashes")
        current = bytes.fromhex(pinned[first])
        for number, one in enumerate(between, first + 1):
            current = header_hash(number, current, one)
        need(current == self.previous, "the block does not descend from what is pinned")


def read_link(value):
    exactly(value, "from data_hashes")
    hashed = [from_hex(one, 32, 32) for one in array(value["data_hashes"], 100_000)]
    return integer(value["from"]), hashed


def verify(receipt, point, trust):
    entries = [entry for entry in trust["anchors"] if entry["kind"] == "fabric"]
    exactly(receipt, "block position transaction", "link confirmation")
    block, position = Block(receipt["block"]), integer(receipt["position"])
    from_hex(receipt["transaction"], 32, 32)
    link = read_link(receipt["link"]) if "link" in receipt else None
    need(position < len(block.data), "position")
    for item in block.data:
        whole = decode(common_pb2.Envelope, item)
        need(whole.payload and whole.signature, "an item that is no whole envelope")
    need(block.data[position] not in block.data[:position], "a copy")
    envelope = decode(common_pb2.Envelope, block.data[position])
    made = Attestation(envelope.payload, point)
    need(made.transaction == receipt["transaction"], "another transaction")
    again = None
    if "confirmation" in receipt:
        raw = from_base64(receipt["confirmation"], 4_194_304)
        again = Attestation(raw, point)
        need((again.channel, again.chaincode) == (made.channel, made.chaincode), "elsewhere")
        need(again.held and not again.writes, "the confirmation does not read the point")
        again.check_signatures()
    signed_by(made.creator, envelope.payload, envelope.signature)
    made.check_signatures()
    named = [
        entry
        for entry in entries
        if (entry["channel"], entry["chaincode"]) == (made.channel, made.chaincode)
    ]
    if not named:
        raise NothingTrusted("channel or chaincode is not named")
    failed, timeless = None, False
    for entry in named:
        try:
            made.check_endorsers(entry)
            block.check_orderers(entry, made.time)
            block.check_link(entry, link)
            if again is not None:
                again.check_endorsers(entry)
            if "time_window_ms" in entry:
                return
            timeless = True
        except Bad as error:
            failed = error
    if timeless:
        raise NothingTrusted("peers are not said to look at a proposal's time")
    raise failed
