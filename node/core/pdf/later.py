"""What a revision after the seal changes (ETSI EN 319 142-1 §5.4, §5.5): validation data, document
time-stamps with their invisible fields, and the dates in the document's own description.

An allow-list. Of every object that a revision writes it must be known what it is there for; the
rest of the document must be the same, object by object. Nothing is allowed that a page could show.
"""

from __future__ import annotations

import re
from typing import Any

from node.core.errors import InvalidProof
from node.core.pdf.objects import IndirectObject, Ref, Stream, same
from node.core.pdf.revisions import View
from node.core.pdf.signature_fields import TIME_STAMP
from node.core.pdf.validation_data import check_validation_data

__all__ = ["check_later"]

_CATALOG = {"AcroForm", "DSS", "Extensions", "Metadata", "Version"}
_INFORMATION = {"ModDate", "Producer"}
_FIELD = {"FT", "T", "TU", "Type", "Subtype", "F", "Rect", "P", "V"}
_STAMP = {"Type", "Filter", "SubFilter", "Contents", "ByteRange"}
_EXTENSION = {
    "Type", "BaseVersion", "ExtensionLevel", "ExtensionRevision", "URL",
}  # fmt: skip
_HIDDEN_PRINTED_LOCKED = 132
_NAME = re.compile(rb"[!-~]{1,64}")
_SPOKEN = b"Timestamp"
"""A reader shows it as a hint, or reads it aloud: nobody may say more there after the seal."""
_METADATA_WORD = re.compile(rb">([^<>]+)|[\w:.-]+(?:=\"([^\"]*)\"|='([^']*)')?")
_NAMESPACE = re.compile(rb"xmlns(?::[\w.-]+)?=(?:\"[^\"]*\"|'[^']*')")
_DATE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_PRODUCER = re.compile(rb"pyHanko [0-9.]{1,20}")
_RULE = "something else was changed after it was sealed"


def check_later(before: View, after: View, place: str) -> None:
    """Check that ``after``, the revision behind ``before``, changes nothing that was sealed.

    Raises:
        InvalidInput: it does; names the object.
    """
    _Comparison(before, after, place).check()


