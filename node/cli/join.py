"""``evidence-node join``: makes the home of a member's node ready to run in its consortium."""

from __future__ import annotations

import argparse
import ipaddress
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from node.cli.describe import DESCRIPTION_FILE
from node.cli.engine_program import find_engine
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import check_absent, write_output
from node.cli.founding_files import (
    Signers,
    read_described,
    read_genesis,
    read_own_signature,
    read_signatures,
)
from node.cli.key_files import load_key
from node.cli.node_toml import consortium_toml
from node.cli.output import fingerprint_lines, say, write_json
from node.cli.parsers import add_command
from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.founding import verify_described
from node.core.genesis import Genesis
from node.core.genesis_signature import read_peer
from node.core.member_description import DescribedNode, MemberDescription
from node.core.trust import Trust
from node.wiring import EdKey

__all__ = ["add_parser", "run"]

_FILES = ("trust.json", "node.toml", "genesis.json")
_DESCRIPTION = """
The last step of founding a consortium: with the genesis and the members' signatures under it, makes
the home that `evidence-node describe` made ready to run: genesis.json, node.toml with the peers,
and trust.json. It refuses unless every member whose node validates has signed, every signature
holds, and the genesis holds this member as it described itself, with the keys that lie in the home.

The peers are those that the signatures name. A member that is missing on purpose is named by
--accept-missing, and its peer by --peer.
"""
_EXAMPLES = """
evidence-node join --home /var/lib/evidence --genesis genesis.json --signatures *.sig.json \\
    --engine /usr/local/bin/evidence-engine
evidence-node join --home home --genesis genesis.json --signatures a.sig.json b.sig.json \\
    c.sig.json --accept-missing jinan-police
evidence-node run --home /var/lib/evidence
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "join", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--home", required=True, metavar="DIR", help="the described member's home")
    parser.add_argument("--genesis", required=True, metavar="FILE", help="the genesis")
    parser.add_argument(
        "--signatures", required=True, nargs="+", metavar="FILE", help="members' signatures"
    )
    parser.add_argument(
        "--accept-missing",
        action="append",
        default=[],
        metavar="MEMBER",
        help="go on without this member's signature; may be given again",
    )
    parser.add_argument(
        "--peers",
        nargs="+",
        default=[],
        metavar="ID@HOST:PORT",
        help="peers that no signature names, or at an address that has changed since",
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="where the engine takes peers; default: the described port, on every address",
    )
    parser.add_argument(
        "--api-port", type=int, default=8440, metavar="N", help="of its interface; default 8440"
    )
    parser.add_argument(
        "--engine",
        metavar="FILE",
        help="the engine's program; default: EVIDENCE_ENGINE, or evidence-engine on the PATH",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check everything, then write."""
    home = Path(args.home)
    for name in _FILES:
        check_absent(home / name)
    genesis = read_genesis(args.genesis)
    described = read_described(home / DESCRIPTION_FILE)
    verify_described(described, genesis)
    node = _node_of(described)
    _check_keys(home / "keys", described)
    signers = read_signatures(args.signatures, genesis)
    _check_signers(args, genesis, described, signers)
    peers = _peers(args.peers, node, signers)
    text = consortium_toml(
        described.member.id,
        api_port=args.api_port,
        binary=str(find_engine(args.engine)),
        listen=_default_listen(node.address) if args.listen is None else _read_listen(args.listen),
        peers=peers,
    )
    trust = Trust(genesis.chain_id, genesis.hash)
    contents = (canonical_json(trust.to_json()) + b"\n", text.encode("utf-8"), genesis.document)
    with ExitStack() as undo:
        for name, content in zip(_FILES, contents):
            write_output(home / name, content)
            undo.callback((home / name).unlink)
        undo.pop_all()
    _tell(args, genesis, trust, peers, signers)
    return ExitCode.OK


def _node_of(described: MemberDescription) -> DescribedNode:
    if described.node is None:
        raise CommandFailure(
            ExitCode.REFUSED,
            f"{described.member.id} described no node, so there is none to run",
            "it submits and reads through the nodes of others",
        )
    return described.node


