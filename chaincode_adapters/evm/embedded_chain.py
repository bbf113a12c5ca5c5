"""The development chain inside the node: py-evm, a block for each transaction, one account.

It shows how an anchor works without any other machine. It vouches for nothing to third parties,
since whoever has the node makes its blocks. Blocks bear the clock's second, and a later one where
more than one a second is made, since each must be later than the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from eth.abc import BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI
from eth.chains.base import MiningChain
from eth.constants import POST_MERGE_DIFFICULTY, POST_MERGE_MIX_HASH, POST_MERGE_NONCE
from eth.db.atomic import AtomicDB
from eth.exceptions import (
    CanonicalHeadNotFound,
    HeaderNotFound,
    PyEVMError,
    Revert,
    TransactionNotFound,
)
from eth.typing import AccountDetails
from eth.vm.forks.paris import ParisVM
from eth.vm.spoof import SpoofTransaction
from eth_typing import Address, BlockNumber, Hash32
from eth_utils.exceptions import ValidationError
from rlp.exceptions import RLPException  # type: ignore[import-untyped]
from trie.hexary import HexaryTrie

from chaincode_adapters.evm.embedded_store import ChainStore
from chaincode_adapters.evm.recursion import lower_recursion_limit
from node.core.anchors.keccak import keccak256
from node.core.anchors.rlp import decode_rlp, encode_rlp, read_bytes, read_items

__all__ = ["CHAIN_ID", "EmbeddedChain", "Rejected"]

lower_recursion_limit()

CHAIN_ID = 1337
_GAS_LIMIT = 30_000_000
_WEALTH = 10**30


class Rejected(Exception):
    """The chain refuses a transaction or a call; ``data`` is what the contract gave with it."""

    def __init__(self, text: str, data: bytes = b"") -> None:
        super().__init__(text)
        self.data = data


class _Chain(MiningChain):
    chain_id = CHAIN_ID
    vm_configuration = ((BlockNumber(0), ParisVM),)

    def create_header_from_parent(
        self, parent_header: BlockHeaderAPI, **header_params: Any
    ) -> BlockHeaderAPI:
        """With the parent's gas limit, which py-evm would otherwise let sink."""
        return super().create_header_from_parent(
            parent_header, **{**header_params, "gas_limit": parent_header.gas_limit}
        )


