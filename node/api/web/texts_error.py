"""What the page of an error says, in Chinese and in English."""

from __future__ import annotations

__all__ = ["TEXTS"]

TEXTS = {
    "zh": {
        "claim": "本页没有显示任何证据：所请求的内容无法给出，这既不证明也不否定任何记录。",
        "not_found": "没有这一页，或没有这一编号。请核对地址或编号，或从下面重新查询。",
        "status": "状态码",
        "back": "返回查询",
        "label": "存证编码、签约编号、印章编码、备案编号、证书编号或文件哈希",
        "hint": "全角字符、空格和大小写均可识别。",
        "search": "查询",
    },
    "en": {
        "claim": "This page shows no evidence: what was asked for cannot be given, which neither "
        "proves nor disproves any record.",
        "not_found": "There is no such page, or nothing has this number. Compare the address or "
        "number, or look it up below.",
        "status": "Status",
        "back": "Back to the look-up",
        "label": "Evidence code, 签约编号, seal code, filing or certificate number, "
        "or a file's hash",
        "hint": "Full-width characters, blanks and case do not matter.",
        "search": "Look up",
    },
}
