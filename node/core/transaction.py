"""Transactions: the issuer-signed JWT of an SD-JWT (RFC 9901), as a JWS compact string.

What is decided here needs no state: the form, the common members, the signature. What a member may
say is decided by `node.rules`, whether the key was valid at that height by the ledger.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from node.core.encoding import decode_base64url, decode_json_object, encode_base64url
from node.core.errors import InvalidInput, InvalidSignature, InvalidTransaction
from node.core.signatures import Algorithm, Backend, PublicJwk, algorithm_named

__all__ = [
    "DOSSIER_KINDS",
    "FERRY",
    "MAX_DIGESTS",
    "MAX_FERRIED_LIFETIME",
    "MAX_LIFETIME",
    "MAX_SECONDS",
    "MAX_TRANSACTION_BYTES",
    "NOTHING_NESTED",
    "PAYLOAD_MEMBERS",
    "RESERVED_NAMES",
    "SD_ALGORITHM",
    "TYP",
    "Transaction",
    "check_header",
    "check_payload",
    "decode_transaction",
    "nested_digests",
    "normalise_signature",
    "split_compact",
    "transaction_id",
    "verify_transaction",
]

MAX_TRANSACTION_BYTES = 16 * 1024
MAX_DIGESTS = 64
MAX_LIFETIME = 86_400
"""Longest time from ``iat`` to ``exp``, in seconds."""
MAX_FERRIED_LIFETIME = 30 * 86_400
"""The same where ``source.method`` is ``ferry``: carried over an air gap in signed packets."""
FERRY = "ferry"

TYP = "evidence+sd-jwt"
SD_ALGORITHM = "sha-256"
DOSSIER_KINDS = ("anchor", "case", "consortium", "record", "seal")

_CHAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", re.ASCII)
_MEMBER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_EVENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_TYPE = re.compile(r"[a-z]{1,24}\.[a-z_]{1,32}", re.ASCII)
_SUBJECT = re.compile(
    r"(anchor|case|consortium|record|seal):([a-z0-9-]{1,40}):[A-Za-z0-9._-]{1,64}", re.ASCII
)
_METHOD = re.compile(r"[a-z][a-z0-9_.-]{0,39}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", re.ASCII)
_DIGESTS = re.compile(f"(?:{_DIGEST.pattern},)*{_DIGEST.pattern}", re.ASCII)
_HEADER_MEMBERS = {"alg", "kid", "typ"}
_REQUIRED = {"cid", "data", "exp", "iat", "iss", "jti", "occurred_at", "source", "sub", "type"}
_OPTIONAL = {"_sd", "_sd_alg", "collected_at"}
PAYLOAD_MEMBERS = frozenset(_OPTIONAL.union(_REQUIRED))
"""The members that a transaction's payload may have in clear."""
RESERVED_NAMES = frozenset(("_sd", "...", "_sd_alg"))
"""Names that RFC 9901 gives a meaning wherever they stand."""
NOTHING_NESTED = "is reserved (RFC 9901): nothing is nested"
MAX_SECONDS = 253_402_300_799
"""The last second of the year 9999, the last that RFC 3339 can say."""
_MAX_MILLISECONDS = MAX_SECONDS * 1000 + 999
_TIMES = (
    ("iat", MAX_SECONDS),
    ("exp", MAX_SECONDS),
    ("occurred_at", _MAX_MILLISECONDS),
    ("collected_at", _MAX_MILLISECONDS),
)


@dataclass(frozen=True)
class Transaction:
    """A decoded transaction. ``iat`` and ``exp`` in seconds, the other times in milliseconds.

    ``id`` is the SHA-256 of the JWT's ASCII bytes; ``digests`` are the values of ``_sd``.
    """

    jwt: str
    id: bytes
    algorithm: Algorithm
    kid: str
    cid: str
    iss: str
    jti: str
    iat: int
    exp: int
    type: str
    sub: str
    occurred_at: int
    collected_at: int | None
    source: dict[str, str]
    data: dict[str, Any]
    digests: tuple[str, ...]
    signing_input: bytes
    signature: bytes

    @classmethod
    def of(cls, jwt: bytes, header: dict[str, Any], payload: dict[str, Any]) -> Transaction:
        """That of a JWT's decoded header and payload, of which nothing is checked here."""
        signing_input, _, signature = jwt.rpartition(b".")
        return cls(
            jwt=jwt.decode("ascii"),
            id=transaction_id(jwt),
            algorithm=algorithm_named(header["alg"], place="header.alg"),
            kid=header["kid"],
            cid=payload["cid"],
            iss=payload["iss"],
            jti=payload["jti"],
            iat=payload["iat"],
            exp=payload["exp"],
            type=payload["type"],
            sub=payload["sub"],
            occurred_at=payload["occurred_at"],
            collected_at=payload.get("collected_at"),
            source=payload["source"],
            data=payload["data"],
            digests=tuple(payload.get("_sd", ())),
            signing_input=signing_input,
            signature=decode_base64url(signature, place="signature"),
        )


