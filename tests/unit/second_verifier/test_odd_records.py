"""Transactions, entries, disclosures, keys, votes and proofs of odd kinds, before both verifiers.

The validators of these chains recorded them, whatever they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders.bundling import bundle_of, trust_of
from builders.cases import SUB, grown
from builders.chain import Chain
from builders.curves import (
    ED_BASE,
    ED_TORSION,
    ed_add,
    ed_encode,
    ed_multiply,
    ed_secret,
    ed_sign,
)
from builders.second_opinion import (
    ZERO,
    both,
    both_of,
    example,
    second,
    told,
)
from builders.signing import MemberKey, digests_of, private_fields, signed_jwt

from node.core.block import Header, Timestamp
from node.core.bundle import read_commit
from node.core.encoding import canonical_json
from node.core.genesis import ed25519_jwk
from node.core.verify import FAILED

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
    {"iat": 253_402_300_798, "exp": 253_402_300_799},
    {"iat": 253_402_300_799, "exp": 253_402_300_800},
    {"iat": 253_402_300_800, "exp": 253_402_300_801},
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


def loose(text: str) -> str:
    """Base64url with a bit set that its last character should not have."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + letters[letters.index(text[-1]) | 1]


def in_part(number: int, change: Callable[[str], str]) -> Callable[[str], str]:
    def changed(jwt: str) -> str:
        parts = jwt.split(".")
        parts[number] = change(parts[number])
        return ".".join(parts)

    return changed


