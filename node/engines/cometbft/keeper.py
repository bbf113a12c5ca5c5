"""Keeps headers, commits and validator sets: the engine drops old ones, and evidence needs them.

ABCI does not hand them over, so they are fetched from the engine as blocks are decided, checked
like a stranger's, and stored with the ledger. What a crash left out is fetched at the next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from node.core.block import Commit, Header, ValidatorSet, verify_commit
from node.core.errors import EvidenceError, LedgerFault
from node.core.signatures import load_backend
from node.engines.cometbft.rpc import EngineRpc, RpcRefused, RpcUnreachable
from node.ledger.rows import (
    KEPT,
    VALIDATORS,
    decode_kept,
    encode_validators,
    number_key,
    put_kept,
)
from node.storage.ports import Store

__all__ = ["Keeper"]

_END = number_key(KEPT, (1 << 48) - 1)
_AGAIN_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.25, 0.5)


class Keeper:
    """Fetches what proves each block. Its methods are called in one event loop.

    ``kept`` is called, in a thread, with each header once it and its commit are stored; in order of
    height.
    """

    def __init__(
        self,
        rpc: EngineRpc,
        store: Store,
        chain_id: str,
        initial_height: int,
        kept: Callable[[Header], None],
    ) -> None:
        self._rpc = rpc
        self._store = store
        self._chain_id = chain_id
        self._kept = kept
        self._sets: dict[bytes, ValidatorSet] = {}
        self._backend = load_backend()
        self._log = structlog.get_logger("keeper")
        self._initial_height = initial_height
        self.resume()
        self._more = asyncio.Event()

    def resume(self) -> None:
        """Go on behind what the store holds: at the start, and when a snapshot was restored."""
        # Headers below are those of the chain that this one continues.
        first = number_key(KEPT, self._initial_height)
        newest = next(iter(self._store.scan(first, _END, reverse=True)), None)
        self._next = (
            self._initial_height if newest is None else int.from_bytes(newest[0][1:], "big") + 1
        )
        self._decided = self._next - 1
        self._last: tuple[Header, Commit] | None = None
        if newest is not None:
            header, commit = decode_kept(newest[1])
            self._last = None if commit is None else (header, commit)

    @property
    def next_height(self) -> int:
        """The first height that is not kept yet."""
        return self._next

    def decided(self, height: int) -> None:
        """The block at ``height`` has been decided: its commit can be had, or soon."""
        if height > self._decided:
            self._decided = height
            self._more.set()

    async def run(self) -> None:
        """Keep what is decided, until cancelled.

        Raises:
            LedgerFault: the engine gives something for a decided block that does not prove it.
            StorageError: the store cannot be written.
        """
        while True:
            while self._next <= self._decided:
                header, commit, validators = await self._fetch(self._next)
                before = await self._canonical(header)
                await asyncio.to_thread(self._keep, header, commit, validators, before)
                self._last = header, commit
                self._next += 1
            self._more.clear()
            await self._more.wait()

    async def _fetch(self, height: int) -> tuple[Header, Commit, ValidatorSet]:
        """What proves ``height``, asked for until the engine has it."""
        attempt = 0
        while True:
            try:
                header, commit = await self._rpc.signed_header(height)
                validators = self._sets.get(header.validators_hash)
                if validators is None:
                    validators = await self._rpc.validators(height)
            except (RpcRefused, RpcUnreachable) as error:
                pause = _AGAIN_SECONDS[min(attempt, len(_AGAIN_SECONDS) - 1)]
                attempt += 1
                if attempt % 20 == 0:
                    self._log.warning(
                        "a commit is not to be had yet", height=height, why=str(error)
                    )
                await asyncio.sleep(pause)
                continue
            self._check(height, header, commit, validators)
            self._sets = {header.validators_hash: validators}
            return header, commit, validators

    async def _canonical(self, header: Header) -> tuple[Header, Commit] | None:
        """The block before ``header`` with the commit that this one names, where another was kept:
        of the newest block a node has only the votes that it saw itself."""
        if self._last is None or self._last[1].hash() == header.last_commit_hash:
            return None
        before, _ = self._last
        while True:
            try:
                _, commit = await self._rpc.signed_header(before.height)
            except (RpcRefused, RpcUnreachable):
                await asyncio.sleep(_AGAIN_SECONDS[-1])
                continue
            if commit.hash() == header.last_commit_hash:
                return before, commit
            await asyncio.sleep(_AGAIN_SECONDS[0])

    def _check(self, height: int, header: Header, commit: Commit, validators: ValidatorSet) -> None:
        try:
            if (header.height, header.chain_id) != (height, self._chain_id):
                raise LedgerFault(f"the header is of {header.chain_id}, height {header.height}")
            verify_commit(header, commit, validators, self._backend)
            if self._last is not None and header.last_block_id != self._last[1].block_id:
                raise LedgerFault(
                    f"it does not follow the block at {height - 1} that is kept: where that came "
                    "with a snapshot, remove ledger, blocks and engine, and join anew with other "
                    "servers"
                )
        except EvidenceError as error:
            raise LedgerFault(
                f"the engine's commit of height {height} does not prove it: {error}"
            ) from error

    def _keep(
        self,
        header: Header,
        commit: Commit,
        validators: ValidatorSet,
        before: tuple[Header, Commit] | None,
    ) -> None:
        batch = self._store.batch()
        if before is not None:
            put_kept(batch, *before)
        put_kept(batch, header, commit)
        batch.put(VALIDATORS + header.validators_hash, encode_validators(validators))
        self._store.write(batch, sync=False)  # the engine has it too
        self._kept(header)
