"""Whether a whole document is in DER, in the parts too that nobody looks at otherwise (X.690)."""

from __future__ import annotations

from node.core.anchors.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    NULL,
    OID,
    SEQUENCE,
    SET,
    Contents,
    Element,
    check_set_order,
    read_bits,
    read_boolean,
    read_integer,
    read_oid,
)
from node.core.errors import InvalidEncoding

__all__ = ["check_whole"]

_CONSTRUCTED, _TAGGED = 0x20, 0xC0
_MOST_LEVELS = 32


def check_whole(element: Element, levels: int = _MOST_LEVELS) -> None:
    """Check everything inside: lengths, the order of sets, and the primitive types that have more
    than one encoding in BER. What octet strings hold is not looked at.

    Raises:
        InvalidEncoding: names the place and the rule.
    """
    if not element.tag & _CONSTRUCTED:
        _check_primitive(element)
        return
    if element.tag not in (SEQUENCE, SET) and not element.tag & _TAGGED:
        raise InvalidEncoding(element.place, "must be primitive in DER (X.690 §10.2)")
    if levels == 0:
        raise InvalidEncoding(element.place, f"nested deeper than {_MOST_LEVELS} levels")
    inside = Contents(element).rest()
    if element.tag == SET:
        check_set_order(inside, element.place)
    for one in inside:
        check_whole(one, levels - 1)


def _check_primitive(element: Element) -> None:
    if element.tag in (SEQUENCE & ~_CONSTRUCTED, SET & ~_CONSTRUCTED):
        raise InvalidEncoding(element.place, "must be constructed")
    if element.tag == BOOLEAN:
        read_boolean(element)
    elif element.tag == INTEGER:
        read_integer(element)
    elif element.tag == OID:
        read_oid(element)
    elif element.tag == BIT_STRING:
        read_bits(element)
    elif element.tag == NULL and element.content:
        raise InvalidEncoding(element.place, "a NULL has no content")
