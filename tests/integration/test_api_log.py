"""The log as C2SP tlog-tiles has it, and Merkle proofs, checked with the core alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from builders.served import ServedNode

from node.core.checkpoint import decode_checkpoint, open_note, parse_verifier_key
from node.core.entry import decode_entry
from node.core.merkle import leaf_hash, root_hash, verify_consistency, verify_inclusion
from node.core.signatures import load_backend
from node.core.statemap import StateProof, verify_state_proof

RECORDS = 300


@pytest.fixture(scope="module")
def log(node: ServedNode) -> list[str]:
    """Transaction ids of three hundred records: the log has one full tile and a part of another."""
    told = [node.teller.initiated(f"log-{number}") for number in range(RECORDS)]
    with node.client() as client:
        answers = list(client.submit_many(item.encode() for item in told))
    assert [answer["status_code"] for answer in answers] == [201] * RECORDS
    return [item.id for item in told]


def get(node: ServedNode, target: str, member: str = "") -> Any:
    answer = node.get(target, member)
    assert answer.status_code == 200, answer.text
    return answer


def checkpoint_of(node: ServedNode) -> Any:
    key = parse_verifier_key(get(node, "/v1/node").json()["verifier_key"])
    note = get(node, "/v1/log/checkpoint").content
    return decode_checkpoint(open_note(note, key, load_backend()))


def test_the_checkpoint_is_signed_and_tiles_give_its_root(node: ServedNode, log: list[str]) -> None:
    checkpoint = checkpoint_of(node)
    assert checkpoint.size == RECORDS + 1
    full = get(node, "/v1/log/tile/0/000")
    part = get(node, f"/v1/log/tile/0/001.p/{checkpoint.size - 256}").content
    assert "immutable" in full.headers["cache-control"]
    leaves = [
        (full.content + part)[start : start + 32] for start in range(0, 32 * checkpoint.size, 32)
    ]
    hashes = {(0, index): leaf for index, leaf in enumerate(leaves)}
    level, width = 0, len(leaves)
    while width > 1:
        for index in range(width // 2):
            pair = hashes[level, 2 * index] + hashes[level, 2 * index + 1]
            hashes[level + 1, index] = _node_hash(pair)
        level, width = level + 1, width // 2
    assert root_hash(checkpoint.size, lambda at, index: hashes[at, index]) == checkpoint.root
    assert get(node, "/v1/log/tile/1/000.p/1").content == hashes[8, 0]


def _node_hash(pair: bytes) -> bytes:
    import hashlib

    return hashlib.sha256(b"\x01" + pair).digest()


def test_entry_bundles_hold_the_entries_whose_hashes_the_tiles_have(
    node: ServedNode, log: list[str]
) -> None:
    size = checkpoint_of(node).size
    for index, width in (("000", 256), (f"001.p/{size - 256}", size - 256)):
        content = get(node, f"/v1/log/tile/entries/{index}", "court-a").content
        tile = get(node, f"/v1/log/tile/0/{index}").content
        entries = []
        while content:
            length = int.from_bytes(content[:2], "big")
            entries.append(content[2 : 2 + length])
            content = content[2 + length :]
        assert len(entries) == width
        assert b"".join(map(leaf_hash, entries)) == tile
        if index == "000":
            assert entries[0] == node.node.genesis.document
            assert decode_entry(entries[1]).tx


@pytest.mark.parametrize(
    ("target", "member", "status"),
    [
        ("/v1/log/tile/0/000.p/301", "", 404),
        ("/v1/log/tile/0/001", "", 404),
        ("/v1/log/tile/0/999", "", 404),
        ("/v1/log/tile/0/x999/x999/x999/999", "", 404),
        ("/v1/log/tile/1/001.p/1", "", 404),
        ("/v1/log/tile/63/000.p/1", "", 404),
        ("/v1/log/tile/64/000", "", 404),
        ("/v1/log/tile/-1/000", "", 404),
        ("/v1/log/tile/0/0", "", 404),
        ("/v1/log/tile/0/000.p/0", "", 404),
        ("/v1/log/tile/entries/000", "", 401),
        ("/v1/log/tile/entries/001", "court-a", 404),
        ("/v1/log/tile/entries/nonsense", "court-a", 404),
    ],
)
def test_what_is_no_tile_of_this_log(
    node: ServedNode, log: list[str], target: str, member: str, status: int
) -> None:
    assert node.get(target, member).status_code == status


@pytest.mark.parametrize("size", [2, 7, 256, 257, 301])
def test_inclusion_proofs_hold_at_any_size(node: ServedNode, log: list[str], size: int) -> None:
    for index in (0, 1, size // 2, size - 1):
        proof = get(node, f"/v1/log/proofs/inclusion?index={index}&size={size}").json()
        verify_inclusion(
            bytes.fromhex(proof["leaf_hash"]),
            index,
            size,
            [bytes.fromhex(step) for step in proof["path"]],
            bytes.fromhex(proof["root"]),
        )


def test_an_entry_may_be_named_by_its_transaction(node: ServedNode, log: list[str]) -> None:
    proof = get(node, f"/v1/log/proofs/inclusion?transaction={log[10]}").json()
    assert proof["size"] == RECORDS + 1
    assert bytes.fromhex(proof["root"]) == checkpoint_of(node).root


@pytest.mark.parametrize(
    ("first", "second"), [(1, 2), (5, 256), (256, 257), (300, 301), (301, 301)]
)
def test_consistency_proofs_hold(node: ServedNode, log: list[str], first: int, second: int) -> None:
    proof = get(node, f"/v1/log/proofs/consistency?first={first}&second={second}").json()
    verify_consistency(
        first,
        second,
        [bytes.fromhex(step) for step in proof["proof"]],
        bytes.fromhex(proof["first_root"]),
        bytes.fromhex(proof["second_root"]),
    )


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("inclusion", 400),
        ("inclusion?index=1&transaction=" + "0" * 64, 400),
        ("inclusion?index=5&size=5", 400),
        ("inclusion?index=1&size=302", 400),
        ("inclusion?index=-1", 400),
        ("inclusion?index=1&size=0", 400),
        ("inclusion?index=" + "9" * 30, 400),
        ("inclusion?transaction=" + "0" * 64, 404),
        ("inclusion?transaction=xyz", 400),
        ("consistency", 400),
        ("consistency?first=0", 400),
        ("consistency?first=9&second=5", 400),
        ("consistency?first=1&second=302", 400),
    ],
)
def test_proofs_that_cannot_be_given(
    node: ServedNode, log: list[str], target: str, status: int
) -> None:
    answer = node.get(f"/v1/log/proofs/{target}")
    assert answer.status_code == status
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("key", "member", "present"),
    [
        ("member/platform-a", "", True),
        ("member/nobody", "", False),
        ("parameter/late_after_ms", "", True),
        ("seal/ES-absent", "", False),
        ("dossier/case:platform-a:log-1", "court-a", True),
        ("dossier/case:platform-a:absent", "court-a", False),
        ("refused/anything|at:all", "", False),
    ],
)
def test_the_state_map_proves_what_is_there_and_what_is_not(
    node: ServedNode, log: list[str], key: str, member: str, present: bool
) -> None:
    with node.client(member) as client:
        found = client.state(key)
    proof = StateProof.from_json(found["proof"], place="proof")
    assert proof.key == key
    assert (proof.value is not None) is present
    verify_state_proof(proof, bytes.fromhex(found["roots"]["state_root"]))
    if present:
        assert proof.value is not None
        assert json.loads(proof.value)
    assert found["as_of"] + 1 == found["header"]["height"]


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("dossier/case:platform-a:log-1", 401),
        ("dossier/absent", 401),
        ("%E5%8D%97", 400),
        ("%00", 400),
        ("x" * 300, 400),
        ("example/1", 400),
        ("seal", 400),
        ("seal/", 400),
        ("seal/ES-1%20active", 400),
        ("seal/ES-1%0A", 400),
        ("seal/%0Aactive", 400),
        ("%0A", 400),
        ("seal/[ES-1]", 400),
        ("seal/" + "x" * 258, 400),
        ("seal/" + "x" * 257, 200),
        ("filing/" + "A" * 128 + "%7C" + "B" * 128, 200),
        ("", 400),
    ],
)
def test_keys_that_are_not_shown(node: ServedNode, log: list[str], key: str, status: int) -> None:
    assert node.get(f"/v1/state/{key}").status_code == status


def test_before_the_first_block_nothing_can_be_proven(own_node: ServedNode) -> None:
    answer = own_node.get("/v1/state/member/platform-a")
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":not-ready")
    assert "retry-after" in answer.headers
    assert own_node.get("/v1/log/tile/0/000.p/1").status_code == 200
