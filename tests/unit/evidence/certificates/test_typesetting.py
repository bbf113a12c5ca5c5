"""The PDF: text set as it is, the same bytes, its attachments, the seal's box, no missing glyph."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from builders.certified import CASE, DESCRIPTION, ISSUER, PICTURE, Registry, registry
from pyhanko.pdf_utils.reader import PdfFileReader

from node.core.errors import InvalidInput
from node.evidence.certificates.fonts import load_faces
from node.evidence.certificates.port import Attachment, Draft
from node.evidence.certificates.typesetting import SEAL_BOX, typeset

TEMPLATE = Path("node/evidence/certificates/certificate.typ")


@pytest.fixture(scope="module")
def ledger() -> Registry:
    return registry()


@pytest.fixture(scope="module")
def draft(ledger: Registry) -> Draft:
    return ledger.compose(ledger.order(CASE, disclosed=True))


def attachments(pdf: bytes) -> dict[str, bytes]:
    names = PdfFileReader(io.BytesIO(pdf)).root["/Names"]["/EmbeddedFiles"]["/Names"]
    return {
        str(names[place]): names[place + 1]["/EF"]["/F"].data for place in range(0, len(names), 2)
    }


def test_same_draft_gives_the_same_bytes(draft: Draft) -> None:
    assert typeset(draft) == typeset(draft)


def test_files_are_attached_byte_by_byte_with_their_relation(draft: Draft) -> None:
    statement = Attachment("statement.jwt", "application/jwt", "声明", b"a.b.c", "Data")
    odd = Attachment(
        "odd.txt", "text/plain", 'a"b\\c', b'"\\u{41}\\n#eval("1")\r\n$x$', "Supplement"
    )
    pdf = typeset(replace(draft, attachments=(*draft.attachments, statement, odd))).pdf
    given = {item.name: item.content for item in (*draft.attachments, statement, odd)}
    assert attachments(pdf) == given
    root = PdfFileReader(io.BytesIO(pdf)).root
    relations = {
        str(item["/UF"]): str(item["/AFRelationship"])
        for item in (one.get_object() for one in root["/AF"])
    }
    assert relations["bundle.json"] == "/Data"
    assert relations["odd.txt"] == relations["seal-1.json"] == "/Supplement"


def test_attachment_twice_or_not_text_is_refused(draft: Draft) -> None:
    first = draft.attachments[0]
    with pytest.raises(InvalidInput, match="twice"):
        typeset(replace(draft, attachments=(first, first)))
    with pytest.raises(InvalidInput, match="UTF-8"):
        typeset(replace(draft, attachments=(replace(first, content=b"\xff"),)))


def test_last_page_has_the_box_of_the_seal(draft: Draft) -> None:
    made = typeset(draft)
    reader = PdfFileReader(io.BytesIO(made.pdf))
    assert int(reader.root["/Pages"]["/Count"]) == made.pages == made.seal.page + 1
    left, bottom, right, top = made.seal.box
    assert (right - left, top - bottom) == (150, 150)
    # The template counts from the top of the page, in its own words.
    text = TEMPLATE.read_text()
    assert f"dx: {SEAL_BOX[0]}pt - 24mm" in text
    assert f"dy: {842 - top}pt - 28mm" in text


def test_imprint_and_description_are_typeset(ledger: Registry) -> None:
    order = ledger.order(CASE, pictures={hashlib.sha256(PICTURE).hexdigest(): PICTURE})
    issuer = replace(ISSUER, description=DESCRIPTION, description_signers=("operator-a",))
    draft = ledger.compose(order, issuer)
    assert attachments(typeset(draft).pdf).keys() >= {"consortium.json", "bundle.json"}


def test_a_picture_that_is_none_is_told_as_what_is_wrong_with_the_order(ledger: Registry) -> None:
    """A picture can be on record by its hash, pass for one by its frame, and hold no pixels."""
    order = ledger.order(CASE, pictures={hashlib.sha256(PICTURE).hexdigest(): PICTURE})
    content = json.loads(ledger.compose(order).content)
    text = json.dumps(content, ensure_ascii=False).replace("<svg", "<svx")
    with pytest.raises(InvalidInput, match="cannot be typeset"):
        typeset(replace(ledger.compose(order), content=text))


def test_file_ends_with_a_line_feed(draft: Draft) -> None:
    assert typeset(draft).pdf.endswith(b"%%EOF\n")


# -- characters -----------------------------------------------------------------------------------


def drawn(ledger: Registry, applicant: str) -> bytes:
    return typeset(ledger.compose(ledger.order(CASE, applicant=applicant))).pdf


@pytest.mark.parametrize("name", ["吉𠮷野", "王𬎆", "㐱䶮𬭊", "a" * 300, "南" * 300, "x/" * 150])
def test_rare_and_long_names_are_set(ledger: Registry, name: str) -> None:
    if not {"HanaMinB"} <= set(load_faces().families) and "𠮷" in name + "𬎆":
        pytest.skip("fonts-hanazono is missing")
    assert drawn(ledger, name).startswith(b"%PDF-1.7")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("南\U0001fae0", "U+1FAE0"),  # an emoji
        ("\ue000", "U+E000"),  # private use, which HanaMin and BabelStone fill
        ("\U000f0000", "U+F0000"),
        ("אב", "U+05D0"),  # runs from right to left
        ("مح", "U+0645"),
    ],
)
def test_character_without_a_glyph_is_named(ledger: Registry, name: str, code: str) -> None:
    with pytest.raises(InvalidInput, match=rf"无法显示的字 {code}\b".replace("+", r"\+")) as caught:
        drawn(ledger, name)
    assert caught.value.place.startswith("certificate.sections[2].blocks[0].rows[0][1]")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("甲\u202e乙", "甲[U+202E]乙"),
        ("甲\u200f乙", "甲[U+200F]乙"),
        ("甲\u200b乙", "甲[U+200B]乙"),
        ("甲\n乙\t", "甲[U+000A]乙[U+0009]"),
        ("甲\ufe0f", "甲[U+FE0F]"),
        ("甲\u3000乙", "甲\u3000乙"),
    ],
)
def test_what_prints_nothing_is_shown(ledger: Registry, name: str, shown: str) -> None:
    draft = ledger.compose(ledger.order(CASE, applicant=name))
    rows = json.loads(draft.content)["sections"][2]["blocks"][0]["rows"]
    assert rows[0] == ["申请人", shown]
    assert typeset(draft).pages


def test_nothing_is_read_as_markup(ledger: Registry) -> None:
    hostile = '#panic() $x^2$ *b* _i_ `c` <l> @r \\ " #{1+1} #import "x" // /* ~ -- --- =h'
    plain = drawn(ledger, hostile)
    assert plain
    for purpose in ('")) #panic("', '\\")) #panic(\\"', "\\", '"', "\\u{22}"):
        draft = ledger.compose(ledger.order(CASE, purpose=purpose))
        assert json.loads(draft.content)["sections"][2]["blocks"][0]["rows"][1][1] == purpose
        assert typeset(draft).pages
