"""Published statuses of a running node: over HTTP, by the client, by the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.served import ServedNode

from node.cli.main import main
from node.client.errors import NodeProblem
from node.core.errors import InvalidInput
from node.core.seal_status import StaleStatus, verify_seal_status
from node.core.signatures import PublicJwk, load_backend
from node.core.status_list import StatusList, verify_status_list
from node.core.trust import decode_trust

LISTS = "/v1/seals/status-lists"


@pytest.fixture(scope="module")
def told(node: ServedNode) -> ServedNode:
    node.submit(*node.teller.seal("S1"), *node.teller.seal("S2"))
    node.submit(node.teller.status("S2", "suspended"))
    return node


def list_of(node: ServedNode) -> StatusList:
    with node.client() as client:
        key = client.state(f"key/{node.home.member_key(node.node.member).kid}")
        token = client.status_list(0).decode()
    value = json.loads(key["proof"]["value"])
    return verify_status_list(
        token,
        PublicJwk.from_json(value["jwk"], place="key"),
        cid=node.home.chain_id,
        uri=f"{LISTS}/0",
        now=node.now(),
        max_age_ms=600_000,
        backend=load_backend(),
    )


def test_the_client_asks_and_checks_in_one_call(told: ServedNode) -> None:
    with told.client() as client:
        trust = decode_trust(client.trust())
        first = client.verify_seal_status("ES-S1", trust)
        second = client.verify_seal_status("ES-S2", trust)
        with pytest.raises(NodeProblem, match="no seal has the es_id"):
            client.verify_seal_status("ES-none", trust)
        with pytest.raises(StaleStatus):
            client.verify_seal_status("ES-S1", trust, max_age_ms=-1)
    assert (first.status, second.status) == ("active", "suspended")
    assert first.member == told.node.member
    assert first.place is not None
    assert second.place is not None
    found = list_of(told)
    assert found.status(first.place.index) == "active"
    assert found.status(second.place.index) == "suspended"


def test_lists_are_found_and_may_be_kept_until_their_update(told: ServedNode) -> None:
    content: dict[str, Any] = httpx.get(told.url + LISTS).json()
    assert content == {"lists": [f"{LISTS}/0"], "seals_each": 65_536}
    answer = httpx.get(f"{told.url}{LISTS}/0")
    assert answer.headers["content-type"] == "application/statuslist+jwt"
    assert answer.headers["cache-control"].startswith("public, max-age=")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert httpx.get(f"{told.url}{LISTS}/1").status_code == 404
    assert httpx.get(f"{told.url}{LISTS}/-1").status_code == 400


def test_the_command_checks_a_status_that_was_kept(
    told: ServedNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with told.client() as client:
        (tmp_path / "trust.json").write_bytes(client.trust())
        kept = client.signed_seal_status("ES-S2")
    (tmp_path / "status.json").write_bytes(kept)
    arguments = ["ES-S2", str(tmp_path / "status.json"), "--trust", str(tmp_path / "trust.json")]
    # the node's clock is the story's, the command's the machine's: the state is long past
    assert main(["seal", "check", *arguments, "--max-age", "600"]) == 1
    assert capsys.readouterr().out.startswith("STALE:")
    altered = kept.replace(b'"ES-S2"', b'"ES-S3"').replace(b"seal/ES-S2", b"seal/ES-S3")
    trust = decode_trust((tmp_path / "trust.json").read_bytes())
    with pytest.raises(InvalidInput, match="state"):
        verify_seal_status(
            altered,
            trust,
            es_id="ES-S3",
            now=told.now(),
            max_age_ms=600_000,
            backend=load_backend(),
        )


def test_nothing_is_signed_of_a_state_of_long_ago(
    told: ServedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node that was away for a day knows of no revocation since: its key must not say "active"
    as of now."""
    for path in ("/v1/seals/ES-S1/signed-status", f"{LISTS}/0"):
        assert httpx.get(told.url + path).status_code == 200
        with monkeypatch.context() as patch:
            patch.setattr(told.node, "now", lambda: told.now() + 86_400_000)
            answer = httpx.get(told.url + path)
        assert answer.status_code == 503, path
        assert answer.json()["type"].endswith(":not-ready")
