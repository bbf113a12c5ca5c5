"""Nodes made of nothing but a log: they sign checkpoints, and lie, hang or fork as a test says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import formatdate

import httpx
from builders.founding import Founder
from builders.signing import GENESIS_TIME, BlockSigner

from node.core import merkle
from node.core.checkpoint import Checkpoint, NoteKey, checkpoint_origin, note_signature_line
from node.core.founding import assemble_genesis
from node.core.genesis import DEFAULT_PARAMETERS, Genesis

__all__ = ["CHAIN", "GENESIS", "KEYS", "FakeNode", "transport_of"]

CHAIN = "watched-1"
_FOUNDERS = {name: Founder(name) for name in ("court-a", "data-a", "notary-a", "police-a")}
GENESIS: Genesis = assemble_genesis(
    CHAIN,
    GENESIS_TIME,
    DEFAULT_PARAMETERS,
    [founder.describe() for founder in _FOUNDERS.values()],
)
KEYS: dict[str, NoteKey] = {
    name: NoteKey(checkpoint_origin(CHAIN), founder.keys["checkpoint"].validator.public_key)
    for name, founder in _FOUNDERS.items()
}


class FakeNode:
    """The node of a member at ``http://<member>``. Its log's entries follow from their index and
    the branch that it is on: it changes from the common one at ``forks_at``."""

    def __init__(self, member: str, size: int = 10, *, forks_at: int | None = None) -> None:
        self.member = member
        self.url = f"http://{member}"
        self.size = size
        self.height = size
        self.forks_at = forks_at
        self.state = b"state"
        self.clock: Callable[[], float] | None = time.time
        self.key: BlockSigner = _FOUNDERS[member].keys["checkpoint"]
        self.origin = checkpoint_origin(CHAIN)
        self.conflicts: list[str] = []
        self.odd: Callable[[httpx.Request], httpx.Response | None] = lambda request: None

    def leaf(self, index: int) -> bytes:
        branch = "main" if self.forks_at is None or index < self.forks_at else self.member
        return merkle.leaf_hash(f"{branch} {index}".encode())

    def root(self, size: int) -> bytes:
        return merkle.root_of_leaves([self.leaf(index) for index in range(size)])

    def checkpoint(self) -> bytes:
        """The signed note."""
        state = merkle.leaf_hash(self.state + str(self.height).encode())
        text = Checkpoint(self.origin, self.size, self.root(self.size), state, self.height).text()
        key = NoteKey(self.origin, self.key.validator.public_key)
        return f"{text}\n{note_signature_line(key, self.key.sign(text.encode()))}".encode()

    def consistency(self, first: int, second: int) -> dict[str, object]:
        """As a node answers."""

        def read(level: int, index: int) -> bytes:
            start = index << level
            return merkle.root_of_leaves(
                [self.leaf(at) for at in range(start, start + (1 << level))]
            )

        return {
            "first": first,
            "second": second,
            "proof": [item.hex() for item in merkle.consistency_proof(first, second, read)],
            "first_root": self.root(first).hex(),
            "second_root": self.root(second).hex(),
        }

    def answer(self, request: httpx.Request) -> httpx.Response:
        """What it answers; ``odd`` comes first."""
        found = self.odd(request)
        if found is not None:
            return found
        headers = {} if self.clock is None else {"date": formatdate(self.clock(), usegmt=True)}
        if request.url.path == "/v1/genesis":
            return httpx.Response(200, content=GENESIS.document, headers=headers)
        if request.url.path == "/v1/log/checkpoint":
            return httpx.Response(200, content=self.checkpoint(), headers=headers)
        if request.url.path == "/v1/anchors":
            alarms = [{"adapter": "court", "chain": "c:1", "text": text} for text in self.conflicts]
            return httpx.Response(
                200, json={"adapters": [{"newest": None}], "alarms": alarms}, headers=headers
            )
        first, second = (int(request.url.params[name]) for name in ("first", "second"))
        if second > self.size:
            return httpx.Response(400, json={"title": "the log does not reach so far"})
        content = json.dumps(self.consistency(first, second)).encode()
        return httpx.Response(200, content=content, headers=headers)


def transport_of(
    nodes: Sequence[FakeNode] | Mapping[str, FakeNode],
) -> httpx.MockTransport:
    """Reaches each by its member's name; nobody else."""
    items = nodes.values() if isinstance(nodes, Mapping) else nodes
    known = {node.member: node for node in items}

    def handle(request: httpx.Request) -> httpx.Response:
        if request.url.host not in known:
            raise httpx.ConnectError("connection refused", request=request)
        answer = known[request.url.host].answer(request)
        if not answer.is_stream_consumed:
            return answer
        return httpx.Response(  # as from a network: to be read once, by whoever asked
            answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content)
        )

    return httpx.MockTransport(handle)
