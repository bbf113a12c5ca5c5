from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from builders.chain import state_proof, state_tree

from node.core import statemap
from node.core.encoding import canonical_json, decode_json
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.statemap import (
    EMPTY_STATE,
    MAX_STATE_DEPTH,
    StateProof,
    key_hash,
    map_root,
    nibble,
    state_leaf,
    state_node,
    verify_state_proof,
)

STATE = {f"dossier/{number}": b'{"count":%d}' % number for number in range(200)}
ROOT = map_root(STATE)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_key_hash_is_of_the_ascii_text() -> None:
    assert key_hash("seal/1") == sha256(b"seal/1")


def test_nibbles_come_high_half_first() -> None:
    assert [nibble(b"\x4f\x02", depth) for depth in range(4)] == [4, 15, 0, 2]


def test_leaf_and_node_encodings() -> None:
    assert state_leaf(b"k" * 32, b"v" * 32) == sha256(b"\x02" + b"k" * 32 + b"v" * 32)
    assert state_node(0x8001, b"a" * 64) == sha256(b"\x03\x80\x01" + b"a" * 64)


def test_root_of_the_empty_map_is_zeros() -> None:
    assert map_root({}) == EMPTY_STATE == bytes(32)


def test_root_of_one_leaf_is_that_leaf() -> None:
    assert map_root({"k": b"{}"}) == state_leaf(key_hash("k"), sha256(b"{}"))


def test_root_by_hand() -> None:
    """Three keys, two of which share their first nibble, put together step by step."""
    first = {}
    for number in range(1000):
        first.setdefault(key_hash(f"k{number}")[0] >> 4, []).append(f"k{number}")
    shared = next(keys for keys in first.values() if len(keys) > 1)
    pair = [
        shared[0],
        next(k for k in shared if key_hash(k)[0] & 15 != key_hash(shared[0])[0] & 15),
    ]
    other = next(keys[0] for digit, keys in first.items() if digit != key_hash(pair[0])[0] >> 4)
    state = {pair[0]: b"1", pair[1]: b"2", other: b"3"}
    leaf = {key: state_leaf(key_hash(key), sha256(value)) for key, value in state.items()}
    low = sorted(pair, key=lambda key: key_hash(key)[0] & 15)
    below = state_node(
        sum(1 << (key_hash(key)[0] & 15) for key in pair), b"".join(leaf[key] for key in low)
    )
    tops = sorted([(key_hash(pair[0])[0] >> 4, below), (key_hash(other)[0] >> 4, leaf[other])])
    root = state_node(sum(1 << digit for digit, _ in tops), b"".join(node for _, node in tops))
    assert map_root(state) == root == state_tree(state).root


def test_every_key_is_proven_with_its_value() -> None:
    tree = state_tree(STATE)
    assert tree.root == ROOT
    for key, value in STATE.items():
        proof = state_proof(STATE, key, tree)
        assert proof.value == value
        verify_state_proof(proof, ROOT)


def test_absent_keys_are_proven_absent_in_both_ways() -> None:
    tree = state_tree(STATE)
    ways = set()
    for number in range(400):
        proof = state_proof(STATE, f"code/{number}", tree)
        ways.add(proof.other is None)
        assert proof.value is None
        verify_state_proof(proof, ROOT)
    assert ways == {True, False}, "an empty place, and a place that another leaf has"


def test_proofs_of_small_maps() -> None:
    verify_state_proof(state_proof({}, "k"), EMPTY_STATE)
    one = {"k": b"{}"}
    verify_state_proof(state_proof(one, "k"), map_root(one))
    verify_state_proof(state_proof(one, "other"), map_root(one))
    with pytest.raises(InvalidProof):
        verify_state_proof(state_proof({}, "k"), map_root(one))
    with pytest.raises(InvalidProof):
        verify_state_proof(state_proof(one, "k"), EMPTY_STATE)


def forged(proof: StateProof) -> list[StateProof]:
    """Every proof that differs from a genuine one by one change."""
    found = [replace(proof, path=proof.path[:-1])]
    found.append(replace(proof, path=(*proof.path, (1, ()))))
    found.append(replace(proof, path=(*proof.path, (3, (bytes(32),)))))
    if proof.value is not None:
        found += [replace(proof, value=proof.value + b" "), replace(proof, value=None)]
        found.append(replace(proof, key=proof.key + "x"))
        found.append(replace(proof, value=None, other=(bytes(32), sha256(proof.value))))
        found.append(replace(proof, value=None, other=(key_hash(proof.key), sha256(proof.value))))
    if proof.other is not None:
        path, value_hash = proof.other
        found += [replace(proof, other=None), replace(proof, other=(path, bytes(32)))]
        found.append(replace(proof, other=(bytes((*path[:-1], path[-1] ^ 1)), value_hash)))
        found.append(replace(proof, other=(bytes((path[0] ^ 0x80, *path[1:])), value_hash)))
    for depth, (bitmap, siblings) in enumerate(proof.path):
        steps = [(bitmap ^ 1 << bit, siblings) for bit in range(16)]
        steps += [(bitmap, siblings[:-1])] if siblings else []
        steps.append((bitmap, (*siblings, bytes(32))))
        for at, sibling in enumerate(siblings):
            wrong = bytes((*sibling[:-1], sibling[-1] ^ 1))
            steps.append((bitmap, (*siblings[:at], wrong, *siblings[at + 1 :])))
        if len(siblings) > 1:
            steps.append((bitmap, (siblings[1], siblings[0], *siblings[2:])))
        for step in steps:
            found.append(replace(proof, path=(*proof.path[:depth], step, *proof.path[depth + 1 :])))
    return [item for item in found if item != proof]