class EmbeddedChain:
    """The chain in the file ``path``; made, with ``wealthy`` as its one account, where none is.

    ``now`` is the clock, in ms. Every block is final, and durable once it can be seen.
    """

    def __init__(self, path: Path, wealthy: bytes, now: Callable[[], int]) -> None:
        self._now = now
        self._store = ChainStore(path)
        try:
            self._chain = self._load(wealthy)
        except BaseException:
            self._store.close()
            raise

    def _load(self, wealthy: bytes) -> _Chain:
        database = AtomicDB(self._store)
        try:
            return _Chain(database)
        except CanonicalHeadNotFound:
            pass
        genesis: dict[str, Any] = {
            "coinbase": bytes(20),
            "difficulty": POST_MERGE_DIFFICULTY,
            "extra_data": b"",
            "gas_limit": _GAS_LIMIT,
            "mix_hash": POST_MERGE_MIX_HASH,
            "nonce": POST_MERGE_NONCE,
            "timestamp": self._now() // 1000,
        }
        account: AccountDetails = {"balance": _WEALTH, "nonce": 0, "code": b"", "storage": {}}
        made = _Chain.from_genesis(database, genesis, {Address(wealthy): account})
        assert isinstance(made, _Chain)
        self._store.commit()
        return made

    def note(self, name: str, value: bytes) -> None:
        """Keep a value beside the chain."""
        self._store[b"evidence/" + name.encode("ascii")] = value

    def noted(self, name: str) -> bytes | None:
        """A value kept beside the chain."""
        key = b"evidence/" + name.encode("ascii")
        return self._store[key] if self._store.exists(key) else None

    def commit(self) -> None:
        """Make everything so far durable."""
        self._store.commit()

    def close(self) -> None:
        """Close its file."""
        self._store.close()

    def head(self) -> BlockHeaderAPI:
        """The newest block's header."""
        return self._chain.get_canonical_head()

    def header(self, number: int) -> BlockHeaderAPI | None:
        """The header of a block."""
        try:
            return self._chain.get_canonical_block_header_by_number(BlockNumber(number))
        except HeaderNotFound:
            return None

    def transactions(self, header: BlockHeaderAPI) -> tuple[SignedTransactionAPI, ...]:
        """The transactions of a block."""
        return tuple(self._chain.get_block_by_header(header).transactions)

    def place_of(self, txid: bytes) -> tuple[int, int] | None:
        """Block and position of a transaction."""
        try:
            number, index = self._chain.get_canonical_transaction_index(Hash32(txid))
        except TransactionNotFound:
            return None
        return int(number), index

    def receipts(self, header: BlockHeaderAPI) -> tuple[ReceiptAPI, ...]:
        """The receipts of a block."""
        return tuple(self._chain.get_block_by_header(header).get_receipts(self._chain.chaindb))

    def nonce(self, address: bytes) -> int:
        """How many transactions an account has made."""
        return self._chain.get_vm(self.head()).state.get_nonce(Address(address))

    def code(self, address: bytes) -> bytes:
        """The code of a contract."""
        return self._chain.get_vm(self.head()).state.get_code(Address(address))

    def call(self, to: bytes, data: bytes, sender: bytes) -> bytes:
        """What a call of a contract gives in the newest state. Raises Rejected."""
        unsigned = self._chain.create_unsigned_transaction(
            nonce=self.nonce(sender),
            gas_price=0,
            gas=_GAS_LIMIT // 2,
            to=Address(to),
            value=0,
            data=data,
        )
        vm = self._chain.get_vm(self.head())
        with vm.in_costless_state() as state:
            computation = state.costless_execute_transaction(
                SpoofTransaction(unsigned, from_=Address(sender))  # type: ignore[arg-type]
            )
        if computation.is_error:
            _reject(computation.error)
        return bytes(computation.output)

    def add(self, raw: bytes) -> bytes:
        """Make a block of a transaction, durable on return. Returns the transaction's hash.

        Raises:
            Rejected: it is none of this chain, or it has one already.
        """
        try:
            transaction = self._chain.get_vm().get_transaction_builder().decode(raw)
            transaction.validate()
            sender = transaction.sender
        except (PyEVMError, RLPException, ValidationError, ValueError, TypeError) as error:
            raise Rejected(f"invalid transaction: {error}") from error
        if transaction.chain_id != CHAIN_ID:
            raise Rejected(f"invalid chain id: this is chain {CHAIN_ID}")
        if self.place_of(transaction.hash) is not None:
            raise Rejected("already known")
        if transaction.nonce < self.nonce(sender):
            raise Rejected("nonce too low")
        head = self.head()
        self._chain.header = self._chain.create_header_from_parent(
            head, timestamp=max(self._now() // 1000, head.timestamp + 1)
        )
        try:
            self._chain.mine_all([transaction])
            self._store.commit()
        except (PyEVMError, ValidationError) as error:
            self._store.roll_back()
            raise Rejected(f"invalid transaction: {error}") from error
        except BaseException:
            self._store.roll_back()
            raise
        return bytes(transaction.hash)

    def prove(
        self, address: bytes, slots: list[bytes], header: BlockHeaderAPI
    ) -> tuple[list[bytes], list[list[bytes]]]:
        """Proofs of an account and of slots of its storage, in the state behind ``header``."""
        database = self._chain.chaindb.db
        accounts = HexaryTrie(database, header.state_root)
        key = keccak256(address)
        account = read_items(decode_rlp(accounts[key], place="account"), "account", least=4, most=4)
        storage = HexaryTrie(database, read_bytes(account[2], "account", length=32))
        return _proof(accounts, key), [_proof(storage, keccak256(slot)) for slot in slots]


def _proof(tree: HexaryTrie, key: bytes) -> list[bytes]:
    return [encode_rlp(node) for node in tree.get_proof(key)]  # type: ignore[no-untyped-call]


def _reject(error: BaseException) -> None:
    data = error.args[0] if isinstance(error, Revert) and error.args else b""
    raise Rejected("execution reverted", bytes(data) if isinstance(data, bytes) else b"")
