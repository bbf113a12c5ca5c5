"""Words of the page that checks a document, in Chinese and in English."""

from __future__ import annotations

__all__ = ["DOCUMENT", "MARKS", "OUTCOMES"]

DOCUMENT = {
    "zh": {
        "title": "文件核对",
        "claim": "本页告诉您：这份文件是否在账本中有记录、由谁签章、签章之后是否被改动。"
        "只核对文件和签名，不判断文件内容是否真实。",
        "claim_recorded": "这份文件逐字节一致的版本，最早在 {time} 已记入账本。"
        "这只证明文件存在和签章的事实，不判断文件内容是否真实。",
        "claim_unrecorded": "账本中没有与这份文件逐字节一致的记录。以下只说明文件自身的签名情况，"
        "不判断文件内容是否真实。",
        "hash_title": "一、按哈希查询（文件不离开您的设备）",
        "hash_what": "浏览器在本机计算文件的 SHA-256 哈希值，只用这 64 个字符查询；"
        "文件本身不会发送。任何类型、任何大小的文件都可以。",
        "choose": "选择文件（也可拖放到此处）",
        "hash_label": "SHA-256 哈希值",
        "hash_hint": "64 个十六进制字符，空格和大小写不影响",
        "hash_search": "查询",
        "hashing": "正在本机计算哈希值：",
        "hashed": "计算完成，正在查询：",
        "unreadable": "无法读取该文件。",
        "by_hand": "不用脚本，自己计算哈希值",
        "by_hand_linux": "Linux 或 macOS：",
        "by_hand_windows": "Windows：",
        "by_hand_then": "然后把得到的 64 个字符填入上面的输入框。",
        "deep_title": "二、核验签章（需上传文件）",
        "deep_what": "上传 PDF 文件后，本节点逐一核验其中的数字签名：谁签的、签名是否成立、"
        "签后是否被改动、所用印章当时和现在的状态。",
        "deep_kept": "文件会整个发送到本节点。核验完毕立即删除，不保存、不记录内容。"
        "文件若不便离开您的设备，请只用上面的哈希查询。",
        "deep_limit": "仅限 PDF，最大 {most} MB；加密的 PDF 和 OFD 文件无法核验。",
        "deep_label": "要上传的 PDF 文件",
        "deep_send": "上传并核验",
        "again": "核对另一份文件",
        "result": "核验结果",
        "contradicted": "签名与账本中的记录有不符之处，"
        "或记录表明印章当时不处于有效状态，详见各签名。",
        "file": "文件",
        "size": "大小",
        "bytes": "{count} 字节",
        "sha256": "SHA-256",
        "on_record": "在账本中的记录",
        "none_on_record": "账本中没有与整个文件一致的记录。",
        "states": "文件以前的版本",
        "states_what": "文件中保留着签章以前的版本，其中有记录或签章的版本如下。",
        "state": "前 {count} 字节",
        "no_record": "账本中没有记录",
        "signatures": "签名（按先后）",
        "signature": "第 {ordinal} 个：{field}",
        "stamp": "第 {ordinal} 个：时间戳",
        "name": "证书名称",
        "organisation": "单位",
        "issuer": "发证机构",
        "serial": "证书序列号",
        "certificate_hash": "证书 SHA-256",
        "claimed": "签署人自述时间",
        "stamped": "时间戳时间",
        "checks": "逐项核验",
        "recorded": "与账本记录对照",
        "as_of": "截至区块 {height}（{time}）",
        "meaning": "“未核验”不等于有问题，也不等于没问题：只表示本节点无从判断。"
        "证书链只按本节点配置的根证书核验，吊销状态只看文件所附材料，不联网查询。",
    },
    "en": {
        "title": "Document check",
        "claim": "This page tells whether a file is on record in the ledger, who sealed it, and "
        "whether it was changed afterwards. It checks file and signatures; whether the content is "
        "true is not judged.",
        "claim_recorded": "This file, byte for byte, was on record by {time}. That proves that it "
        "existed and was sealed; whether its content is true is not judged.",
        "claim_unrecorded": "No record of the ledger names this file as it is. What follows is of "
        "the file's own signatures; whether its content is true is not judged.",
        "hash_title": "1. Look up by hash (the file stays on your device)",
        "hash_what": "The browser computes the file's SHA-256 on this device and asks with those "
        "64 characters alone; the file itself is not sent. Files of every kind and size will do.",
        "choose": "Choose a file (or drop it here)",
        "hash_label": "SHA-256",
        "hash_hint": "64 hexadecimal characters; blanks and case do not matter",
        "hash_search": "Look up",
        "hashing": "Computing the hash on this device:",
        "hashed": "Computed, looking it up:",
        "unreadable": "The file cannot be read.",
        "by_hand": "Compute the hash yourself, without a script",
        "by_hand_linux": "Linux or macOS:",
        "by_hand_windows": "Windows:",
        "by_hand_then": "Then put the 64 characters into the field above.",
        "deep_title": "2. Check the signatures (the file is uploaded)",
        "deep_what": "This node checks each digital signature of a PDF: who made it, whether it "
        "holds, what was changed afterwards, and the status of its seal then and now.",
        "deep_kept": "The whole file is sent to this node. It is deleted as soon as it is checked; "
        "nothing of it is kept or logged. If the file must not leave your device, use the look-up "
        "by hash above.",
        "deep_limit": "PDF only, at most {most} MB. Encrypted PDFs and OFD documents cannot be "
        "checked.",
        "deep_label": "PDF to upload",
        "deep_send": "Upload and check",
        "again": "Check another file",
        "result": "Result",
        "contradicted": "A signature differs from what is on record, or the record says that the "
        "seal was not active: see below.",
        "file": "The file",
        "size": "Size",
        "bytes": "{count} bytes",
        "sha256": "SHA-256",
        "on_record": "On record in the ledger",
        "none_on_record": "No record of the ledger names the whole file.",
        "states": "Earlier states of the file",
        "states_what": "The file still holds the states that it had before. Those that are on "
        "record, or that a signature ends, are:",
        "state": "the first {count} bytes",
        "no_record": "no record",
        "signatures": "Signatures, in their order",
        "signature": "Number {ordinal}: {field}",
        "stamp": "Number {ordinal}: time-stamp",
        "name": "Name in the certificate",
        "organisation": "Organisation",
        "issuer": "Issued by",
        "serial": "Serial number",
        "certificate_hash": "SHA-256 of the certificate",
        "claimed": "Time that the signer claims",
        "stamped": "Time of the time-stamp",
        "checks": "Checks",
        "recorded": "Compared with the ledger",
        "as_of": "As of block {height} ({time})",
        "meaning": "“Not checked” means neither good nor bad: this node cannot tell. Chains are "
        "judged by the roots that this node has configured, revocation by what the file brings "
        "along; nobody is asked.",
    },
}

MARKS = {
    "zh": {
        "passed": "通过",
        "failed": "未通过",
        "not checked": "未核验",
        "not on record": "无记录",
        "note": "说明",
        "incomplete": "部分未核验",
        "none": "无签名",
    },
    "en": {
        "passed": "passed",
        "failed": "failed",
        "not checked": "not checked",
        "not on record": "not on record",
        "note": "note",
        "incomplete": "not all checked",
        "none": "no signature",
    },
}
"""Words of a check's status, and of a verdict."""

OUTCOMES = {"passed": "good", "failed": "bad"}
"""How a status is coloured; all others are neither good nor bad."""
