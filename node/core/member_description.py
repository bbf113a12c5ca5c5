"""How a member of a consortium to be describes itself: its keys, its node, its power, all signed.

A canonical JSON document. Each member makes one at home, where its keys are made; a genesis is put
together from all of them (`node.core.founding`). Every key in it has signed that it is here, in the
place in which it is: nobody can describe a key that is another's. docs/spec/ceremony.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Callable

from node.core.encoding import (
    canonical_json,
    decode_base64url,
    decode_canonical_json,
    encode_base64url,
)
from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature
from node.core.fields import exact_members, read_match, read_object, read_text
from node.core.genesis import (
    GenesisMember,
    GenesisValidator,
    read_ed25519_jwk,
    read_member,
    read_validator,
)
from node.core.signatures import ALGORITHMS, Backend, PublicJwk

__all__ = [
    "DESCRIPTION_FORMAT",
    "MAX_DESCRIPTION_BYTES",
    "DescribedNode",
    "MemberDescription",
    "decode_description",
    "encode_description",
    "proof_text",
    "read_address",
    "verify_description",
]

DESCRIPTION_FORMAT = "evidence-member/1"
MAX_DESCRIPTION_BYTES = 32_768
_ADDRESS = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\]):[1-9]\d{0,4}", re.ASCII
)
_NOWHERE = ("0.0.0.0:", "[::]:")
_ES256 = ALGORITHMS["ES256"]

_Sign = Callable[[bytes], bytes]


@dataclass(frozen=True)
class DescribedNode:
    """A member's node: where the other nodes reach its engine (host:port), and the key by which
    they know it (Ed25519)."""

    address: str
    public_key: bytes

    @property
    def id(self) -> str:
        """How peers name it: the first 20 bytes of SHA-256 of its key, in hex."""
        return hashlib.sha256(self.public_key).digest()[:20].hex()

    @property
    def peer(self) -> str:
        """``<node id>@host:port``."""
        return f"{self.id}@{self.address}"


@dataclass(frozen=True)
class MemberDescription:
    """A decoded description; ``document`` is its canonical bytes, ``body_hash`` what is signed.

    ``member`` and ``validator`` are what becomes an item of the genesis's ``members`` and
    ``validators``. A member without a node has no validator.
    """

    document: bytes
    member: GenesisMember
    node: DescribedNode | None
    validator: GenesisValidator | None
    proofs: Mapping[str, bytes]
    body_hash: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 of the document."""
        return hashlib.sha256(self.document).digest()

    @property
    def p256_keys(self) -> dict[str, PublicJwk]:
        """Its keys on P-256, by what they are for."""
        return {"recovery": self.member.recovery_key, "signing": self.member.keys[0].jwk}

    @property
    def ed25519_keys(self) -> dict[str, bytes]:
        """Its Ed25519 keys, by what they are for."""
        keys = {}
        if self.node is not None and self.member.checkpoint_key is not None:
            keys = {"checkpoint": self.member.checkpoint_key, "node": self.node.public_key}
        if self.validator is not None:
            keys["validator"] = self.validator.validator.public_key
        return keys


def read_address(value: Any, place: str) -> str:
    """Where a node is reached: host:port. Raises InvalidEncoding."""
    rule = "must be host:port, the host a name in lower case, an IPv4 address or [an IPv6 one]"
    address = read_match(value, place, _ADDRESS, rule)
    if int(address.rpartition(":")[2]) > 65_535:
        raise InvalidEncoding(place, "a port is at most 65535")
    if address.startswith(_NOWHERE):
        raise InvalidEncoding(place, "must be where others reach the node, not every address")
    return address


def proof_text(name: str, body_hash: bytes) -> bytes:
    """What the key called ``name`` signs. No vote, note or JWT begins like it."""
    return f"{DESCRIPTION_FORMAT}\n{name}\n{body_hash.hex()}\n".encode("ascii")


