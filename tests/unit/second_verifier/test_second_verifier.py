"""The second verifier against the node's own: the same verdict on every step of every bundle.

The tests of the node's verifier are run again here, each with both verifiers at once. So every
genuine bundle, every forgery and every lie that they know is in the comparison.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from builders.bundling import bundle_of, trust_of
from builders.cases import PRIVATE, SUB, Bundle, changed_validators
from builders.chain import Chain
from builders.curves import ED_TORSION, ed_encode
from builders.signing import BlockSigner, MemberKey, digests_of, private_fields, signed_jwt

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.genesis import ed25519_jwk
from node.core.signatures import Backend
from node.core.verify import FAILED, Report, verify_bundle

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
EXAMPLES = TESTS.parent / "docs" / "spec" / "examples"


def load(path: Path) -> ModuleType:
    """A module of its own made from a file."""
    name = f"second_verifier_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


second = load(HERE / "verifier.py")


def both(bundle: bytes, trust: bytes, backend: Backend | None = None) -> Report:
    """The node's report, after the second verifier has come to the same verdicts."""
    try:
        report = verify_bundle(bundle, trust, backend)
    except InvalidInput:
        with pytest.raises(second.Refused):
            second.verify(bundle, trust)
        raise
    told = second.verify(bundle, trust)
    ours = {step.id: (step.status, step.text) for step in report.steps}
    assert list(told) == list(ours)
    differ = {name: (ours[name], told[name]) for name in ours if ours[name][0] != told[name][0]}
    assert not differ
    return report


def both_of(bundle: Bundle, trust: bytes, backend: Backend | None = None) -> Report:
    return both(canonical_json(bundle), trust, backend)


def borrowed(path: str) -> dict[str, Callable[..., None]]:
    """The tests of a module, which from here on call both verifiers."""
    module = load(TESTS / path)
    names = vars(module)
    assert {"verify", "verify_bundle"} & set(names)
    for name, replacement in (("verify", both_of), ("verify_bundle", both)):
        if name in names:
            setattr(module, name, replacement)
    return {f"{name}_by_both": test for name, test in names.items() if name.startswith("test_")}


globals().update(borrowed("unit/core/test_verify.py"))
globals().update(borrowed("unit/core/test_verify_forgeries.py"))
globals().update(borrowed("unit/core/test_verify_lies.py"))
globals().update(borrowed("property/test_core_verify.py"))


def test_no_module_of_the_node_is_imported_by_the_second_verifier() -> None:
    found = set()
    for part in ast.walk(ast.parse((HERE / "verifier.py").read_bytes())):
        if isinstance(part, ast.Import):
            found |= {alias.name.split(".")[0] for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            found.add((part.module or "").split(".")[0])
    assert found - set(sys.stdlib_module_names) == {"cryptography"}


def test_bundles_of_a_real_ledger() -> None:
    trust = (EXAMPLES / "trust-file.json").read_bytes()
    for name in ("bundle-dossier.json", "bundle-record.json"):
        assert both((EXAMPLES / name).read_bytes(), trust).accepted


@pytest.mark.parametrize("chunk", range(4))
def test_changed_bytes(chunk: int) -> None:
    flips = load(TESTS / "unit/core/test_verify_flips.py")
    for position in range(chunk, len(flips.BUNDLE), 4 * 5):
        both(flips.flipped(flips.BUNDLE, position), flips.TRUST)


def told(bundle: bytes, trust: bytes) -> None:
    """Both verifiers' word, where the trust file may be refused too."""
    try:
        both(bundle, trust)
    except InvalidInput:
        pass


def example(name: str) -> Any:
    return json.loads((EXAMPLES / name).read_bytes())


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
    for position in range(0, len(genesis), 2):
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
ZERO = "00" * 32
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
    ("members.0.keys.0.jwk", JWK["platform-a"]["jwk"]),
    ("members.0.recovery_key", JWK["maker-a"]["jwk"]),
    ("members.0.recovery_key.y", JWK["platform-a"]["jwk"]["y"]),
    ("members.0.recovery_key.y", "A" * 43),
    ("members.0.recovery_key.y", "A" * 42),
    ("members.0.recovery_key.kid", "x"),
    ("members.1.checkpoint_key.x", "A" * 43),
    ("members.1.checkpoint_key", None),
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
            "\uff11",
            "A" * 101,
        )
    ),
    ("predecessor", PREDECESSOR),
    ("predecessor", {**PREDECESSOR, "size": 0}),
    ("predecessor", {}),
    ("rules_version", 0),
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
    {"anchors": [{"kind": "evm", "a": [{}]}, {}]},
    {"anchors": [1]},
    {"anchors": [{}] * 101},
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
    {"extra": "x"},
    {"chain_id": "spec-example\n"},
]


