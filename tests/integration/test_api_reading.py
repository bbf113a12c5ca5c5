"""What a running node answers those who look something up: dossiers, seals, blocks, pages."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from builders.served import ServedNode
from builders.story import STORY_TIME, Told, digest_of, reference

from node.api.seals import seal_status
from node.core.entry import decode_entry
from node.core.evidence_code import check_digit
from node.core.merkle import leaf_hash, verify_inclusion
from node.core.statemap import StateProof, verify_state_proof
from node.core.trust import Trust
from node.core.verify import verify_bundle

CASE, SEAL, RECORD = "case:platform-a:0001", "seal:platform-a:0001", "record:platform-a:0001"


class Story:
    """What was told to the node, and its receipts."""

    def __init__(self, node: ServedNode) -> None:
        self.seal, self.case = node.teller.seal(), node.teller.case()
        self.imported = node.teller.imported()
        self.suspended = node.teller.status("0001", "suspended")
        told = [*self.seal, *self.case, self.imported, self.suspended]
        self.receipts: dict[str, dict[str, Any]] = {
            item.id: receipt for item, receipt in zip(told, node.submit(*told))
        }

    def receipt(self, told: Told) -> dict[str, Any]:
        return self.receipts[told.id]


@pytest.fixture(scope="module")
def story(node: ServedNode) -> Story:
    return Story(node)


def get(node: ServedNode, target: str, member: str = "") -> Any:
    answer = node.get(target, member)
    assert answer.status_code == 200, answer.text
    return answer.json()


def trust_of(node: ServedNode) -> bytes:
    genesis = node.node.genesis
    return json.dumps(Trust(genesis.chain_id, genesis.hash).to_json()).encode()


# -- transactions ---------------------------------------------------------------------------------


def test_a_recorded_transaction_comes_with_its_receipt_and_proof(
    node: ServedNode, story: Story
) -> None:
    told = story.case[3]
    found = get(node, f"/v1/transactions/{told.id}")
    inclusion = found.pop("inclusion")
    assert found == story.receipt(told)
    verify_inclusion(
        bytes.fromhex(inclusion["leaf_hash"]),
        inclusion["index"],
        inclusion["size"],
        [bytes.fromhex(step) for step in inclusion["path"]],
        bytes.fromhex(inclusion["roots"]["root"]),
    )
    assert inclusion["header"]["height"] == found["height"] + 1
    assert inclusion["commit"]["height"] == found["height"] + 1


def test_a_refused_transaction_says_why_and_proves_it(node: ServedNode) -> None:
    told = node.teller.tell(
        "platform-a", "signing.voided", "case:platform-a:nothing", {"reason_code": "x"}
    )
    with node.client() as client, pytest.raises(Exception, match="422"):
        client.submit(told.encode())
    found = get(node, f"/v1/transactions/{told.id}")
    assert (found["status"], found["name"]) == ("refused", "dossier_unknown")
    state = found["state"]
    proof = StateProof.from_json(state["proof"], place="proof")
    verify_state_proof(proof, bytes.fromhex(state["roots"]["state_root"]))
    assert proof.key == f"refused/{told.id}"
    assert proof.value is not None
    assert json.loads(proof.value)["code"] == found["code"]


@pytest.mark.parametrize("identifier", ["0" * 64, "f" * 64])
def test_an_unknown_transaction_is_not_found(node: ServedNode, identifier: str) -> None:
    assert node.get(f"/v1/transactions/{identifier}").status_code == 404


def test_an_id_that_only_begins_like_a_known_one_is_unknown(node: ServedNode, story: Story) -> None:
    """Rows are found by 20 bytes of the id; the other 12 count all the same."""
    other = story.case[0].id[:40] + "0" * 24
    assert node.get(f"/v1/transactions/{other}").status_code == 404
    refused = node.teller.tell(
        "platform-a", "signing.voided", "case:platform-a:prefix", {"reason_code": "x"}
    )
    with node.client() as client, pytest.raises(Exception, match="422"):
        client.submit(refused.encode())
    assert node.get(f"/v1/transactions/{refused.id[:40]}{'0' * 24}").status_code == 404


@pytest.mark.parametrize("identifier", ["xyz", "AB" * 32, "0" * 63, "%00"])
def test_what_is_no_id_is_malformed(node: ServedNode, identifier: str) -> None:
    answer = node.get(f"/v1/transactions/{identifier}")
    assert answer.status_code == 400
    assert answer.json()["place"] == "path.id"


# -- dossiers and bundles -------------------------------------------------------------------------


def test_a_dossier_is_masked_for_everybody_and_whole_for_members(
    node: ServedNode, story: Story
) -> None:
    masked, whole = get(node, f"/v1/dossiers/{CASE}"), get(node, f"/v1/dossiers/{CASE}", "court-a")
    assert masked["masked"] is True
    assert whole["masked"] is False
    assert (masked["kind"], masked["status"], masked["records"]) == ("case", "completed", 5)
    assert masked["opener"] == {"id": "platform-a", "name": "示例电子印章平台"}
    assert [entry["type"] for entry in masked["entries"]] == [
        "signing.initiated",
        "signing.identity_verified",
        "signing.started",
        "signing.sealed",
        "signing.completed",
    ]
    hidden = {"data", "source", "kid", "digests", "entry"}
    for public, private, told in zip(masked["entries"], whole["entries"], story.case):
        assert not hidden & set(public)
        assert hidden < set(private)
        assert public.items() <= private.items()
        assert public["id"] == told.id
        assert public["code"] == story.receipt(told)["code"]
        assert public["private_fields"] == len(told.disclosures)
        assert leaf_hash(private["entry"].encode()).hex() == public["leaf_hash"]
        assert decode_entry(private["entry"].encode()).tx.encode() == told.jwt
    sealed = masked["entries"][3]
    assert sealed["title_zh"] == "签署"
    assert sealed["facts"]["seal_status"] == "active"
    assert sealed["documents"] == [
        digest_of("signed", "0001"),
        digest_of("document", "platform-a", "0001"),
    ]


def test_a_dossier_can_be_read_in_parts(node: ServedNode, story: Story) -> None:
    part = get(node, f"/v1/dossiers/{CASE}?first=2&limit=2")
    assert [entry["code"][-2:] for entry in part["entries"]] == ["-2", "-3"]
    assert part["records"] == 5
    assert get(node, f"/v1/dossiers/{CASE}?first=9")["entries"] == []


def test_a_dossier_of_more_records_than_are_given_at_once_is_read_whole(node: ServedNode) -> None:
    subject, party = "case:platform-a:long", reference("party", "long")
    node.submit(node.teller.initiated("long"))
    checks = [
        node.teller.tell(
            "platform-a",
            "signing.identity_verified",
            subject,
            {
                "method": "sms",
                "party_ref": party,
                "provider": "示例短信核验",
                "result": "passed",
                "verified_at": node.teller.time - 1000 - position,
            },
        )
        for position in range(1005)
    ]
    with node.client("court-a") as client:
        answers = client.submit_many(told.encode() for told in checks)
        assert {answer["status_code"] for answer in answers} == {201}
        whole = client.dossier(subject)
        assert len(get(node, f"/v1/dossiers/{subject}", "court-a")["entries"]) == 1000
    assert whole["records"] == 1006
    code = whole["code"]
    assert [entry["code"] for entry in whole["entries"]] == [f"{code}-{n}" for n in range(1, 1007)]
    assert all("data" in entry for entry in whole["entries"]), "each part was asked for as a member"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/dossiers/case:platform-a:absent", 404),
        ("/v1/dossiers/nonsense", 400),
        ("/v1/dossiers/case:platform-a:南", 400),
        (f"/v1/dossiers/{CASE}?limit=0", 400),
        (f"/v1/dossiers/{CASE}?first=x", 400),
        (f"/v1/dossiers/{CASE}/bundle", 401),
    ],
)
def test_dossiers_that_cannot_be_shown(node: ServedNode, target: str, status: int) -> None:
    assert node.get(quote(target, safe="/:?=&")).status_code == status


def test_bundles_verify_offline(node: ServedNode, story: Story) -> None:
    with node.client("court-a") as client:
        whole = client.bundle(CASE)
        one = client.record_bundle(story.case[3].id)
    for bundle in (whole, one):
        report = verify_bundle(bundle, trust_of(node))
        assert report.accepted, [step for step in report.steps if step.status == "failed"]
    assert len(json.loads(whole)["entries"]) == 5
    assert json.loads(one)["scope"] == "record"


def test_a_bundle_leads_from_the_size_that_its_reader_knows(node: ServedNode, story: Story) -> None:
    with node.client("platform-a") as client:
        bundle = client.bundle(CASE, from_size=3)
        single = client.record_bundle(story.case[3].id, from_size=3)
    told = node.get("/v1/log/proofs/consistency?first=3").json()
    known = {"root": told["first_root"], "size": 3}
    believed = {**json.loads(trust_of(node)), "checkpoint": known}
    for content in (bundle, single):
        (consistency,) = json.loads(content)["consistency"]
        assert consistency["first"] == 3
        for trust in (believed, {**believed, "checkpoint": {**known, "root": "00" * 32}}):
            report = verify_bundle(content, json.dumps(trust).encode())
            assert report.accepted == (trust == believed)
    for target in (f"dossiers/{CASE}", f"transactions/{story.case[3].id}"):
        answer = node.get(f"/v1/{target}/bundle?from_size=99999", "platform-a")
        assert answer.status_code == 400


def test_a_bundle_is_a_file_named_by_its_code(node: ServedNode, story: Story) -> None:
    answer = node.get(f"/v1/dossiers/{CASE}/bundle", "court-a")
    code = story.receipt(story.case[0])["code"].partition("-")[0]
    assert answer.headers["content-disposition"] == f'attachment; filename="{code}.json"'


def test_members_see_what_other_dossiers_say_about_one(node: ServedNode, story: Story) -> None:
    with node.client("platform-a") as client:
        record = client.disclosures(CASE)["records"][0]
    about = get(node, f"/v1/dossiers/{CASE}", "court-a")["about"]
    assert record in [entry["code"] for entry in about]
    assert "about" not in get(node, f"/v1/dossiers/{CASE}")


# -- look-up --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def known(node: ServedNode, story: Story) -> dict[str, tuple[str, str]]:
    """What can be looked up, by which kind it is found, and the dossier that it finds."""
    case_code = story.receipt(story.case[3])["code"]
    data = get(node, f"/v1/dossiers/{CASE}", "court-a")["entries"][0]["data"]
    seal = get(node, f"/v1/dossiers/{SEAL}", "court-a")["entries"][1]["data"]
    return {
        case_code: ("code", CASE),
        case_code.partition("-")[0]: ("code", CASE),
        data["aliases"][0]: ("alias", CASE),
        data["sign_no"]: ("sign_no", CASE),
        seal["es_id"]: ("es_id", SEAL),
        seal["seal_code"]: ("seal_code", SEAL),
        "FILING-0001": ("filing_no", SEAL),
        digest_of("signed", "0001"): ("document", CASE),
        digest_of("old", "0001"): ("document", RECORD),
        "OLD-0001": ("alias", RECORD),
        story.imported.id: ("transaction", RECORD),
        CASE: ("dossier", CASE),
    }


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@pytest.mark.parametrize(
    "typed",
    [
        lambda text: text,
        lambda text: f"  {text}\n",
        lambda text: text if text.startswith("case:") else text.lower(),
        lambda text: text if text.startswith("case:") else full_width(text),
        lambda text: text if text.startswith("case:") else " ".join(text),
    ],
    ids=["as it is", "with blanks", "lower case", "full width", "spaced out"],
)
def test_everything_that_names_a_dossier_finds_it(
    node: ServedNode, known: dict[str, tuple[str, str]], typed: Any
) -> None:
    for text, (matched, subject) in known.items():
        found = get(node, f"/v1/lookup?q={quote(typed(text))}")
        assert found["outcome"] == "found", text
        assert (matched, subject) in [
            (dossier["matched"], dossier["sub"]) for dossier in found["dossiers"]
        ], text


def test_a_mistyped_digit_is_told_from_an_unknown_code(node: ServedNode, story: Story) -> None:
    code = story.receipt(story.case[0])["code"]
    digits = code[2:15]
    wrong = digits[:5] + str((int(digits[5]) + 1) % 10) + digits[6:]
    assert get(node, f"/v1/lookup?q=CZ{wrong}")["outcome"] == "mistyped"
    unknown = "000000000001"
    unknown += check_digit(unknown)
    found = get(node, f"/v1/lookup?q=CZ{unknown}-1")
    assert (found["outcome"], found["dossiers"]) == ("unknown_code", [])
    assert get(node, f"/v1/lookup?q=CZ{digits}-99")["outcome"] == "unknown_record"
    assert get(node, "/v1/lookup?q=whatever")["outcome"] == "not_found"


def test_an_alias_that_looks_like_a_code_needs_no_check_digit(
    node: ServedNode, story: Story
) -> None:
    """The platform's own printed example has none that fits."""
    found = get(node, "/v1/lookup?q=CZ0034133234712-1")
    assert found["outcome"] == "found"
    assert [dossier["matched"] for dossier in found["dossiers"]] == ["alias"]
    assert "code of another system" in found["text"]
    assert "其他系统的编码" in found["text_zh"]
    page = node.get("/?q=CZ0034133234712-1").text
    assert "其他系统的编号" in page
    assert "其他系统的编号" not in node.get("/?q=FILING-0001").text


