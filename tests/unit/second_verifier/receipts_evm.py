"""A second opinion on receipts of EVM chains (anchor-evm.md), with the libraries of py-evm."""

from __future__ import annotations

import rlp
from eth_utils import keccak
from second_receipts_forms import (
    Bad,
    NothingTrusted,
    array,
    digest_of,
    exactly,
    from_hex,
    integer,
    need,
    text,
)
from trie import HexaryTrie
from trie.exceptions import BadTrieProof

__all__ = ["read_trusted", "verify"]

U256 = 2**256


def read_trusted(entry):
    """Raises Bad where an entry of the trust file is not of its form."""
    exactly(entry, "kind name operator chain_id contract genesis development blocks")
    text(entry["name"], 200)
    text(entry["operator"], 200)
    integer(entry["chain_id"], 1)
    from_hex(entry["contract"], 20, 20)
    from_hex(entry["genesis"], 32, 32)
    integer(entry["development"], 0, 1)
    numbers = []
    for block in array(entry["blocks"], 10_000):
        exactly(block, "number hash")
        numbers.append(integer(block["number"]))
        from_hex(block["hash"], 32, 32)
    need(len(set(numbers)) == len(numbers), "a block's number twice")


# --- RLP and tries --------------------------------------------------------------------------------


def depth_of(value):
    return 0 if isinstance(value, bytes) else 1 + max(map(depth_of, value), default=0)


def unpack(data):
    try:
        value = rlp.decode(data, strict=True)
    except (rlp.exceptions.DecodingError, RecursionError, IndexError, TypeError) as error:
        raise Bad(f"no RLP: {error}") from error
    need(rlp.encode(value) == data, "RLP is not canonical")
    need(depth_of(value) <= 16, "lists nest too deep")
    return value


def list_of(data, least, most=None, why="a list of another length"):
    value = unpack(data) if isinstance(data, bytes) else data
    need(isinstance(value, list) and least <= len(value) <= (most or least), why)
    return value


def number(value, below=U256):
    need(isinstance(value, bytes) and value[:1] != b"\x00", "no number")
    made = int.from_bytes(value, "big")
    need(made < below, "number out of bounds")
    return made


def sized(value, length):
    need(isinstance(value, bytes) and len(value) == length, f"not {length} bytes")
    return value


def read_nodes(value, most):
    return [from_hex(item, most) for item in array(value, 64, 1)]


def half_bytes(data):
    return [half for byte in data for half in (byte >> 4, byte & 15)]


def proved(root, key, nodes):
    """The value at a key. The walk is strict, and the library has to find the same."""
    value = walk(root, half_bytes(key), nodes)
    try:
        found = HexaryTrie.get_from_proof(root, key, [unpack(node) for node in nodes])
    except (BadTrieProof, ValueError, TypeError) as error:
        raise Bad(f"proof: {error}") from error
    need(found == value, "the library finds another value")
    return value


def walk(root, path, nodes):
    left = list(nodes)
    child = root
    while True:
        node, child = child, None
        if isinstance(node, bytes):
            need(left and keccak(left[0]) == node, "a node that was not named")
            node = unpack(left.pop(0))
        need(isinstance(node, list) and len(node) in (2, 17), "no node")
        if len(node) == 2:
            kind, part = hex_prefix(node[0])
            need(path[: len(part)] == part, "another key")
            path = path[len(part) :]
            if kind == "leaf":
                need(not path, "another key")
                value = node[1]
                break
            need(part, "an empty extension")
            child = node[1]
        elif path:
            child, path = node[path[0]], path[1:]
        else:
            value = node[16]
            break
        embedded = isinstance(child, list) and len(rlp.encode(child)) < 32
        need(embedded or (isinstance(child, bytes) and len(child) == 32), "no such child")
    need(not left, "a node more")
    need(isinstance(value, bytes) and value, "no value")
    return value


def hex_prefix(encoded):
    need(isinstance(encoded, bytes) and encoded, "no hex-prefix")
    halves = half_bytes(encoded)
    need(halves[0] <= 3 and (halves[0] % 2 or halves[1] == 0), "no hex-prefix")
    return "leaf" if halves[0] >= 2 else "extension", halves[1 if halves[0] % 2 else 2 :]


# --- the receipt ----------------------------------------------------------------------------------


class Header:
    def __init__(self, raw):
        items = list_of(raw, 15, 32)
        need(all(isinstance(item, bytes) for item in items), "a list in a header")
        for place in (0, 1, 3, 4, 5, 13):
            sized(items[place], 32)
        sized(items[2], 20)
        sized(items[6], 256)
        sized(items[14], 8)
        self.state_root, self.receipts_root = items[3], items[5]
        self.number = number(items[8], 2**53)
        self.time = number(items[11], 253_402_300_800)
        self.hash = keccak(raw)