def encode_description(body: Mapping[str, Any], signers: Mapping[str, _Sign]) -> MemberDescription:
    """The description with the members ``body``, signed.

    Args:
        body: ``member``, and where it runs one ``node``, and ``validator``.
        signers: what signs with each key, by what the key is for.

    Raises:
        InvalidInput: the body is none, or the keys are not those that must sign.
    """
    value = {**body, "format": DESCRIPTION_FORMAT}
    digest = hashlib.sha256(canonical_json(value)).digest()
    proofs = {
        name: encode_base64url(sign(proof_text(name, digest))) for name, sign in signers.items()
    }
    return decode_description(canonical_json({**value, "proofs": proofs}))


def decode_description(document: bytes) -> MemberDescription:
    """Decode a description. No signature is verified yet.

    Raises:
        InvalidInput: names the place and the rule.
    """
    place = "description"
    value = decode_canonical_json(document, place=place, max_bytes=MAX_DESCRIPTION_BYTES)
    exact_members(value, place, ("format", "member", "proofs"), ("node", "validator"))
    if value["format"] != DESCRIPTION_FORMAT:
        raise InvalidEncoding(f"{place}.format", f"must be {DESCRIPTION_FORMAT}")
    member = read_member(value["member"], f"{place}.member")
    node = _read_node(value["node"]) if "node" in value else None
    validator = _read_validator(value["validator"], member.id) if "validator" in value else None
    _check_parts(member, node, validator)
    body = {name: item for name, item in value.items() if name != "proofs"}
    described = MemberDescription(
        document=document,
        member=member,
        node=node,
        validator=validator,
        proofs=_read_proofs(value["proofs"]),
        body_hash=hashlib.sha256(canonical_json(body)).digest(),
    )
    _check_keys(described)
    return described


def _read_node(value: Any) -> DescribedNode:
    place = "description.node"
    members = exact_members(value, place, ("address", "public_key"))
    return DescribedNode(
        read_address(members["address"], f"{place}.address"),
        read_ed25519_jwk(members["public_key"], f"{place}.public_key"),
    )


def _read_validator(value: Any, member: str) -> GenesisValidator:
    place = "description.validator"
    exact_members(value, place, ("power", "public_key"))
    return read_validator({**value, "member": member}, place)


def _read_proofs(value: Any) -> dict[str, bytes]:
    place = "description.proofs"
    return {
        name: decode_base64url(
            read_text(text, f"{place}.{name}", least=86, most=86), place=f"{place}.{name}"
        )
        for name, text in read_object(value, place).items()
    }


def _check_parts(
    member: GenesisMember, node: DescribedNode | None, validator: GenesisValidator | None
) -> None:
    """A first member has one signing key, in force from the start; a node signs checkpoints."""
    key = member.keys[0]
    if len(member.keys) != 1 or (key.start, key.end) != (1, None):
        raise InvalidEncoding(
            "description.member.keys", "must be one key, in force from height 1 on, without end"
        )
    if (member.checkpoint_key is None) != (node is None):
        raise InvalidEncoding(
            "description.member.checkpoint_key", "must be there exactly where a node is described"
        )
    if validator is not None and node is None:
        raise InvalidEncoding("description.node", "is missing; a validator needs a node")


def _check_keys(described: MemberDescription) -> None:
    """Each key stands in one place, and has a proof."""
    p256, ed25519 = described.p256_keys, described.ed25519_keys
    if len(set(p256.values())) + len(set(ed25519.values())) != len(p256) + len(ed25519):
        raise InvalidEncoding("description", "names one key in two places")
    if set(described.proofs) != {*p256, *ed25519}:
        names = ", ".join(sorted({*p256, *ed25519}))
        raise InvalidEncoding("description.proofs", f"must be one of each key: {names}")


def verify_description(described: MemberDescription, backend: Backend) -> None:
    """Check that every key in a description has signed it.

    Raises:
        InvalidSignature: names the proof that does not hold.
    """
    for name, proof in sorted(described.proofs.items()):
        place = f"description.proofs.{name}"
        message = proof_text(name, described.body_hash)
        try:
            if name in described.ed25519_keys:
                backend.verify_ed25519(described.ed25519_keys[name], message, proof)
                continue
            _ES256.check_form(proof)
            if _ES256.canonical(proof) != proof:
                raise InvalidSignature(place, "its s must be low")
            _ES256.verify(described.p256_keys[name], message, proof, backend)
        except InvalidInput as error:
            raise InvalidSignature(place, f"{described.member.id}: {error.rule}") from error
