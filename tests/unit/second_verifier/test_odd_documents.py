"""Geneses, trust files and JSON of odd kinds: both verifiers must see the same in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from builders.curves import ED_TORSION, ed_encode
from builders.second_opinion import (
    TESTS,
    ZERO,
    example,
    load,
    second,
    told,
)

from node.core.encoding import canonical_json
from node.core.genesis import ed25519_jwk


def test_every_byte_of_a_trust_file_changed() -> None:
    flips = load(TESTS / "unit/core/test_verify_flips.py")
    bundle = canonical_json(example("bundle-dossier.json"))
    trust = canonical_json(example("trust-file.json"))
    for position in range(len(trust)):
        told(bundle, flips.flipped(trust, position))


def under_genesis(document: str) -> None:
    """The example's bundle with another genesis, which the trust file names."""
    bundle, trust = example("bundle-dossier.json"), example("trust-file.json")
    bundle["chain"]["genesis"] = document
    trust["genesis_hash"] = second.sha256(document.encode("utf-8", "replace")).hex()
    told(canonical_json(bundle), canonical_json(trust))


def test_bytes_of_a_genesis_changed_that_is_believed() -> None:
    flips = load(TESTS / "unit/core/test_verify_flips.py")
    genesis = example("genesis.json")["text"].encode()
    for position in range(0, len(genesis), 5):
        try:
            under_genesis(flips.flipped(genesis, position).decode())
        except UnicodeDecodeError:
            continue


def in_document(path: str, value: Any) -> dict[str, Any]:
    """The example's genesis with another value at a place."""
    document = example("genesis.json")["document"]
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    at = document
    for step in way:
        at = at[step]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return document


JWK = example("keys.json")["members"]
PREDECESSOR = {"chain_id": "old", "header": ZERO, "root": ZERO, "size": 3, "state_root": ZERO}
GENESES: list[tuple[str, Any]] = [
    ("chain_id", ""),
    ("chain_id", "-a"),
    ("chain_id", "a" * 51),
    ("extra", 1),
    ("genesis_time", -1),
    ("initial_height", 0),
    ("initial_height", 3),
    ("members", []),
    ("members.0.id", "maker-a-"),
    ("members.0.id", "platform-a"),
    ("members.0.name", ""),
    ("members.0.name", "\u0001"),
    ("members.0.name", "𠮷" * 200),
    ("members.0.name", "𠮷" * 201),
    ("members.0.roles", []),
    ("members.0.roles", ["seal_maker", "seal_maker"]),
    ("members.0.roles", ["police", "seal_maker"]),
    ("members.0.roles", ["seal_maker", "police"]),
    ("members.0.divisions", ["", "37", "3701", "370102"]),
    ("members.0.divisions", ["370"]),
    ("members.0.divisions", ["\uff13\uff17"]),
    ("members.0.keys", []),
    ("members.0.keys.0.to", 1),
    ("members.0.keys.0.to", 2),
    ("members.0.keys.0.from", 0),
    ("members.0.keys.0", {"from": 5, "jwk": JWK["maker-a"]["jwk"], "to": 5}),
    ("members.0.keys.0", {"from": 5, "jwk": JWK["maker-a"]["jwk"], "to": 6}),
    ("members.0.keys.0.jwk", JWK["platform-a"]["jwk"]),
    ("members.0.recovery_key", JWK["maker-a"]["jwk"]),
    ("members.0.recovery_key.y", JWK["platform-a"]["jwk"]["y"]),
    ("members.0.recovery_key.y", "A" * 43),
    ("members.0.recovery_key.y", "A" * 42),
    ("members.0.recovery_key.kid", "x"),
    ("members.1.checkpoint_key.x", "A" * 43),
    ("members.1.checkpoint_key", None),
    ("parameters.anchor_every_ms", 0),
    ("parameters.anchor_every_records", 1_000_000_001),
    ("parameters.clock_tolerance_ms", 3_600_001),
    ("parameters.custodians", ["maker-a", "police-jinan"]),
    ("parameters.custodians", ["maker-b"]),
    ("parameters.custodians", [1]),
    ("parameters.late_after_ms", 0),
    ("parameters.max_block_bytes", 1_048_575),
    ("parameters.max_block_bytes", 104_857_600),
    ("parameters.rules_version", 1),
    ("parameters.sign_no_patterns", []),
    *(
        ("parameters.sign_no_patterns", [pattern])
        for pattern in (
            "",
            "A",
            "+",
            "A+",
            "A++",
            "A+{2}",
            "A{2}+",
            "{2}",
            "A{2}{3}",
            "A{3,2}",
            "A{2,3}",
            "A{,2}",
            "A{\u0663}",
            "A{\uff11,\u0663}",
            "A{1,\u0663}",
            "A{2",
            "A}",
            "[A-Z0-9]{12}",
            "[A-Z]",
            r"\\d{18}-\\d+",
            r"\\w",
            ".",
            "(A)",
            "A|B",
            "A*",
            "A?",
            "^A",
            "[A-Za-z0-9]+_-",
            "A+B+C+",
            "A+B+C+D+",
            "A+B+C{1,2}D{3,3}E{02,2}",
            "A+B+C{1,2}D{3,4}",
            "\uff11",
            "A" * 101,
        )
    ),
    ("predecessor", PREDECESSOR),
    ("predecessor", {**PREDECESSOR, "size": 0}),
    ("predecessor", {}),
    ("rules_version", 0),
    ("rules_version", 2),
    ("validators", []),
    ("validators.0.member", "nobody"),
    ("validators.0.power", 0),
    ("validators.0.power", 2**40),
    ("validators.0.power", 2**40 + 1),
    ("validators.0.public_key.x", "AQ" + "A" * 41),
    *(("validators.0.public_key", ed25519_jwk(ed_encode(point))) for point in ED_TORSION),
]