def word(value):
    return value.to_bytes(32, "big")


def verify(receipt, point, trust):
    entries = [entry for entry in trust["anchors"] if entry["kind"] == "evm"]
    for entry in entries:
        read_trusted(entry)
    need(isinstance(receipt, dict), "no object")
    if "transaction" in receipt:
        by_transaction(exactly(receipt, "transaction"), point)
    names = "account storage" if "account" in receipt else "index receipt"
    exactly(receipt, f"chain_id contract header {names}")
    chain_id, contract = integer(receipt["chain_id"], 1), from_hex(receipt["contract"], 20, 20)
    header = Header(from_hex(receipt["header"], 16_384))
    if "account" in receipt:
        by_state(receipt, point, header, contract)
    else:
        by_event(receipt, point, header, contract)
    named = [
        entry
        for entry in entries
        if (entry["chain_id"], entry["contract"]) == (chain_id, receipt["contract"])
    ]
    if not named or any(entry["development"] for entry in named):
        raise NothingTrusted("no such contract is named, or one of a development chain")
    pinned = [b["hash"] for e in named for b in e["blocks"] if b["number"] == header.number]
    if header.hash.hex() not in pinned:
        need(not pinned, "another block of this number is pinned")
        raise NothingTrusted(f"block {header.number} of hash {header.hash.hex()} is not pinned")


def by_transaction(receipt, point):
    raw = from_hex(receipt["transaction"], 65_536)
    if raw[:1] == b"\x02":
        items = list_of(raw[1:], 12)
        need(items.pop(8) == [], "access list")
        chain_id, to, value, data = number(items[0]), *items[5:8]
        number(items[8], 2)
    else:
        items = list_of(raw, 9)
        to, value, data = items[3:6]
        chain_id = (number(items[6]) - 35) // 2
    need(all(isinstance(item, bytes) for item in items), "a list in a transaction")
    for item in items[-2:]:
        number(item)
    need(1 <= chain_id <= 2**53 - 1, "chain id")
    sized(to, 20)
    need(value == b"", "it sends a value")
    call = keccak(b"attest(uint64,bytes32,bytes32)")[:4] + word(point["size"])
    need(data == call + bytes.fromhex(point["root"]) + digest_of(point), "another call")
    raise NothingTrusted("a transaction alone")


def by_state(receipt, point, header, contract):
    account = read_nodes(receipt["account"], 1024)
    storage = [read_nodes(item, 1024) for item in array(receipt["storage"], 3, 3)]
    account = list_of(proved(header.state_root, keccak(contract), account), 4)
    root = sized(account[2], 32)
    slot = int.from_bytes(keccak(word(point["size"]) + bytes(32)), "big")
    found = [
        number(unpack(proved(root, keccak(word((slot + i) % U256)), nodes)))
        for i, nodes in enumerate(storage)
    ]
    need(word(found[0]) == bytes.fromhex(point["root"]), "another root")
    need(word(found[1]) == digest_of(point), "another digest")
    need(1 <= found[2] >> 64 < 2**32, "attestations")
    need(found[2] % 2**64 <= header.time, "confirmed after the block")


def by_event(receipt, point, header, contract):
    index = integer(receipt["index"], 0, 4_294_967_296)
    nodes = read_nodes(receipt["receipt"], 65_536)
    value = proved(header.receipts_root, rlp.encode(index), nodes)
    items = list_of(value[1:] if value[0] < 0x80 else value, 4)
    need(items[0] == b"\x01", "the transaction failed")
    logs = list_of(items[3], 0, 1000)
    need(any([attests(log, point, contract) for log in logs]), "no such event")  # noqa: C419


def attests(log, point, contract):
    address, topics, data = list_of(log, 3)
    topics = list_of(topics, 0, 4) if isinstance(topics, list) else need(False, "topics")
    need(all(isinstance(item, bytes) for item in (address, data, *topics)), "no log")
    kinds = {
        (keccak(b"Anchored(uint64,bytes32,bytes32)"), 2),
        (keccak(b"Attested(uint64,address,bytes32,bytes32)"), 3),
    }
    return (
        address == contract
        and len(topics) > 1
        and (topics[0], len(topics)) in kinds
        and topics[1] == word(point["size"])
        and data == bytes.fromhex(point["root"]) + digest_of(point)
    )
