"""What transactions pay, and what replaces them."""

from __future__ import annotations

from typing import Any

import pytest

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.pricing import Price, Pricing
from chaincode_adapters.evm.rpc import EvmNode

BLOCK = {"number": "0x1", "hash": "0x" + "11" * 32, "timestamp": "0x1"}


class Market:
    """A node that knows prices."""

    origin = "a node"

    def __init__(self, base: int | None, tip: int | None, price: int = 70) -> None:
        self.base, self.tip, self.price = base, tip, price

    def begin(self) -> None:
        pass

    def close(self) -> None:
        pass

    def make_request(self, method: str, params: list[Any]) -> dict[str, Any]:
        if method == "eth_getBlockByNumber":
            fee = {} if self.base is None else {"baseFeePerGas": hex(self.base)}
            return {"result": {**BLOCK, **fee}}
        if method == "eth_gasPrice":
            return {"result": hex(self.price)}
        assert method == "eth_maxPriorityFeePerGas"
        if self.tip is None:
            return {"error": {"code": -32601, "message": "Method not found"}}
        return {"result": hex(self.tip)}


def market(*arguments: Any) -> EvmNode:
    return EvmNode(Market(*arguments))


def test_a_base_fee_may_double_before_the_transaction_is_too_cheap() -> None:
    assert Pricing().quote(market(100, 5)) == Price(205, 5)


@pytest.mark.parametrize("of", [market(None, 5), market(None, None), market(0, None)])
def test_one_price_where_there_is_no_base_fee_or_no_tip(of: EvmNode) -> None:
    assert Pricing().quote(of) == Price(70)


def test_a_fixed_price_asks_nobody() -> None:
    assert Pricing(fixed=0).quote(market(100, 5)) == Price(0)


def test_a_limit_holds_and_is_used_up_before_it_stops() -> None:
    assert Pricing(most=150).quote(market(100, 5)) == Price(150, 5)
    with pytest.raises(Unreachable, match="most_gas_price is 104") as caught:
        Pricing(most=104).quote(market(100, 5))
    assert caught.value.retry_after == 60
    with pytest.raises(Unreachable, match="most_gas_price is 69"):
        Pricing(most=69).quote(market(None, None))


@pytest.mark.parametrize("earlier", [Price(300, 10), Price(300), Price(1, 1), Price(0, 0)])
@pytest.mark.parametrize("of", [market(100, 5), market(None, None)])
def test_a_replacement_pays_a_tenth_more_in_every_part(of: EvmNode, earlier: Price) -> None:
    price = Pricing().quote(of, [earlier])
    assert price.most * 10 >= earlier.most * 11
    assert price.most > earlier.most
    if price.tip is not None:
        assert price.tip * 10 >= (earlier.tip if earlier.tip is not None else 0) * 11
        assert price.tip <= price.most
    again = Pricing().quote(of, [earlier, price])
    assert again.most * 10 >= price.most * 11


def test_a_replacement_keeps_to_the_limit() -> None:
    with pytest.raises(Unreachable, match="most_gas_price is 210"):
        Pricing(most=210).quote(market(100, 5), [Price(205, 5)])


@pytest.mark.parametrize("price", [Price(5), Price(2**70, 3), Price(0, 0)])
def test_a_price_comes_back_from_what_is_remembered(price: Price) -> None:
    assert Price.of_memo(price.memo()) == price
    assert Price.of_memo({"nonce": 4}) is None


def test_a_price_below_the_base_fee_is_too_low() -> None:
    assert Pricing().is_too_low(market(100, 5), Price(99, 1))
    assert not Pricing().is_too_low(market(100, 5), Price(100, 1))


@pytest.mark.parametrize("base", [None, 0])
def test_where_there_is_no_base_fee_half_the_suggestion_is_too_low(base: int | None) -> None:
    of = market(base, None, 70)
    assert Pricing().is_too_low(of, Price(34))
    assert not Pricing().is_too_low(of, Price(35))
    assert not Pricing(fixed=0).is_too_low(of, Price(0))
