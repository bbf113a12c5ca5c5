"""The deep check of a document over HTTP: findings, what is on record, and what is never kept."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.document_story import PARTY_SEALS, tell_contract
from builders.home import make_home
from builders.sealed_contract import SealedContract, sealed_contract
from builders.served import ServedNode, served
from builders.signed_pdfs import Signatories, plain_pdf

from node.cli.exit_codes import ExitCode
from node.cli.main import main
from node.client.http import NodeClient
from node.demo.documents import seal_pdf

URL = "/v1/documents/check"
PDF = {"content-type": "application/pdf"}


@pytest.fixture(scope="module")
def contract() -> SealedContract:
    return sealed_contract()


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, contract: SealedContract
) -> Iterator[ServedNode]:
    home = make_home(
        tmp_path_factory.mktemp("documents") / "home",
        more='[documents]\nroots = ["root.pem"]\nmax_megabytes = 1\nat_once = 1\n',
    )
    contract.authority.write_root(home.path / "root.pem")
    with served(home) as running:
        running.submit(*tell_contract(home, running.teller.time, contract))
        yield running


def check(node: ServedNode, pdf: bytes) -> dict[str, Any]:
    answer = httpx.post(node.url + URL, content=pdf, headers=PDF, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def statuses(signature: dict[str, Any]) -> dict[str, str]:
    return {one["id"]: one["status"] for one in signature["statements"]}


def test_a_sealed_contract(node: ServedNode, contract: SealedContract) -> None:
    content = check(node, contract.second.pdf)
    assert content["findings"]["verdict"] == "incomplete", content["findings"]["signatures"]
    records = content["records"]
    assert [one["type"] for one in records["file"]["records"]] == ["signing.sealed"]
    by_hash = {one["sha256"]: one for one in records["states"]}
    assert by_hash[contract.first.after_sha256]["signed"]
    before = by_hash[contract.first.before_sha256]
    assert [one["type"] for one in before["records"]] == ["signing.initiated"]
    assert not before["signed"]
    for number, signature in enumerate(records["signatures"]):
        assert set(statuses(signature).values()) == {"passed", "note"}
        (seal,) = signature["seals"]
        assert seal["es_id"] == PARTY_SEALS[number]
        assert seal["judged_by"] == "record"
        assert (seal["status_at_signing"], seal["status_now"]) == ("active", "active")


def test_a_signature_that_is_not_on_record(node: ServedNode, contract: SealedContract) -> None:
    """The registered certificate seals something else: the seal is known, the signing is not."""
    other = seal_pdf(
        plain_pdf(),
        contract.signers[0],
        contract.imprints[0],
        field_name="other",
        page=0,
        box=(10, 10, 100, 100),
        reason="",
        signed_at=datetime.fromtimestamp(node.now() / 1000, UTC) + timedelta(milliseconds=-1),
    )
    (signature,) = check(node, other.pdf)["records"]["signatures"]
    made = statuses(signature)
    assert (made["record"], made["seal"]) == ("not on record", "passed")
    (seal,) = signature["seals"]
    assert (seal["judged_by"], seal["time_is_proven"]) == ("certificate", False)
    assert seal["status_now"] == "active"


def test_a_stranger_is_nowhere_on_record(node: ServedNode) -> None:
    content = check(node, Signatories().sign(plain_pdf()))
    assert content["findings"]["verdict"] == "failed"
    assert content["records"]["file"]["records"] == []
    (signature,) = content["records"]["signatures"]
    assert set(statuses(signature).values()) == {"not on record"}
    assert signature["seals"] == []


def test_a_changed_contract(node: ServedNode, contract: SealedContract) -> None:
    """What was added later is found, and the sealed state in it is still on record."""
    content = check(node, contract.first.pdf + b"\n4 0 obj\n<<>>\nendobj\n")
    assert content["findings"]["verdict"] == "failed"
    assert content["records"]["file"]["records"] == []
    (signature,) = content["records"]["signatures"]
    assert statuses(signature)["record"] == "passed"


def test_the_seal_was_suspended_since(node: ServedNode, contract: SealedContract) -> None:
    node.submit(node.teller.status("PARTY-B", "suspended"))
    try:
        signatures = check(node, contract.second.pdf)["records"]["signatures"]
        (seal,) = signatures[1]["seals"]
        assert (seal["status_at_signing"], seal["status_now"]) == ("active", "suspended")
    finally:
        node.submit(node.teller.status("PARTY-B", "active", member="police-jinan"))


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (b"", "empty"),
        (b"PK\x03\x04...OFD.xml", "ofd"),
        (b"hello", "not_pdf"),
        (b"%PDF-1.7", "unreadable"),
    ],
)
def test_what_is_no_pdf_gets_a_plain_answer(node: ServedNode, content: bytes, outcome: str) -> None:
    assert check(node, content)["findings"]["outcome"] == outcome


def test_nothing_private_is_answered(node: ServedNode, contract: SealedContract) -> None:
    text = httpx.post(node.url + URL, content=contract.second.pdf, headers=PDF, timeout=60).text
    assert "南霁云" not in text
    assert "120105199001010610" not in text


def test_too_much_is_refused(node: ServedNode) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(3):
            yield bytes(400 << 10)

    for content in (bytes((1 << 20) + 1), parts()):
        answer = httpx.post(node.url + URL, content=content, headers=PDF, timeout=60)
        assert answer.status_code == 413
        assert answer.json()["rule"] == f"at most {1 << 20} bytes"


def test_another_media_type_is_refused(node: ServedNode) -> None:
    answer = httpx.post(node.url + URL, json={"a": 1}, timeout=60)
    assert answer.status_code == 415


def test_more_uploads_than_places(node: ServedNode) -> None:
    """Four may be under way; the fifth is told so before it is read, and places come back."""
    address = httpx.URL(node.url)
    assert address.port is not None
    with ExitStack() as stack:
        for _ in range(4):
            upload = stack.enter_context(
                socket.create_connection((address.host, address.port), timeout=30)
            )
            upload.sendall(
                b"POST /v1/documents/check HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                b"Content-Type: application/pdf\r\nContent-Length: 10\r\n\r\n"
            )
            assert upload.recv(100).startswith(b"HTTP/1.1 100")  # it has its place
        busy = httpx.post(node.url + URL, content=b"x", headers=PDF, timeout=60)
        assert busy.status_code == 503
        assert busy.headers["retry-after"]
    for _ in range(100):
        if httpx.post(node.url + URL, content=b"x", headers=PDF, timeout=60).status_code == 200:
            break
    else:
        pytest.fail("the places of uploads that broke off were not given back")


def test_the_page(node: ServedNode, contract: SealedContract) -> None:
    page = httpx.get(node.url + "/document?lang=zh", timeout=30)
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "sha256sum" in page.text
    assert "certutil" in page.text
    for language, words in (("zh", "共 2 个签名"), ("en", "Nothing was found wrong")):
        result = httpx.post(
            f"{node.url}/document?lang={language}",
            files={"document": ("合同.pdf", contract.second.pdf, "application/pdf")},
            timeout=60,
        )
        assert result.status_code == 200
        assert words in result.text
        assert "script-src" not in result.headers["content-security-policy"]


def test_the_page_refuses_as_a_page(node: ServedNode) -> None:
    accept = {"accept": "text/html"}
    large = {"document": ("a.pdf", bytes(2 << 20), "application/pdf")}
    answer = httpx.post(node.url + "/document", files=large, headers=accept, timeout=60)
    assert answer.status_code == 413
    assert answer.headers["content-type"].startswith("text/html")
    no_form = httpx.post(node.url + "/document", content=b"x", headers=accept, timeout=60)
    assert no_form.status_code == 400


def test_the_scripts_are_the_nodes_own(node: ServedNode) -> None:
    script = httpx.get(node.url + "/static/document.js", timeout=30)
    assert script.headers["content-type"].startswith("text/javascript")
    assert httpx.get(node.url + "/static/verifiers/crypto/sha256.js", timeout=30).is_success
    for name in ("../node.toml", "verifiers/../../app.py", "nothing.js", "%2e%2e/app.py", ""):
        assert httpx.get(f"{node.url}/static/{name}", timeout=30).status_code == 404


@pytest.mark.parametrize(
    ("language", "words"), [("en", "not checked"), ("zh", "签署时印章状态：有效")]
)
def test_the_command(
    node: ServedNode,
    contract: SealedContract,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    language: str,
    words: str,
) -> None:
    file = tmp_path / "contract.pdf"
    file.write_bytes(contract.second.pdf)
    code = main(["check-document", str(file), "--url", node.url, "--lang", language])
    assert (code, words in capsys.readouterr().out) == (0, True)
    file.write_bytes(contract.second.pdf[:-1000])
    assert main(["check-document", str(file), "--url", node.url, "--json"]) == 1


def test_the_command_takes_no_answer_about_another_file(
    node: ServedNode,
    contract: SealedContract,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node, or what stands before it, answers with what it found out about a good one."""
    with node.client() as client:
        good = client.check_document(contract.second.pdf)
    monkeypatch.setattr(NodeClient, "check_document", lambda *_: good)
    (tmp_path / "forged.pdf").write_bytes(contract.second.pdf[:-1000])
    code = main(["check-document", str(tmp_path / "forged.pdf"), "--url", node.url])
    assert code == ExitCode.BAD_INPUT
    assert "is of another file" in capsys.readouterr().err
