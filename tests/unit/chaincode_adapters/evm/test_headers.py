"""The bytes that blocks' hashes are of, on chains of several kinds."""

from __future__ import annotations

from typing import Any

import pytest

from chaincode_adapters.evm.headers import header_preimage
from chaincode_adapters.evm.rpc import Block
from node.core.anchors.evm_block import decode_header
from node.core.anchors.keccak import keccak256
from node.core.anchors.rlp import RlpItem, encode_number, encode_rlp

MAINNET_GENESIS = {
    "parentHash": "0x" + "00" * 32,
    "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    "miner": "0x" + "00" * 20,
    "stateRoot": "0xd7f8974fb5ac78d9ac099b9ad5018bedc2ce0a72dad1827a1709da30580f0544",
    "transactionsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "receiptsRoot": "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x400000000",
    "number": "0x0",
    "gasLimit": "0x1388",
    "gasUsed": "0x0",
    "timestamp": "0x0",
    "extraData": "0x11bbe8db4e347b4e8c937c1c8370e4b5ed33adb3db69cbdb7a38e1e50b1b82fa",
    "mixHash": "0x" + "00" * 32,
    "nonce": "0x0000000000000042",
    "totalDifficulty": "0x400000000",
    "size": "0x21c",
}
"""Block 0 of Ethereum, as nodes tell it; its hash is known to everybody."""
MAINNET_HASH = "d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3"
LATER = ("baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas")
LATER += ("parentBeaconBlockRoot", "requestsHash")
VANITY, VALIDATORS, SEALS = b"v" * 32, [b"a" * 20, b"b" * 20], [b"s" * 65, b"t" * 65]


def block(digest: str, **changes: Any) -> Block:
    fields = {**MAINNET_GENESIS, **changes, "hash": f"0x{digest}"}
    return Block(0, bytes.fromhex(digest), 0, fields)


def test_the_genesis_of_ethereum() -> None:
    header = header_preimage(block(MAINNET_HASH))
    assert header is not None
    assert keccak256(header).hex() == MAINNET_HASH
    assert decode_header(header, "h").state_root.hex() == MAINNET_GENESIS["stateRoot"][2:]


def hashed(later: list[RlpItem], extra: bytes) -> str:
    """The hash of such a header: every field as it stands, but for the extra data."""
    items: list[RlpItem] = []
    for name, value in MAINNET_GENESIS.items():
        if name in ("totalDifficulty", "size"):
            continue
        if name in ("difficulty", "number", "gasLimit", "gasUsed", "timestamp"):
            items.append(encode_number(int(value, 16)))
        else:
            items.append(extra if name == "extraData" else bytes.fromhex(value[2:]))
    return keccak256(encode_rlp([*items, *later])).hex()


@pytest.mark.parametrize("count", range(len(LATER) + 1))
def test_fields_of_later_forks(count: int) -> None:
    values = ["0x7", "0x" + "11" * 32, "0x0", "0x20000", "0x" + "22" * 32, "0x" + "33" * 32]
    items: list[RlpItem] = [b"\x07", b"\x11" * 32, b"", b"\x02\x00\x00", b"\x22" * 32, b"\x33" * 32]
    extra = bytes.fromhex(MAINNET_GENESIS["extraData"][2:])
    told = dict(zip(LATER[:count], values[:count], strict=True))
    header = header_preimage(block(hashed(items[:count], extra), **told))
    assert header is not None
    assert decode_header(header, "h").number == 0


ROUND = b"\x00\x00\x00\x02"
BFT: dict[str, tuple[bytes, bytes]] = {
    "qbft": (
        encode_rlp([VANITY, VALIDATORS, [], b"\x02", SEALS]),
        encode_rlp([VANITY, VALIDATORS, [], b"", []]),
    ),
    "ibft2": (
        encode_rlp([VANITY, VALIDATORS, b"", ROUND, SEALS]),
        encode_rlp([VANITY, VALIDATORS, b""]),
    ),
    "istanbul": (
        VANITY + encode_rlp([VALIDATORS, b"p" * 65, SEALS]),
        VANITY + encode_rlp([VALIDATORS, b"p" * 65, []]),
    ),
}
"""Extra data as they are told, and as they are hashed (Besu's and GoQuorum's sources, EIP-650)."""


@pytest.mark.parametrize("kind", BFT)
def test_chains_that_leave_their_seals_out_of_the_hash(kind: str) -> None:
    told, used = BFT[kind]
    found = header_preimage(block(hashed([], used), extraData=f"0x{told.hex()}"))
    assert found is not None
    assert used in found
    assert SEALS[0] not in found


@pytest.mark.parametrize(
    "changes",
    [
        {"stateRoot": "0x" + "11" * 32},
        {"extraData": "0x"},
        {"extraData": "0xc5"},
        {"extraData": "0x" + encode_rlp([b""] * 5).hex()},
        {"logsBloom": "0x"},
        {"miner": None},
        {"difficulty": "high"},
        {"baseFeePerGas": "0x0"},
    ],
)
def test_a_hash_of_something_else_has_no_header(changes: dict[str, Any]) -> None:
    assert header_preimage(block(MAINNET_HASH, **changes)) is None
