"""The examples of docs/spec that prove something: log, state map, blocks, bundles."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from spec_chain import (
    CASE,
    CHAIN_ID,
    CHECKPOINT_KEY,
    SEAL,
    ExampleChain,
    sha256,
)

from node.core import merkle
from node.core.apphash import APP_HASH_TAG, app_hash
from node.core.block import (
    BLOCK_PART_BYTES,
    Commit,
    Header,
    Timestamp,
    consensus_hash,
    data_hash,
    encode_block,
    part_set,
    results_hash,
    tree_root,
)
from node.core.bundle import commit_json, header_json, validator_set_json
from node.core.checkpoint import Checkpoint, NoteKey, checkpoint_origin, note_signature_line
from node.core.encoding import canonical_json, encode_uvarint
from node.core.signatures import load_backend
from node.core.statemap import key_hash, map_root, state_leaf, state_node
from node.core.trust import Trust, TrustedCheckpoint
from node.core.verify import verify_bundle
from node.evidence.bundle import bundle_dossier, bundle_record, encode_bundle

__all__ = [
    "block_example",
    "checkpoint_example",
    "continued_example",
    "evidence_examples",
    "genesis_example",
    "log_example",
    "state_map_example",
]

_HASHES = (
    "last_commit_hash",
    "data_hash",
    "validators_hash",
    "next_validators_hash",
    "consensus_hash",
    "app_hash",
    "last_results_hash",
    "evidence_hash",
    "proposer_address",
)


_LEAVES = [f"example entry {number}" for number in range(7)]


def log_example() -> dict[str, Any]:
    """log.json: a tree of seven leaves."""
    hashes: dict[tuple[int, int], bytes] = {}
    leaves = [merkle.leaf_hash(text.encode("ascii")) for text in _LEAVES]
    for level, first, row in merkle.append_leaves(0, lambda *at: hashes[at], leaves):
        hashes.update({(level, first + n): value for n, value in enumerate(row)})

    def read(level: int, index: int) -> bytes:
        return hashes[level, index]

    return {
        "consistency": {
            "first": 3,
            "proof": [item.hex() for item in merkle.consistency_proof(3, 7, read)],
            "second": 7,
        },
        "empty_root": merkle.EMPTY_ROOT.hex(),
        "inclusion": {
            "index": 4,
            "path": [item.hex() for item in merkle.inclusion_path(4, 7, read)],
            "size": 7,
        },
        "leaf_hashes": [item.hex() for item in leaves],
        "leaves": _LEAVES,
        "roots": {str(size): merkle.root_hash(size, read).hex() for size in range(1, 8)},
        "tile": {"bytes": b"".join(leaves).hex(), "path": merkle.tile_path(0, 0, 7)},
        "tile_paths": {
            f"level {level}, index {index}, width {width}": merkle.tile_path(level, index, width)
            for level, index, width in ((0, 0, 256), (0, 1, 5), (1, 1234067, 256), (2, 999000, 1))
        },
    }


def checkpoint_example(chain: ExampleChain) -> dict[str, Any]:
    """checkpoint.json: a signed checkpoint of the chain."""
    with chain.reader() as reader:
        meta = reader.meta
    key = NoteKey(checkpoint_origin(CHAIN_ID), CHECKPOINT_KEY.public_key)
    text = Checkpoint(key.name, meta.size, meta.root, meta.state_root, meta.height).text()
    signature = CHECKPOINT_KEY.sign(text.encode("utf-8"))
    return {
        "key_id": key.id.hex(),
        "key_id_input": (key.name.encode() + b"\n\x01" + key.public_key).hex(),
        "note": f"{text}\n{note_signature_line(key, signature)}",
        "signature": signature.hex(),
        "text": text,
        "verifier_key": key.verifier_key(),
    }


def _small_map() -> dict[str, Any]:
    """Three keys, two of which share their first nibble and no more."""
    names = [f"seal/{number}" for number in range(64)]
    first = next(
        (a, b)
        for a in names
        for b in names
        if a < b and key_hash(a)[0] >> 4 == key_hash(b)[0] >> 4 and key_hash(a)[0] != key_hash(b)[0]
    )
    third = next(name for name in names if key_hash(name)[0] >> 4 < key_hash(first[0])[0] >> 4)
    values = {name: f'{{"n":{n}}}' for n, name in enumerate([*first, third], 1)}
    paths = {name: key_hash(name) for name in values}
    leaf = {
        name: state_leaf(paths[name], sha256(value.encode("ascii")))
        for name, value in values.items()
    }
    pair = sorted(first, key=lambda name: paths[name])
    low = 0
    for name in pair:
        low |= 1 << (paths[name][0] & 15)
    inner = state_node(low, b"".join(leaf[name] for name in pair))
    high = 1 << (paths[third][0] >> 4) | 1 << (paths[pair[0]][0] >> 4)
    root = state_node(high, leaf[third] + inner)
    assert root == map_root({name: value.encode("ascii") for name, value in values.items()})
    return {
        "inner": {"bitmap": low, "children": pair, "hash": inner.hex()},
        "leaves": {
            name: {
                "key_hash": paths[name].hex(),
                "leaf": leaf[name].hex(),
                "value": values[name],
                "value_hash": sha256(values[name].encode("ascii")).hex(),
            }
            for name in values
        },
        "root": {"bitmap": high, "hash": root.hex()},
    }


def state_map_example(chain: ExampleChain) -> dict[str, Any]:
    """state-map.json: a map of three keys, and the chain's own."""
    values = chain.values()
    empty = lone = ""
    with chain.reader() as reader:
        root = reader.meta.state_root
        for number in range(1000):
            name = f"seal/absent-{number}"
            found = reader.prove(name)
            lone = lone or (name if found.other is not None else "")
            empty = empty or (name if found.other is None else "")
        proofs = {
            what: reader.prove(key).to_json()
            for what, key in (
                ("absent_empty", empty),
                ("absent_other", lone),
                ("present", "seal/ES-0001"),
            )
        }
    assert root == map_root(values)
    return {
        "proofs": proofs,
        "root": root.hex(),
        "small": _small_map(),
        "values": {key: json.loads(value) for key, value in sorted(values.items())},
        "values_text": {key: value.decode("utf-8") for key, value in sorted(values.items())},
    }


