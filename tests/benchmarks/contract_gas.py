"""Prints the gas that the anchor contract takes, as the table of docs/anchors/contract.md.

python tests/benchmarks/contract_gas.py

The committed build on py-evm at the fork Paris. The figures are the same every time, so a test
compares them with the document.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from builders.anchor_contract import BUILD, AnchorContract, Chain

from node.core.merkle import leaf_hash, node_hash

FOUR, THRESHOLD = 4, 3
LEVELS = 20
ROOT, DIGEST = bytes.fromhex("a7" * 32), bytes.fromhex("d5" * 32)


def deploying(chain: Chain) -> tuple[AnchorContract, int]:
    """A contract of four members, and the gas of its creation."""
    contract = chain.deploy(chain.accounts[:FOUR], THRESHOLD, ROOT)
    block = chain.web3.eth.get_block("latest")
    return contract, int(block["gasUsed"])


def attesting(contract: AnchorContract) -> Iterator[tuple[str, int]]:
    """From the second size on, when the members' own slots are in use."""
    what = ["first", "second", "third, which confirms it", "fourth, after that"]
    for size in (10_000, 20_000):
        for account, name in zip(contract.chain.accounts, what):
            contract.attest(account, size, ROOT, DIGEST)
            if size == 20_000:
                yield f"`attest` of a size, the {name}", contract.gas_used
    contract.attest(contract.chain.accounts[0], 20_000, ROOT, DIGEST)
    yield "`attest`, the same once more, which does nothing", contract.gas_used


def voting(contract: AnchorContract) -> Iterator[tuple[str, int]]:
    """For another account in a member's place."""
    accounts = contract.chain.accounts
    for count in range(THRESHOLD):
        contract.vote(accounts[count], admitted=accounts[FOUR], removed=accounts[FOUR - 1])
        if count in (0, THRESHOLD - 1):
            name = "the first" if count == 0 else "the last, which replaces a member"
            yield f"`vote`, {name}", contract.gas_used


def looking(chain: Chain) -> tuple[str, int]:
    """At a costly place: the first leaf, all of whose path is to its right."""
    leaf = root = leaf_hash(b"entry")
    path = [leaf_hash(bytes([level])) for level in range(LEVELS)]
    for sibling in path:
        root = node_hash(root, sibling)
    contract = chain.deploy(chain.accounts[:1], 1, ROOT)
    contract.attest(chain.accounts[0], 1 << LEVELS, root, DIGEST)
    call = contract.contract.functions.isRecorded(1 << LEVELS, leaf, 0, path)
    assert call.call() is True
    what = f"`isRecorded` in a log of {1 << LEVELS:,} records, asked in a transaction of its own"
    return what, int(call.estimate_gas({"from": chain.accounts[0]}))


def table() -> list[str]:
    """The lines of the table."""
    chain = Chain()
    contract, creation = deploying(chain)
    rows = [
        (f"creation, four members ({(len(BUILD['deployedBytecode']) - 2) // 2:,} bytes)", creation),
        *attesting(contract),
        *voting(contract),
        looking(chain),
    ]
    return ["| What | Gas |", "|---|---|", *(f"| {what} | {gas:,} |" for what, gas in rows)]


if __name__ == "__main__":
    print("\n".join(table()))
