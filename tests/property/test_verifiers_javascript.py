"""Bundles changed in any way, and any JSON: the verifier in JavaScript sees what Python's does."""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Callable
from itertools import islice
from typing import Any

from builders.bundling import bundle_of, trust_of
from builders.cases import LATER, PRIVATE, SUB, changed_validators, grown
from builders.javascript import JAVASCRIPT, JavaScriptError
from builders.javascript_opinion import alike_each
from builders.mutations import GONE, at, changed, places, structural
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.encoding import (
    MAX_INTEGER,
    canonical_json,
    decode_base64url,
    decode_json,
    rfc3339,
)
from node.core.errors import InvalidInput
from node.core.merkle import node_hash, verify_inclusion

CHAIN = grown()
WHOLE = bundle_of(
    CHAIN,
    SUB,
    disclosures=[*PRIVATE, *LATER],
    extra_keys=["seal/none", "seal/other"],
    consistency_from=[2],
)
MOVED = changed_validators()
BUNDLES = [
    (WHOLE, trust_of(CHAIN, known_at=2)),
    (bundle_of(CHAIN, SUB, scope="record", ordinals=[2]), trust_of(CHAIN)),
    (bundle_of(MOVED, SUB, disclosures=PRIVATE), trust_of(MOVED)),
]
PLACES = [list(places(bundle)) for bundle, _ in BUNDLES]
LETTERS = '0123456789abcdefABCDEFgxyz_-+/=.: \n\x00"\\印𠮷'
AT_ONCE = 20


def other_than(value: Any, chance: random.Random) -> Any:
    """Anything but ``value``, or nothing: what `structural` says of the whole of it comes first."""
    if isinstance(value, str) and chance.random() < 0.7:
        return other_text(value, chance)
    return chance.choice([*(made for _, made in islice(structural(value), 7)), GONE])


def other_text(text: str, chance: random.Random) -> str:
    """A text with one or two characters exchanged, put in or left out."""
    start = chance.randint(0, len(text))
    put = "".join(chance.choice(LETTERS) for _ in range(chance.randint(0, 2)))
    return text[:start] + put + text[start + chance.randint(0, 2) :]


@settings(max_examples=30)
@given(st.sampled_from(range(len(BUNDLES))), st.randoms(use_true_random=False))
def test_bundles_changed_in_one_place(which: int, chance: random.Random) -> None:
    bundle, trust = BUNDLES[which]
    made = []
    for _ in range(AT_ONCE):
        place, inner = chance.choice(PLACES[which][1:])
        made.append(changed(bundle, place, other_than(inner, chance)))
    alike_each((json.dumps(value).encode(), trust) for value in made)


@settings(max_examples=25)
@given(st.sampled_from(range(len(BUNDLES))), st.randoms(use_true_random=False))
def test_bundles_put_together_from_parts_of_others(which: int, chance: random.Random) -> None:
    bundle, trust = BUNDLES[which]
    made = []
    for _ in range(AT_ONCE):
        value: Any = copy.deepcopy(bundle)
        for _ in range(chance.randint(1, 3)):
            place, _ = chance.choice(list(places(value))[1:])
            _, part = chance.choice(PLACES[chance.randrange(len(BUNDLES))][1:])
            value = changed(value, place, copy.deepcopy(part))
        made.append(value)
    alike_each((json.dumps(value).encode(), trust) for value in made)


INNER = [
    ("chain", "genesis"),
    *(("entries", number, "entry") for number in range(len(WHOLE["entries"]))),
    *(("state", n, "value") for n, proof in enumerate(WHOLE["state"]) if "value" in proof),
]
"""Where a text of the bundle is a JSON document itself."""


@settings(max_examples=15)
@given(st.sampled_from(INNER), st.randoms(use_true_random=False))
def test_documents_inside_changed(place: tuple[Any, ...], chance: random.Random) -> None:
    """In canonical form, the genesis one that is trusted: so that their own decoders see more."""
    document = json.loads(at(WHOLE, place))
    pairs = []
    for _ in range(AT_ONCE):
        inner, part = chance.choice(list(places(document))[1:])
        value = changed(document, inner, other_than(part, chance))
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        bundle = changed(WHOLE, place, text)
        trust = json.loads(BUNDLES[0][1])
        if place[-1] == "genesis":
            trust["genesis_hash"] = hashlib.sha256(text.encode()).hexdigest()
        pairs.append((json.dumps(bundle).encode(), canonical_json(trust)))
    alike_each(pairs)


@settings(max_examples=30)
@given(st.sampled_from(range(len(BUNDLES))), st.randoms(use_true_random=False))
def test_bytes_of_bundles_changed(which: int, chance: random.Random) -> None:
    bundle, trust = BUNDLES[which]
    data = canonical_json(bundle)
    made = []
    for _ in range(AT_ONCE):
        start = chance.randrange(len(data))
        end = min(len(data), start + chance.choice((0, 1, 1, 1, 3, 40)))
        put = bytes(chance.choice(b'{}[]",:\\-0129aefu \x00\x80\xff\xed') for _ in range(2))
        made.append(data[:start] + put[: chance.randint(0, 2)] + data[end:])
    alike_each((value, trust) for value in made)