def block_example(chain: ExampleChain) -> dict[str, Any]:
    """block.json: the chain's first two blocks."""
    with chain.reader() as reader:
        (first, commit), (second, last) = reader.need_kept(1), reader.need_kept(2)
        row = reader.need_block(1)
    frames = [chain.frames[1]]
    total, parts = part_set(encode_block(first, frames, Commit(0, 0, first.last_block_id, ())))
    after, parts_after = part_set(encode_block(second, [], commit))
    vote = commit.signatures[0]
    params = chain.genesis.parameters["max_block_bytes"]
    return {
        "app_hash": {
            "hash": app_hash(row.size, row.root, row.state_root).hex(),
            "input": (APP_HASH_TAG + row.size.to_bytes(8, "big") + row.root + row.state_root).hex(),
            "root": row.root.hex(),
            "size": row.size,
            "state_root": row.state_root.hex(),
        },
        "commit": commit_json(commit),
        "commit_hash": commit.hash().hex(),
        "commit_leaf": vote.encode().hex(),
        "consensus": {"hash": consensus_hash(params).hex(), "max_bytes": params},
        "data_hash": data_hash(frames).hex(),
        "header": header_json(first),
        "header_fields": [item.hex() for item in _header_fields(first)],
        "header_hash": first.hash().hex(),
        "next_commit": commit_json(last),
        "next_header": header_json(second),
        "next_header_hash": second.hash().hex(),
        "parts": [
            {"root": parts.hex(), "total": total},
            {"root": parts_after.hex(), "total": after},
        ],
        "part_bytes": BLOCK_PART_BYTES,
        "results": {"data": chain.results[1].hex(), "hash": results_hash([chain.results[1]]).hex()},
        "sign_bytes": commit.sign_bytes(CHAIN_ID, vote.time).hex(),
        "timestamp": {"bytes": Timestamp(1, 500).encode().hex(), "nanos": 500, "seconds": 1},
        "validators": validator_set_json(chain.validators),
        "validators_hash": chain.validators.hash().hex(),
        "validators_leaf": chain.validators.validators[0].encode_simple().hex(),
    }