def _check_keys(folder: Path, described: MemberDescription) -> None:
    """The keys in the home must be those that were described. Raises InvalidInput, OSError."""
    wanted = {"operator.pem": described.member.keys[0].jwk.thumbprint()}
    found = {"operator.pem": load_key(str(folder / "operator.pem")).kid}
    for name, key in described.ed25519_keys.items():
        wanted[f"{name}.pem"] = key.hex()
        found[f"{name}.pem"] = EdKey.load(folder / f"{name}.pem").public_key.hex()
    for name, key_text in wanted.items():
        if found[name] != key_text:
            raise InvalidInput(str(folder / name), "is not the key that the member described")


def _check_signers(
    args: argparse.Namespace, genesis: Genesis, described: MemberDescription, signers: Signers
) -> None:
    """Everybody who validates has signed, or is named as missing."""
    members = {member.id for member in genesis.members}
    for name in args.accept_missing:
        if name not in members:
            raise CommandFailure(ExitCode.USAGE, f"--accept-missing: {name} is no member")
    missing = [name for name in signers.missing if name not in args.accept_missing]
    if missing:
        raise CommandFailure(
            ExitCode.REFUSED,
            f"not signed by {', '.join(missing)}, whose nodes validate",
            "get their signatures; --accept-missing MEMBER goes on without one",
            missing=missing,
        )
    before = read_own_signature(Path(args.home))
    if before is not None and before.genesis_hash != genesis.hash:
        raise CommandFailure(
            ExitCode.REFUSED,
            f"this home has signed another genesis, {before.chain_id} {before.genesis_hash.hex()}",
            "join with that one, or sign this one first",
        )
    own = signers.signed.get(described.member.id)
    if own is not None and described.node is not None and own.peer != described.node.peer:
        raise CommandFailure(
            ExitCode.REFUSED,
            f"the own signature names the peer {own.peer or 'none'}, and the description "
            f"{described.node.peer}",
            "sign again; if you did not sign that, your key is in other hands",
        )


def _peers(given: list[str], own: DescribedNode, signers: Signers) -> list[str]:
    """The others' peers; one that is given stands for that of the same id that was signed."""
    chosen = {peer.partition("@")[0]: peer for peer in signers.peers.values()}
    for peer in given:
        chosen[read_peer(peer, "--peers").partition("@")[0]] = peer
    chosen.pop(own.id, None)
    return sorted(chosen.values())


def _default_listen(address: str) -> str:
    """The port that was described, on every address of the machine; on the loopback, that alone."""
    host, _, port = address.rpartition(":")
    try:
        loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = False
    if loopback:
        return address
    return f"[::]:{port}" if host.startswith("[") else f"0.0.0.0:{port}"


def _read_listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise CommandFailure(ExitCode.USAGE, f"--listen: {text} is not host:port")
    return text


def _tell(
    args: argparse.Namespace, genesis: Genesis, trust: Trust, peers: list[str], signers: Signers
) -> None:
    fingerprint = trust.fingerprint.hex()
    if args.json:
        write_json(
            {
                "chain_id": genesis.chain_id,
                "genesis_hash": genesis.hash.hex(),
                "home": args.home,
                "missing": list(signers.missing),
                "peers": peers,
                "signed": sorted(signers.signed),
                "trust_fingerprint": fingerprint,
            }
        )
        return
    first, second = fingerprint_lines(fingerprint)
    say("Chain:        {}, {} members", genesis.chain_id, len(genesis.members))
    say("Genesis:      {}", genesis.hash.hex())
    say("Signed by:    {}", ", ".join(sorted(signers.signed)))
    if signers.missing:
        say("Missing:      {}", ", ".join(signers.missing))
    for peer in peers:
        say("Peer:         {}", peer)
    say(f"Trust file:   {first}\n              {second} (its fingerprint; publish it)")
    say("Next: evidence-node run --home {}", args.home)
