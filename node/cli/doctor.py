"""``evidence-node doctor``: looks for what keeps a node from working, and says what to do."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from node.cli.admin import find_running
from node.cli.checkup import FAILED, NOT_CHECKED, OK, WARNING, Finding, worst
from node.cli.checkup_anchors import check_anchors
from node.cli.checkup_certificates import check_certificates
from node.cli.checkup_home import LedgerView, own_url, read_own_genesis, running_view, stopped_view
from node.cli.checkup_others import (
    check_agreement,
    check_clock,
    check_height,
    check_peers,
    check_ready,
)
from node.cli.checkup_own import check_disk, check_keys, check_ports, check_versions
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.homes import add_home
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.patient import Patient
from node.config import ConfigError, NodeConfig, load_config
from node.core.errors import EvidenceError, InvalidInput
from node.core.genesis import Genesis

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Examines a node in numbered checks, each ok, a warning, failed, or not checked, with what to do. A
running node is asked over its admin socket, its interface and its engine; of one that does not run
the files are read. Nothing is changed. Exit code 0 means that nothing failed; read the lines that
say "not checked" all the same.

--node names another node of the chain, to compare clocks, genesis and app_hash with; it may be
given again, and so it should: of two nodes that differ, one alone cannot say which is wrong.
"""
_EXAMPLES = """
evidence-node doctor --home /var/lib/evidence
evidence-node doctor --home /var/lib/evidence --node https://notary.example.cn \\
    --node https://court.example.cn --time-source https://www.example.cn --json
"""
_Check = Callable[[Patient], list[Finding]]
_CHECKS: tuple[tuple[str, str, _Check], ...] = (
    ("versions", "Versions", check_versions),
    ("keys", "Keys", check_keys),
    ("disk", "Disk", check_disk),
    ("ports", "Ports", check_ports),
    ("peers", "Peers", check_peers),
    ("clock", "Clock", check_clock),
    ("ready", "Ready", check_ready),
    ("anchors", "Anchors on outside chains", check_anchors),
    ("certificates", "Certificates of evidence", check_certificates),
    ("height", "Height advancing", check_height),
    ("agreement", "The same chain as others", check_agreement),
)
_MARKS = {OK: "ok", WARNING: "WARNING", FAILED: "FAILED", NOT_CHECKED: "not checked"}
_RESTARTED = "correct the file and run this again"


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "doctor", _DESCRIPTION, _EXAMPLES)
    add_home(parser)
    parser.add_argument(
        "--node", action="append", default=[], metavar="URL", help="another node of the chain"
    )
    parser.add_argument(
        "--time-source", default="", metavar="URL", help="a web server whose clock is right"
    )
    parser.add_argument(
        "--wait",
        type=float,
        metavar="SECONDS",
        help="longest wait for a block; default: as long as one may take",
    )
    parser.add_argument(
        "--fix-nothing",
        action="store_true",
        help="what is always so: nothing is changed; for scripts that want to say it",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run all checks and tell what was found."""
    told: list[dict[str, Any]] = []
    with ExitStack() as stack:
        patient, findings = _admit(args, stack)
        _tell(args, told, "home", "Home", findings)
        if patient is not None:
            for name, title, check in _CHECKS:
                _tell(args, told, name, title, _found_by(check, patient))
    failed = [item["id"] for item in told if item["status"] == FAILED]
    if args.json:
        write_json({"checks": told, "failed": failed, "home": args.home})
    elif failed:
        say("{} of {} checks failed: {}", len(failed), len(told), ", ".join(failed))
    else:
        say("Nothing failed.")
    return ExitCode.REFUSED if failed else ExitCode.OK


def _admit(args: argparse.Namespace, stack: ExitStack) -> tuple[Patient | None, list[Finding]]:
    """The node that is examined; None where its home does not say enough to go on."""
    try:
        config = load_config(args.home)
        genesis = read_own_genesis(config)
    except (ConfigError, InvalidInput) as error:
        return None, [Finding(FAILED, str(error), _RESTARTED)]
    except OSError as error:
        text = f"{error.filename}: {error.strerror}"
        advice = "name the node's home; `evidence-node join` or `init` puts a genesis there"
        return None, [Finding(FAILED, text, advice)]
    found = [Finding(OK, f"chain {genesis.chain_id}, engine {config.engine.kind}")]
    return _examined(args, stack, config, genesis, found), found


def _examined(
    args: argparse.Namespace,
    stack: ExitStack,
    config: NodeConfig,
    genesis: Genesis,
    found: list[Finding],
) -> Patient:
    """The node, running or not; what was found out by asking is added to ``found``."""
    status: dict[str, Any] | None = None
    view: LedgerView | None = None
    admin = find_running(Path(args.home))
    if admin is not None:
        stack.enter_context(admin)
        try:
            status = admin.status()
            found.append(Finding(OK, f"runs as process {status.get('pid')}"))
        except CommandFailure as error:
            found.append(Finding(FAILED, error.message, error.advice))
            status = {"reasons": ["it runs, and does not answer on its admin socket"]}
        url = own_url(config)
        view = None if url is None else running_view(url)
    elif config.path("ledger").is_dir():
        try:
            view = stack.enter_context(stopped_view(config))
            found.append(Finding(OK, f"does not run; its ledger has height {view.height()}"))
        except EvidenceError as error:
            found.append(Finding(FAILED, str(error), "restore a backup, or end what has the home"))
    else:
        found.append(Finding(OK, "has never run"))
    return Patient(config, genesis, view, status, args.node, args.time_source, args.wait)


def _found_by(check: _Check, patient: Patient) -> list[Finding]:
    """What a check finds; one that cannot be made does not keep the others from being made."""
    try:
        return check(patient)
    except (EvidenceError, OSError) as error:
        return [Finding(FAILED, str(error), "look at what it names")]


def _tell(
    args: argparse.Namespace,
    told: list[dict[str, Any]],
    name: str,
    title: str,
    findings: list[Finding],
) -> None:
    status = worst(findings)
    number = len(told) + 1
    told.append(
        {
            "findings": [
                {"advice": item.advice, "status": item.status, "text": item.text}
                for item in findings
            ],
            "id": name,
            "number": number,
            "status": status,
        }
    )
    if args.json:
        return
    say("{:>2} {:<26} {}", number, title, _MARKS[status])
    for item in findings:
        say("   {}{}", "" if item.status in (OK, status) else f"{_MARKS[item.status]}: ", item.text)
        if item.advice:
            say("     → {}", item.advice)
