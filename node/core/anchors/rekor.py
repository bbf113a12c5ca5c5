"""Receipts of rekor logs (sigstore's rekor-tiles v2): an entry of the point's digest, its way into
the log's checkpoint, and the checkpoint (docs/spec/anchor-rekor.md).

The log gives an order and no time. The time comes from witnesses that cosigned the checkpoint;
where there is none, the receipt shows that the point is in the log, and not since when.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from node.core.anchors.key_forms import (
    decode_base64,
    raw_signature,
    read_p256_spki,
    spki_of_p256,
)
from node.core.anchors.log_notes import (
    Cosigned,
    LogCheckpoint,
    LogKey,
    check_cosignature,
    check_log_signature,
    parse_log_key,
    read_log_note,
)
from node.core.anchors.point import AnchorPoint
from node.core.anchors.vouching import Vouched
from node.core.encoding import canonical_json, decode_canonical_json
from node.core.errors import InvalidEncoding, InvalidInput, InvalidProof, InvalidSignature
from node.core.fields import exact_members, read_each, read_hash, read_integer, read_text
from node.core.merkle import leaf_hash, verify_inclusion
from node.core.signatures import Backend, PublicJwk
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = [
    "KEY_DETAILS",
    "LogEntry",
    "RekorReceipt",
    "TrustedLog",
    "check_in_log",
    "decode_log_entry",
    "decode_rekor_receipt",
    "decode_trusted_log",
    "entry_bytes",
    "spki_fingerprint",
    "verify_rekor",
]

KEY_DETAILS = "PKIX_ECDSA_P256_SHA_256"
_MAX_ENTRY = 16_384
_MAX_NOTE = 16_384
_MOST_WITNESSES = 32


@dataclass(frozen=True)
class LogEntry:
    """A ``hashedrekord`` of version 0.0.2: ``digest`` (SHA-256), the DER signature over what it is
    of, and the key that made it. ``raw`` is the leaf's data, canonical JSON."""

    raw: bytes
    digest: bytes
    signature: bytes
    key: PublicJwk


@dataclass(frozen=True)
class RekorReceipt:
    """A decoded receipt."""

    entry: LogEntry
    index: int
    path: tuple[bytes, ...]
    checkpoint: LogCheckpoint


@dataclass(frozen=True)
class TrustedLog:
    """The trust file's entry of a log. ``witnesses`` are (operator, key); where ``submitters`` are
    named, entries of no other key count."""

    name: str
    operator: str
    key: LogKey
    witnesses: tuple[tuple[str, LogKey], ...]
    submitters: tuple[PublicJwk, ...]


def entry_bytes(digest: bytes, signature: bytes, key: PublicJwk) -> bytes:
    """The leaf's data of a ``hashedrekord`` 0.0.2, as rekor-tiles makes it."""
    return canonical_json(
        {
            "apiVersion": "0.0.2",
            "kind": "hashedrekord",
            "spec": {
                "hashedRekordV002": {
                    "data": {"algorithm": "SHA2_256", "digest": _base64(digest)},
                    "signature": {
                        "content": _base64(signature),
                        "verifier": {
                            "keyDetails": KEY_DETAILS,
                            "publicKey": {"rawBytes": _base64(spki_of_p256(key))},
                        },
                    },
                }
            },
        }
    )


