"""Files inside a PDF (ISO 32000-2 §7.11.4, §14.13; ISO 19005-3 §6.8).

A file is listed twice, in the tree of names that readers show and among the associated files of the
document. Here both must list the same ones, each under one name, and no other object of the
document may hold a file: so nobody is shown another file than the one that is checked.
"""

from __future__ import annotations

from typing import Any

from node.core.errors import InvalidEncoding
from node.core.pdf.filters import decode_stream
from node.core.pdf.objects import Ref, Stream
from node.core.pdf.revisions import View

__all__ = ["MAX_ATTACHED_BYTES", "MAX_ATTACHMENTS", "read_attachments"]

MAX_ATTACHMENTS = 16
MAX_ATTACHED_BYTES = 96 << 20
"""Of all of them together, unpacked."""
_MOST_NAME = 64
_UTF16 = b"\xfe\xff"


def read_attachments(view: View) -> dict[str, bytes]:
    """Names and contents of the attached files, in the order of their names.

    Raises:
        InvalidEncoding: what lists them is ambiguous, or a file is not whole.
    """
    catalog = view.catalog()
    listed = _read_names(view, catalog)
    associated = [
        _reference(item, "pdf AF") for item in view.array(catalog.get("AF", []), "pdf AF")
    ]
    if sorted(associated) != sorted(listed.values()) or len(set(associated)) != len(associated):
        raise InvalidEncoding("pdf AF", "must list the files that the tree of names lists")
    holders = {
        number
        for number, one in view.objects.items()
        if one.entries.get("Type") == "Filespec" or "EF" in one.entries
    }
    if holders != {item.number for item in associated}:
        raise InvalidEncoding("pdf", "holds a file that is not among those attached to it")
    found: dict[str, bytes] = {}
    left = MAX_ATTACHED_BYTES
    streams: set[Ref] = set()
    for name, reference in listed.items():
        stream = _embedded(view, reference, name)
        streams.add(stream)
        found[name] = _contents(view, stream, name, left)
        left -= len(found[name])
    embedded = {
        number for number, one in view.objects.items() if one.entries.get("Type") == "EmbeddedFile"
    }
    if len(streams) != len(listed) or not embedded <= {item.number for item in streams}:
        raise InvalidEncoding("pdf", "holds a file that is not among those attached to it")
    return found


def _reference(value: Any, place: str) -> Ref:
    if not isinstance(value, Ref):
        raise InvalidEncoding(place, "must be references to file specifications")
    return value


def _read_names(view: View, catalog: dict[str, Any]) -> dict[str, Ref]:
    """The tree of embedded files: here it is its root alone (§7.9.6)."""
    names = view.dictionary(catalog.get("Names", {}), "pdf Names")
    place = "pdf Names.EmbeddedFiles"
    tree = view.dictionary(names.get("EmbeddedFiles", {}), place)
    if not set(tree) <= {"Names", "Limits"}:
        raise InvalidEncoding(place, "must have Names, and no branches")
    items = view.array(tree.get("Names", []), place)
    if len(items) % 2 or len(items) > 2 * MAX_ATTACHMENTS:
        raise InvalidEncoding(place, f"must be at most {MAX_ATTACHMENTS} names with their files")
    listed: dict[str, Ref] = {}
    for key, value in zip(items[::2], items[1::2]):
        name = _text(key, place)
        if name in listed:
            raise InvalidEncoding(place, f"names {name} twice")
        listed[name] = _reference(value, place)
    return listed


def _text(value: Any, place: str) -> str:
    """A file's name: printable ASCII, also where it is written in UTF-16 (§7.9.2.2)."""
    if not isinstance(value, bytes):
        raise InvalidEncoding(place, "a file's name must be a string")
    raw = value
    if raw.startswith(_UTF16):
        if len(raw) % 2 or any(raw[2::2]):
            raise InvalidEncoding(place, "a file's name must be ASCII")
        raw = raw[3::2]
    if not 0 < len(raw) <= _MOST_NAME or any(not 0x20 < octet < 0x7F for octet in raw):
        raise InvalidEncoding(place, f"a file's name must be 1 to {_MOST_NAME} of ASCII")
    return raw.decode("ascii")


def _embedded(view: View, reference: Ref, name: str) -> Ref:
    """Where the contents of a file specification are (§7.11.3)."""
    place = f"pdf file {name}"
    specification = view.dictionary(reference, place)
    if specification.get("Type") != "Filespec":
        raise InvalidEncoding(place, "must be a file specification")
    for key in ("F", "UF"):
        if _text(specification.get(key), f"{place}.{key}") != name:
            raise InvalidEncoding(f"{place}.{key}", "must be the name that the file is listed by")
    files = view.dictionary(specification.get("EF"), f"{place}.EF")
    if not {"F"} <= set(files) <= {"F", "UF"} or files.get("UF", files["F"]) != files["F"]:
        raise InvalidEncoding(f"{place}.EF", "must lead to one file")
    return _reference(files["F"], f"{place}.EF.F")


def _contents(view: View, reference: Ref, name: str, most: int) -> bytes:
    place = f"pdf file {name}"
    stream = view.object(reference, place).value
    if not isinstance(stream, Stream) or stream.entries.get("Type") != "EmbeddedFile":
        raise InvalidEncoding(place, "must be an embedded file")
    return decode_stream(stream, place, most)
