"""What the look-up page says, in Chinese and in English."""

from __future__ import annotations

__all__ = ["TEXTS"]

TEXTS = {
    "zh": {
        "title": "存证查询",
        "claim": "本页证明：谁在何时向账本提交了什么类型的记录；记录自所示「上链」时间起未被更改。"
        "文件和记录的内容是否真实，本账本不作判断。",
        "claim_found": "本账本自 {first} 起存有以下记录，各自「上链」之后未被更改，可离线核验；"
        "文件和记录的内容是否真实，本账本不作判断。",
        "label": "存证编码、签约编号、印章编码、备案编号、证书编号或文件哈希",
        "hint": "例如 CZ0034133234711-2。全角字符、空格和大小写均可识别。",
        "search": "查询",
        "result": "查询结果",
        "found": "找到 {count} 个卷宗",
        "as_alias": "（所查为其他系统的编号，由本账本的记录登记，不是本账本的存证编码）",
        "near": "如果只输错了一位，您要查的可能是：",
        "near_digit": "第 {place} 位数字应为 {digit}，而不是 {typed}",
        "near_swap": "第 {place} 位与第 {next} 位数字可能颠倒",
        "matched": "查得依据",
        "matched_record": "对应记录",
        "code": "存证编码",
        "kind": "类别",
        "opener": "开立方",
        "status": "当前状态",
        "count": "记录数",
        "whole": "查看完整卷宗（时间线、区块、第三方存证）",
        "more": "以上为前 {count} 条记录，其余见完整卷宗。",
        "chained": "上链 {time}（区块 {height}）",
        "transaction": "交易编号",
        "as_of": "数据截至区块 {height}，{time}",
        "about_title": "可以查什么",
        "about_code": "存证编码：印在证书和签约页面上，CZ 加 13 位数字，最后一位为校验位。",
        "about_hash": "文件哈希：文件的 SHA-256 值，64 位十六进制。手边有文件而没有哈希的，"
        "请用「文件核对」页：文件不会离开您的设备。",
        "about_other": "旧平台的编号、印章编码、公安备案编号、证书编号均可查询。",
        "to_document": "核对文件",
        "to_certificate": "核对证书",
    },
    "en": {
        "title": "Look up evidence",
        "claim": "This page shows who submitted which type of record to the ledger and when, and "
        "that a record has not been changed since its time “on the chain”. Whether the content of "
        "a file or record is true is not judged here.",
        "claim_found": "Since {first} this ledger has held the records below; none has been "
        "changed since its time “on the chain”, which anybody can check offline. Whether the "
        "content of a file or record is true is not judged here.",
        "label": "Evidence code, 签约编号, seal code, filing or certificate number, "
        "or a file's hash",
        "hint": "Such as CZ0034133234711-2. Full-width characters, blanks and case do not matter.",
        "search": "Look up",
        "result": "Result",
        "found": "{count} found",
        "as_alias": " (as a number of another system, which a record here names: it is no evidence "
        "code of this ledger)",
        "near": "If only one digit is mistyped, you may mean:",
        "near_digit": "digit {place} should be {digit}, not {typed}",
        "near_swap": "digits {place} and {next} may be exchanged",
        "matched": "Found by",
        "matched_record": "Record found",
        "code": "Evidence code",
        "kind": "Kind",
        "opener": "Opened by",
        "status": "Status now",
        "count": "Records",
        "whole": "The whole dossier (time line, blocks, anchors)",
        "more": "These are the first {count} records; the others are in the whole dossier.",
        "chained": "on the chain {time} (block {height})",
        "transaction": "Transaction",
        "as_of": "As of block {height}, {time}",
        "about_title": "What can be looked up",
        "about_code": "An evidence code, printed on certificates and signing pages: CZ and 13 "
        "digits, the last of which is a check digit.",
        "about_hash": "A file's hash: its SHA-256, 64 hexadecimal digits. If you have the file "
        "and not its hash, use the document check: the file does not leave your device.",
        "about_other": "Numbers of other systems, seal codes, filing numbers and certificate "
        "numbers are found too.",
        "to_document": "Check a document",
        "to_certificate": "Check a certificate",
    },
}
