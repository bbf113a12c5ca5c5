"""What a transaction pays for gas: by EIP-1559 where blocks have a base fee, else one price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaincode_adapters.errors import Unreachable
from chaincode_adapters.evm.rpc import EvmNode, RpcFault, read_quantity

__all__ = ["Price", "Pricing"]


@dataclass(frozen=True)
class Price:
    """Wei for each unit of gas: at most ``most``, of which ``tip`` goes to whoever makes the block.
    ``tip`` is None on chains with one price."""

    most: int
    tip: int | None = None

    def fields(self) -> dict[str, int]:
        """The members of a transaction that say so."""
        if self.tip is None:
            return {"gasPrice": self.most}
        return {"type": 2, "maxFeePerGas": self.most, "maxPriorityFeePerGas": self.tip}

    def memo(self) -> dict[str, int | str]:
        """What an attempt remembers of it: text, since it may not fit into JSON's numbers."""
        noted: dict[str, int | str] = {"price": str(self.most)}
        return noted if self.tip is None else {**noted, "tip": str(self.tip)}

    @classmethod
    def of_memo(cls, memo: dict[str, int | str]) -> Price | None:
        """What an attempt paid; None where it does not say."""
        if "price" not in memo:
            return None
        return cls(int(memo["price"]), int(memo["tip"]) if "tip" in memo else None)

    def at_least_above(self, earlier: Price) -> Price:
        """This price, or an eighth more than ``earlier``: nodes ask for a tenth more before they
        replace a transaction by another of the same nonce."""
        most = max(self.most, _more(earlier.most))
        if self.tip is None:
            return Price(most)
        tip = max(self.tip, _more(earlier.most if earlier.tip is None else earlier.tip))
        return Price(max(most, tip), tip)


def _more(price: int) -> int:
    return price + price // 8 + 1


@dataclass(frozen=True)
class Pricing:
    """The settings' part in it: a price to pay always, and one never to exceed, both in wei."""

    fixed: int | None = None
    most: int | None = None

    def quote(self, node: EvmNode, earlier: Sequence[Price] = ()) -> Price:
        """What to pay now. ``earlier`` are the prices of attempts that this one must replace.

        Raises:
            Unreachable: more than the settings allow would be needed.
        """
        price = self._now(node)
        for one in earlier:
            price = price.at_least_above(one)
        if self.most is not None and price.most > self.most:
            raise Unreachable(
                f"a price of {price.most} wei is needed, and most_gas_price is {self.most}", 60.0
            )
        return price

    def _now(self, node: EvmNode) -> Price:
        if self.fixed is not None:
            return Price(self.fixed)
        base = base_fee(node)
        if base is None:
            return Price(node.number("eth_gasPrice"))
        try:
            tip = node.number("eth_maxPriorityFeePerGas")
        except RpcFault:
            # FISCO-BCOS tells a base fee of 0 in every block and knows nothing else of EIP-1559.
            return Price(node.number("eth_gasPrice"))
        room = 2 * base + tip
        if self.most is not None and base + tip <= self.most:
            room = min(room, self.most)
        return Price(room, tip)

    def is_too_low(self, node: EvmNode, price: Price) -> bool:
        """Whether a transaction that pays this has to wait until prices fall: it is below the base
        fee, or below half of what the node suggests where there is none."""
        base = base_fee(node)
        if base:
            return price.most < base
        return self.fixed is None and price.most < node.number("eth_gasPrice") // 2


def base_fee(node: EvmNode) -> int | None:
    """The latest block's base fee; None on chains without (EIP-1559)."""
    latest = node.block("latest")
    if latest is None:
        raise Unreachable("the node has no latest block")
    fee = latest.fields.get("baseFeePerGas")
    return None if fee is None else read_quantity(fee, "baseFeePerGas")