loose = st.text(max_size=6)
ODD = r"""\u0061 \ud800 \ud83d\ude00 \x 1e5 1.0 -0 01 null true NaN 9007199254740991
9007199254740992 "a" "a": { } [ ] , : " \ / é 𠮷 __proto__"""
odd = st.sampled_from([*ODD.split(), " ", "\n", "\x0c", "\u00a0", "\x01", "\ufeff"])
json_like = st.lists(odd | loose, max_size=14).map("".join)
values = st.recursive(
    loose | st.integers(-MAX_INTEGER - 2, MAX_INTEGER + 2) | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "b", "__proto__", "é", "10", "9"]), inner)
    ),
    max_leaves=12,
)
texts = st.one_of(
    json_like.map(lambda text: text.encode("utf-8", "surrogatepass")),
    values.map(lambda value: json.dumps(value).encode()),
    values.map(lambda value: json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8")),
    st.binary(max_size=20),
)


@settings(max_examples=60)
@given(st.lists(texts, min_size=1, max_size=25))
def test_any_json(made: list[bytes]) -> None:
    """The same is refused, and of what is taken the canonical form is the same."""
    bounds = {"place": "here", "maxBytes": 200, "maxDepth": 5}
    results = JAVASCRIPT.call_each(("json.js", "decodeJson", [text, bounds]) for text in made)
    taken = []
    for text, result in zip(made, results):
        wanted = outcome(lambda t=text: decode_json(t, place="here", max_bytes=200, max_depth=5))
        assert isinstance(result, JavaScriptError) == (wanted is None), text
        if wanted is not None:
            assert result == wanted[0]
            taken.append(wanted[0])
        else:
            assert result.name == "InvalidInput"
    written = JAVASCRIPT.call_each(("json.js", "canonicalJson", [value]) for value in taken)
    assert written == [canonical_json(value) for value in taken]


def outcome(read: Callable[[], Any]) -> tuple[Any] | None:
    """What is read, or None where it is refused."""
    try:
        return (read(),)
    except InvalidInput:
        return None


characters = st.text(st.sampled_from("AQgwEIMUYcko048-_+/= \nBé"), max_size=9)


@settings(max_examples=40)
@given(st.lists(characters, min_size=1, max_size=40))
def test_any_base64url(made: list[str]) -> None:
    results = JAVASCRIPT.call_each(("bytes.js", "fromBase64url", [text, "here"]) for text in made)
    for text, result in zip(made, results):
        wanted = outcome(lambda t=text: decode_base64url(t, place="here"))
        assert isinstance(result, JavaScriptError) == (wanted is None), text
        assert wanted is None or result == wanted[0]


@settings(max_examples=40)
@given(st.lists(st.integers(-(2**53) + 1, 2**53 - 1), min_size=1, max_size=40))
def test_any_time(made: list[int]) -> None:
    bounded = [value % 253_402_300_800_000 for value in made]
    results = JAVASCRIPT.call_each(("times.js", "rfc3339", [value]) for value in bounded)
    assert results == [rfc3339(value) for value in bounded]


@settings(max_examples=60)
@given(st.integers(1, 2**53 - 1), st.data())
def test_audit_paths_in_logs_of_any_size(size: int, data: st.DataObject) -> None:
    """Beyond 2^31 too, where bits are no longer what JavaScript shifts."""
    index = data.draw(st.one_of(st.integers(0, size - 1), st.just(size - 1)))
    leaf, path, root = led(index, size)
    verify_inclusion(leaf, index, size, path, root)
    given_ = [leaf, index, size, path, root]
    others = [
        [leaf, index, size, path[1:], root],
        [leaf, index, size, [*path, root], root],
        [leaf, max(index - 1, 0), size, path, root],
        [leaf, index, min(size + 1, 2**53 - 1), path, root],
    ]
    cases = [given_, *others]
    results = JAVASCRIPT.call_each(("merkle.js", "verifyInclusion", case) for case in cases)
    wanted = [outcome(lambda c=case: verify_inclusion(*c)) for case in cases]
    assert [isinstance(item, JavaScriptError) for item in results] == [w is None for w in wanted]


def led(index: int, size: int) -> tuple[bytes, list[bytes], bytes]:
    """A leaf, a path, and the root of a log that they would be of: nobody has so large a log."""
    leaf = node = bytes(32)
    path: list[bytes] = []
    position, last = index, size - 1
    while last:
        if position & 1 or position < last:
            sibling = len(path).to_bytes(32, "big")
            path.append(sibling)
            node = node_hash(sibling, node) if position & 1 else node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    return leaf, path, node
