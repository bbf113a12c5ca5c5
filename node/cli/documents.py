"""Files held against a bundle: which of its records name a file, by its SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from node.cli.output import marks, say
from node.core.bundle import decode_bundle
from node.core.entry import decode_entry
from node.core.transaction import decode_transaction

__all__ = ["Document", "Naming", "compare_documents", "tell_documents"]

_CHUNK = 1 << 20
_WORDS = {
    "en": {
        "title": "Documents, compared with the records by SHA-256:",
        "unnamed": "NO RECORD of this bundle names it",
        "unproven": "not compared: the bundle did not pass",
    },
    "zh": {
        "title": "文件（按 SHA-256 与记录比对）：",
        "unnamed": "本证据包中没有记录提及该文件",
        "unproven": "未比对：证据包核验未通过",
    },
}


@dataclass(frozen=True)
class Naming:
    """A record that names a document: its code and type, and the public field that does it."""

    code: str
    type: str
    field: str


@dataclass(frozen=True)
class Document:
    """A file and the records that name it. ``named`` is None where the bundle was not accepted."""

    file: str
    sha256: str
    named: tuple[Naming, ...] | None


def compare_documents(paths: Sequence[str], bundle: bytes, *, accepted: bool) -> list[Document]:
    """Find the records that name each file. ``bundle`` is what was verified.

    Raises:
        OSError: a file cannot be read.
    """
    digests = [_sha256_of(path) for path in paths]
    if not accepted:
        return [Document(path, digest, None) for path, digest in zip(paths, digests)]
    named: dict[str, list[Naming]] = {}
    for bundled in decode_bundle(bundle).entries:
        entry = decode_entry(bundled.text, place="entry")
        transaction = decode_transaction(entry.tx.encode("ascii"))
        for field, text in _texts(transaction.data, ""):
            named.setdefault(text, []).append(Naming(entry.code, transaction.type, field))
    return [
        Document(path, digest, tuple(named.get(digest, ()))) for path, digest in zip(paths, digests)
    ]


def _sha256_of(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _texts(value: Any, field: str) -> Iterator[tuple[str, str]]:
    """All texts within a record's public fields, each with the field that it stands in."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from _texts(member, f"{field}.{name}" if field else name)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _texts(item, f"{field}[{position}]")


def tell_documents(documents: Sequence[Document], language: str) -> None:
    """Say of each file which records name it."""
    words = _WORDS[language]
    passed, failed, unchecked = marks()
    say()
    say(words["title"])
    for document in documents:
        mark = unchecked if document.named is None else passed if document.named else failed
        say(f"   {mark} {{}}", document.file)
        say("     {}", document.sha256)
        for naming in document.named or ():
            say("     {}  {}  {}", naming.code, naming.type, naming.field)
        if not document.named:
            say("     {}", words["unproven" if document.named is None else "unnamed"])
