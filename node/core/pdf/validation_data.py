"""The document security store (ISO 32000-2 §12.8.4.3): certificates, lists and answers about them.

It only says what a validator may want to look at, so it may grow after the seal. Its objects must
be its own: none that a page or the form uses, and each a document in DER, or a list of such.
"""

from __future__ import annotations

import re
from typing import Any

from node.core.anchors.der import SEQUENCE, decode_der
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.pdf.filters import decode_stream
from node.core.pdf.objects import Ref, Stream
from node.core.pdf.revisions import View

__all__ = ["MAX_VALIDATION_BYTES", "check_validation_data"]

MAX_VALIDATION_BYTES = 16 << 20
"""Of all documents of a store together, unpacked: it is looked through once for each revision."""
_STORE = {"Certs", "CRLs", "OCSPs", "VRI", "Type"}
_RELATED = {"Cert", "CRL", "OCSP", "TS", "TU", "Type"}
_LISTS = ("Certs", "CRLs", "OCSPs", "Cert", "CRL", "OCSP")
_SIGNATURE = re.compile(r"[0-9A-F]{40}", re.ASCII)
_MOST_ITEMS = 1_000
_STREAM = {"Length", "Filter", "DecodeParms"}


def check_validation_data(before: View, after: View, place: str) -> set[int]:
    """Check the store of ``after``.

    Returns:
        The numbers of the objects that are of it and of nothing else.

    Raises:
        InvalidInput: something else stands in it, or it is made of objects that were something
            else before.
    """
    value = after.catalog().get("DSS")
    old = before.catalog().get("DSS")
    if value is None:
        if old is not None:
            raise InvalidProof(f"{place}, DSS", "validation data was taken away")
        return set()
    numbers = _Store(after, f"{place}, DSS").walk(value)
    mine = set() if old is None else _Store(before, f"{place}, DSS", read=False).walk(old)
    for number in numbers - mine:
        if number in before.objects:
            raise InvalidProof(
                f"{place}, DSS", f"object {number} was something else when it was sealed"
            )
    return numbers


class _Store:
    """Walks over all of a store and notes the numbers of its objects.

    Of a store that stood there before the documents are not ``read``: their turn was earlier.
    """

    def __init__(self, view: View, place: str, *, read: bool = True) -> None:
        self._view, self._place, self._read = view, place, read
        self._numbers: set[int] = set()
        self._left = _MOST_ITEMS
        self._bytes_left = MAX_VALIDATION_BYTES

    def walk(self, value: Any) -> set[int]:
        store = self._dictionary(value, _STORE)
        self._lists(store)
        related = self._dictionary(store.get("VRI", {}), None)
        for name, item in related.items():
            if _SIGNATURE.fullmatch(name) is None:
                raise InvalidEncoding(f"{self._place} VRI", "must be of signatures, by SHA-1")
            self._lists(self._dictionary(item, _RELATED))
        return self._numbers

    def _note(self, value: Any) -> Any:
        """What ``value`` is or refers to, its number noted."""
        if isinstance(value, Ref):
            self._numbers.add(value.number)
        self._left -= 1
        if self._left < 0:
            rule = f"has more than {_MOST_ITEMS} items"
            raise InvalidEncoding(self._place, rule, "验证资料过多")
        return self._view.resolve(value, self._place)

    def _dictionary(self, value: Any, known: set[str] | None) -> dict[str, Any]:
        found = self._note(value)
        if not isinstance(found, dict) or (known is not None and set(found) - known):
            raise InvalidEncoding(self._place, "holds something that is no validation data")
        return found

    def _lists(self, holder: dict[str, Any]) -> None:
        for name, value in holder.items():
            if name in _LISTS:
                items = self._note(value)
                if not isinstance(items, list):
                    raise InvalidEncoding(f"{self._place} {name}", "must be an array")
                for item in items:
                    self._document(item, name)
            elif name == "TS":
                self._document(value, name)
            elif name != "VRI" and not isinstance(value, (str, bytes)):
                raise InvalidEncoding(f"{self._place} {name}", "must be a name or a date")

    def _document(self, value: Any, name: str) -> None:
        place = f"{self._place} {name}"
        known = isinstance(value, Ref) and value.number in self._numbers
        stream = self._note(value)
        if known:
            return
        if not isinstance(stream, Stream) or set(stream.entries) - _STREAM:
            raise InvalidEncoding(place, "must be streams of documents in DER")
        if self._read:
            document = decode_stream(stream, place, self._bytes_left)
            self._bytes_left -= len(document)
            decode_der(document, place, SEQUENCE)
