"""``evidence-node verify`` with the PDF of a certificate."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from builders.certificate_corpus import TRUST, recorded
from builders.commands import Cli

from node.cli.exit_codes import ExitCode
from node.core.trust import decode_trust
from node.core.verify import STEPS
from node.core.verify_certificate import DOCUMENT_STEPS

FINGERPRINT = decode_trust(TRUST).fingerprint.hex()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the trust file and three certificates of the corpus."""
    (tmp_path / "trust.json").write_bytes(TRUST)
    for name in ("good-b-lta", "page-later", "good-record"):
        (tmp_path / f"{name}.pdf").write_bytes(recorded(name).pdf)
    return tmp_path


def test_the_documents_steps_stand_before_those_of_its_bundle(cli: Cli, folder: Path) -> None:
    ended = cli("verify", folder / "good-b-lta.pdf", "--trust", folder / "trust.json")
    assert ended.code == ExitCode.OK
    labels = re.findall(r"^ *(P?\d+(?:\.\d+)?) [✓✗–] ", ended.out, re.MULTILINE)
    whole = [label for label in labels if "." not in label]
    assert whole == [f"P{number}" for number in range(1, len(DOCUMENT_STEPS) + 1)] + [
        str(number) for number in range(1, len(STEPS) + 1)
    ]
    assert "P5.2" in labels
    assert "✗" not in ended.out


def test_a_certificate_that_was_changed_is_refused_and_the_step_named(
    cli: Cli, folder: Path
) -> None:
    ended = cli(
        "verify", folder / "page-later.pdf", "--trust", folder / "trust.json", "--lang", "zh"
    )
    assert ended.code == ExitCode.REFUSED
    assert "P4 ✗ 签章后的改动：不通过：" in ended.out
    assert "核验不通过：不通过 1 项" in ended.out


def test_without_a_trust_file_the_fingerprint_is_to_be_compared(cli: Cli, folder: Path) -> None:
    ended = cli("verify", folder / "good-b-lta.pdf")
    assert ended.code == ExitCode.UNTRUSTED  # a script that asks for 0 alone believes no forger
    assert "P2 – Trust file: not checked: " in ended.out
    assert f"fingerprint {FINGERPRINT}" in ended.out
    assert "a forger can put in one of their own" in ended.out.splitlines()[-2]
    same = cli("verify", folder / "good-b-lta.pdf", "--fingerprint", FINGERPRINT)
    assert same.code == ExitCode.OK
    other = cli("verify", folder / "good-b-lta.pdf", "--fingerprint", "00" * 32)
    assert other.code == ExitCode.REFUSED


def test_a_bundle_needs_a_trust_file(cli: Cli, folder: Path) -> None:
    bundle = folder / "bundle.json"
    bundle.write_bytes(b"{}")
    ended = cli("verify", bundle)
    assert ended.code == ExitCode.USAGE
    assert "--trust" in ended.err


def test_json_says_of_which_certificate(cli: Cli, folder: Path) -> None:
    ended = cli("verify", folder / "good-record.pdf", "--trust", folder / "trust.json", "--json")
    assert ended.code == ExitCode.OK
    told = json.loads(ended.out)
    assert told["accepted"]
    assert told["certificate"]["certificate_no"] == "CZS20261123000001"
    assert told["certificate"]["code"].endswith("-1")
    assert not told["certificate"]["own_trust"]
    assert [step["label"] for step in told["steps"]][:3] == ["P1", "P2", "P3"]


def test_a_huge_file_is_refused_before_it_is_read(cli: Cli, folder: Path) -> None:
    huge = folder / "huge.pdf"
    with huge.open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(500 << 20)
    ended = cli("verify", huge, "--trust", folder / "trust.json")
    assert ended.code not in (ExitCode.OK, None)
    assert "bytes" in ended.err
