"""No bytes sent to any route that takes a body make the node fail: it answers, and goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from builders.home import OPERATOR, make_home
from builders.served import ServedNode, served
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

CASE = "case:platform-a:0001"
SLOW_FIXTURE = settings(max_examples=60, suppress_health_check=list(HealthCheck))

token = st.text(alphabet="abcXYZ019-_=.~", max_size=40)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
bodies = st.one_of(
    st.binary(max_size=400),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    token.map(str.encode),
    values.map(lambda value: json.dumps(value).encode()),
)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    with served(make_home(tmp_path_factory.mktemp("inputs") / "home")) as running:
        running.submit(*running.teller.seal(), *running.teller.case())
        yield running


@pytest.fixture(scope="module")
def http(node: ServedNode) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=node.url, timeout=30) as client:
        yield client


def assert_answered(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


@SLOW_FIXTURE
@example(b"\x00" * 70_000)
@example(b"." * 3 + b"~" * 3000)
@given(body=bodies)
def test_a_submission(http: httpx.Client, body: bytes) -> None:
    answer = http.post("/v1/submissions", content=body)
    assert_answered(answer)
    assert answer.status_code in (400, 422)


@SLOW_FIXTURE
@given(cut=st.integers(0, 10_000), put=st.binary(max_size=6))
def test_a_good_submission_with_something_changed(
    http: httpx.Client, node: ServedNode, cut: int, put: bytes
) -> None:
    good = node.teller.initiated("mutant").encode()
    cut %= len(good)
    assert_answered(http.post("/v1/submissions", content=good[:cut] + put + good[cut + len(put) :]))


@SLOW_FIXTURE
@given(parts=st.lists(bodies, max_size=6), glue=st.sampled_from([b"\n", b"\r\n", b"\n\n", b" "]))
def test_a_batch(http: httpx.Client, parts: list[bytes], glue: bytes) -> None:
    body = glue.join(parts)
    answer = http.post("/v1/submissions/batch", content=body)
    assert answer.status_code == 200
    answers = [json.loads(line) for line in answer.text.split("\n") if line]
    lines = [line for line in body.split(b"\n") if line.strip()]
    assert [item["line"] for item in answers] == list(range(1, len(lines) + 1))
    assert all(item["status_code"] < 500 for item in answers)


@SLOW_FIXTURE
@example(b"[" * 100_000)
@example(b'{"bundle":' * 40 + b"}" * 40)
@given(body=bodies)
def test_a_bundle_to_be_checked(http: httpx.Client, body: bytes) -> None:
    assert_answered(http.post("/v1/verify", content=body))


@SLOW_FIXTURE
@given(body=bodies)
def test_an_erasure(http: httpx.Client, node: ServedNode, body: bytes) -> None:
    target = f"/v1/dossiers/{CASE}/erasure"
    headers = node.authorization(OPERATOR, "POST", target, body)
    assert_answered(http.post(target, content=body, headers=headers))


@SLOW_FIXTURE
@given(text=st.text(max_size=100) | token)
def test_an_authorization(http: httpx.Client, text: str) -> None:
    raw = b"Bearer " + text.encode("utf-8", "replace").translate(None, b"\r\n\0\f\v") + b"."
    answer = http.get(f"/v1/dossiers/{CASE}/bundle", headers={b"authorization": raw})
    assert answer.status_code in (400, 401)


@SLOW_FIXTURE
@given(text=st.text(max_size=60), lang=st.text(max_size=4))
def test_a_look_up(http: httpx.Client, text: str, lang: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    lang = lang.encode("utf-8", "replace").decode()
    assert_answered(http.get("/v1/lookup", params={"q": text}))
    assert_answered(http.get("/", params={"q": text, "lang": lang}))


def test_after_all_that_the_node_still_takes_records(node: ServedNode) -> None:
    node.submit(node.teller.initiated("after-all-that"))
    assert node.get("/readyz").status_code == 200
