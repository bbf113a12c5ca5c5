"""Building records: an event's public fields signed, its private ones as disclosures beside it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.client.keys import SigningKey
from node.core.disclosure import Disclosure, encode_disclosure
from node.core.encoding import canonical_json, encode_base64url
from node.core.transaction import (
    SD_ALGORITHM,
    TYP,
    Transaction,
    decode_transaction,
    transaction_id,
)

__all__ = ["Submission", "build_submission", "new_reference", "new_salt"]

_HOUR = 3600


@dataclass(frozen=True)
class Submission:
    """A signed record and its disclosures. Keep its bytes before sending them: signing the same
    record again gives other bytes, which the ledger refuses as a conflict."""

    jwt: bytes
    disclosures: tuple[Disclosure, ...]

    @property
    def id(self) -> str:
        """The transaction's id: SHA-256 of the JWT, in hex."""
        return transaction_id(self.jwt).hex()

    @property
    def transaction(self) -> Transaction:
        """The transaction, decoded."""
        return decode_transaction(self.jwt)

    def encode(self) -> bytes:
        """The SD-JWT to be submitted: ``<JWT>~<disclosure>~…~``, or the bare JWT without any."""
        if not self.disclosures:
            return self.jwt
        parts = [self.jwt, *(item.encoded.encode("ascii") for item in self.disclosures), b""]
        return b"~".join(parts)


def new_salt() -> str:
    """128 random bits in base64url, for one disclosure (RFC 9901 §4.2.1)."""
    return encode_base64url(secrets.token_bytes(16))


def new_reference() -> str:
    """An opaque random reference to a person, valid in one case only: 128 bits, base64url."""
    return encode_base64url(secrets.token_bytes(16))


def build_submission(
    key: SigningKey,
    *,
    chain_id: str,
    member: str,
    event_id: str,
    event_type: str,
    subject: str,
    data: Mapping[str, Any],
    source: Mapping[str, str],
    occurred_at: int,
    issued_at: int,
    private: Mapping[str, Any] | None = None,
    collected_at: int | None = None,
    lifetime: int = _HOUR,
) -> Submission:
    """Sign an event.

    Args:
        key: a key of ``member`` that is registered on the chain.
        chain_id: the chain's id (``cid``).
        member: the issuer (``iss``).
        event_id: unique among the issuer's events (``jti``); use it again only for the same bytes.
        event_type: such as ``seal.applied``.
        subject: the dossier (``sub``), ``<kind>:<member that opened it>:<opaque id>``.
        data: the event's public fields.
        source: ``system`` and ``method``: where the facts came from.
        occurred_at: when it happened, in ms.
        issued_at: now, in ms.
        private: private fields, each becoming a disclosure with a salt of its own.
        collected_at: when the source took it down, in ms, if that was later.
        lifetime: seconds until ``exp``, at most a day.

    Raises:
        InvalidInput: the result would not be a transaction of the ledger.
    """
    disclosures = tuple(
        encode_disclosure(new_salt(), name, value) for name, value in (private or {}).items()
    )
    issued = issued_at // 1000
    payload: dict[str, Any] = {
        "cid": chain_id,
        "data": dict(data),
        "exp": issued + lifetime,
        "iat": issued,
        "iss": member,
        "jti": event_id,
        "occurred_at": occurred_at,
        "source": dict(source),
        "sub": subject,
        "type": event_type,
    }
    if collected_at is not None:
        payload["collected_at"] = collected_at
    if disclosures:
        payload["_sd"] = sorted(disclosure.digest for disclosure in disclosures)
        payload["_sd_alg"] = SD_ALGORITHM
    header = canonical_json({"alg": "ES256", "kid": key.kid, "typ": TYP})
    signed = f"{encode_base64url(header)}.{encode_base64url(canonical_json(payload))}".encode()
    jwt = signed + b"." + encode_base64url(key.sign(signed)).encode("ascii")
    decode_transaction(jwt)
    return Submission(jwt, disclosures)
