"""Checks of a node among others: peers, clock, blocks, the same chain."""

from __future__ import annotations

import time

from node.cli.checkup import (
    FAILED,
    NOT_CHECKED,
    OK,
    WARNING,
    Finding,
    judge_clock,
    judge_growth,
    judge_hashes,
    judge_peers,
)
from node.cli.checkup_facts import NoAnswer, ask_engine, fetch_json, read_clock, tcp_trouble
from node.cli.checkup_home import LedgerView
from node.cli.patient import Patient

__all__ = ["check_agreement", "check_clock", "check_height", "check_peers", "check_ready"]

_POLL_SECONDS = 0.25
_SLACK_SECONDS = 5.0


def check_peers(patient: Patient) -> list[Finding]:
    """Each peer is reached, and is who it should be."""
    if not patient.consortium:
        return [Finding(OK, "a solo node has none")]
    configured = patient.config.consortium.peers
    unreachable = {}
    for peer in configured:
        trouble = tcp_trouble(peer.partition("@")[2])
        if trouble is not None:
            unreachable[peer] = trouble
    connected = None
    if patient.status is not None:
        try:
            connected = ask_engine(patient.config.path("engine/rpc.sock")).peers
        except NoAnswer:
            connected = None
    return judge_peers(configured, unreachable, connected)


def check_clock(patient: Patient) -> list[Finding]:
    """This machine's clock by that of other nodes, and of a server that is named."""
    readings, found = {}, []
    sources = [f"{url.rstrip('/')}/healthz" for url in patient.others]
    for source in [*sources, *([patient.time_source] if patient.time_source else [])]:
        try:
            readings[source] = read_clock(source)
        except NoAnswer as error:
            found.append(Finding(NOT_CHECKED, f"{source}: {error}"))
    return [*judge_clock(readings), *found]


def check_ready(patient: Patient) -> list[Finding]:
    """Whether the running node takes records."""
    if patient.status is None:
        return [Finding(NOT_CHECKED, "the node does not run")]
    reasons = patient.status.get("reasons") or []
    if not reasons:
        return [Finding(OK, "the node takes records")]
    return [Finding(FAILED, str(reason), "look at the node's log") for reason in reasons]


def check_height(patient: Patient) -> list[Finding]:
    """Blocks are made: of the running node, asked until there is one more."""
    if patient.status is None or patient.view is None:
        return [Finding(NOT_CHECKED, "the node does not run, or cannot be asked")]
    interval = patient.config.engine.empty_block_ms
    longest = interval / 1000 + _SLACK_SECONDS if patient.wait is None else patient.wait
    began = time.monotonic()
    try:
        before = after = patient.view.height()
        while after <= before and time.monotonic() - began < longest:
            time.sleep(_POLL_SECONDS)
            after = patient.view.height()
    except NoAnswer as error:
        return [Finding(FAILED, f"its height cannot be asked: {error}", "see whether it runs")]
    return [judge_growth(before, after, time.monotonic() - began, interval)]


def check_agreement(patient: Patient) -> list[Finding]:
    """The other nodes are of the same chain and have the same app_hash at the same height."""
    if not patient.others:
        return judge_hashes({}, {})
    if patient.view is None:
        return [Finding(NOT_CHECKED, "this node has no ledger yet, or cannot be asked")]
    own: dict[int, str] = {}
    others: dict[str, dict[int, str]] = {}
    found = []
    for url in patient.others:
        try:
            found += _same_chain(patient, url)
            others[url] = _compare(patient.view, url, own)
        except (NoAnswer, KeyError, TypeError, ValueError) as error:
            found.append(Finding(WARNING, f"{url}: {error}", "is there a node of this chain?"))
    return [*found, *(judge_hashes(own, others) if others else [])]


def _same_chain(patient: Patient, url: str) -> list[Finding]:
    told = fetch_json(url, "/v1/node")
    if told.get("genesis_hash") == patient.genesis.hash.hex():
        return []
    text = f"{url} is of another chain: {told.get('chain_id')} {told.get('genesis_hash')}"
    return [Finding(FAILED, text, "one of the two has another genesis: compare their hashes")]


def _compare(view: LedgerView, url: str, own: dict[int, str]) -> dict[int, str]:
    """The app_hash of the other node at a height that both have; ours is added to ``own``."""
    top = int(fetch_json(url, "/v1/node")["height"])
    height = min(view.height(), top)
    here = view.app_hash(height)
    if here is not None:
        own[height] = here
    return {height: str(fetch_json(url, f"/v1/blocks/{height}")["app_hash"])}
