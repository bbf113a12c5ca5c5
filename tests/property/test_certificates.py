"""Certificates of any text: it is typeset with a glyph for each character, or refused by name."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import pytest
from builders.certified import CASE, RECORD, Registry, all_texts, registry
from builders.traffic import traffic
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.errors import InvalidInput
from node.evidence.certificates.fonts import load_faces
from node.evidence.certificates.port import Draft
from node.evidence.certificates.typesetting import typeset
from node.evidence.certificates.wording import breakable, grouped, show_unprintable

ANY = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=300)
MARKUP = st.text(st.sampled_from("#$*_`<>@\\\"'{}[]()/~=-+ ;:\n甲a1u"), min_size=1, max_size=80)
RARE = st.text(st.sampled_from("𠮷𬎆㐱䶮𬭊南\u202e\u200f\ufe0f\u0301é가ก\U0001f600"), min_size=1)


@cache
def ledger() -> Registry:
    return registry()


@cache
def draft() -> Draft:
    return ledger().compose(ledger().order(RECORD))


@settings(max_examples=40)
@given(ANY | MARKUP | RARE)
def test_any_name_is_set_or_refused_by_its_code_point(name: str) -> None:
    """In PDF/A mode a missing glyph is an error of the compiler's, so none goes by unnoticed."""
    order = ledger().order(CASE, applicant=name, case_no=name[:100])
    made = ledger().compose(order)
    texts = all_texts(made)
    assert show_unprintable(name) in texts
    unknown = {one for one in show_unprintable(name) if ord(one) not in load_faces().characters}
    if not unknown:
        assert typeset(made).pages > 5
        return
    with pytest.raises(InvalidInput) as refused:
        typeset(made)
    assert any(f"U+{ord(one):04X}" in refused.value.rule for one in unknown)


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from("abc"), ANY | MARKUP, min_size=1))
def test_any_text_of_a_table_is_text(texts: dict[str, str]) -> None:
    content = json.loads(draft().content)
    shown = {name: show_unprintable(text) for name, text in texts.items()}
    block = {"k": "facts", "rows": [[name, text] for name, text in shown.items()], "broken": True}
    content["sections"] = [{"heading": "一、", "blocks": [block]}]
    changed = replace(draft(), content=json.dumps(content, ensure_ascii=False))
    known = load_faces().characters
    if all(ord(one) in known for text in shown.values() for one in text):
        assert typeset(changed).pages >= 4


@given(ANY | MARKUP)
def test_shown_text_obeys_nothing_and_drops_nothing(text: str) -> None:
    shown = show_unprintable(text)
    assert all(one.isprintable() or one == "\u3000" or one >= "\ue000" for one in shown)
    assert show_unprintable(shown) == shown
    kept = [one for one in text if one in shown]
    assert len(shown) >= len(kept)
    pieces = breakable(shown)
    assert ("".join(pieces) if isinstance(pieces, list) else pieces) == shown


@settings(max_examples=3)
@given(st.integers(0, 10_000))
def test_every_dossier_of_any_traffic_can_be_certified(seed: int) -> None:
    """Of all kinds, anchors and matters of the consortium among them."""
    made = Registry()
    made.bench.play(traffic(seed, seals=3, cases=2, records=3, proposals=2))
    with made.bench.reader() as reader:
        entries = reader.entries(range(1, reader.meta.size))
        subjects = sorted({entry.transaction.sub for entry in entries})
    for place, subject in enumerate(subjects):
        language = "en" if place % 2 else "zh"
        composed = made.compose(made.order(subject, language=language))
        assert typeset(composed).pages > 5


@given(st.binary(min_size=32, max_size=32))
def test_grouped_hashes_read_back(value: bytes) -> None:
    assert "".join(grouped(value.hex())).replace(" ", "") == value.hex()
