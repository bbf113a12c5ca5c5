"""`verify_fabric` on what was recorded from a real network."""

from __future__ import annotations

import base64
import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from builders.fabric import (
    FOLDER,
    ROOT_1000,
    ROOT_2000,
    ROOT_3000,
    RecordedPoint,
    blocks,
    recorded_blocks,
    recorded_receipt,
    recorded_trust,
    trust_entry,
)
from fabric_protos.common import common_pb2

from chaincode_adapters.fabric.receipts import block_member
from node.core.anchors.fabric import verify_fabric
from node.core.anchors.fabric_trust import quorum_of
from node.core.anchors.point import AnchorPoint
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof, InvalidSignature
from node.core.signatures import Backend, load_backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

ROOTS = {1000: ROOT_1000, 2000: ROOT_2000, 3000: ROOT_3000}
ATTESTED = [
    *(("evidence", number, 0, 1000) for number in (5, 6, 7, 12)),
    ("evidence", 8, 0, 2000),
    ("evidence", 8, 1, 2000),
    ("evidence", 9, 0, 2000),
    ("evidence", 11, 0, 3000),
    ("evidencebft", 4, 0, 1000),
    ("evidencebft", 5, 0, 1000),
    ("evidencebft", 6, 0, 2000),
]


@pytest.fixture(params=["cryptography", "ecdsa"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return load_backend(request.param)


def verify(
    receipt: Any,
    point: Any = None,
    trust: Trust | None = None,
    backend: Backend | None = None,
    channel: str = "evidence",
) -> Any:
    return verify_fabric(
        receipt,
        point or RecordedPoint.of(),
        trust or recorded_trust(trust_entry(channel)),
        backend or load_backend(),
        "receipt",
    )


def envelope_payload(channel: str, number: int, position: int = 0) -> str:
    item = blocks(channel)[number].data.data[position]
    return base64.b64encode(common_pb2.Envelope.FromString(item).payload).decode()


def confirmed_receipt() -> dict[str, Any]:
    """Block 5 with the endorsement of the same attestation once more, which block 7 has."""
    return {**recorded_receipt("evidence", 5), "confirmation": envelope_payload("evidence", 7)}


@pytest.mark.parametrize(("channel", "number", "position", "size"), ATTESTED)
def test_every_recorded_attestation_verifies(
    channel: str, number: int, position: int, size: int, backend: Backend
) -> None:
    point = RecordedPoint.of(size, ROOTS[size])
    vouched = verify(
        recorded_receipt(channel, number, position), point, None, backend, channel=channel
    )
    expected = recorded_blocks()["channels"][channel]["expected"][number]
    transaction = expected["txs"][position]
    assert transaction["txid"] in vouched.where
    assert f"block {number}" in vouched.where
    assert expected["header_hash"] in vouched.details[0]
    assert "descends from block 0" in vouched.details[0]
    assert vouched.by == "Court consortium (Org1MSP, Org2MSP)"
    seconds, _, nanos = transaction["time"].partition(".")
    exact = int(seconds) * 1000 + int(nanos) / 1_000_000
    assert 0 <= vouched.time - 900_000 - exact < 1


def test_what_nobody_signed_is_said() -> None:
    vouched = verify(recorded_receipt("evidence", 5))
    assert "VALID is signed by nobody and was not checked" in vouched.how
    assert "VALID" in vouched.how_zh
    assert "未检查" in vouched.how_zh


def test_a_transaction_that_did_not_count_is_not_said_to_count() -> None:
    """Block 8's second transaction was MVCC_READ_CONFLICT; it is endorsed and ordered all the
    same, and no offline receipt shows its flag."""
    vouched = verify(recorded_receipt("evidence", 8, 1), RecordedPoint.of(2000, ROOT_2000))
    assert "was not checked" in vouched.how


def test_an_endorsed_reading_shows_that_the_ledgers_hold_it(backend: Backend) -> None:
    vouched = verify(confirmed_receipt(), backend=backend)
    assert "signed that their ledgers hold it, since block 6" in vouched.how
    assert "区块 6" in vouched.how_zh


def test_an_identical_repeat_is_a_reading_by_itself() -> None:
    assert (
        "signed that their ledgers hold it, since block 6"
        in verify(recorded_receipt("evidence", 7)).how
    )


def test_a_write_is_no_reading() -> None:
    receipt = {
        **recorded_receipt("evidence", 5),
        "confirmation": envelope_payload("evidence", 6),
    }
    with pytest.raises(InvalidProof, match="does not read the point"):
        verify(receipt)


def test_a_reading_of_another_point_or_channel_is_refused() -> None:
    receipt = recorded_receipt("evidence", 5)
    with pytest.raises(InvalidProof, match="another point"):
        verify({**receipt, "confirmation": envelope_payload("evidence", 8)})
    with pytest.raises(InvalidProof, match="another channel"):
        verify({**receipt, "confirmation": envelope_payload("evidencebft", 5)})


def test_too_few_endorsements_are_refused() -> None:
    """Block 10 was endorsed by one organisation: ENDORSEMENT_POLICY_FAILURE on the network."""
    receipt, point = recorded_receipt("evidence", 10), RecordedPoint.of(3000, ROOT_3000)
    with pytest.raises(InvalidProof, match="endorsed by 1 organisations"):
        verify(receipt, point)
    lenient = recorded_trust(trust_entry("evidence", endorsements_needed=1))
    assert verify(receipt, point, lenient).by == "Court consortium (Org1MSP)"


def test_another_point_is_refused() -> None:
    receipt = recorded_receipt("evidence", 5)
    for point in (
        RecordedPoint.of(1001),
        RecordedPoint.of(1000, ROOT_2000),
        RecordedPoint.of(chain_id="audit2"),
    ):
        with pytest.raises(InvalidProof, match="attests another point"):
            verify(receipt, point)


@pytest.mark.parametrize(
    "changes", [{"channel": "evidence2"}, {"chaincode": "anchor2"}, {"kind": "fabric-1"}]
)
def test_what_the_trust_file_does_not_name_is_not_checked(changes: dict[str, str]) -> None:
    trust = recorded_trust({**trust_entry("evidence"), **changes})
    with pytest.raises(NotChecked) as caught:
        verify(recorded_receipt("evidence", 5), trust=trust)
    assert "anybody can make such" in caught.value.told.text
    assert "任何人" in caught.value.told.text_zh


def test_of_two_entries_one_that_holds_is_enough() -> None:
    wrong = trust_entry("evidence", genesis="ab" * 32)
    trust = recorded_trust(wrong, trust_entry("evidence"))
    assert verify(recorded_receipt("evidence", 5), trust=trust).time
    with pytest.raises(InvalidProof, match="does not descend"):
        verify(recorded_receipt("evidence", 5), trust=recorded_trust(wrong))


def swapped(channel: str, member: str, msp_id: str, other: str) -> dict[str, Any]:
    """The trust entry with the roots of ``other`` for ``msp_id``."""
    entry = copy.deepcopy(trust_entry(channel))
    roots = {one["msp_id"]: one["roots"] for one in entry["endorsers"]}
    for one in entry[member]:
        if one["msp_id"] == msp_id:
            one["roots"] = roots[other]
    return entry


def test_without_a_window_the_time_is_the_clients_and_vouches_for_nothing() -> None:
    timeless = trust_entry("evidence")
    del timeless["time_window_ms"]
    with pytest.raises(NotChecked, match="since when is the submitter's word alone"):
        verify(recorded_receipt("evidence", 5), trust=recorded_trust(timeless))
    both = recorded_trust(timeless, trust_entry("evidence"))
    assert (
        "within 900 s of their clocks is the trust file's word"
        in verify(recorded_receipt("evidence", 5), trust=both).how
    )


def test_certificates_must_lead_to_the_trust_files_authorities(backend: Backend) -> None:
    receipt = recorded_receipt("evidence", 5)
    for entry in (
        swapped("evidence", "endorsers", "Org2MSP", "Org1MSP"),
        swapped("evidence", "orderers", "OrdererMSP", "Org1MSP"),
    ):
        with pytest.raises(InvalidProof, match="not by the authority"):
            verify(receipt, trust=recorded_trust(entry), backend=backend)


def test_certificates_must_be_of_the_unit() -> None:
    entry = copy.deepcopy(trust_entry("evidence"))
    entry["endorsers"][0]["unit"] = "admin"
    with pytest.raises(InvalidProof, match="not of the unit admin"):
        verify(recorded_receipt("evidence", 5), trust=recorded_trust(entry))


def test_an_unknown_orderer_organisation_is_refused() -> None:
    entry = copy.deepcopy(trust_entry("evidence"))
    entry["orderers"][0]["msp_id"] = "OtherMSP"
    with pytest.raises(InvalidProof, match="signer is not of an organisation"):
        verify(recorded_receipt("evidence", 5), trust=recorded_trust(entry))


@pytest.mark.parametrize(("count", "quorum"), [(1, 1), (3, 2), (4, 3), (5, 4), (7, 5), (10, 7)])
def test_the_quorum_of_smartbft(count: int, quorum: int) -> None:
    assert quorum_of(count) == quorum


def test_a_bft_block_needs_its_quorum() -> None:
    receipt = recorded_receipt("evidencebft", 4)
    del receipt["block"]["signatures"][1]
    with pytest.raises(InvalidProof, match="2 consenters signed, 3 of 4 must"):
        verify(receipt, channel="evidencebft")


def test_a_bft_signature_counts_once() -> None:
    receipt = recorded_receipt("evidencebft", 4)
    receipt["block"]["signatures"][1] = receipt["block"]["signatures"][0]
    with pytest.raises(InvalidEncoding, match="none signs twice"):
        verify(receipt, channel="evidencebft")
    receipt["block"]["signatures"] = recorded_receipt("evidencebft", 4)["block"]["signatures"][::-1]
    with pytest.raises(InvalidEncoding, match="must ascend"):
        verify(receipt, channel="evidencebft")


def test_a_consenter_is_the_one_of_its_number() -> None:
    entry = copy.deepcopy(trust_entry("evidencebft"))
    first, second = entry["consenters"][:2]
    first["certificate"], second["certificate"] = second["certificate"], first["certificate"]
    with pytest.raises(InvalidSignature):
        verify(recorded_receipt("evidencebft", 4), trust=recorded_trust(entry))


def test_raft_signatures_do_not_pass_for_bft_ones_nor_the_reverse() -> None:
    raft, bft = trust_entry("evidence"), trust_entry("evidencebft")
    orderers, consenters = raft.pop("orderers"), bft.pop("consenters")
    for channel, number, entry in (
        ("evidence", 5, {**raft, "consenters": consenters}),
        ("evidencebft", 4, {**bft, "orderers": orderers}),
    ):
        with pytest.raises(InvalidProof, match="which the trust file names"):
            verify(recorded_receipt(channel, number), trust=recorded_trust(entry))


def test_the_same_block_from_another_peer_has_the_same_hash() -> None:
    """Peers keep different quorums of signatures of a BFT block; each is enough."""
    other = recorded_blocks()["channels"]["evidencebft"]["same_block_from_another_peer"]["5"]
    block = common_pb2.Block.FromString(base64.b64decode(other))
    own = recorded_receipt("evidencebft", 5)
    theirs = {**own, "block": block_member(block)}
    assert theirs["block"]["signatures"] != own["block"]["signatures"]
    first, second = verify(own, channel="evidencebft"), verify(theirs, channel="evidencebft")
    assert first.details == second.details
    assert first.where == second.where


def test_without_a_link_it_is_said_that_block_0_was_not_reached() -> None:
    receipt = recorded_receipt("evidence", 5)
    del receipt["link"]
    assert "block 0 was not checked" in verify(receipt).details[0]


def test_a_block_that_the_trust_file_pins_needs_no_link() -> None:
    receipt = recorded_receipt("evidence", 5)
    del receipt["link"]
    expected = recorded_blocks()["channels"]["evidence"]["expected"]
    for number, outcome in ((5, expected[5]["header_hash"]), (5, expected[6]["header_hash"])):
        entry = trust_entry("evidence", blocks=[{"hash": outcome, "number": number}])
        if outcome == expected[number]["header_hash"]:
            vouched = verify(receipt, trust=recorded_trust(entry))
            assert "descends from block 5" in vouched.details[0]
        else:
            with pytest.raises(InvalidProof, match="not the block that the trust file names"):
                verify(receipt, trust=recorded_trust(entry))


def test_a_link_may_begin_at_any_pinned_block() -> None:
    expected = recorded_blocks()["channels"]["evidence"]["expected"]
    receipt = recorded_receipt("evidence", 9)
    receipt["link"] = {"data_hashes": receipt["link"]["data_hashes"][6:], "from": 6}
    point = RecordedPoint.of(2000, ROOT_2000)
    pinned = trust_entry("evidence", blocks=[{"hash": expected[6]["header_hash"], "number": 6}])
    assert "block 6" in verify(receipt, point, recorded_trust(pinned)).details[0]
    with pytest.raises(InvalidProof, match="no hash of this block"):
        verify(receipt, point)


def test_a_copy_in_the_same_block_is_refused() -> None:
    """Raft orders the same envelope again; only the first can be VALID."""
    receipt = recorded_receipt("evidence", 5)
    receipt["block"]["data"] *= 2
    receipt["position"] = 1
    with pytest.raises(InvalidProof, match="stands in the block before"):
        verify(receipt)


def test_an_endorser_certificate_must_be_valid_at_the_time() -> None:
    from node.core.anchors.fabric_identities import certificate_of, check_member
    from node.core.anchors.fabric_transaction import read_identity
    from node.core.anchors.fabric_trust import read_fabric_trust

    entry = read_fabric_trust(trust_entry("evidence"), "trust")
    block = blocks("evidence")[5]
    metadata = common_pb2.Metadata.FromString(block.metadata.metadata[0])
    header = common_pb2.SignatureHeader.FromString(metadata.signatures[0].signature_header)
    certificate = certificate_of(read_identity(header.creator, "orderer"), "orderer")
    backend = load_backend()
    check_member(certificate, entry.orderers[0], 1795346291000, backend, "orderer")
    for outside in (certificate.not_before - 1000, certificate.not_after + 1000):
        with pytest.raises(InvalidProof, match="is not valid at"):
            check_member(certificate, entry.orderers[0], outside, backend, "orderer")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif isinstance(value, list):
        for position, member in enumerate(value):
            yield from leaves(member, (*path, position))
    else:
        yield path, value


def replaced(receipt: Any, path: tuple[Any, ...], value: Any) -> Any:
    out = copy.deepcopy(receipt)
    target = out
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return out


def mutants(text: str) -> Iterator[str]:
    """Every byte of base64 or hex text changed, one at a time."""
    try:
        raw = bytes.fromhex(text)
        encode = bytes.hex
    except ValueError:
        raw = base64.b64decode(text)

        def encode(data: bytes) -> str:
            return base64.b64encode(data).decode()

    for position, byte in enumerate(raw):
        # one bit of each byte, another one from byte to byte
        yield encode(raw[:position] + bytes((byte ^ (1 << position % 8),)) + raw[position + 1 :])


RECEIPTS = {
    "raft, two transactions": ("evidence", recorded_receipt("evidence", 8), 2000),
    "raft, confirmed": ("evidence", confirmed_receipt(), 1000),
    "bft": ("evidencebft", recorded_receipt("evidencebft", 5), 1000),
}
EVERY = {"raft, two transactions": 4}
"""Of the longest receipt every fourth byte, to save time; of the others all."""


@pytest.mark.parametrize("name", RECEIPTS)
def test_no_byte_can_be_changed(name: str) -> None:
    channel, original, size = RECEIPTS[name]
    point, trust = RecordedPoint.of(size, ROOTS[size]), recorded_trust(trust_entry(channel))
    backend, every = load_backend(), EVERY.get(name, 1)
    receipt = copy.deepcopy(original)
    verify_fabric(receipt, point, trust, backend, "receipt")
    tried = 0
    for path, value in list(leaves(receipt)):
        holder = receipt
        for step in path[:-1]:
            holder = holder[step]
        changed = (value + 1, value - 1, 2**40) if isinstance(value, int) else mutants(value)
        for holder[path[-1]] in itertools.islice(changed, 0, None, every):
            tried += 1
            with pytest.raises(InvalidInput):
                verify_fabric(receipt, point, trust, backend, "receipt")
        holder[path[-1]] = value
    assert tried > 2_000
    verify_fabric(receipt, point, trust, backend, "receipt")


@pytest.mark.parametrize("name", RECEIPTS)
def test_nothing_can_be_left_out_or_added(name: str) -> None:
    """But for what says more: the link and the reading."""
    channel, receipt, size = RECEIPTS[name]
    point = RecordedPoint.of(size, ROOTS[size])
    objects = [((), receipt), (("block",), receipt["block"])]
    objects += [
        (("block", "signatures", position), one)
        for position, one in enumerate(receipt["block"]["signatures"])
    ]
    for path, value in objects:
        for member in value:
            if member in ("link", "confirmation"):
                continue
            less = copy.deepcopy(receipt)
            target = less
            for step in path:
                target = target[step]
            del target[member]
            with pytest.raises(InvalidInput):
                verify(less, point, channel=channel)
        more = replaced(receipt, (*path, "comment"), "x")
        with pytest.raises(InvalidInput, match="not a member"):
            verify(more, point, channel=channel)


def test_high_s_is_refused() -> None:
    """Both s hold in ECDSA; Fabric makes the low one, so a receipt has one form."""
    from cryptography.hazmat.primitives.asymmetric.utils import (
        decode_dss_signature,
        encode_dss_signature,
    )

    from node.core.signatures import P256_ORDER

    receipt = recorded_receipt("evidence", 5)
    signature = receipt["block"]["signatures"][0]
    r, s = decode_dss_signature(base64.b64decode(signature["signature"]))
    signature["signature"] = base64.b64encode(encode_dss_signature(r, P256_ORDER - s)).decode()
    with pytest.raises(InvalidSignature, match="s is high"):
        verify(receipt)


@pytest.mark.parametrize(
    "junk", [None, [], "x", 7, {}, {"block": {}}, {"block": [], "position": 0, "transaction": ""}]
)
def test_junk_is_refused_with_its_place(junk: Any) -> None:
    with pytest.raises(InvalidInput, match="receipt"):
        verify(junk)


VECTORS = json.loads((FOLDER / "receipts.json").read_text("utf-8"))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_vectors_come_out_as_they_say(case: dict[str, Any], backend: Backend) -> None:
    point: AnchorPoint = AnchorPoint.from_json(case["point"])
    if "attested" in case:
        point = RecordedPoint(**vars(point), attested=case["attested"])
    trust = recorded_trust(VECTORS["trusts"][case["trust"]])
    if case["outcome"] == "failed":
        with pytest.raises(InvalidInput):
            verify(case["receipt"], point, trust, backend)
    elif case["outcome"] == "not checked":
        with pytest.raises(NotChecked):
            verify(case["receipt"], point, trust, backend)
    else:
        vouched = verify(case["receipt"], point, trust, backend)
        assert vouched.time == case["time"]
        assert (f"hold it, since block {case.get('held')}" in vouched.how) == ("held" in case)
        linked = f"descends from block {case.get('link')}" in vouched.details[0]
        assert linked == ("link" in case)
