"""The genesis of a chain: who its members are, who signs its blocks, and by which parameters.

A canonical JSON document. Its bytes are entry 0 of the log, its SHA-256 stands in trust files.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from node.core.block import RULES_VERSION, Validator, ValidatorSet
from node.core.encoding import (
    canonical_json,
    decode_base64url,
    decode_canonical_json,
    encode_base64url,
)
from node.core.errors import InvalidEncoding
from node.core.fields import (
    exact_members,
    read_each,
    read_hash,
    read_integer,
    read_list,
    read_match,
    read_text,
)
from node.core.signatures import PublicJwk, check_ed25519_key

__all__ = [
    "DEFAULT_PARAMETERS",
    "GENESIS_FORMAT",
    "MAX_GENESIS_BYTES",
    "ROLES",
    "Genesis",
    "GenesisKey",
    "GenesisMember",
    "GenesisValidator",
    "Predecessor",
    "decode_genesis",
    "ed25519_jwk",
    "encode_genesis",
    "read_chain_id",
    "read_ed25519_bytes",
    "read_ed25519_jwk",
    "read_member",
    "read_parameter",
    "read_predecessor",
    "read_validator",
]

GENESIS_FORMAT = "evidence-genesis/1"
MAX_GENESIS_BYTES = 65_535
"""It is an entry of the log, and entry bundles give an entry's length in 16 bits (C2SP tiles)."""
ROLES = (
    "auditor",
    "certificate_authority",
    "court",
    "identity_provider",
    "notary",
    "operator",
    "platform",
    "police",
    "seal_maker",
    "status_authority",
)
DEFAULT_PARAMETERS: dict[str, Any] = {
    "anchor_every_ms": 600_000,
    "anchor_every_records": 10_000,
    "clock_tolerance_ms": 300_000,
    "custodians": [],
    "late_after_ms": 86_400_000,
    "max_block_bytes": 4_194_304,
    "sign_no_patterns": [r"QY\d{18}-\d+"],
}

_CHAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", re.ASCII)
_MEMBER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_DIVISION = re.compile(r"(?:\d\d){0,3}", re.ASCII)
_PATTERN = re.compile(
    r"(?:[A-Za-z0-9_-]|\\d|\[A-Z0-9\]|\[A-Za-z0-9\]|\{\d{1,2}(?:,\d{1,2})?\}|\+)+",
    re.ASCII,
)
_RANGE = re.compile(r"\{(\d+),(\d+)\}", re.ASCII)
_MAX_ANCHOR_EVERY = 1_000_000_000
_MAX_VARIABLE = 3
"""How many quantifiers of a pattern may match more or less than once: with so many there are at
most of the order of n cubed ways to match n characters, however the pattern is written."""


@dataclass(frozen=True)
class GenesisKey:
    """A signing key, valid from height ``start`` up to but not including ``end`` (None: no end)."""

    jwk: PublicJwk
    start: int
    end: int | None


@dataclass(frozen=True)
class GenesisMember:
    """A member of the consortium. ``divisions`` are prefixes of six-digit codes, "" for all."""

    id: str
    name: str
    roles: tuple[str, ...]
    divisions: tuple[str, ...]
    keys: tuple[GenesisKey, ...]
    recovery_key: PublicJwk
    checkpoint_key: bytes | None


@dataclass(frozen=True)
class GenesisValidator:
    """A member's block-signing key and its power."""

    member: str
    validator: Validator


@dataclass(frozen=True)
class Predecessor:
    """The last point of the chain that this one continues.

    ``header_hash`` is that of its last header, whose app_hash is that of log and state as they are
    here. The genesis is the log's entry at index ``size``.
    """

    chain_id: str
    size: int
    root: bytes
    state_root: bytes
    header_hash: bytes

    def to_json(self) -> dict[str, Any]:
        """As it stands in a genesis document."""
        return {
            "chain_id": self.chain_id,
            "header": self.header_hash.hex(),
            "root": self.root.hex(),
            "size": self.size,
            "state_root": self.state_root.hex(),
        }


@dataclass(frozen=True)
class Genesis:
    """A decoded genesis document; ``document`` is its canonical bytes."""

    document: bytes
    chain_id: str
    genesis_time: int
    initial_height: int
    rules_version: int
    members: tuple[GenesisMember, ...]
    validators: tuple[GenesisValidator, ...]
    parameters: dict[str, Any]
    predecessor: Predecessor | None

    @property
    def hash(self) -> bytes:
        """SHA-256 of the document: the chain's identity in trust files."""
        return hashlib.sha256(self.document).digest()

    @property
    def index(self) -> int:
        """Where the genesis stands in the log."""
        return 0 if self.predecessor is None else self.predecessor.size

    @property
    def validator_set(self) -> ValidatorSet:
        """The first validators."""
        return ValidatorSet.of(item.validator for item in self.validators)


def ed25519_jwk(key: bytes) -> dict[str, str]:
    """An Ed25519 public key as a JWK (RFC 8037 §2)."""
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(key)}