@pytest.mark.parametrize("changes", TRUSTS)
def test_trust_files(changes: dict[str, Any]) -> None:
    trust = {**example("trust-file.json"), **changes}
    told(canonical_json(example("bundle-dossier.json")), canonical_json(trust))


TEXTS = {
    "escaped surrogate": (b'"anchors": []', b'"anchors": [{"kind": "\\ud800"}]'),
    "escaped pair": (b'"anchors": []', b'"anchors": [{"kind": "\\ud83d\\ude00"}]'),
    "float": (b'"as_of": 7', b'"as_of": 7.0'),
    "exponent": (b'"as_of": 7', b'"as_of": 7e0'),
    "minus zero": (b'"anchors": []', b'"anchors": [{"a": -0}]'),
    "null": (b'"anchors": []', b'"anchors": [{"a": null}]'),
    "true": (b'"anchors": []', b'"anchors": [{"a": true}]'),
    "large": (b'"anchors": []', b'"anchors": [{"a": 9007199254740992}]'),
    "largest": (b'"anchors": []', b'"anchors": [{"a": -9007199254740991}]'),
    "duplicate": (b'"anchors": []', b'"anchors": [{"a": 1, "a": 1}]'),
    "duplicate by escape": (b'"anchors": []', b'"anchors": [{"a": 1, "\\u0061": 1}]'),
    "depth 16": (b'"anchors": []', b'"anchors": [{"a": ' + b"[" * 13 + b"]" * 13 + b"}]"),
    "depth 17": (b'"anchors": []', b'"anchors": [{"a": ' + b"[" * 14 + b"]" * 14 + b"}]"),
    "control character": (b'"anchors": []', b'"anchors": [{"a": "\x01"}]'),
    "byte order mark": (b"{", b"\xef\xbb\xbf{"),
    "white space before": (b"{", b" \t\r\n{"),
    "form feed before": (b"{", b"\x0c{"),
    "single quotes": (b'"anchors"', b"'anchors'"),
    "NaN": (b'"as_of": 7', b'"as_of": NaN'),
}


@pytest.mark.parametrize(("old", "new"), TEXTS.values(), ids=TEXTS)
def test_json_of_other_kinds(old: bytes, new: bytes) -> None:
    bundle = json.dumps(example("bundle-dossier.json"), ensure_ascii=False).encode()
    assert old in bundle
    told(bundle.replace(old, new, 1), canonical_json(example("trust-file.json")))


SALT = "c2FsdHNhbHRzYWx0c2FsdA"
PAYLOADS: list[dict[str, Any]] = [
    {},
    {"aud": "x"},
    {"collected_at": 1_790_000_000_000},
    {"collected_at": 0},
    {"collected_at": 253_402_300_800_000},
    {"cid": "seal-test "},
    {"data": []},
    {"exp": 1_790_000_000},
    {"exp": 1_790_000_000 + 86_400},
    {"exp": 1_790_000_000 + 86_401},
    {"exp": 1_790_000_000 + 2_592_000, "source": {"method": "ferry", "system": "x"}},
    {"exp": 1_790_000_000 + 2_592_001, "source": {"method": "ferry", "system": "x"}},
    {"exp": 253_402_300_799_999, "iat": 253_402_300_799_998},
    {"iat": -1},
    {"iat": "1"},
    {"jti": "a" * 128},
    {"jti": "a" * 129},
    {"jti": "a/b"},
    {"iss": "Platform"},
    {"occurred_at": None},
    {"occurred_at": 253_402_300_800_000},
    {"source": {"method": "API", "system": "x"}},
    {"source": {"method": "a", "system": ""}},
    {"source": {"method": "a", "system": "𠮷" * 200}},
    {"source": {"method": "a", "system": "x" * 201}},
    {"source": {"method": "a", "system": "x", "by": "y"}},
    {"source": "api"},
    {"sub": "case:platform-a:"},
    {"sub": "case:-:x"},
    {"sub": "paper:platform-a:1"},
    {"sub": "case:platform-a:" + "x" * 64},
    {"type": "signing"},
    {"type": "a.b"},
    {"_sd": []},
    {"_sd": [], "_sd_alg": "sha-256"},
    {"_sd_alg": "sha-256"},
    {"_sd": ["A" * 43], "_sd_alg": "sha-512"},
    {"_sd": ["A" * 43], "_sd_alg": "sha-256"},
    {"_sd": ["A" * 43] * 2, "_sd_alg": "sha-256"},
    {"_sd": ["A" * 42 + "B"], "_sd_alg": "sha-256"},
    {"_sd": [f"{n:043d}"[:42] + "A" for n in range(64)], "_sd_alg": "sha-256"},
    {"_sd": [f"{n:042d}A" for n in range(64)], "_sd_alg": "sha-256"},
    {"_sd": [f"{n:042d}A" for n in range(65)], "_sd_alg": "sha-256"},
]


