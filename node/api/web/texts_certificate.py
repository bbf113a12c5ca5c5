"""What the page of certificates says, in Chinese and in English."""

from __future__ import annotations

__all__ = ["TEXTS"]

TEXTS = {
    "zh": {
        "title": "存证证书",
        "claim": "本页说明一份存证证书是否由联盟成员出具并登记在账本上；"
        "证书证明记录存在的时间和未被更改，不证明文件和记录的内容真实。",
        "claim_found": "证书 {number} 自 {time} 起登记在账本上，登记的证书文件哈希此后未被更改；"
        "证书不证明文件和记录的内容真实。",
        "label": "证书编号，或证书 PDF 文件的 SHA-256",
        "hint": "例如 ZS2026112300012345676，或 64 位十六进制哈希。空格和全角字符均可识别。",
        "search": "查询证书",
        "result": "查询结果",
        "found": "账本上有该证书的登记。",
        "by_hash": "账本上登记的证书文件哈希与所查一致：该文件就是出具时的文件，"
        "一个字节也没有改动。",
        "not_found": "账本上没有该编号或哈希的证书。请核对编号；哈希只要文件有任何改动就会不同。"
        "若证书未登记在账本上，就不是本账本的证书。",
        "mistyped": "证书编号校验位不符：很可能输错了一位数字，请与证书逐位核对。",
        "number": "证书编号",
        "code": "证明的存证编码",
        "issuer": "出具机构",
        "time": "登记时间",
        "time_text": "{time} 至 {proven}（区块 {height}）",
        "hash": "证书文件 SHA-256",
        "compare": "请计算手中 PDF 文件的 SHA-256，与上列哈希逐组比对：一致，才是登记的那份证书。",
        "record": "登记记录",
        "transaction": "交易编号",
        "raw": "交易回执（JSON）",
        "compute": "如何计算文件的 SHA-256",
        "compute_text": "在自己的电脑上计算，文件不会上传：",
        "windows": "Windows（命令提示符）",
        "linux": "Linux",
        "mac": "macOS",
        "file": "证书.pdf",
        "get": "如何取得证书",
        "get_text": "当事人可请签约平台、公证机构或法院出具；这些成员以自己的密钥向节点提出请求，"
        "每次出具都登记在账本上。",
        "content": "证书中有什么",
        "content_text": "证书是可用任何阅读器打开的 PDF，盖有出具机构的电子印章，"
        "并附证据包、信任文件和声明，可脱离网络和本软件独立核验。",
        "to_verify": "核验一份证书",
    },
    "en": {
        "title": "Certificates of evidence",
        "claim": "This page says whether a certificate was issued by a member of the consortium "
        "and recorded on the ledger. A certificate proves since when records have existed "
        "unchanged, not that the content of files or records is true.",
        "claim_found": "Certificate {number} has been on record since {time}, and the hash of its "
        "file has not been changed since. It does not prove that the content of files or records "
        "is true.",
        "label": "Certificate number, or SHA-256 of the certificate's PDF",
        "hint": "Such as ZS2026112300012345676, or 64 hexadecimal digits. Blanks and full-width "
        "characters do not matter.",
        "search": "Look up",
        "result": "Result",
        "found": "This certificate is on record.",
        "by_hash": "The hash on record is the one that was asked for: the file is the one that was "
        "issued, to the last byte.",
        "not_found": "No certificate of this number or hash is on record. Compare the number; a "
        "hash differs as soon as anything in the file was changed. What is not on record is no "
        "certificate of this ledger.",
        "mistyped": "The check digit of this certificate number does not fit: a digit is mistyped. "
        "Compare it with the certificate, digit by digit.",
        "number": "Certificate number",
        "code": "Evidence code",
        "issuer": "Issued by",
        "time": "On record",
        "time_text": "{time} to {proven} (block {height})",
        "hash": "SHA-256 of the file",
        "compare": "Compute the SHA-256 of the PDF that you have, and compare it group by group: "
        "only if they agree is it the certificate on record.",
        "record": "Its record",
        "transaction": "Transaction",
        "raw": "Receipt (JSON)",
        "compute": "How to compute a file's SHA-256",
        "compute_text": "On your own computer; the file is not sent anywhere:",
        "windows": "Windows (command prompt)",
        "linux": "Linux",
        "mac": "macOS",
        "file": "certificate.pdf",
        "get": "How to get a certificate",
        "get_text": "Ask the signing platform, a notary or the court: these members request it "
        "from a node with their own keys, and each one issued is recorded on the ledger.",
        "content": "What is in it",
        "content_text": "A PDF that any reader opens, with the issuing institution's electronic "
        "seal; the evidence bundle, trust file and statement are attached, so that it can be "
        "checked without a network and without this software.",
        "to_verify": "Verify a certificate",
    },
}
