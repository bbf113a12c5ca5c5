"""The verifiers that a node hands out are those of the build."""

from __future__ import annotations

import hashlib

import httpx
from builders.served import ServedNode

from node.verifiers.building import build_html, build_pyz, hashes, html_policy


def test_hashes_and_files_are_those_of_the_build(node: ServedNode) -> None:
    told = node.get("/v1/verifiers").json()["verifiers"]
    assert {one["name"]: one["sha256"] for one in told} == hashes()
    built = {"evidence-verify.html": build_html(), "evidence-verify.pyz": build_pyz()}
    for one in told:
        answer = httpx.get(node.url + one["path"])
        assert answer.status_code == 200
        assert answer.content == built[one["name"]]
        assert len(answer.content) == one["size"]
        assert hashlib.sha256(answer.content).hexdigest() == one["sha256"]


def test_served_page_keeps_its_own_policy(node: ServedNode) -> None:
    answer = httpx.get(f"{node.url}/verifiers/evidence-verify.html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy == html_policy(answer.content) + "; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_archive_is_a_download(node: ServedNode) -> None:
    answer = httpx.get(f"{node.url}/verifiers/evidence-verify.pyz")
    assert answer.headers["content-type"] == "application/zip"
    assert 'filename="evidence-verify.pyz"' in answer.headers["content-disposition"]
    assert answer.content.startswith(b"#!/usr/bin/env python3\nPK")
