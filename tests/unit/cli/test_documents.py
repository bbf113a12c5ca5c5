"""`verify --document`: files held against the records of a bundle."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from builders.bundling import bundle_of, trust_of
from builders.chain import Chain
from builders.commands import SUBJECT, Cli

from node.cli.exit_codes import ExitCode
from node.core.encoding import canonical_json

CONTENT = b"%PDF-1.7 a contract"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of two records that name a document, each in its own way, with the document."""
    chain = Chain()
    listed = {"documents": [{"sha256": "0" * 64}, {"sha256": DIGEST, "size": len(CONTENT)}]}
    chain.commit_block(chain.jwt(data=listed))
    chain.commit_block(chain.jwt(jti="event-2", data={"after_hash": DIGEST, "before_hash": "1"}))
    chain.commit_block()
    path = tmp_path_factory.mktemp("documents")
    (path / "bundle.json").write_bytes(canonical_json(bundle_of(chain, SUBJECT)))
    (path / "trust.json").write_bytes(trust_of(chain))
    (path / "contract.pdf").write_bytes(CONTENT)
    (path / "other.pdf").write_bytes(CONTENT + b" ")
    return path


def arguments(folder: Path, *documents: str, bundle: str = "bundle.json") -> list[object]:
    named = [word for name in documents for word in ("--document", folder / name)]
    return ["verify", folder / bundle, "--trust", folder / "trust.json", *named]


def test_every_record_that_names_it_is_told_with_the_field(cli: Cli, folder: Path) -> None:
    ended = cli(*arguments(folder, "contract.pdf"))
    assert ended.code == ExitCode.OK
    *_, mark, digest, first, second = ended.out.splitlines()
    assert mark == f"   ✓ {folder / 'contract.pdf'}"
    assert digest.strip() == DIGEST
    assert first.split()[1:] == ["signing.initiated", "documents[1].sha256"]
    assert second.split()[1:] == ["signing.initiated", "after_hash"]
    assert (first.split()[0][-2:], second.split()[0][-2:]) == ("-1", "-2")


def test_a_file_that_no_record_names_is_refused(cli: Cli, folder: Path) -> None:
    ended = cli(*arguments(folder, "contract.pdf", "other.pdf"))
    assert ended.code == ExitCode.REFUSED
    assert "Nothing failed" in ended.out
    assert f"   ✗ {folder / 'other.pdf'}" in ended.out
    assert ended.out.endswith("     NO RECORD of this bundle names it\n")


def test_nothing_is_compared_with_a_bundle_that_does_not_hold(cli: Cli, folder: Path) -> None:
    altered = (folder / "bundle.json").read_bytes().replace(b'"index":1', b'"index":2', 1)
    (folder / "altered.json").write_bytes(altered)
    ended = cli(*arguments(folder, "contract.pdf", bundle="altered.json"))
    assert ended.code == ExitCode.REFUSED
    assert ended.out.endswith("     not compared: the bundle did not pass\n")


def test_json_and_chinese(cli: Cli, folder: Path) -> None:
    [named, unnamed] = cli(*arguments(folder, "contract.pdf", "other.pdf"), "--json").document[
        "documents"
    ]
    assert [naming["field"] for naming in named["named"]] == ["documents[1].sha256", "after_hash"]
    assert (named["sha256"], unnamed["named"]) == (DIGEST, [])
    ended = cli(*arguments(folder, "other.pdf"), "--lang", "zh")
    assert ended.out.endswith("     本证据包中没有记录提及该文件\n")


def test_a_file_that_is_missing_is_named(cli: Cli, folder: Path) -> None:
    ended = cli(*arguments(folder, "missing.pdf"))
    assert ended.code == ExitCode.INPUT_OUTPUT
    assert "missing.pdf" in ended.err
