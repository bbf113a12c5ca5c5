"""The EVM adapter against anvil, a real JSON-RPC node: the steps of a job, and every fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.anvil import ANVIL_CHAIN, ANVIL_KEYS, Anvil, anvil
from builders.evm import Bench, anchor, anchored_once, bench, point, trust_in
from builders.json_rpc_proxy import Forward, proxy

from chaincode_adapters.errors import Conflicting, Misconfigured, Refused, SignAnew, Unreachable
from chaincode_adapters.evm.account import EvmAccount
from chaincode_adapters.port import Final, Included, Missing, Pending, Signed
from node.core.anchors.evm import block_to_pin, verify_evm
from node.core.anchors.evm_block import attest_call
from node.core.signatures import load_backend
from node.core.verify_case import NotChecked

BACKEND = load_backend()


@pytest.fixture
def chain() -> Iterator[Anvil]:
    with anvil("--slots-in-an-epoch", "1") as node:
        yield node


@pytest.fixture
def alone(chain: Anvil, tmp_path: Path) -> Iterator[Bench]:
    made = bench(chain, tmp_path)
    yield made
    made.close()


@pytest.fixture
def pair(chain: Anvil, tmp_path: Path) -> Iterator[Bench]:
    made = bench(chain, tmp_path, members=2, threshold=2)
    yield made
    made.close()


def test_a_point_goes_from_signing_to_a_receipt_that_verifies(alone: Bench) -> None:
    adapter = alone.adapter()
    of = point(7)
    signed = adapter.sign(of, [])
    assert adapter.look_up(of, [signed], b"") == Missing()
    assert adapter.send(of, signed) == b""
    standing = adapter.look_up(of, [signed], b"")
    assert isinstance(standing, Included)
    assert (standing.external_tx, standing.height) == (signed.external_tx, alone.node.height)
    alone.node.mine(2)
    final = adapter.look_up(of, [signed], b"")
    assert isinstance(final, Final)
    assert (final.height, final.mark) == (standing.height, standing.mark)
    receipt = adapter.receipt(of, [signed], b"", final)
    assert (receipt.kind, receipt.external_tx) == ("evm", signed.external_tx)
    assert (receipt.height, receipt.time) == (final.height, final.time)
    assert "account" in receipt.content

    pinned = block_to_pin(receipt.content, "receipt")
    vouched = verify_evm(receipt.content, of, trust_in(adapter, pinned), BACKEND, "receipt")
    assert vouched.by == "Judicial Chain (chain-0)"
    assert vouched.time == receipt.time
    assert f"block {final.height}" in vouched.where
    assert "attestations: 1" in vouched.how
    with pytest.raises(NotChecked, match=rf"block {final.height}, hash 0x{final.mark}"):
        verify_evm(receipt.content, of, trust_in(adapter), BACKEND, "receipt")


def test_finality_by_the_chains_own_word(alone: Bench) -> None:
    adapter = alone.adapter(depth=None)
    of = point(1)
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    assert isinstance(adapter.look_up(of, [signed], b""), Included)
    alone.node.mine(3)
    assert isinstance(adapter.look_up(of, [signed], b""), Final)


def test_two_members_confirm_and_show_the_same_block(pair: Bench) -> None:
    first, second = pair.adapter(0), pair.adapter(1)
    of = point(3)
    signed, final, receipt = anchor(first, of, pair.node)
    pinned = block_to_pin(receipt.content, "receipt")
    vouched = verify_evm(receipt.content, of, trust_in(first, pinned), BACKEND, "receipt")
    assert "threshold of its members not reached yet" in vouched.how

    _, final_too, receipt_too = anchor(second, of, pair.node)
    again = first.receipt(of, [signed], b"", final)
    assert again.content["header"] == receipt_too.content["header"]
    assert again.height == final_too.height > final.height
    pinned = block_to_pin(again.content, "receipt")
    vouched = verify_evm(again.content, of, trust_in(first, pinned), BACKEND, "receipt")
    assert "confirmed by the threshold" in vouched.how
    assert "attestations: 2" in vouched.how


@pytest.mark.parametrize("stopped_after", ["sign", "send", "look_up", "receipt"])
def test_killed_after_any_step_there_is_one_anchor(alone: Bench, stopped_after: str) -> None:
    of = point(5)
    before = alone.adapter()
    attempts: list[Signed] = []
    for step in ("sign", "send", "look_up", "receipt"):
        if step == "sign":
            attempts.append(before.sign(of, attempts))
        elif step == "send":
            before.send(of, attempts[0])
            alone.node.mine(2)
        elif step == "look_up":
            final = before.look_up(of, attempts, b"")
        else:
            assert isinstance(final, Final)
            before.receipt(of, attempts, b"", final)
        if step == stopped_after:
            break
    before.close()

    after = alone.adapter()
    standing = after.look_up(of, attempts, b"")
    if isinstance(standing, Missing):
        assert stopped_after == "sign"
        after.send(of, attempts[0])
        alone.node.mine(2)
    standing = anchored_once(after, of, attempts)
    assert isinstance(standing, Final)
    assert after.receipt(of, attempts, b"", standing).external_tx == attempts[0].external_tx
    assert alone.nonce() == 1


def test_a_node_that_lost_all_it_knew_signs_nothing_twice(alone: Bench) -> None:
    of = point(5)
    signed, _, _ = anchor(alone.adapter(), of, alone.node)
    fresh = alone.adapter()
    again = fresh.sign(of, [])
    assert (again.external_tx, again.payload) == (signed.external_tx, b"")
    assert fresh.send(of, again) == b""
    standing = anchored_once(fresh, of, [again])
    assert isinstance(standing, Final)
    assert fresh.receipt(of, [again], b"", standing).external_tx == signed.external_tx
    assert alone.nonce() == 1


def test_sending_again_does_no_harm(alone: Bench) -> None:
    alone.node.ask("evm_setAutomine", False)
    adapter = alone.adapter()
    of = point(2)
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    adapter.send(of, signed)  # "already known"
    alone.node.mine()
    adapter.send(of, signed)  # "nonce too low", and it is in a block
    assert isinstance(adapter.look_up(of, [signed], b""), Included)
    assert alone.nonce() == 1


def test_no_mining_leaves_it_pending(alone: Bench) -> None:
    alone.node.ask("evm_setAutomine", False)
    adapter = alone.adapter()
    of = point(2)
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    for _ in range(3):
        assert adapter.look_up(of, [signed], b"") == Pending()
    alone.node.mine(3)
    assert isinstance(adapter.look_up(of, [signed], b""), Final)


def test_a_shallow_reorg_makes_it_missing_and_it_is_sent_again(alone: Bench) -> None:
    adapter = alone.adapter()
    of = point(4)
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    assert isinstance(adapter.look_up(of, [signed], b""), Included)
    alone.node.reorganize(1)
    # anvil puts what the lost blocks had back into its pool; a node may as well forget it.
    alone.node.ask("anvil_dropAllTransactions")
    assert adapter.look_up(of, [signed], b"") == Missing()
    adapter.send(of, signed)
    alone.node.mine(2)
    assert isinstance(anchored_once(adapter, of, [signed]), Final)
    assert alone.nonce() == 1


def test_a_reorg_deeper_than_finality_is_a_conflict(alone: Bench) -> None:
    adapter = alone.adapter()
    of = point(4)
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    alone.node.mine(2)
    final = adapter.look_up(of, [signed], b"")
    assert isinstance(final, Final)
    alone.node.reorganize(3)
    with pytest.raises(Conflicting, match=f"had block {final.height} of hash 0x{final.mark}"):
        adapter.receipt(of, [signed], b"", final)


def other_transaction(bench: Bench, nonce: int, price: int = 10**10) -> None:
    """A transaction of the member's account that anchors nothing, sent by somebody else who has
    the key."""
    account = EvmAccount(bytes.fromhex(ANVIL_KEYS[0]))
    _, raw = account.sign(
        {
            "chainId": ANVIL_CHAIN,
            "to": account.address,
            "value": 0,
            "gas": 21_000,
            "gasPrice": price,
            "nonce": nonce,
        }
    )
    bench.node.ask("eth_sendRawTransaction", f"0x{raw.hex()}")


def test_a_nonce_taken_by_another_sender_is_signed_anew(alone: Bench) -> None:
    adapter = alone.adapter()
    of = point(6)
    signed = adapter.sign(of, [])
    other_transaction(alone, 0)
    with pytest.raises(SignAnew, match="nonce 0"):
        adapter.send(of, signed)
    with pytest.raises(SignAnew):
        adapter.look_up(of, [signed], b"")
    anew = adapter.sign(of, [signed])
    assert anew.memo["nonce"] == 1
    adapter.send(of, anew)
    alone.node.mine(2)
    assert isinstance(anchored_once(adapter, of, [signed, anew]), Final)
    assert alone.nonce() == 2


def test_a_replacement_pays_at_least_a_tenth_more(alone: Bench) -> None:
    alone.node.ask("evm_setAutomine", False)
    adapter = alone.adapter()
    of = point(6)
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    replacing = adapter.sign(of, [signed])
    assert replacing.memo["nonce"] == signed.memo["nonce"]
    for name in ("price", "tip"):
        assert int(replacing.memo[name]) * 10 >= int(signed.memo[name]) * 11
    adapter.send(of, replacing)
    alone.node.mine(3)
    standing = anchored_once(adapter, of, [signed, replacing])
    assert isinstance(standing, Final)
    assert standing.external_tx == replacing.external_tx
    assert alone.nonce() == 1


def test_a_price_below_the_base_fee_is_signed_anew(alone: Bench) -> None:
    alone.node.ask("evm_setAutomine", False)
    adapter = alone.adapter()
    of = point(6)
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    alone.node.ask("anvil_dropAllTransactions")
    alone.node.ask("anvil_setNextBlockBaseFeePerGas", hex(10**13))
    alone.node.mine()
    with pytest.raises(SignAnew):
        adapter.send(of, signed)
    anew = adapter.sign(of, [signed])
    assert int(anew.memo["price"]) >= 10**13 * 7 // 8
    adapter.send(of, anew)
    alone.node.mine(3)
    assert isinstance(anchored_once(adapter, of, [signed, anew]), Final)


def test_a_price_above_the_limit_waits(alone: Bench) -> None:
    adapter = alone.adapter(most_gas_price=1_000)
    with pytest.raises(Unreachable, match="most_gas_price is 1000"):
        adapter.sign(point(1), [])


def test_a_planted_root_is_a_conflict(pair: Bench) -> None:
    honest, planting = pair.adapter(0), pair.adapter(1)
    planted = point(8, "a fork")
    planting.send(planted, planting.sign(planted, []))
    pair.node.mine()
    of = point(8)
    with pytest.raises(Conflicting, match=planted.root.hex()):
        honest.sign(of, [])
    with pytest.raises(Conflicting, match=planted.root.hex()):
        honest.look_up(of, [], b"")


def test_a_root_planted_behind_our_back_is_a_conflict(pair: Bench) -> None:
    """It is there before ours is included: our transaction reverts."""
    pair.node.ask("evm_setAutomine", False)
    honest, planting = pair.adapter(0), pair.adapter(1)
    planted, of = point(8, "a fork"), point(8)
    signed = honest.sign(of, [])
    planting.send(planted, planting.sign(planted, []))
    pair.node.mine()
    honest.send(of, signed)
    pair.node.mine()
    assert pair.nonce(0) == 1
    with pytest.raises(Conflicting, match=planted.root.hex()):
        honest.look_up(of, [signed], b"")


def test_a_size_below_the_last_is_refused_as_covered(alone: Bench) -> None:
    adapter = alone.adapter()
    anchor(adapter, point(9), alone.node)
    with pytest.raises(Refused, match="size 9 already, whose anchor covers this one"):
        adapter.sign(point(3), [])


def test_an_account_that_is_no_member_is_refused(pair: Bench) -> None:
    outsider = pair.adapter(0, key="payer.key")
    with pytest.raises(Refused, match="no member"):
        outsider.sign(point(1), [])


def test_an_account_without_means_waits_for_them(alone: Bench) -> None:
    adapter = alone.adapter()
    of = point(1)
    signed = adapter.sign(of, [])
    alone.node.ask("anvil_setBalance", f"0x{alone.members[0].hex()}", "0x1")
    with pytest.raises(Unreachable, match="cannot pay") as caught:
        adapter.send(of, signed)
    assert caught.value.retry_after > 0


def test_a_transaction_that_runs_out_of_gas_is_not_tried_again(alone: Bench) -> None:
    adapter = alone.adapter(gas_limit=60_000)
    of = point(1)
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    alone.node.mine(2)
    with pytest.raises(Refused, match="gas_limit is too low"):
        adapter.look_up(of, [signed], b"")
    enough = alone.adapter()
    with pytest.raises(SignAnew):
        enough.look_up(of, [signed], b"")
    anchor(enough, of, alone.node)


def test_gas_is_enough_for_a_whole_consortium(pair: Bench) -> None:
    """The most that an attestation takes: the first of a size, and the one that confirms."""
    of = point(2**53 - 1)
    for number in range(2):
        signed, _, _ = anchor(pair.adapter(number), of, pair.node)
        receipt = pair.node.ask("eth_getTransactionReceipt", signed.external_tx)
        assert int(receipt["gasUsed"], 16) * 2 < pair.settings().gas_limit


def test_the_receipt_proof_where_state_is_gone(alone: Bench) -> None:
    """Receipts by both ways lead to the same block and pass alike."""
    adapter = alone.adapter()
    of = point(1)
    alone.node.ask("evm_setAutomine", False)
    for nonce in range(3):  # so that the trie of receipts has more than one leaf
        account = EvmAccount(bytes.fromhex(ANVIL_KEYS[1]))
        _, raw = account.sign(
            {
                "chainId": ANVIL_CHAIN,
                "to": account.address,
                "value": 1,
                "gas": 21_000,
                "gasPrice": 10**11,
                "nonce": nonce,
            }
        )
        alone.node.ask("eth_sendRawTransaction", f"0x{raw.hex()}")
    signed = adapter.sign(of, [])
    adapter.send(of, signed)
    alone.node.mine(3)
    final = adapter.look_up(of, [signed], b"")
    assert isinstance(final, Final)
    by_state = adapter.receipt(of, [signed], b"", final)
    adapter.close()

    def refuse(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
        if method == "eth_getProof":
            return {"error": {"code": -32000, "message": "missing trie node"}}
        return forward()

    with proxy(alone.node.url, refuse) as url:
        by_receipt = alone.adapter(url=url).receipt(of, [signed], b"", final)
    assert "receipt" in by_receipt.content
    assert by_receipt.content["header"] == by_state.content["header"]
    pinned = block_to_pin(by_receipt.content, "receipt")
    adapter = alone.adapter()
    vouched = verify_evm(by_receipt.content, of, trust_in(adapter, pinned), BACKEND, "receipt")
    assert "confirmed by the threshold" in vouched.how


def test_another_chain_contract_or_ledger_does_not_open(alone: Bench) -> None:
    with pytest.raises(Misconfigured, match=f"is of chain {ANVIL_CHAIN}, not 5"):
        alone.adapter(chain_id=5)
    nothing = f"0x{'11' * 20}"
    with pytest.raises(Misconfigured, match="nothing is at"):
        alone.adapter(contract=nothing)
    alone.node.ask("anvil_setCode", nothing, "0x600160005260206000f3")
    with pytest.raises(Misconfigured, match="is not that of this release"):
        alone.adapter(contract=nothing)


def test_a_call_as_anybody_would_make_it(alone: Bench) -> None:
    """The data that the core says an attestation is of are what the contract takes."""
    of = point(11)
    call = {
        "from": f"0x{alone.members[0].hex()}",
        "to": f"0x{alone.deployed.contract.hex()}",
        "data": f"0x{attest_call(of).hex()}",
    }
    assert alone.node.ask("eth_call", call, "latest") == "0x"
