"""What the look-up page says, in Chinese and in English."""

from __future__ import annotations

__all__ = ["FACTS_ZH", "FRAME", "KINDS", "MATCHED", "STATUSES", "TEXTS", "TITLES"]

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
        "independent": "This page is made by the node that was asked, and so proves little by "
        "itself. To prove something, get the evidence bundle or a certificate and check it "
        "offline.",
        "how": "How to verify",
        "privacy": "This site sets no cookies and loads nothing from elsewhere. Personal data is "
        "neither on the chain nor shown here.",
    },
}
"""The texts of the frame around every page."""

TEXTS = {
    "zh": {
        "title": "电子印章存证查询",
        "other": "English",
        "alarm_title": "警告：与外部链不一致。",
        "alarm": "外部链 {chain} 上的存证与本账本不符，两者之一的历史是假的。"
        "在查明原因之前，请勿仅凭本页作出判断，并请联系节点运营方。",
        "label": "存证编码、签约编号、印章编码、备案编号、证书编号或文件哈希",
        "hint": "例如 CZ0034133234711-2。全角字符、空格和大小写均可识别。",
        "search": "查询",
        "found": "找到 {count} 个卷宗",
        "as_alias": "（所查为其他系统的编号，由本账本的记录登记，不是本账本的存证编码）",
        "matched": "查得依据",
        "about_title": "本页说明什么，不说明什么",
        "about": "本页显示：谁在何时向账本提交了什么类型的记录、所引用文件的哈希值，"
        "以及当时的印章状态。记录自下列「上链」时间起未被更改，且可离线独立核验。"
        "本页不对文件内容或记录内容是否真实作出判断。个人信息不在链上，也不在本页显示。",
        "independent": "页面由被查询的节点生成，本身证明力有限。"
        "需要举证时，请取得证据包并用离线核验程序核验。",
        "code": "存证编码",
        "kind": "类别",
        "opener": "开立方",
        "status": "当前状态",
        "count": "记录数",
        "occurred": "发生",
        "collected": "采集",
        "submitted": "提交",
        "chained": "上链",
        "chained_text": "{time} 至 {proven}（区块 {height}）",
        "member": "提交方",
        "documents": "文件 SHA-256",
        "transaction": "交易编号",
        "leaf": "叶哈希",
        "private": "另有 {count} 项私密字段，不在此显示",
        "facts": "账本核查所见",
        "as_of": "数据截至区块 {height}，{time}",
        "more": "仅显示前 {count} 条记录",
    },
    "en": {
        "title": "Evidence look-up for electronic seals",
        "other": "中文",
        "alarm_title": "Warning: an outside chain contradicts this ledger.",
        "alarm": "What {chain} holds is not what this ledger holds: one of the two histories is "
        "false. Until it is known which, conclude nothing from this page alone, and ask the node's "
        "operator.",
        "label": "Evidence code, 签约编号, seal code, filing or certificate number, "
        "or a file's hash",
        "hint": "Such as CZ0034133234711-2. Full-width characters, blanks and case do not matter.",
        "search": "Look up",
        "found": "{count} found",
        "as_alias": " (as a number of another system, which a record here names: it is no evidence "
        "code of this ledger)",
        "matched": "Found by",
        "about_title": "What this page shows, and what it does not",
        "about": "It shows who submitted which type of record and when, the hashes of the files "
        "that it names, and the seal's status at that moment. Since the time given under “on the "
        "chain” a record has not been changed, which anybody can check offline. Whether a file's "
        "or a record's content is true is not judged here. Personal data is neither on the chain "
        "nor on this page.",
        "independent": "A page proves little, since the node that is asked makes it. To prove "
        "something, get the evidence bundle and check it offline.",
        "code": "Evidence code",
        "kind": "Kind",
        "opener": "Opened by",
        "status": "Status now",
        "count": "Records",
        "occurred": "Occurred",
        "collected": "Collected",
        "submitted": "Submitted",
        "chained": "On the chain",
        "chained_text": "{time} to {proven} (block {height})",
        "member": "Submitted by",
        "documents": "SHA-256 of files",
        "transaction": "Transaction",
        "leaf": "Leaf hash",
        "private": "and {count} private fields, not shown here",
        "facts": "What the ledger found",
        "as_of": "As of block {height}, {time}",
        "more": "Only the first {count} records are shown",
    },
}

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
