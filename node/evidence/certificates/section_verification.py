"""Section fourteen: how everything was verified, and how to do it again (十四)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.core.verify import FAILED, NOT_CHECKED, PASSED, Step
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

_HOW = (
    proof_sentences.TAKE_OUT,
    proof_sentences.COMPARE_FINGERPRINT,
    proof_sentences.OFFLINE,
    proof_sentences.ONLINE,
)


def verification_section(setting: Setting) -> dict[str, Any]:
    """十四: all steps with their results, and the offline verifiers with their hashes."""
    say, report = setting.words.say, setting.proven.report
    whole = [step for step in report.steps if not step.part]
    return section(
        "十四",
        say("核验方法与结果", "How it was verified, and the results"),
        [
            paragraph(_counted(setting, whole)),
            {
                "k": "steps",
                "head": [
                    say("步骤", "Step"),
                    say("结果", "Result"),
                    say("所见、含义", "Found, and what it means"),
                ],
                "rows": [_told(setting, step) for step in whole],
            },
            subheading(say("如何自行核验", "How to verify it yourself")),
            numbered(say(*sentence) for sentence in _HOW),
            *_verifiers(setting),
        ],
    )


def _told(setting: Setting, step: Step) -> dict[str, str]:
    say, words = setting.words.say, setting.words
    return {
        "label": step.label,
        "title": say(step.title_zh, step.title),
        "status": step.status,
        "word": words.check(step.status),
        "found": say(step.text_zh, step.text),
        "meaning": words.pick(MEANINGS[step.id]),
    }


def _counted(setting: Setting, steps: Sequence[Step]) -> str:
    passed, failed, unchecked = (
        sum(step.status == status for step in steps) for status in (PASSED, FAILED, NOT_CHECKED)
    )
    return setting.words.say(
        f"出具前按 {len(steps)} 个步骤核验：通过 {passed} 步，未核验 {unchecked} 步，"
        f"未通过 {failed} 步。“未核验”表示证据包或者信任文件中没有可供核验的内容，"
        "既不是通过，也不是不通过。",
        f"Verified in {len(steps)} steps before issue: {passed} passed, {unchecked} not checked, "
        f"{failed} failed. Not checked means that there was nothing to check: neither good nor "
        "bad.",
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
