"""Receipts of EVM chains: those of tests/vectors/evm, and all that can be wrong with them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from builders.evm import point
from builders.evm_vectors import VECTORS
from eth_utils.crypto import keccak
from trie.hexary import HexaryTrie

from node.core.anchors import evm, evm_block, trie
from node.core.anchors.evm import block_to_pin, verify_evm
from node.core.anchors.evm_block import anchor_slots, attest_call
from node.core.anchors.keccak import keccak256
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rlp import RlpItem, decode_rlp, encode_number, encode_rlp
from node.core.anchors.vouching import Vouched
from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidInput, InvalidProof
from node.core.signatures import Backend, load_backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

FILE = json.loads(VECTORS.read_bytes())
CHAIN: dict[str, Any] = FILE["chain"]
ITEMS: list[dict[str, Any]] = FILE["anchors"]
PROVEN = [one for one in ITEMS if "time" in one]
BY_STATE = next(one for one in PROVEN if "account" in one["item"]["receipt"] and one["confirmed"])
BY_EVENT = next(one for one in PROVEN if "index" in one["item"]["receipt"] and one["confirmed"])
SENT = [one["item"]["receipt"] for one in ITEMS if "transaction" in one["item"]["receipt"]]
ECDSA = load_backend("ecdsa")
Receipt = dict[str, Any]


def trust(*chains: Any) -> Trust:
    return Trust("test-ledger", bytes(32), anchors=chains or (CHAIN,))


def verify(receipt: Any, of: AnchorPoint, by: Trust | None = None) -> Vouched:
    return verify_evm(receipt, of, by or trust(), ECDSA, "anchors[0].receipt")


def point_of(one: dict[str, Any]) -> AnchorPoint:
    return AnchorPoint.from_json(one["item"]["point"])


def receipt_of(one: dict[str, Any]) -> Receipt:
    return copy.deepcopy(one["item"]["receipt"])


# --- what holds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("one", PROVEN)
def test_receipts_of_a_pinned_block_pass(one: dict[str, Any], backend: Backend) -> None:
    receipt = receipt_of(one)
    vouched = verify_evm(receipt, point_of(one), trust(), backend, "r")
    assert vouched.by == "Judicial Chain (chain-0)"
    assert vouched.time == one["time"]
    assert ("confirmed by the threshold" in vouched.how) == bool(one["confirmed"])
    assert "rests on the trust file" in vouched.how
    pinned = block_to_pin(receipt, "r")
    assert f"block {pinned['number']} (0x{pinned['hash']})" in vouched.where
    assert CHAIN["contract"] in vouched.where


def test_time_is_the_contracts_where_it_is_confirmed_and_the_blocks_elsewhere() -> None:
    receipt = receipt_of(BY_STATE)
    header = decode_rlp(bytes.fromhex(receipt["header"]), place="h")
    assert isinstance(header[11], bytes)
    at = 1000 * int.from_bytes(header[11], "big")
    assert verify(receipt, point_of(BY_STATE)).time == at  # confirmed in this very block
    for one in PROVEN:
        if not one["confirmed"]:
            assert verify(receipt_of(one), point_of(one)).time == one["time"]


@pytest.mark.parametrize("one", PROVEN)
def test_a_block_that_nobody_pinned_has_to_be_compared(one: dict[str, Any]) -> None:
    pinned = block_to_pin(receipt_of(one), "r")
    with pytest.raises(NotChecked) as caught:
        verify(receipt_of(one), point_of(one), trust({**CHAIN, "blocks": []}))
    told = caught.value.told
    for text in (told.text, told.text_zh):
        assert str(pinned["number"]) in text
        assert pinned["hash"] in text
        assert "chain-0" in text
    assert "Anybody can make a header" in told.text


@pytest.mark.parametrize("change", [{"contract": "11" * 20}, {"chain_id": 1}])
def test_a_chain_or_contract_that_is_not_named_is_not_checked(change: dict[str, Any]) -> None:
    with pytest.raises(NotChecked, match="the trust file names no contract"):
        verify(receipt_of(BY_STATE), point_of(BY_STATE), trust({**CHAIN, **change}))
    with pytest.raises(NotChecked, match="the trust file names no contract"):
        verify(receipt_of(BY_STATE), point_of(BY_STATE), trust({"kind": "other"}))


@pytest.mark.parametrize("one", [BY_STATE, BY_EVENT])
def test_a_development_chain_vouches_for_nothing(one: dict[str, Any]) -> None:
    own = {**CHAIN, "development": 1}
    for by in (trust(own), trust(CHAIN, own)):
        with pytest.raises(NotChecked, match="own development chain, which vouches for nothing"):
            verify(receipt_of(one), point_of(one), by)


def test_another_block_pinned_at_this_number_is_a_failure() -> None:
    number = block_to_pin(receipt_of(BY_STATE), "r")["number"]
    other = {**CHAIN, "blocks": [{"number": number, "hash": "33" * 32}]}
    with pytest.raises(InvalidProof, match=f"pins another block {number}"):
        verify(receipt_of(BY_STATE), point_of(BY_STATE), trust(other))
    assert verify(receipt_of(BY_STATE), point_of(BY_STATE), trust(other, CHAIN))


# --- what does not --------------------------------------------------------------------------------


@pytest.mark.parametrize("one", PROVEN)
@pytest.mark.parametrize("other", [point(7, "a fork"), point(8), point(9)])
def test_of_another_point_it_shows_nothing(one: dict[str, Any], other: AnchorPoint) -> None:
    with pytest.raises(InvalidInput):
        verify(receipt_of(one), other)


@pytest.mark.parametrize("one", ITEMS, ids=range(len(ITEMS)))
def test_changed_at_any_one_character_none_is_accepted(
    one: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every character of the receipt's JSON, one at a time; hashed by a compiled Keccak-256, for
    speed."""
    for module in (evm, evm_block, trie):
        monkeypatch.setattr(module, "keccak256", keccak)
    text, of, by = canonical_json(receipt_of(one)), point_of(one), trust()
    for position, byte in enumerate(text):
        changed = bytearray(text)
        changed[position] = ord("0") if byte != ord("0") else ord("1")
        try:
            receipt = decode_json_object(bytes(changed), place="r", max_bytes=1 << 20)
            verify_evm(receipt, of, by, ECDSA, "r")
        except (InvalidInput, NotChecked):
            continue
        pytest.fail(f"accepted with another character at {position}")


