"""Finding dossiers by whatever somebody has at hand.

A code (with or without a record's number), an alias, a 签约编号, a seal's id or code, a filing or
certificate number, a document's or transaction's hash, a dossier's own name. Full-width characters,
blanks, dashes and case are forgiven. A code, or a certificate's number, whose check digit does not
fit was mistyped, and is told from one that no record has; codes of other systems are aliases and
have no such digit: what looks like a code and is found as an alias is said to be one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from node.api.standing import Recorded, standing_of
from node.core.errors import InvalidEncoding
from node.core.evidence_code import parse_code, tidy_lookup
from node.core.transaction import DOSSIER_KINDS
from node.evidence.certificates.numbering import is_mistyped
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader

__all__ = ["MAX_QUERY", "Found", "Hit", "look_up"]

MAX_QUERY = 200
_MOST = 50
_SUBJECT = re.compile(
    rf"(?:{'|'.join(DOSSIER_KINDS)}):[a-z0-9-]{{1,40}}:[A-Za-z0-9._-]{{1,64}}", re.ASCII
)
_CODE = re.compile(r"CZ\d{13}(?:-\d{1,9})?", re.ASCII)
_HEX = re.compile(r"[0-9A-F]{64}", re.ASCII)
_BY_NUMBER = ("alias", "sign_no", "es_id", "seal_code", "filing_no", "certificate_no")

_OUTCOMES = {
    "found": ("found", "已找到"),
    "not_found": (
        "nothing here has this number, code or hash",
        "未找到与该编号、编码或哈希对应的存证",
    ),
    "mistyped": (
        "the code's check digit does not fit: a digit is mistyped, so compare it with the "
        "certificate; or it is the code of another system, and no record here names that one",
        "存证编码校验位不符：很可能输错了一位数字，请与证书核对；"
        "若为其他系统的编码，则本账本中没有记录登记过该编码",
    ),
    "mistyped_certificate": (
        "the check digit of the certificate's number does not fit: a digit is mistyped, so compare "
        "it with the certificate",
        "证书编号校验位不符：很可能输错了一位数字，请与证书核对",
    ),
    "unknown_code": (
        "the code is well formed, and no dossier of this ledger has it",
        "存证编码格式正确，但本账本中没有该编码",
    ),
    "unknown_record": (
        "the dossier exists and has fewer records than that",
        "该卷宗存在，但没有这一序号的记录",
    ),
}
_AS_ALIAS = (
    "found as the code of another system, which a record here names; it is no evidence code of "
    "this ledger",
    "按其他系统的编码（别名）找到：该编码由本账本的记录登记，不是本账本的存证编码",
)


@dataclass(frozen=True)
class Hit:
    """A dossier that was found, by what (``matched``), and the record that it was found by."""

    subject: str
    matched: str
    code: str


@dataclass(frozen=True)
class Found:
    """What a look-up came to: ``outcome`` is one of a few words, with its texts."""

    query: str
    outcome: str
    hits: tuple[Hit, ...]

    @property
    def text(self) -> str:
        """The outcome in English."""
        return self._texts[0]

    @property
    def text_zh(self) -> str:
        """The outcome in Chinese."""
        return self._texts[1]

    @property
    def _texts(self) -> tuple[str, str]:
        ways = {hit.matched for hit in self.hits}
        if self.outcome == "found" and ways == {"alias"} and _CODE.fullmatch(self.query):
            return _AS_ALIAS
        if self.outcome == "mistyped" and is_mistyped(self.query):
            return _OUTCOMES["mistyped_certificate"]
        return _OUTCOMES[self.outcome]


def look_up(reader: LedgerReader, text: str) -> Found:
    """Find dossiers. ``text`` is what was typed or pasted, at most `MAX_QUERY` characters."""
    query = tidy_lookup(text[:MAX_QUERY])
    if not query or not query.isprintable():
        return Found(query, "not_found", ())
    hits: dict[str, Hit] = {}
    for hit in _search(reader, text.strip(), query):
        hits.setdefault(hit.subject, hit)
        if len(hits) >= _MOST:
            break
    outcome = "found"
    if _CODE.fullmatch(query):
        outcome, hit_by_code = _by_code(reader, query)
        if hit_by_code is not None:
            hits = {hit_by_code.subject: hit_by_code, **hits}
    elif is_mistyped(query):
        outcome = "mistyped"
    if hits and outcome != "unknown_record":
        outcome = "found"
    elif not hits and outcome == "found":
        outcome = "not_found"
    return Found(query, outcome, tuple(hits.values()))


def _search(reader: LedgerReader, raw: str, query: str) -> list[Hit]:
    hits: list[Hit] = []
    if _SUBJECT.fullmatch(raw) and (state := reader.state(f"dossier/{raw}")) is not None:
        hits.append(Hit(raw, "dossier", f"CZ{state['code']}"))
    if _HEX.fullmatch(query):
        hits += _by_hash(reader, query.lower())
    for kind in _BY_NUMBER:
        hits += _by_index(reader, kind, query)
    return hits


def _by_code(reader: LedgerReader, query: str) -> tuple[str, Hit | None]:
    try:
        code = parse_code(query)
    except InvalidEncoding:
        return "mistyped", None
    held = reader.state(f"code/{code.digits}")
    if held is None:
        return "unknown_code", None
    subject: str = held["dossier"]
    dossier = reader.state(f"dossier/{subject}")
    known = dossier is not None and (code.ordinal or 1) <= dossier["count"]
    return "found" if known else "unknown_record", Hit(subject, "code", str(code))


def _by_hash(reader: LedgerReader, digest: str) -> list[Hit]:
    hits = _by_index(reader, "document", digest)
    standing = standing_of(reader, bytes.fromhex(digest))
    if isinstance(standing, Recorded):
        entry = standing.entry
        hits.append(Hit(entry.transaction.sub, "transaction", entry.entry.code))
    return hits


def _by_index(reader: LedgerReader, kind: str, value: str) -> list[Hit]:
    """Dossiers of the records that an index finds; a certificate also finds what it is about."""
    hits: list[Hit] = []
    for index in find(reader.rows, kind, value, limit=_MOST):
        entry = reader.entry(index)
        transaction = entry.transaction
        about: Any = entry.entry.facts.get("about")
        if kind == "certificate_no" and isinstance(about, str):
            hits.append(Hit(about, kind, transaction.data["code"]))
        hits.append(Hit(transaction.sub, kind, entry.entry.code))
    return hits