@pytest.mark.parametrize(("path", "value"), GENESES)
def test_geneses(path: str, value: Any) -> None:
    under_genesis(canonical_json(in_document(path, value)).decode())


TRUSTS: list[dict[str, Any]] = [
    {"anchors": [{"kind": "evm", "a": [{}]}, {"kind": "x"}]},
    {"anchors": [{"kind": "evm", "a": [{}]}, {}]},
    {"anchors": [{"kind": "EVM"}]},
    {"anchors": [{"kind": 1}]},
    {"anchors": [1]},
    {"anchors": [{"kind": "x"}] * 100},
    {"anchors": [{"kind": "x"}] * 101},
    {"checkpoint": {"root": ZERO, "size": 1}},
    {"checkpoint": {"root": ZERO, "size": 0}},
    {"checkpoint": {"root": ZERO, "size": 4}},
    {"checkpoint": {"root": ZERO, "size": 2**53}},
    {"checkpoint": {"root": ZERO}},
    {"format": "evidence-trust/2"},
    {"genesis_hash": "A" * 64},
    {"tsa_roots": ["AAAA", "AAA=", "AA==", "////"]},
    {"tsa_roots": ["AAB="]},
    {"tsa_roots": ["AB=="]},
    {"tsa_roots": ["A A="]},
    {"tsa_roots": [""]},
    {"tsa_roots": ["AAAA\n"]},
    {"tsa_roots": ["AAAA"] * 101},
    {"tsa_roots": ["_-AA"]},
    {"signer_roots": []},
    {"signer_roots": ["AAAA"]},
    {"signer_roots": [""]},
    {"signer_roots": ["AAAA"] * 101},
    {"signer_roots": {}},
    {"extra": "x"},
    {"chain_id": "spec-example\n"},
]


@pytest.mark.parametrize("changes", TRUSTS)
def test_trust_files(changes: dict[str, Any]) -> None:
    trust = {**example("trust-file.json"), **changes}
    told(canonical_json(example("bundle-dossier.json")), canonical_json(trust))


NO_ANCHORS = b'"anchors": []'
TEXTS = {
    "escaped surrogate": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": "\\ud800"}]'),
    "escaped pair": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": "\\ud83d\\ude00"}]'),
    "float": (b'"as_of": 7', b'"as_of": 7.0'),
    "exponent": (b'"as_of": 7', b'"as_of": 7e0'),
    "minus zero": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": -0}]'),
    "null": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": null}]'),
    "true": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": true}]'),
    "large": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": 9007199254740992}]'),
    "largest": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": -9007199254740991}]'),
    "duplicate": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": 1, "a": 1}]'),
    "duplicate by escape": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": 1, "\\u0061": 1}]'),
    "depth 16": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": ' + b"[" * 13 + b"]" * 13 + b"}]"),
    "depth 17": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": ' + b"[" * 14 + b"]" * 14 + b"}]"),
    "kind missing": (NO_ANCHORS, b'"anchors": [{"a": 1}]'),
    "kind that is a sentence": (NO_ANCHORS, b'"anchors": [{"kind": "x (2 verified)"}]'),
    "kind with a line end": (NO_ANCHORS, b'"anchors": [{"kind": "evm\\n"}]'),
    "longest kind": (NO_ANCHORS, b'"anchors": [{"kind": "' + b"x" * 40 + b'"}]'),
    "longer kind": (NO_ANCHORS, b'"anchors": [{"kind": "' + b"x" * 41 + b'"}]'),
    "control character": (NO_ANCHORS, b'"anchors": [{"kind": "x", "a": "\x01"}]'),
    "byte order mark": (b"{", b"\xef\xbb\xbf{"),
    "white space before": (b"{", b" \t\r\n{"),
    "form feed before": (b"{", b"\x0c{"),
    "single quotes": (b'"anchors"', b"'anchors'"),
    "name outside ASCII": (NO_ANCHORS, '"anchors": [{"kind": "x", "～": 1}]'.encode()),
    "escaped name outside ASCII": (NO_ANCHORS, b'"anchors": [{"kind": "x", "\\u00e9": 1}]'),
    "NaN": (b'"as_of": 7', b'"as_of": NaN'),
}


@pytest.mark.parametrize(("old", "new"), TEXTS.values(), ids=TEXTS)
def test_json_of_other_kinds(old: bytes, new: bytes) -> None:
    bundle = json.dumps(example("bundle-dossier.json"), ensure_ascii=False).encode()
    assert old in bundle
    told(bundle.replace(old, new, 1), canonical_json(example("trust-file.json")))


def test_a_validator_named_twice() -> None:
    document = example("genesis.json")["document"]
    document["validators"] *= 2
    under_genesis(canonical_json(document).decode())
