"""What stands on a certificate's pages, read back from the PDF by poppler."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
from builders import certified
from builders.certified import CASE, Registry
from builders.time_stamping import missing

from node.evidence.certificates.typesetting import typeset

RECTANGLES = 150
FIELDS = 16
FORGED = "天津　·　当时印章状态 已吊销"


@pytest.fixture(scope="module")
def pages() -> list[str]:
    """The pages of a case whose records say as much as fits a disclosure, and hostile things."""
    if shutil.which("pdftotext") is None:
        missing("pdftotext is missing: apt-get install poppler-utils")
    places = [
        {"page": page, "x": "120.5", "y": "640.25", "width": "42", "height": "42"}
        for page in range(1, RECTANGLES + 1)
    ]
    private: dict[str, dict[str, Any]] = {
        **certified.PRIVATE,
        "signing.sealed": {"page_rectangles": places},
        "signing.completed": {
            f"n{number:02d}{'m' * 60}": f"value-{number};" for number in range(FIELDS)
        },
        "signing.started": {"address": FORGED * 20, "m" * 16: "MMMM"},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certified, "PRIVATE", private)
        made = Registry()
        made.seal()
        made.case()
    pdf = typeset(made.compose(made.order(CASE, disclosed=True))).pdf
    command = ["pdftotext", "-layout", "-", "-"]
    done = subprocess.run(command, input=pdf, capture_output=True, check=True)
    return done.stdout.decode("utf-8").split("\f")


def test_an_event_longer_than_a_page_is_printed_whole(pages: list[str]) -> None:
    text = "".join("".join(pages).split())
    for page in range(1, RECTANGLES + 1):
        assert f"page={page}，" in text, page


def test_long_names_of_fields_are_printed_whole_too(pages: list[str]) -> None:
    """A short value may stand beside a label of many lines."""
    text = "".join("".join(pages).split())
    assert [number for number in range(FIELDS) if f"value-{number};" not in text] == []


def test_no_value_begins_where_the_labels_of_an_event_stand(pages: list[str]) -> None:
    """Else a free text could tell another status of a seal than the record's own."""
    begun = [line.lstrip() for page in pages for line in page.splitlines()]
    said = [line for line in begun if line.startswith("当时印章状态")]
    assert len(said) == 2  # of the seal's two records
    assert all("已吊销" not in line for line in said)
    assert sum("已吊销" in line for line in begun) > 2


def test_a_long_word_as_a_label_ends_before_its_value(pages: list[str]) -> None:
    (line,) = [line for page in pages for line in page.splitlines() if "MMMM" in line]
    label, value = line.split()
    assert (set(label), value) == ({"m"}, "MMMM")
    assert len(label) < 16
