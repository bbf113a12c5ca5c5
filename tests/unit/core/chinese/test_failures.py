"""Failures told in Chinese: what that means, what is wrong, and where."""

from __future__ import annotations

import pytest

from node.core.chinese.failures import failure_zh, part_failure_zh, resting_on_zh
from node.core.errors import InvalidEncoding, InvalidProof
from node.core.verify import STEPS
from node.core.verify_certificate import DOCUMENT_STEPS


@pytest.mark.parametrize("step", [one.id for one in (*STEPS, *DOCUMENT_STEPS)])
def test_each_step_has_a_sentence(step: str) -> None:
    said = failure_zh(step, InvalidProof("x", "is missing"))
    assert said.endswith("（缺失）。错误位置：“x”")
    assert len(said) > len("（缺失）。错误位置：“x”")


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("bundle.entries[0].text", "第1条记录：缺失"),
        ("bundle.anchors[2].point", "第3份回执：缺失"),
        ("bundle.state[0]", "第1项状态证明：缺失"),
        ("header 12", "高度为 12 的区块头：缺失"),
        ("header 12: validators[0]", "高度为 12 的区块头：缺失"),
        ("commit 12", "高度为 12 的提交：缺失"),
        ("commit.signatures[3]", "提交中的第4个签名：缺失"),
        ("state member/court.status", "状态键 member/court.status：缺失"),
        ("genesis.members", "缺失"),
        ("the bundle.entries[0]", "缺失"),
    ],
)
def test_what_a_place_is_in_is_named(place: str, said: str) -> None:
    told = failure_zh("bundle.form", InvalidEncoding(place, "is missing"))
    assert told == f"证据包不符合规定的格式（{said}）。错误位置：“{place}”"


def test_a_rule_without_chinese_is_told_as_it_is() -> None:
    error = InvalidProof("header 7", "is unheard of")
    assert failure_zh("times", error) == (
        "记录所载的上链时间未能由区块证实（高度为 7 的区块头）。"
        "错误位置与规则：header 7: is unheard of"
    )
    assert part_failure_zh(error, "回执不成立") == (
        "回执不成立。错误位置与规则：header 7: is unheard of"
    )


def test_parts_and_steps_not_checked() -> None:
    error = InvalidProof("bundle.anchors[0]", "is missing")
    assert part_failure_zh(error, "x") == "缺失。错误位置：“bundle.anchors[0]”"
    assert resting_on_zh("P1", "证书文件格式") == "其依据的第 P1 步“证书文件格式”未通过，故未核验"