def spki_fingerprint(key: PublicJwk) -> str:
    """SHA-256 of the key's SubjectPublicKeyInfo, in hex."""
    return hashlib.sha256(spki_of_p256(key)).hexdigest()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def decode_log_entry(raw: bytes, place: str) -> LogEntry:
    """Decode a leaf's data. Raises InvalidInput where it is not what `entry_bytes` makes."""
    value = decode_canonical_json(raw, place=place, max_bytes=_MAX_ENTRY)
    top = exact_members(value, place, ("apiVersion", "kind", "spec"))
    if (top["kind"], top["apiVersion"]) != ("hashedrekord", "0.0.2"):
        raise InvalidEncoding(place, "must be a hashedrekord of version 0.0.2")
    spec = exact_members(top["spec"], f"{place}.spec", ("hashedRekordV002",))
    record = exact_members(spec["hashedRekordV002"], f"{place}.spec", ("data", "signature"))
    data = exact_members(record["data"], f"{place}.data", ("algorithm", "digest"))
    signature = exact_members(record["signature"], f"{place}.signature", ("content", "verifier"))
    verifier = exact_members(
        signature["verifier"], f"{place}.verifier", ("keyDetails", "publicKey")
    )
    public = exact_members(verifier["publicKey"], f"{place}.publicKey", ("rawBytes",))
    if data["algorithm"] != "SHA2_256" or verifier["keyDetails"] != KEY_DETAILS:
        raise InvalidEncoding(place, f"must be SHA2_256, signed with {KEY_DETAILS}")
    return LogEntry(
        raw,
        _read_bytes(data["digest"], f"{place}.data.digest"),
        _read_bytes(signature["content"], f"{place}.signature.content"),
        read_p256_spki(_read_bytes(public["rawBytes"], f"{place}.publicKey"), place=place),
    )


def _read_bytes(value: Any, place: str) -> bytes:
    return decode_base64(read_text(value, place, most=1000), place=place)


def decode_rekor_receipt(receipt: Any, place: str) -> RekorReceipt:
    """Decode a receipt. Raises InvalidInput."""
    members = exact_members(receipt, place, ("checkpoint", "entry", "index", "path"))
    entry = read_text(members["entry"], f"{place}.entry", most=_MAX_ENTRY)
    note = read_text(members["checkpoint"], f"{place}.checkpoint", most=_MAX_NOTE)
    return RekorReceipt(
        decode_log_entry(entry.encode("utf-8"), f"{place}.entry"),
        read_integer(members["index"], f"{place}.index"),
        read_each(members["path"], f"{place}.path", read_hash, most=64),
        read_log_note(note.encode("utf-8"), f"{place}.checkpoint"),
    )


def check_in_log(receipt: RekorReceipt, point: AnchorPoint, backend: Backend, place: str) -> None:
    """Check that the entry is of ``point``, its submitter signed the point's document, and it lies
    under the checkpoint's root.

    Raises:
        InvalidInput: one of them is not so.
    """
    if receipt.entry.digest != point.digest():
        raise InvalidProof(f"{place}.entry", "is not of this point's digest")
    try:
        signature = raw_signature(receipt.entry.signature, place="signature")
        backend.verify_es256(receipt.entry.key, point.document(), signature)
    except InvalidInput as error:
        raise InvalidSignature(f"{place}.entry.signature", error.rule) from error
    leaf, checkpoint = leaf_hash(receipt.entry.raw), receipt.checkpoint
    try:
        verify_inclusion(leaf, receipt.index, checkpoint.size, receipt.path, checkpoint.root)
    except InvalidInput as error:
        raise InvalidProof(f"{place}.{error.place}", error.rule) from error


def decode_trusted_log(value: Any, place: str) -> TrustedLog:
    """Decode an entry of kind ``rekor``. Raises InvalidInput."""
    members = exact_members(
        value, place, ("kind", "log_key", "name", "operator"), ("submitters", "witnesses")
    )
    key = parse_log_key(_key_text(members["log_key"], f"{place}.log_key"), f"{place}.log_key")
    if key.kind == 4:
        raise InvalidEncoding(f"{place}.log_key", "must be a log's key, not a witness'")
    return TrustedLog(
        read_text(members["name"], f"{place}.name", most=40),
        read_text(members["operator"], f"{place}.operator", most=200),
        key,
        read_each(
            members.get("witnesses", []), f"{place}.witnesses", _read_witness, most=_MOST_WITNESSES
        ),
        read_each(members.get("submitters", []), f"{place}.submitters", _read_submitter, most=1000),
    )


def _key_text(value: Any, place: str) -> str:
    return read_text(value, place, most=1000)


