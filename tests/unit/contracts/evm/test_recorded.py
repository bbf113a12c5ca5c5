from __future__ import annotations

import pytest
from builders.anchor_contract import AnchorContract, Chain

from node.core.merkle import leaf_hash, node_hash, root_of_leaves

ENTRIES = [f"entry {number}".encode() for number in range(7)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOT, DIGEST = root_of_leaves(LEAVES), b"\x0d" * 32


def path_of(index: int, leaves: list[bytes]) -> list[bytes]:
    """By the definition of RFC 9162 section 2.1.3.1, which is another way than the contract's."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path_of(index, leaves[:split]), root_of_leaves(leaves[split:])]
    return [*path_of(index - split, leaves[split:]), root_of_leaves(leaves[:split])]


def confirmed(chain: Chain) -> AnchorContract:
    contract = chain.deploy(chain.accounts[:2], 2)
    for account in chain.accounts[:2]:
        contract.attest(account, 7, ROOT, DIGEST)
    return contract


@pytest.fixture
def seven(chain: Chain) -> AnchorContract:
    return confirmed(chain)


@pytest.mark.parametrize("index", range(7))
def test_record_at_its_place_is_recorded(seven: AnchorContract, index: int) -> None:
    path = path_of(index, LEAVES)
    assert seven.see("isRecorded", 7, LEAVES[index], index, path) is True
    assert seven.see("isEntryRecorded", 7, ENTRIES[index], index, path) is True


@pytest.mark.parametrize("index", range(7))
def test_no_other_leaf_place_or_path_is(seven: AnchorContract, index: int) -> None:
    path, leaf = path_of(index, LEAVES), LEAVES[index]
    wrong = [
        (7, LEAVES[index - 1], index, path),
        *((7, leaf, other, path) for other in (*range(index), *range(index + 1, 9), 2**64 - 1)),
        (7, leaf, index, path[:-1]),
        (7, leaf, index, path[1:]),
        (7, leaf, index, [*path, ROOT]),
        (7, leaf, index, path[::-1]),
        (8, leaf, index, path),
        (6, leaf, index, path),
        (0, leaf, index, path),
    ]
    assert [seven.see("isRecorded", *given) for given in wrong] == [False] * len(wrong)
    assert not seven.see("isEntryRecorded", 7, ENTRIES[index] + b" ", index, path)


def test_inner_node_is_no_leaf(chain: Chain) -> None:
    """The attack on trees that do not tell leaves from nodes."""
    seven = confirmed(chain)
    inner = node_hash(LEAVES[0], LEAVES[1])
    assert not seven.see("isRecorded", 7, inner, 0, path_of(0, LEAVES)[1:])
    assert not seven.see("isRecorded", 7, inner, 1, path_of(0, LEAVES)[1:])
    assert not seven.see("isRecorded", 7, ROOT, 0, [])
    assert not seven.see("isEntryRecorded", 7, LEAVES[0] + LEAVES[1], 0, path_of(0, LEAVES)[1:])


def test_one_record_is_its_own_root(chain: Chain) -> None:
    contract = chain.deploy(chain.accounts[:1], 1)
    contract.attest(chain.accounts[0], 1, LEAVES[0], DIGEST)
    assert contract.see("isRecorded", 1, LEAVES[0], 0, [])
    assert not contract.see("isRecorded", 1, LEAVES[0], 0, [LEAVES[0]])
    assert not contract.see("isRecorded", 1, LEAVES[1], 0, [])


def test_what_is_not_confirmed_records_nothing(chain: Chain) -> None:
    contract = chain.deploy(chain.accounts[:2], 2)
    path = path_of(0, LEAVES)
    assert not contract.see("isRecorded", 7, LEAVES[0], 0, path)
    contract.attest(chain.accounts[0], 7, ROOT, DIGEST)
    assert not contract.see("isRecorded", 7, LEAVES[0], 0, path)
    contract.attest(chain.accounts[1], 7, ROOT, DIGEST)
    assert contract.see("isRecorded", 7, LEAVES[0], 0, path)


def test_zero_root_of_a_size_that_nobody_attested_is_no_root(seven: AnchorContract) -> None:
    assert not seven.see("isRecorded", 1, bytes(32), 0, [])


def test_largest_size_is_walked_to_its_end(chain: Chain) -> None:
    contract = chain.deploy(chain.accounts[:1], 1)
    size, leaf, sibling = 2**64 - 1, LEAVES[0], LEAVES[1]
    root = leaf
    for _ in range(64):
        root = node_hash(root, sibling)
    contract.attest(chain.accounts[0], size, root, DIGEST)
    assert contract.see("isRecorded", size, leaf, 0, [sibling] * 64)
    assert not contract.see("isRecorded", size, leaf, 0, [sibling] * 63)
    assert not contract.see("isRecorded", size, leaf, 1, [sibling] * 64)
