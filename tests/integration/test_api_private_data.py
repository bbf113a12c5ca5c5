"""What was submitted as private is in no answer to nobody, in no refusal, and in no log line."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from builders.home import make_home
from builders.served import ServedNode, served
from builders.signing import signed_jwt
from builders.story import HOLDER, HOLDER_ID_NO, Told

CASE, SEAL, RECORD = "case:platform-a:0001", "seal:platform-a:0001", "record:platform-a:0001"


@pytest.fixture(scope="module")
def told(node: ServedNode) -> list[Told]:
    story = [*node.teller.seal(), *node.teller.case(), node.teller.imported()]
    story.append(node.teller.status("0001", "suspended"))
    node.submit(*story)
    with node.client("platform-a") as client:
        assert client.disclosures(CASE)["disclosures"]
    return story


@pytest.fixture(scope="module")
def secrets(node: ServedNode, told: list[Told]) -> set[str]:
    """Private values, and every form in which they could get out."""
    values = {value for value in node.teller.private if len(value) > 4 or value == HOLDER}
    assert {HOLDER, HOLDER_ID_NO, "13800138000", "17.144.28.67"} <= values
    found = set(values)
    for value in values:
        found.add(json.dumps(value)[1:-1])
        found.add(quote(value))
        found.add(base64.b64encode(value.encode()).decode())
    for item in told:
        for disclosure in item.disclosures:
            found |= {disclosure.encoded, disclosure.salt}
    return found


def assert_clean(text: str, secrets: set[str], where: str) -> None:
    leaked = [secret for secret in secrets if secret in text]
    assert not leaked, f"{where}: {leaked}"


def targets(node: ServedNode, told: list[Told]) -> Iterator[str]:
    """Everything that nobody in particular may ask for."""
    yield from ("/", "/openapi.json", "/metrics", "/readyz", "/healthz", "/v1/log/checkpoint")
    yield from ("/v1/node", "/v1/statistics", "/v1/rejections", "/v1/event-types", "/v1/trust")
    yield from ("/v1/genesis", "/v1/blocks?limit=100", "/v1/log/tile/0/000.p/5")
    yield from ("/v1/log/proofs/inclusion?index=1", "/v1/log/proofs/consistency?first=1")
    for subject in (CASE, SEAL, RECORD):
        yield f"/v1/dossiers/{subject}"
        yield f"/?q={quote(subject)}"
        yield f"/?lang=en&q={quote(subject)}"
        yield f"/v1/lookup?q={quote(subject)}"
    yield from ("/status", "/statistics", "/verify", "/certificate")
    for item in told:
        yield f"/v1/transactions/{item.id}"
    for height in range(node.node.application.need_meta().height + 1):
        yield f"/v1/blocks/{height}"
        yield f"/b/{height}"
    yield from ("/v1/seals/ES-0001/status", "/v1/state/seal/ES-0001", "/v1/state/member/platform-a")
    with node.node.reader() as reader:
        for subject in (CASE, SEAL):
            state = reader.state(f"dossier/{subject}")
            assert state is not None
            yield f"/v1/state/code/{state['code']}"
            yield f"/d/CZ{state['code']}"


def test_no_answer_to_nobody_holds_anything_private(
    node: ServedNode, told: list[Told], secrets: set[str]
) -> None:
    asked = 0
    with httpx.Client(base_url=node.url, timeout=30) as client:
        for target in targets(node, told):
            answer = client.get(target)
            assert answer.status_code == 200, target
            assert_clean(answer.content.decode("utf-8", "replace"), secrets, target)
            assert_clean(str(answer.headers), secrets, target)
            asked += 1
    assert asked > 50


def test_what_is_for_members_is_shut_to_nobody(
    node: ServedNode, told: list[Told], secrets: set[str]
) -> None:
    for target in (
        f"/v1/dossiers/{CASE}/bundle",
        f"/v1/dossiers/{CASE}/bundle?disclosures=all",
        f"/v1/dossiers/{CASE}/disclosures",
        f"/v1/transactions/{told[0].id}/bundle",
        "/v1/log/tile/entries/000.p/5",
        f"/v1/state/dossier/{CASE}",
    ):
        answer = node.get(target)
        assert answer.status_code == 401, target
        assert_clean(answer.text, secrets, target)


def test_whole_entries_and_bundles_hold_digests_only(
    node: ServedNode, told: list[Told], secrets: set[str]
) -> None:
    for target in (
        f"/v1/dossiers/{CASE}",
        f"/v1/dossiers/{CASE}/bundle",
        f"/v1/transactions/{told[3].id}/bundle",
        "/v1/log/tile/entries/000.p/12",
        f"/v1/state/dossier/{CASE}",
    ):
        answer = node.get(target, "platform-b")
        assert answer.status_code == 200, target
        assert_clean(answer.content.decode("utf-8", "replace"), secrets, target)


@pytest.mark.parametrize(
    ("fields", "private"),
    [
        ({}, {"id_no": "12010519900101061X", "name": HOLDER}),
        ({}, {"phone": f"call {HOLDER}"}),
        ({}, {"nickname": HOLDER}),
        ({"name": HOLDER}, {}),
        ({"holder": HOLDER_ID_NO}, {}),
        ({"party_ref": HOLDER_ID_NO}, {}),
        ({"provider": f"x {HOLDER_ID_NO}"}, {}),
    ],
)
def test_a_refusal_does_not_repeat_what_it_refuses(
    node: ServedNode,
    told: list[Told],
    fields: dict[str, str],
    private: dict[str, str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    data = {
        "method": "face",
        "party_ref": "A" * 22,
        "provider": "p",
        "result": "passed",
        "verified_at": 1,
        **fields,
    }
    item = node.teller.tell("identity-a", "signing.identity_verified", CASE, data, private)
    for path, body in (
        ("/v1/submissions", item.encode()),
        ("/v1/submissions/batch", json.dumps(item.encode().decode()).encode()),
    ):
        answer = httpx.post(node.url + path, content=body)
        logged = "".join(capfd.readouterr())
        for text in (answer.text, logged):
            for value in (HOLDER_ID_NO, "12010519900101061X"):
                assert value not in text
            assert HOLDER not in text


def test_a_name_that_is_nobodys_business_is_not_repeated_either(
    node: ServedNode, capfd: pytest.CaptureFixture[str]
) -> None:
    key = node.home.keys["identity-a"]
    payload = json.dumps({"data": {HOLDER: "x"}}, ensure_ascii=False).encode()
    answer = httpx.post(f"{node.url}/v1/submissions", content=signed_jwt(key, payload))
    assert answer.status_code == 400
    assert "payload.data: a member's name is not ASCII" in answer.text
    for text in (answer.text, "".join(capfd.readouterr())):
        assert HOLDER not in text


def test_the_log_says_nothing_of_what_went_through(
    tmp_path_factory: pytest.TempPathFactory,
    secrets: set[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    home = make_home(tmp_path_factory.mktemp("logged") / "home")
    with served(home) as node:
        story = [*node.teller.seal(), *node.teller.case()]
        node.submit(*story)
        for item in story:
            httpx.post(f"{node.url}/v1/submissions", content=item.encode()[:-9])
        with node.client("court-a") as client:
            client.disclosures(CASE, purpose="审理", case_no="1")
        httpx.post(f"{node.url}/v1/verify", content=HOLDER.encode())
        node.get(f"/v1/lookup?q={quote(HOLDER)}")
    logged = "".join(capfd.readouterr())
    assert "started" in logged
    assert_clean(logged, secrets, "log")


def test_an_unexpected_failure_is_logged_without_its_text(
    node: ServedNode, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError(f"cannot handle {HOLDER}")

    monkeypatch.setattr(node.node, "checkpoint", fail)
    answer = node.get("/v1/log/checkpoint")
    logged = "".join(capfd.readouterr())
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"] in logged
    assert "RuntimeError" in logged
    assert HOLDER not in answer.text + logged