def _bytes_field(value: bytes) -> bytes:
    return b"\x0a" + encode_uvarint(len(value)) + value if value else b""


def _header_fields(header: Header) -> list[bytes]:
    """The fourteen leaves of a header hash, put together as block.md says."""
    last = header.last_block_id
    parts = b"".join(
        (
            b"\x08" + encode_uvarint(last.total) if last.total else b"",
            b"\x12" + encode_uvarint(32) + last.parts_hash if last.parts_hash else b"",
        )
    )
    fields = [
        b"\x08" + encode_uvarint(header.version[0]) + b"\x10" + encode_uvarint(header.version[1]),
        _bytes_field(header.chain_id.encode("utf-8")),
        b"\x08" + encode_uvarint(header.height),
        header.time.encode(),
        _bytes_field(last.hash) + b"\x12" + encode_uvarint(len(parts)) + parts,
        *(_bytes_field(getattr(header, name)) for name in _HASHES),
    ]
    assert tree_root(fields) == header.hash()
    return fields


def genesis_example(chain: ExampleChain) -> dict[str, Any]:
    """genesis.json: the chain's genesis."""
    genesis = chain.genesis
    first = chain.header(1)
    return {
        "document": json.loads(genesis.document),
        "first_app_hash": first.app_hash.hex(),
        "hash": genesis.hash.hex(),
        "leaf_hash": merkle.leaf_hash(genesis.document).hex(),
        "text": genesis.document.decode("utf-8"),
    }


def evidence_examples(chain: ExampleChain) -> dict[str, Any]:
    """Whole bundles, the trust files to check them with, and what the verifier says."""
    with chain.reader() as reader:
        own = {
            digest: entry.transaction.id
            for entry in reader.entries(reader.dossier_indexes(SEAL))
            for digest in entry.transaction.digests
        }
        shown = [(own[item.digest], item.encoded) for item in chain.disclosures[SEAL]]
        known = TrustedCheckpoint(2, reader.root(2))
        dossier = bundle_dossier(reader, SEAL, shown, from_size=2)
        record = bundle_record(reader, reader.dossier_indexes(CASE)[-1])
    trust = Trust(CHAIN_ID, chain.genesis.hash, known)
    bare = replace(trust, checkpoint=None)
    files = {"dossier": dossier, "record": record}
    verdicts = {}
    for name, believed in (("dossier", trust), ("record", bare)):
        content = canonical_json(believed.to_json())
        report = verify_bundle(encode_bundle(files[name]), content, load_backend())
        assert report.accepted
        verdicts[name] = {step.id: step.status for step in report.steps}
    return {
        "bundle-dossier.json": dossier,
        "bundle-record.json": record,
        "trust-file.json": trust.to_json(),
        "trust.json": {
            "canonical": canonical_json(trust.to_json()).decode("utf-8"),
            "fingerprint": trust.fingerprint.hex(),
            "without_checkpoint": bare.to_json(),
            "fingerprint_without_checkpoint": bare.fingerprint.hex(),
        },
        "verdicts.json": verdicts,
    }


def continued_example(chain: ExampleChain, examples: dict[str, Any]) -> dict[str, Any]:
    """A bundle that spans two chains, after `ExampleChain.go_on`, and the newer one's trust file.

    ``examples`` are the other files: the verdicts are added to theirs.
    """
    with chain.reader() as reader:
        bundle = bundle_dossier(reader, CASE)
    trust = Trust(chain.genesis.chain_id, chain.genesis.hash).to_json()
    report = verify_bundle(encode_bundle(bundle), canonical_json(trust), load_backend())
    assert report.accepted
    verdicts = {step.id: step.status for step in report.steps}
    return {
        "bundle-continued.json": bundle,
        "genesis-continued.json": {
            "document": json.loads(chain.genesis.document),
            "hash": chain.genesis.hash.hex(),
        },
        "trust-continued.json": trust,
        "verdicts.json": {**examples["verdicts.json"], "continued": verdicts},
    }
