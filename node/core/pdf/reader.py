"""Reading objects of PDF files, token by token (ISO 32000-2 §7.2, §7.3)."""

from __future__ import annotations

import re
from typing import Any

from node.core.errors import InvalidEncoding
from node.core.pdf.objects import IndirectObject, Keyword, Ref, Stream

__all__ = ["MAX_DEPTH", "MAX_OBJECT_BYTES", "Reader"]

MAX_DEPTH = 32
"""Levels of arrays and dictionaries in one another."""
MAX_OBJECT_BYTES = 1 << 20
"""Of one object without the contents of its stream."""
_MOST_DIGITS = 10
_SPACE = re.compile(rb"[\x00\t\n\x0c\r ]*")
_TOKEN = re.compile(
    rb"(?P<reference>[1-9]\d{0,6} 0 R(?![^\x00\t\n\x0c\r ()<>\[\]{}/%]))"
    rb"|(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?![^\x00\t\n\x0c\r ()<>\[\]{}/%]))"
    rb"|/(?P<name>[^\x00\t\n\x0c\r ()<>\[\]{}/%]*)"
    rb"|(?P<open><<|\[)"
    rb"|<(?P<hex>(?:[0-9A-Fa-f]{2})*)>"
    rb"|(?P<keyword>true|false|null)(?![^\x00\t\n\x0c\r ()<>\[\]{}/%])"
    rb"|(?P<literal>\()"
)
_LITERAL = re.compile(rb"[^()\\\r]*")
_ESCAPE = re.compile(rb"\\(?:([0-3][0-7]{2})|([nrtbf()\\])|(\r\n|\r|\n))")
_ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_NAME_ESCAPE = re.compile(r"#([0-9A-Fa-f]{2})")
_HEADER = re.compile(rb"([1-9]\d{0,6}) 0 obj(?![^\x00\t\n\x0c\r ()<>\[\]{}/%])")
_STREAM = re.compile(rb"stream(\r\n|\n)")
_END_STREAM = re.compile(rb"(?:\r\n|\n|\r)?endstream[\x00\t\n\x0c\r ]+endobj")