def read_ed25519_jwk(value: Any, place: str) -> bytes:
    """The 32 bytes of an Ed25519 JWK. Raises InvalidInput for weak and malformed keys."""
    key = read_ed25519_bytes(value, place)
    check_ed25519_key(key, place=place)
    return key


def read_ed25519_bytes(value: Any, place: str) -> bytes:
    """The 32 bytes of an Ed25519 JWK, whether they are a key or not: that takes long to find out.

    Raises:
        InvalidInput: the JWK is malformed.
    """
    members = exact_members(value, place, ("crv", "kty", "x"))
    if members["kty"] != "OKP" or members["crv"] != "Ed25519":
        raise InvalidEncoding(place, "must have kty OKP and crv Ed25519")
    text = read_text(members["x"], f"{place}.x", most=43)
    key = decode_base64url(text, place=f"{place}.x")
    if len(key) != 32:
        raise InvalidEncoding(place, "an Ed25519 key has 32 bytes")
    return key


@lru_cache(maxsize=8)  # every bundle of a chain has the same one
def decode_genesis(document: bytes) -> Genesis:
    """Decode a genesis document and check it whole. What it gives is not to be changed.

    Raises:
        InvalidInput: names the place and the rule.
    """
    value = decode_canonical_json(document, place="genesis", max_bytes=MAX_GENESIS_BYTES)
    exact_members(
        value,
        "genesis",
        (
            "chain_id",
            "format",
            "genesis_time",
            "initial_height",
            "members",
            "parameters",
            "rules_version",
            "validators",
        ),
        ("predecessor",),
    )
    if value["format"] != GENESIS_FORMAT:
        raise InvalidEncoding("genesis.format", f"must be {GENESIS_FORMAT}")
    rules_version = _read_rules_version(value["rules_version"])
    members = read_each(value["members"], "genesis.members", read_member, least=1, most=150)
    validators = read_each(
        value["validators"], "genesis.validators", read_validator, least=1, most=200
    )
    _check_unique(members, validators)
    chain_id = read_chain_id(value["chain_id"], "genesis.chain_id")
    predecessor = read_predecessor(value["predecessor"]) if "predecessor" in value else None
    if predecessor is not None and predecessor.chain_id == chain_id:
        raise InvalidEncoding("genesis.chain_id", "is its predecessor's: an id is never used again")
    return Genesis(
        document=document,
        chain_id=chain_id,
        genesis_time=read_integer(value["genesis_time"], "genesis.genesis_time"),
        initial_height=read_integer(value["initial_height"], "genesis.initial_height", least=1),
        rules_version=rules_version,
        members=members,
        validators=validators,
        parameters=_read_parameters(value["parameters"], {member.id for member in members}),
        predecessor=predecessor,
    )


def _read_rules_version(value: Any) -> int:
    """Asked before anything else is: under other rules there may be other parameters."""
    version = read_integer(value, "genesis.rules_version", least=1)
    if version != RULES_VERSION:
        raise InvalidEncoding(
            "genesis.rules_version",
            f"{version}: made under rules that are not known here, only version {RULES_VERSION} is",
        )
    return version


def read_chain_id(value: Any, place: str) -> str:
    """A chain id. Raises InvalidEncoding."""
    return read_match(value, place, _CHAIN_ID, "must be 1 to 50 letters, digits, '.', '_' or '-'")


def read_member(value: Any, place: str) -> GenesisMember:
    """One item of a genesis's ``members``. Raises InvalidInput."""
    members = exact_members(
        value,
        place,
        ("divisions", "id", "keys", "name", "recovery_key", "roles"),
        ("checkpoint_key",),
    )
    roles = read_list(members["roles"], f"{place}.roles", least=1, most=len(ROLES))
    if roles != [role for role in ROLES if role in roles]:
        raise InvalidEncoding(f"{place}.roles", "must be known roles, sorted, each once")
    divisions = read_list(members["divisions"], f"{place}.divisions", most=500)
    for position, division in enumerate(divisions):
        read_match(
            division,
            f"{place}.divisions[{position}]",
            _DIVISION,
            "must be the first 0, 2, 4 or 6 digits of a division's code",
        )
    checkpoint = members.get("checkpoint_key")
    return GenesisMember(
        id=read_match(members["id"], f"{place}.id", _MEMBER, "must be a member id"),
        name=read_text(members["name"], f"{place}.name", most=200),
        roles=tuple(roles),
        divisions=tuple(divisions),
        keys=read_each(members["keys"], f"{place}.keys", _read_key, least=1, most=100),
        recovery_key=PublicJwk.from_json(members["recovery_key"], place=f"{place}.recovery_key"),
        checkpoint_key=None
        if checkpoint is None
        else read_ed25519_jwk(checkpoint, f"{place}.checkpoint_key"),
    )


