"""The commands, in the order in which their list shows them, each with one line that says what.

The module of a command is ``node.cli.<command>``; it is imported when the command is used.
"""

from __future__ import annotations

__all__ = ["COMMANDS"]

COMMANDS = {
    "init": "make a node's home: keys, genesis, configuration",
    "describe": "make a member's keys and describe it for a new consortium",
    "genesis": "put a consortium's genesis together, sign it, see who has signed",
    "join": "make a home ready to run a node of a consortium",
    "run": "run a node",
    "status": "say how a node is doing",
    "keys": "make and show signing and recovery keys",
    "submit": "sign a record and send it, or send signed ones",
    "show": "look something up and show its time line",
    "seal": "fetch and check the published status of a seal",
    "bundle": "fetch the evidence bundle of a dossier or record",
    "verify": "check a bundle against a trust file, without any node",
    "govern": "propose, vote and see what the members decide; change keys",
    "trust": "make and show trust files",
    "introduce": "say to courts who the consortium is: draft, sign, check",
    "anchor": "show and prove what outside chains have of the log, take up what is parked",
    "audit": "recompute a whole ledger from its genesis and compare",
    "reindex": "make a ledger's log, state and look-up indexes anew from its blocks",
    "backup": "copy a node's home while it runs, or when it does not",
    "restore": "put a backup in place and audit it",
    "migrate": "continue a solo node's chain as a consortium's",
    "snapshot": "have a running node take a snapshot, for nodes that join",
    "doctor": "look for what keeps a node from working",
    "monitor": "watch nodes for forks, stalls and lagging clocks",
    "testnet": "make and run a consortium's nodes on this machine",
    "bench": "measure throughput and latency on this machine",
    "demo": "run a small ledger through its whole life and check its evidence",
}