def test_a_code_of_another_system_that_nobody_recorded_is_not_called_an_unknown_code(
    node: ServedNode, story: Story
) -> None:
    """Whether it was mistyped or is another system's cannot be known, so both are said."""
    found = get(node, "/v1/lookup?q=CZ0034133234712-77")
    assert (found["outcome"], found["dossiers"]) == ("mistyped", [])
    assert "a digit is mistyped" in found["text"]
    assert "the code of another system" in found["text"]
    assert "输错" in found["text_zh"]
    assert "其他系统的编码" in found["text_zh"]


def test_a_code_that_another_dossier_names_as_an_alias_finds_both(node: ServedNode) -> None:
    node.submit(node.teller.imported("first-of-two"))
    code = get(node, "/v1/lookup?q=OLD-first-of-two")["dossiers"][0]["code"]
    node.submit(node.teller.imported("second-of-two", aliases=[code]))
    found = get(node, f"/v1/lookup?q={code}")
    assert found["outcome"] == "found"
    assert "another system" not in found["text"]
    assert [(dossier["matched"], dossier["sub"]) for dossier in found["dossiers"]] == [
        ("code", "record:platform-a:first-of-two"),
        ("alias", "record:platform-a:second-of-two"),
    ]


@pytest.mark.parametrize("text", ["", "x" * 201])
def test_what_is_too_short_or_too_long_is_malformed(node: ServedNode, text: str) -> None:
    assert node.get(f"/v1/lookup?q={text}").status_code == 400


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "ES-0001\x00\x00\x00", "\u202e", "💥", "%ff"])
def test_odd_characters_find_nothing(node: ServedNode, story: Story, text: str) -> None:
    answer = node.get(f"/v1/lookup?q={quote(text)}")
    assert answer.status_code == 200
    assert answer.json()["dossiers"] == []


