"""Deploying the contract: what is checked before a transaction costs anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chaincode_adapters.errors import Misconfigured, Refused, Unreachable
from chaincode_adapters.evm.account import EvmAccount
from chaincode_adapters.evm.contract import AnchorContract, contract_build
from chaincode_adapters.evm.deploying import deploy, deploy_over
from chaincode_adapters.evm.embedded_chain import CHAIN_ID, EmbeddedChain
from chaincode_adapters.evm.embedded_rpc import EmbeddedProvider
from chaincode_adapters.evm.pricing import Pricing
from chaincode_adapters.evm.rpc import EvmNode

ACCOUNT = EvmAccount(b"\x01" * 32)
LEDGER = b"\x07" * 32
MEMBERS = [bytes((number,)) * 20 for number in range(1, 4)]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EvmNode]:
    chain = EmbeddedChain(tmp_path / "chain", ACCOUNT.address, lambda: 1_700_000_000_000)
    made = EvmNode(EmbeddedProvider(chain))
    yield made
    made.close()


def deploy_on(node: EvmNode, **changes: Any) -> Any:
    said: dict[str, Any] = {
        "chain_id": CHAIN_ID,
        "ledger": LEDGER,
        "members": MEMBERS,
        "threshold": 2,
        "pricing": Pricing(),
    }
    return deploy_over(node, ACCOUNT, **{**said, **changes})


def test_what_is_deployed_is_the_build_with_the_ledger_in_it(node: EvmNode) -> None:
    made = deploy_on(node)
    contract = AnchorContract(node, made.contract)
    assert contract_build().is_code(contract.code())
    assert contract.ledger() == LEDGER
    assert made.block == 1
    receipt = node.receipt(made.txid)
    assert receipt is not None
    assert receipt["contractAddress"] == f"0x{made.contract.hex()}"
    again = deploy_on(node)
    assert again.contract != made.contract


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"members": []}, "members: must be 1 to 256"),
        (
            {"members": [bytes((1, number // 256, number % 256)) * 7 for number in range(257)]},
            "1 to",
        ),
        ({"members": [bytes(20)]}, "not all zero"),
        ({"members": [b"\x01" * 19]}, "20 bytes"),
        ({"members": [MEMBERS[0], MEMBERS[0]]}, "named twice"),
        ({"threshold": 0}, "threshold: must be from 1 to 3"),
        ({"threshold": 4}, "threshold: must be from 1 to 3"),
    ],
)
def test_members_and_thresholds_that_cannot_be(
    node: EvmNode, changes: dict[str, Any], rule: str
) -> None:
    with pytest.raises(Misconfigured, match=rule):
        deploy_on(node, **changes)
    assert node.number("eth_blockNumber") == 0


def test_what_the_contract_refuses_is_told(node: EvmNode) -> None:
    with pytest.raises(Refused, match="does not take the contract"):
        deploy_on(node, ledger=bytes(32))


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="ConnectError"):
        deploy(
            url="http://127.0.0.1:9",
            chain_id=1,
            key=tmp_path / "none",
            ledger=LEDGER,
            members=MEMBERS,
            threshold=1,
        )
