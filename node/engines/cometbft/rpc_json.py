"""Headers, commits and validators as CometBFT's RPC writes them in JSON.

64-bit integers are decimal strings there, hashes and addresses upper-case hex, keys and signatures
base64, times RFC 3339 in UTC with up to nine decimals.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from node.core.block import (
    BlockId,
    Commit,
    CommitSignature,
    Header,
    Timestamp,
    Validator,
    ValidatorSet,
)
from node.core.errors import InvalidEncoding

__all__ = ["read_commit", "read_header", "read_time", "read_validators"]

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,19}", re.ASCII)
_ED25519 = "tendermint/PubKeyEd25519"


def read_header(value: Any, place: str = "header") -> Header:
    """Read a header. Raises InvalidEncoding where it is none."""
    members = _object(value, place)
    version = _object(members.get("version"), f"{place}.version")
    return Header(
        version=(
            _integer(version.get("block", "0"), f"{place}.version.block"),
            _integer(version.get("app", "0"), f"{place}.version.app"),
        ),
        chain_id=_text(members.get("chain_id"), f"{place}.chain_id"),
        height=_integer(members.get("height"), f"{place}.height"),
        time=read_time(members.get("time"), f"{place}.time"),
        last_block_id=_block_id(members.get("last_block_id"), f"{place}.last_block_id"),
        last_commit_hash=_hex(members.get("last_commit_hash"), f"{place}.last_commit_hash"),
        data_hash=_hex(members.get("data_hash"), f"{place}.data_hash"),
        validators_hash=_hex(members.get("validators_hash"), f"{place}.validators_hash"),
        next_validators_hash=_hex(
            members.get("next_validators_hash"), f"{place}.next_validators_hash"
        ),
        consensus_hash=_hex(members.get("consensus_hash"), f"{place}.consensus_hash"),
        app_hash=_hex(members.get("app_hash"), f"{place}.app_hash"),
        last_results_hash=_hex(members.get("last_results_hash"), f"{place}.last_results_hash"),
        evidence_hash=_hex(members.get("evidence_hash"), f"{place}.evidence_hash"),
        proposer_address=_hex(members.get("proposer_address"), f"{place}.proposer_address"),
    )


def read_commit(value: Any, place: str = "commit") -> Commit:
    """Read a commit. Raises InvalidEncoding where it is none."""
    members = _object(value, place)
    signatures = members.get("signatures")
    if not isinstance(signatures, list):
        raise InvalidEncoding(f"{place}.signatures", "must be a list")
    return Commit(
        height=_integer(members.get("height"), f"{place}.height"),
        round=_integer(members.get("round"), f"{place}.round"),
        block_id=_block_id(members.get("block_id"), f"{place}.block_id"),
        signatures=tuple(
            _signature(item, f"{place}.signatures[{position}]")
            for position, item in enumerate(signatures)
        ),
    )


def read_validators(value: Any, place: str = "validators") -> ValidatorSet:
    """Read a list of validators, in the order given. Raises InvalidEncoding where it is none."""
    if not isinstance(value, list):
        raise InvalidEncoding(place, "must be a list")
    found = []
    for position, item in enumerate(value):
        here = f"{place}[{position}]"
        members = _object(item, here)
        key = _object(members.get("pub_key"), f"{here}.pub_key")
        if key.get("type") != _ED25519:
            raise InvalidEncoding(f"{here}.pub_key.type", f"must be {_ED25519}")
        raw = _base64(key.get("value"), f"{here}.pub_key.value")
        if len(raw) != 32:
            raise InvalidEncoding(f"{here}.pub_key.value", "an Ed25519 key has 32 bytes")
        found.append(Validator(raw, _integer(members.get("voting_power"), f"{here}.voting_power")))
    return ValidatorSet(tuple(found))


def read_time(value: Any, place: str) -> Timestamp:
    """Read a time. Raises InvalidEncoding where it is none."""
    match = _TIME.fullmatch(_text(value, place))
    if match is None:
        raise InvalidEncoding(place, "must be an RFC 3339 time in UTC, with up to nine decimals")
    try:
        moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC)
    except ValueError as error:
        raise InvalidEncoding(place, f"is no time: {error}") from error
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return Timestamp(since.days * 86_400 + since.seconds, int((match[2] or "").ljust(9, "0")))


def _signature(value: Any, place: str) -> CommitSignature:
    members = _object(value, place)
    signature = members.get("signature")
    return CommitSignature(
        flag=_integer(members.get("block_id_flag"), f"{place}.block_id_flag"),
        address=_hex(members.get("validator_address"), f"{place}.validator_address"),
        time=read_time(members.get("timestamp"), f"{place}.timestamp"),
        signature=b"" if signature is None else _base64(signature, f"{place}.signature"),
    )


def _block_id(value: Any, place: str) -> BlockId:
    members = _object(value, place)
    parts = _object(members.get("parts"), f"{place}.parts")
    return BlockId(
        _hex(members.get("hash"), f"{place}.hash"),
        _integer(parts.get("total"), f"{place}.parts.total"),
        _hex(parts.get("hash"), f"{place}.parts.hash"),
    )


def _object(value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidEncoding(place, "must be an object")
    return value


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise InvalidEncoding(place, "must be text")
    return value


def _integer(value: Any, place: str) -> int:
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return int(value)
    if type(value) is int:
        return value
    raise InvalidEncoding(place, "must be an integer, or one in decimal")


def _hex(value: Any, place: str) -> bytes:
    try:
        return bytes.fromhex(_text(value, place))
    except ValueError as error:
        raise InvalidEncoding(place, "must be hex") from error


def _base64(value: Any, place: str) -> bytes:
    try:
        return binascii.a2b_base64(_text(value, place), strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidEncoding(place, "must be base64") from error