# -- seals and documents --------------------------------------------------------------------------


def test_a_seal_s_status_is_that_of_the_moment(node: ServedNode, story: Story) -> None:
    filed, suspended = story.receipt(story.seal[2]), story.receipt(story.suspended)
    now = get(node, "/v1/seals/ES-0001/status")
    assert (now["status"], now["derived"]) == ("suspended", False)
    assert now["set_by"]["code"] == suspended["code"]
    assert now["as_of"]["next_update"] == now["as_of"]["time"] + 10_000
    before = get(node, f"/v1/seals/ES-0001/status?at={suspended['time'] - 1}")
    assert (before["status"], before["set_by"]["code"]) == ("active", filed["code"])
    made = get(node, f"/v1/seals/ES-0001/status?at={filed['time'] - 1}")
    assert made["status"] == "created"
    never = get(node, f"/v1/seals/ES-0001/status?at={STORY_TIME - 1}")
    assert (never["status"], never["set_by"]) == ("unknown", None)


def test_a_seal_expires_by_the_clock_alone(node: ServedNode) -> None:
    told = node.teller.seal("short")
    payload = node.teller._created("short")
    end = node.now() + 60_000
    told[1] = node.teller.tell(
        "seal-maker-a", "seal.created", "seal:platform-a:short", {**payload, "valid_to": end}
    )
    node.submit(*told)
    with node.node.reader() as reader:
        assert seal_status(reader, "ES-short", end).status == "active"
        expired = seal_status(reader, "ES-short", end + 1)
    assert (expired.status, expired.derived) == ("expired", True)


