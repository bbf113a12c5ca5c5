"""Certificates from the API to the file: sealed, on record, kept, handed out, looked up, erased."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.home import OPERATOR
from builders.issuing import (
    APPLICANT,
    PURPOSE,
    authority,
    code_of,
    issuing_home,
    make_seal,
    order,
    post_order,
    serving,
    tsa_table,
)
from builders.sealed_pdfs import LastingStatus, lasting_status, pdfa_faults
from builders.served import ServedNode, served
from builders.story import HOLDER, HOLDER_ID_NO
from builders.time_stamping import need_openssl

from node.core.encoding import canonical_json
from node.core.verify import FAILED
from node.core.verify_certificate import verify_certificate
from node.evidence.certificates.issuing import CertificateIssuer
from node.evidence.certificates.keeping import KeptCertificates
from node.evidence.certificates.workers import SealingWorkers

CASE, SEAL = "case:platform-a:0001", "seal:platform-a:0001"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    """A node that issues certificates, time-stamped, with a seal and a case on record."""
    need_openssl()
    folder = tmp_path_factory.mktemp("issuing")
    with authority(folder / "tsa") as (url, files):
        home = issuing_home(
            folder / "home", make_seal(folder / "seal"), tsa=tsa_table(url, files), workers=2
        )
        with serving(home) as running:
            running.submit(*running.teller.seal(), *running.teller.case())
            yield running


def issued(node: ServedNode, member: str = "court-a", **changes: object) -> dict[str, str]:
    """The one certificate of an order."""
    answer = post_order(node, order(**{"codes": [code_of(node, CASE)], **changes}), member)
    assert answer.status_code == 201, answer.text
    (one,) = answer.json()["certificates"]
    assert one["status"] == "issued", one
    return dict(one)


def pdf_of(node: ServedNode, number: str, member: str = "court-a") -> bytes:
    answer = node.get(f"/v1/certificates/{number}.pdf", member)
    assert answer.status_code == 200, answer.text
    return answer.content


def text_of(pdf: bytes) -> str:
    """All text of a PDF's pages, by poppler."""
    import subprocess

    done = subprocess.run(["pdftotext", "-", "-"], input=pdf, capture_output=True, check=True)
    return "".join(done.stdout.decode().split())


def test_a_certificate_is_on_record_before_it_is_answered(node: ServedNode) -> None:
    one = issued(node)
    pdf = pdf_of(node, one["certificate_no"])
    assert hashlib.sha256(pdf).hexdigest() == one["report_hash"]
    found = node.get(f"/v1/certificates/{one['certificate_no']}").json()
    assert found["report_hash"] == one["report_hash"]
    assert (found["code"], found["about"]) == (code_of(node, CASE), CASE)
    assert (found["record"], found["issuer"]["id"]) == (one["record"], OPERATOR)
    text = text_of(pdf)
    assert one["certificate_no"] in text
    assert APPLICANT in text
    assert PURPOSE in text


def test_it_names_the_verifiers_by_the_hashes_that_are_published(node: ServedNode) -> None:
    """None are configured: they are those that this very program makes."""
    text = text_of(pdf_of(node, issued(node)["certificate_no"]))
    published = httpx.get(f"{node.url}/v1/verifiers", timeout=60).json()["verifiers"]
    assert len(published) == 2
    for one in published:
        assert one["name"] in text
        assert one["sha256"] in text


def test_the_file_is_still_pdf_a_and_both_verifiers_of_signatures_accept_it(
    node: ServedNode, tmp_path: Path
) -> None:
    pdf = pdf_of(node, issued(node)["certificate_no"])
    assert pdfa_faults(pdf, tmp_path) == ""
    assert node.node.certificates is not None
    trust = node.node.certificates.trust
    assert trust.signer_roots is not None
    roots = (*trust.signer_roots, *trust.tsa_roots)
    assert lasting_status(pdf, *roots, revocation="hard-fail") == LastingStatus("", "")
    report = verify_certificate(pdf, canonical_json(trust.to_json()))
    assert [step.id for step in report.all_steps if step.status == FAILED] == []
    assert {step.id for step in report.steps if step.status == "passed"} >= {
        "certificate.signature",
        "certificate.later",
        "certificate.time",
        "certificate.signer",
        "certificate.statement",
    }


