"""The page's texts: whole in both languages, and one reason for every step there is."""

from __future__ import annotations

from typing import Any

import pytest
from builders.bundling import bundle_of, trust_of
from builders.cases import PRIVATE, SUB, grown
from builders.javascript import JAVASCRIPT

from node.cli.records_shown import EVENT_TITLES, shown_records
from node.core.encoding import canonical_json
from node.core.verify import STEPS
from node.core.verify_certificate import verify_certificate
from node.rules.events import EVENTS


def call(module: str, function: str, *arguments: Any) -> Any:
    return JAVASCRIPT.call(f"ui/{module}.js", function, *arguments)


def test_every_text_is_there_in_both_languages() -> None:
    chinese, english = (call("texts", "textNames", language) for language in ("zh", "en"))
    assert chinese == english
    for name in chinese:
        texts = [call("texts", "sentence", language, name, *"0123") for language in ("zh", "en")]
        assert all(texts)
        assert all("{" not in text for text in texts)
        asked = [set(filter(str.isdigit, text)) for text in texts]
        assert asked[0] == asked[1] or name in {"foot"}, name


def test_unknown_text_is_an_error_and_no_empty_place() -> None:
    with pytest.raises(Exception, match="no text is called nothing"):
        call("texts", "sentence", "zh", "nothing")


def test_every_step_says_why_it_matters() -> None:
    ids = {step.id for step in STEPS} | {step.id for step in verify_certificate(b"", None).steps}
    assert set(call("reasons", "reasonedIds")) == ids
    for step_id in ids:
        assert call("reasons", "reasonOf", step_id, "zh").endswith("。")
        assert call("reasons", "reasonOf", step_id, "en").endswith(".")
    assert call("reasons", "reasonOf", "anchors.1", "zh") == ""
    assert call("reasons", "reasonOf", "__proto__", "zh") == ""


def test_titles_of_events_are_those_of_the_rules() -> None:
    titles = {name: event.title_zh for name, event in EVENTS.items()}
    assert titles == EVENT_TITLES
    assert {name: call("event_titles", "eventTitle", name) for name in titles} == titles
    assert call("event_titles", "eventTitle", "constructor") == "constructor"


def test_records_are_those_that_the_command_shows() -> None:
    chain = grown()
    bundle = canonical_json(bundle_of(chain, SUB, disclosures=PRIVATE))
    shown = call("records", "shownRecords", bundle)
    expected = [record.to_json() for record in shown_records(bundle)]
    assert len(shown) == 3
    for found, wanted in zip(shown, expected):
        assert found["memberName"] == wanted["member_name"] != ""
        assert dict(found["data"]) == wanted["data"]
        assert dict(found["disclosed"]) == wanted["disclosed"]
        names = ("occurredAt", "submittedAt", "time", "provenTime", "hidden", "code", "type")
        same = ("occurred_at", "submitted_at", "time", "proven_time", "hidden", "code", "type")
        assert [found[name] for name in names] == [wanted[name] for name in same]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("安云印", [(False, "安云印")]),
        ("a\u202eb", [(False, "a"), (True, "⟦U+202E⟧"), (False, "b")]),
        ("\u0000\u2066", [(True, "⟦U+0000⟧"), (True, "⟦U+2066⟧")]),
        ("𠮷\u200d\ufeff", [(False, "𠮷"), (True, "⟦U+200D⟧"), (True, "⟦U+FEFF⟧")]),
        ("\U000e0041\u3164\n", [(True, "⟦U+E0041⟧"), (True, "⟦U+3164⟧"), (True, "⟦U+000A⟧")]),
        ("\ue000", [(True, "⟦U+E000⟧")]),
        ("邊\U000e0101\u034f", [(False, "邊"), (True, "⟦U+E0101⟧"), (True, "⟦U+034F⟧")]),
        ("\u2800", [(True, "⟦U+2800⟧")]),
        ("", []),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, parts: list[tuple[bool, str]]) -> None:
    found = call("elements", "visibleParts", text)
    assert [(part["odd"], part["text"]) for part in found] == parts


def test_files_are_told_apart_by_what_they_hold() -> None:
    assert call("files", "kindOf", b"%PDF-1.7\n") == "certificate"
    assert call("files", "kindOf", trust_of(grown())) == "trust"
    for bundle in (b"", b"{}", b'{"format":"evidence-bundle/1"}', b"\xff" * 9, b"[" * 5000):
        assert call("files", "kindOf", bundle) == "bundle"