def test_a_seal_is_not_active_before_its_validity_begins(node: ServedNode) -> None:
    told = node.teller.seal("early")
    payload = node.teller._created("early")
    begin = node.now() + 3_600_000
    told[1] = node.teller.tell(
        "seal-maker-a",
        "seal.created",
        "seal:platform-a:early",
        {**payload, "valid_from": begin, "valid_to": begin + 3_600_000},
    )
    node.submit(*told)
    with node.node.reader() as reader:
        early = seal_status(reader, "ES-early", begin - 1)
        assert seal_status(reader, "ES-early", begin).status == "active"
    assert (early.status, early.derived) == ("not_yet_valid", True)
    now = get(node, "/v1/seals/ES-early/status")
    assert (now["status"], now["status_zh"]) == ("not_yet_valid", "尚未生效")
    assert get(node, "/v1/dossiers/seal:platform-a:early")["status"] == "not_yet_valid"


def test_a_status_comes_with_the_proof_of_the_state(node: ServedNode, story: Story) -> None:
    now = get(node, "/v1/seals/ES-0001/status")["now"]
    proof = StateProof.from_json(now["proof"], place="proof")
    verify_state_proof(proof, bytes.fromhex(now["roots"]["state_root"]))
    assert proof.value is not None
    assert json.loads(proof.value)["status"] == "suspended"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/v1/seals/ES-absent/status", 404),
        ("/v1/seals/bad%20id/status", 400),
        ("/v1/seals/ES-0001/status?at=tomorrow", 400),
        ("/v1/seals/ES-0001/status?at=99999999999999", 400),
        (f"/v1/documents/{'0' * 64}", 404),
        ("/v1/documents/xyz", 400),
    ],
)
def test_seals_and_documents_that_cannot_be_shown(
    node: ServedNode, story: Story, target: str, status: int
) -> None:
    assert node.get(target).status_code == status