@pytest.mark.parametrize("key", ["dossier/0", "dossier/17", "dossier/199", "code/1", "code/2", "x"])
def test_every_forged_proof_is_refused(key: str) -> None:
    proof = state_proof(STATE, key)
    verify_state_proof(proof, ROOT)
    for wrong in forged(proof):
        with pytest.raises(InvalidProof):
            verify_state_proof(wrong, ROOT)


@pytest.mark.parametrize("key", ["k", "other"])
def test_every_forged_proof_of_a_small_map_is_refused(key: str) -> None:
    for state in ({}, {"k": b"{}"}, {"k": b"{}", "l": b"{}"}):
        proof = state_proof(state, key)
        for wrong in forged(proof):
            with pytest.raises(InvalidProof):
                verify_state_proof(wrong, map_root(state))


def test_proof_of_one_key_is_refused_for_every_other() -> None:
    tree = state_tree(STATE)
    genuine = state_proof(STATE, "dossier/5", tree)
    for other in [*STATE, "code/1", "dossier/200"]:
        if other != "dossier/5":
            with pytest.raises(InvalidProof):
                verify_state_proof(replace(genuine, key=other), ROOT)
            with pytest.raises(InvalidProof):
                verify_state_proof(replace(genuine, key=other, value=None), ROOT)


def test_present_key_cannot_be_shown_absent_by_the_leaf_beside_it() -> None:
    tree = state_tree(STATE)
    for key in list(STATE)[:50]:
        genuine = state_proof(STATE, key, tree)
        for other, value in STATE.items():
            shown = (key_hash(other), sha256(value))
            for path in (genuine.path, genuine.path[:-1], state_proof(STATE, other, tree).path):
                with pytest.raises(InvalidProof):
                    verify_state_proof(StateProof(key, None, path, shown), ROOT)


def test_other_leaf_that_stands_elsewhere_is_named_in_the_error() -> None:
    tree = state_tree(STATE)
    absent = next(
        key
        for key in (f"code/{number}" for number in range(100))
        if state_proof(STATE, key, tree).other is not None
    )
    proof = state_proof(STATE, absent, tree)
    elsewhere = bytes(32) if key_hash(absent)[0] >> 4 else b"\xff" * 32
    with pytest.raises(InvalidProof, match="does not stand in this key's place"):
        verify_state_proof(replace(proof, other=(elsewhere, bytes(32))), ROOT)
    with pytest.raises(InvalidProof, match="does not stand in this key's place"):
        verify_state_proof(replace(proof, other=(key_hash(absent), bytes(32))), ROOT)


def test_an_old_proof_is_refused_under_a_new_root() -> None:
    later = {**STATE, "dossier/5": b'{"count":6}'}
    with pytest.raises(InvalidProof):
        verify_state_proof(state_proof(STATE, "dossier/5"), map_root(later))


def chosen_hashes(monkeypatch: pytest.MonkeyPatch, hashes: dict[str, bytes]) -> None:
    """Give these keys these hashes, as nobody can who has to find them."""
    for module in ("node.core.statemap", "node.core.statetree", "builders.chain"):
        monkeypatch.setattr(f"{module}.key_hash", hashes.__getitem__)


def test_keys_that_differ_in_their_last_nibble_only(monkeypatch: pytest.MonkeyPatch) -> None:
    base = sha256(b"base")
    hashes = {f"k{n}": bytes((*base[:-1], base[-1] & 0xF0 | n)) for n in range(16)}
    hashes["far"] = bytes((base[0] ^ 0xF0, *base[1:]))
    hashes["half"] = base[:16] + bytes(16)
    chosen_hashes(monkeypatch, hashes)
    state = {key: key.encode() for key in hashes if key not in ("k7", "half")}
    root = statemap.map_root(state)
    tree = state_tree(state)
    assert tree.root == root
    for key in hashes:
        proof = state_proof(state, key, tree)
        assert len(proof.path) in (1, 33, MAX_STATE_DEPTH)
        verify_state_proof(proof, root)
        for wrong in (item for item in forged(proof) if item.key == key):
            if len(wrong.path) <= MAX_STATE_DEPTH:
                with pytest.raises(InvalidProof):
                    verify_state_proof(wrong, root)
    assert len(state_proof(state, "k7", tree).path) == MAX_STATE_DEPTH


