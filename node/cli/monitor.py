"""``evidence-node monitor``: watches nodes for forks, stalls, lagging clocks."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import read_input, replace_file, write_output
from node.cli.monitor_output import metrics_text, tell_alarm, tell_round
from node.cli.parsers import add_command
from node.client.monitor import Alarm, Limits, Memory, Observation, Watch
from node.client.monitor_fetch import Fetcher, FetchFailed
from node.client.monitor_memory import (
    MAX_MEMORY_BYTES,
    decode_memory,
    encode_fork,
    encode_memory,
)
from node.client.signed_checkpoints import Consistency, ProofUnavailable
from node.core.checkpoint import NoteKey, checkpoint_origin
from node.core.errors import InvalidInput
from node.core.genesis import MAX_GENESIS_BYTES, Genesis, decode_genesis
from node.core.signatures import Backend, load_backend
from node.core.trust import MAX_TRUST_BYTES, decode_trust

__all__ = ["Run", "add_parser", "run"]

_DESCRIPTION = """
Follows the checkpoints that nodes of one chain sign, and says when something is wrong: two signed
checkpoints that cannot both be true (fork), one that no known key has signed (invalid), one that
cannot be shown to be consistent (unproven), one that goes back (rollback), no new block (stall), a
node far behind (behind), a clock that is off (clock), a node that does not answer (unreachable). A
node that says that an outside chain holds something else than the ledger is told of as well
(anchor-conflict).

Of every fork both checkpoints are kept in a file, with the proof: evidence that anybody can check,
and that convicts who signed both or one of the two.

Keys are those of the genesis, which is given, or asked of the nodes and held against the trust
file. --state keeps what was seen across restarts; without it a restart forgets, and a node could
show another log after it. Times of nodes are by the Date of their answers.

Exit codes: 70 after a fork or an anchor-conflict, 1 for any other alarm, 3 where the only alarm is
that nodes do not answer; of a run without --once, of the last round. SIGTERM and SIGINT end it.
"""
_EXAMPLES = """
evidence-node monitor https://court.example.cn https://notary.example.cn --trust trust.json \\
    --state /var/lib/monitor/state.json
evidence-node monitor URL URL URL --genesis genesis.json --state state.json --once --json
evidence-node monitor URL URL --trust trust.json --interval 60 \\
    --metrics /var/lib/prometheus/node-exporter/evidence.prom
