"""Statements about what is on record, each in English and Chinese."""

from __future__ import annotations

from typing import Any

__all__ = ["Statements"]


class Statements:
    """Collected as they are found: passed, failed, not on record, or a plain note."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def passed(self, name: str, text: str, text_zh: str) -> None:
        """File and record agree."""
        self._add(name, "passed", text, text_zh)

    def failed(self, name: str, text: str, text_zh: str) -> None:
        """File and record differ, or the record speaks against the signature."""
        self._add(name, "failed", text, text_zh)

    def absent(self, name: str, text: str, text_zh: str) -> None:
        """Nothing is recorded."""
        self._add(name, "not on record", text, text_zh)

    def note(self, name: str, text: str, text_zh: str) -> None:
        """Something that speaks neither for nor against the signature."""
        self._add(name, "note", text, text_zh)

    def _add(self, name: str, status: str, text: str, text_zh: str) -> None:
        self.made.append({"id": name, "status": status, "text": text, "text_zh": text_zh})
