"""The JavaScript verifier's modules, called from Python through one `node` process.

``JAVASCRIPT.call("json.js", "decodeJsonObject", b"{}", {"place": "x", "maxBytes": 9})`` gives what
the function returns (or what its promise does), and raises `JavaScriptError` where it throws. Bytes
are ``Uint8Array`` there, integers beyond 2^53 ``BigInt``. Many calls go in one batch: `call_each`.
"""

from __future__ import annotations

import atexit
import base64
import functools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

__all__ = ["JAVASCRIPT", "MODULES", "PROBES", "JavaScript", "JavaScriptError", "node_command"]

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "node" / "verifiers" / "js"
"""The folder of the modules, to which the paths in calls are relative."""
PROBES = Path(__file__).with_name("javascript_probes.mjs").as_uri()
"""A module of the tests, for what only methods of classes give."""
_RUNNER = Path(__file__).with_name("javascript_runner.mjs")
_PATIENCE = 120.0
"""Seconds after which a batch that has not ended fails its test."""

Call = tuple[str, str, list[Any]]


class JavaScriptError(Exception):
    """What a function threw. ``name`` is its class; ``place`` and ``rule`` are InvalidInput's."""

    def __init__(self, thrown: dict[str, Any]) -> None:
        super().__init__(thrown["message"])
        self.name: str = thrown["name"]
        self.place: str | None = thrown["place"]
        self.rule: str | None = thrown["rule"]
        self.rule_zh: str | None = thrown["ruleZh"]
        self.text: str | None = thrown["text"]
        self.text_zh: str | None = thrown["textZh"]


@functools.cache
def node_command() -> tuple[str, ...]:
    """How Node is started. Skips the test where it is missing, and fails it in CI."""
    found = shutil.which("node")
    if found is None:
        message = "node (Node.js 18 or later) is missing"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    old = int(told.lstrip("v").split(".")[0]) < 20
    return (found, "--experimental-global-webcrypto") if old else (found,)


class JavaScript:
    """A `node` process that is started at the first call and ends with this one.

    Without ``webcrypto`` it has none, like a page that came over plain HTTP.
    """

    def __init__(self, folder: Path = MODULES, *, webcrypto: bool = True) -> None:
        self._folder = folder
        self._webcrypto = webcrypto
        self._process: subprocess.Popen[str] | None = None

    def call(self, module: str, name: str, *arguments: Any) -> Any:
        """What the exported function ``name`` of ``module`` returns.

        Raises:
            JavaScriptError: it throws.
        """
        [result] = self.call_each([(module, name, list(arguments))])
        if isinstance(result, JavaScriptError):
            raise result
        return result

    def call_each(self, calls: Iterable[Call]) -> list[Any]:
        """The results of several calls in one batch, a `JavaScriptError` where one throws."""
        batch = [(module, name, [_plain(item) for item in given]) for module, name, given in calls]
        return [
            JavaScriptError(answer["error"]) if "error" in answer else _revived(answer["value"])
            for answer in json.loads(self._exchange(json.dumps(batch)))
        ]

    def _exchange(self, line: str) -> str:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        watch = threading.Timer(_PATIENCE, process.kill)
        watch.start()
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
            answered = process.stdout.readline()
        finally:
            watch.cancel()
        if not answered:
            self.stop()
            pytest.fail("node has ended, or did not answer within its time")
        return answered

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [
                    *node_command(),
                    str(_RUNNER),
                    f"{self._folder.as_uri()}/",
                    "with" if self._webcrypto else "without",
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
            atexit.register(self.stop)
        return self._process

    def stop(self) -> None:
        """End the process; the next call starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, int) and abs(value) > 2**53 - 1:
        return {"$bigint": str(value)}
    if isinstance(value, str) and any(0xD800 <= ord(character) < 0xE000 for character in value):
        units = value.encode("utf-16-le", "surrogatepass")
        pairs = range(0, len(units), 2)
        return {"$lone": [int.from_bytes(units[at : at + 2], "little") for at in pairs]}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _revived(value: Any) -> Any:
    if isinstance(value, list):
        return [_revived(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"$bytes"}:
        return base64.b64decode(value["$bytes"])
    if value.keys() == {"$bigint"}:
        return int(value["$bigint"])
    return {name: _revived(item) for name, item in value.items()}


JAVASCRIPT = JavaScript()
"""The one that tests share."""
