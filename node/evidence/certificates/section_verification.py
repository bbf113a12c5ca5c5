"""Section fourteen: how everything was verified, and how to do it again (十四)."""

from __future__ import annotations

from typing import Any

from node.evidence.certificates.blocks import (
    Block,
    digest,
    mono,
    note,
    numbered,
    paragraph,
    section,
    subheading,
    table,
)
from node.evidence.certificates.setting import Setting
from node.evidence.certificates.steps_told import MEANINGS

__all__ = ["verification_section"]


def verification_section(setting: Setting) -> dict[str, Any]:
    """十四: all steps with their results, and the offline verifiers with their hashes."""
    say, words, report = setting.words.say, setting.words, setting.proven.report
    whole = [step for step in report.steps if not step.part]
    counts = {
        status: sum(step.status == status for step in whole)
        for status in ("passed", "failed", "not checked")
    }
    return section(
        "十四",
        say("核验方法与结果", "How it was verified, and the results"),
        [
            paragraph(
                say(
                    f"出具前按 17 个步骤核验：通过 {counts['passed']} 步，未核验 "
                    f"{counts['not checked']} 步，"
                    f"未通过 {counts['failed']} 步。"
                    "“未核验”表示证据包或者信任文件中没有可供核验的内容，"
                    "既不是通过，也不是不通过。",
                    f"Verified in 17 steps before issue: {counts['passed']} passed, "
                    f"{counts['not checked']} not checked, {counts['failed']} failed. Not checked "
                    "means "
                    "that there was nothing to check: neither good nor bad.",
                )
            ),
            {
                "k": "steps",
                "head": [
                    say("步骤", "Step"),
                    say("结果", "Result"),
                    say("所见、含义", "Found, and what it means"),
                ],
                "rows": [
                    {
                        "label": step.label,
                        "title": say(step.title_zh, step.title),
                        "status": step.status,
                        "word": words.check(step.status),
                        "found": say(step.text_zh, step.text),
                        "meaning": words.pick(MEANINGS[step.id]),
                    }
                    for step in whole
                ],
            },
            subheading(say("如何自行核验", "How to verify it yourself")),
            numbered(
                [
                    say(
                        "从本 PDF 的附件中取出 bundle.json 与 trust.json（常用阅读器的“附件”栏）。",
                        "Take bundle.json and trust.json out of this PDF (the reader's list of "
                        "attachments).",
                    ),
                    say(
                        "将封面所印信任文件指纹与联盟成员公布的指纹逐组核对；不一致的，停止核验。",
                        "Compare the fingerprint on the cover with the one that members publish; "
                        "if they "
                        "differ, stop.",
                    ),
                    say(
                        "离线：用下列任一核验程序打开本 PDF 或者上述两个文件。核验程序不联网，"
                        "也不询问任何节点。",
                        "Offline: open this PDF, or the two files, with any of the verifiers "
                        "below. They use "
                        "no network and ask no node.",
                    ),
                    say(
                        "在线：在任一联盟成员的查询页面输入证书编号或者存证编码，与本证书对照。",
                        "Online: look the certificate number or the evidence code up at any "
                        "member's node.",
                    ),
                ]
            ),
            *_verifiers(setting),
        ],
    )


def _verifiers(setting: Setting) -> list[Block]:
    say = setting.words.say
    if not setting.issuer.verifiers:
        return [
            note(
                say(
                    "出具机构没有公布离线核验程序的哈希；可按公开的格式规范自行编制核验程序。",
                    "The issuer has published no offline verifier; one can be written from the "
                    "published specification.",
                )
            )
        ]
    rows = [[mono(name), digest(value)] for name, value in sorted(setting.issuer.verifiers.items())]
    return [
        table((2, 4), [say("离线核验程序", "Offline verifier"), "SHA-256"], rows),
        paragraph(
            say(
                "使用前先核对程序文件的 SHA-256；最好从出具机构以外的联盟成员处取得。",
                "Check the program's SHA-256 before use; best get it from another member than the "
                "issuer.",
            )
        ),
    ]