"""
_MOST_FAILURES = 3
_DAY = 86_400


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "monitor", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("url", nargs="+", metavar="URL", help="a node")
    chain = parser.add_mutually_exclusive_group(required=True)
    chain.add_argument("--genesis", metavar="FILE", help="the chain's genesis")
    chain.add_argument("--trust", metavar="FILE", help="a trust file, which names the genesis")
    parser.add_argument("--once", action="store_true", help="one round, and end")
    parser.add_argument(
        "--interval", type=_seconds, default=30.0, metavar="SECONDS", help="between rounds; 30"
    )
    parser.add_argument("--state", metavar="FILE", help="what has been seen, kept across restarts")
    parser.add_argument(
        "--evidence", metavar="DIR", help="where forks are kept; default: beside --state, or here"
    )
    parser.add_argument("--metrics", metavar="FILE", help="written anew each round, for Prometheus")
    parser.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="for an answer; 10"
    )
    parser.add_argument(
        "--stall", type=int, default=3, metavar="N", help="intervals without a new block; 3"
    )
    parser.add_argument(
        "--clock", type=_seconds, default=5.0, metavar="SECONDS", help="that a clock may be off; 5"
    )
    parser.add_argument(
        "--behind", type=int, default=100, metavar="BLOCKS", help="that a node may lag; 100"
    )
    parser.set_defaults(run=run)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= _DAY:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to {_DAY} seconds")
    return value


def run(args: argparse.Namespace) -> int:
    """Watch, once or until told to end."""
    urls = _read_urls(args.url)
    ended = threading.Event()
    with ExitStack() as stack:
        fetcher = Fetcher(args.timeout)
        stack.callback(fetcher.close)
        genesis = _read_genesis(args, fetcher, urls)
        watching = Run(args, urls, genesis, load_backend(), fetcher)
        if not args.once:
            for number in (signal.SIGINT, signal.SIGTERM):
                before = signal.signal(number, lambda *_: ended.set())
                stack.callback(signal.signal, number, before)
        while True:
            alarms = watching.round(time.time_ns() // 1_000_000)
            if args.once or ended.wait(args.interval):
                return _exit_code(alarms)


def _read_urls(given: list[str]) -> list[str]:
    urls = list(dict.fromkeys(url.rstrip("/") for url in given))
    for url in urls:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandFailure(ExitCode.USAGE, f"{url} is no http:// or https:// URL")
    return urls


def _read_genesis(args: argparse.Namespace, fetcher: Fetcher, urls: list[str]) -> Genesis:
    """The chain's genesis, from a file, or from a node if the trust file names just that.

    Raises:
        InvalidInput: the file is none.
        CommandFailure: no node gives the genesis that the trust file names.
    """
    if args.genesis is not None:
        return decode_genesis(read_input(args.genesis, MAX_GENESIS_BYTES))
    trust = decode_trust(read_input(args.trust, MAX_TRUST_BYTES))
    reasons = []
    for url in urls:
        try:
            genesis = decode_genesis(fetcher.genesis(url))
        except (FetchFailed, InvalidInput) as error:
            reasons.append(f"{url}: {error}")
            continue
        if (genesis.hash, genesis.chain_id) == (trust.genesis_hash, trust.chain_id):
            return genesis
        reasons.append(f"{url}: its genesis is {genesis.hash.hex()}")
    raise CommandFailure(
        ExitCode.UNREACHABLE,
        f"no node gives the genesis {trust.genesis_hash.hex()}: {'; '.join(reasons)}",
        "give the genesis's file with --genesis",
    )


def _exit_code(alarms: list[Alarm]) -> ExitCode:
    kinds = {alarm.kind for alarm in alarms}
    if kinds & {"fork", "anchor-conflict"}:
        return ExitCode.FAULT
    if kinds == {"unreachable"}:
        return ExitCode.UNREACHABLE
    return ExitCode.REFUSED if kinds else ExitCode.OK


@dataclass
class Run:
    """Rounds of watching, with what is written after each."""

    args: argparse.Namespace
    urls: list[str]
    genesis: Genesis
    backend: Backend
    fetcher: Fetcher

    def __post_init__(self) -> None:
        args = self.args
        self._keys = _checkpoint_keys(self.genesis)
        limits = Limits(
            int(1000 * args.interval), max(args.stall, 1), int(1000 * args.clock), args.behind
        )
        self._state = None if args.state is None else Path(args.state)
        memory = self._recall()
        self._watch = Watch(self._keys, limits, self.backend, memory)
        self._active: set[tuple[str, str, str]] = set()

    def _recall(self) -> Memory:
        """What was seen before; to forget is what an attacker would like, so a state that cannot
        be read is an error. Raises InvalidInput."""
        if self._state is None or not self._state.exists():
            return Memory()
        content = read_input(str(self._state), MAX_MEMORY_BYTES)
        try:
            return decode_memory(content, self.genesis.hash, self._keys, self.backend)
        except InvalidInput as error:
            raise CommandFailure(
                ExitCode.BAD_INPUT,
                f"{self._state}: {error}",
                "keep the file, find out what happened to it, and name a new one",
            ) from error

    def round(self, now: int) -> list[Alarm]:
        """One round: ask, judge, remember, tell. Returns the alarms that hold now.

        Raises:
            OSError: the state or evidence cannot be written.
        """
        seen = self.fetcher.observe(self.urls)
        alarms = self._watch.judge(seen, _Patience(self.fetcher).prove, now)
        self._keep_forks()
        if self._state is not None:
            replace_file(self._state, encode_memory(self._watch.memory, self.genesis.hash))
        if self.args.metrics is not None:
            text = metrics_text(self._watch.memory, seen, alarms, now)
            replace_file(Path(self.args.metrics), text.encode("utf-8"))
        self._tell(seen, alarms, now)
        return alarms

    def _keep_forks(self) -> None:
        folder = Path(self.args.evidence or (self._state.parent if self._state else "."))
        for fork in self._watch.memory.forks:
            one, other = fork.smaller.checkpoint, fork.larger.checkpoint
            name = f"fork-{one.size}-{other.size}-{other.root.hex()[:16]}.json"
            if not (folder / name).exists():
                folder.mkdir(parents=True, exist_ok=True)
                content = encode_fork(fork, self.genesis.document, self._keys)
                write_output(folder / name, content)

    def _tell(self, seen: list[Observation], alarms: list[Alarm], now: int) -> None:
        active = {_identity(alarm) for alarm in alarms}
        for alarm in alarms:
            if _identity(alarm) not in self._active:
                tell_alarm(alarm, now, as_json=self.args.json)
        for kind, url, _ in sorted(self._active - active):
            tell_alarm(Alarm(kind, url, ""), now, as_json=self.args.json, over=True)
        self._active = active
        tell_round(self._watch.memory, seen, alarms, now, as_json=self.args.json)


def _identity(alarm: Alarm) -> tuple[str, str, str]:
    """What makes an alarm another one than those before: each fork is, a longer stall is not."""
    told = alarm.text if alarm.kind in ("anchor-conflict", "fork") else ""
    return alarm.kind, alarm.url, told


class _Patience:
    """Asks for proofs, and no more in this round from a node that has failed to give several."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._failures: Counter[str] = Counter()

    def prove(self, url: str, first: int, second: int) -> Consistency:
        """See `Fetcher.prove`."""
        if self._failures[url] >= _MOST_FAILURES:
            raise ProofUnavailable("is not asked again in this round")
        try:
            return self._fetcher.prove(url, first, second)
        except ProofUnavailable:
            self._failures[url] += 1
            raise


def _checkpoint_keys(genesis: Genesis) -> Mapping[str, NoteKey]:
    """The keys that sign the chain's checkpoints, by member.

    Raises:
        CommandFailure: the genesis names none.
    """
    origin = checkpoint_origin(genesis.chain_id)
    keys = {
        member.id: NoteKey(origin, member.checkpoint_key)
        for member in genesis.members
        if member.checkpoint_key is not None
    }
    if not keys:
        raise CommandFailure(
            ExitCode.BAD_INPUT, "the genesis names no key that signs checkpoints", ""
        )
    return keys