@pytest.mark.parametrize("key", ["dossier/0", "code/1", "code/2", "code/3"])
def test_json_round_trip(key: str) -> None:
    proof = state_proof(STATE, key)
    text = canonical_json(proof.to_json())
    again = StateProof.from_json(decode_json(text, place="p", max_bytes=1 << 20), place="p")
    assert again == proof


def test_a_step_has_at_most_sixteen_siblings() -> None:
    step = {"bitmap": 65535, "siblings": [HASH] * 16}
    proof = StateProof.from_json({"key": "seal/k", "path": [step]}, place="p")
    assert proof.path[0][1][15] == bytes(32)


@pytest.mark.parametrize(
    "key",
    [
        "code/1528948668754",
        "dossier/case:platform-a:A._-1",
        f"filing/{'A' * 128}|{'./:-' * 32}",
        "key/sfXUbBz9O0IVEuEMw5FsfQ_-",
        "member/court-a",
        "parameter/clock_tolerance_ms",
        f"refused/{'0a' * 32}",
        "seal/ES-0001",
        f"validator/{'0f' * 20}",
    ],
)
def test_every_kind_of_key_is_read(key: str) -> None:
    assert StateProof.from_json({**GOOD, "key": key}, place="p").key == key


HASH = "00" * 32
STEP = {"bitmap": 1, "siblings": []}
GOOD = {"key": "seal/k", "path": [STEP], "value": "{}"}


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ([], "p"),
        ("x", "p"),
        ({}, "p"),
        ({"key": "seal/k"}, "p"),
        ({**GOOD, "extra": 1}, "p"),
        ({**GOOD, "key": 1}, "p.key"),
        ({**GOOD, "key": "印章"}, "p.key"),
        ({**GOOD, "key": "k"}, "p.key"),
        ({**GOOD, "key": "seal/"}, "p.key"),
        ({**GOOD, "key": "Seal/k"}, "p.key"),
        ({**GOOD, "key": "stamp/k"}, "p.key"),
        ({**GOOD, "key": " seal/k"}, "p.key"),
        ({**GOOD, "key": "seal/k\n"}, "p.key"),
        ({**GOOD, "key": "seal/k l"}, "p.key"),
        ({**GOOD, "key": "seal/k\x1b"}, "p.key"),
        ({**GOOD, "key": "seal/[k]"}, "p.key"),
        ({**GOOD, "key": "seal/k(1)"}, "p.key"),
        ({**GOOD, "key": "seal/" + "k" * 258}, "p.key"),
        ({**GOOD, "value": 1}, "p.value"),
        ({**GOOD, "value": {}}, "p.value"),
        ({**GOOD, "other": {"key_hash": HASH, "value_hash": HASH}}, "p.value"),
        ({"key": "seal/k", "path": [], "other": []}, "p.other"),
        ({"key": "seal/k", "path": [], "other": {"key_hash": HASH}}, "p.other"),
        (
            {"key": "seal/k", "path": [], "other": {"key_hash": HASH, "value_hash": "0"}},
            "p.other.value_hash",
        ),
        (
            {"key": "seal/k", "path": [], "other": {"key_hash": 0, "value_hash": HASH}},
            "p.other.key_hash",
        ),
        ({**GOOD, "path": {}}, "p.path"),
        ({**GOOD, "path": [STEP] * 65}, "p.path"),
        ({**GOOD, "path": [[]]}, "p.path[0]"),
        ({**GOOD, "path": [STEP, {"bitmap": 1}]}, "p.path[1]"),
        ({**GOOD, "path": [{**STEP, "extra": 1}]}, "p.path[0]"),
        ({**GOOD, "path": [{**STEP, "bitmap": 0}]}, "p.path[0].bitmap"),
        ({**GOOD, "path": [{**STEP, "bitmap": 65536}]}, "p.path[0].bitmap"),
        ({**GOOD, "path": [{**STEP, "bitmap": "1"}]}, "p.path[0].bitmap"),
        ({**GOOD, "path": [{**STEP, "siblings": {}}]}, "p.path[0].siblings"),
        ({**GOOD, "path": [{**STEP, "siblings": [HASH] * 17}]}, "p.path[0].siblings"),
        ({**GOOD, "path": [{**STEP, "siblings": [HASH, "A" * 64]}]}, "p.path[0].siblings[1]"),
    ],
)
def test_malformed_proofs_are_refused_with_their_place(value: Any, place: str) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        StateProof.from_json(value, place="p")
    assert refused.value.place == place
