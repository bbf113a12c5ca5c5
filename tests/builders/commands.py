"""How a command of the command line ended, and evidence to give it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from builders.bundling import bundle_of, trust_of
from builders.chain import Chain

from node.cli.main import main
from node.core.encoding import canonical_json

__all__ = ["SUBJECT", "Cli", "Ended", "Evidence", "in_process", "write_evidence"]

SUBJECT = "case:platform-a:0001"


@dataclass(frozen=True)
class Ended:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its one JSON document."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error that it told in JSON."""
        return json.loads(self.err)["error"]


Cli = Callable[..., Ended]
"""Runs a command: ``cli("verify", path, "--trust", other, stdin=b"…")``."""


def in_process(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs commands in this process."""

    def call(*arguments: object, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call


@dataclass(frozen=True)
class Evidence:
    """A bundle, a trust file and a genesis in a folder, and the chain that they are of."""

    chain: Chain
    bundle: dict[str, Any]
    folder: Path

    @property
    def bundle_path(self) -> Path:
        return self.folder / "bundle.json"

    @property
    def trust_path(self) -> Path:
        return self.folder / "trust.json"

    @property
    def genesis_path(self) -> Path:
        return self.folder / "genesis.json"


def write_evidence(folder: Path) -> Evidence:
    """A dossier of two records on a chain of one operator, as files in ``folder``.

    Its second record names ``contract.pdf``, which lies beside.
    """
    contract = b"%PDF-1.7 the contract"
    (folder / "contract.pdf").write_bytes(contract)
    named = {"after_hash": hashlib.sha256(contract).hexdigest()}
    chain = Chain()
    chain.commit_block(chain.jwt())
    chain.commit_block(chain.jwt(jti="event-2", type="signing.sealed", data=named))
    chain.commit_block()
    evidence = Evidence(chain, bundle_of(chain, SUBJECT), folder)
    evidence.bundle_path.write_bytes(canonical_json(evidence.bundle))
    evidence.trust_path.write_bytes(trust_of(chain))
    evidence.genesis_path.write_bytes(chain.genesis.document)
    return evidence
