"""The corpus of good and forged bundles, and bundles with receipts, before the JavaScript."""

from __future__ import annotations

import pytest
from builders.corpus import held
from builders.javascript import JAVASCRIPT, JavaScript
from builders.javascript_opinion import alike, alike_of, verdicts
from builders.second_opinion import TESTS, load
from builders.told_failures import english_in, told_otherwise

from node.core.verify import FAILED, PASSED, verify_bundle

CORPUS = held()

_receipts = load(TESTS / "unit/second_verifier/test_second_bundles.py")
_receipts.both_of = alike_of
bench = _receipts.bench
globals().update(
    {f"{name}_in_javascript": it for name, it in vars(_receipts).items() if name[:5] == "test_"}
)


def test_every_step_of_every_case_ends_as_it_must() -> None:
    said = JAVASCRIPT.call_each(
        ("verify.js", "verifyBundle", [case.bundle, case.trust]) for case in CORPUS
    )
    found = {case.name: {x: z for x, _, z in verdicts(one)} for case, one in zip(CORPUS, said)}
    assert found == {case.name: case.steps for case in CORPUS}
    assert [one["accepted"] for one in said] == [case.accepted for case in CORPUS]


BARE = ("good-", "vote-", "commit-", "retired-", "one-vote-", "another-key-", "last-entry-")


def test_without_webcrypto_each_step_ends_the_same() -> None:
    """A browser may have none, or none with Ed25519: then all signatures are checked in BigInt."""
    cases = [case for case in CORPUS if case.name.startswith(BARE)]
    bare = JavaScript(webcrypto=False)
    try:
        said = bare.call_each(
            ("verify.js", "verifyBundle", [case.bundle, case.trust]) for case in cases
        )
    finally:
        bare.stop()
    assert {one["backend"] for one in said} == {"JavaScript"}
    found = {case.name: {x: z for x, _, z in verdicts(one)} for case, one in zip(cases, said)}
    assert found == {case.name: case.steps for case in cases}


def test_failures_are_told_in_chinese_by_both_alike() -> None:
    """As a clerk would have it said: a sentence; behind it the place that an expert looks up."""
    said = JAVASCRIPT.call_each(
        ("verify.js", "verifyBundle", [case.bundle, case.trust]) for case in CORPUS
    )
    failed = 0
    for case, there in zip(CORPUS, said):
        here = verify_bundle(case.bundle, case.trust)
        assert told_otherwise(here.steps, there["steps"]) == []
        for step in here.steps:
            if step.status != PASSED:
                assert english_in(step.text_zh) == "", case.name
            failed += step.status == FAILED
    assert failed > len(CORPUS) // 2


def test_a_failure_says_what_it_means_what_is_wrong_and_where() -> None:
    [case] = [case for case in CORPUS if case.name == "vote-with-a-wrong-signature"]
    [failed] = [step for step in alike(case.bundle, case.trust).steps if step.status == FAILED]
    place = failed.text.partition(": ")[0]
    assert failed.text_zh == (
        "区块没有得到验证节点的有效签名确认（提交中的第3个签名：验证节点的签名与其公钥不符）。"
        f"错误位置：“{place}”"
    )


@pytest.mark.parametrize("language", ["", "Zh"])
def test_what_is_said_fits_both_languages(language: str) -> None:
    """Details line up, and no step says nothing, or something that JavaScript made of a value."""
    said = JAVASCRIPT.call_each(
        ("verify.js", "verifyBundle", [case.bundle, case.trust]) for case in CORPUS
    )
    for report in said:
        for step in report["steps"]:
            assert len(step["details"]) == len(step["detailsZh"])
            for text in (step[f"text{language}"], *step[f"details{language}"]):
                assert text
                assert "undefined" not in text
                assert "[object" not in text
                assert "NaN" not in text