def transaction_id(jwt: bytes) -> bytes:
    """SHA-256 of the JWT's ASCII bytes."""
    return hashlib.sha256(jwt).digest()


def split_compact(jwt: bytes) -> tuple[bytes, bytes, bytes]:
    """The decoded header, payload and signature of a JWS compact string (RFC 7515 §7.1).

    Raises:
        InvalidTransaction: not three parts, or larger than 16 KiB.
        InvalidEncoding: a part is not canonical base64url.
    """
    if len(jwt) > MAX_TRANSACTION_BYTES:
        raise InvalidTransaction(
            "transaction", f"{len(jwt)} bytes, at most {MAX_TRANSACTION_BYTES} are allowed"
        )
    parts = jwt.split(b".")
    if len(parts) != 3:
        raise InvalidTransaction("transaction", "must be a JWS compact string of three parts")
    header, payload, signature = (
        decode_base64url(part, place=place)
        for part, place in zip(parts, ("header", "payload", "signature"))
    )
    return header, payload, signature


def normalise_signature(jwt: bytes) -> tuple[bytes, bool]:
    """The JWT with the signature that is valid on the chain, and whether that changed it.

    Half of all ordinary signers of ES256 make a high s, which holds as well but is not valid on the
    chain: it is turned into the low one.

    Raises:
        InvalidInput: there are no three parts, or header or signature are none.
    """
    header_bytes, _, signature = split_compact(jwt)
    header = decode_json_object(header_bytes, place="header", max_bytes=MAX_TRANSACTION_BYTES)
    algorithm = check_header(header)
    algorithm.check_form(signature)
    canonical = algorithm.canonical(signature)
    if canonical == signature:
        return jwt, False
    head = jwt[: jwt.rindex(b".") + 1]
    return head + encode_base64url(canonical).encode("ascii"), True


def decode_transaction(jwt: bytes) -> Transaction:
    """Decode a transaction and check everything that needs neither a key nor the ledger's state.

    Raises:
        InvalidInput: names the place and the rule.
    """
    header_bytes, payload_bytes, signature = split_compact(jwt)
    header = decode_json_object(header_bytes, place="header", max_bytes=MAX_TRANSACTION_BYTES)
    payload = decode_json_object(payload_bytes, place="payload", max_bytes=MAX_TRANSACTION_BYTES)
    algorithm = check_header(header)
    algorithm.check_form(signature)
    if algorithm.canonical(signature) != signature:
        raise InvalidTransaction("signature", algorithm.rule)
    check_payload(payload)
    nested = nested_digests(payload["data"])
    if nested is not None:
        raise InvalidTransaction(f"payload.data{nested}", NOTHING_NESTED)
    return Transaction.of(jwt, header, payload)


def nested_digests(value: Any) -> str | None:
    """Where in ``value`` a member stands whose name RFC 9901 reserves: the path to it, or None.

    Digests stand at the top of the payload only: a library that follows the RFC, and this one,
    which does not look for them elsewhere, must read the same.
    """
    if isinstance(value, dict):
        for name, member in value.items():
            below = "" if name in RESERVED_NAMES else nested_digests(member)
            if below is not None:
                return f".{name[:64]}{below}"
    elif isinstance(value, list):
        for position, item in enumerate(value):
            below = nested_digests(item)
            if below is not None:
                return f"[{position}]{below}"
    return None


def check_header(header: dict[str, Any]) -> Algorithm:
    """Check the protected header: exactly alg, kid and typ. Raises InvalidTransaction.

    Returns:
        The algorithm that ``alg`` names.
    """
    if set(header) != _HEADER_MEMBERS:
        raise InvalidTransaction("header", "must have exactly alg, kid and typ")
    try:
        algorithm = algorithm_named(header["alg"], place="header.alg")
    except InvalidSignature as error:
        raise InvalidTransaction(error.place, error.rule) from error
    if header["typ"] != TYP:
        raise InvalidTransaction("header.typ", f"must be {TYP}")
    if not isinstance(header["kid"], str) or _DIGEST.fullmatch(header["kid"]) is None:
        raise InvalidTransaction("header.kid", "must be a SHA-256 thumbprint (RFC 7638)")
    return algorithm