def _read_key(value: Any, place: str) -> GenesisKey:
    members = exact_members(value, place, ("from", "jwk"), ("to",))
    start = read_integer(members["from"], f"{place}.from", least=1)
    end = members.get("to")
    return GenesisKey(
        jwk=PublicJwk.from_json(members["jwk"], place=f"{place}.jwk"),
        start=start,
        end=None if end is None else read_integer(end, f"{place}.to", least=start + 1),
    )


def read_validator(value: Any, place: str) -> GenesisValidator:
    """One item of a genesis's ``validators``. Raises InvalidInput."""
    members = exact_members(value, place, ("member", "power", "public_key"))
    key = read_ed25519_jwk(members["public_key"], f"{place}.public_key")
    power = read_integer(members["power"], f"{place}.power", least=1, most=2**40)
    member = read_match(members["member"], f"{place}.member", _MEMBER, "must be a member id")
    return GenesisValidator(member, Validator(key, power))


def _check_unique(
    members: tuple[GenesisMember, ...], validators: tuple[GenesisValidator, ...]
) -> None:
    ids = [member.id for member in members]
    if len(set(ids)) != len(ids):
        raise InvalidEncoding("genesis.members", "names a member id twice")
    keys = [key.jwk for member in members for key in member.keys]
    keys += [member.recovery_key for member in members]
    if len(set(keys)) != len(keys):
        raise InvalidEncoding("genesis.members", "names a key twice")
    signing = [member.checkpoint_key for member in members if member.checkpoint_key is not None]
    if len(set(signing)) != len(signing):  # whose checkpoint it is must be certain
        raise InvalidEncoding("genesis.members", "names a checkpoint key twice")
    for position, item in enumerate(validators):
        if item.member not in ids:
            raise InvalidEncoding(f"genesis.validators[{position}].member", "is no member")
    public = [item.validator.public_key for item in validators]
    if len(set(public)) != len(public):
        raise InvalidEncoding("genesis.validators", "names a key twice", "验证节点密钥重复")


def _read_parameters(value: Any, member_ids: set[str]) -> dict[str, Any]:
    place = "genesis.parameters"
    parameters = exact_members(value, place, DEFAULT_PARAMETERS)
    for name in parameters:
        read_parameter(name, parameters[name], f"{place}.{name}", member_ids)
    return parameters


def read_parameter(name: str, value: Any, place: str, member_ids: Container[str]) -> None:
    """Check the value of the parameter called ``name``; ``member_ids`` are those of members.

    Raises:
        InvalidInput: there is no such parameter, or the value is not of its form.
    """
    if name in ("anchor_every_ms", "anchor_every_records"):
        read_integer(value, place, least=1, most=_MAX_ANCHOR_EVERY)
    elif name == "clock_tolerance_ms":
        read_integer(value, place, most=3_600_000)
    elif name == "late_after_ms":
        read_integer(value, place, least=1)
    elif name == "max_block_bytes":
        read_integer(value, place, least=1 << 20, most=100 << 20)
    elif name == "sign_no_patterns":
        read_each(value, place, _read_pattern, most=50)
    elif name == "custodians":
        for position, member in enumerate(read_list(value, place, most=50)):
            if not isinstance(member, str) or member not in member_ids:
                raise InvalidEncoding(f"{place}[{position}]", "is no member")
    else:
        raise InvalidEncoding(place, "is no parameter")


def _read_pattern(value: Any, place: str) -> str:
    pattern = read_text(value, place, most=100)
    # ``++`` and ``}+`` mean something from Python 3.11 on and nothing before.
    if _PATTERN.fullmatch(pattern) is None or "++" in pattern or "}+" in pattern:
        raise InvalidEncoding(
            place, r"may use letters, digits, _ - \d [A-Z0-9] [A-Za-z0-9] {m,n} +"
        )
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        raise InvalidEncoding(place, f"is no pattern: {error}") from error
    ranges = sum(int(least) != int(most) for least, most in _RANGE.findall(pattern))
    if pattern.count("+") + ranges > _MAX_VARIABLE:
        raise InvalidEncoding(
            place, f"may have at most {_MAX_VARIABLE} quantifiers + and {{m,n}} with m below n"
        )
    return pattern


def read_predecessor(value: Any, place: str = "genesis.predecessor") -> Predecessor:
    """Decode what a genesis says of the chain that it continues. Raises InvalidInput."""
    members = exact_members(value, place, ("chain_id", "header", "root", "size", "state_root"))
    return Predecessor(
        chain_id=read_chain_id(members["chain_id"], f"{place}.chain_id"),
        size=read_integer(members["size"], f"{place}.size", least=1),
        root=read_hash(members["root"], f"{place}.root"),
        state_root=read_hash(members["state_root"], f"{place}.state_root"),
        header_hash=read_hash(members["header"], f"{place}.header"),
    )


def encode_genesis(value: dict[str, Any]) -> Genesis:
    """The genesis whose document is the canonical form of ``value``. Raises InvalidInput."""
    return decode_genesis(canonical_json(value))