@pytest.mark.parametrize("place", ["bundle", "page", "seal"])
def test_a_changed_file_is_not_accepted(node: ServedNode, place: str) -> None:
    pdf = pdf_of(node, issued(node)["certificate_no"])
    at = {"bundle": 20_000, "page": len(pdf) // 2, "seal": pdf.index(b"/Contents <") + 1_000}
    changed = bytearray(pdf)
    changed[at[place]] ^= 1
    assert not verify_certificate(bytes(changed)).accepted


def test_anybody_checks_a_file_by_its_hash(node: ServedNode) -> None:
    one = issued(node)
    answer = node.get(f"/v1/certificates/check?sha256={one['report_hash']}").json()
    assert answer["outcome"] == "on_record"
    assert [found["certificate_no"] for found in answer["certificates"]] == [one["certificate_no"]]
    changed = hashlib.sha256(pdf_of(node, one["certificate_no"]) + b"\n").hexdigest()
    answer = node.get(f"/v1/certificates/check?sha256={changed}").json()
    assert (answer["outcome"], answer["certificates"]) == ("not_on_record", [])
    assert node.get(f"/v1/documents/{one['report_hash']}").status_code == 200


def test_a_number_is_found_however_it_is_typed_and_a_mistyped_one_is_named(
    node: ServedNode,
) -> None:
    number = issued(node)["certificate_no"]
    wide = "".join(chr(ord(one) + 0xFEE0) for one in number)
    for typed in (number.lower(), f"{number[:10]}%20{number[10:]}", wide):
        assert node.get(f"/v1/certificates/{typed}").json()["certificate_no"] == number
        hits = node.get(f"/v1/lookup?q={typed}").json()
        assert hits["outcome"] == "found"
        assert {hit["matched"] for hit in hits["dossiers"]} == {"certificate_no"}
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    answer = node.get(f"/v1/certificates/{wrong}")
    assert answer.status_code == 400
    assert "mistyped" in answer.json()["rule"]
    hits = node.get(f"/v1/lookup?q={wrong}").json()
    assert hits["outcome"] == "mistyped"
    assert "证书编号" in hits["text_zh"]


def test_the_same_token_gives_the_same_certificate(node: ServedNode) -> None:
    first = issued(node, token="t-1")
    again = issued(node, token="t-1")
    assert (first["again"], again["again"]) == ("no", "yes")
    assert again["certificate_no"] == first["certificate_no"]
    assert again["record"] == first["record"]
    other = issued(node, member="notary-a", token="t-1")
    assert other["certificate_no"] != first["certificate_no"]
    answer = post_order(node, order(codes=[code_of(node, CASE)], token="t-1", purpose="另一用途"))
    assert answer.status_code == 409
    assert answer.json()["type"].endswith(":token-reused")


def test_two_orders_with_one_token_at_once_are_one_certificate(
    node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second asks while the first has its rows on disk and its file not yet."""
    asked_again, answered = threading.Event(), threading.Event()
    write, earlier = KeptCertificates._write, CertificateIssuer.earlier
    asked: list[object] = []

    def slowly(self: KeptCertificates, path: Path, content: bytes) -> None:
        second.append(threads.submit(lambda: issued(node, token="one")))
        assert asked_again.wait(30)
        answered.wait(0.5)
        write(self, path, content)

    def told(self: CertificateIssuer, *given: Any) -> Any:
        asked.append(given)
        if len(asked) == 2:
            asked_again.set()
        found = earlier(self, *given)
        if len(asked) == 2:
            answered.set()
        return found

    second: list[Future[dict[str, str]]] = []
    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as threads:
        patch.setattr(KeptCertificates, "_write", slowly)
        patch.setattr(CertificateIssuer, "earlier", told)
        first = issued(node, token="one")
        again = second[0].result()
    assert again["certificate_no"] == first["certificate_no"]
    assert len(second) == 1
    assert pdf_of(node, first["certificate_no"])


def test_many_codes_in_one_go_and_each_failure_by_its_code(node: ServedNode) -> None:
    case, seal = code_of(node, CASE), code_of(node, SEAL)
    unknown, wrong = "CZ0034133234711", f"{case[:-1]}{(int(case[-1]) + 1) % 10}"
    body = order(codes=[case, f"{case}-2", unknown, wrong, f"{case}-99"], seals="all")
    told = post_order(node, body).json()
    by_code = {item["code"]: item for item in told["certificates"]}
    assert {code for code, item in by_code.items() if item["status"] == "issued"} == {
        case,
        f"{case}-2",
        seal,
    }
    assert told["failed"] == 3
    assert by_code[unknown]["problem"]["status"] == 404
    assert by_code[wrong]["problem"]["status"] == 400
    for item in by_code.values():
        if item["status"] == "issued":
            assert (
                hashlib.sha256(pdf_of(node, item["certificate_no"])).hexdigest()
                == (item["report_hash"])
            )


@pytest.mark.parametrize(
    ("member", "status"),
    [
        ("court-a", 201),
        ("notary-a", 201),
        (OPERATOR, 201),
        ("platform-a", 201),
        ("platform-b", 403),
        ("police-jinan", 403),
    ],
)
def test_who_may_ask(node: ServedNode, member: str, status: int) -> None:
    answer = post_order(node, order(codes=[code_of(node, CASE)]), member)
    assert answer.status_code == status, answer.text


def test_nobody_gets_one_without_a_signature_and_others_not_the_file(node: ServedNode) -> None:
    body = json.dumps(order(codes=[code_of(node, CASE)])).encode()
    assert httpx.post(f"{node.url}/v1/certificates", content=body).status_code == 401
    number = issued(node)["certificate_no"]
    assert node.get(f"/v1/certificates/{number}.pdf").status_code == 401
    assert node.get(f"/v1/certificates/{number}.pdf", "platform-b").status_code == 403
    assert node.get(f"/v1/certificates/{number}.pdf", OPERATOR).status_code == 200


def test_private_fields_are_shown_only_where_released_and_that_is_on_the_chain(
    node: ServedNode,
) -> None:
    masked = text_of(pdf_of(node, issued(node)["certificate_no"]))
    assert HOLDER_ID_NO not in masked
    assert HOLDER not in masked
    refused = post_order(node, order(codes=[code_of(node, CASE)], disclosures="all"))
    assert refused.status_code == 403  # a court has to say its case number
    before = _released(node)
    one = issued(node, disclosures="all", case_no="(2026)鲁0191民初1号", token="d-1")
    assert _released(node) > before
    assert HOLDER_ID_NO in text_of(pdf_of(node, one["certificate_no"]))
    after = _released(node)
    assert issued(node, disclosures="all", case_no="(2026)鲁0191民初1号", token="d-1")["again"]
    assert _released(node) == after  # nothing is released for what was issued before


def test_of_one_record_only_its_own_fields_are_released(node: ServedNode) -> None:
    code = f"{code_of(node, CASE)}-3"  # signing.started: ip, device, address, …
    one = issued(node, codes=[code], disclosures="all", case_no="1")
    text = text_of(pdf_of(node, one["certificate_no"]))
    assert "17.144.28.67" in text
    assert HOLDER_ID_NO not in text


def _released(node: ServedNode) -> int:
    counts: dict[str, int] = node.get("/v1/statistics").json()["records"]
    return counts.get("disclosure.released", 0)


def test_a_copy_on_disk_shows_nothing_and_goes_with_the_fields_that_it_shows(
    node: ServedNode,
) -> None:
    node.submit(*node.teller.case("0002"))
    subject = "case:platform-a:0002"
    code = code_of(node, subject)
    one = issued(node, codes=[code], disclosures="all", case_no="1", member="court-a")
    plain = issued(node, codes=[code], member="court-a")
    for path in (node.home.path / "certificates").rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0
            assert not path.read_bytes().startswith(b"%PDF")
    body = json.dumps({"digests": "all", "reason": "retention period over"}).encode()
    target = f"/v1/dossiers/{subject}/erasure"
    headers = node.authorization(OPERATOR, "POST", target, body)
    answer = httpx.post(node.url + target, content=body, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.json()["certificates"] == [one["certificate_no"]]
    gone = node.get(f"/v1/certificates/{one['certificate_no']}.pdf", "court-a")
    assert gone.status_code == 410
    assert not list((node.home.path / "certificates").rglob(f"{one['certificate_no']}*"))
    assert node.get(f"/v1/certificates/{one['certificate_no']}").status_code == 200
    assert pdf_of(node, plain["certificate_no"])


def test_fields_that_are_erased_while_a_certificate_is_made_of_them_are_kept_in_none(
    node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure comes between the release of the fields and the copy that shows them."""
    node.submit(*node.teller.case("0003"))
    subject = "case:platform-a:0003"
    make = SealingWorkers.make

    def erased_meanwhile(self: SealingWorkers, draft: Any, signed_at: int) -> Any:
        made = make(self, draft, signed_at)
        body = json.dumps({"digests": "all", "reason": "retention period over"}).encode()
        target = f"/v1/dossiers/{subject}/erasure"
        headers = node.authorization(OPERATOR, "POST", target, body)
        answer = httpx.post(node.url + target, content=body, headers=headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return made

    with monkeypatch.context() as patch:
        patch.setattr(SealingWorkers, "make", erased_meanwhile)
        body = order(codes=[code_of(node, subject)], disclosures="all", case_no="1")
        answer = post_order(node, body)
    assert answer.status_code == 410, answer.text
    assert node.node.certificates is not None
    assert node.node.certificates.kept.disclosing(subject) == []


def test_a_changed_copy_is_not_handed_out(node: ServedNode) -> None:
    number = issued(node)["certificate_no"]
    (path,) = (node.home.path / "certificates").rglob(f"{number}*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    answer = node.get(f"/v1/certificates/{number}.pdf", "court-a")
    assert answer.status_code == 410
    path.unlink()
    assert node.get(f"/v1/certificates/{number}.pdf", "court-a").status_code == 410


def test_thirty_at_once(node: ServedNode) -> None:
    code = code_of(node, CASE)
    with ThreadPoolExecutor(30) as threads:
        answers = list(threads.map(lambda _: post_order(node, order(codes=[code])), range(30)))
    assert {answer.status_code for answer in answers} == {201}
    numbers = [answer.json()["certificates"][0]["certificate_no"] for answer in answers]
    assert len(set(numbers)) == 30
    for number in numbers:
        assert node.get(f"/v1/certificates/{number}").status_code == 200


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"purpose": "x" * 201}, "body.purpose"),
        ({"purpose": "a\nb"}, "body.purpose"),
        ({"applicant": ""}, "body.applicant"),
        ({"applicant": " \u3000"}, "body.applicant"),
        ({"purpose": " "}, "body.purpose"),
        ({"codes": []}, "body.codes"),
        ({"codes": ["CZ0034133234711"] * 2}, "body.codes"),
        ({"codes": None}, "body"),
        ({"subject": CASE}, "body"),
        ({"language": "fr"}, "body.language"),
        ({"pictures": ["%%%%"]}, "body.pictures[0]"),
        ({"unknown": "1"}, "body.unknown"),
    ],
)
def test_a_malformed_order_is_refused_with_its_place(
    node: ServedNode, changes: dict[str, object], place: str
) -> None:
    answer = post_order(node, order(**{"codes": ["CZ0034133234711"], **changes}))
    assert answer.status_code == 400, answer.text
    assert answer.json()["place"] == place