def recorded(jwt: bytes, chain: Chain, **options: Any) -> None:
    """Both verifiers on a chain whose validators recorded this, whatever it is."""
    chain.commit_block(chain.jwt(), entry_changes={"tx": jwt.decode()})
    chain.commit_block()
    chain.commit_block()
    told(canonical_json(bundle_of(chain, SUB, **options)), trust_of(chain))


@pytest.mark.parametrize("changes", PAYLOADS)
def test_transactions(changes: dict[str, Any]) -> None:
    chain = Chain()
    key = chain.keys["platform-a"]
    payload = {**json.loads(second.from_base64url(chain.jwt().decode().split(".")[1])), **changes}
    payload = {name: value for name, value in payload.items() if value is not None}
    recorded(signed_jwt(key, canonical_json(payload)), chain)


HEADERS: list[bytes] = [
    b'{"typ":"evidence+sd-jwt", "kid":"KID","alg":"ES256"}\n',
    b'{"alg":"ES256","kid":"KID","typ":"evidence+sd-jwt","crit":[]}',
    b'{"alg":"none","kid":"KID","typ":"evidence+sd-jwt"}',
    b'{"alg":"ES256","kid":"KID","typ":"JWT"}',
    b'{"alg":"ES256","kid":"x","typ":"evidence+sd-jwt"}',
    b'{"alg":"ES256","kid":["KID"],"typ":"evidence+sd-jwt"}',
    b'["alg","kid","typ"]',
    b"",
]


@pytest.mark.parametrize("header", HEADERS)
def test_headers_of_transactions(header: bytes) -> None:
    chain = Chain()
    key = chain.keys["platform-a"]
    payload = second.from_base64url(chain.jwt().decode().split(".")[1])
    recorded(signed_jwt(key, payload, header.replace(b"KID", key.kid.encode())), chain)


