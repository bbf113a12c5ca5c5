"""Sections nine and eleven: times that can be relied on, and who else vouches (九 十一)."""

from __future__ import annotations

from typing import Any

from node.evidence.certificates import proof_sentences
from node.evidence.certificates.blocks import (
    Block,
    bullets,
    mono,
    note,
    paragraph,
    section,
    table,
)
from node.evidence.certificates.setting import Setting

__all__ = ["anchor_section", "time_section"]


def time_section(setting: Setting) -> dict[str, Any]:
    """九: what each clock is worth."""
    say, words, proven = setting.words.say, setting.words, setting.proven
    authority = setting.issuer.time_stamp_authority
    step = proven.steps["times"]
    stamped = [part for part in proven.report.steps if part.part and part.id.startswith("anchors.")]
    outside = [part for part in stamped if part.status == "passed"]
    return section(
        "九",
        say("可信时间", "Times that can be relied on"),
        [
            table(
                (1.5, 3, 3),
                [say("时间", "Time"), say("由谁确认", "By whom"), say("结果", "Result")],
                [
                    [
                        say("上链时间", "On the chain"),
                        say(*proof_sentences.VALIDATORS_SIGN),
                        say(
                            f"{words.check(step.status)}：{step.text_zh}",
                            f"{words.check(step.status)}: {step.text}",
                        ),
                    ],
                    [
                        say("第三方时间", "Outside time"),
                        say(*proof_sentences.SEE_ANCHORS),
                        say(f"{len(outside)} 份回执通过核验", f"{len(outside)} receipt(s) hold")
                        if stamped
                        else say(
                            "未存证：证据包不含第三方回执", "none: the bundle holds no receipt"
                        ),
                    ],
                    [
                        say("本证书出具时间", "Issue of this certificate"),
                        authority or setting.issuer_name,
                        say(*proof_sentences.BY_TIME_STAMP)
                        if authority
                        else say(*proof_sentences.OWN_CLAIM),
                    ],
                ],
            ),
            paragraph(say(*proof_sentences.CLOCKS)),
        ],
    )


def anchor_section(setting: Setting) -> dict[str, Any]:
    """十一: step 16 with its parts."""
    say, words, proven = setting.words.say, setting.words, setting.proven
    whole = proven.steps["anchors"]
    parts = [step for step in proven.report.steps if step.number == whole.number and step.part]
    blocks: list[Block] = [
        paragraph(
            say(
                f"第 16 步“{whole.title_zh}”：{words.check(whole.status)}。{whole.text_zh}。",
                f"Step 16, {whole.title}: {words.check(whole.status)}. {whole.text}.",
            )
        )
    ]
    if parts:
        blocks.append(
            table(
                (0.8, 2, 1.1, 4.2),
                [
                    say("步骤", "Step"),
                    say("佐证方", "By"),
                    say("结果", "Result"),
                    say("证明内容", "What it shows"),
                ],
                [
                    [
                        mono(part.label),
                        say(part.title_zh, part.title),
                        words.check(part.status),
                        [say(part.text_zh, part.text), *(mono(line) for line in part.details)],
                    ]
                    for part in parts
                ],
            )
        )
    else:
        blocks.append(note(say("第三方存证：未存证。", "Nothing is anchored outside.")))
    blocks.append(
        bullets(
            [
                say(*proof_sentences.WHAT_AN_ANCHOR_DOES),
                say(*proof_sentences.RECEIPTS_GIVEN),
            ]
        )
    )
    return section("十一", say("第三方存证信息", "Who else vouches for it"), blocks)
