from __future__ import annotations

import dataclasses
import hashlib
import io
import re
import shutil
import subprocess
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from node.core.errors import InvalidInput
from node.demo.documents import (
    ContractFacts,
    NaturalPerson,
    name_document,
    running_example,
    seal_places,
    typeset_contract,
)

A4 = (595.28, 841.89)
USCC_CHARACTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def check_character(first17: str) -> str:
    """GB 32100: weights are the powers of 3 modulo 31."""
    total = sum(USCC_CHARACTERS.index(c) * pow(3, i, 31) for i, c in enumerate(first17))
    return USCC_CHARACTERS[-total % 31]


def organisation_check_digit(first8: str) -> str:
    """GB 11714, for the nine characters inside the code."""
    values = (int(c, 36) * w for c, w in zip(first8, (3, 7, 9, 10, 5, 8, 4, 2)))
    return "0123456789X"[-sum(values) % 11]


def pages(pdf: bytes) -> list[Any]:
    return [kid.get_object() for kid in PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Kids"]]


def characters_of_fonts(pdf: bytes) -> set[str]:
    """Every character that the embedded fonts can give back as text (their ToUnicode maps)."""
    found: set[str] = set()
    for page in pages(pdf):
        for font in page["/Resources"]["/Font"].values():
            cmap = font.get_object()["/ToUnicode"].data.decode("latin-1")
            for block in re.findall(r"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
                for text in re.findall(r"<[0-9A-F]+> <([0-9A-F]+)>", block, re.IGNORECASE):
                    found.update(bytes.fromhex(text).decode("utf-16-be"))
            for block in re.findall(r"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
                for low, high, text in re.findall(r"<(\w+)>\s*<(\w+)>\s*<(\w+)>", block):
                    for step in range(int(high, 16) - int(low, 16) + 1):
                        found.add(chr(int(text, 16) + step))
    return found


def test_example_has_valid_codes_and_masked_persons(facts: ContractFacts) -> None:
    assert facts.document_name == "待盖章文件"
    assert facts.sign_no == "QY812163472634127040-1"
    for party in (facts.party_a, facts.party_b):
        assert re.fullmatch(f"91[0-9]{{6}}[{USCC_CHARACTERS}]{{10}}", party.uscc)
        assert party.uscc[17] == check_character(party.uscc[:17])
        assert party.uscc[16] == organisation_check_digit(party.uscc[8:16])
        assert "演示" in party.name
        assert "**" in party.representative
        assert "*******" in party.agent.id_no
    assert facts.party_a.agent == NaturalPerson("南**", "120105*******061X")


def test_same_facts_same_bytes_and_another_time_other_bytes(facts: ContractFacts) -> None:
    pdf = typeset_contract(facts)
    later = dataclasses.replace(facts, created_at=datetime(2026, 3, 3, tzinfo=UTC))
    assert typeset_contract(later) != pdf
    assert typeset_contract(facts) == pdf


def test_contract_is_a4_pdf_a_3b_with_embedded_fonts(facts: ContractFacts) -> None:
    pdf = typeset_contract(facts)
    assert pdf.startswith(b"%PDF-1.7")
    assert pdf.endswith(b"%%EOF\n")
    assert b"<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in pdf
    found = pages(pdf)
    assert len(found) == 2
    for page in found:
        assert [float(side) for side in page["/MediaBox"]] == pytest.approx([0, 0, *A4], abs=0.01)
        for font in page["/Resources"]["/Font"].values():
            descriptor = font.get_object()["/DescendantFonts"][0]["/FontDescriptor"]
            assert "/FontFile3" in descriptor


def test_title_and_number_stand_in_the_metadata(facts: ContractFacts) -> None:
    information = PdfFileReader(io.BytesIO(typeset_contract(facts))).trailer["/Info"]
    assert information["/Title"] == facts.title
    assert facts.sign_no in information["/Subject"]
    assert "不具有法律效力" in information["/Subject"]


def test_text_can_be_taken_out_of_the_fonts(facts: ContractFacts) -> None:
    wanted = facts.title + facts.document_name + facts.sign_no + facts.amount_in_words
    for party in (facts.party_a, facts.party_b):
        wanted += party.name + party.uscc + party.agent.name + party.agent.id_no
    assert set(wanted) <= characters_of_fonts(typeset_contract(facts))


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext (poppler-utils) is missing")
@pytest.mark.parametrize(
    ("created_at", "date"),
    [
        (datetime(2026, 3, 2, 15, 59, 59, tzinfo=UTC), "2026年3月2日"),
        (datetime(2026, 3, 2, 16, 0, tzinfo=UTC), "2026年3月3日"),  # midnight in Beijing
    ],
)
def test_another_program_reads_the_text(created_at: datetime, date: str) -> None:
    facts = running_example(created_at)
    run = subprocess.run(
        ["pdftotext", "-", "-"], input=typeset_contract(facts), capture_output=True, check=True
    )
    text = re.sub(r"\s", "", run.stdout.decode())
    for part in (
        facts.title,
        "签约编号：QY812163472634127040-1",
        "文档名称：待盖章文件",
        facts.party_a.uscc,
        facts.party_b.uscc,
        "经办人：南**（120105*******061X）",
        f"签署日期：{date}",
        "第2页，共2页",
        "演示文件·不具有法律效力",
    ):
        assert part in text


def test_facts_are_text_and_never_markup(facts: ContractFacts) -> None:
    odd = '#panic() $x$ *b* _i_ <l> @r \\ // [c] "q" = h'
    party = dataclasses.replace(facts.party_a, name=odd)
    pdf = typeset_contract(dataclasses.replace(facts, party_a=party, title=odd))
    assert PdfFileReader(io.BytesIO(pdf)).trailer["/Info"]["/Title"] == odd
    assert set(odd) - {" "} <= characters_of_fonts(pdf)


def replace_fact(facts: ContractFacts, place: str, text: str) -> ContractFacts:
    names = place.split(".")
    changed: Any = text
    for depth in reversed(range(len(names))):
        owner: Any = facts
        for name in names[:depth]:
            owner = getattr(owner, name)
        changed = dataclasses.replace(owner, **{names[depth]: changed})
    assert isinstance(changed, ContractFacts)
    return changed


@pytest.mark.parametrize(
    "place", ["title", "sign_no", "party_a.name", "party_b.agent.name", "amount_in_words"]
)
def test_missing_glyph_is_named_before_anything_is_typeset(
    facts: ContractFacts, place: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        typeset_contract(replace_fact(facts, place, "上官𠮷"))
    assert caught.value.place == f"facts.{place}[2]"
    assert "𠮷 (U+20BB7)" in caught.value.rule
    with pytest.raises(InvalidInput) as caught:
        seal_places(replace_fact(facts, place, ""))
    assert str(caught.value) == f"facts.{place}: must not be empty"


def test_glyphs_are_looked_for_in_the_typeface_that_sets_the_fact(facts: ContractFacts) -> None:
    only_in_serif, only_in_sans = "\u4db6", "\U00025ad7"
    typeset_contract(replace_fact(facts, "party_a.name", f"演示{only_in_serif}公司"))
    typeset_contract(replace_fact(facts, "title", f"演示{only_in_sans}合同"))
    with pytest.raises(InvalidInput, match="Noto Sans SC has no glyph"):
        typeset_contract(replace_fact(facts, "title", f"演示{only_in_serif}合同"))
    with pytest.raises(InvalidInput, match="Noto Serif SC has no glyph"):
        typeset_contract(replace_fact(facts, "party_a.name", f"演示{only_in_sans}公司"))
    for either in (only_in_serif, only_in_sans):  # in the running head and on the page
        with pytest.raises(InvalidInput, match=r"facts\.sign_no\[2\]"):
            typeset_contract(replace_fact(facts, "sign_no", f"QY{either}"))


def test_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"facts\.created_at: must have a time zone"):
        typeset_contract(running_example(datetime(2026, 1, 1)))


@pytest.mark.parametrize("name", ["东营演示科技有限公司", "长" * 60, "极长" * 150])
@pytest.mark.parametrize("size_mm", [20, 40, 58])
def test_seals_lie_on_the_last_page_side_by_side(
    facts: ContractFacts, name: str, size_mm: int
) -> None:
    long = replace_fact(facts, "party_a.name", name)
    last = len(pages(typeset_contract(long))) - 1
    places = seal_places(long, size_mm=size_mm)
    assert list(places) == ["party_a", "party_b"]
    for place in places.values():
        left, bottom, right, top = place.box
        assert place.page == last
        assert 0 <= left < right <= A4[0]
        assert 0 <= bottom < top <= A4[1]
        assert right - left == top - bottom == pytest.approx(size_mm / 25.4 * 72, abs=1)
    for first, second in pairwise(places.values()):
        assert first.box[2] < second.box[0]


def test_document_is_named_by_both_hashes_size_and_type() -> None:
    name = name_document(b"abc", "text/plain")
    assert name.to_json() == {
        "sha256": hashlib.sha256(b"abc").hexdigest(),
        # GB/T 32905-2016, appendix A.1
        "sm3": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
        "size": 3,
        "media_type": "text/plain",
    }
    assert name_document(b"").media_type == "application/pdf"