def _read_witness(value: Any, place: str) -> tuple[str, LogKey]:
    members = exact_members(value, place, ("key", "operator"))
    key = parse_log_key(_key_text(members["key"], f"{place}.key"), f"{place}.key")
    if key.kind != 4:
        raise InvalidEncoding(f"{place}.key", "must be a cosignature key, of type 4")
    return read_text(members["operator"], f"{place}.operator", most=200), key


def _read_submitter(value: Any, place: str) -> PublicJwk:
    return read_p256_spki(_read_bytes(value, place), place=place)


def verify_rekor(
    receipt: Any, point: AnchorPoint, trust: Trust, backend: Backend, place: str
) -> Vouched:
    """Check a receipt of kind ``rekor``. See `VerifyReceipt`.

    1. Its form. 2. The entry: this point's digest, signed by its submitter. 3. Its way into the
    checkpoint. 4. The checkpoint, signed by the log that the trust file names. 5. The submitter,
    where the trust file names any. 6. Cosignatures, and with them the time.
    """
    decoded = decode_rekor_receipt(receipt, place)
    check_in_log(decoded, point, backend, place)
    log = _log_of(decoded.checkpoint, trust)
    check_log_signature(decoded.checkpoint, log.key, backend, f"{place}.checkpoint")
    if log.submitters and decoded.entry.key not in log.submitters:
        raise InvalidProof(f"{place}.entry", "is of a submitter that the trust file does not name")
    seen = _cosignatures(decoded.checkpoint, log, backend, f"{place}.checkpoint")
    return _vouched(decoded, log, seen)


def _log_of(checkpoint: LogCheckpoint, trust: Trust) -> TrustedLog:
    signers = {(name, key_id) for name, key_id, _ in checkpoint.signatures}
    for log in trust.entries("rekor", decode_trusted_log):
        if log.key.name == checkpoint.origin and (log.key.name, log.key.id) in signers:
            return log
    raise NotChecked(
        "the entry lies in a log, whose key the trust file does not name",
        "条目已包含在某透明日志中，但信任文件没有该日志的公钥",
    )


def _cosignatures(
    checkpoint: LogCheckpoint, log: TrustedLog, backend: Backend, place: str
) -> list[tuple[str, Cosigned]]:
    """The witnesses' operators and cosignatures. Nothing else may have signed: what cannot be
    checked has no place in a receipt."""
    signers = {(name, key_id) for name, key_id, _ in checkpoint.signatures}
    signers.discard((log.key.name, log.key.id))
    seen = []
    for operator, key in log.witnesses:
        if (key.name, key.id) in signers:
            signers.discard((key.name, key.id))
            seen.append((operator, check_cosignature(checkpoint, key, backend, place)))
    if signers:
        name = sorted(signers)[0][0][:64]
        raise InvalidProof(place, f"is signed by {name}, whose key the trust file does not name")
    return seen


def _vouched(receipt: RekorReceipt, log: TrustedLog, seen: list[tuple[str, Cosigned]]) -> Vouched:
    where = f"{log.key.name}, entry {receipt.index} of {receipt.checkpoint.size}"
    if not seen:
        raise NotChecked(
            f"the point is in the log of {log.operator} ({where}), whose checkpoints hold no time, "
            "and no witness that the trust file names has cosigned it",
            f"锚定点已包含在 {log.operator} 的透明日志中（{where}），但日志检查点不含时间，"
            "且没有信任文件所列见证方的联署",
        )
    operator, earliest = min(seen, key=lambda one: one[1].time)
    return Vouched(
        by=operator,
        time=earliest.time,
        where=where,
        how=f"it cosigned a checkpoint of the log of {log.operator}, which the log signed too and "
        "the entry of this point's digest leads to; that its clock was right is its own word",
        how_zh=f"其联署了 {log.operator} 透明日志的检查点，该检查点有日志签名，"
        "并包含本锚定点摘要的条目；其时钟是否准确以其自身陈述为准",
        details=(
            *(f"cosigned by {name} ({one.witness.name})" for name, one in seen),
            f"submitted with the key {spki_fingerprint(receipt.entry.key)}",
        ),
    )
