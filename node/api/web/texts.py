"""Words that the pages share, in Chinese and in English: the frame, and the names of things."""

from __future__ import annotations

__all__ = [
    "ANCHOR_STATES",
    "FACTS",
    "FACTS_ZH",
    "FACT_VALUES",
    "FRAME",
    "KINDS",
    "MATCHED",
    "STATUSES",
    "TITLES",
]

FRAME = {
    "zh": {
        "site": "电子印章存证账本",
        "other": "English",
        "skip": "跳到正文",
        "navigation": "页面",
        "look_up": "查询",
        "document": "文件核对",
        "certificate": "证书",
        "verify": "核验",
        "statistics": "统计",
        "status": "网络状态",
        "alarm_title": "警告：与外部链不一致。",
        "alarm": "外部链 {chain} 上的存证与本账本不符，两者之一的历史是假的。"
        "在查明原因之前，请勿仅凭本页作出判断，并请联系节点运营方。",
        "independent": "本页由被查询的节点生成，本身证明力有限；"
        "需要举证时，请取得证据包或证书并离线核验。",
        "how": "如何核验",
        "privacy": "本站不使用 Cookie，不加载任何外部内容；个人信息不在链上，也不在本站显示。",
    },
    "en": {
        "site": "Evidence ledger for electronic seals",
        "other": "中文",
        "skip": "Skip to the content",
        "navigation": "Pages",
        "look_up": "Look up",
        "document": "Document check",
        "certificate": "Certificates",
        "verify": "Verify",
        "statistics": "Statistics",
        "status": "Network",
        "alarm_title": "Warning: an outside chain contradicts this ledger.",
        "alarm": "What {chain} holds is not what this ledger holds: one of the two histories is "
        "false. Until it is known which, conclude nothing from this page alone, and ask the node's "
        "operator.",
        "independent": "This page is made by the node that was asked, and so proves little by "
        "itself. To prove something, get the evidence bundle or a certificate and check it "
        "offline.",
        "how": "How to verify",
        "privacy": "This site sets no cookies and loads nothing from elsewhere. Personal data is "
        "neither on the chain nor shown here.",
    },
}
"""The texts of the frame around every page."""

TITLES = {
    "anchor.confirmed": "Anchored on an outside chain",
    "certificate.issued": "Certificate issued",
    "disclosure.erased": "Private fields erased",
    "disclosure.released": "Private fields released",
    "governance.proposed": "Change proposed",
    "governance.voted": "Vote on a proposal",
    "governance.withdrawn": "Proposal withdrawn",
    "key.compromised": "Key reported as compromised",
    "key.rotated": "Key replaced",
    "record.imported": "Record of an older system",
    "seal.applied": "Seal applied for",
    "seal.certificate_renewed": "Seal's certificate renewed",
    "seal.created": "Seal made",
    "seal.filed": "Seal filed with the police",
    "seal.imported": "Seal of an older system",
    "seal.status_changed": "Seal's status published",
    "signing.completed": "Signing completed",
    "signing.identity_verified": "Identity verified",
    "signing.initiated": "Signing initiated",
    "signing.intent_confirmed": "Intent confirmed",
    "signing.rejected": "Signing rejected",
    "signing.sealed": "Document sealed",
    "signing.started": "Signing started",
    "signing.voided": "Signing voided",
    "validator.misbehaved": "Validator misbehaved",
}

KINDS = {
    "anchor": "Anchor",
    "case": "Signing case",
    "consortium": "Consortium",
    "record": "Record",
    "seal": "Electronic seal",
}

MATCHED = {
    "alias": ("其他系统的编号（别名）", "number of another system (alias)"),
    "certificate_no": ("证书编号", "certificate number"),
    "code": ("存证编码", "evidence code"),
    "document": ("文件哈希", "a file's hash"),
    "dossier": ("卷宗名称", "name of the dossier"),
    "es_id": ("印章标识", "seal's id"),
    "filing_no": ("备案编号", "filing number"),
    "seal_code": ("印章编码", "seal code"),
    "sign_no": ("签约编号", "签约编号"),
    "transaction": ("交易编号", "transaction id"),
}
"""By what a dossier was found, in Chinese and in English."""

STATUSES = {
    "active": "active",
    "applied": "applied for",
    "cancelled": "cancelled",
    "completed": "completed",
    "created": "made, not filed yet",
    "expired": "expired",
    "imported": "imported",
    "initiated": "initiated",
    "lost": "reported lost",
    "not_yet_valid": "not yet valid",
    "recorded": "recorded",
    "rejected": "rejected",
    "revoked": "revoked",
    "started": "being signed",
    "suspended": "suspended",
    "voided": "voided",
}

FACTS_ZH = {
    "about": "所涉卷宗",
    "from": "变更前状态",
    "imported": "补录",
    "intent": "意愿确认",
    "late": "滞后（毫秒）",
    "seal_record": "印章状态依据",
    "seal_status": "签署时印章状态",
    "seal_status_version": "印章状态版本",
    "status": "状态",
    "status_version": "状态版本",
}

FACTS = {
    "about": "About the dossier",
    "from": "Status before",
    "imported": "Taken over from an older system",
    "intent": "Consent",
    "late": "Late by (ms)",
    "seal_record": "Record that set the seal's status",
    "seal_status": "Seal's status when signing",
    "seal_status_version": "Version of the seal's status",
    "status": "Status",
    "status_version": "Version of the status",
}

FACT_VALUES = {
    "confirmed": ("已确认", "confirmed"),
    "none": ("无", "none"),
}
"""Values of facts that are no status, in Chinese and in English."""

ANCHOR_STATES = {
    "conflict": ("与本账本不符", "contradicts this ledger"),
    "not configured": ("已不再使用", "no longer used"),
    "stopped": ("已停止", "stopped"),
    "unreachable": ("暂时无法连接", "cannot be reached now"),
    "up to date": ("已是最新", "up to date"),
    "working": ("进行中", "under way"),
}
"""How an outside chain's adapter stands, in Chinese and in English."""
