"""A ledger whose blocks several validators sign, and not always the same: as on a consortium."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from builders.consortium import CHAIN, MEMBERS, consortium_genesis, member_key
from builders.deciding import rotation, validator_genesis, validator_named
from builders.ledger import LedgerBench
from builders.signing import BlockSigner, in_order

from node.core.block import (
    BLOCK_PROTOCOL,
    FLAG_COMMIT,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    Timestamp,
    ValidatorSet,
    consensus_hash,
    data_hash,
    encode_block,
    evidence_hash,
    part_set,
    results_hash,
)
from node.core.genesis import Genesis
from node.ledger.application import Finalized, OpenedFrame
from node.ledger.rows import VALIDATORS, encode_validators
from node.rules.engine_updates import NO_UPDATES, EngineUpdates, changed_validators
from node.rules.judgement import Misbehaviour

__all__ = ["SetBench", "SetMaker"]

_NAMES = "abcdef"


class SetMaker:
    """Makes blocks as `node.engines.solo.blocks.BlockMaker` does, signed by whoever validates."""

    def __init__(self, genesis: Genesis) -> None:
        self.validators = self.next_validators = genesis.validator_set
        self.max_block_bytes = genesis.parameters["max_block_bytes"]
        self.app_version = genesis.rules_version
        self.misbehaviour: Sequence[Misbehaviour] = ()
        self._tip: tuple[Header, Commit, list[bytes]] | None = None

    def make(
        self,
        height: int,
        time: Timestamp,
        frames: Sequence[bytes],
        app_hash: bytes,
        voted: Timestamp,
    ) -> tuple[Header, Commit]:
        """The header and commit of the next block."""
        last = Commit(0, 0, BlockId(), ()) if self._tip is None else self._tip[1]
        shown = hashlib.sha256(repr(self.misbehaviour).encode()).digest()
        header = Header(
            version=(BLOCK_PROTOCOL, self.app_version),
            chain_id=CHAIN,
            height=height,
            time=time,
            last_block_id=last.block_id,
            last_commit_hash=last.hash(),
            data_hash=data_hash(frames),
            validators_hash=self.validators.hash(),
            next_validators_hash=self.next_validators.hash(),
            consensus_hash=consensus_hash(self.max_block_bytes),
            app_hash=app_hash,
            last_results_hash=results_hash(() if self._tip is None else self._tip[2]),
            evidence_hash=shown if self.misbehaviour else evidence_hash(),
            proposer_address=self.validators.validators[0].address,
        )
        total, parts_hash = part_set(encode_block(header, frames, last))
        unsigned = Commit(height, 0, BlockId(header.hash(), total, parts_hash), ())
        votes = []
        for signer in in_order(signers_of(self.validators)):
            signature = signer.sign(unsigned.sign_bytes(CHAIN, voted))
            address = signer.validator.address
            votes.append(CommitSignature(FLAG_COMMIT, address, voted, signature))
        return header, replace(unsigned, signatures=tuple(votes))

    def advance(
        self,
        header: Header,
        commit: Commit,
        results: list[bytes],
        updates: EngineUpdates = NO_UPDATES,
    ) -> None:
        """The block is the last one now."""
        self._tip = header, commit, results
        self.validators = self.next_validators
        self.next_validators = changed_validators(self.next_validators, updates)
        self.max_block_bytes = updates.max_block_bytes or self.max_block_bytes
        self.app_version = updates.rules_version or self.app_version
        self.misbehaviour = ()


def signers_of(validators: ValidatorSet) -> list[BlockSigner]:
    """The keys of a set, with the powers that they have in it."""
    names = {validator_named(name).validator.public_key: name for name in _NAMES}
    return [
        BlockSigner(f"governed/{names[item.public_key]}", item.power)
        for item in validators.validators
    ]


class SetBench(LedgerBench):
    """A ledger of the consortium with the validators a, b and c."""

    maker: SetMaker  # type: ignore[assignment]

    def __init__(self, **genesis: Any) -> None:
        validators = validator_genesis("a", "b", "c")
        super().__init__(genesis=consortium_genesis(validators=validators, **genesis))
        self.maker = SetMaker(self.genesis)

    def seal_block(
        self,
        height: int,
        time: int,
        frames: Sequence[OpenedFrame],
        app_hash: bytes,
        results: list[bytes],
        updates: EngineUpdates = NO_UPDATES,
    ) -> tuple[Header, Commit]:
        """See LedgerBench; the set that signs is kept, as the engine's keeper does."""
        signed = self.maker.validators
        batch = self.store.batch()
        batch.put(VALIDATORS + signed.hash(), encode_validators(signed))
        self.store.write(batch, sync=False)
        return super().seal_block(height, time, frames, app_hash, results, updates)

    def show(self, *misbehaviour: Misbehaviour, frames: Sequence[OpenedFrame] = ()) -> Finalized:
        """Make a block with which the engine reports ``misbehaviour``."""
        height, before = self.height, self.application.need_meta().app_hash
        time = self.time()
        block = self.application.finalize(height, time, frames, misbehaviour=misbehaviour)
        self.maker.misbehaviour = misbehaviour
        kept = [self.seal_block(height, time, frames, before, block.results, block.updates)]
        self.waiting.append(([block], kept))
        self.persist()
        return block

    def pass_block(self) -> Finalized:
        """Make an empty block."""
        return self.show()

    # -- deciding ---------------------------------------------------------------------------------

    def decide(self, change: dict[str, Any], **changes: Any) -> None:
        """Propose, and have all who are needed approve, in blocks of their own."""
        sub = f"consortium:platform-a:{self._jti}"
        data = {"change": change, "closes_at": self.time() + 86_400_000, **changes}
        self.record("governance.proposed", sub, data)
        voters = [member for member in sorted(MEMBERS) if member != "platform-a"][:15]
        votes = [self.jwt("governance.voted", sub, by=member) for member in voters]
        assert self.block(votes) == ["accepted"] * len(votes)
        with self.reader() as reader:
            found = reader.state(f"dossier/{sub}")
        assert found is not None
        assert found["status"] == "approved"

    def rotate(self, member: str, which: str, **changes: Any) -> list[str]:
        """A member's new key, registered with its recovery key; how that ended."""
        data = rotation(member, member_key(member, which), **changes)
        sub = f"consortium:{member}:{which}"
        recovery = member_key(member, "recovery")
        return self.block([self.jwt("key.rotated", sub, data, member, key=recovery)])