@pytest.mark.parametrize("one", [BY_STATE, BY_EVENT], ids=["state", "event"])
def test_members_missing_unknown_or_of_the_other_form(one: dict[str, Any]) -> None:
    for name in receipt_of(one):
        cut = receipt_of(one)
        del cut[name]
        with pytest.raises(InvalidInput):
            verify(cut, point_of(one))
        with pytest.raises(InvalidInput):
            verify({**receipt_of(one), name: 1.5}, point_of(one))
        with pytest.raises(InvalidInput):
            verify({**receipt_of(one), name: []}, point_of(one))
    with pytest.raises(InvalidInput, match=r"receipt\.note: is not a member"):
        verify({**receipt_of(one), "note": "x"}, point_of(one))
    with pytest.raises(InvalidInput, match="is not a member"):
        verify({**receipt_of(BY_STATE), **receipt_of(BY_EVENT)}, point_of(one))
    for value in (None, [], "x", 1, {}):
        with pytest.raises(InvalidInput):
            verify(value, point_of(one))


def test_sizes_are_bounded() -> None:
    state, event = receipt_of(BY_STATE), receipt_of(BY_EVENT)
    for changed in (
        {**state, "header": "00" * 16_385},
        {**state, "account": ["00" * 1_025]},
        {**state, "account": ["00"] * 65},
        {**state, "storage": [["00"] * 65] * 3},
        {**event, "receipt": ["00" * 65_537]},
        {**event, "receipt": ["00" * 32_769] * 2},
        {**event, "index": 2**32 + 1},
        {"transaction": "00" * 65_537},
    ):
        with pytest.raises(InvalidInput, match=r"at most|must be an array|from 0 to"):
            verify(changed, point_of(BY_STATE))


