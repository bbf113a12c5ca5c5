"""The pages of a running node: what they say, what they never say, and what they refuse."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from builders.page_reading import Page, read_page
from builders.story import HOLDER, digest_of
from builders.told_pages import CERTIFICATE_NO, ToldPages, told_pages

from node.api.web.dossier_page import RECORDS_A_PAGE
from node.evidence.bundle import bundle_dossier, encode_bundle
from node.verifiers.building import hashes

CASE = "case:platform-a:0001"
BOUNDARY = "----form7f3a"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToldPages]:
    with told_pages(tmp_path_factory.mktemp("pages")) as running:
        yield running


def get(told: ToldPages, path: str, language: str = "zh", status: int = 200) -> Page:
    answer = httpx.get(
        told.running.url + path,
        headers={"accept": "text/html", "accept-language": language},
        timeout=30,
        follow_redirects=True,
    )
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    return read_page(answer.content)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_says_what_it_proves_in_both_languages(told: ToldPages, language: str) -> None:
    for name, path in told.paths.items():
        page = get(told, path, language, 404 if name == "not-found" else 200)
        assert page.lang == ("zh-CN" if language == "zh" else "en")
        assert re.search("内容|证明|真实" if language == "zh" else "content|true|prove", page.claim)
        chinese = re.search("[\u4e00-\u9fff]", page.claim)
        assert (chinese is not None) == (language == "zh"), (name, page.claim)


def test_no_page_holds_anything_private(told: ToldPages) -> None:
    private = {value for value in told.running.teller.private if len(value) > 4 or value == HOLDER}
    assert len(private) > 10
    for name, path in told.paths.items():
        page = get(told, path, status=404 if name == "not-found" else 200)
        for value in (*private, "济南示例科技有限公司", "诉讼举证"):
            assert value not in page.text, (name, value)


def test_every_link_to_this_node_leads_somewhere(told: ToldPages) -> None:
    links: set[str] = set()
    for name, path in told.paths.items():
        links |= set(get(told, path, status=404 if name == "not-found" else 200).links)
    seen = 0
    with httpx.Client(base_url=told.running.url, timeout=30, follow_redirects=True) as client:
        for link in sorted(links):
            if not link.startswith("#"):
                answer = client.get(link)
                expected = 404 if "CZ0000000000004" in link else 200
                assert answer.status_code == expected, link
                seen += 1
    assert seen > 30


def test_a_dossier_shows_each_record_with_its_block_proof_and_times(told: ToldPages) -> None:
    code = told.codes["case"]
    page = get(told, f"/d/{code}")
    with told.running.node.reader() as reader:
        entries = list(reader.entries(reader.dossier_indexes(CASE)))
        for entry in entries:
            grouped = entry.entry.leaf_hash().hex()
            header = reader.header(entry.entry.height).hash().hex()
            for digest in (grouped, header, entry.transaction.id.hex()):
                assert " ".join(digest[at : at + 8] for at in range(0, 64, 8)) in page.text
            assert f"/b/{entry.entry.height}?lang=zh" in page.links
            assert f"/v1/log/proofs/inclusion?index={entry.index}" in page.links
            assert entry.entry.code in page.text
    assert len(entries) == 5
    assert "svg" in page.tags
    for word in ("发生", "采集", "提交", "上链", "发起签约", "签署完成"):
        assert word in page.text
    assert CERTIFICATE_NO in page.text, "the certificate that was issued of it"


def test_a_dossier_names_the_outside_chains_that_vouch_for_it(told: ToldPages) -> None:
    page = get(told, f"/d/{told.codes['case']}")
    for chain in ("fake:court", "fake:notary"):
        assert chain in page.text
    assert re.search(r"5 / 5", page.text), "what covers all of its records"
    with told.running.node.reader() as reader:
        held = told.running.node.receipts.covering(reader.dossier_indexes(CASE), reader.meta.size)
    assert f"/v1/anchors/receipts/{held[0].receipt.hex()}" in page.links


def test_a_seal_shows_its_status_and_filing_and_not_its_owner(told: ToldPages) -> None:
    page = get(told, f"/d/{told.codes['seal']}")
    for word in ("ES-0001", "有效", "FILING-0001", "济南市公安局", "单位"):
        assert word in page.text
    assert "/v1/seals/ES-0001/signed-status" in page.links


def test_a_record_s_code_leads_to_its_place(told: ToldPages) -> None:
    url = f"{told.running.url}/d/{told.codes['case']}"
    page = httpx.get(f"{url}-4").text
    assert re.search(r'id="r4" class="sought"', page)
    assert RECORDS_A_PAGE == 20
    assert httpx.get(f"{url}?first=3").text.count("<h4>") == 3
    assert httpx.get(f"{url}?first=99999").text.count("<h4>") == 1
    assert httpx.get(f"{url}?first=0").status_code == 400


def test_what_is_no_code_is_looked_up_instead(told: ToldPages) -> None:
    answer = httpx.get(f"{told.running.url}/d/FILING-0001?lang=en")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?q=FILING-0001&lang=en"


def test_a_mistyped_code_leads_to_the_one_that_was_meant(told: ToldPages) -> None:
    page = get(told, told.paths["mistyped"])
    assert "校验位不符" in page.text
    assert "第 5 位数字应为" in page.text
    assert f"/?q={told.codes['case']}&lang=zh" in page.links


def test_a_block_shows_who_signed_it_and_lists_no_codes(told: ToldPages) -> None:
    page = get(told, f"/b/{told.height}")
    shown = told.running.get(f"/v1/blocks/{told.height}").json()
    root = shown["root"]
    assert " ".join(root[at : at + 8] for at in range(0, 64, 8)) in page.text
    assert "示例存证节点运营方" in page.text
    assert "已签名" in page.text
    assert re.search(r"CZ\d", page.text) is None
    for height in (0, "latest"):
        get(told, f"/b/{height}")
    for height in ("999999", "x", "-1", "01"):
        answer = httpx.get(f"{told.running.url}/b/{height}", headers={"accept": "text/html"})
        assert answer.status_code in (400, 404)


def test_a_certificate_is_found_by_its_number_and_by_its_file_s_hash(told: ToldPages) -> None:
    spaced = f"{CERTIFICATE_NO[:4]} {CERTIFICATE_NO[4:]}".lower()
    for query in (CERTIFICATE_NO, spaced, digest_of("report"), digest_of("report").upper()):
        page = get(told, f"/certificate?q={query}")
        assert CERTIFICATE_NO in page.text
        assert told.codes["case"] in page.text
        assert CERTIFICATE_NO in page.claim
    assert "一个字节也没有改动" in page.text
    for query in ("ZS0", "0" * 64, digest_of("document", "platform-a", "0001"), "\u202e"):
        page = get(told, f"/certificate?q={query}")
        assert "没有该编号或哈希的证书" in page.text
    mistyped = f"{CERTIFICATE_NO[:-2]}{(int(CERTIFICATE_NO[-2]) + 1) % 10}{CERTIFICATE_NO[-1]}"
    assert "校验位不符" in get(told, f"/certificate?q={mistyped}").text
    answer = told.running.get(f"/v1/documents/{digest_of('report')}").json()
    assert answer["entries"][0]["type"] == "certificate.issued"


def test_statistics_are_those_of_the_ledger(told: ToldPages) -> None:
    page = get(told, "/statistics")
    counts = told.running.get("/v1/statistics").json()
    total = sum(counts["records"].values())
    assert f"{total}" in page.text
    with told.running.node.reader() as reader:
        days = told.running.app.state.service.daily.days(reader)
        meta = reader.meta
    assert sum(day.records for day in days) == meta.size - 1, "all but the genesis, which is old"
    assert sum(day.anchors for day in days) == counts["records"]["anchor.confirmed"]
    census = told.running.app.state.service.census.newest(told.running.node)
    assert census.seals == {"active": 1, "suspended": 1}


def test_status_says_who_runs_what(told: ToldPages) -> None:
    page = get(told, "/status", "en")
    for word in ("working", "示例存证节点运营方", "示例互联网法院", "court", "fake:court"):
        assert word in page.text
    told_of = told.running.get("/v1/node").json()["trust_fingerprint"]
    assert " ".join(told_of[at : at + 8] for at in range(0, 64, 8)) in page.text


# -- verifying ------------------------------------------------------------------------------------


def form(content: bytes, name: str = "document") -> bytes:
    head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="b.json"\r\n'
        "Content-Type: application/json\r\n\r\n"
    )
    return head.encode() + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def send(told: ToldPages, body: bytes, language: str = "zh") -> httpx.Response:
    return httpx.post(
        f"{told.running.url}/verify?lang={language}",
        content=body,
        headers={
            "accept": "text/html",
            "content-type": f"multipart/form-data; boundary={BOUNDARY}",
        },
        timeout=60,
    )


@pytest.fixture(scope="module")
def bundle(told: ToldPages) -> bytes:
    with told.running.node.reader() as reader:
        return encode_bundle(bundle_dossier(reader, CASE))


def test_a_bundle_is_checked_without_a_script(told: ToldPages, bundle: bytes) -> None:
    answer = send(told, form(bundle))
    assert answer.status_code == 200
    page = read_page(answer.content)
    assert "本节点核验通过" in page.claim
    assert "证明力有限" in page.claim
    assert "✓ 通过" in page.text
    assert "✗" not in page.text
    assert "– 未核验" in page.text


def test_a_forged_bundle_is_named_as_one(told: ToldPages, bundle: bytes) -> None:
    content = json.loads(bundle)
    content["entries"][0]["path"][0] = "0" * 64
    answer = send(told, form(json.dumps(content).encode()), "en")
    page = read_page(answer.content)
    assert "Not accepted" in page.claim
    assert "✗ failed" in page.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        form(b"{}", "other"),
        form(b"{}")[:-9],
        form(b"{}").replace(b"\r\n\r\n", b"\r\n", 1),
        form(b"{}") + form(b"{}"),
    ],
)
def test_what_is_not_the_form_is_refused_with_a_page(told: ToldPages, body: bytes) -> None:
    answer = send(told, body)
    assert answer.status_code == 400
    assert "没有显示任何证据" in read_page(answer.content).claim


@pytest.mark.parametrize("name", ["another-chain.pdf", "cut-off.pdf", "deflate-bomb.pdf"])
def test_a_certificate_that_is_not_of_this_chain_is_named_as_one(
    told: ToldPages, vectors: Path, name: str
) -> None:
    content = (vectors / "certificates" / name).read_bytes()
    page = read_page(send(told, form(content)).content)
    assert "核验未通过" in page.claim
    assert "P1." in page.text, "the document's steps come before those of its bundle"
    assert "17." in page.text


def test_the_published_verifiers_are_named_with_their_hashes(told: ToldPages) -> None:
    page = get(told, "/verify")
    for name, digest in hashes().items():
        assert " ".join(digest[at : at + 8] for at in range(0, 64, 8)) in page.text
        file = httpx.get(f"{told.running.url}/verifiers/{name}", timeout=30)
        assert hashlib.sha256(file.content).hexdigest() == digest
        assert f"/verifiers/{name}" in page.links


def test_garbage_is_checked_and_fails(told: ToldPages) -> None:
    for content in (b"", b"{}", b"\x00" * 1000, b"[" * 5000):
        answer = send(told, form(content))
        assert answer.status_code in (200, 400)
        assert "核验通过" not in answer.text


def test_a_bundle_that_is_too_large_is_not_read(told: ToldPages) -> None:
    answer = send(told, form(b" " * (9 << 20)))
    assert answer.status_code == 413


# -- what is not there ----------------------------------------------------------------------------


def test_errors_are_pages_for_people_and_documents_for_programs(told: ToldPages) -> None:
    url = told.running.url
    page = get(told, "/nowhere", "en", 404)
    assert "no such page" in page.text
    assert httpx.get(f"{url}/nowhere").headers["content-type"] == "application/problem+json"
    html = {"accept": "text/html,*/*;q=0.8"}
    assert "problem+json" in httpx.get(f"{url}/v1/nope", headers=html).headers["content-type"]
    get(told, "/?lang=fr", status=400)
    get(told, f"/?q={'x' * 201}", status=400)
    refused = httpx.post(f"{url}/status", headers=html)
    assert refused.status_code == 405
    assert refused.headers["allow"]
    read_page(refused.content)


def test_what_is_in_the_address_is_escaped_on_an_error_page(told: ToldPages) -> None:
    answer = httpx.get(
        f"{told.running.url}/%3Cscript%3Ealert(1)%3C/script%3E", headers={"accept": "text/html"}
    )
    assert answer.status_code == 404
    assert "<script" not in answer.text


def test_the_look_up_page_comes_in_one_round_trip(told: ToldPages) -> None:
    for name in ("look-up", "found", "mistyped"):
        answer = httpx.get(told.running.url + told.paths[name])
        assert len(answer.content) < 50_000
        assert re.search(r'(src|href)="(?!/|#|data:)', answer.text) is None
        assert "<script" not in answer.text
        assert '<link rel="stylesheet"' not in answer.text


def test_the_source_of_a_page_is_the_same_for_all_readers(told: ToldPages) -> None:
    """No address of the machine, no path of its disk."""
    for path in told.paths.values():
        text = httpx.get(told.running.url + path).text
        assert str(Path(told.running.home.path)) not in text
        assert "127.0.0.1" not in text