class Reader:
    """Reads tokens one after the other; ``at`` is where it is, ``end`` where it must stop.

    ``read`` counts the bytes that it has looked at, streams' contents left out.
    """

    def __init__(self, data: bytes, place: str, at: int = 0, end: int | None = None) -> None:
        self.data, self.place, self.at = data, place, at
        self.end = len(data) if end is None else end
        self._spans: dict[str, tuple[int, int]] = {}

    def fail(self, rule: str) -> InvalidEncoding:
        """The error that says ``rule`` of the place where the reader is."""
        return InvalidEncoding(f"{self.place} at byte {self.at}", rule)

    def skip_space(self) -> None:
        """Go on behind white space."""
        found = _SPACE.match(self.data, self.at, self.end)
        assert found is not None
        self.at = found.end()

    def take(self, word: bytes) -> None:
        """Go on behind ``word``, which must stand here. Raises InvalidEncoding."""
        if not self.data.startswith(word, self.at, self.end):
            raise self.fail(f"must be {word.decode('ascii')}")
        self.at += len(word)

    def value(self, depth: int = 0) -> Any:
        """The object that stands here, behind white space.

        Raises:
            InvalidEncoding: there is none that is read here.
        """
        self.skip_space()
        found = _TOKEN.match(self.data, self.at, self.end)
        if found is None:
            raise self.fail("is no object of PDF")
        start, self.at = self.at, found.end()
        kind, text = str(found.lastgroup), found[str(found.lastgroup)]
        if kind == "open":
            if depth >= MAX_DEPTH:
                raise self.fail(f"nested deeper than {MAX_DEPTH} levels")
            return self._array(depth) if text == b"[" else self._dictionary(depth, start)
        if kind == "reference":
            return Ref(int(text[:-4]))
        if kind == "number":
            return self._number(text)
        if kind == "name":
            return self._name(text)
        if kind == "hex":
            return bytes.fromhex(text.decode("ascii"))
        return Keyword(text.decode("ascii")) if kind == "keyword" else self._literal()

    def _number(self, text: bytes) -> int | float:
        whole, dot, fraction = text.lstrip(b"+-").partition(b".")
        if len(whole) > _MOST_DIGITS or len(fraction) > 2 * _MOST_DIGITS:
            raise self.fail(f"a number of more than {_MOST_DIGITS} digits")
        return float(text) if dot else int(text)

    def _name(self, text: bytes) -> str:
        decoded = text.decode("latin-1")
        if not decoded.isascii():
            raise self.fail("a name outside ASCII is written with # (§7.3.5)")
        if decoded.count("#") != len(_NAME_ESCAPE.findall(decoded)):
            raise self.fail("# in a name is followed by two hexadecimal digits (§7.3.5)")
        return _NAME_ESCAPE.sub(lambda found: chr(int(found[1], 16)), decoded)

    def _array(self, depth: int) -> list[Any]:
        items = []
        while not self._closes(b"]"):
            items.append(self.value(depth + 1))
        return items

    def _dictionary(self, depth: int, start: int) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        spans: dict[str, tuple[int, int]] = {}
        while not self._closes(b">>"):
            name = self.value(depth + 1)
            if not isinstance(name, str):
                raise self.fail("a dictionary's keys are names (§7.3.7)")
            if name in entries:
                raise self.fail(f"a dictionary has the key {name[:64]} twice")
            self.skip_space()
            begin = self.at
            entries[name] = self.value(depth + 1)
            if isinstance(entries[name], bytes) and self.data[begin] == 0x3C:
                spans[name] = (begin, self.at)
        if depth == 0:
            self._spans = spans
        return entries

    def _closes(self, mark: bytes) -> bool:
        self.skip_space()
        if self.data.startswith(mark, self.at, self.end):
            self.at += len(mark)
            return True
        return False

    def _literal(self) -> bytes:
        """A literal string (§7.3.4.2), its opening parenthesis taken."""
        out, level = [], 1
        while True:
            run = _LITERAL.match(self.data, self.at, self.end)
            assert run is not None
            out.append(run[0])
            self.at = run.end()
            mark = self.data[self.at : min(self.at + 1, self.end)]
            if mark == b"\\":
                out.append(self._escaped())
                continue
            if mark not in (b"(", b")"):
                raise self.fail("a string that does not end, or has a bare carriage return")
            self.at += 1
            level += 1 if mark == b"(" else -1
            if level == 0:
                return b"".join(out)
            out.append(mark)

    def _escaped(self) -> bytes:
        found = _ESCAPE.match(self.data, self.at, self.end)
        if found is None:
            raise self.fail("no escape of a string: three octal digits or one of nrtbf()\\")
        self.at = found.end()
        octal, letter, _ = found.groups()
        if octal is not None:
            return bytes((int(octal, 8),))
        return b"" if letter is None else _ESCAPED.get(letter, letter)

    def indirect(self) -> IndirectObject:
        """The numbered object that stands here (§7.3.10), with its stream if it has one (§7.3.8).

        Raises:
            InvalidEncoding: there is none that is read here.
        """
        start = self.at
        found = _HEADER.match(self.data, self.at, self.end)
        if found is None:
            raise self.fail("must be a numbered object of generation 0")
        self.at, number = found.end(), int(found[1])
        end, self.end = self.end, min(self.end, start + MAX_OBJECT_BYTES)
        self._spans = {}
        value = self.value()
        spans = self._spans if isinstance(value, dict) else {}
        self.skip_space()
        self.end = end
        begins = _STREAM.match(self.data, self.at, self.end)
        if begins is None:
            self.take(b"endobj")
        else:
            self.at = begins.end()
            value = self._stream(value)
        return IndirectObject(number, value, start, self.at, spans)

    def _stream(self, entries: Any) -> Stream:
        length = entries.get("Length") if isinstance(entries, dict) else None
        if type(length) is not int or not 0 <= length <= self.end - self.at:
            raise self.fail("a stream's length must be a number and inside the file")
        begin, self.at = self.at, self.at + length
        found = _END_STREAM.match(self.data, self.at, self.end)
        if found is None:
            raise self.fail("a stream must end where its length says, with endstream and endobj")
        self.at = found.end()
        return Stream(entries, self.data[begin : begin + length])
