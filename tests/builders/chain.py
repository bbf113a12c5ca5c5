"""Small complete chains for tests: log, state map, headers and commits, signed as on a real one.

A `Chain` signs what it is told to, true or not: a test that wants a lie in the log or in the state
map puts it there before the block is committed (`Chain.put`, ``entry_changes``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from builders.signing import (
    CHAIN_ID,
    GENESIS_TIME,
    BlockSigner,
    MemberKey,
    event,
    in_order,
    signed_jwt,
    validator_set,
)

from node.core.apphash import app_hash
from node.core.block import (
    BLOCK_PROTOCOL,
    FLAG_ABSENT,
    FLAG_COMMIT,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    Timestamp,
    consensus_hash,
    data_hash,
    encode_block,
    evidence_hash,
    part_set,
    results_hash,
)
from node.core.encoding import canonical_json
from node.core.entry import Entry
from node.core.evidence_code import code_digits
from node.core.frame import encode_frame
from node.core.genesis import (
    DEFAULT_PARAMETERS,
    GENESIS_FORMAT,
    Genesis,
    ed25519_jwk,
    encode_genesis,
)
from node.core.merkle import append_leaves, leaf_hash, root_hash
from node.core.statemap import StateProof, key_hash, state_leaf
from node.core.statetree import Node, StateTree
from node.core.transaction import Transaction, decode_transaction

BLOCK_MS = 10_000


def state_tree(state: Mapping[str, bytes]) -> StateTree:
    """A state tree of a whole map, held in memory."""
    nodes: dict[int, Node] = {}
    tree = StateTree(nodes.get)
    tree.update(
        (key_hash(key), state_leaf(key_hash(key), hashlib.sha256(value).digest()))
        for key, value in state.items()
    )
    return tree


def state_proof(state: Mapping[str, bytes], key: str, tree: StateTree | None = None) -> StateProof:
    """Proof of ``key``'s value in ``state``, or of its absence."""
    tree = state_tree(state) if tree is None else tree
    proof = tree.prove(key, state.get(key))
    lone = tree.lone_leaf(key)
    if key in state or lone is None:
        return proof
    value = next(value for other, value in state.items() if key_hash(other) == lone)
    return replace(proof, other=(lone, hashlib.sha256(value).digest()))


@dataclass(frozen=True)
class Placed:
    """A record in the log."""

    transaction: Transaction
    text: bytes
    index: int
    height: int


@dataclass(frozen=True)
class BlockPoint:
    """Log and state as they were after a block."""

    size: int
    root: bytes
    state_root: bytes
    state: dict[str, bytes]


MEMBERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("court-a", ("court",)),
    ("platform-a", ("operator", "platform")),
)


def predecessor_json(chain: Chain) -> dict[str, Any]:
    """What a genesis that continues ``chain`` says of it. Its last block must have been empty."""
    point = chain.points[chain.height]
    return {
        "chain_id": chain.chain_id,
        "header": chain.headers[chain.height].hash().hex(),
        "root": point.root.hex(),
        "size": point.size,
        "state_root": point.state_root.hex(),
    }


