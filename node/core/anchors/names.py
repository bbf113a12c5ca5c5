"""Names in certificates (RFC 5280 §4.1.2.4) as people read them, in the form of RFC 4514."""

from __future__ import annotations

from node.core.anchors.der import OID, SEQUENCE, SET, Contents, Element, decode_der, read_oid
from node.core.errors import InvalidEncoding

__all__ = ["common_name", "name_text"]

_SHORT = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
"""UTF8String, PrintableString, TeletexString, IA5String, BMPString."""
_MOST_CHARACTERS = 500


def name_text(name: bytes, place: str) -> str:
    """A Name in one line, the most particular part first, as ``CN=…,O=…,C=…``.

    What cannot be printed, and what RFC 4514 §2.4 escapes, stands there escaped.

    Raises:
        InvalidEncoding: it is no Name.
    """
    parts = []
    for relative in Contents(decode_der(name, place, SEQUENCE)).rest(SET):
        pairs = [_pair(item) for item in Contents(relative).rest(SEQUENCE)]
        parts.append("+".join(pairs))
    text = ",".join(reversed(parts))
    return text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…"


def common_name(name: bytes, place: str) -> str:
    """What a Name is called by in a sentence: its last common name, else all of it.

    Raises:
        InvalidEncoding: it is no Name.
    """
    whole = name_text(name, place)
    for relative in reversed(list(Contents(decode_der(name, place, SEQUENCE)).rest(SET))):
        for pair in map(_pair, Contents(relative).rest(SEQUENCE)):
            if pair.startswith("CN=") and pair != "CN=":
                return pair[3:]
    return whole


def _pair(item: Element) -> str:
    contents = Contents(item)
    oid = read_oid(contents.take("type", OID))
    value = contents.take("value")
    contents.end()
    encoding = _ENCODINGS.get(value.tag)
    if encoding is None:
        return f"{oid}=#{value.encoded.hex()}"
    try:
        text = value.content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidEncoding(value.place, f"is not {encoding} as its type says") from error
    return f"{_SHORT.get(oid, oid)}={_escaped(text)}"


def _escaped(text: str) -> str:
    out = []
    for place, character in enumerate(text):
        at_an_end = place in (0, len(text) - 1)
        outer = (character == " " and at_an_end) or (character == "#" and place == 0)
        if character in '",+;<>\\' or outer:
            out.append("\\" + character)
        elif character.isprintable():
            out.append(character)
        else:
            out.append("".join(f"\\{octet:02X}" for octet in character.encode("utf-8")))
    return "".join(out)