def high_s(signature: bytes) -> bytes:
    return signature[:32] + (second.N - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")


SIGNATURES: dict[str, Callable[[bytes], bytes]] = {
    "high s": high_s,
    "63 bytes": lambda signature: signature[:63],
    "65 bytes": lambda signature: signature + b"\0",
    "none": lambda _: b"",
    "r zero": lambda signature: bytes(32) + signature[32:],
    "s zero": lambda signature: signature[:32] + bytes(32),
    "r is n": lambda signature: second.N.to_bytes(32, "big") + signature[32:],
    "another r": lambda signature: bytes(31) + b"\1" + signature[32:],
}


@pytest.mark.parametrize("change", SIGNATURES.values(), ids=SIGNATURES)
def test_signatures_of_transactions(change: Callable[[bytes], bytes]) -> None:
    chain = Chain()
    head, _, encoded = chain.jwt().decode().rpartition(".")
    signature = second.to_base64url(change(second.from_base64url(encoded)))
    recorded(f"{head}.{signature}".encode(), chain)


ENTRIES: list[dict[str, Any]] = [
    {"code": "CZ0034133234711-1"},
    {"code": "CZ0034133234711"},
    {"facts": {"late": 5, "text": '𠮷\u0001"\\'}},
    {"facts": {"list": []}},
    {"facts": {"～": 1, "😀": 2}},
    {"facts": {"x": "x" * 40_000}},
    {"height": 2},
    {"height": 0},
    {"prev": bytes(32)},
    {"time": 0},
    {"tx": "a.b"},
    {"tx": "a.b.c"},
    {"tx": "...."},
]


@pytest.mark.parametrize("changes", ENTRIES)
def test_entries(changes: dict[str, Any]) -> None:
    chain = Chain()
    chain.commit_block(chain.jwt(), entry_changes=changes)
    for _ in range(3):
        chain.commit_block()
    told(canonical_json(bundle_of(chain, SUB)), trust_of(chain))


DISCLOSED: dict[str, bytes] = {
    "white space": b'[ "SALT", "ip", "x" ]',
    "short salt": b'["c2FsdHNhbHRzYWx0c2Fsd", "ip", "x"]',
    "salt number": b'[1, "ip", "x"]',
    "no name": b'["SALT", "", "x"]',
    "reserved": b'["SALT", "...", "x"]',
    "payload's name": b'["SALT", "collected_at", 1]',
    "two items": b'["SALT", "x"]',
    "object": b'{"SALT": 1}',
    "nested": b'["SALT", "ip", {"_sd": ["x"], "a": [1, -5]}]',
    "float": b'["SALT", "ip", 1.5]',
    "true": b'["SALT", "ip", true]',
    "no JSON": b"SALT",
}


@pytest.mark.parametrize("text", DISCLOSED.values(), ids=DISCLOSED)
def test_disclosures(text: bytes) -> None:
    chain = Chain()
    encoded = second.to_base64url(text.replace(b"SALT", SALT.encode()))
    digest = second.to_base64url(second.sha256(encoded.encode()))
    chain.commit_block(chain.jwt(_sd=[digest], _sd_alg="sha-256"))
    chain.commit_block()
    chain.commit_block()
    bundle = bundle_of(chain, SUB)
    bundle["disclosures"] = [encoded]
    told(canonical_json(bundle), trust_of(chain))


def test_a_digest_that_stands_in_two_records() -> None:
    first, other = private_fields({"ip": "192.0.2.1"}), private_fields({"ip": "192.0.2.2"})
    chain = Chain()
    chain.commit_block(chain.jwt(**digests_of(first)))
    chain.commit_block(chain.jwt(jti="2", type="signing.started", **digests_of([*first, *other])))
    chain.commit_block()
    chain.commit_block()
    for shown in (first, other, [*first, *other]):
        told(canonical_json(bundle_of(chain, SUB, disclosures=shown)), trust_of(chain))


STATES: list[dict[str, Any]] = [
    {"from": -1},
    {"from": "1"},
    {"to": "2"},
    {"to": 1},
    {"suspect_from": "0"},
    {"suspect_from": 0},
    {"suspect_from": 0, "member": "court-a"},
    {"jwk": {}},
    {"extra": {"a": ["x"]}},
]


@pytest.mark.parametrize("changes", STATES)
def test_values_of_keys(changes: dict[str, Any]) -> None:
    chain = Chain()
    key = chain.keys["platform-a"]
    value = {"from": 1, "jwk": key.jwk.to_json(), "member": "platform-a", **changes}
    chain.put(f"key/{key.kid}", value)
    recorded(chain.jwt(), chain, extra_keys=[f"key/{MemberKey('nobody').kid}"])


def test_votes_under_keys_of_small_order() -> None:
    bundle, trust = example("bundle-dossier.json"), example("trust-file.json")
    for point in ED_TORSION:
        bundle["chain"]["validator_sets"][0][0]["public_key"] = ed25519_jwk(ed_encode(point))
        told(canonical_json(bundle), canonical_json(trust))
    votes = [bundle["chain"]["commits"][0]["signatures"][0]]
    bundle["chain"]["validator_sets"] = example("bundle-dossier.json")["chain"]["validator_sets"]
    good = votes[0]["signature"]
    large = (int.from_bytes(bytes.fromhex(good[64:]), "little") + second.L).to_bytes(32, "little")
    for changed in (
        *(ed_encode(point).hex() + good[64:] for point in ED_TORSION),
        "ff" * 32 + good[64:],
        good[:64] + large.hex(),
        good[:64] + ZERO,
    ):
        votes[0]["signature"] = changed
        told(canonical_json(bundle), canonical_json(trust))


def test_changes_of_validators() -> None:
    chain = changed_validators()
    bundle, trust = bundle_of(chain, SUB, disclosures=PRIVATE), trust_of(chain, known_at=3)
    assert both_of(bundle, trust).accepted
    for part in ("commits", "headers", "roots", "validator_sets"):
        for position in range(len(bundle["chain"][part])):
            cut = json.loads(json.dumps(bundle))
            del cut["chain"][part][position]
            both_of(cut, trust)
    stranger = BlockSigner("stranger", power=7)
    grown_set = [*bundle["chain"]["validator_sets"][0], second_json(stranger)]
    bundle["chain"]["validator_sets"][0] = grown_set
    report = both_of(bundle, trust)
    assert [step.id for step in report.steps if step.status == FAILED] == ["chain.commits"]


def second_json(signer: BlockSigner) -> dict[str, Any]:
    validator = signer.validator
    return {"power": validator.power, "public_key": ed25519_jwk(validator.public_key)}


def test_proofs_of_the_state_map_put_together_otherwise() -> None:
    state, root = example("state-map.json")["proofs"], example("state-map.json")["root"]
    values = [root, ZERO, {"key_hash": ZERO, "value_hash": root}, [], "{}", None]
    bundle, trust = example("bundle-dossier.json"), canonical_json(example("trust-file.json"))
    for proof in state.values():
        for name in ("key", "path", "value", "other"):
            for value in values:
                changed = {**proof, name: value}
                if value is None:
                    del changed[name]
                bundle["state"][-1] = changed
                told(canonical_json(bundle), trust)
        for step in range(len(proof["path"])):
            for name, value in (("bitmap", 0), ("bitmap", 65_535), ("siblings", [])):
                path = [dict(item) for item in proof["path"]]
                path[step][name] = value
                bundle["state"][-1] = {**proof, "path": path}
                told(canonical_json(bundle), trust)
