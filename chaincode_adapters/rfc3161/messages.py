"""Requests to a time-stamp authority and its answers (RFC 3161 §2.4)."""

from __future__ import annotations

from dataclasses import dataclass

from node.core.anchors.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    UTF8_STRING,
    Contents,
    Element,
    decode_der,
    encode_der,
    encode_integer,
    encode_oid,
    read_bits,
    read_integer,
)
from node.core.errors import InvalidEncoding

__all__ = ["TimeStampAnswer", "decode_answer", "encode_request"]

_SHA256 = "2.16.840.1.101.3.4.2.1"
_FAILURES = {
    0: "badAlg",
    2: "badRequest",
    5: "badDataFormat",
    14: "timeNotAvailable",
    15: "unacceptedPolicy",
    16: "unacceptedExtension",
    17: "addInfoNotAvailable",
    25: "systemFailure",
}
_STATUSES = (
    "granted",
    "grantedWithMods",
    "rejection",
    "waiting",
    "revocationWarning",
    "revocationNotification",
)
_PASSING = {"timeNotAvailable", "addInfoNotAvailable", "systemFailure"}
_MOST_TEXT = 200


@dataclass(frozen=True)
class TimeStampAnswer:
    """``token`` is the DER of the TimeStampToken, b"" where none was given; ``status`` and
    ``failures`` by the names of RFC 3161 §2.4.2, ``text`` the authority's own words, printable."""

    status: str
    failures: tuple[str, ...]
    text: str
    token: bytes

    @property
    def passing(self) -> bool:
        """Whether the same request may be granted later."""
        return self.status == "waiting" or bool(_PASSING & set(self.failures))

    @property
    def reason(self) -> str:
        """The refusal in one line."""
        named = f" ({', '.join(self.failures)})" if self.failures else ""
        return f"{self.status}{named}{': ' + self.text if self.text else ''}"


def encode_request(digest: bytes, nonce: int, policy: str) -> bytes:
    """A TimeStampReq for a SHA-256 digest, with the request for certificates. ``policy`` "" asks
    for none in particular."""
    algorithm = encode_der(SEQUENCE, encode_oid(_SHA256))
    return encode_der(
        SEQUENCE,
        encode_integer(1),
        encode_der(SEQUENCE, algorithm, encode_der(OCTET_STRING, digest)),
        encode_oid(policy) if policy else b"",
        encode_integer(nonce),
        encode_der(BOOLEAN, b"\xff"),
    )


def decode_answer(data: bytes, place: str) -> TimeStampAnswer:
    """Decode a TimeStampResp.

    Raises:
        InvalidEncoding: it is none, or grants a time-stamp and holds none, or the other way round.
    """
    outer = Contents(decode_der(data, place, SEQUENCE))
    contents = Contents(outer.take("status", SEQUENCE))
    number = contents.take("status", INTEGER)
    status = _STATUSES[read_integer(number, least=0, most=len(_STATUSES) - 1)]
    texts = contents.take_if("statusString", SEQUENCE)
    failures = contents.take_if("failInfo", BIT_STRING)
    contents.end()
    token = outer.take("timeStampToken", SEQUENCE).encoded if outer.left else b""
    outer.end()
    if (status in ("granted", "grantedWithMods")) != bool(token):
        raise InvalidEncoding(place, f"says {status} and holds {'a' if token else 'no'} token")
    return TimeStampAnswer(
        status=status,
        failures=() if failures is None else _read_failures(failures),
        text="" if texts is None else _read_texts(texts),
        token=token,
    )


def _read_failures(element: Element) -> tuple[str, ...]:
    octets, unused = read_bits(element)
    bits = "".join(f"{octet:08b}" for octet in octets)[: 8 * len(octets) - unused]
    return tuple(_FAILURES.get(n, f"bit {n}") for n, bit in enumerate(bits) if bit == "1")


def _read_texts(element: Element) -> str:
    parts = (
        item.content.decode("utf-8", "replace") for item in Contents(element).rest(UTF8_STRING)
    )
    text = " ".join(parts)[:_MOST_TEXT]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
