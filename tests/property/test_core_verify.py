"""Bundles with any part exchanged for anything: the verifier reports, and never crashes."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator
from typing import Any

from builders.bundling import bundle_of, trust_of
from builders.cases import LATER, PRIVATE, SUB, grown
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.encoding import canonical_json
from node.core.verify import FAILED, NOT_CHECKED, PASSED, STEPS, Report, verify_bundle

CHAIN = grown()
BUNDLE = bundle_of(
    CHAIN,
    SUB,
    disclosures=[*PRIVATE, *LATER],
    extra_keys=["seal/none", "seal/other"],
    consistency_from=[2],
)
TRUST = json.loads(trust_of(CHAIN, known_at=2))
Path = tuple[str | int, ...]


def ways(value: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    if isinstance(value, dict):
        for name, item in value.items():
            yield from ways(item, (*path, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from ways(item, (*path, position))


def part_at(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def exchanged(value: Any, path: Path, part: Any) -> Any:
    if not path:
        return part
    value = copy.deepcopy(value)
    part_at(value, path[:-1])[path[-1]] = part
    return value


WAYS = list(ways(BUNDLE))
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
anything = st.recursive(
    st.text(max_size=5)
    | st.integers(-(2**53), 2**53)
    | hashes
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "0", "AA", "dossier", "record", "evidence-bundle/1", "\x00"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "flag", "kty", "x", "value"]), inner, max_size=3)
    ),
    max_leaves=6,
)
taken_from_elsewhere = st.sampled_from(WAYS).map(lambda path: part_at(BUNDLE, path))
parts = anything | taken_from_elsewhere


def report_on(bundle: Any, trust: Any) -> Report:
    report = verify_bundle(json.dumps(bundle).encode(), canonical_json(trust))
    assert len(report.steps) == len(STEPS)
    assert {step.status for step in report.steps} <= {PASSED, FAILED, NOT_CHECKED}
    assert all(step.text and step.text_zh for step in report.steps)
    return report


@settings(max_examples=300)
@given(st.sampled_from(WAYS), parts)
def test_any_part_of_a_bundle_exchanged(path: Path, part: Any) -> None:
    report_on(exchanged(BUNDLE, path, part), TRUST)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(WAYS), parts), min_size=2, max_size=4))
def test_several_parts_exchanged(changes: list[tuple[Path, Any]]) -> None:
    bundle: Any = BUNDLE
    for path, part in changes:
        try:
            part_at(bundle, path)
        except (KeyError, IndexError, TypeError):
            continue
        if path and isinstance(part_at(bundle, path[:-1]), str):  # an earlier part: it has letters
            continue
        bundle = exchanged(bundle, path, part)
    report_on(bundle, TRUST)


@settings(max_examples=150)
@given(st.data())
def test_any_part_left_out_or_repeated(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in WAYS if path]))
    bundle = copy.deepcopy(BUNDLE)
    within, name = part_at(bundle, path[:-1]), path[-1]
    if isinstance(within, list) and data.draw(st.booleans()):
        within.insert(name, within[name])
    else:
        del within[name]
    report_on(bundle, TRUST)


GENESIS = json.loads(BUNDLE["chain"]["genesis"])
GENESIS_WAYS = list(ways(GENESIS))


@settings(max_examples=250)
@given(st.sampled_from(GENESIS_WAYS), parts)
def test_any_part_of_the_genesis_exchanged_and_believed(path: Path, part: Any) -> None:
    """The trust file names the changed genesis, so that its content is looked at as well."""
    document = json.dumps(
        exchanged(GENESIS, path, part), ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    digest = hashlib.sha256(document.encode("utf-8", "surrogatepass")).hexdigest()
    bundle = exchanged(BUNDLE, ("chain", "genesis"), document)
    report_on(bundle, {**TRUST, "genesis_hash": digest})


ENTRY = json.loads(BUNDLE["entries"][1]["entry"])


@settings(max_examples=150)
@given(st.sampled_from(sorted(ENTRY)), parts)
def test_any_part_of_an_entry_exchanged(name: str, part: Any) -> None:
    text = json.dumps(
        {**ENTRY, name: part}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    report = report_on(exchanged(BUNDLE, ("entries", 1, "entry"), text), TRUST)
    assert report.accepted == (text == BUNDLE["entries"][1]["entry"])


VALUES = [position for position, proof in enumerate(BUNDLE["state"]) if "value" in proof]


@settings(max_examples=150)
@given(st.sampled_from(VALUES), parts)
def test_any_value_of_the_state_exchanged(position: int, part: Any) -> None:
    value = json.loads(BUNDLE["state"][position]["value"])
    name = sorted(value)[len(str(part)) % len(value)]
    text = json.dumps(
        {**value, name: part}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    report = report_on(exchanged(BUNDLE, ("state", position, "value"), text), TRUST)
    assert report.accepted == (text == BUNDLE["state"][position]["value"])


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    assert not verify_bundle(data, canonical_json(TRUST)).accepted
