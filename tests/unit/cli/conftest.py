"""What the tests of the command line share."""

from __future__ import annotations

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

SUBJECT = "case:platform-a:0001"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

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


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs a command in this process: ``cli("verify", path, "--trust", other, stdin=b"")``."""

    def call(*arguments: object, stdin: bytes = b"") -> Ended:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return call


@dataclass(frozen=True)
class Evidence:
    """A bundle and its trust file, as bytes and on disk, and the chain that they are of."""

    chain: Chain
    bundle: dict[str, Any]
    bundle_path: Path
    trust_path: Path
    genesis_path: Path

    def altered(self, **changes: Any) -> Path:
        """The bundle with other members, in a file of its own."""
        path = self.bundle_path.with_name("altered.json")
        path.write_bytes(canonical_json({**self.bundle, **changes}))
        return path


@pytest.fixture(scope="session")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """A dossier of two records on a chain of one operator."""
    chain = Chain()
    chain.commit_block(chain.jwt())
    chain.commit_block(chain.jwt(jti="event-2", type="signing.started"))
    chain.commit_block()
    folder = tmp_path_factory.mktemp("evidence")
    bundle = bundle_of(chain, SUBJECT)
    paths = [folder / name for name in ("bundle.json", "trust.json", "genesis.json")]
    for path, content in zip(
        paths, (canonical_json(bundle), trust_of(chain), chain.genesis.document)
    ):
        path.write_bytes(content)
    return Evidence(chain, bundle, *paths)
