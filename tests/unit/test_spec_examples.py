"""The worked examples of docs/spec computed again by the documents' formulas, by hand.

The documents print what the code gave (`test_spec.py`). Here hashlib, `cryptography` and the
formulas as they are written give the same.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from node.core import (
    block,
    bundle,
    checkpoint,
    disclosure,
    encoding,
    entry,
    frame,
    genesis,
    merkle,
    statemap,
    transaction,
    trust,
    verify,
)
from node.core.apphash import APP_HASH_TAG
from node.core.errors import InvalidInput
from node.core.request_token import decode_request_token
from node.core.signatures import Backend, PublicJwk
from node.rules.genesis_parameters import first_state
from node.rules.rejections import REJECTIONS

SPEC = Path(__file__).parents[2] / "docs" / "spec"
EXAMPLES = {path.name: json.loads(path.read_bytes()) for path in (SPEC / "examples").iterdir()}


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def tree(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1 over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + tree(leaves[:split]) + tree(leaves[split:]))


def items_root(items: list[bytes]) -> bytes:
    return tree([sha256(b"\x00" + item) for item in items])


def test_keys() -> None:
    keys = EXAMPLES["keys.json"]
    for key in [*keys["members"].values(), *keys["recovery"].values()]:
        private = ec.derive_private_key(int(key["private_scalar"], 16), ec.SECP256R1())
        point = private.public_key().public_numbers()
        assert b64(key["jwk"]["x"]) == point.x.to_bytes(32, "big")
        assert b64(key["jwk"]["y"]) == point.y.to_bytes(32, "big")
        assert json.loads(key["thumbprint_input"]) == key["jwk"]
        assert b64(key["thumbprint"]) == sha256(key["thumbprint_input"].encode())
    for key in keys["ed25519"].values():
        private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["seed"]))
        public = private.public_key().public_bytes_raw()
        assert public.hex() == key["public_key"]
        assert b64(key["jwk"]["x"]) == public
        assert sha256(public)[:20].hex() == key["address"]


def es256_holds(jwk: dict[str, str], message: bytes, signature: bytes) -> None:
    numbers = ec.EllipticCurvePublicNumbers(
        *(int.from_bytes(b64(jwk[name]), "big") for name in "xy"), ec.SECP256R1()
    )
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    der = utils.encode_dss_signature(r, s)
    numbers.public_key().verify(der, message, ec.ECDSA(hashes.SHA256()))


def test_transaction() -> None:
    told = EXAMPLES["transaction.json"]
    header, payload, signature = told["jwt"].split(".")
    assert b64(header).decode() == told["header_json"]
    assert json.loads(b64(header)) == told["header"]
    assert b64(payload).decode() == told["payload_json"]
    assert json.loads(b64(payload)) == told["payload"]
    assert b64(signature).hex() == told["signature"]
    assert sha256(told["jwt"].encode()).hex() == told["id"]
    signed = f"{header}.{payload}".encode()
    assert sha256(signed).hex() == told["signing_input_sha256"]
    key = EXAMPLES["keys.json"]["members"][told["signer"]]
    assert told["header"]["kid"] == key["thumbprint"]
    es256_holds(key["jwk"], signed, b64(signature))
    high = bytes.fromhex(told["refused_high_s"])
    es256_holds(key["jwk"], signed, high)
    refused = f"{header}.{payload}.{base64.urlsafe_b64encode(high).decode().rstrip('=')}"
    with pytest.raises(InvalidInput, match="s is high"):
        transaction.decode_transaction(refused.encode())
    assert transaction.normalise_signature(refused.encode()) == (told["jwt"].encode(), True)


def test_disclosures() -> None:
    told = EXAMPLES["disclosure.json"]
    for item in told["disclosures"]:
        assert b64(item["encoded"]).decode() == item["json"]
        assert json.loads(item["json"]) == [item["salt"], item["name"], item["value"]]
        assert b64(item["digest"]) == sha256(item["encoded"].encode())
    assert sorted(item["digest"] for item in told["disclosures"]) == sorted(told["sd"])
    assert told["sd"] == EXAMPLES["transaction.json"]["payload"]["_sd"]
    data = EXAMPLES["transaction.json"]["payload"]["data"]
    jwt, shown = disclosure.split_sd_jwt(told["submission"].encode())
    assert jwt.decode() == EXAMPLES["transaction.json"]["jwt"]
    assert len(disclosure.match_disclosures(told["sd"], shown, data)) == 2


def test_entries_and_code() -> None:
    told = EXAMPLES["entry.json"]
    heads: dict[str, str] = {}
    for item in told["entries"]:
        assert json.loads(item["text"]) == item["entry"]
        assert sha256(b"\x00" + item["text"].encode()).hex() == item["leaf_hash"]
        assert entry.decode_entry(item["text"].encode()).leaf_hash().hex() == item["leaf_hash"]
        dossier = item["entry"]["code"].partition("-")[0]
        assert item["entry"]["prev"] == heads.get(dossier, "")
        heads[dossier] = item["leaf_hash"]
    code = told["code"]
    hashed = code["chain_id"].encode() + bytes.fromhex(code["first_transaction"])
    assert (hashed + code["counter"].to_bytes(4, "big")).hex() == code["hashed"]
    assert sha256(bytes.fromhex(code["hashed"])).hex() == code["sha256"]
    assert int(code["sha256"][:16], 16) == int(code["number"])
    assert code["number"][-12:].zfill(12) == code["twelve"]
    p = 10
    for digit in code["twelve"]:
        t = (p + int(digit)) % 10 or 10
        p = 2 * t % 11
    assert str((11 - p) % 10) == code["check_digit"]
    assert code["code"] == f"CZ{code['twelve']}{code['check_digit']}-1"
    assert code["code"] == told["entries"][0]["entry"]["code"]


def test_log() -> None:
    told = EXAMPLES["log.json"]
    leaves = [sha256(b"\x00" + text.encode()) for text in told["leaves"]]
    assert [leaf.hex() for leaf in leaves] == told["leaf_hashes"]
    assert told["empty_root"] == tree([]).hex()
    assert told["roots"] == {str(n): tree(leaves[:n]).hex() for n in range(1, 8)}
    path = [bytes.fromhex(item) for item in told["inclusion"]["path"]]
    assert path == [leaves[5], leaves[6], tree(leaves[:4])]
    merkle.verify_inclusion(leaves[4], 4, 7, path, tree(leaves))
    proof = [bytes.fromhex(item) for item in told["consistency"]["proof"]]
    assert proof == [leaves[2], leaves[3], tree(leaves[:2]), tree(leaves[4:])]
    merkle.verify_consistency(3, 7, proof, tree(leaves[:3]), tree(leaves))
    assert told["tile"] == {"bytes": b"".join(leaves).hex(), "path": "tile/0/000.p/7"}
    for place, tile in told["tile_paths"].items():
        level, index, width = map(int, re.findall(r"\d+", place))
        prefix, _, rest = tile.partition(f"tile/{level}/")
        assert not prefix
        assert merkle.parse_tile_path(rest.split("/")) == (index, width)


def test_checkpoint(backend: Backend) -> None:
    told = EXAMPLES["checkpoint.json"]
    text, _, line = told["note"].partition("\n\n")
    assert text + "\n" == told["text"]
    name, key_id, public = told["verifier_key"].split("+", 2)
    raw = base64.b64decode(public)
    assert raw[:1] == b"\x01"
    assert (name.encode() + b"\n" + raw).hex() == told["key_id_input"]
    assert sha256(bytes.fromhex(told["key_id_input"]))[:4].hex() == told["key_id"] == key_id
    assert line == f"\u2014 {name} " + base64.b64encode(
        bytes.fromhex(told["key_id"] + told["signature"])
    ).decode() + "\n"  # fmt: skip
    ed25519.Ed25519PublicKey.from_public_bytes(raw[1:]).verify(
        bytes.fromhex(told["signature"]), told["text"].encode()
    )
    key = checkpoint.parse_verifier_key(told["verifier_key"])
    decoded = checkpoint.decode_checkpoint(
        checkpoint.open_note(told["note"].encode(), key, backend)
    )
    assert decoded.text() == told["text"]
    roots = EXAMPLES["bundle-dossier.json"]["chain"]["roots"][-1]
    assert (decoded.size, decoded.root.hex()) == (roots["size"], roots["root"])
    assert decoded.state_root.hex() == roots["state_root"] == EXAMPLES["state-map.json"]["root"]


def test_a_small_state_map() -> None:
    told = EXAMPLES["state-map.json"]["small"]
    leaves = {}
    for key, item in told["leaves"].items():
        path, value = sha256(key.encode()), sha256(item["value"].encode())
        assert (path.hex(), value.hex()) == (item["key_hash"], item["value_hash"])
        leaves[key] = sha256(b"\x02" + path + value)
        assert leaves[key].hex() == item["leaf"]
    pair = told["inner"]["children"]
    nibbles = {key: [int(digit, 16) for digit in sha256(key.encode()).hex()] for key in leaves}
    [third] = set(leaves) - set(pair)
    assert nibbles[pair[0]][0] == nibbles[pair[1]][0] > nibbles[third][0]
    assert nibbles[pair[0]][1] < nibbles[pair[1]][1]
    bitmap = (1 << nibbles[pair[0]][1]) + (1 << nibbles[pair[1]][1])
    inner = sha256(b"\x03" + bitmap.to_bytes(2, "big") + leaves[pair[0]] + leaves[pair[1]])
    assert told["inner"] == {"bitmap": bitmap, "children": pair, "hash": inner.hex()}
    bitmap = (1 << nibbles[third][0]) + (1 << nibbles[pair[0]][0])
    root = sha256(b"\x03" + bitmap.to_bytes(2, "big") + leaves[third] + inner)
    assert told["root"] == {"bitmap": bitmap, "hash": root.hex()}


def test_the_chains_state_map() -> None:
    told = EXAMPLES["state-map.json"]
    root = bytes.fromhex(told["root"])
    values = {key: text.encode() for key, text in told["values_text"].items()}
    assert statemap.map_root(values) == root
    for key, text in told["values_text"].items():
        assert json.loads(text) == told["values"][key]
    for name, proof in told["proofs"].items():
        statemap.verify_state_proof(statemap.StateProof.from_json(proof, place=name), root)
        assert ("value" in proof) == (name == "present") == (proof["key"] in values)
        assert ("other" in proof) == (name == "absent_other")


def test_frame() -> None:
    told = EXAMPLES["frame.json"]
    packed, content = bytes.fromhex(told["frame"]), bytes.fromhex(told["content"])
    assert packed.startswith(bytes.fromhex(told["head"]))
    assert len(packed) == told["length"]
    assert sha256(packed).hex() == told["data_leaf"]
    assert packed[:6] == b"\x01\x28\xb5\x2f\xfd\x60"
    assert int.from_bytes(packed[6:8], "little") + 256 == len(content)
    assert int.from_bytes(packed[8:11], "little") == len(content) << 3 | 1
    assert packed[11:] == content
    jwts = frame.decode_frame(packed)
    assert jwts[0].decode() == EXAMPLES["transaction.json"]["jwt"]
    assert content[0] == len(jwts) == 2
    assert content[1] == len(EXAMPLES["transaction.json"]["header_json"])
    assert content[2:].startswith(EXAMPLES["transaction.json"]["header_json"].encode())


def test_block() -> None:
    told = EXAMPLES["block.json"]
    header = bundle.read_header(told["header"], "header")
    after = bundle.read_header(told["next_header"], "header")
    commit = bundle.read_commit(told["commit"], "commit")
    assert len(told["header_fields"]) == 14
    fields = [bytes.fromhex(field) for field in told["header_fields"]]
    assert items_root(fields).hex() == told["header_hash"] == header.hash().hex()
    assert after.hash().hex() == told["next_header_hash"]
    leaf = bytes.fromhex(told["validators_leaf"])
    assert (
        leaf.hex()
        == "0a220a20" + EXAMPLES["keys.json"]["ed25519"]["validator"]["public_key"] + "100a"
    )
    assert items_root([leaf]).hex() == told["validators_hash"] == told["header"]["validators_hash"]
    message = bytes.fromhex(told["sign_bytes"])
    assert message[0] == len(message) - 1
    public = bytes.fromhex(EXAMPLES["keys.json"]["ed25519"]["validator"]["public_key"])
    ed25519.Ed25519PublicKey.from_public_bytes(public).verify(
        commit.signatures[0].signature, message
    )
    assert items_root([bytes.fromhex(told["commit_leaf"])]).hex() == told["commit_hash"]
    assert told["next_header"]["last_commit_hash"] == told["commit_hash"]
    packed = bytes.fromhex(EXAMPLES["frame.json"]["frame"])
    assert items_root([sha256(packed)]).hex() == told["data_hash"] == told["header"]["data_hash"]
    data = bytes.fromhex(told["results"]["data"])
    assert items_root([b"\x12" + bytes([len(data)]) + data]).hex() == told["results"]["hash"]
    assert told["next_header"]["last_results_hash"] == told["results"]["hash"]
    assert REJECTIONS[data[1]].name == "dossier_unknown"


def test_app_hash_parts_and_small_encodings() -> None:
    told = EXAMPLES["block.json"]
    state = told["app_hash"]
    hashed = APP_HASH_TAG + state["size"].to_bytes(8, "big")
    hashed += bytes.fromhex(state["root"]) + bytes.fromhex(state["state_root"])
    assert hashed.hex() == state["input"]
    assert sha256(hashed).hex() == state["hash"] == told["next_header"]["app_hash"]
    header = bundle.read_header(told["header"], "header")
    commit = bundle.read_commit(told["commit"], "commit")
    packed = bytes.fromhex(EXAMPLES["frame.json"]["frame"])
    none = block.Commit(0, 0, block.BlockId(), ())
    after = bundle.read_header(told["next_header"], "header")
    for item, blocks in zip(
        told["parts"],
        (block.encode_block(header, [packed], none), block.encode_block(after, [], commit)),
    ):
        assert len(blocks) < told["part_bytes"]
        assert item == {"root": items_root([blocks]).hex(), "total": 1}
    assert told["timestamp"] == {"bytes": "080110f403", "nanos": 500, "seconds": 1}
    params = b"\x08" + encoding.encode_uvarint(told["consensus"]["max_bytes"])
    params += b"\x10" + b"\xff" * 9 + b"\x01"
    assert sha256(params).hex() == told["consensus"]["hash"] == told["header"]["consensus_hash"]


def test_solo_blocks_come_in_pairs_with_rising_times() -> None:
    told = EXAMPLES["block.json"]
    header, vote = told["header"]["time"], told["commit"]["signatures"][0]["time"]
    times = [
        (item["seconds"], item["nanos"]) for item in (header, vote, told["next_header"]["time"])
    ]
    assert times == sorted(set(times))
    assert told["next_header"]["data_hash"] == sha256(b"").hex()


def test_genesis() -> None:
    told = EXAMPLES["genesis.json"]
    document = told["text"].encode()
    assert json.loads(document) == told["document"]
    assert sha256(document).hex() == told["hash"] == EXAMPLES["trust-file.json"]["genesis_hash"]
    leaf = sha256(b"\x00" + document)
    assert leaf.hex() == told["leaf_hash"]
    decoded = genesis.decode_genesis(document)
    state = {key: encoding.canonical_json(value) for key, value in first_state(decoded).items()}
    hashed = APP_HASH_TAG + (1).to_bytes(8, "big") + leaf + statemap.map_root(state)
    assert sha256(hashed).hex() == told["first_app_hash"]
    assert told["first_app_hash"] == EXAMPLES["block.json"]["header"]["app_hash"]


def test_trust_file_and_verdicts() -> None:
    told, file = EXAMPLES["trust.json"], EXAMPLES["trust-file.json"]
    assert json.loads(told["canonical"]) == file
    assert sha256(told["canonical"].encode()).hex() == told["fingerprint"]
    bare = json.dumps(told["without_checkpoint"], indent=3).encode()
    assert trust.decode_trust(bare).fingerprint.hex() == told["fingerprint_without_checkpoint"]
    laid_out = json.dumps(file).encode()
    for name, believed in (("dossier", laid_out), ("record", bare)):
        raw = (SPEC / "examples" / f"bundle-{name}.json").read_bytes()
        report = verify.verify_bundle(raw, believed)
        assert {step.id: step.status for step in report.steps} == EXAMPLES["verdicts.json"][name]


def test_a_chain_that_continues_another() -> None:
    """What the genesis says of the chain before it is what that chain's last header shows."""
    bundled, told = EXAMPLES["bundle-continued.json"], EXAMPLES["genesis-continued.json"]
    (old,) = bundled["predecessors"]
    assert json.loads(old["genesis"]) == EXAMPLES["genesis.json"]["document"]
    document = bundled["chain"]["genesis"].encode()
    assert (
        sha256(document).hex() == told["hash"] == EXAMPLES["trust-continued.json"]["genesis_hash"]
    )
    named, last = told["document"]["predecessor"], old["headers"][-1]
    assert bundle.read_header(last, "last").hash().hex() == named["header"]
    assert told["document"]["initial_height"] == last["height"] + 2
    hashed = APP_HASH_TAG + named["size"].to_bytes(8, "big")
    hashed += bytes.fromhex(named["root"]) + bytes.fromhex(named["state_root"])
    assert sha256(hashed).hex() == last["app_hash"]
    raw, believed = canonical(bundled), canonical(EXAMPLES["trust-continued.json"])
    verdicts = {step.id: step.status for step in verify.verify_bundle(raw, believed).steps}
    assert verdicts == EXAMPLES["verdicts.json"]["continued"]


def canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def test_request_token(backend: Backend) -> None:
    told = EXAMPLES["request-token.json"]
    header, claims, signature = told["token"].split(".")
    assert json.loads(b64(header)) == told["header"]
    assert json.loads(b64(claims)) == told["claims"]
    assert told["claims"]["bsh"] == sha256(bytes.fromhex(told["body"])).hex()
    jwk = EXAMPLES["keys.json"]["members"][told["claims"]["iss"]]["jwk"]
    es256_holds(jwk, f"{header}.{claims}".encode(), b64(signature))
    token = decode_request_token(told["token"])
    token.verify(PublicJwk.from_json(jwk, place="jwk"), backend)
    token.verify_binding(
        audience=told["claims"]["aud"],
        method=told["method"],
        target=told["target"],
        body=bytes.fromhex(told["body"]),
        now=told["now_ms"],
    )


def test_ceremony() -> None:
    made, keys = EXAMPLES["ceremony.json"], EXAMPLES["keys.json"]
    described = made["description"]
    body = {name: item for name, item in described.items() if name != "proofs"}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert made["body_hash"] == sha256(canonical.encode()).hex()
    assert made["node_text"] == f"evidence-member/1\nnode\n{made['body_hash']}\n"
    node = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(made["node_seed"]))
    assert node.sign(made["node_text"].encode()) == b64(described["proofs"]["node"])
    identifier = sha256(node.public_key().public_bytes_raw())[:20].hex()
    signed = made["signature"]
    assert signed["peer"] == f"{identifier}@{described['node']['address']}"
    assert signed["genesis_hash"] == EXAMPLES["genesis.json"]["hash"]
    assert made["signature_text"].splitlines() == [
        signed[name] for name in ("format", "chain_id", "genesis_hash", "member", "peer")
    ]
    key = keys["members"]["platform-a"]
    assert signed["kid"] == key["thumbprint"]
    public = ec.derive_private_key(int(key["private_scalar"], 16), ec.SECP256R1()).public_key()
    raw = b64(signed["signature"])
    der = utils.encode_dss_signature(
        int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    )
    public.verify(der, made["signature_text"].encode(), ec.ECDSA(hashes.SHA256()))
