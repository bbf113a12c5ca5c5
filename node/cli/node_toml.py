"""The configuration that a new home gets: all defaults, with what each means."""

from __future__ import annotations

import json
from collections.abc import Sequence

__all__ = ["EXAMPLE", "consortium_toml", "node_toml"]

# The same text as config/node.example.toml, which an installed package does not carry.
EXAMPLE = """\
# Configuration of a node: copy it to <home>/node.toml and change what must differ.
# Every value here is the default; a misspelt name is refused when the node starts.

[api]
host = "127.0.0.1"          # put a TLS proxy in front before it listens elsewhere
port = 8440
public_url = ""             # how others reach the node, such as https://evidence.example.cn
max_body_bytes = 8388608    # of a bundle to check; larger ones are checked offline
max_wait_seconds = 60       # longest ?timeout= of a submission that waits

[engine]
kind = "solo"               # or "cometbft": together with the nodes of [consortium]
empty_block_ms = 10000      # longest time without a block
max_frames = 256            # frames in a block; this node makes them of up to 32 transactions

[consortium]
binary = ""                 # the engine's program; scripts/build-engine builds it
listen = "127.0.0.1:26656"  # for the other nodes
peers = []                  # of the other nodes, each "<node id>@host:port"
guests = []                 # ids of other nodes that may connect, such as observers
keep_blocks = 100000        # of the engine's own store; evidence needs none of them; 0: all
snapshot_every = 10000      # blocks between two snapshots; 0: none but those asked for
look_back_blocks = 100      # none may bear this node's signature if it lost what its key signed
timeout_commit_ms = 100     # how long validators wait for late votes
timeout_propose_ms = 3000
strict_addresses = false    # true where all nodes have public addresses of their own

[consortium.sync]           # how a node without blocks joins: docs/consortium.md
servers = []                # URLs of two other nodes; none: it replays all blocks
trust_height = 0            # a header that somebody you trust has told you of
trust_hash = ""
trust_hours = 168           # it must not be older

[submission]
workers = 0                 # processes that check signatures; 0: one a core
depth = 16                  # chunks of up to 256 transactions under way in each
max_items = 50000           # submissions under way before 503
max_megabytes = 128

[storage]
write_buffer_megabytes = 64
block_cache_megabytes = 32
min_free_megabytes = 256    # with less free space the node takes nothing more

[operator]
member = ""                 # the member that runs this node; "": no records of the node's own
key = "keys/operator.pem"

[certificates]              # of evidence: docs/issuing.md; without a chain none are issued
institution = ""            # whose seal it is
chain = ""                  # PEM: the seal's certificate, then those above it, the root last
key = "keys/seal.pem"       # its key, P-256, unless a token has it
imprint = ""                # PDF, SVG or PNG of the seal; without one it is drawn with its code
seal_code = ""              # 13 or 14 digits, for the drawn one
trust = ""                  # the trust file that the members publish; none: made of what is here
description = ""            # the consortium's signed description
verifiers = []              # files whose hashes certificates print; none: this program's own
workers = 0                 # processes that typeset and seal; 0: one a core
most = 64                   # certificates under way before 503

[certificates.tsa]          # time-stamps the seal; without a url its time is the issuer's claim
url = ""
name = ""                   # as certificates name it
roots = []                  # PEM files that its certificate must lead to
timeout_ms = 10000
attempts = 3

[certificates.token]        # PKCS#11, in the place of certificates.key
library = ""                # the module's file
token = ""                  # the token's label
key_label = ""              # the key by its label, or by its id in hex
key_id = ""
pin_file = ""               # where the PIN is: a file for its owner alone,
pin_env = ""                # or a variable of the environment
[documents]                 # the deep check of signed PDFs: docs/documents.md
roots = []                  # files of certificates (PEM, DER) that signers' chains may end at
tsa_roots = []              # the same for time-stamp authorities; none: chains are not checked
max_megabytes = 50          # of a file
seconds = 20                # of a check, in a process of its own
memory_megabytes = 1024
at_once = 2                 # checks at a time

[seals]                     # published statuses of seals, signed with the operator's key
next_update_seconds = 60    # when a new one is to be asked for
stale_after_seconds = 600   # from when on one says nothing any more

[anchors]                   # outside chains: docs/anchors/README.md
peers = []                  # URLs of other nodes, from which receipts of their anchors are fetched
ignore = []                 # members whose receipts are neither fetched nor put into bundles

# [[anchors.to]]            # one table for each outside chain; docs/anchors/<kind>.md has the rest
# kind = "rfc3161"          # or evm, evm-embedded, fabric, rest, rekor
# name = "court-time"       # unique in this node
# operator = "某时间戳机构"   # who runs the other side, as certificates name it
# from = "newest"           # the point with which a new adapter begins; or "first"
# timeout_ms = 10000
# poll_ms = 2000
# in_flight = 16
# url = "https://tsa.example.cn/"
# roots = ["anchors/tsa-root.pem"]

[log]
level = "info"
json = false
"""
_NO_MEMBER = 'member = ""  '


def node_toml(operator: str) -> str:
    """The text of ``node.toml`` for the node of the member ``operator`` ("": of no member)."""
    return EXAMPLE.replace(_NO_MEMBER, f'member = "{operator}"  ', 1)


def consortium_toml(
    operator: str, *, api_port: int, binary: str, listen: str, peers: Sequence[str]
) -> str:
    """The text of ``node.toml`` for a node of a consortium.

    Args:
        operator: the member that runs it.
        api_port: of the node's interface.
        binary: the engine's program.
        listen: where its engine takes peers, host:port.
        peers: the others, each ``<node id>@host:port``.
    """
    changes = {
        "# Every value here is the default; a misspelt name": (
            "# Made by `evidence-node join`: the rest are defaults. A misspelt name"
        ),
        "port = 8440\n": f"port = {api_port}\n",
        'kind = "solo"               # or "cometbft": together with the nodes of [consortium]': (
            'kind = "cometbft"           # together with the nodes of [consortium]'
        ),
        'binary = ""                 #': f"binary = {_text(binary)}  #",
        'listen = "127.0.0.1:26656"  #': f"listen = {_text(listen)}  #",
        "peers = []                  #": f"peers = {_list(peers)}  #",
    }
    text = node_toml(operator)
    for old, new in changes.items():
        text = text.replace(old, new, 1)
    return text


def _list(texts: Sequence[str]) -> str:
    return "[" + "".join(f"\n  {_text(text)}," for text in texts) + ("\n]" if texts else "]")


def _text(text: str) -> str:
    """A basic string of TOML, whose escapes are JSON's (but for U+007F, which JSON leaves)."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