STRINGS: dict[str, Callable[[str], str]] = {
    "loose bits in the signature": in_part(2, loose),
    "loose bits in the payload": in_part(1, lambda part: loose(part[: len(part) // 4 * 4 - 1])),
    "padding": lambda jwt: jwt + "==",
    "standard alphabet": in_part(2, lambda part: part.replace("-", "+").replace("_", "/")),
    "one character more": lambda jwt: jwt + "A",
    "a fourth part": lambda jwt: jwt + ".AA",
    "white space": in_part(1, lambda part: part[:8] + " " + part[8:]),
    "too long": in_part(1, lambda part: part + "A" * (16_384 - len(part))),
}


@pytest.mark.parametrize("change", STRINGS.values(), ids=STRINGS)
def test_strings_of_transactions(change: Callable[[str], str]) -> None:
    chain = Chain()
    recorded(change(chain.jwt().decode()).encode(), chain)


def test_a_disclosure_with_loose_bits() -> None:
    chain = Chain()
    encoded = loose(second.to_base64url(b'["c2FsdHNhbHRzYWx0c2FsdA", "ip", "x"] '))
    digest = second.to_base64url(second.sha256(encoded.encode()))
    chain.commit_block(chain.jwt(_sd=[digest], _sd_alg="sha-256"))
    chain.commit_block()
    chain.commit_block()
    bundle = bundle_of(chain, SUB)
    bundle["entries"][0]["disclosures"] = [encoded]
    told(canonical_json(bundle), trust_of(chain))


ENTRIES: list[dict[str, Any]] = [
    {"code": "CZ0034133234711-1"},
    {"code": "CZ0034133234711"},
    {"code": "CZ0034133234712-1"},
    {"code": "CZ0034133234711-01"},
    {"facts": {"late": 5, "text": '𠮷\u0001"\\'}},
    {"facts": {"list": []}},
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
    "another name of a payload": b'["SALT", "source", "x"]',
    "as long as can be": b'["SALT", "ip", "' + b"x" * 12_252 + b'"]',
    "longer": b'["SALT", "ip", "' + b"x" * 12_253 + b'"]',
    "name in capitals": b'["SALT", "IP", "x"]',
    "name with a line end": b'["SALT", "ip\\n", "x"]',
    "name outside ASCII": '["SALT", "印章", "x"]'.encode(),
    "name that is a sentence": b'["SALT", "ip; all verified", "x"]',
    "longest name": b'["SALT", "' + b"x" * 64 + b'", "x"]',
    "longer name": b'["SALT", "' + b"x" * 65 + b'", "x"]',
    "name of a public field": b'["SALT", "sign_no", "x"]',
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
    bundle["entries"][0]["disclosures"] = [encoded]
    told(canonical_json(bundle), trust_of(chain))


def test_a_digest_that_stands_in_two_records() -> None:
    first, other = private_fields({"ip": "192.0.2.1"}), private_fields({"ip": "192.0.2.2"})
    chain = Chain()
    chain.commit_block(chain.jwt(**digests_of(first)))
    chain.commit_block(chain.jwt(jti="2", type="signing.started", **digests_of([*first, *other])))
    chain.commit_block()
    chain.commit_block()
    texts = [disclosure.encoded for disclosure in (*first, *other)]
    shown = [[], texts[:1], texts[1:], texts, texts[::-1], texts[:1] * 2]
    for one in shown:
        for two in shown:
            bundle = bundle_of(chain, SUB)
            for entry, disclosed in zip(bundle["entries"], (one, two)):
                entry["disclosures"] = disclosed
            told(canonical_json(bundle), trust_of(chain))


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
    {"use": "recovery"},
    {"use": "signing"},
    {"use": 1},
]


@pytest.mark.parametrize("changes", STATES)
def test_values_of_keys(changes: dict[str, Any]) -> None:
    chain = Chain()
    key = chain.keys["platform-a"]
    value = {"from": 1, "jwk": key.jwk.to_json(), "member": "platform-a", **changes}
    chain.put(f"key/{key.kid}", value)
    recorded(chain.jwt(), chain, extra_keys=[f"key/{MemberKey('nobody').kid}"])


@pytest.mark.parametrize("use", [{}, {"use": "recovery"}, {"use": "other"}])
@pytest.mark.parametrize(
    "event_type", ["key.rotated", "key.compromised", "governance.voted", "key.rotate"]
)
def test_what_recovery_keys_sign(event_type: str, use: dict[str, Any]) -> None:
    chain = Chain()
    key = chain.keys["platform-a"]
    value = {"from": 1, "jwk": key.jwk.to_json(), "member": "platform-a", **use}
    chain.put(f"key/{key.kid}", value)
    chain.commit_block(chain.jwt(type=event_type))
    for _ in range(2):
        chain.commit_block()
    report = both(canonical_json(bundle_of(chain, SUB)), trust_of(chain))
    own = event_type in ("key.rotated", "key.compromised")
    (step,) = [step for step in report.steps if step.id == "transactions.keys"]
    assert (step.status == FAILED) == (use == {"use": "other"} or (bool(use) and not own))


def test_a_second_record_with_the_code_of_another_dossier() -> None:
    chain = Chain()
    chain.commit_block(chain.jwt())
    code = {"code": "CZ0034133234711-2"}
    chain.commit_block(chain.jwt(jti="2", type="signing.started"), entry_changes=code)
    for _ in range(3):
        chain.commit_block()
    told(canonical_json(bundle_of(chain, SUB)), trust_of(chain))


def test_headers_that_name_another_chain() -> None:
    class Renamed(Chain):
        def _header(self, jwts: list[bytes]) -> Header:
            return replace(super()._header(jwts), chain_id="another")

    chain = grown(Renamed())
    report = both_of(bundle_of(chain, SUB), trust_of(chain))
    assert [step.id for step in report.steps if step.status == FAILED] == ["chain.commits"]


@pytest.mark.parametrize("first", [1, 2, 3, 4, 5, 6, 7, 8])
def test_consistency_proofs_cut_and_lengthened(first: int) -> None:
    bundle, trust = example("bundle-dossier.json"), canonical_json(example("trust-file.json"))
    item = bundle["consistency"][0]
    for proof in ([], item["proof"], item["proof"][1:], [*item["proof"], ZERO], [ZERO] * 64):
        for root in (item["first_root"], item["second_root"], ZERO):
            begun = {**item, "first": first, "proof": proof, "first_root": root}
            ended = {**item, "second": first, "proof": proof, "second_root": root}
            turned = {**begun, "first": 7, "first_root": item["second_root"]}
            turned = {**turned, "second": first, "second_root": root}
            for changed in (begun, ended, turned):
                bundle["consistency"] = [changed]
                told(canonical_json(bundle), trust)
                bundle["consistency"] = [item, changed]
                told(canonical_json(bundle), trust)


def test_paths_cut_and_lengthened() -> None:
    trust = canonical_json(example("trust-file.json"))
    for number in range(3):
        for change in (lambda path: path[1:], lambda path: path[:-1], lambda path: [*path, ZERO]):
            bundle = example("bundle-dossier.json")
            bundle["entries"][number]["path"] = change(bundle["entries"][number]["path"])
            bundle["chain"]["genesis_path"] = change(bundle["chain"]["genesis_path"])
            told(canonical_json(bundle), trust)


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


@pytest.mark.parametrize(
    ("seconds", "holds"),
    [(-1, True), (-62_135_596_800, True), (-62_135_596_801, False), (253_402_300_799, True)],
)
def test_a_vote_of_any_time(seconds: int, holds: bool) -> None:
    """CometBFT takes what a validator says: it must not keep the block from being proven."""
    bundle, block = example("bundle-dossier.json"), example("block.json")
    key = example("keys.json")["ed25519"]["validator"]
    secret, public = ed_secret(bytes.fromhex(key["seed"])), bytes.fromhex(key["public_key"])
    message = read_commit(block["commit"], "commit").sign_bytes(
        block["header"]["chain_id"], Timestamp(seconds, 7)
    )
    first = ed_encode(ed_multiply(99, ED_BASE))
    bundle["chain"]["commits"] = [block["commit"], *bundle["chain"]["commits"]]
    bundle["chain"]["commits"][0]["signatures"][0] |= {
        "signature": ed_sign(secret, public, message, first, 99, first).hex(),
        "time": {"nanos": 7, "seconds": seconds},
    }
    report = both_of(bundle, canonical_json(example("trust-file.json")))
    assert report.accepted == holds


@pytest.mark.parametrize("times", range(8))
def test_a_vote_whose_r_has_a_small_order_part(times: int) -> None:
    """What CometBFT takes into a commit proves the block, whatever a validator made of it."""
    bundle, block = example("bundle-dossier.json"), example("block.json")
    key = example("keys.json")["ed25519"]["validator"]
    public, message = bytes.fromhex(key["public_key"]), bytes.fromhex(block["sign_bytes"])
    secret = ed_secret(bytes.fromhex(key["seed"]))
    bundle["chain"]["commits"] = [block["commit"], *bundle["chain"]["commits"]]
    trust = canonical_json(example("trust-file.json"))
    assert both_of(bundle, trust).accepted
    for nonce in (0, 99):
        first = ed_encode(ed_add(ed_multiply(nonce, ED_BASE), ED_TORSION[times]))
        odd = ed_sign(secret, public, message, first, nonce, first)
        bundle["chain"]["commits"][0]["signatures"][0]["signature"] = odd.hex()
        assert both_of(bundle, trust).accepted
    bundle["chain"]["commits"][0]["signatures"][0]["signature"] = ed_sign(
        secret, public, message + b"!", first, 99, first
    ).hex()
    report = both_of(bundle, trust)
    assert [step.id for step in report.steps if step.status == FAILED] == ["chain.commits"]


@pytest.mark.parametrize("length", [16_384, 16_386])
def test_the_longest_transaction(length: int) -> None:
    chain = Chain()
    key, jwt = chain.keys["platform-a"], chain.jwt().decode()
    payload = second.from_base64url(jwt.split(".")[1])
    room = length - len(jwt) + len(jwt.split(".")[1])
    long = signed_jwt(key, payload + b" " * (room * 3 // 4 - len(payload)))
    assert len(long) == length
    recorded(long, chain)


def test_a_key_that_is_there_shown_as_absent_by_its_own_leaf() -> None:
    bundle, trust = example("bundle-dossier.json"), canonical_json(example("trust-file.json"))
    proof = example("state-map.json")["proofs"]["present"]
    value = second.sha256(proof.pop("value").encode()).hex()
    own = second.sha256(proof["key"].encode()).hex()
    bundle["state"] = [{**proof, "other": {"key_hash": own, "value_hash": value}}]
    report = both_of(bundle, trust)
    assert [step.id for step in report.steps if step.status == FAILED] == ["state.proofs"]