def test_the_order_of_slots_counts() -> None:
    receipt = receipt_of(BY_STATE)
    for order in ([1, 0, 2], [0, 2, 1], [2, 1, 0], [0, 0, 0]):
        storage = [receipt["storage"][number] for number in order]
        with pytest.raises(InvalidInput):
            verify({**receipt, "storage": storage}, point_of(BY_STATE))


# --- blocks made by whoever likes -----------------------------------------------------------------


def forge_header(change: Callable[[list[RlpItem]], None]) -> Receipt:
    receipt = receipt_of(BY_STATE)
    header = decode_rlp(bytes.fromhex(receipt["header"]), place="h")
    assert isinstance(header, list)
    change(header)
    return {**receipt, "header": encode_rlp(header).hex()}


def set_item(position: int, value: RlpItem) -> Callable[[list[RlpItem]], None]:
    def change(header: list[RlpItem]) -> None:
        header[position] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        set_item(3, b"\x01" * 31),
        set_item(6, bytes(255)),
        set_item(8, b"\x00\x01"),
        set_item(8, b"\xff" * 8),
        set_item(11, b"\xff" * 6),
        set_item(7, []),
        set_item(14, b""),
        set_item(15, [b""]),
        lambda header: header.__delitem__(slice(14, None)),
        lambda header: header.extend([b""] * 20),
    ],
)
def test_headers_that_are_none(change: Callable[[list[RlpItem]], None]) -> None:
    with pytest.raises(InvalidInput, match="header"):
        verify(forge_header(change), point_of(BY_STATE))


def test_a_header_with_fields_of_later_forks_is_read() -> None:
    receipt = forge_header(lambda header: header.extend([bytes(32), b"", b"\x01", bytes(32)]))
    with pytest.raises(InvalidProof, match="pins another block"):
        verify(receipt, point_of(BY_STATE))


def test_a_forged_chain_in_itself_whole_is_not_checked() -> None:
    """A header that anybody could have made holds by itself, and must never pass."""
    receipt = forge_header(set_item(8, b"\x63"))
    with pytest.raises(NotChecked, match="block 99"):
        verify(receipt, point_of(BY_STATE))


def leaf(path: bytes, value: bytes) -> tuple[bytes, bytes]:
    """A trie with this one leaf: its root and its only node."""
    node = encode_rlp([b"\x20" + path, value])
    return keccak256(node), node


def forged_event(logs: RlpItem, status: bytes = b"\x01", kind: bytes = b"\x02") -> Receipt:
    """A block whose only transaction has these logs."""
    body = encode_rlp([status, b"\x52\x08", bytes(256), logs])
    root, node = leaf(b"\x80", kind + body)
    receipt = forge_header(set_item(5, root))
    made = {name: receipt[name] for name in ("chain_id", "contract", "header")}
    return {**made, "index": 0, "receipt": [node.hex()]}


CONTRACT = bytes.fromhex(CHAIN["contract"])
ANCHORED = keccak256(b"Anchored(uint64,bytes32,bytes32)")
ATTESTED = keccak256(b"Attested(uint64,address,bytes32,bytes32)")
OF = point_of(BY_STATE)
SIZE = OF.size.to_bytes(32, "big")
DATA = OF.root + OF.digest()
GOOD: list[RlpItem] = [CONTRACT, [ANCHORED, SIZE], DATA]


