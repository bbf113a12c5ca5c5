"""Signed texts are taken apart as they were made; tiles hold the tree that they are of."""

from __future__ import annotations

import hashlib
import json

from builders.judicial_setup import point_of
from hypothesis import given, settings
from hypothesis import strategies as st

from chaincode_adapters.rekor.tiles import Tiles
from chaincode_adapters.rest.exchange import Reply, Sent
from chaincode_adapters.rest.placeholders import request_id
from chaincode_adapters.rest.requesting import decode_sent, encode_sent
from node.core.anchors.canonical_string import check_signed_parts, join_parts, split_parts
from node.core.anchors.foreign_json import raw_member
from node.core.errors import InvalidInput
from node.core.merkle import inclusion_path, root_of_leaves, verify_inclusion

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
NAMES = ("a", "b", "c", "d")


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[str], str]:
    separator = draw(st.sampled_from(["&", "|", "\n", ";;", "&&&"]))
    literal = st.text("xyz=:&|.", max_size=3)
    parts = [
        f"{draw(literal)}{draw(st.sampled_from(['{' + name + '}' for name in NAMES] + ['']))}"
        f"{draw(literal)}"
        for _ in range(draw(st.integers(1, 5)))
    ]
    return parts, separator


@given(layouts(), st.fixed_dictionaries(dict.fromkeys(NAMES, TEXTS)))
@settings(max_examples=300)
def test_a_signed_text_has_one_meaning(
    layout: tuple[list[str], str], values: dict[str, str]
) -> None:
    """What is made of accepted parts gives back exactly the values that it was made of, or is
    refused, because a value holds a character of the separator."""
    parts, separator = layout
    try:
        check_signed_parts(parts, separator, place="p")
    except InvalidInput:
        return
    text = join_parts(parts, separator, values, place="p")
    used = {name for name in NAMES if any(f"{{{name}}}" in part for part in parts)}
    clean = not any(set(separator) & set(values[name]) for name in used)
    try:
        found = split_parts(parts, separator, text, place="p")
    except InvalidInput:
        assert not clean
    else:
        assert clean
        assert found == {name: values[name] for name in used}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(TEXTS, children, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, JSON, max_size=4), JSON, st.sampled_from([None, 1]), st.booleans())
def test_a_member_is_cut_out_of_any_object(
    others: dict[str, object], value: object, indent: int | None, ascii_only: bool
) -> None:
    written = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    head = json.dumps(others, indent=indent, ensure_ascii=ascii_only).rstrip()[:-1].rstrip()
    comma = "," if others else ""
    if "signed" in others:
        return
    text = f'{head}{comma} "signed" : {written} }}'
    assert raw_member(text, "signed", place="x") == written


@given(st.integers(1, 700), st.data())
@settings(max_examples=40)
def test_paths_read_from_tiles_lead_to_the_root(size: int, data: st.DataObject) -> None:
    leaves = [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(size)]
    whole_only = data.draw(st.booleans())

    def fetch(path: str) -> Reply:
        parts = path.split("/")
        level, partial = int(parts[2]), ".p" in path
        number = int(parts[3].removesuffix(".p"))
        width = int(parts[4]) if partial else 256
        rows = leaves
        if level:
            rows = [root_of_leaves(leaves[at : at + 256]) for at in range(0, size - 255, 256)]
        row = rows[number * 256 : number * 256 + width]
        if partial and whole_only and len(rows) >= (number + 1) * 256:
            return Reply(404, {}, b"")
        return Reply(200, {}, b"".join(row))

    index = data.draw(st.integers(0, size - 1))
    seen = data.draw(st.integers(index + 1, size))
    path = inclusion_path(index, seen, Tiles(fetch).reader(seen))
    verify_inclusion(leaves[index], index, seen, path, root_of_leaves(leaves[:seen]))


@given(
    st.sampled_from(["GET", "POST"]),
    TEXTS.map(lambda text: "/" + text),
    st.lists(st.tuples(st.text("ABab-", min_size=1, max_size=5), TEXTS), max_size=4),
    TEXTS,
)
def test_a_kept_request_comes_back(
    method: str, path: str, headers: list[tuple[str, str]], body: str
) -> None:
    sent = Sent(method, path, tuple(headers), body.encode())
    assert decode_sent(encode_sent(sent)) == sent


@given(st.sampled_from(["hex32", "hex64", "uuid", "digits20"]), TEXTS, TEXTS, TEXTS, TEXTS)
def test_request_ids_are_of_one_service_and_member(
    form: str, service: str, member: str, other_service: str, other_member: str
) -> None:
    first = request_id(form, service, member, point_of())
    assert first == request_id(form, service, member, point_of())
    assert len(first) == {"hex32": 32, "hex64": 64, "uuid": 36, "digits20": 20}[form]
    if (service, member) != (other_service, other_member):
        assert first != request_id(form, other_service, other_member, point_of())
    assert first != request_id(form, service, member, point_of(2))
