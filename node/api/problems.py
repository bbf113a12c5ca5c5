"""Problem documents (RFC 9457): every error of the interface, with a stable name for each kind.

``type`` is ``urn:evidence-ledger:problem:<name>``. Texts stand in English and in Chinese. Members
beside those of the standard: ``place`` and ``rule`` where an input is at fault, ``code``, ``name``
and ``height`` where a rule of the chain refuses a record, ``retry_after`` in seconds.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from node.core.errors import InvalidInput, InvalidSignature, LedgerFault
from node.evidence.certificates.errors import (
    CertificateError,
    CopyLost,
    IssuingBusy,
    NotOnRecord,
    RecordPending,
    TimeStampFailed,
    TokenReused,
)
from node.ledger.reader import NotProven
from node.storage.errors import StorageError
from node.submission.errors import SubmissionError, SubmissionFull, SubmissionStopped
from node.vault.errors import VaultError

__all__ = ["KINDS", "PROBLEM_TYPE", "Kind", "Problem", "malformed", "problem_of"]

PROBLEM_TYPE = "urn:evidence-ledger:problem:"
_RETRY_AFTER = 2
_CERTIFICATE_RETRY_AFTER = 5


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its name, status, and title in both languages."""

    name: str
    status: int
    title: str
    title_zh: str


_ROWS = (
    ("malformed", 400, "The request is malformed", "请求格式不正确"),
    ("invalid-signature", 400, "The signature does not hold", "签名无效"),
    ("unauthenticated", 401, "A member has to sign this request", "该请求须由成员签名"),
    ("forbidden", 403, "This member may not do that", "该成员无此权限"),
    ("not-found", 404, "There is no such thing", "未找到"),
    ("not-offered", 404, "This node does not offer that", "本节点不提供该服务"),
    ("method-not-allowed", 405, "This method is not offered here", "不支持该请求方法"),
    ("timeout", 408, "The request did not arrive in time", "请求接收超时"),
    ("conflict", 409, "This event id was used for other bytes", "事件号已用于另一交易"),
    ("token-reused", 409, "This token stands for another request", "该幂等令牌已用于另一请求"),
    ("gone", 410, "The copy is not kept any more", "副本已不再保存"),
    ("too-large", 413, "The request is too large", "请求过大"),
    ("unsupported-media-type", 415, "This media type is not taken here", "不支持的媒体类型"),
    ("refused", 422, "A rule refuses the record", "规则不允许该记录"),
    ("internal", 500, "The node failed", "节点内部错误"),
    ("ledger-fault", 500, "What is stored cannot be right", "存储数据异常"),
    ("busy", 503, "The node is full", "节点繁忙"),
    ("stopped", 503, "The node takes nothing now", "节点暂停受理"),
    ("not-ready", 503, "Not possible yet", "节点尚未就绪"),
    ("not-sealed", 503, "The certificate could not be sealed", "证书未能签章"),
    (
        "not-recorded",
        503,
        "The record that this asks for could not be made",
        "所需的链上记录未能完成",
    ),
)
KINDS = {row[0]: Kind(*row) for row in _ROWS}


class Problem(Exception):
    """An answer that is an error. ``members`` join the document, ``headers`` the answer's."""

    def __init__(
        self,
        kind: str,
        detail: str,
        detail_zh: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind, detail)
        self.kind = KINDS[kind]
        self.detail = detail
        self.detail_zh = detail_zh
        self.members = dict(members or {})
        self.headers = dict(headers or {})
        self.instance = f"urn:uuid:{uuid.uuid4()}"
        if "retry_after" in self.members:
            self.headers["Retry-After"] = str(self.members["retry_after"])

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.kind.status

    def to_json(self) -> dict[str, Any]:
        """The document."""
        return {
            "type": PROBLEM_TYPE + self.kind.name,
            "title": self.kind.title,
            "title_zh": self.kind.title_zh,
            "status": self.kind.status,
            "detail": self.detail,
            "detail_zh": self.detail_zh,
            "instance": self.instance,
            **self.members,
        }


def problem_of(error: Exception) -> Problem:
    """The problem that stands for an error of the node's own; "internal" for any other."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, InvalidInput):
        kind = "invalid-signature" if isinstance(error, InvalidSignature) else "malformed"
        return malformed(error.place, error.rule, kind, error.rule_zh)
    if isinstance(error, SubmissionError):
        return _unsubmitted(error)
    if isinstance(error, NotProven):
        return Problem(
            "not-ready", str(error), "尚无区块头可证明当前状态，请待下一区块。", {"retry_after": 5}
        )
    if isinstance(error, LedgerFault):
        return Problem(
            "ledger-fault", str(error), "账本存储数据与日志不一致，请联系节点运营方：未作答复。"
        )
    if isinstance(error, StorageError):
        return Problem(
            "not-ready",
            f"the store cannot be read now: {error.fault}",
            "存储暂不可用",
            {"retry_after": _RETRY_AFTER},
        )
    if isinstance(error, CertificateError):
        return _uncertified(error)
    if isinstance(error, VaultError):
        return Problem("internal", str(error), "私密信息库异常，请联系节点运营方。")
    return Problem(
        "internal",
        "an unexpected failure; it is in the node's log under this instance",
        "未预料的错误，节点日志中以本 instance 记录。",
    )


def malformed(place: str, rule: str, kind: str = "malformed", rule_zh: str = "") -> Problem:
    """Something in the request is not of its form."""
    text_zh = f"{place} 不符合要求：{rule_zh or rule}"
    return Problem(kind, f"{place}: {rule}", text_zh, {"place": place, "rule": rule})


def _uncertified(error: CertificateError) -> Problem:
    """A certificate that is not issued. What is wrong with the seal's key is in the log alone."""
    after = {"retry_after": _CERTIFICATE_RETRY_AFTER}
    if isinstance(error, IssuingBusy):
        return Problem("busy", str(error), "出证任务已满，请稍后重试。", after)
    if isinstance(error, TokenReused):
        return Problem("token-reused", str(error), "该幂等令牌已用于另一请求。")
    if isinstance(error, CopyLost):
        return Problem("gone", str(error), "本节点保存的证书副本已不可用。")
    if isinstance(error, RecordPending):
        return Problem(
            "not-ready", str(error), "节点正在同步区块，尚不能确定该证书是否已登记。", after
        )
    if isinstance(error, NotOnRecord):
        text = f"the certificate could not be put on record: {error}"
        return Problem("not-recorded", text, f"证书未能上链登记：{error}", after)
    if isinstance(error, TimeStampFailed):
        return Problem("not-sealed", str(error), f"未取得可信时间戳，未出具证书：{error}", after)
    return Problem(
        "not-sealed",
        "the institution's seal cannot be used now; the node's log says why",
        "出证机构印章暂不可用，未出具证书；原因见节点日志。",
        after,
    )


def _unsubmitted(error: SubmissionError) -> Problem:
    if isinstance(error, SubmissionFull):
        return Problem(
            "busy",
            str(error),
            "节点待处理记录已满，请稍后重试。",
            {"retry_after": error.retry_after},
        )
    after = error.retry_after if isinstance(error, SubmissionStopped) else _RETRY_AFTER
    return Problem("stopped", str(error), f"节点暂停受理：{error}", {"retry_after": after})
