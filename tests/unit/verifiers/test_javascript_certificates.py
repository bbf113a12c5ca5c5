"""The verifier in JavaScript on every certificate of the corpus: the same steps, the same words."""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from builders.certificate_corpus import CORPUS, TRUST, Recorded, recorded
from builders.certificate_pdfs import certificate_of, files_of, office
from builders.javascript import JAVASCRIPT, JavaScriptError
from builders.pdf_revisions import (
    append_revision,
    newest,
    object_text,
    packed_pdf,
    stream_text,
)
from builders.told_failures import english_in, told_otherwise
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.anchors.der import SEQUENCE, encode_der
from node.core.bundle import decode_bundle
from node.core.errors import InvalidInput
from node.core.pdf.filters import decode_stream
from node.core.pdf.objects import Stream
from node.core.verify import PASSED
from node.core.verify_certificate import CertificateReport, verify_certificate

MODULE, FUNCTION = "verify_certificate.js", "verifyCertificate"


def told(report: CertificateReport) -> list[tuple[str, str, str]]:
    return [(step.label, step.id, step.status) for step in report.all_steps]


def told_there(report: dict[str, Any]) -> list[tuple[str, str, str]]:
    steps = [*report["steps"], *report["bundle"]["steps"]]
    return [(step["label"], step["id"], step["status"]) for step in steps]


@pytest.mark.parametrize("trust", [TRUST, None], ids=["given", "attached"])
@pytest.mark.parametrize("one", CORPUS, ids=lambda one: one.name)
def test_both_say_the_same(one: Recorded, trust: bytes | None) -> None:
    there = JAVASCRIPT.call(MODULE, FUNCTION, one.pdf, trust)
    here = verify_certificate(one.pdf, trust)
    assert told_there(there) == told(here)
    for step, same in zip(here.steps, there["steps"]):
        assert same["text"] == step.text
        assert same["details"] == list(step.details)
        assert not same["textZh"].isascii()
    ours, theirs = here.all_steps, [*there["steps"], *there["bundle"]["steps"]]
    assert told_otherwise(ours, theirs) == []
    for step in ours:
        assert step.status == PASSED or english_in(step.text_zh) == ""
    assert there["accepted"] is here.accepted
    assert there["attached"] == here.attached
    for name, value in (
        ("sha256", here.sha256),
        ("certificateNo", here.certificate_no),
        ("code", here.code),
        ("issuer", here.issuer),
        ("ownTrust", here.own_trust),
        ("trustFingerprint", here.bundle.trust_fingerprint),
    ):
        assert there[name] == value


def test_a_malformed_trust_file_throws_in_both() -> None:
    trust = json.dumps({**json.loads(TRUST), "signer_roots": ["MAA="]}).encode()
    pdf = recorded("good-b-b").pdf
    with pytest.raises(InvalidInput):
        verify_certificate(pdf, trust)
    with pytest.raises(JavaScriptError, match=r"signer_roots\[0\]"):
        JAVASCRIPT.call(MODULE, FUNCTION, pdf, trust)


def inflated_there(packed: bytes, most: int) -> bytes | None:
    [found] = JAVASCRIPT.call_each([("pdf/inflate.js", "inflate", [packed, "x", most])])
    assert isinstance(found, bytes) or found.name == "InvalidInput"
    return found if isinstance(found, bytes) else None


def inflated_here(packed: bytes, most: int) -> bytes | None:
    try:
        return decode_stream(Stream({"Filter": "FlateDecode"}, packed), "x", most)
    except InvalidInput:
        return None


@settings(max_examples=150, deadline=None)
@given(
    data=st.binary(max_size=400) | st.text("ab", max_size=2000).map(str.encode),
    level=st.integers(0, 9),
    strategy=st.sampled_from(
        [zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED]
    ),
    flip=st.none() | st.tuples(st.integers(0, 4000), st.integers(0, 7)),
    most=st.sampled_from([0, 100, 10_000]),
)
def test_inflating_is_what_zlib_does(
    data: bytes, level: int, strategy: int, flip: tuple[int, int] | None, most: int
) -> None:
    packer = zlib.compressobj(level, zlib.DEFLATED, 15, 8, strategy)
    packed = bytearray(packer.compress(data) + packer.flush())
    if flip is not None:
        packed[flip[0] % len(packed)] ^= 1 << flip[1]
    found = inflated_there(bytes(packed), most)
    assert found == inflated_here(bytes(packed), most)
    if flip is None:
        assert found == (data if len(data) <= most else None)


SEALED = recorded("good-b-b").pdf
STORED = re.sub(
    rb"\s*>>\Z",
    b" /DSS << /Certs [900 0 R] >> >>",
    object_text(SEALED, newest(SEALED).trailer["Root"].number),
)
DER = zlib.compress(b"\x30\x03\x02\x01\x00")
LARGE = zlib.compress(encode_der(SEQUENCE, bytes((4 << 20) - 6)))
ODD_FILES = {
    "predictor-with-a-point": append_revision(
        SEALED,
        {
            newest(SEALED).trailer["Root"].number: STORED,
            900: stream_text(b"/Filter /FlateDecode /DecodeParms << /Predictor 1.0 >>", DER),
        },
    ),
    "offset-with-a-point": packed_pdf(
        {1: b"<< /Type /Catalog >>"}, {2: b"(two)"}, content=b"2 0.(two) "
    ),
    "validation-data-that-grows": append_revision(
        SEALED,
        {
            newest(SEALED).trailer["Root"].number: STORED.replace(
                b"900 0 R", b" ".join(b"%d 0 R" % number for number in range(900, 905))
            ),
            **dict.fromkeys(range(900, 905), stream_text(b"/Filter /FlateDecode", LARGE)),
        },
    ),
    "hint-of-a-later-field": recorded("good-b-lta").pdf.replace(
        b"/TU (Timestamp)", b"/TU (Withdrawn)"
    ),
    "name-of-a-later-field": re.sub(
        rb"/T \(Timestamp[^)]*\)",
        lambda found: b"/T (Seal)".ljust(len(found[0])),
        recorded("good-b-lta").pdf,
    ),
    "many-keys": packed_pdf(
        {1: b"<< /Type /Catalog >>"},
        {2: b"<< %s >>" % b"".join(b"/%x 0" % key for key in range(200_000))},
    ),
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_both_say_the_same_of_odd_files(name: str) -> None:
    there = JAVASCRIPT.call(MODULE, FUNCTION, ODD_FILES[name], TRUST)
    here = verify_certificate(ODD_FILES[name], TRUST)
    assert told_there(there) == told(here)
    assert [step["text"] for step in there["steps"]] == [step.text for step in here.steps]
    assert told_otherwise(here.steps, there["steps"]) == []
    assert all(step.status == PASSED or not english_in(step.text_zh) for step in here.steps)
    assert not here.accepted


@pytest.mark.parametrize(("early", "status"), [(0, "passed"), (59, "passed"), (61, "failed")])
def test_nobody_signs_over_a_state_that_is_not_there_yet(
    early: int, status: str, tmp_path: Path
) -> None:
    made = office(tmp_path)
    bundle = decode_bundle(files_of(made)["bundle.json"])
    shown = bundle.chain.headers[-1].time.milliseconds // 1000
    pdf = certificate_of(made, iat=shown - early, sealing_certificate_sha256="")
    here = verify_certificate(pdf, made.trust)
    assert {step.label: step.status for step in here.steps}["P7"] == status
    there = JAVASCRIPT.call(MODULE, FUNCTION, pdf, made.trust)
    assert told_there(there) == told(here)
    assert there["steps"][-1]["text"] == here.steps[-1].text
