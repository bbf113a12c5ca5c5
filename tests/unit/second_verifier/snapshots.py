"""Reads a snapshot by docs/spec/snapshot.md alone: a second time, without the node's code.

Slow and in memory. What it needs of block.md it takes from the second verifier.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
from pathlib import Path

import msgspec
import zstandard

_PATH = Path(__file__).with_name("verifier.py")
_SPEC = importlib.util.spec_from_file_location("second_verifier_for_snapshots", _PATH)
assert _SPEC is not None
second = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(second)

MEMBERS = (
    "format chain_id genesis height size root state_root head depth headers blocks values chunks"
)
HASHES = "last_commit_hash data_hash validators_hash next_validators_hash consensus_hash app_hash "
HASHES += "last_results_hash evidence_hash proposer_address"


def need(condition, why):
    if not condition:
        raise second.Refused(why)


def sha256(data):
    return hashlib.sha256(data).digest()


def pack(value):
    return msgspec.msgpack.encode(value)


def read(data):
    return msgspec.msgpack.decode(data)


def read_metadata(data):
    value = read(data)
    need(isinstance(value, list) and len(value) == 13 and pack(value) == data, "metadata")
    found = dict(zip(MEMBERS.split(), value))
    need(found["format"] == 1 and 0 <= found["depth"] <= 4, "format, depth")
    need(found["headers"] >= 1 and found["values"] >= 2 and found["blocks"] >= 0, "counts")
    counted = found["headers"] + found["blocks"] + found["values"]
    need(counted == len(found["chunks"]) <= 100_000, "counts")
    return found


def app_hash(size, root, state_root):
    return sha256(b"evidence-ledger/app/1" + size.to_bytes(8, "big") + root + state_root)


# --- headers --------------------------------------------------------------------------------------


def block_id_of(value):
    return {"hash": value[0].hex(), "parts_total": value[1], "parts_hash": value[2].hex()}


def header_of(fields):
    version, chain_id, height, time, last_block_id, *hashes = fields
    header = {name: value.hex() for name, value in zip(HASHES.split(), hashes, strict=True)}
    header |= {
        "version": {"block": version[0], "app": version[1]},
        "chain_id": chain_id,
        "height": height,
        "time": {"seconds": time[0], "nanos": time[1]},
        "last_block_id": block_id_of(last_block_id),
    }
    return header


def commit_of(fields):
    height, number, block, votes = fields
    names = ("flag", "address", "time", "signature")
    signatures = []
    for vote in votes:
        item = dict(zip(names, vote, strict=True))
        item["time"] = {"seconds": item["time"][0], "nanos": item["time"][1]}
        item["address"], item["signature"] = item["address"].hex(), item["signature"].hex()
        signatures.append(item)
    return {
        "height": height,
        "round": number,
        "block_id": block_id_of(block),
        "signatures": signatures,
    }


def commit_hash(commit):
    leaves = []
    for vote in commit["signatures"]:
        seconds = vote["time"]["seconds"] & (1 << 64) - 1
        time = {"seconds": seconds, "nanos": vote["time"]["nanos"]}
        leaf = second.vi(1, vote["flag"]) + second.by(2, bytes.fromhex(vote["address"]))
        leaf += second.by(3, second.timestamp(time), True)
        leaves.append(leaf + second.by(4, bytes.fromhex(vote["signature"])))
    return second.tree_root(leaves)


def moment(header):
    return header["time"]["seconds"], header["time"]["nanos"]


def read_headers(metadata, chunks, genesis, trusted):
    """The headers by height, from H + 1 down to the first."""
    headers, sets, above = {}, {}, None
    for kept, given in (item for chunk in chunks for item in read(chunk)):
        *fields, raw = read(kept)
        header, commit = header_of(fields), commit_of(raw)
        height, own = header["height"], second.header_hash(header)
        for encoded in given:
            members = [tuple(item) for item in read(encoded)]
            need(second.set_hash(members).hex() == header["validators_hash"], "set")
            need(header["validators_hash"] not in sets, "a set twice")
            sets[header["validators_hash"]] = members
        if above is None:
            need(height == metadata["height"] + 1 and own == metadata["head"], "head")
            roots = metadata["size"], metadata["root"], metadata["state_root"]
            need(header["app_hash"] == app_hash(*roots).hex(), "app_hash")
        else:
            need(height == above["height"] - 1, "height")
            need(own.hex() == above["last_block_id"]["hash"], "last_block_id")
            need(commit["block_id"] == above["last_block_id"], "commit's block id")
            need(commit_hash(commit).hex() == above["last_commit_hash"], "last_commit_hash")
            need(header["next_validators_hash"] == above["validators_hash"], "next validators")
            need(moment(header) < moment(above), "time")
        need(header["chain_id"] == genesis["chain_id"], "chain")
        need(header["validators_hash"] in sets, "validators")
        second.verify_commit(header, commit, sets[header["validators_hash"]])
        need(trusted is None or trusted[0] != height or trusted[1] == own, "trusted header")
        headers[height] = above = header
    need(above["height"] == genesis["initial_height"], "the first header")
    return headers


# --- blocks ---------------------------------------------------------------------------------------


def uvarint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at


def transactions(frame):
    need(frame[:1] == b"\x01", "frame")
    content = zstandard.ZstdDecompressor().decompress(frame[1:], max_output_size=4_000_000)
    count, at = uvarint(content, 0)
    found = []
    for _ in range(count):
        parts = []
        for _ in range(3):
            length, at = uvarint(content, at)
            parts.append(base64.urlsafe_b64encode(content[at : at + length]).rstrip(b"="))
            at += length
        found.append(b".".join(parts))
    return found


def entry_of(height, time, jwt, digits, ordinal, prev, facts):
    value = {
        "code": f"CZ{digits:013d}-{ordinal}",
        "facts": json.loads(facts),
        "height": height,
        "prev": prev,
        "time": time,
        "tx": jwt.decode("ascii"),
        "v": 1,
    }
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8")


def log_root(leaves):
    if len(leaves) < 2:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return second.node(log_root(leaves[:split]), log_root(leaves[split:]))


def read_blocks(metadata, chunks, headers, genesis_document):
    """The leaf hashes of the log, and what the state map must say of misbehaviour."""
    shown = {}
    leaves = [second.leaf(genesis_document)]
    at, last = min(headers), headers[min(headers)]["app_hash"]
    for height, state_root, frames, acts in (item for chunk in chunks for item in read(chunk)):
        need(height >= at, "blocks out of order")
        for empty in range(at, height):
            check_empty(headers, empty, last)
        data = second.tree_root(sha256(frame[0]) for frame in frames)
        need(data.hex() == headers[height]["data_hash"], "data_hash")
        none = headers[height]["evidence_hash"] == sha256(b"").hex()
        need((frames or acts) and bool(acts) == (not none), "evidence_hash")
        for act in acts:
            need(len(act) == 6 and len(act[1]) == 20, "misbehaviour")
            shown[f"misbehaviour/{act[1].hex()}/{act[3]}"] = act
        results = second.tree_root(second.by(2, frame[1]) for frame in frames)
        need(results.hex() == headers[height + 1]["last_results_hash"], "results")
        for frame in frames:
            add_entries(leaves, headers[height], frame)
        last = headers[height + 1]["app_hash"]
        need(app_hash(len(leaves), log_root(leaves), state_root).hex() == last, "app_hash")
        at = height + 1
    for empty in range(at, metadata["height"] + 1):
        check_empty(headers, empty, last)
    need((len(leaves), log_root(leaves)) == (metadata["size"], metadata["root"]), "log")
    return leaves, shown


def check_empty(headers, height, last):
    none = sha256(b"").hex()
    need(headers[height]["data_hash"] == none, "a block is missing")
    need(headers[height]["evidence_hash"] == none, "a block is missing")
    following = headers[height + 1]
    need(following["last_results_hash"] == none and following["app_hash"] == last, "not empty")


def add_entries(leaves, header, frame):
    packed, results, *columns = frame
    jwts = transactions(packed)
    need(len(results) == len(jwts), "results")
    recorded = [jwt for jwt, code in zip(jwts, results) if code == 0]
    need(all(len(column) == len(recorded) for column in columns), "columns")
    time = header["time"]["seconds"] * 1000 + header["time"]["nanos"] // 1_000_000
    for jwt, digits, ordinal, before, facts in zip(recorded, *columns):
        need(0 <= before <= len(leaves), "previous entry")
        prev = leaves[before - 1].hex() if before else ""
        text = entry_of(header["height"], time, jwt, digits, ordinal, prev, facts)
        leaves.append(second.leaf(text))


# --- the state map --------------------------------------------------------------------------------


def nibbles(path):
    return path.hex()


def state_tree(leaves, depth):
    """(hash, is a leaf) of what stands above ``leaves``, (key hash in hex, leaf hash)."""
    if len(leaves) == 1:
        return leaves[0][1], True
    bitmap, hashes = 0, b""
    for digit in range(16):
        below = [item for item in leaves if int(item[0][depth], 16) == digit]
        if below:
            bitmap |= 1 << digit
            hashes += state_tree(below, depth + 1)[0]
    return sha256(b"\x03" + bitmap.to_bytes(2, "big") + hashes), False


def read_state(metadata, chunks):
    """The map from key to value."""
    depth, slots = metadata["depth"], read(chunks[0])
    need([slot[0] for slot in slots] == sorted({slot[0] for slot in slots}), "prefixes")
    parts = [part for chunk in chunks[1:] for part in read(chunk)]
    need(len(parts) == len(slots), "parts")
    state, leaves, last = {}, [], ""
    for (prefix, digest, lone), part in zip(slots, parts):
        own = []
        for key, value in part:
            path = nibbles(sha256(key.encode("ascii")))
            need(last < path and int("0" + path[:depth], 16) == prefix, "order of keys")
            last = path
            own.append((path, sha256(b"\x02" + bytes.fromhex(path) + sha256(value))))
            state[key] = value
        need(own, "an empty part")
        found, is_leaf = state_tree(own, depth)
        need((found, bytes.fromhex(own[0][0]) if is_leaf else b"") == (digest, lone), "part")
        leaves += own
    need(state_tree(leaves, 0)[0] == metadata["state_root"], "state root")
    return state


def read_snapshot(data, packed, offered, genesis_document, trusted=None):
    """Check a snapshot whole: its metadata, its chunks as they travel, the app_hash it is offered
    with. Gives the log's leaf hashes and the state."""
    metadata, genesis = read_metadata(data), json.loads(genesis_document)
    need(metadata["chain_id"] == genesis["chain_id"], "chain")
    need(metadata["genesis"] == sha256(genesis_document), "genesis")
    roots = metadata["size"], metadata["root"], metadata["state_root"]
    need(app_hash(*roots) == offered, "app_hash")
    need(len(packed) == len(metadata["chunks"]), "chunks")
    chunks = []
    for chunk, digest in zip(packed, metadata["chunks"]):
        content = zstandard.ZstdDecompressor().decompress(chunk, max_output_size=64 << 20)
        need(sha256(content) == digest, "an altered chunk")
        chunks.append(content)
    blocks = metadata["headers"] + metadata["blocks"]
    headers = read_headers(metadata, chunks[: metadata["headers"]], genesis, trusted)
    held = chunks[metadata["headers"] : blocks]
    leaves, shown = read_blocks(metadata, held, headers, genesis_document)
    state = read_state(metadata, chunks[blocks:])
    for key, (kind, _, power, _, time, total) in shown.items():
        value = json.loads(state.get(key, b"{}"))
        told = {"kind": kind, "power": power, "time": time, "total_power": total}
        need(all(value.get(name) == member for name, member in told.items()), "misbehaviour")
    return leaves, state
