"""Evidence bundles ``evidence-bundle/1``: what a court needs to check a dossier offline.

This module decodes; `node.core.verify` judges. Everything that is hashed or signed stands in a
bundle as its exact text, so that decoding it again decides what it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from node.core.block import (
    FLAG_ABSENT,
    FLAG_COMMIT,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    Timestamp,
    Validator,
    ValidatorSet,
)
from node.core.encoding import decode_hex, decode_json_object
from node.core.entry import MAX_ENTRY_BYTES
from node.core.errors import InvalidBundle, InvalidEncoding
from node.core.fields import (
    exact_members,
    read_each,
    read_hash,
    read_hashes,
    read_integer,
    read_kind,
    read_list,
    read_match,
    read_object,
    read_text,
)
from node.core.genesis import MAX_GENESIS_BYTES, ed25519_jwk, read_ed25519_bytes
from node.core.statemap import StateProof
from node.core.transaction import MAX_DIGESTS, MAX_SECONDS

__all__ = [
    "BUNDLE_FORMAT",
    "MAX_BUNDLE_BYTES",
    "MAX_BUNDLE_PREDECESSORS",
    "MAX_BUNDLE_RECORDS",
    "MAX_BUNDLE_VALIDATORS",
    "Bundle",
    "BundledChain",
    "BundledEntry",
    "Consistency",
    "Roots",
    "commit_json",
    "decode_bundle",
    "header_json",
    "read_chain_parts",
    "read_commit",
    "read_header",
    "validator_set_json",
]

BUNDLE_FORMAT = "evidence-bundle/1"
MAX_BUNDLE_BYTES = 64 << 20
MAX_BUNDLE_PREDECESSORS = 16
MAX_BUNDLE_RECORDS = 100_000
MAX_BUNDLE_VALIDATORS = 100_000
"""In all validator sets together."""
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,32768}", re.ASCII)
_HEADER_HASHES = (
    "last_commit_hash",
    "data_hash",
    "validators_hash",
    "next_validators_hash",
    "consensus_hash",
    "app_hash",
    "last_results_hash",
    "evidence_hash",
)


@dataclass(frozen=True)
class Roots:
    """Log and state after the block at ``height``; the app_hash of them is in the next header."""

    height: int
    size: int
    root: bytes
    state_root: bytes


@dataclass(frozen=True)
class BundledEntry:
    """An entry's text, its index in the log, and its paths in the log.

    ``path`` leads to the roots after its own block, ``path_as_of`` to the bundle's newest.
    ``disclosures`` are private fields of this very record, encoded.
    """

    text: bytes
    index: int
    path: tuple[bytes, ...]
    path_as_of: tuple[bytes, ...]
    disclosures: tuple[str, ...]


@dataclass(frozen=True)
class Consistency:
    """Proof that the log of ``first`` entries is a prefix of that of ``second``."""

    first: int
    first_root: bytes
    second: int
    second_root: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True)
class BundledChain:
    """What shows a chain. ``genesis_path`` leads to the newest roots of the bundle."""

    genesis: bytes
    genesis_path: tuple[bytes, ...]
    headers: tuple[Header, ...]
    commits: tuple[Commit, ...]
    validator_sets: tuple[ValidatorSet, ...]
    roots: tuple[Roots, ...]


@dataclass(frozen=True)
class Bundle:
    """A decoded bundle. ``as_of`` is the height whose roots the state proofs are under.

    ``predecessors`` are the chains that ``chain`` continues, oldest first.
    """

    scope: str
    as_of: int
    chain: BundledChain
    predecessors: tuple[BundledChain, ...]
    entries: tuple[BundledEntry, ...]
    state: tuple[StateProof, ...]
    consistency: tuple[Consistency, ...]
    anchors: tuple[dict[str, Any], ...]

    @property
    def chains(self) -> tuple[BundledChain, ...]:
        """All chains, oldest first."""
        return (*self.predecessors, self.chain)


def decode_bundle(data: bytes) -> Bundle:
    """Decode a bundle.

    Raises:
        InvalidInput: names the place and the rule.
    """
    value = decode_json_object(data, place="bundle", max_bytes=MAX_BUNDLE_BYTES)
    exact_members(
        value,
        "bundle",
        (
            "anchors",
            "as_of",
            "chain",
            "consistency",
            "entries",
            "format",
            "predecessors",
            "scope",
            "state",
        ),
    )
    if value["format"] != BUNDLE_FORMAT:
        raise InvalidBundle("bundle.format", f"must be {BUNDLE_FORMAT}")
    if value["scope"] not in ("dossier", "record"):
        raise InvalidBundle("bundle.scope", "must be dossier or record")
    as_of = read_integer(value["as_of"], "bundle.as_of", least=1)
    chain, predecessors, state = read_chain_parts(value, "bundle")
    return Bundle(
        scope=value["scope"],
        as_of=as_of,
        chain=chain,
        predecessors=predecessors,
        entries=read_each(
            value["entries"], "bundle.entries", _read_entry, least=1, most=MAX_BUNDLE_RECORDS
        ),
        state=state,
        consistency=read_each(
            value["consistency"], "bundle.consistency", _read_consistency, most=500
        ),
        anchors=read_each(value["anchors"], "bundle.anchors", read_kind, most=500),
    )


def read_chain_parts(
    value: dict[str, Any], place: str
) -> tuple[BundledChain, tuple[BundledChain, ...], tuple[StateProof, ...]]:
    """``chain``, ``predecessors`` and ``state`` of a document that has them as bundles do.

    Raises:
        InvalidInput: names the place and the rule.
    """
    chain = _read_chain(value["chain"], f"{place}.chain")
    predecessors = read_each(
        value["predecessors"], f"{place}.predecessors", _read_chain, most=MAX_BUNDLE_PREDECESSORS
    )
    state = read_each(value["state"], f"{place}.state", _read_state, most=MAX_BUNDLE_RECORDS)
    sets = [validators for item in (*predecessors, chain) for validators in item.validator_sets]
    if sum(len(item.validators) for item in sets) > MAX_BUNDLE_VALIDATORS:
        raise InvalidBundle(place, f"may have at most {MAX_BUNDLE_VALIDATORS} validators in all")
    return chain, predecessors, state


def _read_chain(value: Any, place: str) -> BundledChain:
    members = exact_members(
        value, place, ("commits", "genesis", "genesis_path", "headers", "roots", "validator_sets")
    )
    return BundledChain(
        genesis=read_text(members["genesis"], f"{place}.genesis", most=MAX_GENESIS_BYTES).encode(),
        genesis_path=_read_path(members["genesis_path"], f"{place}.genesis_path"),
        headers=read_each(
            members["headers"], f"{place}.headers", read_header, least=1, most=MAX_BUNDLE_RECORDS
        ),
        commits=read_each(
            members["commits"], f"{place}.commits", read_commit, least=1, most=MAX_BUNDLE_RECORDS
        ),
        validator_sets=_read_sets(members["validator_sets"], f"{place}.validator_sets"),
        roots=read_each(
            members["roots"], f"{place}.roots", _read_roots, least=1, most=MAX_BUNDLE_RECORDS
        ),
    )


def _read_path(value: Any, place: str) -> tuple[bytes, ...]:
    return read_hashes(value, place, most=64)


def _read_entry(value: Any, place: str) -> BundledEntry:
    members = exact_members(value, place, ("disclosures", "entry", "index", "path", "path_as_of"))
    return BundledEntry(
        text=read_text(members["entry"], f"{place}.entry", most=MAX_ENTRY_BYTES).encode(),
        index=read_integer(members["index"], f"{place}.index"),
        path=_read_path(members["path"], f"{place}.path"),
        path_as_of=_read_path(members["path_as_of"], f"{place}.path_as_of"),
        disclosures=read_each(
            members["disclosures"], f"{place}.disclosures", _read_disclosure, most=MAX_DIGESTS
        ),
    )


def _read_state(value: Any, place: str) -> StateProof:
    return StateProof.from_json(value, place=place)


def _read_disclosure(value: Any, place: str) -> str:
    return read_match(value, place, _BASE64URL, "must be base64url")


def _read_consistency(value: Any, place: str) -> Consistency:
    members = exact_members(value, place, ("first", "first_root", "proof", "second", "second_root"))
    return Consistency(
        first=read_integer(members["first"], f"{place}.first", least=1),
        first_root=read_hash(members["first_root"], f"{place}.first_root"),
        second=read_integer(members["second"], f"{place}.second", least=1),
        second_root=read_hash(members["second_root"], f"{place}.second_root"),
        proof=_read_path(members["proof"], f"{place}.proof"),
    )


def _read_roots(value: Any, place: str) -> Roots:
    members = exact_members(value, place, ("height", "root", "size", "state_root"))
    return Roots(
        height=read_integer(members["height"], f"{place}.height"),
        size=read_integer(members["size"], f"{place}.size", least=1),
        root=read_hash(members["root"], f"{place}.root"),
        state_root=read_hash(members["state_root"], f"{place}.state_root"),
    )


def _read_sets(value: Any, place: str) -> tuple[ValidatorSet, ...]:
    sets = read_list(value, place, least=1, most=10_000)
    if sum(len(item) for item in sets if isinstance(item, list)) > MAX_BUNDLE_VALIDATORS:
        raise InvalidEncoding(place, f"may have at most {MAX_BUNDLE_VALIDATORS} validators in all")
    return read_each(sets, place, _read_set, least=1, most=10_000)


def _read_set(value: Any, place: str) -> ValidatorSet:
    validators = read_each(value, place, _read_validator, least=1, most=1000)
    if ValidatorSet.of(validators).validators != validators:
        raise InvalidEncoding(place, "must be in order: by power, highest first, then by address")
    return ValidatorSet(validators)


def _read_validator(value: Any, place: str) -> Validator:
    """The key is looked at when a proved header asks for its set: anybody can write down many."""
    members = exact_members(value, place, ("power", "public_key"))
    return Validator(
        public_key=read_ed25519_bytes(members["public_key"], f"{place}.public_key"),
        power=read_integer(members["power"], f"{place}.power", least=1),
    )


def validator_set_json(validators: ValidatorSet) -> list[dict[str, Any]]:
    """A validator set as it stands in a bundle."""
    return [
        {"power": item.power, "public_key": ed25519_jwk(item.public_key)}
        for item in validators.validators
    ]


def _time_json(time: Timestamp) -> dict[str, int]:
    return {"nanos": time.nanos, "seconds": time.seconds}


_YEAR_1 = -62_135_596_800


def _read_time(value: Any, place: str, least: int = 0) -> Timestamp:
    members = exact_members(value, place, ("nanos", "seconds"))
    return Timestamp(
        seconds=read_integer(members["seconds"], f"{place}.seconds", least=least, most=MAX_SECONDS),
        nanos=read_integer(members["nanos"], f"{place}.nanos", most=999_999_999),
    )


def _block_id_json(block_id: BlockId) -> dict[str, Any]:
    return {
        "hash": block_id.hash.hex(),
        "parts_hash": block_id.parts_hash.hex(),
        "parts_total": block_id.total,
    }


def _read_block_id(value: Any, place: str) -> BlockId:
    members = exact_members(value, place, ("hash", "parts_hash", "parts_total"))
    return BlockId(
        hash=_read_short(members["hash"], f"{place}.hash", 32),
        total=read_integer(members["parts_total"], f"{place}.parts_total", most=100_000),
        parts_hash=_read_short(members["parts_hash"], f"{place}.parts_hash", 32),
    )


def _read_short(value: Any, place: str, length: int) -> bytes:
    """``length`` bytes of hex, or none at all."""
    raw = decode_hex(value, place=place)
    if len(raw) not in (0, length):
        raise InvalidEncoding(place, f"must be {length} bytes of hex, or empty")
    return raw


def header_json(header: Header) -> dict[str, Any]:
    """A header as it stands in a bundle."""
    out: dict[str, Any] = {name: getattr(header, name).hex() for name in _HEADER_HASHES}
    out.update(
        chain_id=header.chain_id,
        height=header.height,
        last_block_id=_block_id_json(header.last_block_id),
        proposer_address=header.proposer_address.hex(),
        time=_time_json(header.time),
        version={"app": header.version[1], "block": header.version[0]},
    )
    return out


def read_header(value: Any, place: str) -> Header:
    """Decode what `header_json` writes. Raises InvalidEncoding."""
    members = exact_members(
        value,
        place,
        (
            *_HEADER_HASHES,
            "chain_id",
            "height",
            "last_block_id",
            "proposer_address",
            "time",
            "version",
        ),
    )
    version = exact_members(members["version"], f"{place}.version", ("app", "block"))
    hashes = {name: _read_short(members[name], f"{place}.{name}", 32) for name in _HEADER_HASHES}
    return Header(
        version=(
            read_integer(version["block"], f"{place}.version.block"),
            read_integer(version["app"], f"{place}.version.app"),
        ),
        chain_id=read_text(members["chain_id"], f"{place}.chain_id", most=50),
        height=read_integer(members["height"], f"{place}.height", least=1),
        time=_read_time(members["time"], f"{place}.time"),
        last_block_id=_read_block_id(members["last_block_id"], f"{place}.last_block_id"),
        proposer_address=_read_short(members["proposer_address"], f"{place}.proposer_address", 20),
        **hashes,
    )


def commit_json(commit: Commit) -> dict[str, Any]:
    """A commit as it stands in a bundle: votes for nil are left out, since they prove nothing."""
    return {
        "block_id": _block_id_json(commit.block_id),
        "height": commit.height,
        "round": commit.round,
        "signatures": [_vote_json(vote) for vote in commit.signatures],
    }


def _vote_json(vote: CommitSignature) -> dict[str, Any]:
    if vote.flag != FLAG_COMMIT:
        return {"flag": FLAG_ABSENT}
    return {
        "address": vote.address.hex(),
        "flag": FLAG_COMMIT,
        "signature": vote.signature.hex(),
        "time": _time_json(vote.time),
    }


def read_commit(value: Any, place: str) -> Commit:
    """Decode what `commit_json` writes. Raises InvalidEncoding."""
    members = exact_members(value, place, ("block_id", "height", "round", "signatures"))
    return Commit(
        height=read_integer(members["height"], f"{place}.height", least=1),
        round=read_integer(members["round"], f"{place}.round", most=2**31 - 1),
        block_id=_read_block_id(members["block_id"], f"{place}.block_id"),
        signatures=read_each(
            members["signatures"], f"{place}.signatures", _read_vote, least=1, most=1000
        ),
    )


def _read_vote(value: Any, place: str) -> CommitSignature:
    if read_object(value, place).get("flag") == FLAG_ABSENT:
        exact_members(value, place, ("flag",))
        return CommitSignature(FLAG_ABSENT, b"", Timestamp(0), b"")
    members = exact_members(value, place, ("address", "flag", "signature", "time"))
    return CommitSignature(
        flag=read_integer(members["flag"], f"{place}.flag", least=FLAG_COMMIT, most=FLAG_COMMIT),
        address=decode_hex(members["address"], place=f"{place}.address", length=20),
        # What a validator says that it is has no bounds but CometBFT's.
        time=_read_time(members["time"], f"{place}.time", least=_YEAR_1),
        signature=decode_hex(members["signature"], place=f"{place}.signature", length=64),
    )
