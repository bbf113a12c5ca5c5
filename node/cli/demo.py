"""``evidence-node demo``: a ledger from an empty directory to a proof verified without it."""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from node.cli.demo_certificates import order_certificates, show_certificate
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.isolated import isolation, run_verifier
from node.cli.output import say, short_path
from node.cli.parsers import add_command
from node.cli.progress import shown_progress
from node.core.trust import Trust

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Sets up a node with ten members in a directory, runs it, and plays a case on it: a seal is applied
for, made and filed; a contract PDF is typeset and really sealed by two parties; the seal is
suspended and an attempt to sign with it refused; a thousand further dossiers are recorded; the log
is anchored on the development chain inside the node and by a demonstration's time-stamp authority.
It ends with an evidence bundle that is verified in a process that cannot reach the node, then again
with one byte changed, and with sealed certificates of the case, which are verified there too. The
node goes on serving its pages until Ctrl-C (DEMO_SERVE=0: it is stopped). With
--json the story goes to standard error, and what came of it, in one document, to standard output.
"""
_EXAMPLES = """
evidence-node demo
DEMO_SERVE=0 evidence-node demo --out /tmp/demo --dossiers 100
evidence-node demo --consortium --engine "$(scripts/build-engine)" --dossiers 100
"""
_READY_SECONDS = 60
_WINDOW = 200
_PURPOSE, _CASE_NO = "民事案件证据审查（演示）", "（2026）鲁0192民初1号"


@dataclass(frozen=True)
class Believed:
    """The trust file of the demonstration, and the authority that certifies its signers."""

    trust: Trust
    authority: Any


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "demo", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--out", default="out", metavar="DIR", help="where files go (out)")
    parser.add_argument("--dossiers", type=int, default=1000, metavar="N", help="further dossiers")
    parser.add_argument("--seed", type=int, default=20260302, metavar="N", help="of the generator")
    parser.add_argument(
        "--port", type=int, default=8440, metavar="N", help="port to serve on (8440)"
    )
    parser.add_argument(
        "--consortium",
        action="store_true",
        help="four nodes instead of one: killed, joined, voted in; nothing goes on serving",
    )
    parser.add_argument("--engine", metavar="FILE", help="the engine's program, for --consortium")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Play the demonstration; 0 when every step of it went as it should."""
    signal.signal(signal.SIGTERM, _leave)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            line_buffering=True
        )  # whoever reads along reads each step as it ends
    if args.consortium:
        from node.cli.demo_consortium import perform

        return perform(args)
    if not args.json:
        return _perform(args, lambda done: None)
    answers = sys.stdout
    with redirect_stdout(sys.stderr):  # the story is for people; the answer is one document
        return _perform(args, lambda done: print(json.dumps(done), file=answers, flush=True))


def _perform(args: argparse.Namespace, tell: Callable[[dict[str, Any]], object]) -> int:
    """Play it. ``tell`` is told what came of it, before the node goes on serving."""
    out = Path(args.out).resolve()
    home = _clear(out)
    from node.demo.anchors import DEMO_EVERY_MS, demo_anchors
    from node.demo.authority import DemoAuthority
    from node.demo.certificates import equip_institution
    from node.demo.home import create_demo_home
    from node.wiring import system_time

    say("1. A node with ten members, in {}", short_path(home))
    with demo_anchors(out / "demo-tsa") as anchors:
        made = create_demo_home(
            home,
            system_time,
            port=_free_port(args.port),
            parameters={"anchor_every_ms": DEMO_EVERY_MS},
            more=anchors.config,
        )
        authority = DemoAuthority.create(datetime.now(UTC))
        trust = equip_institution(made, anchors, authority, system_time())
        return _serve_and_play(out, made, Believed(trust, authority), args, tell)


def _serve_and_play(
    out: Path,
    made: Any,
    believed: Believed,
    args: argparse.Namespace,
    tell: Callable[[dict[str, Any]], object],
) -> int:
    with _running(made.path) as url:
        say("   serving on {}", url)
        code = _play(url, out, made, believed, args)
        if code == ExitCode.OK:
            files = {name: str(out / f"{name}.json") for name in ("bundle", "trust")}
            issued = sorted(
                (out / "certificates").iterdir(), key=lambda one: one.stat().st_mtime_ns
            )
            certificates = [str(path) for path in issued]
            done = {**files, "certificates": certificates, "dossiers": args.dossiers}
            tell({**done, "url": url, "verified": True})
        if code == ExitCode.OK and os.environ.get("DEMO_SERVE", "1") != "0":
            _serve(url, out)
    return code


