"""The deep check of a document over HTTP: findings, what is on record, and what is never kept."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.document_story import PARTY_SEALS, tell_contract
from builders.home import make_home
from builders.sealed_contract import SealedContract, sealed_contract
from builders.served import ServedNode, served

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
    print(content["findings"]["text_zh"])
    records = content["records"]
    assert [one["type"] for one in records["file"]["records"]] == ["signing.sealed"]
    by_hash = {one["sha256"]: one for one in records["states"]}
    assert contract.first.after_sha256 in by_hash
    assert [r["type"] for r in by_hash[contract.first.before_sha256]["records"]] == [
        "signing.initiated"
    ]
    for number, signature in enumerate(records["signatures"]):
        assert set(statuses(signature).values()) == {"passed", "note"}, signature
        (seal,) = signature["seals"]
        assert seal["es_id"] == PARTY_SEALS[number]
        assert seal["judged_by"] == "record"
        assert (seal["status_at_signing"], seal["status_now"]) == ("active", "active")
