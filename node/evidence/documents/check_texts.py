"""The words of the checks: titles, and what their outcomes mean, in English and Chinese."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from node.evidence.documents.findings import Check, Status

__all__ = ["CHANGES", "Checks", "shown_time"]

_BEIJING = timezone(timedelta(hours=8))
_TITLES = {
    "form": ("Form of the signature", "签名结构"),
    "integrity": ("Signed bytes unchanged", "被签名内容未被改动"),
    "signature": ("Signature value", "签名值"),
    "coverage": ("What the signature covers", "签名覆盖范围"),
    "later": ("Changes after the signature", "签名之后的改动"),
    "field": ("Conditions of the signature field", "签名域附加条件"),
    "time": ("Time of the signature", "签名时间"),
    "chain": ("Certificate chain", "证书链"),
    "revocation": ("Revocation", "证书吊销状态"),
}
CHANGES = {
    "none": ("nothing was appended after it", "签名之后文件没有任何追加"),
    "long_term": (
        "only time-stamps and material for later checks were appended",
        "签名之后只追加了时间戳或供日后核验的材料",
    ),
    "form": (
        "only further signatures and values of form fields were appended; what a later signature "
        "shows on the page, its own signer answers for",
        "签名之后只追加了其他签名或表单域内容；后加签名在页面上显示的图样由其签署人负责",
    ),
    "annotations": (
        "annotations were appended, which this signature permits",
        "签名之后追加了批注，该签名允许批注",
    ),
}


def shown_time(moment: datetime) -> str:
    """A moment as people read it here, to the second, with its zone."""
    return moment.astimezone(_BEIJING).strftime("%Y-%m-%d %H:%M:%S +08:00")


class Checks:
    """The checks of one signature, collected as they are made."""

    def __init__(self) -> None:
        self._made: list[Check] = []

    @property
    def made(self) -> tuple[Check, ...]:
        """All of them, in order."""
        return tuple(self._made)

    def passed(self, name: str, text: str, text_zh: str) -> None:
        """It was made and passed."""
        self._add(name, "passed", text, text_zh)

    def failed(self, name: str, text: str, text_zh: str) -> None:
        """It was made and failed."""
        self._add(name, "failed", text, text_zh)

    def unchecked(self, name: str, text: str, text_zh: str) -> None:
        """It was not made, and why."""
        self._add(name, "not checked", text, text_zh)

    def rest_unchecked(self, names: tuple[str, ...]) -> None:
        """These were not made because an earlier one did not pass."""
        for name in names:
            self.unchecked(
                name,
                "a check before this one did not pass, or was not made",
                "前面的核验未通过或未进行，本项未核验",
            )

    def status(self, name: str) -> Status | None:
        """What became of one of them, None if it is not among them."""
        return next((check.status for check in self._made if check.id == name), None)

    def failed_titles(self) -> list[tuple[str, str]]:
        """Titles of those that failed."""
        return [(one.title, one.title_zh) for one in self._made if one.status == "failed"]

    def unchecked_titles(self) -> list[tuple[str, str]]:
        """Titles of those that were not made."""
        return [(one.title, one.title_zh) for one in self._made if one.status == "not checked"]

    def _add(self, name: str, status: Status, text: str, text_zh: str) -> None:
        title, title_zh = _TITLES[name]
        self._made.append(Check(name, status, title, title_zh, text[:2000], text_zh[:2000]))
