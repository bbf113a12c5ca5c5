"""The engine's process: started, watched, stopped; its log made part of the node's."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import structlog

from node.core.errors import EvidenceError

__all__ = ["ENGINE_VERSION", "EngineDied", "EngineHalted", "EngineProcess", "WrongEngine"]

ENGINE_VERSION = "0.38.25"

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
_VERSION_SECONDS = 30.0
_CONSENSUS_FAILED = "CONSENSUS FAILURE!!!"
_INVALID_IN_SYNC = "Error in validation"
_OF_THE_LEDGER = ("wrong Block.Header.AppHash", "wrong Block.Header.LastResultsHash")
_ANOTHER_LEDGER = (
    "this node's ledger is not what more than 2/3 of the validators signed: its store was altered, "
    "or is damaged. `evidence-node audit` shows where; keep a copy of the home for the inquiry, "
    'then have the node join anew (docs/consortium.md, "When things go wrong"). The engine said: '
)
_OF_THE_CLOCK = "is too far in the future"
_CLOCK_BEHIND = (
    "the machine's clock is more than a minute behind those of the validators: set it, best by "
    "NTP, and start the node again. The engine said: "
)
_SAME_KEY = "found signature from the same key"
_KEY_IN_USE = (
    "this node's validator key has signed one of the last blocks, and this home does not know of "
    "it. Where another node runs with the key, one of the two must never run again. Where this "
    "home was made anew, start it when as many blocks as `consortium.look_back_blocks` says have "
    "passed without its signature. It said: "
)
_ITS_OWN_FAILURE = (
    "the engine decides no more blocks; start the node again, and where it then says the same, "
    "report it. The engine said: "
)


class EngineDied(EvidenceError):
    """The engine ended by itself."""


class EngineHalted(EvidenceError):
    """The engine lives and decides no more blocks, or never will."""


class WrongEngine(EvidenceError):
    """What was to be started is not the engine that this node was made for."""


class EngineProcess:
    """The engine ``binary`` in its home, its working directory. For one event loop."""

    def __init__(self, binary: Path, home: Path) -> None:
        self._binary = binary
        self._home = home
        self._log = structlog.get_logger("engine")
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._halted = asyncio.Event()
        self._halt = ""
        self._panic = ""

    @property
    def pid(self) -> int | None:
        """Its process id, None before it is started."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start it.

        Raises:
            WrongEngine: it is another version, or no engine.
            EngineDied: it cannot be started.
        """
        await self._require_version()
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
        """Wait until it ends by itself, or decides no more blocks.

        Raises:
            EngineDied: it has; with its exit code and its last words.
            EngineHalted: it lives on and is of no use.
        """
        assert self._process is not None
        assert self._reading is not None
        ended = asyncio.ensure_future(self._process.wait())
        halted = asyncio.ensure_future(self._halted.wait())
        try:
            await asyncio.wait((ended, halted), return_when=asyncio.FIRST_COMPLETED)
        finally:
            halted.cancel()
            if not ended.done():
                ended.cancel()
        if self._halt:
            raise EngineHalted(self._halt)
        code = ended.result()
        await self._reading
        words = self._panic or "; ".join(self._words)
        raise EngineDied(f"the engine ended with exit code {code}: {words or 'it said nothing'}")

    async def _require_version(self) -> None:
        """CometBFT's own binary knows this command as well."""
        told = ""
        try:
            process = await asyncio.create_subprocess_exec(
                str(self._binary),
                "version",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise EngineDied(f"{self._binary} cannot be started: {error}") from error
        try:
            answer, _ = await asyncio.wait_for(process.communicate(), _VERSION_SECONDS)
            told = answer.decode("utf-8", "replace").strip()[:60]
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise WrongEngine(self._refused("it does not say which version it is")) from error
        if told.partition("+")[0] != ENGINE_VERSION:
            raise WrongEngine(self._refused(f"it says that it is version {told or 'none'}"))

    def _refused(self, why: str) -> str:
        return (
            f"{self._binary} is not CometBFT {ENGINE_VERSION}, which this node was made for: "
            f"{why}; `scripts/build-engine` builds the right one, and consortium.binary in "
            "node.toml names it"
        )

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
                self._hear_bare(line)
            return
        level = str(told.get("level", "info"))
        text = str(told.get("_msg", told.get("msg", "")))
        rest = {
            str(name): value
            for name, value in told.items()
            if name not in ("level", "_msg", "msg", "ts", "event")
        }
        if level == "error":
            why = str(rest.get("err") or rest.get("error") or "")
            self._words.append(f"{text}: {why}" if why else text)
            self._log.error(text, **rest)
            if text in _GIVEN_UP and self._process is not None:
                self._process.terminate()
            self._notice_halt(text, why)
        else:
            self._log.debug(text, **rest)

    def _hear_bare(self, line: str) -> None:
        """A line of no log: a panic, whose first line tells more than the stack behind it."""
        self._log.warning(line)
        if line.startswith("panic:") and not self._panic:
            cause = _KEY_IN_USE if _SAME_KEY in line else ""
            self._panic = f"{cause}{line}"
        self._words.append(line)

    def _notice_halt(self, text: str, why: str) -> None:
        """The engine's process outlives the end of its consensus. In block sync it blames whoever
        sent it a block that 2/3 signed and this node's ledger contradicts, and asks for ever."""
        cause = ""
        if any(words in why for words in _OF_THE_LEDGER):
            cause = _ANOTHER_LEDGER
        elif _OF_THE_CLOCK in why:
            cause = _CLOCK_BEHIND
        elif text == _CONSENSUS_FAILED:
            cause = _ITS_OWN_FAILURE
        if cause and text in (_CONSENSUS_FAILED, _INVALID_IN_SYNC):
            self._halt = f"{cause}{why}"
            self._halted.set()