def check_payload(payload: dict[str, Any]) -> tuple[str, ...]:
    """Check the members that all transactions have. ``data`` is only checked to be an object:
    `decode_transaction` looks for nested digests in it, the rules at the form of its event type.

    Returns:
        The digests of ``_sd``.

    Raises:
        InvalidTransaction: names the member and the rule.
    """
    names = payload.keys()
    if not names <= PAYLOAD_MEMBERS:
        unknown = next(name for name in payload if name not in PAYLOAD_MEMBERS)
        raise InvalidTransaction(f"payload.{unknown[:64]}", "is no member of a transaction")
    if not names >= _REQUIRED:
        raise InvalidTransaction(f"payload.{min(_REQUIRED - names)}", "is missing")
    _check_identifiers(payload)
    _check_source(payload["source"])
    _check_times(payload)
    if not isinstance(payload["data"], dict):
        raise InvalidTransaction("payload.data", "must be an object")
    return _read_digests(payload)


_IDENTIFIERS = (
    ("cid", _CHAIN_ID, "must be a chain id: 1 to 50 letters, digits, '.', '_' or '-'"),
    ("iss", _MEMBER, "must be a member id: 1 to 40 lower-case letters, digits or '-'"),
    ("jti", _EVENT_ID, "must be 1 to 128 letters, digits, '.', '_', ':' or '-'"),
    ("type", _TYPE, "must be an event type such as seal.applied"),
    (
        "sub",
        _SUBJECT,
        "must be <kind>:<member>:<opaque id>, kind one of " + ", ".join(DOSSIER_KINDS),
    ),
)


def _check_identifiers(payload: dict[str, Any]) -> None:
    for name, pattern, rule in _IDENTIFIERS:
        value = payload[name]
        if not isinstance(value, str) or pattern.fullmatch(value) is None:
            raise InvalidTransaction(f"payload.{name}", rule)


def _check_times(payload: dict[str, Any]) -> None:
    for name, most in _TIMES:
        value = payload.get(name, 0)
        if type(value) is not int or not 0 <= value <= most:
            raise InvalidTransaction(f"payload.{name}", f"must be a time, from 0 to {most}")
    lifetime = payload["exp"] - payload["iat"]
    longest = MAX_FERRIED_LIFETIME if payload["source"]["method"] == FERRY else MAX_LIFETIME
    if not 0 < lifetime <= longest:
        raise InvalidTransaction("payload.exp", f"must be after iat, by at most {longest} seconds")
    if payload.get("collected_at", payload["occurred_at"]) < payload["occurred_at"]:
        raise InvalidTransaction("payload.collected_at", "must not be before occurred_at")


def _check_source(source: Any) -> None:
    if not isinstance(source, dict) or set(source) != {"system", "method"}:
        raise InvalidTransaction("payload.source", "must have exactly system and method")
    system, method = source["system"], source["method"]
    if not isinstance(system, str) or not 1 <= len(system) <= 200:
        raise InvalidTransaction("payload.source.system", "must be text of 1 to 200 characters")
    if not isinstance(method, str) or _METHOD.fullmatch(method) is None:
        raise InvalidTransaction(
            "payload.source.method", "must be 1 to 40 lower-case letters, digits, '_', '.' or '-'"
        )


def _read_digests(payload: dict[str, Any]) -> tuple[str, ...]:
    if "_sd" not in payload and "_sd_alg" not in payload:
        return ()
    if payload.get("_sd_alg") != SD_ALGORITHM:
        raise InvalidTransaction("payload._sd_alg", "must be sha-256 and stand beside _sd")
    digests = payload.get("_sd")
    if not isinstance(digests, list) or not 1 <= len(digests) <= MAX_DIGESTS:
        raise InvalidTransaction("payload._sd", f"must be a list of 1 to {MAX_DIGESTS} digests")
    if not _are_digests(digests):
        for position, digest in enumerate(digests):
            if not isinstance(digest, str) or _DIGEST.fullmatch(digest) is None:
                place = f"payload._sd[{position}]"
                raise InvalidTransaction(place, "must be a SHA-256 in base64url")
    if len(set(digests)) != len(digests):
        raise InvalidTransaction("payload._sd", "names a digest twice")
    return tuple(digests)


def _are_digests(values: list[Any]) -> bool:
    """Whether all are texts of 43 characters in base64url, looked at in one go."""
    if set(map(type, values)) != {str}:
        return False
    joined = ",".join(values)
    return len(joined) == 44 * len(values) - 1 and _DIGESTS.fullmatch(joined) is not None


def verify_transaction(transaction: Transaction, key: PublicJwk, backend: Backend) -> None:
    """Check that ``key`` is the one named and that its signature holds.

    Raises:
        InvalidSignature: it does not.
        InvalidTransaction: ``kid`` is another key's thumbprint.
    """
    if key.thumbprint() != transaction.kid:
        raise InvalidTransaction("header.kid", "is not the thumbprint of this key")
    try:
        transaction.algorithm.verify(key, transaction.signing_input, transaction.signature, backend)
    except InvalidInput as error:
        place = f"transaction.{error.place}"
        raise type(error)(place, error.rule, "签名与公钥不符") from error
