"""What a time-stamp authority signs (RFC 3161 §2.4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from node.core.anchors.der import (
    BOOLEAN,
    CONTEXT,
    CONTEXT_CONSTRUCTED,
    GENERALIZED_TIME,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    Contents,
    Element,
    decode_der,
    decode_time,
    read_boolean,
    read_integer,
    read_oid,
    read_sole,
)
from node.core.anchors.der_whole import check_whole
from node.core.anchors.public_keys import read_digest_algorithm
from node.core.errors import InvalidEncoding

__all__ = ["TST_INFO", "TstInfo", "decode_tst_info"]

TST_INFO = "1.2.840.113549.1.9.16.1.4"
_MOST_SERIAL_BYTES = 21  # 160 bits and a sign (RFC 3161 §2.4.2)


@dataclass(frozen=True)
class TstInfo:
    """``time`` and ``accuracy`` are in ns, ``accuracy`` None where the authority states none;
    ``tsa`` is the DER of the name that the authority gives itself, b"" where it gives none."""

    policy: str
    digest: str
    imprint: bytes
    serial: int
    time: int
    accuracy: int | None
    nonce: int | None
    tsa: bytes

    @property
    def latest(self) -> int:
        """The latest time that it may have been by the authority's own word: genTime and its
        accuracy, rounded up to ms since the Unix epoch. Without an accuracy whole seconds are meant
        to their end: authorities cut off what they do not write."""
        if self.accuracy is None and self.time % 1_000_000_000 == 0:
            return self.time // 1_000_000 + 999
        return -(-(self.time + (self.accuracy or 0)) // 1_000_000)


def decode_tst_info(data: bytes, place: str) -> TstInfo:
    """Decode a TSTInfo.

    Raises:
        InvalidEncoding: names ``place`` with the field, and the rule.
    """
    whole = decode_der(data, place, SEQUENCE)
    check_whole(whole)
    contents = Contents(whole)
    read_integer(contents.take("version", INTEGER), least=1, most=1)
    policy = read_oid(contents.take("policy", OID))
    imprint = Contents(contents.take("messageImprint", SEQUENCE))
    digest = read_digest_algorithm(imprint.take("hashAlgorithm", SEQUENCE))
    hashed = imprint.take("hashedMessage", OCTET_STRING).content
    imprint.end()
    serial = contents.take("serialNumber", INTEGER)
    if len(serial.content) > _MOST_SERIAL_BYTES:
        raise InvalidEncoding(serial.place, f"has more than {_MOST_SERIAL_BYTES} bytes")
    time = decode_time(contents.take("genTime", GENERALIZED_TIME))
    accuracy = contents.take_if("accuracy", SEQUENCE)
    ordering = contents.take_if("ordering", BOOLEAN)
    if ordering is not None and not read_boolean(ordering):
        raise InvalidEncoding(ordering.place, "the default is left out in DER (X.690 §11.5)")
    nonce = contents.take_if("nonce", INTEGER)
    tsa = contents.take_if("tsa", CONTEXT_CONSTRUCTED)
    extensions = contents.take_if("extensions", CONTEXT_CONSTRUCTED + 1)
    contents.end()
    if extensions is not None:
        _check_extensions(extensions)
    return TstInfo(
        policy=policy,
        digest=digest,
        imprint=hashed,
        serial=read_integer(serial),
        time=time,
        accuracy=None if accuracy is None else _read_accuracy(accuracy),
        nonce=None if nonce is None else read_integer(nonce),
        tsa=b"" if tsa is None else _directory_name(read_sole(tsa, "0")),
    )


def _read_accuracy(element: Element) -> int:
    """Accuracy in ns: seconds, [0] milliseconds, [1] microseconds, each of 1 to 999."""
    contents = Contents(element)
    seconds = contents.take_if("seconds", INTEGER)
    millis = contents.take_if("millis", CONTEXT)
    micros = contents.take_if("micros", CONTEXT + 1)
    contents.end()
    total = 0 if seconds is None else read_integer(seconds, least=0, most=86_400) * 1_000_000_000
    total += 0 if millis is None else read_integer(millis, least=1, most=999) * 1_000_000
    return total + (0 if micros is None else read_integer(micros, least=1, most=999) * 1000)


def _directory_name(name: Element) -> bytes:
    """The Name in a GeneralName (RFC 5280 §4.2.1.6); other forms are not compared with anything."""
    if name.tag != CONTEXT_CONSTRUCTED + 4:
        return b""
    return read_sole(name, "directoryName", SEQUENCE).encoded


def _check_extensions(tagged: Element) -> None:
    for item in Contents(tagged).rest(SEQUENCE):
        contents = Contents(item)
        oid = read_oid(contents.take("extnID", OID))
        if contents.take_if("critical", BOOLEAN) is not None:
            raise InvalidEncoding(item.place, f"is critical and not known: {oid}")
        contents.take("extnValue", OCTET_STRING)
        contents.end()
