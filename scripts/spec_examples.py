"""What each file of docs/spec/examples holds."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from spec_chain import (
    CASE,
    CHAIN_ID,
    CHECKPOINT_KEY,
    KEYS,
    NODE_KEY,
    RECOVERY,
    SEAL,
    VALIDATOR,
    ExampleChain,
    MemberKey,
    sha256,
    signed,
)
from spec_proofs import (
    block_example,
    checkpoint_example,
    continued_example,
    evidence_examples,
    genesis_example,
    log_example,
    state_map_example,
)

from node.core import merkle
from node.core.encoding import canonical_json, decode_base64url
from node.core.evidence_code import check_digit, code_digits
from node.core.genesis import ed25519_jwk
from node.core.genesis_signature import GenesisSignature, encode_genesis_signature
from node.core.member_description import encode_description, proof_text
from node.core.request_token import REQUEST_TYP, request_audience
from node.core.signatures import P256_ORDER
from node.core.transaction import decode_transaction

__all__ = ["make_examples"]


def _keys() -> dict[str, Any]:
    def member(key: MemberKey) -> dict[str, Any]:
        return {
            "jwk": key.jwk.to_json(),
            "private_scalar": f"{key.scalar:064x}",
            "thumbprint": key.kid,
            "thumbprint_input": canonical_json(key.jwk.to_json()).decode("ascii"),
        }

    return {
        "ed25519": {
            name: {
                "address": sha256(key.public_key)[:20].hex(),
                "jwk": ed25519_jwk(key.public_key),
                "public_key": key.public_key.hex(),
                "seed": key.seed.hex(),
            }
            for name, key in (("checkpoints", CHECKPOINT_KEY), ("validator", VALIDATOR))
        },
        "members": {name: member(key) for name, key in KEYS.items()},
        "recovery": {name: member(key) for name, key in RECOVERY.items()},
        "warning": "Test keys, known to everybody. Never use them for anything else.",
    }


def _transaction(jwt: str) -> dict[str, Any]:
    transaction = decode_transaction(jwt.encode("ascii"))
    header, payload, signature = (decode_base64url(part, place="x") for part in jwt.split("."))
    high = P256_ORDER - int.from_bytes(signature[32:], "big")
    return {
        "header": json.loads(header),
        "header_json": header.decode("utf-8"),
        "id": transaction.id.hex(),
        "jwt": jwt,
        "payload": json.loads(payload),
        "payload_json": payload.decode("utf-8"),
        "refused_high_s": (signature[:32] + high.to_bytes(32, "big")).hex(),
        "signature": signature.hex(),
        "signer": transaction.iss,
        "signing_input_sha256": sha256(transaction.signing_input).hex(),
    }


def _disclosure(chain: ExampleChain, jwt: str) -> dict[str, Any]:
    named = decode_transaction(jwt.encode("ascii")).digests
    chosen = [item for item in chain.disclosures[SEAL] if item.digest in named]
    return {
        "disclosures": [
            {
                "digest": item.digest,
                "encoded": item.encoded,
                "json": decode_base64url(item.encoded, place="x").decode("utf-8"),
                "name": item.name,
                "salt": item.salt,
                "value": item.value,
            }
            for item in chosen
        ],
        "sd": list(named),
        "submission": "~".join([jwt, *(item.encoded for item in chosen), ""]),
    }


def _entries(chain: ExampleChain) -> list[dict[str, Any]]:
    with chain.reader() as reader:
        return [
            {
                "entry": json.loads(entry.text),
                "index": entry.index,
                "leaf_hash": merkle.leaf_hash(entry.text).hex(),
                "text": entry.text.decode("utf-8"),
            }
            for entry in reader.entries(range(1, reader.meta.size))
        ]


def _code(first: str) -> dict[str, Any]:
    material = CHAIN_ID.encode("ascii") + bytes.fromhex(first) + bytes(4)
    digest = sha256(material)
    digits = code_digits(CHAIN_ID, bytes.fromhex(first), 0)
    number = int.from_bytes(digest[:8], "big")
    return {
        "chain_id": CHAIN_ID,
        "check_digit": check_digit(digits[:12]),
        "code": f"CZ{digits}-1",
        "counter": 0,
        "digits": digits,
        "first_transaction": first,
        "hashed": material.hex(),
        "number": str(number),
        "sha256": digest.hex(),
        "twelve": f"{number % 10**12:012d}",
    }


def _frame(chain: ExampleChain) -> dict[str, Any]:
    frame = chain.frames[1]
    return {
        "content": frame[11:].hex(),
        "data_leaf": sha256(frame).hex(),
        "frame": frame.hex(),
        "head": frame[:64].hex(),
        "length": len(frame),
    }


def _request_token() -> dict[str, Any]:
    body = b""
    target = f"/v1/dossiers/{CASE}/bundle?disclosures=none"
    now = 1_790_000_100
    header = {"alg": "ES256", "kid": KEYS["police-jinan"].kid, "typ": REQUEST_TYP}
    claims = {
        "aud": request_audience(CHAIN_ID, "platform-a"),
        "bsh": hashlib.sha256(body).hexdigest(),
        "exp": now + 30,
        "htm": "GET",
        "htu": target,
        "iat": now,
        "iss": "police-jinan",
        "jti": "k2Vw0p1yRk6Xw3Zt9uQm4A",
    }
    return {
        "body": body.hex(),
        "claims": claims,
        "header": header,
        "method": "GET",
        "now_ms": now * 1000 + 250,
        "target": target,
        "token": signed(KEYS["police-jinan"], header, claims),
    }


def _ceremony(chain: ExampleChain) -> dict[str, Any]:
    genesis = json.loads(chain.genesis.document)
    [member] = [item for item in genesis["members"] if item["id"] == "platform-a"]
    [validator] = genesis["validators"]
    key, recovery = KEYS["platform-a"], RECOVERY["platform-a"]
    described = encode_description(
        {
            "member": member,
            "node": {
                "address": "platform.example:26656",
                "public_key": ed25519_jwk(NODE_KEY.public_key),
            },
            "validator": {name: validator[name] for name in ("power", "public_key")},
        },
        {
            "checkpoint": CHECKPOINT_KEY.sign,
            "node": NODE_KEY.sign,
            "recovery": recovery.sign,
            "signing": key.sign,
            "validator": VALIDATOR.sign,
        },
    )
    assert described.node is not None
    signed, document = encode_genesis_signature(
        GenesisSignature(CHAIN_ID, chain.genesis.hash, "platform-a", key.kid, described.node.peer),
        key.sign,
    )
    return {
        "body_hash": described.body_hash.hex(),
        "description": json.loads(described.document),
        "node_seed": NODE_KEY.seed.hex(),
        "node_text": proof_text("node", described.body_hash).decode("ascii"),
        "signature": json.loads(document),
        "signature_text": signed.text.decode("ascii"),
    }


def make_examples() -> dict[str, dict[str, Any]]:
    """Every example file by its name."""
    chain = ExampleChain()
    entries = _entries(chain)
    first = entries[0]["entry"]["tx"]
    examples = {
        "block.json": block_example(chain),
        "ceremony.json": _ceremony(chain),
        "checkpoint.json": checkpoint_example(chain),
        "disclosure.json": _disclosure(chain, first),
        "entry.json": {"code": _code(sha256(first.encode("ascii")).hex()), "entries": entries},
        "frame.json": _frame(chain),
        "genesis.json": genesis_example(chain),
        "keys.json": _keys(),
        "log.json": log_example(),
        "request-token.json": _request_token(),
        "state-map.json": state_map_example(chain),
        "transaction.json": _transaction(first),
        **evidence_examples(chain),
    }
    chain.go_on()
    return {**examples, **continued_example(chain, examples)}
