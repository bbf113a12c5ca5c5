"""The verifier in JavaScript against the node's own: the same verdict on every step.

The tests of the node's verifier, and the odd documents and records that the second verifier was
compared on, are run again here, each with both verifiers at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from builders.javascript_opinion import alike, alike_each, alike_of, alike_or_refused, verdicts
from builders.second_opinion import EXAMPLES, TESTS, example, load

from node.core.encoding import canonical_json

REPLACED = {
    "both": alike,
    "both_of": alike_of,
    "told": alike_or_refused,
    "verify": alike_of,
    "verify_bundle": alike,
}
MODULES = (
    "unit/core/test_verify.py",
    "unit/core/test_verify_forgeries.py",
    "unit/core/test_verify_lies.py",
    "unit/core/test_verify_past.py",
    "property/test_core_verify.py",
    "unit/second_verifier/test_odd_documents.py",
    "unit/second_verifier/test_odd_records.py",
)


def borrowed(path: str) -> dict[str, Callable[..., None]]:
    """The tests of a module, which from here on call both verifiers."""
    module = load(TESTS / path)
    names = vars(module)
    assert names.keys() & REPLACED
    for name in names.keys() & REPLACED:
        setattr(module, name, REPLACED[name])
    return {f"{name}_in_javascript": it for name, it in names.items() if name.startswith("test_")}


for _path in MODULES:
    _found = borrowed(_path)
    assert not globals().keys() & _found.keys()
    globals().update(_found)


@pytest.mark.parametrize("name", ["dossier", "record", "continued"])
def test_verdicts_of_the_specification(name: str) -> None:
    bundle = (EXAMPLES / f"bundle-{name}.json").read_bytes()
    trusts = {
        "dossier": example("trust-file.json"),
        "record": example("trust.json")["without_checkpoint"],
        "continued": example("trust-continued.json"),
    }
    report = alike(bundle, canonical_json(trusts[name]))
    assert {step: status for _, step, status in verdicts(report)} == example("verdicts.json")[name]


def test_a_bundle_and_the_trust_file_of_another() -> None:
    names = ("bundle-dossier.json", "bundle-record.json", "bundle-continued.json")
    trusts = ("trust-file.json", "trust-continued.json")
    alike_each(
        ((EXAMPLES / bundle).read_bytes(), (EXAMPLES / trust).read_bytes())
        for bundle in names
        for trust in trusts
    )


def test_changed_bytes() -> None:
    flips = load(TESTS / "unit/core/test_verify_flips.py")
    positions = range(0, len(flips.BUNDLE), 7)
    alike_each((flips.flipped(flips.BUNDLE, position), flips.TRUST) for position in positions)


def test_whatever_is_no_json() -> None:
    trust = (EXAMPLES / "trust-file.json").read_bytes()
    bundle = json.dumps(example("bundle-dossier.json")).encode()
    cut = [bundle[:end] for end in range(0, len(bundle), 997)]
    odd = [b"", b"null", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"a":' * 50_000, b'"' * 99]
    alike_each((data, trust) for data in (*cut, *odd, bundle + b" ", bundle + b"\x00"))
