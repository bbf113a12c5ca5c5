"""The second verifier against the node's own: the same verdict on every step of every bundle.

The tests of the node's verifier are run again here, each with both verifiers at once. So every
genuine bundle, every forgery and every lie that they know is in the comparison.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from builders.bundling import bundle_of, trust_of
from builders.cases import PRIVATE, SUB, changed_validators
from builders.second_opinion import (
    EXAMPLES,
    SECOND,
    TESTS,
    both,
    both_of,
    example,
    load,
)
from builders.signing import BlockSigner

from node.core.encoding import canonical_json
from node.core.genesis import ed25519_jwk
from node.core.verify import FAILED


def borrowed(path: str) -> dict[str, Callable[..., None]]:
    """The tests of a module, which from here on call both verifiers."""
    module = load(TESTS / path)
    names = vars(module)
    assert {"verify", "verify_bundle"} & set(names)
    for name, replacement in (("verify", both_of), ("verify_bundle", both)):
        if name in names:
            setattr(module, name, replacement)
    return {f"{name}_by_both": test for name, test in names.items() if name.startswith("test_")}


globals().update(borrowed("unit/core/test_verify.py"))
globals().update(borrowed("unit/core/test_verify_forgeries.py"))
globals().update(borrowed("unit/core/test_verify_lies.py"))
globals().update(borrowed("property/test_core_verify.py"))


def test_no_module_of_the_node_is_imported_by_the_second_verifier() -> None:
    found = set()
    for part in ast.walk(ast.parse(SECOND.read_bytes())):
        if isinstance(part, ast.Import):
            found |= {alias.name.split(".")[0] for alias in part.names}
        elif isinstance(part, ast.ImportFrom):
            found.add((part.module or "").split(".")[0])
    assert found - set(sys.stdlib_module_names) == {"cryptography"}


def test_bundles_of_a_real_ledger() -> None:
    trust = (EXAMPLES / "trust-file.json").read_bytes()
    bare = canonical_json(example("trust.json")["without_checkpoint"])
    for name, leads in (("bundle-dossier.json", True), ("bundle-record.json", False)):
        bundle = (EXAMPLES / name).read_bytes()
        assert both(bundle, bare).accepted
        assert both(bundle, trust).accepted == leads
    continued = (EXAMPLES / "bundle-continued.json").read_bytes()
    assert both(continued, canonical_json(example("trust-continued.json"))).accepted
    assert not both(continued, bare).accepted


@pytest.mark.parametrize("chunk", range(4))
def test_changed_bytes(chunk: int) -> None:
    flips = load(TESTS / "unit/core/test_verify_flips.py")
    for position in range(chunk, len(flips.BUNDLE), 4 * 5):
        both(flips.flipped(flips.BUNDLE, position), flips.TRUST)


def test_changes_of_validators() -> None:
    chain = changed_validators()
    trust = trust_of(chain, known_at=3)
    bundle = bundle_of(chain, SUB, disclosures=PRIVATE, consistency_from=[3])
    assert both_of(bundle, trust).accepted
    for part in ("commits", "headers", "roots", "validator_sets"):
        for position in range(len(bundle["chain"][part])):
            cut = json.loads(json.dumps(bundle))
            del cut["chain"][part][position]
            both_of(cut, trust)
    stranger = BlockSigner("stranger", power=7)
    grown_set = [*bundle["chain"]["validator_sets"][0], second_json(stranger)]
    bundle["chain"]["validator_sets"][0] = grown_set
    report = both_of(bundle, trust)
    assert [step.id for step in report.steps if step.status == FAILED] == ["chain.commits"]


def second_json(signer: BlockSigner) -> dict[str, Any]:
    validator = signer.validator
    return {"power": validator.power, "public_key": ed25519_jwk(validator.public_key)}