@pytest.mark.parametrize("kind", [b"", b"\x01", b"\x02", b"\x7f"])
def test_events_of_receipts_of_any_type_are_read(kind: bytes) -> None:
    pinned = forged_event([[bytes(20), [], b""], GOOD], kind=kind)
    by = trust({**CHAIN, "blocks": [block_to_pin(pinned, "r")]})
    assert "confirmed by the threshold" in verify(pinned, OF, by).how
    attested: RlpItem = [[CONTRACT, [ATTESTED, SIZE, bytes(32)], DATA]]
    receipt = forged_event(attested, kind=kind)
    by = trust({**CHAIN, "blocks": [block_to_pin(receipt, "r")]})
    assert "attested by one member's account" in verify(receipt, OF, by).how


@pytest.mark.parametrize(
    "logs",
    [
        [],
        [[bytes(20), [ANCHORED, SIZE], DATA]],
        [[CONTRACT, [ANCHORED, bytes(32)], DATA]],
        [[CONTRACT, [ANCHORED], DATA]],
        [[CONTRACT, [SIZE, ANCHORED], DATA]],
        [[CONTRACT, [ANCHORED, SIZE, bytes(32)], DATA]],
        [[CONTRACT, [ATTESTED, SIZE], DATA]],
        [[CONTRACT, [ANCHORED, SIZE], DATA[:-1]]],
        [[CONTRACT, [ANCHORED, SIZE], DATA + b"\x00"]],
        [[CONTRACT, [ANCHORED, SIZE], OF.digest() + OF.root]],
        [[CONTRACT, [], b""]],
        b"",
        [[CONTRACT, [ANCHORED, SIZE], DATA, b""]],
        [CONTRACT],
        [[CONTRACT, b"", DATA]],
    ],
)
def test_logs_that_do_not_say_it(logs: RlpItem) -> None:
    with pytest.raises(InvalidInput, match=r"receipt\.receipt"):
        verify(forged_event(logs), OF)


@pytest.mark.parametrize("status", [b"", b"\x00", b"\x02", bytes(32)])
def test_a_transaction_that_failed_attests_nothing(status: bytes) -> None:
    with pytest.raises(InvalidProof, match="the transaction failed"):
        verify(forged_event([GOOD], status), OF)


def forged_state(words: list[int]) -> Receipt:
    """A state in which one contract has one anchor with these words."""
    storage, accounts = HexaryTrie({}), HexaryTrie({})
    slots = [keccak256(slot) for slot in anchor_slots(OF.size)]
    for slot, word in zip(slots, words, strict=True):
        storage[slot] = encode_rlp(encode_number(word)) if word >= 0 else b"\x82\x00\x01"
    key = keccak256(CONTRACT)
    accounts[key] = encode_rlp([b"\x01", b"", storage.root_hash, bytes(32)])
    receipt = forge_header(set_item(3, accounts.root_hash))
    receipt["account"] = [encode_rlp(node).hex() for node in accounts.get_proof(key)]
    receipt["storage"] = [
        [encode_rlp(node).hex() for node in storage.get_proof(slot)] for slot in slots
    ]
    return receipt


ROOT_WORD, DIGEST_WORD = (int.from_bytes(one, "big") for one in (OF.root, OF.digest()))


def test_a_forged_state_is_read_as_the_contract_writes_it() -> None:
    receipt = forged_state([ROOT_WORD, DIGEST_WORD, 3 << 64 | 1_700_000_000])
    by = trust({**CHAIN, "blocks": [block_to_pin(receipt, "r")]})
    vouched = verify(receipt, OF, by)
    assert vouched.time == 1_700_000_000_000
    assert "attestations: 3" in vouched.how


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ([DIGEST_WORD, DIGEST_WORD, 1 << 64], "another root"),
        ([ROOT_WORD, ROOT_WORD, 1 << 64], "another point"),
        ([ROOT_WORD, DIGEST_WORD, 1_700_000_000], "what the anchor contract keeps"),
        ([ROOT_WORD, DIGEST_WORD, 1 << 96], "what the anchor contract keeps"),
        ([ROOT_WORD, DIGEST_WORD, 1 << 64 | 2**40], "what the anchor contract keeps"),
        ([ROOT_WORD, DIGEST_WORD, -1], "without leading zeros"),
    ],
)
def test_states_that_say_something_else(words: list[int], rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule):
        verify(forged_state(words), OF)