def test_a_document_is_found_in_every_record_that_names_it(node: ServedNode, story: Story) -> None:
    found = get(node, f"/v1/documents/{digest_of('signed', '0001')}")
    assert [(entry["type"], entry["sub"]) for entry in found["entries"]] == [
        ("signing.sealed", CASE)
    ]


# -- blocks and the node --------------------------------------------------------------------------


def test_blocks_newest_first_and_each_by_its_height(node: ServedNode, story: Story) -> None:
    blocks = get(node, "/v1/blocks?limit=5")["blocks"]
    heights = [block["height"] for block in blocks]
    assert heights == sorted(heights, reverse=True)
    assert len(heights) == 5
    older = get(node, f"/v1/blocks?before={heights[-1]}&limit=100")["blocks"]
    assert [block["height"] for block in older] == list(range(heights[-1] - 1, -1, -1))[:100]
    receipt = story.receipt(story.case[2])
    block = get(node, f"/v1/blocks/{receipt['height']}")
    assert block["time"] == receipt["time"]
    assert {"code": 0, "name": "recorded"} in block["results"]
    assert block["header"]["height"] == block["height"]
    after = get(node, f"/v1/blocks/{receipt['height'] + 1}")
    assert after["header"]["app_hash"] == block["app_hash"]
    assert get(node, "/v1/blocks/0")["header"] is None