class _Comparison:
    """Walks over what may have changed and marks it; what then is unmarked must be the same."""

    def __init__(self, before: View, after: View, place: str) -> None:
        self._before, self._after, self._place = before, after, place
        self._explained: set[int] = set()
        self._names: set[Any] = set()

    def check(self) -> None:
        for name in ("Root", "Info"):
            if self._before.trailer.get(name) != self._after.trailer.get(name):
                raise self._fault(f"trailer {name}")
        self._explained.add(self._after.trailer["Root"].number)
        old, new = self._before.catalog(), self._after.catalog()
        self._same_but(old, new, _CATALOG, "catalog")
        if old.get("Metadata") != new.get("Metadata"):
            raise self._fault("catalog Metadata")
        self._information()
        self._metadata(new.get("Metadata"))
        self._extensions(old.get("Extensions"), new.get("Extensions"))
        if old.get("Version") not in (None, new.get("Version")) or new.get("Version") not in (
            old.get("Version"),
            "2.0",
        ):
            raise self._fault("catalog Version")
        self._form(old, new)
        self._explained |= check_validation_data(self._before, self._after, self._place)
        self._explained |= self._after.directories - set(self._before.objects)
        self._rest()

    def _fault(self, what: str) -> InvalidProof:
        return InvalidProof(f"{self._place}, {what}", _RULE)

    def _same_but(self, old: Any, new: Any, names: set[str], what: str) -> None:
        """Two dictionaries must be the same but for the members ``names``."""
        if not isinstance(old, dict) or not isinstance(new, dict):
            raise self._fault(what)
        for name in {*old, *new} - names:
            if name not in old or name not in new or not same(old[name], new[name]):
                raise self._fault(f"{what} {name[:64]}")

    def _information(self) -> None:
        """The document information dictionary: when it was changed and with what."""
        reference = self._after.trailer.get("Info")
        if reference is None:
            return
        old = self._before.dictionary(reference, f"{self._place} Info")
        new = self._after.dictionary(reference, f"{self._place} Info")
        self._same_but(old, new, _INFORMATION, "Info")
        if any(not isinstance(new.get(name, b""), bytes) for name in _INFORMATION):
            raise self._fault("Info")
        self._explained.add(reference.number)

    def _metadata(self, reference: Any) -> None:
        """The XMP description: written anew with another date, and with no other words."""
        if not isinstance(reference, Ref):
            return
        old = self._before.object(reference, f"{self._place} Metadata").value
        new = self._after.object(reference, f"{self._place} Metadata").value
        if not isinstance(old, Stream) or not isinstance(new, Stream):
            raise self._fault("Metadata")
        if not same(old, new):
            self._same_but(old.entries, new.entries, {"Length"}, "Metadata")
            if "Filter" in new.entries or b"<!" in new.raw or _words(old.raw) != _words(new.raw):
                raise self._fault("Metadata")
        self._explained.add(reference.number)

    def _extensions(self, old: Any, new: Any) -> None:
        """Developer extensions (ISO 32000-2 §7.12) may join: plain words about the file's form."""
        if new is None or same(old, new):
            return
        self._explain(new, old, "Extensions")
        old = self._before.dictionary({} if old is None else old, f"{self._place} Extensions")
        new = self._after.dictionary(new, f"{self._place} Extensions")
        self._same_but(old, {name: new.get(name) for name in old}, set(), "Extensions")
        for name in {*new} - {*old}:
            items = new[name] if isinstance(new[name], list) else [new[name]]
            for item in items:
                plain = isinstance(item, dict) and set(item) <= _EXTENSION
                if not plain or any(isinstance(one, (dict, list, Ref)) for one in item.values()):
                    raise self._fault(f"Extensions {name[:64]}")

    def _explain(self, value: Any, before: Any, what: str) -> None:
        """An object that may differ: it had this place before, or it is a new one."""
        if not isinstance(value, Ref):
            return
        if value != before and value.number in self._before.objects:
            raise self._fault(what)
        self._explained.add(value.number)

    def _form(self, old_catalog: dict[str, Any], new_catalog: dict[str, Any]) -> None:
        """The form may have further fields, each an invisible one with a document time-stamp."""
        place = f"{self._place} AcroForm"
        old_form, new_form = old_catalog.get("AcroForm"), new_catalog.get("AcroForm")
        if isinstance(old_form, Ref) and old_form != new_form:
            raise self._fault("AcroForm")
        old = self._before.dictionary({} if old_form is None else old_form, place)
        new = self._after.dictionary({} if new_form is None else new_form, place)
        self._same_but(old, new, {"Fields", "SigFlags"}, "AcroForm")
        if new.get("SigFlags", old.get("SigFlags")) not in (old.get("SigFlags"), 3):
            raise self._fault("AcroForm SigFlags")
        before = self._before.array(old.get("Fields", []), place)
        after = self._after.array(new.get("Fields", []), place)
        if not same(before, after[: len(before)]):
            raise self._fault("AcroForm Fields")
        self._names = {
            name
            for item in before
            if isinstance(name := self._before.dictionary(item, place).get("T"), bytes)
        }
        for position, item in enumerate(after[len(before) :], len(before)):
            self._field(item, f"AcroForm Fields[{position}]")
        self._explain(new_form, old_form, "AcroForm")
        self._explain(new.get("Fields"), old.get("Fields"), "AcroForm Fields")

    def _field(self, reference: Any, what: str) -> None:
        one = self._new(reference, what)
        entries = one.entries
        form = {"FT": "Sig", "Type": "Annot", "Subtype": "Widget", "Rect": [0, 0, 0, 0]}
        if set(entries) - _FIELD or any(entries.get(key) != form[key] for key in form):
            raise self._fault(what)
        if entries.get("F") != _HIDDEN_PRINTED_LOCKED:
            raise self._fault(what)
        name = entries.get("T")
        if not isinstance(name, bytes) or _NAME.fullmatch(name) is None or name in self._names:
            raise self._fault(f"{what}, its name")
        if entries.get("TU", _SPOKEN) != _SPOKEN:
            raise self._fault(f"{what}, what is read aloud of it")
        self._names.add(name)
        stamp = self._new(entries.get("V"), what)
        if set(stamp.entries) - _STAMP or stamp.entries.get("SubFilter") != TIME_STAMP:
            raise self._fault(what)
        self._explained |= {one.number, stamp.number}
        self._page(entries.get("P"), one.number, what)

    def _new(self, reference: Any, what: str) -> IndirectObject:
        """An object that was not there before."""
        one = self._after.object(reference, f"{self._place}, {what}")
        if one.number in self._before.objects or not isinstance(one.value, dict):
            raise self._fault(what)
        return one

    def _page(self, reference: Any, field: int, what: str) -> None:
        """The page that the field is on may have it among its annotations, and nothing else."""
        old = self._before.dictionary(reference, f"{self._place}, {what}")
        new = self._after.dictionary(reference, f"{self._place}, {what}")
        if old.get("Type") != "Page":
            raise self._fault(what)
        self._same_but(old, new, {"Annots"}, what)
        before, after = old.get("Annots"), new.get("Annots")
        if isinstance(before, Ref) and before != after:
            raise self._fault(f"{what} Annots")
        had = self._before.array([] if before is None else before, what)
        has = self._after.array([] if after is None else after, what)
        added = has[len(had) :]
        if not same(had, has[: len(had)]) or any(item != Ref(field) for item in added):
            raise self._fault(f"{what} Annots")
        self._explain(reference, reference, what)
        self._explain(after, before, f"{what} Annots")

    def _rest(self) -> None:
        """Whatever else the revision wrote must be what stood there before."""
        for number, one in sorted(self._after.objects.items()):
            old = self._before.objects.get(number)
            if one is old or number in self._explained:
                continue
            if old is None or not same(old.value, one.value):
                raise self._fault(f"object {number}")


def _words(metadata: bytes) -> list[bytes]:
    """The texts and attributes of an XMP packet in order of their bytes, without dates and without
    what wrote it. Comments and the like, which could hide some, must not stand in it."""
    found = []
    for words in _METADATA_WORD.findall(_NAMESPACE.sub(b"", metadata)):
        word = b"".join(words).strip()
        if word and _DATE.fullmatch(word) is None and _PRODUCER.fullmatch(word) is None:
            found.append(word)
    return sorted(found)
