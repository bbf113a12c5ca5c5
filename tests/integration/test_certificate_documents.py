"""Whole certificates as others read them: veraPDF's verdict, and the text that poppler finds."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from builders.certified import (
    CASE,
    DESCRIPTION,
    IMPORTED,
    ISSUER,
    PICTURE,
    PRIVATE,
    RECORD,
    SEAL,
    Registry,
    registry,
)
from builders.verapdf import check_pdfa

from node.evidence.certificates.port import Draft, Issuer, Order
from node.evidence.certificates.typesetting import typeset

_RIGHT = 595.3 - 24 / 25.4 * 72 + 2
"""The right margin of A4 in points, and a little for characters that hang."""
PAGE = re.compile(r"第\d+页，共\d+页|page\d+of\d+")


@pytest.fixture(scope="module")
def ledger() -> Registry:
    return registry()


def pdftotext(pdf: bytes, folder: Path, *options: str) -> str:
    if shutil.which("pdftotext") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("pdftotext (poppler-utils) is missing")
        pytest.skip("pdftotext (poppler-utils) is missing")
    file = folder / "certificate.pdf"
    file.write_bytes(pdf)
    ran = subprocess.run(
        ["pdftotext", "-enc", "UTF-8", *options, str(file), "-"],
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout


def drafts(ledger: Registry) -> dict[str, Draft]:
    """Every kind of dossier in Chinese, and a case and a record in English."""
    digest = hashlib.sha256(PICTURE).hexdigest()
    told: Issuer = replace(ISSUER, description=DESCRIPTION, description_signers=("operator-a",))
    rare = "南霁云𠮷𬎆㐱䶮𬭊\u202e" + "甲" * 290
    orders: dict[str, tuple[Order, Issuer]] = {
        "case": (ledger.order(CASE, disclosed=True, pictures={digest: PICTURE}), told),
        "case-masked": (ledger.order(CASE), ISSUER),
        "case-en": (ledger.order(CASE, disclosed=True, language="en"), ISSUER),
        "imported": (ledger.order(IMPORTED), ISSUER),
        "one-record": (ledger.order(CASE, ordinal=2), ISSUER),
        "rare": (ledger.order(RECORD, applicant=rare), ISSUER),
        "record-en": (ledger.order(RECORD, disclosed=True, language="en"), told),
        "seal": (ledger.order(SEAL, pictures={digest: PICTURE}), ISSUER),
    }
    return {name: ledger.compose(order, issuer) for name, (order, issuer) in orders.items()}


@pytest.fixture(scope="module")
def long_case() -> Draft:
    """One of 34 records."""
    made = Registry()
    made.seal()
    made.case(rounds=8)
    return made.compose(made.order(CASE, disclosed=True))


def test_every_kind_is_pdf_a_3b(ledger: Registry, long_case: Draft, tmp_path: Path) -> None:
    files = []
    for name, draft in {**drafts(ledger), "long": long_case}.items():
        file = tmp_path / f"{name}.pdf"
        file.write_bytes(typeset(draft).pdf)
        files.append(file)
    verdicts = check_pdfa(files)
    assert verdicts == {file.name: "PASS" for file in files}


def test_headings_stand_in_order_and_the_number_on_each_page(
    ledger: Registry, tmp_path: Path
) -> None:
    for draft in drafts(ledger).values():
        made = typeset(draft)
        pages = pdftotext(made.pdf, tmp_path).split("\f")[:-1]
        assert len(pages) == made.pages
        assert all(draft.certificate_no in page for page in pages)
        assert [(PAGE.search(page) or [""])[0] for page in map(squeezed, pages)] == [
            f"第{place}页，共{made.pages}页"
            if draft.language == "zh"
            else f"page{place}of{made.pages}"
            for place in range(1, made.pages + 1)
        ]
        whole = squeezed("\n".join(pages[2:]))
        places = [
            whole.find(squeezed(heading if isinstance(heading, str) else "".join(heading["w"])))
            for heading in (item["heading"] for item in json.loads(draft.content)["sections"])
        ]
        assert -1 not in places
        assert places == sorted(places)


def test_long_runs_end_at_the_margin_and_are_copied_as_they_are(
    ledger: Registry, tmp_path: Path
) -> None:
    """A hash in a sentence has nowhere to end: it ran out of its column and over the page."""
    for name, draft in drafts(ledger).items():
        made = typeset(draft)
        words = pdftotext(made.pdf, tmp_path, "-bbox")
        assert max(map(float, re.findall(r'xMax="([\d.]+)"', words))) < _RIGHT, name
        text = squeezed(pdftotext(made.pdf, tmp_path))
        assert ledger.bench.genesis.hash.hex() in text, name
        assert "\u200b" not in text


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def test_disclosed_values_stand_in_the_pdf_only_where_disclosed(
    ledger: Registry, tmp_path: Path
) -> None:
    values = [
        squeezed(item)
        for fields in PRIVATE.values()
        for value in fields.values()
        for item in (value if isinstance(value, list) else [value])
    ]
    made = drafts(ledger)
    masked = squeezed(pdftotext(typeset(made["case-masked"]).pdf, tmp_path))
    shown = squeezed(pdftotext(typeset(made["case"]).pdf, tmp_path))
    assert [value for value in values if value in masked] == []
    assert [value for value in values if value not in shown] == []


def test_long_dossier_breaks_over_pages(long_case: Draft, tmp_path: Path) -> None:
    text = squeezed(pdftotext(typeset(long_case).pdf, tmp_path))
    codes = {row["code"] for row in timeline(long_case)}
    assert len(codes) == 34
    assert all(code in text for code in codes)


def timeline(draft: Draft) -> list[dict[str, str]]:
    blocks = json.loads(draft.content)["sections"][5]["blocks"]
    found: list[dict[str, str]] = next(one for one in blocks if one["k"] == "timeline")["events"]
    return found
