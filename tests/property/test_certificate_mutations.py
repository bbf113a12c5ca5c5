"""Certificates with something changed in them: no verifier crashes, none accepts another meaning,
and the one in Python and the one in JavaScript name the same steps."""

from __future__ import annotations

from typing import Any

import pytest
from builders.certificate_corpus import TRUST, recorded
from builders.javascript import JAVASCRIPT
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.errors import InvalidInput
from node.core.pdf.certificate_file import read_certificate
from node.core.pdf.objects import Stream
from node.core.verify_certificate import CertificateReport, verify_certificate

GOOD = {name: recorded(name).pdf for name in ("good-b-b", "good-b-t", "good-b-lta")}
_SHOWN = ("Type", "Pages", "Names", "AF", "StructTreeRoot", "Lang", "OutputIntents")


def meaning(pdf: bytes, report: CertificateReport) -> tuple[Any, ...]:
    """What somebody who reads the file or its report is told: the sealed bytes but the signature,
    what the newest revision shows, the attachments, and the statement."""
    read = read_certificate(pdf)
    assert read.seal is not None
    newest = read.views[-1]
    shown = {
        number: (one.value.entries, one.value.raw) if isinstance(one.value, Stream) else one.value
        for number, one in newest.objects.items()
        if number in read.views[read.seal.revision].objects
        and number not in (newest.trailer["Root"].number, newest.trailer["Info"].number)
    }
    metadata = newest.catalog().get("Metadata")
    changing = {getattr(metadata, "number", 0)}
    form, pages = newest.catalog()["AcroForm"].number, []
    for number, one in newest.objects.items():
        if one.entries.get("Type") == "Page":
            pages.append({key: one.value[key] for key in one.value if key != "Annots"})
            changing.add(number)
    content = {key: value for key, value in shown.items() if key not in {*changing, form}}
    content.pop(read.seal.number, None)
    catalog = {key: newest.catalog()[key] for key in _SHOWN}
    told = (report.certificate_no, report.code, report.issuer, report.attached)
    return (read.seal.signed_bytes(pdf), repr(content), pages, catalog, read.attachments, told)


MEANT = {name: meaning(pdf, verify_certificate(pdf, TRUST)) for name, pdf in GOOD.items()}


def both(pdf: bytes) -> CertificateReport:
    """The report of the one in Python, which must say what that in JavaScript does."""
    report = verify_certificate(pdf, TRUST)
    there = JAVASCRIPT.call("verify_certificate.js", "verifyCertificate", pdf, TRUST)
    told = {step["label"]: step["status"] for step in there["steps"] + there["bundle"]["steps"]}
    assert told == {step.label: step.status for step in report.all_steps}
    return report


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A certificate in which bytes were changed, taken out, put in, moved or doubled."""
    name = draw(st.sampled_from(sorted(GOOD)))
    pdf = bytearray(GOOD[name])
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(pdf) - 1) | st.integers(len(pdf) - 3_000, len(pdf) - 1))
        length = draw(st.integers(1, 40))
        how = draw(st.sampled_from(["flip", "set", "digit", "drop", "add", "double"]))
        if how == "flip":
            pdf[at] ^= 1 << draw(st.integers(0, 7))
        elif how == "set":
            pdf[at] = draw(st.sampled_from(b"\0 0Aa/<>[]()%\n\xff"))
        elif how == "digit":
            places = [n for n in range(at, min(at + 400, len(pdf))) if 0x30 <= pdf[n] <= 0x39]
            for place in places[:1]:
                pdf[place] = draw(st.integers(0x30, 0x39))
        elif how == "drop":
            del pdf[at : at + length]
        elif how == "add":
            pdf[at:at] = draw(st.binary(min_size=1, max_size=40))
        else:
            pdf[at:at] = pdf[at : at + length]
    return name, bytes(pdf)


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_no_mutation_is_accepted_with_another_meaning(case: tuple[str, bytes]) -> None:
    name, pdf = case
    report = both(pdf)
    if report.accepted:
        assert meaning(pdf, report) == MEANT[name]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused_and_do_no_harm(data: bytes, named: bool) -> None:
    pdf = b"%PDF-1.7\n" * named + data
    assert not both(pdf).accepted
    with pytest.raises(InvalidInput):
        read_certificate(pdf)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_bytes_of_the_sealed_revision_cannot_be_changed(name: str, data: st.DataObject) -> None:
    pdf = bytearray(GOOD[name])
    seal = read_certificate(bytes(pdf)).seal
    assert seal is not None
    start, end = data.draw(st.sampled_from(seal.covered))
    pdf[data.draw(st.integers(start, end - 1))] ^= data.draw(st.integers(1, 255))
    assert not both(bytes(pdf)).accepted
