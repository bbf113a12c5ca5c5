from __future__ import annotations

import hashlib
from pathlib import Path

from builders.commands import Cli

from node.cli.exit_codes import ExitCode
from node.verifiers.building import HTML_NAME, PYZ_NAME


def test_verifiers_are_written_with_hashes_that_sha256sum_reads(cli: Cli, tmp_path: Path) -> None:
    ended = cli("verifiers", "--out", tmp_path / "made")
    assert ended.code == ExitCode.OK
    told = dict(reversed(line.split("  ")) for line in ended.out.splitlines())
    assert set(told) == {HTML_NAME, PYZ_NAME}
    for name, digest in told.items():
        assert hashlib.sha256((tmp_path / "made" / name).read_bytes()).hexdigest() == digest
    again = cli("verifiers", "--out", tmp_path / "made", "--json").document
    assert again == {"verifiers": told}


def test_place_that_cannot_be_written_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ended = cli("verifiers", "--out", tmp_path / "file" / "made")
    assert ended.code == ExitCode.INPUT_OUTPUT
    assert "file" in ended.err
