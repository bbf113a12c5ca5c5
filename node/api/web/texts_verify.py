"""What the verify page says, in Chinese and in English."""

from __future__ import annotations

__all__ = ["TEXTS"]

TEXTS = {
    "zh": {
        "title": "核验",
        "claim": "核验能说明：所示记录自何时起存在于账本且未被更改，由谁签名，哪些外部链为其作证；"
        "核验不能说明文件和记录的内容真实。",
        "claim_accepted": "本节点核验通过：{count} 项检查通过，没有一项失败，"
        "记录自各自「上链」时间起未被更改；内容是否真实不在核验之列，且由被询问的节点核验，证明力有限。",
        "claim_refused": "核验未通过：{count} 项检查失败，请勿将该文件作为证据使用，"
        "并查明其来源；内容是否真实不在核验之列。",
        "offline": "离线核验（推荐）",
        "offline_text": "两个核验程序都不连接网络，不依赖本节点，结果逐项相同。"
        "请核对其 SHA-256 与联盟各成员公布的一致后使用。",
        "html": "网页核验程序",
        "html_text": "一个 HTML 文件：保存后断开网络，用浏览器打开，拖入证据包或证书 PDF 即可。",
        "pyz": "Python 核验程序",
        "pyz_text": "一个文件，Python 3.8 或更高版本即可运行，无需安装任何组件：",
        "pyz_command": "python3 evidence-verify.pyz 证据包或证书.pdf --trust trust.json",
        "download": "下载 {name}",
        "sha256": "SHA-256",
        "size": "{size} KB",
        "unavailable": "本节点目前不提供核验程序下载，请向联盟其他成员索取，并核对公布的 SHA-256。",
        "trust": "信任文件",
        "trust_text": "离线核验需要一份信任文件：它说明您所指的是哪一条链。"
        "请从其他渠道核对其指纹。",
        "trust_link": "下载本链的信任文件",
        "fingerprint": "指纹",
        "node": "由本节点核验",
        "node_text": "也可以把证据包（.json）或证书（.pdf）上传到本节点核验。文件核验后不保存。"
        "请注意：由被询问的节点核验自己的账本，证明力有限，不能代替离线核验。",
        "file": "证据包或证书文件",
        "file_hint": "最大 {size} MB。",
        "send": "上传并核验",
        "result": "核验结果",
        "steps": "逐项结果",
        "steps_caption": "核验步骤依次列出；未核验的项目不等于通过",
        "step": "步骤",
        "outcome": "结果",
        "meaning": "说明",
        "details": "细节",
        "passed": "✓ 通过",
        "failed": "✗ 未通过",
        "not checked": "– 未核验",
        "trust_used": "所用信任文件为本节点自带，指纹：",
        "again": "再核验一个文件",
    },
    "en": {
        "title": "Verify",
        "claim": "Verifying shows since when records have been on the ledger unchanged, who signed "
        "them, and which outside chains vouch for them. It does not show that the content of files "
        "and records is true.",
        "claim_accepted": "This node accepts it: {count} checks passed and none failed, so the "
        "records have not been changed since their times “on the chain”. Whether the content is "
        "true is not judged, and a check by the node that was asked proves little.",
        "claim_refused": "Not accepted: {count} checks failed. Do not use this file as evidence, "
        "and find out where it comes from. Whether the content is true is not judged.",
        "offline": "Offline (best)",
        "offline_text": "Neither verifier connects to a network or needs this node, and both come "
        "to the same result, step by step. Compare their SHA-256 with what the members publish "
        "before you use them.",
        "html": "Verifier in one web page",
        "html_text": "One HTML file: save it, disconnect from the network, open it in a browser, "
        "and drop a bundle or a certificate's PDF into it.",
        "pyz": "Verifier in Python",
        "pyz_text": "One file for Python 3.8 or newer, with nothing to install:",
        "pyz_command": "python3 evidence-verify.pyz bundle-or-certificate.pdf --trust trust.json",
        "download": "Download {name}",
        "sha256": "SHA-256",
        "size": "{size} KB",
        "unavailable": "This node offers no verifiers now. Get them from another member, and "
        "compare their SHA-256 with what is published.",
        "trust": "Trust file",
        "trust_text": "An offline check needs a trust file: it says which chain you mean. Compare "
        "its fingerprint with one that you have from elsewhere.",
        "trust_link": "Download this chain's trust file",
        "fingerprint": "Fingerprint",
        "node": "By this node",
        "node_text": "A bundle (.json) or a certificate (.pdf) can also be sent to this node. It "
        "is checked and not kept. Mind that a node that checks its own ledger proves little: it "
        "does not replace an offline check.",
        "file": "Bundle or certificate",
        "file_hint": "At most {size} MB.",
        "send": "Send and check",
        "result": "Result",
        "steps": "Step by step",
        "steps_caption": "The steps in their order; what was not checked has not passed",
        "step": "Step",
        "outcome": "Result",
        "meaning": "What it says",
        "details": "Details",
        "passed": "✓ passed",
        "failed": "✗ failed",
        "not checked": "– not checked",
        "trust_used": "Checked against this node's own trust file, with the fingerprint:",
        "again": "Check another file",
    },
}
