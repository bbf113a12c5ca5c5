"""``statement.jwt``: what the issuing member signs with its ledger key of a certificate.

It ties together what a PDF holds: the attached files by their hashes, the chain, the evidence code,
and the certificate of the seal. The format is in docs/spec/certificate.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from node.core.encoding import decode_canonical_json
from node.core.errors import InvalidEncoding, InvalidSignature
from node.core.evidence_code import parse_code
from node.core.fields import exact_members, read_integer, read_match, read_object, read_text
from node.core.signatures import Algorithm, algorithm_named
from node.core.transaction import MAX_SECONDS, MAX_TRANSACTION_BYTES, split_compact

__all__ = ["STATEMENT", "STATEMENT_FORMAT", "STATEMENT_TYP", "Statement", "decode_statement"]

STATEMENT = "statement.jwt"
"""The name of the attachment."""
STATEMENT_FORMAT = "evidence-certificate/1"
STATEMENT_TYP = "evidence-certificate+jwt"
_MEMBERS = (
    "certificate_no",
    "chain_id",
    "code",
    "files",
    "format",
    "iat",
    "iss",
    "language",
    "sealing_certificate_sha256",
    "software",
)
_MOST_FILES = 15
_NUMBER = re.compile(r"[A-Za-z0-9._:/-]{1,128}", re.ASCII)
_CHAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", re.ASCII)
_MEMBER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_FILE = re.compile(r"[!-~]{1,64}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KID = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)


@dataclass(frozen=True)
class Statement:
    """A decoded statement; ``files`` are SHA-256 (hex) by name, ``iat`` in seconds, ``sealing`` the
    SHA-256 (hex) of the seal's X.509 certificate, or "" for a certificate that is not sealed."""

    certificate_no: str
    chain_id: str
    code: str
    files: dict[str, str]
    iat: int
    issuer: str
    language: str
    sealing: str
    software: dict[str, str]
    kid: str
    algorithm: Algorithm
    signing_input: bytes
    signature: bytes


def decode_statement(jwt: bytes) -> Statement:
    """Decode a statement and check everything that needs no key.

    Raises:
        InvalidInput: names the place and the rule.
    """
    header_bytes, payload_bytes, signature = split_compact(jwt)
    place = "statement.header"
    header = decode_canonical_json(header_bytes, place=place, max_bytes=MAX_TRANSACTION_BYTES)
    exact_members(header, place, ("alg", "kid", "typ"))
    algorithm = algorithm_named(header["alg"], place=f"{place}.alg")
    if header["typ"] != STATEMENT_TYP:
        raise InvalidEncoding(f"{place}.typ", f"must be {STATEMENT_TYP}")
    kid = read_match(header["kid"], f"{place}.kid", _KID, "must be a SHA-256 thumbprint (RFC 7638)")
    algorithm.check_form(signature)
    if algorithm.canonical(signature) != signature:
        raise InvalidSignature("statement.signature", algorithm.rule)
    payload = decode_canonical_json(
        payload_bytes, place="statement", max_bytes=MAX_TRANSACTION_BYTES
    )
    exact_members(payload, "statement", _MEMBERS)
    if payload["format"] != STATEMENT_FORMAT:
        raise InvalidEncoding("statement.format", f"must be {STATEMENT_FORMAT}")
    if payload["language"] not in ("zh", "en"):
        raise InvalidEncoding("statement.language", "must be zh or en")
    return Statement(
        certificate_no=_match(payload, "certificate_no", _NUMBER, "1 to 128 of A-Za-z0-9._:/-"),
        chain_id=_match(payload, "chain_id", _CHAIN_ID, "a chain id"),
        code=_read_code(payload["code"]),
        files=_read_files(payload["files"]),
        iat=read_integer(payload["iat"], "statement.iat", most=MAX_SECONDS),
        issuer=_match(payload, "iss", _MEMBER, "a member id"),
        language=payload["language"],
        sealing=_read_sealing(payload["sealing_certificate_sha256"]),
        software=_read_software(payload["software"]),
        kid=kid,
        algorithm=algorithm,
        signing_input=jwt[: jwt.rindex(b".")],
        signature=signature,
    )


def _match(payload: dict[str, Any], name: str, pattern: re.Pattern[str], what: str) -> str:
    return read_match(payload[name], f"statement.{name}", pattern, f"must be {what}")


def _read_code(value: Any) -> str:
    place = "statement.code"
    return str(parse_code(read_text(value, place, most=32), place=place))


def _read_files(value: Any) -> dict[str, str]:
    place = "statement.files"
    files = read_object(value, place)
    if not 1 <= len(files) <= _MOST_FILES or STATEMENT in files:
        raise InvalidEncoding(place, f"must be 1 to {_MOST_FILES} files, and not this one")
    for name, hashed in files.items():
        read_match(name, place, _FILE, "must be named by 1 to 64 of ASCII without blanks")
        read_match(hashed, f"{place}.{name}", _HASH, "must be a SHA-256 value in lower-case hex")
    return files


def _read_sealing(value: Any) -> str:
    if value == "":
        return ""
    rule = "must be a SHA-256 value in lower-case hex, or empty"
    return read_match(value, "statement.sealing_certificate_sha256", _HASH, rule)


def _read_software(value: Any) -> dict[str, str]:
    place = "statement.software"
    members = exact_members(value, place, ("config_sha256", "name", "version"))
    read_text(members["name"], f"{place}.name", most=200)
    read_text(members["version"], f"{place}.version", most=200)
    if members["config_sha256"] != "":
        rule = "must be a SHA-256 value in lower-case hex, or empty"
        read_match(members["config_sha256"], f"{place}.config_sha256", _HASH, rule)
    return members