def test_a_block_with_a_refusal_names_it(node: ServedNode) -> None:
    told = node.teller.tell(
        "platform-a", "signing.voided", "case:platform-a:void", {"reason_code": "x"}
    )
    with node.client() as client, pytest.raises(Exception, match="422") as caught:
        client.submit(told.encode())
    height = caught.value.problem["height"]  # type: ignore[attr-defined]
    names = [result["name"] for result in get(node, f"/v1/blocks/{height}")["results"]]
    assert "dossier_unknown" in names


@pytest.mark.parametrize(
    ("height", "status"),
    [("99999999", 404), ("-1", 400), ("01", 400), ("newest", 400), ("9" * 20, 400)],
)
def test_blocks_that_are_none(node: ServedNode, height: str, status: int) -> None:
    assert node.get(f"/v1/blocks/{height}").status_code == status


def test_only_what_never_changes_may_be_kept_for_ever(node: ServedNode, story: Story) -> None:
    assert "immutable" in node.get("/v1/blocks/1").headers["cache-control"]
    assert node.get("/v1/blocks/latest").headers["cache-control"] == "no-store"
    assert node.get(f"/v1/dossiers/{CASE}").headers["cache-control"] == "no-store"


def test_the_node_tells_of_itself(node: ServedNode, story: Story) -> None:
    told = get(node, "/v1/node")
    trust = get(node, "/v1/trust")
    assert told["chain_id"] == trust["chain_id"] == node.home.chain_id
    assert told["genesis_hash"] == trust["genesis_hash"]
    assert (
        told["trust_fingerprint"]
        == Trust(node.home.chain_id, node.node.genesis.hash).fingerprint.hex()
    )
    assert told["member"]["id"] == "node-operator"
    assert node.get("/v1/genesis").content == node.node.genesis.document
    counts = get(node, "/v1/statistics")
    assert counts["records"]["signing.sealed"] == 1
    assert {item["name"] for item in get(node, "/v1/rejections")["rejections"]} > {"conflict"}
    types = {item["type"]: item for item in get(node, "/v1/event-types")["event_types"]}
    assert types["signing.started"]["private"] == [
        "ip",
        "device",
        "address",
        "latitude",
        "longitude",
    ]


def test_metrics_count_what_happened(node: ServedNode, story: Story) -> None:
    lines = dict(
        line.rsplit(" ", 1)
        for line in node.get("/metrics").text.splitlines()
        if not line.startswith("#")
    )
    assert float(lines['evidence_submissions_total{outcome="recorded"}']) >= 10
    assert float(lines["evidence_height"]) > 10
    assert float(lines["evidence_workers"]) == 1
    assert float(lines["evidence_accepting"]) == 1
    assert float(lines["evidence_commit_seconds_count"]) >= 10
    assert 'evidence_http_requests_total{route="/v1/submissions",status="201"}' in lines


# -- the page -------------------------------------------------------------------------------------


@pytest.fixture
def shown(node: ServedNode, story: Story) -> str:
    code = story.receipt(story.case[0])["code"]
    answer = node.get(f"/?q={quote(full_width(code))}")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    return answer.text


def test_the_page_shows_the_time_line(shown: str, story: Story) -> None:
    for title in ("发起签约", "实名认证", "开始签章", "签署", "签署完成"):
        assert title in shown
    assert story.case[0].id in shown
    assert "<script" not in shown


@pytest.mark.parametrize("query", ["", "?lang=en", "?q=nothing&lang=en", "?q=%3Cscript%3E"])
def test_the_page_answers_everything_with_a_page(node: ServedNode, query: str) -> None:
    answer = node.get(f"/{query}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/submissions", 405),
        ("PUT", "/v1/submissions/batch", 405),
        ("DELETE", "/v1/node", 405),
        ("POST", "/v1/dossiers/" + CASE, 405),
        ("GET", "/docs", 404),
        ("GET", "/?lang=fr", 400),
    ],
)
def test_paths_and_methods_that_are_not_offered(
    node: ServedNode, method: str, target: str, status: int
) -> None:
    answer = httpx.request(method, node.url + target)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