def _leave(number: int, _: object) -> None:
    """Leave by way of what has to be put away: the node is a process of its own."""
    sys.exit(128 + number)


def _clear(out: Path) -> Path:
    """Remove what an earlier run left in ``out``; other files there stay."""
    out.mkdir(parents=True, exist_ok=True)
    for name in ("certificates", "demo-node", "members", "submissions"):
        shutil.rmtree(out / name, ignore_errors=True)
    (out / "submissions").mkdir()
    return out / "demo-node"


def _free_port(wanted: int) -> int:
    """``wanted`` if nobody listens there, else a port that is free."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise CommandFailure(ExitCode.INPUT_OUTPUT, "no port is free on 127.0.0.1")


@contextmanager
def _running(home: Path) -> Iterator[str]:
    """The node as a process of its own; stopped at the end."""
    from node.config import load_config

    url = f"http://127.0.0.1:{load_config(home).api.port}"
    log = home.parent / "demo-node.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", "node.cli", "run", "--home", str(home)],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_ready(process, url, log)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_READY_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    from node.client.errors import NodeUnreachable
    from node.client.http import NodeClient

    give_up = time.monotonic() + _READY_SECONDS
    with NodeClient(url, patience=0) as client:
        while process.poll() is None and time.monotonic() < give_up:
            try:
                if client.status().get("ready"):
                    return
            except NodeUnreachable:
                pass
            time.sleep(0.1)
    raise CommandFailure(ExitCode.FAULT, "the node did not start", f"its log is in {log}")


def _play(url: str, out: Path, made: Any, believed: Believed, args: argparse.Namespace) -> int:
    from node.demo.clerk import Clerk
    from node.demo.members import DEMO_OPERATOR
    from node.demo.story import Story

    clerk = Clerk(url, made.genesis.chain_id, DEMO_OPERATOR, made.keys, out / "submissions", say)
    try:
        story = Story(clerk, out, believed.authority)
        say(
            "2. A seal is applied for, made and filed; another is taken over from an older register"
        )
        seal = story.make_seal()
        other = story.import_seal()
        story.import_history()
        say("3. A contract is typeset, sealed by both parties with pyHanko, every step recorded")
        sealed = story.sign_contract(seal, other)
        say("   both signatures hold and cover the file: SHA-256 {}", sealed.after_sha256)
        say("4. The seal is suspended; an attempt to sign with it is refused")
        story.suspend(seal)
        _show_refusal(clerk, seal, story.try_suspended(seal))
        say("5. {} further dossiers from seed {}", args.dossiers, args.seed)
        size = _record_more(clerk, made, args)
        say("6. The log is anchored")
        _anchor(clerk, size)
        say("7. The evidence of the contract, as the court gets it")
        bundle, trust = _write_evidence(clerk, story.case, made, believed.trust, out)
        _verify(bundle, trust)
        say("10. A certificate of evidence, sealed and time-stamped, and on record itself")
        pictures = [out / "seal-a.png", out / "seal-b.png"]
        order = {"purpose": _PURPOSE, "case_no": _CASE_NO, "seals": "all"}
        files = order_certificates(clerk, story.case, pictures, out / "certificates", **order)
        return show_certificate(clerk, files, trust)
    finally:
        clerk.close()


def _show_refusal(clerk: Any, seal: Any, refusal: dict[str, Any]) -> None:
    client = clerk.client("jinan-data")
    say("   {} / {}", refusal.get("detail"), refusal.get("detail_zh"))
    kept = client.transaction(refusal["id"])
    say("   the node answers for it: {} at height {}", kept["status"], kept["height"])
    status = client.seal_status(seal.es_id)
    say("   the seal's published status: {}, set by {}", status["status"], status["set_by"]["code"])


def _record_more(clerk: Any, made: Any, args: argparse.Namespace) -> int:
    """Record the generator's dossiers; how many entries the log has with the last of them."""
    from node.demo.generator import DemoGenerator
    from node.wiring import system_time

    generator = DemoGenerator(made.keys, made.genesis.chain_id, args.seed, system_time)
    client = clerk.client("anyunyin")
    counts: Counter[int] = Counter()
    size = 1
    base = generator.base_seals(min(40, args.dossiers))
    dossiers = [*generator.dossiers(args.dossiers - len(base))]
    total = sum(map(len, base)) + sum(map(len, dossiers))
    windows = [base] if base else []
    windows += [dossiers[at : at + _WINDOW] for at in range(0, len(dossiers), _WINDOW)]
    started = time.monotonic()
    with shown_progress() as report:
        for window in windows:
            for step in range(max(map(len, window))):
                events = [life[step] for life in window if len(life) > step]
                answers = list(client.submit_many(map(generator.sign, events)))
                counts.update(int(answer["status_code"]) for answer in answers)
                size = max(size, *(answer.get("index", 0) + 1 for answer in answers))
                report("records", sum(counts.values()), total)
    took = time.monotonic() - started
    if set(counts) - {201}:
        raise CommandFailure(ExitCode.FAULT, f"answers that should not be: {dict(counts)}")
    say("   {} records signed, sent and recorded in {} s", f"{total:,}", f"{took:.1f}")
    return size


