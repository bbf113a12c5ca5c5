"""What only members may ask of a running node: signing in, private fields, erasure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from builders.home import OPERATOR, make_home, signing_key
from builders.served import ServedNode, served

from node.client.errors import NodeProblem
from node.client.requests import sign_request
from node.core.disclosure import disclosure_digest
from node.core.trust import Trust
from node.core.verify import verify_bundle

CASE, SEAL = "case:platform-a:0001", "seal:platform-a:0001"
TARGET = f"/v1/dossiers/{CASE}/bundle"


@pytest.fixture(scope="module", autouse=True)
def _told(node: ServedNode) -> None:
    node.submit(*node.teller.seal(), *node.teller.case())


def assert_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    return problem


# -- signing in -----------------------------------------------------------------------------------


def token(node: ServedNode, **changes: Any) -> dict[str, str]:
    wanted = {
        "member": "court-a",
        "chain_id": node.home.chain_id,
        "operator": node.node.member,
        "method": "GET",
        "target": TARGET,
        "body": b"",
        "issued_at": node.now(),
        **changes,
    }
    key = wanted.pop("key", node.home.member_key("court-a"))
    return {"authorization": sign_request(key, **wanted)}


def test_a_signed_request_is_answered_once(node: ServedNode) -> None:
    headers = token(node)
    assert httpx.get(node.url + TARGET, headers=headers).status_code == 200
    problem = assert_problem(httpx.get(node.url + TARGET, headers=headers), 401)
    assert "used before" in problem["detail"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"method": "POST"}, "token.htm"),
        ({"target": "/v1/node"}, "token.htu"),
        ({"target": TARGET + "?disclosures=all"}, "token.htu"),
        ({"body": b"x"}, "token.bsh"),
        ({"chain_id": "another"}, "token.aud"),
        ({"operator": "platform-a"}, "token.aud"),
        ({"member": "platform-a"}, "token.iss"),
        ({"issued_at": 1}, "token.exp"),
        ({"lifetime": 3600}, "token.exp"),
        ({"key": signing_key("stranger")}, "token.header.kid"),
    ],
)
def test_a_token_is_for_one_request_of_one_member(
    node: ServedNode, changes: dict[str, Any], place: str
) -> None:
    answer = httpx.get(node.url + TARGET, headers=token(node, **changes))
    assert_problem(answer, 401)
    assert place in answer.json()["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer ")


def test_a_key_that_is_not_in_force_yet_opens_nothing(node: ServedNode) -> None:
    key = signing_key(f"{node.home.chain_id}/court-a/future")
    problem = assert_problem(httpx.get(node.url + TARGET, headers=token(node, key=key)), 401)
    assert "not in force" in problem["detail"]


def test_a_wrong_signature_is_not_taken_for_none(node: ServedNode) -> None:
    """A dossier is public, but whoever says that he is somebody must be."""
    public = f"/v1/dossiers/{CASE}"
    assert httpx.get(node.url + public).status_code == 200
    assert_problem(httpx.get(node.url + public, headers=token(node)), 401)
    assert_problem(httpx.get(node.url + public, headers={"authorization": "Bearer x"}), 401)


def test_a_changed_body_is_not_what_was_signed(node: ServedNode) -> None:
    target = f"/v1/dossiers/{CASE}/erasure"
    body = json.dumps({"digests": "all", "reason": "x"}).encode()
    headers = node.authorization(OPERATOR, "POST", target, body)
    answer = httpx.post(node.url + target, headers=headers, content=body.replace(b"x", b"y"))
    assert "token.bsh" in assert_problem(answer, 401)["detail"]


# -- private fields -------------------------------------------------------------------------------


def test_a_party_sees_every_field_and_each_is_what_its_digest_says(node: ServedNode) -> None:
    with node.client("platform-a") as client:
        told = client.disclosures(CASE)
        whole = client.dossier(CASE)
    assert told["decision"]["reason"] == "opener"
    named = [digest for entry in whole["entries"] for digest in entry["digests"]]
    assert sorted(item["digest"] for item in told["disclosures"]) == sorted(named)
    for item in told["disclosures"]:
        assert disclosure_digest(item["encoded"]) == item["digest"]
    values = {item["name"]: item["value"] for item in told["disclosures"]}
    assert values["document_names"] == ["待盖章文件-采购合同"]
    assert values["score"] == "93.9"
    assert (told["erased"], told["elsewhere"]) == ([], [])


def test_a_release_stands_on_the_chain_and_in_the_log(node: ServedNode) -> None:
    before = node.node.access_log.head().number
    with node.client("court-a") as client:
        told = client.disclosures(CASE, purpose="审理合同纠纷", case_no="（2026）鲁01民初1号")
        (code,) = told["records"]
        found = client.lookup(code)["dossiers"][0]
        record = client.dossier(found["sub"])["entries"][0]
    assert record["type"] == "disclosure.released"
    assert record["data"]["to"] == "court-a"
    assert record["data"]["code"] == told["code"]
    assert record["data"]["purpose"] == "审理合同纠纷"
    assert record["data"]["case_no"] == "（2026）鲁01民初1号"
    assert sorted(record["data"]["digests"]) == sorted(
        item["digest"] for item in told["disclosures"]
    )
    (entry,) = [item for item in node.node.access_log.read() if item.number > before]
    logged = entry.record
    assert (logged.decision, logged.member, logged.dossier) == ("granted", "court-a", CASE)
    assert sorted(logged.digests) == sorted(record["data"]["digests"])
    assert logged.kid == node.home.keys["court-a"].kid
    node.node.access_log.verify()


@pytest.mark.parametrize(
    ("member", "subject", "query", "reason"),
    [
        ("court-a", CASE, "", "purpose_missing"),
        ("court-a", CASE, "?purpose=x", "case_no_missing"),
        ("court-a", CASE, "?purpose=%20", "purpose_missing"),
        ("notary-a", CASE, "", "purpose_missing"),
        ("platform-b", CASE, "?purpose=x", "not_concerned"),
        (OPERATOR, CASE, "?purpose=x", "not_concerned"),
        ("police-qingdao", SEAL, "", "other_division"),
    ],
)
def test_a_refusal_says_why_and_is_logged(
    node: ServedNode, member: str, subject: str, query: str, reason: str
) -> None:
    before = node.node.access_log.head().number
    answer = node.get(f"/v1/dossiers/{subject}/disclosures{query}", member)
    problem = assert_problem(answer, 403)
    assert problem["name"] == reason
    assert problem["detail"] != problem["detail_zh"]
    (entry,) = [item for item in node.node.access_log.read() if item.number > before]
    assert (entry.record.decision, entry.record.reason) == ("refused", reason)
    assert entry.record.digests == ()


@pytest.mark.parametrize(
    ("member", "subject", "query", "reason"),
    [
        ("identity-a", CASE, "", "participant"),
        ("notary-a", CASE, "?purpose=x", "notary"),
        ("auditor-a", CASE, "?purpose=x", "auditor"),
        ("police-jinan", SEAL, "", "police"),
        ("data-bureau", SEAL, "", "status_authority"),
    ],
)
def test_those_who_may_see_them(
    node: ServedNode, member: str, subject: str, query: str, reason: str
) -> None:
    answer = node.get(f"/v1/dossiers/{subject}/disclosures{query}", member)
    assert answer.status_code == 200, answer.text
    assert answer.json()["decision"]["reason"] == reason
    assert answer.json()["records"]


@pytest.mark.parametrize(
    "query",
    [
        "purpose=120105199001010610%20x",
        "purpose=a%0Ab",
        "purpose=" + "x" * 201,
        "case_no=" + "1" * 101,
    ],
)
def test_what_may_not_go_on_the_chain_is_refused_before_anything_is_shown(
    node: ServedNode, query: str
) -> None:
    answer = node.get(f"/v1/dossiers/{CASE}/disclosures?{query}", "platform-a")
    assert_problem(answer, 400)


def test_the_longest_purpose_in_chinese_can_be_signed(node: ServedNode) -> None:
    with node.client("court-a") as client:
        told = client.disclosures(CASE, purpose="审" * 200, case_no="案" * 100)
    assert told["records"]


def test_an_unknown_dossier_has_nothing_to_show(node: ServedNode) -> None:
    answer = node.get("/v1/dossiers/case:platform-a:absent/disclosures", "platform-a")
    assert_problem(answer, 404)


def test_a_bundle_with_private_fields_verifies_and_is_released_like_them(node: ServedNode) -> None:
    before = node.node.access_log.head().number
    target = f"{TARGET}?disclosures=all&purpose={quote('出庭')}&case_no=1"
    answer = node.get(target, "court-a")
    assert answer.status_code == 200
    bundle = answer.json()
    assert sum(len(entry["disclosures"]) for entry in bundle["entries"]) == 14
    genesis = node.node.genesis
    trust = json.dumps(Trust(genesis.chain_id, genesis.hash).to_json()).encode()
    report = verify_bundle(answer.content, trust)
    assert report.accepted
    assert {step.id: step.status for step in report.steps}["disclosures"] == "passed"
    assert node.node.access_log.head().number == before + 1
    assert_problem(node.get(f"{TARGET}?disclosures=all", "platform-b"), 403)


def test_nothing_is_released_where_no_bundle_could_hold_it(
    node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, size = node.node.access_log.head().number, node.node.application.need_meta().size
    monkeypatch.setattr("node.evidence.bundle.MAX_BUNDLE_RECORDS", 2)
    answer = node.get(f"{TARGET}?disclosures=all&purpose=x&case_no=1", "court-a")
    problem = assert_problem(answer, 400)
    assert problem["place"] == "dossier"
    assert "one by one" in problem["detail"]
    assert node.node.access_log.head().number == before
    assert node.node.application.need_meta().size == size


def test_what_cannot_be_put_on_the_chain_is_not_handed_out(
    node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = node.node.access_log.head().number
    operator = node.node.operator
    assert operator is not None
    monkeypatch.setattr(operator, "member", "nobody")
    answer = node.get(f"/v1/dossiers/{CASE}/disclosures", "platform-a")
    problem = assert_problem(answer, 503)
    assert problem["type"].endswith(":not-recorded")
    assert "encoded" not in answer.text
    (entry,) = [item for item in node.node.access_log.read() if item.number > before]
    assert (entry.record.decision, entry.record.reason) == ("refused", "not_recorded")


def test_a_node_without_its_operator_s_key_says_that_nothing_is_on_the_chain(
    tmp_path: Path,
) -> None:
    with served(make_home(tmp_path / "home", operator="")) as node:
        assert node.get("/v1/node").json()["audience"] == f"{node.home.chain_id}:{OPERATOR}"
        node.submit(*node.teller.seal(), *node.teller.case())
        with node.client("platform-a") as client:
            told = client.disclosures(CASE)
        assert told["disclosures"]
        assert told["records"] == []
        assert told["notice"]
        assert told["notice_zh"]
        assert node.node.access_log.head().number == 1
        with node.client(OPERATOR) as client, pytest.raises(NodeProblem) as caught:
            client.erase(CASE, "x")
        assert caught.value.status == 403


# -- erasure --------------------------------------------------------------------------------------


def erase(node: ServedNode, member: str, body: Any, subject: str = CASE) -> httpx.Response:
    target = f"/v1/dossiers/{subject}/erasure"
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = node.authorization(member, "POST", target, content)
    return httpx.post(node.url + target, headers=headers, content=content, timeout=30)


@pytest.mark.parametrize("member", ["platform-a", "court-a", "auditor-a"])
def test_only_the_operator_erases(node: ServedNode, member: str) -> None:
    assert_problem(erase(node, member, {"digests": "all", "reason": "x"}), 403)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"", "body"),
        (b"[]", "body"),
        ({"digests": "all"}, "body.reason"),
        ({"digests": "some", "reason": "x"}, "body.digests"),
        ({"digests": [], "reason": "x"}, "body.digests"),
        ({"digests": ["short"], "reason": "x"}, "body.digests[0]"),
        ({"digests": ["A" * 43], "reason": "x"}, "body.digests[0]"),
        ({"digests": "all", "reason": ""}, "body.reason"),
        ({"digests": "all", "reason": "证件 120105199001010610"}, "body.reason"),
        ({"digests": "all", "reason": "x", "case_no": ""}, "body.case_no"),
        ({"digests": "all", "reason": "x", "more": 1}, "body"),
        (b'{"digests":"all","digests":"all","reason":"x"}', "body"),
    ],
)
def test_an_erasure_that_is_not_well_said_erases_nothing(
    node: ServedNode, body: Any, place: str
) -> None:
    held = node.node.vault.count(CASE)
    problem = assert_problem(erase(node, OPERATOR, body), 400)
    assert problem["place"].startswith(place)
    assert node.node.vault.count(CASE) == held


def test_nothing_can_be_erased_where_there_is_nothing(node: ServedNode) -> None:
    answer = erase(node, OPERATOR, {"digests": "all", "reason": "x"}, "case:platform-a:absent")
    assert_problem(answer, 404)


def test_what_is_erased_is_gone_and_the_chain_says_so(own_node: ServedNode) -> None:
    node = own_node
    node.submit(*node.teller.seal(), *node.teller.case())
    with node.client("platform-a") as client:
        fields = {item["name"]: item["digest"] for item in client.disclosures(CASE)["disclosures"]}
    phone = fields["phone"]
    told = erase(node, OPERATOR, {"digests": [phone], "reason": "retention over"}).json()
    assert (told["erased"], told["not_held"], told["key_erased"]) == ([phone], [], False)
    (code,) = told["records"]
    with node.client("platform-a") as client:
        after = client.disclosures(CASE)
        record = client.dossier(client.lookup(code)["dossiers"][0]["sub"])["entries"][0]
        bundle = client.bundle(CASE, disclosures="all")
    assert phone not in [item["digest"] for item in after["disclosures"]]
    assert [item["digest"] for item in after["erased"]] == [phone]
    assert record["type"] == "disclosure.erased"
    assert record["data"]["digests"] == [phone]
    genesis = node.node.genesis
    trust = json.dumps(Trust(genesis.chain_id, genesis.hash).to_json()).encode()
    assert verify_bundle(bundle, trust).accepted
    rest = erase(node, OPERATOR, {"digests": "all", "reason": "over", "case_no": "1"}).json()
    assert sorted(rest["erased"]) == sorted(set(fields.values()) - {phone})
    assert rest["key_erased"] is True
    again = erase(node, OPERATOR, {"digests": "all", "reason": "over"}).json()
    assert (again["erased"], again["records"]) == ([], [])
    decisions = [item.record.decision for item in node.node.access_log.read()]
    assert decisions.count("erased") == 2
    node.node.access_log.verify()
    node.node.vault.verify(CASE)


def test_an_erasure_that_did_not_get_on_the_chain_gets_there_when_asked_again(
    own_node: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = own_node
    node.submit(*node.teller.seal(), *node.teller.case())
    operator = node.node.operator
    assert operator is not None
    with monkeypatch.context() as broken:
        broken.setattr(operator, "member", "nobody")
        told = erase(node, OPERATOR, {"digests": "all", "reason": "over"}).json()
    assert len(told["erased"]) == 14
    assert told["records"] == []
    assert "again" in told["notice"]
    again = erase(node, OPERATOR, {"digests": "all", "reason": "over"}).json()
    assert again["erased"] == []
    assert len(again["records"]) == 1