@dataclass
class Chain:
    """A chain that grows by `commit_block`. ``validators`` many operators sign its blocks.

    It continues the chain ``after``, where one is given: members of both keep their keys.
    """

    chain_id: str = CHAIN_ID
    validators: int = 1
    members: Sequence[tuple[str, Sequence[str]]] = MEMBERS
    genesis_changes: Mapping[str, Any] = field(default_factory=dict)
    after: Chain | None = None
    signers: list[BlockSigner] = field(init=False)
    keys: dict[str, MemberKey] = field(init=False)
    genesis: Genesis = field(init=False)
    state: dict[str, bytes] = field(init=False, default_factory=dict)
    points: dict[int, BlockPoint] = field(init=False, default_factory=dict)
    headers: dict[int, Header] = field(init=False, default_factory=dict)
    commits: dict[int, Commit] = field(init=False, default_factory=dict)
    sets: dict[int, list[BlockSigner]] = field(init=False, default_factory=dict)
    records: list[Placed] = field(init=False, default_factory=list)
    height: int = field(init=False, default=0)
    size: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        operators = [f"operator-{n}" for n in range(self.validators)]
        members = sorted([*self.members, *((name, ("operator",)) for name in operators)])
        self.signers = [BlockSigner(f"{self.chain_id}/{name}") for name in operators]
        self.keys = {name: self._key_of(name) for name, _ in members}
        self.height = 0 if self.after is None else self.after.height + 1
        self.genesis = encode_genesis(
            {
                "chain_id": self.chain_id,
                "format": GENESIS_FORMAT,
                "genesis_time": self.time(self.height) if self.after else GENESIS_TIME,
                "initial_height": self.height + 1,
                "members": [self._member(name, roles) for name, roles in members],
                "parameters": DEFAULT_PARAMETERS,
                "rules_version": 1,
                "validators": [
                    {
                        "member": name,
                        "power": signer.validator.power,
                        "public_key": ed25519_jwk(signer.validator.public_key),
                    }
                    for name, signer in zip(operators, self.signers)
                ],
                **({"predecessor": predecessor_json(self.after)} if self.after else {}),
                **self.genesis_changes,
            }
        )
        self._hashes: dict[tuple[int, int], bytes] = {}
        if self.after is not None:
            self._continue(self.after)
        self._next = self.signers
        self._results: list[bytes] = []
        self._append(self.genesis.document)
        for name, key in self.keys.items():
            self.put(f"key/{key.kid}", {"from": 1, "jwk": key.jwk.to_json(), "member": name})
        self._mark(self.height)

    def _key_of(self, name: str) -> MemberKey:
        before = {} if self.after is None else self.after.keys
        return before.get(name) or MemberKey(f"{self.chain_id}/{name}")

    def _continue(self, after: Chain) -> None:
        """Log, state, records and roots of the chain before; keys not carried over end."""
        self._hashes.update(after._hashes)
        self.size, self.state = after.size, dict(after.state)
        self.points.update(after.points)
        self.records.extend(after.records)
        for name, key in after.keys.items():
            if name not in self.keys:
                ended = {"from": 1, "jwk": key.jwk.to_json(), "member": name, "to": self.height + 1}
                self.put(f"key/{key.kid}", ended)

    def _member(self, name: str, roles: Sequence[str]) -> dict[str, Any]:
        return {
            "divisions": [],
            "id": name,
            "keys": [{"from": 1, "jwk": self.keys[name].jwk.to_json()}],
            "name": f"成员 {name}",
            "recovery_key": MemberKey(f"{self.chain_id}/{name}/recovery").jwk.to_json(),
            "roles": list(roles),
        }

    def put(self, key: str, value: Mapping[str, Any] | None) -> None:
        """Set a value of the state map, as of the next block, or remove it."""
        if value is None:
            self.state.pop(key, None)
        else:
            self.state[key] = canonical_json(value)

    def read_hash(self, level: int, index: int) -> bytes:
        """A stored hash of the log's tree."""
        return self._hashes[level, index]

    def _append(self, text: bytes) -> None:
        for level, first, row in append_leaves(self.size, self.read_hash, [leaf_hash(text)]):
            for offset, value in enumerate(row):
                self._hashes[level, first + offset] = value
        self.size += 1

    def _mark(self, height: int) -> None:
        self.points[height] = BlockPoint(
            self.size,
            root_hash(self.size, self.read_hash),
            state_tree(self.state).root,
            dict(self.state),
        )

    def jwt(self, key: MemberKey | None = None, **changes: Any) -> bytes:
        """A transaction of this chain, signed by its ``iss`` unless ``key`` is given."""
        payload = event(**{"cid": self.chain_id, **changes})
        return signed_jwt(key or self.keys[payload["iss"]], canonical_json(payload))

    def time(self, height: int) -> int:
        """The header time of a height, in ms."""
        return GENESIS_TIME + height * BLOCK_MS

    def commit_block(
        self,
        *jwts: bytes,
        next_signers: list[BlockSigner] | None = None,
        entry_changes: Mapping[str, Any] | None = None,
    ) -> int:
        """Commit a block and return its height. ``next_signers`` take over two heights later."""
        self.height += 1
        for jwt in jwts:
            self._record(jwt, entry_changes or {})
        header = self._header(list(jwts))
        self.headers[self.height] = header
        self.sets[self.height] = self.signers
        self.commits[self.height] = self._commit(header, list(jwts))
        self._results = [bytes(len(jwts))] if jwts else []
        self.signers, self._next = self._next, next_signers or self._next
        self._mark(self.height)
        return self.height

    def _record(self, jwt: bytes, changes: Mapping[str, Any]) -> None:
        transaction = decode_transaction(jwt)
        before = [item for item in self.records if item.transaction.sub == transaction.sub]
        first = before[0].transaction if before else transaction
        digits = code_digits(first.cid, first.id, 0)
        entry = Entry(
            code=f"CZ{digits}-{len(before) + 1}",
            facts={},
            height=self.height,
            prev=leaf_hash(before[-1].text) if before else b"",
            time=self.time(self.height),
            tx=transaction.jwt,
        )
        text = replace(entry, **changes).encode()
        self.records.append(Placed(transaction, text, self.size, self.height))
        self._append(text)
        head = {
            "code": digits,
            "count": len(before) + 1,
            "counter": 0,
            "head": leaf_hash(text).hex(),
            "status": "open",
            "status_version": len(before) + 1,
        }
        self.put(f"dossier/{transaction.sub}", head)

    def _header(self, jwts: list[bytes]) -> Header:
        previous = self.points[self.height - 1]
        last = self.commits.get(self.height - 1)
        frames = [encode_frame(jwts)] if jwts else []
        return Header(
            version=(BLOCK_PROTOCOL, 1),
            chain_id=self.chain_id,
            height=self.height,
            time=Timestamp.from_milliseconds(self.time(self.height)),
            last_block_id=last.block_id if last else BlockId(),
            last_commit_hash=last.hash() if last else hashlib.sha256(b"").digest(),
            data_hash=data_hash(frames),
            validators_hash=validator_set(self.signers).hash(),
            next_validators_hash=validator_set(self._next).hash(),
            consensus_hash=consensus_hash(self.genesis.parameters["max_block_bytes"]),
            app_hash=app_hash(previous.size, previous.root, previous.state_root),
            last_results_hash=results_hash(self._results),
            evidence_hash=evidence_hash(),
            proposer_address=self.signers[0].validator.address,
        )

    def _commit(self, header: Header, jwts: list[bytes]) -> Commit:
        last = self.commits.get(header.height - 1) or Commit(0, 0, BlockId(), ())
        frames = [encode_frame(jwts)] if jwts else []
        block_id = BlockId(header.hash(), *part_set(encode_block(header, frames, last)))
        return self.sign_commit(header, block_id, self.signers)

    def sign_commit(
        self,
        header: Header,
        block_id: BlockId,
        signers: Sequence[BlockSigner],
        absent: Sequence[BlockSigner] = (),
    ) -> Commit:
        """A commit for ``header`` by ``signers`` but those ``absent``."""
        time = Timestamp.from_milliseconds(self.time(header.height + 1))
        unsigned = Commit(header.height, 0, block_id, ())
        votes = []
        for signer in in_order(signers):
            if signer in absent:
                votes.append(CommitSignature(FLAG_ABSENT, b"", Timestamp(0), b""))
                continue
            signature = signer.sign(unsigned.sign_bytes(header.chain_id, time))
            votes.append(CommitSignature(FLAG_COMMIT, signer.validator.address, time, signature))
        return replace(unsigned, signatures=tuple(votes))