def test_an_applicant_whose_name_no_font_has_is_named_and_nothing_is_issued(
    node: ServedNode,
) -> None:
    before = node.get("/v1/statistics").json()["records"].get("certificate.issued", 0)
    answer = post_order(node, order(codes=[code_of(node, CASE)], applicant="\U0010fffd 公司"))
    assert answer.status_code == 400
    assert "U+10FFFD" in answer.json()["detail"]
    after = node.get("/v1/statistics").json()["records"].get("certificate.issued", 0)
    assert after == before


def test_who_applied_is_in_no_public_answer_and_in_no_log_line(
    node: ServedNode, capfd: pytest.CaptureFixture[str]
) -> None:
    applicant = "某某申请人有限公司"
    one = issued(node, applicant=applicant)
    number = one["certificate_no"]
    for target in (
        f"/v1/certificates/{number}",
        f"/v1/certificates/check?sha256={one['report_hash']}",
        f"/v1/lookup?q={number}",
        f"/?q={number}",
        f"/v1/documents/{one['report_hash']}",
        "/metrics",
    ):
        answer = node.get(target)
        assert answer.status_code == 200, target
        assert applicant not in answer.text, target
        assert PURPOSE not in answer.text, target
    assert applicant not in "".join(capfd.readouterr())


def test_metrics_tell_what_was_issued(node: ServedNode) -> None:
    issued(node)
    text = node.get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(lines["evidence_certificate_seconds_count"]) >= 1
    assert "evidence_certificates_under_way" in lines


def test_where_none_are_issued_it_says_so(tmp_path_factory: pytest.TempPathFactory) -> None:
    from builders.home import make_home

    with served(make_home(tmp_path_factory.mktemp("plain") / "home")) as plain:
        answer = post_order(plain, order(codes=["CZ0034133234711"]))
        assert answer.status_code == 404
        assert answer.json()["type"].endswith(":not-offered")
        assert plain.get("/readyz").status_code == 200
