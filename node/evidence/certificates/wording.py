"""How a certificate writes things: two languages, times, hashes, statuses and lags."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.core.encoding import rfc3339
from node.core.verify import FAILED, NOT_CHECKED, PASSED
from node.evidence.certificates.port import Language

__all__ = ["STATUSES", "Wording", "breakable", "grouped", "show_unprintable"]

STATUSES = {
    "active": ("有效", "active"),
    "applied": ("已申请", "applied for"),
    "cancelled": ("已注销", "cancelled"),
    "completed": ("已完成", "completed"),
    "created": ("已制作，待公安备案", "made, not yet filed with the police"),
    "expired": ("已过期", "expired"),
    "imported": ("已补录", "imported"),
    "initiated": ("已发起", "initiated"),
    "lost": ("已挂失", "reported lost"),
    "not_yet_valid": ("尚未生效", "not yet valid"),
    "recorded": ("已存证", "recorded"),
    "rejected": ("已拒签", "rejected"),
    "revoked": ("已吊销（撤销）", "revoked"),
    "started": ("签署中", "signing"),
    "suspended": ("已停用（冻结）", "suspended"),
    "voided": ("已作废", "voided"),
}
"""Statuses of seals, cases and records, in Chinese and English."""
_CHECKS = {
    PASSED: ("通过", "passed"),
    FAILED: ("未通过", "failed"),
    NOT_CHECKED: ("未核验", "not checked"),
}
_UNITS = (
    (86_400_000, "天", "d"),
    (3_600_000, "小时", "h"),
    (60_000, "分", "min"),
    (1000, "秒", "s"),
)
_IGNORABLE = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)}
"""Characters that print nothing although they count as printable (Default_Ignorable_Code_Point)."""
_IDEOGRAPHIC_SPACE = "\u3000"
_LONG_RUN = re.compile(r"[^\s\u2e80-\u9fff\uf900-\uffef\U00020000-\U0003ffff]{25,}")
_PIECE = 10


def grouped(digest: str) -> list[str]:
    """A hash of 64 hex digits as two lines of eight groups of four, to be read aloud."""
    groups = [digest[start : start + 4] for start in range(0, len(digest), 4)]
    return [" ".join(groups[start : start + 8]) for start in range(0, len(groups), 8)]


def show_unprintable(text: str) -> str:
    """``text`` with every character that prints nothing, or that moves what stands beside it, as
    ``[U+XXXX]``: seen, neither obeyed nor dropped. Private-use characters stay, to be refused."""
    if text.isprintable() and _IGNORABLE.isdisjoint(map(ord, text)):
        return text
    return "".join(f"[U+{ord(one):04X}]" if _is_unseen(one) else one for one in text)


def breakable(text: str) -> str | list[str]:
    """``text``, in pieces where it has a run of characters that is longer than a narrow column and
    in which no line could end, such as an address."""
    pieces: list[str] = []
    end = 0
    for run in _LONG_RUN.finditer(text):
        pieces.append(text[end : run.start()])
        pieces += [run[0][start : start + _PIECE] for start in range(0, len(run[0]), _PIECE)]
        end = run.end()
    if not pieces:
        return text
    return [piece for piece in (*pieces, text[end:]) if piece]


def _is_unseen(character: str) -> bool:
    if character == _IDEOGRAPHIC_SPACE or unicodedata.category(character) == "Co":
        return False
    return not character.isprintable() or ord(character) in _IGNORABLE


@dataclass(frozen=True)
class Wording:
    """The language of one certificate."""

    language: Language

    def say(self, zh: str, en: str) -> str:
        """The one of two texts that is in its language."""
        return zh if self.language == "zh" else en

    def pick(self, pair: tuple[str, str]) -> str:
        """`say` of a pair."""
        return self.say(*pair)

    def time(self, milliseconds: int) -> str:
        """RFC 3339 in China's time, a space instead of the T."""
        return rfc3339(milliseconds).replace("T", " ")

    def second(self, seconds: int) -> str:
        """The same of a time that is only known to the second."""
        return rfc3339(seconds * 1000, whole_seconds=True).replace("T", " ")

    def lag(self, milliseconds: int) -> str:
        """A length of time in at most two units, with its sign where it is negative."""
        if abs(milliseconds) < 1000:
            return self.say(f"{milliseconds} 毫秒", f"{milliseconds} ms")
        rest, parts = abs(milliseconds), []
        for size, zh, en in _UNITS:
            count, rest = divmod(rest, size)
            if count:
                parts.append(self.say(f"{count} {zh}", f"{count} {en}"))
        return ("−" if milliseconds < 0 else "") + " ".join(parts[:2])

    def records(self, ordinals: Sequence[int]) -> str:
        """Records of a dossier by their ordinals, which ascend: three and more that follow one
        another as a range."""
        runs: list[list[int]] = []
        for ordinal in ordinals:
            if runs and ordinal == runs[-1][-1] + 1:
                runs[-1].append(ordinal)
            else:
                runs.append([ordinal])
        until, stop = self.say(" 至 ", " to "), self.say("、", ", ")
        told = stop.join(
            f"{run[0]}{until}{run[-1]}" if len(run) > 2 else stop.join(map(str, run))
            for run in runs
        )
        return self.say(f"第 {told} 条", f"record{'s' if len(ordinals) > 1 else ''} {told}")

    def status(self, status: Any) -> str:
        """A status of a seal, case or record; its own word where it is none of the known ones."""
        found = STATUSES.get(status) if isinstance(status, str) else None
        return str(status) if found is None else self.pick(found)

    def check(self, status: str) -> str:
        """How a step of the verifier ended."""
        return self.pick(_CHECKS[status])

    @property
    def unknown(self) -> str:
        """Said of what nobody has told."""
        return self.say("未知", "not known")

    @property
    def undisclosed(self) -> str:
        """Said of what is on record by its digest alone."""
        return self.say("未披露", "not disclosed")

    @property
    def absent(self) -> str:
        """Said of what could have been recorded and was not."""
        return self.say("未存证", "not on record")
