"""Section fourteen: how everything was verified, and how to do it again (十四)."""

from __future__ import annotations

from typing import Any

from node.evidence.certificates import proof_sentences
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
                    say(*proof_sentences.TAKE_OUT),
                    say(*proof_sentences.COMPARE_FINGERPRINT),
                    say(*proof_sentences.OFFLINE),
                    say(*proof_sentences.ONLINE),
                ]
            ),
            *_verifiers(setting),
        ],
    )


def _verifiers(setting: Setting) -> list[Block]:
    say = setting.words.say
    if not setting.issuer.verifiers:
        return [note(say(*proof_sentences.NO_VERIFIER))]
    rows = [[mono(name), digest(value)] for name, value in sorted(setting.issuer.verifiers.items())]
    return [
        table((2, 4), [say("离线核验程序", "Offline verifier"), "SHA-256"], rows),
        paragraph(say(*proof_sentences.CHECK_PROGRAM)),
    ]
