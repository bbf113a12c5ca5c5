"""A member's signature under a genesis, in a file of its own: "this is the chain that I start".

It names the genesis by its hash, and where the member's node is reached, so that whoever starts a
node needs no list of peers from anybody but the members. docs/spec/ceremony.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from node.core.encoding import (
    canonical_json,
    decode_base64url,
    decode_canonical_json,
    encode_base64url,
)
from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature
from node.core.fields import exact_members, read_hash, read_match, read_text
from node.core.genesis import Genesis, read_chain_id
from node.core.member_description import read_address
from node.core.signatures import ALGORITHMS, Backend

__all__ = [
    "GENESIS_SIGNATURE_FORMAT",
    "MAX_GENESIS_SIGNATURE_BYTES",
    "GenesisSignature",
    "decode_genesis_signature",
    "encode_genesis_signature",
    "read_peer",
    "verify_genesis_signature",
]

GENESIS_SIGNATURE_FORMAT = "evidence-genesis-signature/1"
MAX_GENESIS_SIGNATURE_BYTES = 2_048
_MEMBER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_KID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_NODE_ID = re.compile(r"[0-9a-f]{40}", re.ASCII)
_ES256 = ALGORITHMS["ES256"]


@dataclass(frozen=True)
class GenesisSignature:
    """A decoded file. ``peer`` is ``<node id>@host:port``, "" where the member runs no node."""

    chain_id: str
    genesis_hash: bytes
    member: str
    kid: str
    peer: str
    signature: bytes = b""

    @property
    def text(self) -> bytes:
        """What is signed. No JWT, vote or note begins like it."""
        lines = (
            GENESIS_SIGNATURE_FORMAT,
            self.chain_id,
            self.genesis_hash.hex(),
            self.member,
            self.peer,
        )
        return "".join(f"{line}\n" for line in lines).encode("ascii")


def read_peer(value: object, place: str) -> str:
    """A peer, ``<node id>@host:port``. Raises InvalidEncoding."""
    text = read_text(value, place, most=400)
    identifier, _, address = text.partition("@")
    read_match(identifier, place, _NODE_ID, "must be <node id>@host:port, the id 40 hex digits")
    read_address(address, place)
    return text


def encode_genesis_signature(
    unsigned: GenesisSignature, sign: Callable[[bytes], bytes]
) -> tuple[GenesisSignature, bytes]:
    """Sign; the signature, and its file's canonical bytes. Raises InvalidInput."""
    document = canonical_json(
        {
            "chain_id": unsigned.chain_id,
            "format": GENESIS_SIGNATURE_FORMAT,
            "genesis_hash": unsigned.genesis_hash.hex(),
            "kid": unsigned.kid,
            "member": unsigned.member,
            "peer": unsigned.peer,
            "signature": encode_base64url(sign(unsigned.text)),
        }
    )
    return decode_genesis_signature(document), document


def decode_genesis_signature(document: bytes) -> GenesisSignature:
    """Decode a signature's file. Nothing is verified yet.

    Raises:
        InvalidInput: names the place and the rule.
    """
    place = "signature"
    value = decode_canonical_json(document, place=place, max_bytes=MAX_GENESIS_SIGNATURE_BYTES)
    names = ("chain_id", "format", "genesis_hash", "kid", "member", "peer", "signature")
    exact_members(value, place, names)
    if value["format"] != GENESIS_SIGNATURE_FORMAT:
        raise InvalidEncoding(f"{place}.format", f"must be {GENESIS_SIGNATURE_FORMAT}")
    signed = read_text(value["signature"], f"{place}.signature", least=86, most=86)
    peer = value["peer"]
    return GenesisSignature(
        chain_id=read_chain_id(value["chain_id"], f"{place}.chain_id"),
        genesis_hash=read_hash(value["genesis_hash"], f"{place}.genesis_hash"),
        member=read_match(value["member"], f"{place}.member", _MEMBER, "must be a member id"),
        kid=read_match(value["kid"], f"{place}.kid", _KID, "must be a key's thumbprint"),
        peer="" if peer == "" else read_peer(peer, f"{place}.peer"),
        signature=decode_base64url(signed, place=f"{place}.signature"),
    )


def verify_genesis_signature(signed: GenesisSignature, genesis: Genesis, backend: Backend) -> None:
    """Check that a member of ``genesis`` has signed it.

    Raises:
        InvalidSignature: it is for another genesis, or by a key that is not that member's, or does
            not hold.
    """
    place = f"signature of {signed.member}"
    if signed.chain_id != genesis.chain_id or signed.genesis_hash != genesis.hash:
        raise InvalidSignature(
            place, f"is for another genesis, {signed.chain_id} {signed.genesis_hash.hex()}"
        )
    keys = [
        key.jwk
        for member in genesis.members
        if member.id == signed.member
        for key in member.keys
        if key.jwk.thumbprint() == signed.kid
    ]
    if not keys:
        raise InvalidSignature(place, f"{signed.kid} is no signing key of that member in it")
    try:
        _ES256.check_form(signed.signature)
        if _ES256.canonical(signed.signature) != signed.signature:
            raise InvalidSignature(place, "its s must be low")
        _ES256.verify(keys[0], signed.text, signed.signature, backend)
    except InvalidInput as error:
        raise InvalidSignature(place, error.rule) from error
