"""The demonstration of a consortium: four nodes, one killed, a fifth that joins and is voted in."""

from __future__ import annotations

import argparse
import itertools
import json
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.engine_program import find_engine
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.isolated import isolation, run_verifier
from node.cli.node_processes import start_node, wait_until_ready
from node.cli.output import say, short_path
from node.cli.progress import shown_progress

if TYPE_CHECKING:
    from node.client.http import NodeClient
    from node.demo.generator import DemoGenerator, Event
    from node.demo.testnet import Testnet, TestnetNode

__all__ = ["perform"]

_WAIT_SECONDS = 120
_DAY = 86_400_000
_VOTE_POWER = 10
_SYNC = """
[consortium.sync]
servers = {servers}
trust_height = {height}
trust_hash = "{digest}"
"""


def perform(args: argparse.Namespace) -> int:
    """Play it in ``args.out``/net; 0 when every step of it went as it should."""
    from node.demo.testnet import create_testnet
    from node.wiring import system_time

    out = Path(args.out).resolve()
    shutil.rmtree(out / "net", ignore_errors=True)
    binary = find_engine(args.engine)
    made = create_testnet(out / "net", 4, binary, system_time, guests=1, empty_block_ms=2_000)
    with ExitStack() as stack:
        return _Play(made, out, args, stack).play()