def test_a_root_with_leading_zeros_loses_them_and_is_found() -> None:
    """Values drop leading zeros: such roots come once in 256 points."""
    zeros = AnchorPoint("test-ledger", 8, 7, bytes(2) + OF.root[2:], OF.state_root, OF.header)
    words = [int.from_bytes(one, "big") for one in (zeros.root, zeros.digest())]
    receipt = forged_state([*words, 1 << 64])
    with pytest.raises(InvalidProof, match="pins another block"):
        verify(receipt, zeros)


# --- transactions alone ---------------------------------------------------------------------------


@pytest.mark.parametrize("receipt", SENT)
def test_a_transaction_alone_says_where_to_ask(receipt: Receipt) -> None:
    txid = keccak256(bytes.fromhex(receipt["transaction"])).hex()
    with pytest.raises(NotChecked) as caught:
        verify(receipt, point(9))
    for text in (caught.value.told.text, caught.value.told.text_zh):
        assert txid in text
        assert "Judicial Chain" in text
    with pytest.raises(NotChecked, match="a chain 31337 gives no proof"):
        verify(receipt, point(9), trust({"kind": "other"}))
    with pytest.raises(InvalidProof, match="does not attest this point"):
        verify(receipt, point(10))


def legacy(**changes: RlpItem) -> Receipt:
    fields: dict[str, RlpItem] = {
        "nonce": b"",
        "price": b"\x01",
        "gas": b"\x52\x08",
        "to": CONTRACT,
        "value": b"",
        "data": attest_call(OF),
        "v": (2 * 31337 + 35).to_bytes(2, "big"),
        "r": b"\x01" * 32,
        "s": b"\x02" * 32,
    }
    return {"transaction": encode_rlp(list({**fields, **changes}.values())).hex()}


@pytest.mark.parametrize(
    "changes",
    [
        {"value": b"\x01"},
        {"data": attest_call(OF) + b"\x00"},
        {"data": b""},
        {"to": b""},
        {"v": b"\x1b"},  # before EIP-155: of no chain
        {"v": b"\x25\x00" * 20},
        {"r": b"\x00" + b"\x01" * 31},
        {"s": b"\x01" * 33},
        {"nonce": []},
        {"extra": b""},
    ],
)
def test_transactions_that_attest_nothing(changes: dict[str, RlpItem]) -> None:
    with pytest.raises(NotChecked):
        verify(legacy(), OF)
    with pytest.raises(InvalidInput, match=r"receipt\.transaction"):
        verify(legacy(**changes), OF)


def test_a_block_to_pin_needs_a_header() -> None:
    for receipt in (SENT[0], {}, {"header": "zz"}, {"header": "c0"}):
        with pytest.raises(InvalidInput):
            block_to_pin(receipt, "r")


# --- the trust file -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"name": ""}, "name"),
        ({"operator": 5}, "operator"),
        ({"chain_id": 0}, "chain_id"),
        ({"contract": "11" * 19}, "contract"),
        ({"contract": CHAIN["contract"].upper()}, "contract"),
        ({"genesis": ""}, "genesis"),
        ({"development": 2}, "development"),
        ({"blocks": {}}, "blocks"),
        ({"blocks": [{"number": -1, "hash": "33" * 32}]}, r"blocks\[0\]\.number"),
        ({"blocks": [{"number": 1, "hash": "33" * 31}]}, r"blocks\[0\]\.hash"),
        ({"blocks": [{"number": 1}]}, r"blocks\[0\]\.hash"),
        ({"blocks": [{"number": 1, "hash": "33" * 32}] * 2}, "blocks"),
        ({"finality": 3}, "finality"),
    ],
)
def test_entries_that_are_not_of_their_form(change: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^trust\.anchors\[1\]\.{place}: "):
        verify(receipt_of(BY_STATE), OF, trust(CHAIN, {**CHAIN, **change}))
