"""Headers and one-validator commits, as a CometBFT 0.38 chain of one validator would have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from node.core.block import (
    BLOCK_PROTOCOL,
    FLAG_COMMIT,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    Timestamp,
    Validator,
    ValidatorSet,
    consensus_hash,
    data_hash,
    encode_block,
    evidence_hash,
    part_set,
    results_hash,
)
from node.core.errors import LedgerFault
from node.rules.engine_updates import NO_UPDATES, EngineUpdates

__all__ = ["BlockMaker", "Tip", "VoteSigner"]


class VoteSigner(Protocol):
    """Holds the validator's key."""

    @property
    def public_key(self) -> bytes:
        """The Ed25519 public key, 32 bytes."""

    def sign(self, message: bytes) -> bytes:
        """An Ed25519 signature, 64 bytes."""


@dataclass(frozen=True)
class Tip:
    """What the next block builds on: the last header and commit, and the last block's results."""

    header: Header
    commit: Commit
    results: tuple[bytes, ...]


class BlockMaker:
    """Makes and signs blocks, one on top of the other."""

    def __init__(
        self,
        chain_id: str,
        signer: VoteSigner,
        power: int,
        max_block_bytes: int,
        app_version: int,
        tip: Tip | None,
    ) -> None:
        validator = Validator(signer.public_key, power)
        self.validators = ValidatorSet.of([validator])
        self._chain_id = chain_id
        self._signer = signer
        self._address = validator.address
        self._validators_hash = self.validators.hash()
        self.max_block_bytes = max_block_bytes
        self._consensus_hash = consensus_hash(max_block_bytes)
        self._version = (BLOCK_PROTOCOL, app_version)
        self._evidence_hash = evidence_hash()
        self._tip = tip

    @property
    def tip(self) -> Tip | None:
        """The last block made."""
        return self._tip

    def make(
        self,
        height: int,
        time: Timestamp,
        frames: Sequence[bytes],
        app_hash: bytes,
        voted: Timestamp,
    ) -> tuple[Header, Commit]:
        """Make the header and commit of the next block.

        Args:
            height: the block's height.
            time: the header's time.
            frames: the block's frames.
            app_hash: that of the block before.
            voted: the time of the validator's vote, after ``time``.
        """
        tip = self._tip
        last_commit = Commit(0, 0, BlockId(), ()) if tip is None else tip.commit
        header = Header(
            version=self._version,
            chain_id=self._chain_id,
            height=height,
            time=time,
            last_block_id=last_commit.block_id,
            last_commit_hash=last_commit.hash(),
            data_hash=data_hash(frames),
            validators_hash=self._validators_hash,
            next_validators_hash=self._validators_hash,
            consensus_hash=self._consensus_hash,
            app_hash=app_hash,
            last_results_hash=results_hash(() if tip is None else tip.results),
            evidence_hash=self._evidence_hash,
            proposer_address=self._address,
        )
        total, parts_hash = part_set(encode_block(header, frames, last_commit))
        block_id = BlockId(header.hash(), total, parts_hash)
        unsigned = Commit(height, 0, block_id, ())
        signature = self._signer.sign(unsigned.sign_bytes(self._chain_id, voted))
        vote = CommitSignature(FLAG_COMMIT, self._address, voted, signature)
        return header, Commit(height, 0, block_id, (vote,))

    def advance(
        self,
        header: Header,
        commit: Commit,
        results: Sequence[bytes],
        updates: EngineUpdates = NO_UPDATES,
    ) -> None:
        """The block with this header and these results is the last one now; what it changes of the
        parameters in headers holds from the next on.

        Raises:
            LedgerFault: it names other validators, whose keys are not here.
        """
        if updates.validators:
            raise LedgerFault(
                f"height {header.height} names other validators; only the engine cometbft can go on"
            )
        if updates.max_block_bytes is not None:
            self.max_block_bytes = updates.max_block_bytes
            self._consensus_hash = consensus_hash(updates.max_block_bytes)
        if updates.rules_version is not None:
            self._version = (BLOCK_PROTOCOL, updates.rules_version)
        self._tip = Tip(header, commit, tuple(results))