class _Play:
    """The nodes that run, by their members, and what is told of them."""

    def __init__(
        self, made: Testnet, out: Path, args: argparse.Namespace, stack: ExitStack
    ) -> None:
        from node.demo.generator import DemoGenerator
        from node.wiring import system_time

        self._made = made
        self._out = out
        self._args = args
        self._stack = stack
        self._now = system_time
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._generator: DemoGenerator = DemoGenerator(
            made.keys, made.genesis.chain_id, args.seed, system_time
        )
        stack.callback(self._stop_all)

    def play(self) -> int:
        """All of it, in order."""
        nodes, fifth = self._made.nodes, self._made.guests[0]
        say("1. Four institutions start a node each, in {}", short_path(self._out / "net"))
        self._start(nodes)
        say("2. {} dossiers, each record handed to another node", self._args.dossiers)
        base = self._generator.base_seals(min(20, self._args.dossiers))
        self._record([*base], nodes)
        rest = self._args.dossiers - len(base)
        self._record([*self._generator.dossiers(rest)], nodes)
        self._agree(nodes)
        say("3. The node of {} is killed; the others go on", nodes[3].member)
        self._kill(nodes[3])
        self._record(self._generator.base_seals(3), nodes[:3])
        self._start(nodes[3:])
        self._agree(nodes)
        say("4. A fifth, of {}, joins by a snapshot, without replaying", fifth.member)
        self._join(fifth, nodes)
        everybody = [*nodes, fifth]
        self._agree(everybody)
        say("5. The members vote its validator in")
        self._vote_in(fifth)
        self._record(self._generator.base_seals(3), everybody)
        self._agree(everybody)
        say("6. Evidence from a node that never saw the submission")
        return self._prove(nodes[0], fifth)

    # -- nodes ----------------------------------------------------------------------------------

    def _start(self, nodes: Sequence[TestnetNode]) -> None:
        started = time.monotonic()
        for node in nodes:
            self._processes[node.member] = start_node(node.home, self._stack)
        for node in nodes:
            if wait_until_ready(self._processes[node.member]) is None:
                log = node.home.parent / f"{node.member}.log"
                raise CommandFailure(ExitCode.FAULT, f"{node.member} did not start", f"see {log}")
            say("   {} at {}", f"{node.member:<14}", node.url)
        say("   after {} s", f"{time.monotonic() - started:.1f}")

    def _kill(self, node: TestnetNode) -> None:
        process = self._processes.pop(node.member)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def _stop_all(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def _client(self, node: TestnetNode, member: str = "") -> NodeClient:
        from node.client.http import NodeClient

        if not member:
            return NodeClient(node.url)
        return NodeClient(
            node.url,
            key=self._made.keys[member],
            member=member,
            chain_id=self._made.genesis.chain_id,
            operator=node.member,
        )

    def _agree(self, nodes: Sequence[TestnetNode]) -> None:
        """Wait until all show one app_hash at one height, at which all have the whole log."""
        clients = [self._client(node) for node in nodes]
        try:
            size = max(int(client.statistics()["size"]) for client in clients)
            self._until(lambda: all(int(c.statistics()["size"]) >= size for c in clients))
            height = min(int(client.block()["height"]) for client in clients)
            hashes = {str(client.block(height)["app_hash"]) for client in clients}
        finally:
            for client in clients:
                client.close()
        if len(hashes) != 1:
            raise CommandFailure(ExitCode.FAULT, f"the nodes disagree at height {height}")
        say("   all {} agree: {} entries, app_hash {}…", len(nodes), size, hashes.pop()[:16])

    @staticmethod
    def _until(true: Callable[[], bool]) -> None:
        give_up = time.monotonic() + _WAIT_SECONDS
        while not true():
            if time.monotonic() > give_up:
                raise CommandFailure(ExitCode.FAULT, "it did not come about in time")
            time.sleep(0.1)

    # -- records --------------------------------------------------------------------------------

    def _record(self, dossiers: Sequence[Sequence[Event]], nodes: Sequence[TestnetNode]) -> None:
        """Record dossiers, step by step, each step's records through the nodes by turns."""
        clients = [self._client(node) for node in nodes]
        total, done = sum(map(len, dossiers)), 0
        started = time.monotonic()
        try:
            with shown_progress() as report:
                for step in itertools.zip_longest(*dossiers):
                    events = [event for event in step if event is not None]
                    for turn, client in enumerate(clients):
                        share = events[turn :: len(clients)]
                        for answer in client.submit_many(map(self._generator.sign, share)):
                            if answer["status_code"] != 201:
                                raise CommandFailure(ExitCode.FAULT, f"not recorded: {answer}")
                            done += 1
                    report("records", done, total)
        finally:
            for client in clients:
                client.close()
        say("   {} records in {} s", f"{total:,}", f"{time.monotonic() - started:.1f}")

    def _event(self, member: str, event_type: str, subject: str, data: dict[str, Any]) -> Event:
        from node.demo.generator import Event

        return Event(member, event_type, subject, data)

    # -- joining --------------------------------------------------------------------------------

    def _join(self, fifth: TestnetNode, nodes: Sequence[TestnetNode]) -> None:
        command = [sys.executable, "-m", "node.cli", "snapshot", "--home", str(nodes[0].home)]
        taken = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if taken.returncode:
            raise CommandFailure(ExitCode.FAULT, f"no snapshot was taken: {taken.stderr}")
        say("   {}", taken.stdout.strip())
        with self._client(nodes[1]) as client:
            header = client.block(3)
        settings = _SYNC.format(
            servers=json.dumps([node.url for node in nodes[1:3]]),
            height=3,
            digest=header["commit"]["block_id"]["hash"],
        )
        path = fifth.home / "node.toml"
        path.write_text(path.read_text("utf-8") + settings, encoding="utf-8")
        self._start([fifth])
        log = (fifth.home.parent / f"{fifth.member}.log").read_text("utf-8")
        if "a snapshot has been restored" not in log:
            raise CommandFailure(ExitCode.FAULT, f"{fifth.member} did not join by a snapshot")

    def _vote_in(self, fifth: TestnetNode) -> None:
        from node.core.genesis import ed25519_jwk
        from node.rules.governance import proposal_hash
        from node.wiring import EdKey

        key = EdKey.load(fifth.home / "keys" / "validator.pem").public_key
        change = {
            "kind": "validator.set",
            "member": fifth.member,
            "power": _VOTE_POWER,
            "public_key": ed25519_jwk(key),
        }
        subject = f"consortium:jinan-data:{secrets.token_hex(8)}"
        proposal = {"change": change, "closes_at": self._now() + _DAY}
        with self._client(self._made.nodes[0]) as client:
            event = self._event("jinan-data", "governance.proposed", subject, proposal)
            client.submit(self._generator.sign(event))
            while (found := client.proposal(subject))["status"] == "open":
                voter = found["waiting_for"][0]
                approval = {"proposal_hash": proposal_hash(found), "vote": "approve"}
                vote = self._event(voter, "governance.voted", subject, approval)
                client.submit(self._generator.sign(vote))
            height = int(found["in_force_from"])
            say("   approved by {}; in force from height {}", _names(found["votes"]), height)
            self._until(lambda: int(client.block()["height"]) >= height)
            validators = client.block(height)["validators"]
        if len(validators) != len(self._made.nodes) + 1:
            raise CommandFailure(ExitCode.FAULT, f"{len(validators)} validators at {height}")
        say("   {} validators sign block {}", len(validators), height)

    # -- evidence -------------------------------------------------------------------------------

    def _prove(self, taken_by: TestnetNode, asked: TestnetNode) -> int:
        from node.core.trust import Trust

        (life,) = self._generator.base_seals(1)
        self._record([life], [taken_by])
        self._agree([taken_by, asked])
        bundle, trust = self._out / "consortium-bundle.json", self._out / "consortium-trust.json"
        with self._client(asked, "jinan-court") as client:
            bundle.write_bytes(client.bundle(life[0].subject))
        believed = Trust(self._made.genesis.chain_id, self._made.genesis.hash)
        trust.write_text(json.dumps(believed.to_json(), indent=1) + "\n", encoding="utf-8")
        where, prefix = isolation()
        say("   recorded through {}, bundle from {}", taken_by.member, asked.member)
        say("   verified offline, {}:", where)
        if run_verifier(prefix, bundle, trust, print) != ExitCode.OK:
            raise CommandFailure(ExitCode.FAULT, "the bundle should have been accepted")
        return ExitCode.OK


def _names(votes: dict[str, str]) -> str:
    return ", ".join(sorted(name for name in votes if votes[name] == "approve"))
