"""Member descriptions and genesis signatures, checked from docs/spec/ceremony.md alone.

``base`` is the second verifier's module: JSON, keys and signatures are its. Both functions raise
its ``Refused``.
"""

from __future__ import annotations

import re

ADDRESS = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]):[1-9][0-9]{0,4}"
)


def check_address(base, address):
    base.match(address, ADDRESS)
    host, _, port = address.rpartition(":")
    base.need(int(port) <= 65535 and host not in ("0.0.0.0", "[::]"), "no address to reach")


def signature_of(base, text):
    raw = base.from_base64url(text)
    base.need(len(raw) == 64, "a signature has 64 bytes")
    return raw


def verify_low(base, jwk, message, signature):
    r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:]))
    base.need(0 < r < base.N and 0 < s <= (base.N - 1) // 2, "r or s out of range")
    base.verify_es256(base.p256_key(jwk), message, signature)


def check_description(base, data):
    """A description: its form, and all its proofs."""
    value = base.read_canonical(data, 32_768)
    base.members(value, "format member proofs", "node validator")
    base.need(value["format"] == "evidence-member/1", "another format")
    member = value["member"]
    genesis = base.json.loads((base.SCHEMAS / "genesis.schema.json").read_text(encoding="utf-8"))
    base.conform_to(member, genesis["$defs"]["member"], genesis["$defs"])
    order = [role for role in base.ROLES if role in member["roles"]]
    base.need(member["roles"] == order, "roles out of order")
    base.need(len(member["keys"]) == 1, "one key")
    base.members(member["keys"][0], "from jwk")
    base.need(member["keys"][0]["from"] == 1, "from height 1")
    base.need(("checkpoint_key" in member) == ("node" in value), "checkpoint key without node")
    base.need("node" in value or "validator" not in value, "validator without node")
    es256 = {"signing": member["keys"][0]["jwk"], "recovery": member["recovery_key"]}
    eddsa = {}
    if "node" in value:
        base.members(value["node"], "address public_key")
        check_address(base, value["node"]["address"])
        eddsa = {"checkpoint": member["checkpoint_key"], "node": value["node"]["public_key"]}
    if "validator" in value:
        base.members(value["validator"], "power public_key")
        base.number(value["validator"]["power"], 1, 2**40)
        eddsa["validator"] = value["validator"]["public_key"]
    keys = [base.canonical(jwk) for jwk in [*es256.values(), *eddsa.values()]]
    base.need(len(set(keys)) == len(keys), "one key in two places")
    base.members(value["proofs"], " ".join([*es256, *eddsa]))
    body = {name: item for name, item in value.items() if name != "proofs"}
    digest = base.sha256(base.canonical(body)).hex()
    for name, text in value["proofs"].items():
        message = f"evidence-member/1\n{name}\n{digest}\n".encode("ascii")
        signature = signature_of(base, text)
        if name in es256:
            verify_low(base, es256[name], message, signature)
        else:
            base.verify_ed25519(base.ed25519_key(eddsa[name]), message, signature)


def check_genesis_signature(base, data, genesis):
    """A signature under the genesis with these bytes."""
    value = base.read_canonical(data, 2_048)
    base.members(value, "format chain_id genesis_hash member kid peer signature")
    base.need(value["format"] == "evidence-genesis-signature/1", "another format")
    document = base.read_canonical(genesis, 65_535)
    base.need(value["chain_id"] == document["chain_id"], "another chain")
    base.need(value["genesis_hash"] == base.sha256(genesis).hex(), "another genesis")
    if value["peer"] != "":
        base.need(isinstance(value["peer"], str), "no text")
        identifier, _, address = value["peer"].partition("@")
        base.match(identifier, re.compile("[0-9a-f]{40}"))
        check_address(base, address)
    jwks = [
        key["jwk"]
        for member in document["members"]
        if member["id"] == value["member"]
        for key in member["keys"]
        if base.thumbprint(key["jwk"]) == value["kid"]
    ]
    base.need(len(jwks) == 1, "no key of that member")
    lines = (value[name] for name in ("format", "chain_id", "genesis_hash", "member", "peer"))
    message = "".join(f"{line}\n" for line in lines).encode("ascii")
    verify_low(base, jwks[0], message, signature_of(base, value["signature"]))
