"""The engine's process: started, watched, stopped; its log made part of the node's."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import structlog

from node.core.errors import EvidenceError

__all__ = ["EngineDied", "EngineProcess"]

_STOP_SECONDS = 20.0
_LAST_WORDS = 5
_LINE_BYTES = 1 << 20
_GIVEN_UP = frozenset(
    {
        "State sync failed",
        "Failed to bootstrap node with new state",
        "Failed to store last seen commit",
        "Failed to switch to block sync",
    }
)
"""After these the engine stays up and does nothing any more (CometBFT 0.38, node/setup.go)."""


class EngineDied(EvidenceError):
    """The engine ended by itself."""


class EngineProcess:
    """The engine ``binary`` in its home, its working directory. For one event loop."""

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary = binary
        self._home = home
        self._log = structlog.get_logger("engine")
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)

    @property
    def pid(self) -> int | None:
        """Its process id, None before it is started."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it. Raises EngineDied where it cannot be started."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                str(self._binary),
                "start",
                "--home",
                ".",
                cwd=self._home,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                limit=_LINE_BYTES,
                start_new_session=True,
            )
        except OSError as error:
            raise EngineDied(f"{self._binary} cannot be started: {error}") from error
        self._reading = asyncio.get_running_loop().create_task(self._read())

    async def watch(self) -> None:
        """Wait until it ends by itself.

        Raises:
            EngineDied: it has; with its exit code and its last words.
        """
        assert self._process is not None
        assert self._reading is not None
        code = await self._process.wait()
        await self._reading
        words = "; ".join(self._words)
        raise EngineDied(f"the engine ended with exit code {code}: {words or 'it said nothing'}")

    async def stop(self) -> None:
        """Ask it to end, and see to it that it does."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), _STOP_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while True:
            try:
                line = await self._process.stdout.readline()
            except ValueError:  # longer than any log line is
                continue
            if not line:
                return
            self._relay(line.decode("utf-8", "replace").strip())

    def _relay(self, line: str) -> None:
        """Log what the engine logs; errors are its last words, if no more come."""
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if not isinstance(told, Mapping):
            if line:
                self._words.append(line)
                self._log.warning(line)
            return
        level = str(told.get("level", "info"))
        text = str(told.get("_msg", told.get("msg", "")))
        rest = {
            str(name): value
            for name, value in told.items()
            if name not in ("level", "_msg", "msg", "ts", "event")
        }
        if level == "error":
            why = rest.get("err", rest.get("error", ""))
            self._words.append(f"{text}: {why}" if why else text)
            self._log.error(text, **rest)
            if text in _GIVEN_UP and self._process is not None:
                self._process.terminate()
        else:
            self._log.debug(text, **rest)
