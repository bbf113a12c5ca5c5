from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import typst

from node.evidence.imprints.typesetting import (
    query_values,
    template_source,
    typeset_pdf,
    typeset_png,
)

IMPRINT = template_source("node.evidence.imprints", "imprint.typ")
CONTRACT = template_source("node.demo", "contract.typ")
SQUARE = {
    "size_mm": "25.4",
    "title": "方",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M1 1H8V8"/></svg>',
}


def test_pdf_ends_with_a_line_feed_so_that_an_update_starts_a_line() -> None:
    assert typeset_pdf(IMPRINT, SQUARE).endswith(b"%%EOF\n")


def test_same_inputs_same_bytes_and_other_inputs_other_bytes() -> None:
    other = SQUARE | {"title": "圆"}
    first = typeset_pdf(IMPRINT, SQUARE)
    assert typeset_pdf(IMPRINT, other) != first
    assert typeset_pdf(IMPRINT, SQUARE) == first


def test_png_has_300_pixels_an_inch_and_a_transparent_ground() -> None:
    png = typeset_png(IMPRINT, SQUARE)
    width, height, depth, colour_type = struct.unpack(">IIBB", png[16:26])
    assert (width, height, depth, colour_type) == (300, 300, 8, 6)


def test_archival_pdf_bears_the_time_it_was_given() -> None:
    facts = {"title": "x", "sign_no": "x", "document_name": "x", "platform": "x"}
    person = {"name": "x", "id_no": "x"}
    party = {"name": "x", "uscc": "x", "address": "x", "representative": "x", "agent": person}
    amounts = {"amount": "1", "amount_in_words": "x", "signed_on": "x"}
    inputs = {"facts": json.dumps(facts | amounts | {"party_a": party, "party_b": party})}
    created_at = datetime(2020, 9, 23, 5, 13, 30, tzinfo=UTC)
    pdf = typeset_pdf(CONTRACT, inputs, created_at=created_at)
    assert b"<pdfaid:part>3</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>" in pdf
    assert b"<xmp:CreateDate>2020-09-23T05:13:30" in pdf
    assert [place["party"] for place in query_values(CONTRACT, "seal-place", inputs)] == [
        "party_a",
        "party_b",
    ]
    assert query_values(CONTRACT, "no-such-label", inputs) == []


def test_template_that_lacks_an_input_is_an_error_and_leaves_the_compiler_usable() -> None:
    with pytest.raises(typst.TypstError):
        typeset_pdf(IMPRINT, {})
    assert typeset_pdf(IMPRINT, SQUARE).startswith(b"%PDF-")


def test_threads_share_the_compiler() -> None:
    wanted = [SQUARE | {"size_mm": str(20 + size)} for size in range(8)]
    alone = [typeset_pdf(IMPRINT, inputs) for inputs in wanted]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda inputs: typeset_pdf(IMPRINT, inputs), wanted))
    assert together == alone