def _anchor(clerk: Any, size: int) -> None:
    """Wait until the log of ``size`` is anchored, and say by whom."""
    from node.demo.anchors import NotAnchored, wait_until_anchored

    try:
        found = wait_until_anchored(clerk.client("jinan-data").anchors, size)
    except NotAnchored as error:
        raise CommandFailure(ExitCode.FAULT, str(error)) from error
    for one in found:
        say("   {} ({}): size {}", one["operator"], one["chain"], f"{one['newest']['size']:,}")
    say("   neither is a third party: the one is this node's, the other this demonstration's")


def _write_evidence(
    clerk: Any, case: str, made: Any, believed: Trust, out: Path
) -> tuple[Path, Path]:
    """The bundle, from the node; the trust file, made at home, and with what the node calls its
    development chain."""
    from node.cli.anchor_status import need_running

    court = clerk.client("jinan-court")
    bundle, trust = out / "bundle.json", out / "trust.json"
    bundle.write_bytes(court.bundle(case, disclosures="all", purpose=_PURPOSE, case_no=_CASE_NO))
    with need_running(str(made.path)) as admin:
        told = admin.ask("/admin/anchors/trust")["adapters"]
    whole = replace(believed, anchors=(told["embedded"]["entry"],))
    trust.write_text(json.dumps(whole.to_json(), indent=1) + "\n", encoding="utf-8")
    say("   {} ({} bytes), {}", short_path(bundle), f"{bundle.stat().st_size:,}", short_path(trust))
    return bundle, trust


def _verify(bundle: Path, trust: Path) -> None:
    """Verify the bundle, then one with a byte changed, where nothing of the node can be reached."""
    where, prefix = isolation()
    say("8. Verified offline, {}", where)
    if run_verifier(prefix, bundle, trust, print) != ExitCode.OK:
        raise CommandFailure(ExitCode.FAULT, "the bundle should have been accepted")
    say("9. The same bundle with one byte changed")
    changed = bundle.with_name("bundle-changed.json")
    changed.write_bytes(_change_one_byte(bundle.read_bytes()))
    failures: list[str] = []
    code = run_verifier(
        prefix, changed, trust, lambda line: failures.append(line) if "✗" in line else None
    )
    for line in failures:
        say("{}", line)
    if code != ExitCode.REFUSED:
        raise CommandFailure(ExitCode.FAULT, "the changed bundle should have been refused")
    say("   refused, as it must be. Verify it yourself:")
    say("   evidence-node verify {} --trust {}", short_path(bundle), short_path(trust))


def _change_one_byte(bundle: bytes) -> bytes:
    """The bundle with one character of a record's signature exchanged for another."""
    at = bundle.index(b'\\",\\"v\\":1}') - 60
    other = b"A" if bundle[at : at + 1] != b"A" else b"B"
    return bundle[:at] + other + bundle[at + 1 :]


def _serve(url: str, out: Path) -> None:
    log = short_path(out / "demo-node.log")
    say("11. Its pages: / /document /verify /certificate /statistics /status")
    say("   The node goes on at {} (log: {}). Ctrl-C stops it.", url, log)
    try:
        signal.pause()
    except KeyboardInterrupt:
        say("   stopping")
