"""The records of an accepted bundle, as people read them: what, who, when, what was disclosed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from node.cli.output import say
from node.core.bundle import Bundle, BundledEntry, decode_bundle
from node.core.disclosure import decode_disclosure
from node.core.encoding import rfc3339
from node.core.entry import decode_entry
from node.core.genesis import decode_genesis
from node.core.transaction import decode_transaction

__all__ = ["EVENT_TITLES", "ShownRecord", "shown_records", "tell_records"]

EVENT_TITLES = {
    "anchor.confirmed": "第三方存证",
    "certificate.issued": "出证",
    "disclosure.erased": "私密信息删除",
    "disclosure.released": "私密信息披露",
    "governance.proposed": "提案",
    "governance.voted": "表决",
    "governance.withdrawn": "撤回提案",
    "key.compromised": "密钥泄露报告",
    "key.rotated": "密钥更换",
    "record.imported": "存证补录",
    "seal.applied": "印章申请",
    "seal.certificate_renewed": "证书更新",
    "seal.created": "印章制作",
    "seal.filed": "公安备案",
    "seal.imported": "印章补录",
    "seal.status_changed": "状态发布",
    "signing.completed": "签署完成",
    "signing.identity_verified": "实名认证",
    "signing.initiated": "发起签约",
    "signing.intent_confirmed": "意愿认证",
    "signing.rejected": "拒绝签署",
    "signing.sealed": "签署",
    "signing.started": "开始签章",
    "signing.voided": "作废",
    "validator.misbehaved": "验证节点违规",
}
"""Chinese titles of the types of events; the rules have them too, but the verifier has no rules."""

_WORDS = {
    "en": {
        "title": "Records, as they are proven. What they say is their submitters' word:",
        "occurred": "happened",
        "collected": "collected",
        "submitted": "submitted",
        "chain": "in the log",
        "until": "between {} and {}",
        "data": "public",
        "disclosed": "disclosed",
        "hidden": "undisclosed private fields",
    },
    "zh": {
        "title": "记录（存在与时间已核验，内容为提交方所述）：",
        "occurred": "发生",
        "collected": "采集",
        "submitted": "提交",
        "chain": "上链",
        "until": "{} 至 {} 之间",
        "data": "公开字段",
        "disclosed": "已披露",
        "hidden": "未披露的私密字段",
    },
}


@dataclass(frozen=True)
class ShownRecord:
    """One record. Times are ms since the Unix epoch, ``submitted_at`` in whole seconds of it; the
    record is in the log no earlier than ``time`` and no later than ``proven_time``. ``hidden``
    counts the private fields that the bundle does not disclose."""

    code: str
    type: str
    title_zh: str
    member: str
    member_name: str
    occurred_at: int
    collected_at: int | None
    submitted_at: int
    time: int
    proven_time: int
    data: dict[str, Any]
    disclosed: dict[str, Any]
    hidden: int

    def to_json(self) -> dict[str, Any]:
        """The record as a JSON object."""
        return asdict(self)


def shown_records(bundle: bytes) -> list[ShownRecord]:
    """The records of a bundle that was accepted; of another one nothing that this says is proven.

    Raises:
        InvalidInput: the bundle is not of its form.
    """
    decoded = decode_bundle(bundle)
    names = _names(decoded)
    times = {
        header.height: header.time.milliseconds
        for chain in (*decoded.predecessors, decoded.chain)
        for header in chain.headers
    }
    return [_record(bundled, names, times) for bundled in decoded.entries]


def _names(bundle: Bundle) -> dict[str, str]:
    """Members' names: the geneses', or newer ones where the state proofs show them."""
    names = {
        member.id: member.name
        for chain in (*bundle.predecessors, bundle.chain)
        for member in decode_genesis(chain.genesis).members
    }
    for proof in bundle.state:
        if proof.key.startswith("member/") and proof.value is not None:
            name = json.loads(proof.value).get("name")
            if isinstance(name, str):
                names[proof.key[len("member/") :]] = name
    return names


def _record(bundled: BundledEntry, names: dict[str, str], times: dict[int, int]) -> ShownRecord:
    entry = decode_entry(bundled.text)
    transaction = decode_transaction(entry.tx.encode("ascii"))
    disclosed = [decode_disclosure(text) for text in bundled.disclosures]
    return ShownRecord(
        code=entry.code,
        type=transaction.type,
        title_zh=EVENT_TITLES.get(transaction.type, transaction.type),
        member=transaction.iss,
        member_name=names.get(transaction.iss, ""),
        occurred_at=transaction.occurred_at,
        collected_at=transaction.collected_at,
        submitted_at=transaction.iat * 1000,
        time=entry.time,
        proven_time=times[entry.height + 1],
        data=transaction.data,
        disclosed={disclosure.name: disclosure.value for disclosure in disclosed},
        hidden=len(transaction.digests) - len(disclosed),
    )


def tell_records(records: list[ShownRecord], language: str) -> None:
    """Write the records to standard output, oldest first."""
    words = _WORDS[language]
    say()
    say(words["title"])
    for record in records:
        title = record.title_zh if language == "zh" else record.type
        name = f"{record.member_name} ({record.member})" if record.member_name else record.member
        say("   {}  {}  {}", record.code, title, name)
        _tell_times(record, words)
        for label, fields in (("data", record.data), ("disclosed", record.disclosed)):
            for field, value in fields.items():
                shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                say("     {}  {} = {}", words[label], field, shown)
        if record.hidden:
            say("     {}  {}", words["hidden"], record.hidden)


def _tell_times(record: ShownRecord, words: dict[str, str]) -> None:
    say("     {}  {}", words["occurred"], rfc3339(record.occurred_at))
    if record.collected_at is not None:
        say("     {}  {}", words["collected"], rfc3339(record.collected_at))
    say("     {}  {}", words["submitted"], rfc3339(record.submitted_at, whole_seconds=True))
    span = words["until"].format(rfc3339(record.time), rfc3339(record.proven_time))
    say("     {}  {}", words["chain"], span)
