"""The corpus in tests/vectors/bundles: what each case is, and how every step ends, by the core with
both backends and by the second verifier. The portable verifiers have tests of their own of it."""

from __future__ import annotations

import pytest
from builders.corpus import Held, cases, held
from builders.second_opinion import both

from node.core.encoding import canonical_json
from node.core.signatures import load_backend

CORPUS = {one.name: one for one in held()}
ODD_ANCHORS = {"anchor-of-an-unknown-kind"}


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("backend", ["cryptography", "ecdsa"])
def test_every_step_ends_as_it_must(name: str, backend: str) -> None:
    case = CORPUS[name]
    report = both(case.bundle, case.trust, load_backend(backend))
    assert {step.label: step.status for step in report.steps} == case.steps
    assert report.accepted == case.accepted


def test_the_good_are_accepted_and_the_forged_are_not() -> None:
    good = {name for name in CORPUS if name.startswith("good-")}
    assert len(good) >= 8
    assert all(CORPUS[name].accepted for name in good)
    let_pass = {name for name in CORPUS if CORPUS[name].accepted} - good
    # Nothing in them is false: somebody is not known, or not trusted any more.
    assert let_pass == {
        "anchor-of-an-unknown-kind",
        "anchor-of-another-state",
        "anchor-of-nobody-trusted",
        "key-reported-compromised",
    }


def test_the_files_are_those_that_the_builder_makes() -> None:
    made = {name: (what, bundle, trust) for name, what, bundle, trust in cases()}
    assert list(made) == list(CORPUS)
    for name, (what, bundle, trust) in made.items():
        assert CORPUS[name].what == what
        if name.startswith(("anchor-", "good-anchored")):
            continue  # a service's signature is another each time
        content = bundle if isinstance(bundle, bytes) else canonical_json(bundle)
        assert (CORPUS[name].bundle, CORPUS[name].trust) == (content, trust), name


def test_each_case_says_what_it_is() -> None:
    assert all(isinstance(one, Held) and len(one.what) > 10 for one in CORPUS.values())
