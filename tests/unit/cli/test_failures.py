from __future__ import annotations

import errno
import importlib
import json

import pytest

from node.cli import failures
from node.cli.exit_codes import MEANINGS, ExitCode
from node.cli.failures import CommandFailure, exit_code_of, tell_failure
from node.config import ConfigError
from node.core.errors import InvalidBundle, LedgerFault
from node.storage.errors import StoreCorrupt, StoreFormat, StoreFull, StoreLocked
from node.vault.errors import KeyFileRefused


def test_every_code_has_its_meaning() -> None:
    assert set(MEANINGS) == set(ExitCode)
    assert len(set(MEANINGS.values())) == len(MEANINGS)


def test_every_error_that_has_a_code_exists() -> None:
    for name in failures._CODES:
        module, _, kind = name.rpartition(".")
        found = getattr(importlib.import_module(module), kind)
        assert f"{found.__module__}.{found.__qualname__}" == name


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandFailure(ExitCode.TRY_AGAIN, "later"), ExitCode.TRY_AGAIN),
        (InvalidBundle("bundle", "no"), ExitCode.BAD_INPUT),
        (LedgerFault("no"), ExitCode.FAULT),
        (StoreLocked("/home", 7), ExitCode.UNREACHABLE),
        (StoreFormat("/home", "a", "b"), ExitCode.BAD_INPUT),
        (StoreCorrupt("/home", "no"), ExitCode.FAULT),
        (StoreFull("/home", "no"), ExitCode.INPUT_OUTPUT),
        (ConfigError("node.toml: no"), ExitCode.BAD_INPUT),
        (KeyFileRefused("k", "no"), ExitCode.BAD_INPUT),
        (PermissionError(errno.EACCES, "Permission denied", "f"), ExitCode.INPUT_OUTPUT),
        (ModuleNotFoundError("no", name="plyvel"), ExitCode.USAGE),
        (RuntimeError("no"), ExitCode.FAULT),
    ],
)
def test_error_ends_the_command_with_its_code(
    error: Exception, code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(error) == code
    assert tell_failure(error, "evidence-node x", as_json=False) == code
    told = capsys.readouterr().err
    assert told.startswith("evidence-node x: ")
    assert 1 <= len(told.splitlines()) <= 2
    assert "Traceback" not in told


def test_json_names_place_and_rule(capsys: pytest.CaptureFixture[str]) -> None:
    tell_failure(InvalidBundle("bundle.scope", "must be dossier"), "x", as_json=True)
    assert json.loads(capsys.readouterr().err) == {
        "error": {
            "code": 65,
            "kind": "InvalidBundle",
            "message": "bundle.scope: must be dossier",
            "place": "bundle.scope",
            "rule": "must be dossier",
        }
    }


def test_advice_and_further_members_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    failure = CommandFailure(ExitCode.REFUSED, "refused", "do this", problem={"status": 422})
    tell_failure(failure, "x", as_json=True)
    told = json.loads(capsys.readouterr().err)["error"]
    assert (told["advice"], told["problem"]) == ("do this", {"status": 422})


def test_control_characters_of_an_error_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    tell_failure(InvalidBundle("bundle\x1b[31m", "no\n"), "x", as_json=False)
    assert capsys.readouterr().err == "x: bundle\\x1b[31m: no\\n\n"
