"""How commands fail: an exit code, what is wrong and where, how to go on. No traceback."""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.output import printable

__all__ = ["DEBUG_VARIABLE", "CommandFailure", "exit_code_of", "tell_failure"]

DEBUG_VARIABLE = "EVIDENCE_DEBUG"
"""Set to anything but 0, it has the traceback of a failure shown."""

_STATUSES = {
    400: ExitCode.BAD_INPUT,
    413: ExitCode.BAD_INPUT,
    415: ExitCode.BAD_INPUT,
    500: ExitCode.FAULT,
}
"""Codes for a node's answers that are not simply refusals."""

# By name, so that telling a failure loads nothing: what was raised has been imported already.
_CODES = {
    "builtins.ModuleNotFoundError": ExitCode.USAGE,
    "builtins.OSError": ExitCode.INPUT_OUTPUT,
    "node.client.errors.NodeBusy": ExitCode.TRY_AGAIN,
    "node.client.errors.NodeProblem": ExitCode.REFUSED,
    "node.client.errors.NodeUnreachable": ExitCode.UNREACHABLE,
    "node.client.errors.RecordRefused": ExitCode.REFUSED,
    "node.config.ConfigError": ExitCode.BAD_INPUT,
    "node.core.errors.InvalidInput": ExitCode.BAD_INPUT,
    "node.core.errors.LedgerFault": ExitCode.FAULT,
    "node.storage.errors.StorageError": ExitCode.INPUT_OUTPUT,
    "node.storage.errors.StoreCorrupt": ExitCode.FAULT,
    "node.storage.errors.StoreFormat": ExitCode.BAD_INPUT,
    "node.storage.errors.StoreLocked": ExitCode.UNREACHABLE,
    "node.submission.errors.SubmissionError": ExitCode.TRY_AGAIN,
    "node.vault.errors.KeyFileRefused": ExitCode.BAD_INPUT,
    "node.vault.errors.VaultError": ExitCode.FAULT,
}


class CommandFailure(Exception):
    """A command cannot do what was asked. ``members`` are added to the error's JSON."""

    def __init__(self, code: ExitCode, message: str, advice: str = "", **members: Any) -> None:
        super().__init__(code, message, advice)
        self.code = code
        self.message = message
        self.advice = advice
        self.members = members


def exit_code_of(error: BaseException) -> ExitCode:
    """The code that a command ends with when ``error`` ends it."""
    if isinstance(error, CommandFailure):
        return error.code
    for kind in type(error).__mro__:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name == "node.client.errors.NodeProblem":
            return _STATUSES.get(getattr(error, "status", 0), ExitCode.REFUSED)
        if name in _CODES:
            return _CODES[name]
    return ExitCode.FAULT


def tell_failure(error: BaseException, command: str, *, as_json: bool) -> ExitCode:
    """Write what went wrong to standard error, in one line or two, or as a JSON document.

    Returns:
        The code to end with.
    """
    code = exit_code_of(error)
    message, advice = _texts(error)
    if os.environ.get(DEBUG_VARIABLE, "0") != "0":
        traceback.print_exception(type(error), error, error.__traceback__)
    if as_json:
        told: dict[str, Any] = {"code": int(code), "kind": type(error).__name__, "message": message}
        if advice:
            told["advice"] = advice
        for name in ("place", "rule"):
            value = getattr(error, name, None)
            if isinstance(value, str):
                told[name] = value
        problem = getattr(error, "problem", None)
        if isinstance(problem, dict):
            told["problem"] = problem
        told.update(getattr(error, "members", {}))
        print(json.dumps({"error": told}, sort_keys=True), file=sys.stderr)
        return code
    print(f"{command}: {printable(message)}", file=sys.stderr)
    if advice:
        print(printable(advice), file=sys.stderr)
    return code


def _texts(error: BaseException) -> tuple[str, str]:
    """What is wrong, and how to go on."""
    if isinstance(error, CommandFailure):
        return error.message, error.advice
    if isinstance(error, ModuleNotFoundError):
        return (
            f"this command needs the package {error.name}, which is not installed",
            "install the whole node: pip install 'evidence-ledger-node[node]'",
        )
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}", ""
    text = str(error)
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if "node.config.ConfigError" in kinds:
        return text, "correct that line; docs/cli.md shows every member of node.toml"
    if isinstance(error, OSError) or kinds & set(_CODES):
        return text or type(error).__name__, ""
    return (
        f"a fault of the program: {type(error).__name__}: {text}",
        f"run it again with {DEBUG_VARIABLE}=1 and report what it shows",
    )
