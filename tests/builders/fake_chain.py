"""An outside chain in memory, with blocks, reorganisations and accounts, and an adapter for it.

It keeps to the port as real ones do, and every call of it can be made to fail, before or after its
effect. `FragileStore` loses what was not synced, as a loss of power does.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chaincode_adapters.errors import Conflicting, Refused, SignAnew, Unreachable
from chaincode_adapters.port import Final, Included, Missing, Pending, Receipt, Signed, Standing
from node.core.anchors.point import AnchorPoint
from node.core.anchors.receipts import AnchorReceipt
from node.core.anchors.vouching import Vouched
from node.core.errors import InvalidProof
from node.core.signatures import Backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked
from node.storage.memory import MemoryStore
from node.storage.ports import Batch

__all__ = [
    "FakeAdapter",
    "FakeChain",
    "FragileStore",
    "Killed",
    "PowerLost",
    "point_of",
    "verify_fake",
]

KIND = "fake-block"
CHAIN_ID = "fake-test"


class Killed(BaseException):
    """The process is killed here."""


class PowerLost(Killed):
    """And what was not synced is gone."""


def point_of(number: int, *, fork: str = "", chain_id: str = CHAIN_ID) -> AnchorPoint:
    """The ``number``-th anchor point of a ledger, from 1, or of a false one."""
    digest = [
        hashlib.sha256(f"{fork}{name}{number}".encode()).digest() for name in ("root", "state", "h")
    ]
    return AnchorPoint(chain_id, 10 * number, 100 * number, *digest)


@dataclass
class FakeChain:
    """Accounts with numbers, a mempool, blocks. ``depth`` is how many blocks make one final.

    ``held`` is the contract's state: which root it has at which size. Attesting the same again does
    nothing; ``anchored`` counts what had an effect.
    """

    name: str = "fake:1"
    depth: int = 2
    mempool: dict[str, bytes] = field(default_factory=dict)
    blocks: list[tuple[str, tuple[tuple[str, bytes], ...]]] = field(default_factory=list)
    planted: dict[int, bytes] = field(default_factory=dict)
    rejects: str = ""
    _made: int = 0
    _top: int = 0

    @property
    def number(self) -> int:
        """The account's next number, by what is included."""
        return sum(len(items) for _, items in self.blocks)

    @property
    def anchored(self) -> Counter[bytes]:
        """How often each point's digest stands on the chain."""
        return Counter(
            content["digest"]
            for _, items in self.blocks
            for _, raw in items
            if (content := msgspec.msgpack.decode(raw))["digest"]
        )

    def submit(self, raw: bytes) -> str:
        """Take a transaction; its id. Raises SignAnew, as nodes do for a number that is used."""
        tx = hashlib.sha256(raw).hexdigest()
        if tx in self.mempool or self.find(tx) is not None:
            return tx
        number = msgspec.msgpack.decode(raw)["number"]
        taken = [msgspec.msgpack.decode(other)["number"] for other in self.mempool.values()]
        if number < self.number or number in taken:
            raise SignAnew(f"number {number} is taken")
        self.mempool[tx] = raw
        return tx

    def find(self, tx: str) -> int | None:
        """The height of the block that has it, from 1."""
        for height, (_, items) in enumerate(self.blocks, 1):
            if any(tx == item[0] for item in items):
                return height
        return None

    def mine(self, blocks: int = 1) -> None:
        """Include what follows on the account's number."""
        for _ in range(blocks):
            items: list[tuple[str, bytes]] = []
            by_number = {
                msgspec.msgpack.decode(raw)["number"]: (tx, raw) for tx, raw in self.mempool.items()
            }
            number = self.number
            while number in by_number:
                items.append(by_number[number])
                del self.mempool[by_number[number][0]]
                number += 1
            self._made += 1
            mark = hashlib.sha256(f"{self.name} block {self._made}".encode()).hexdigest()
            self.blocks.append((mark, tuple(items)))
            self._top = max(self._top, len(self.blocks))

    def reorganise(self, blocks: int, *, forget: bool = False, deep: bool = False) -> None:
        """Take back the last blocks; what was in them waits again, or is forgotten. Only where it
        is ``deep`` is that taken back, too, which has been final once."""
        least = 0 if deep else self._top - self.depth
        for _ in range(blocks):
            if len(self.blocks) <= max(least, 0):
                break
            _, items = self.blocks.pop()
            self.mempool.update(items)
        if forget:
            self.forget()

    def forget(self) -> None:
        """Lose what waits; other programs send theirs again."""
        self.mempool = {tx: raw for tx, raw in self.mempool.items() if not _is_anchor(raw)}

    def steal_number(self) -> None:
        """Another program uses the account: its transaction takes the next number."""
        self._made += 1
        raw = msgspec.msgpack.encode({"digest": b"", "number": self.number, "size": self._made})
        self.mempool = {
            tx: other
            for tx, other in self.mempool.items()
            if msgspec.msgpack.decode(other)["number"] != self.number
        }
        self.mempool[hashlib.sha256(raw).hexdigest()] = raw
        self.mine()


def _is_anchor(raw: bytes) -> bool:
    return bool(msgspec.msgpack.decode(raw)["digest"])


class FakeAdapter:
    """The adapter. ``fault`` is called with ``<call>:before`` and ``<call>:after``,
    and may raise."""

    kind = "fake"

    def __init__(
        self,
        chain: FakeChain,
        name: str = "fake",
        *,
        fault: Callable[[str], None] = lambda place: None,
        in_flight: int = 4,
        poll_ms: int = 1000,
    ) -> None:
        self.name = name
        self.chain = chain.name
        self.in_flight = in_flight
        self.poll_ms = poll_ms
        self.on = chain
        self.fault = fault
        self.opened = 0
        self.is_open = False
        self.believed = True
        self.calls: Counter[str] = Counter()

    def _around(self, call: str, effect: Callable[[], Any]) -> Any:
        self.calls[call] += 1
        self.fault(f"{call}:before")
        found = effect()
        self.fault(f"{call}:after")
        return found

    def open(self) -> None:
        def effect() -> None:
            self.opened += 1
            self.is_open = True

        self._around("open", effect)

    def close(self) -> None:
        self.is_open = False

    def sign(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Signed:
        def effect() -> Signed:
            numbers = [msgspec.msgpack.decode(raw)["number"] for raw in self.on.mempool.values()]
            number = max([self.on.number, *(number + 1 for number in numbers)])
            used = [attempt.memo["number"] for attempt in attempts]
            if used and isinstance(used[-1], int) and used[-1] >= self.on.number:
                number = used[-1]  # it cannot stand beside the one before
            content = {"digest": point.digest(), "number": number, "size": point.size}
            raw = msgspec.msgpack.encode(content)
            return Signed(hashlib.sha256(raw).hexdigest(), raw, {"number": number})

        return self._around("sign", effect)

    def send(self, point: AnchorPoint, signed: Signed) -> bytes:
        def effect() -> bytes:
            if self.on.rejects:
                raise Refused(self.on.rejects)
            self.on.submit(signed.payload)
            return b""

        return self._around("send", effect)

    def look_up(self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes) -> Standing:
        return self._around("look_up", lambda: self._stands(point, attempts))

    def _stands(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Standing:
        if self.on.planted.get(point.size, point.root) != point.root:
            raise Conflicting(f"it holds another root at size {point.size}")
        for attempt in attempts:
            height = self.on.find(attempt.external_tx)
            if height is not None:
                mark = self.on.blocks[height - 1][0]
                if len(self.on.blocks) - height >= self.on.depth:
                    return Final(attempt.external_tx, height, mark, 1_700_000_000_000 + height)
                return Included(attempt.external_tx, height, mark)
        if any(attempt.external_tx in self.on.mempool for attempt in attempts):
            return Pending()
        if attempts and all(int(item.memo["number"]) < self.on.number for item in attempts):
            raise SignAnew("its number is taken")
        return Missing()

    def receipt(
        self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes, final: Final
    ) -> Receipt:
        def effect() -> Receipt:
            content = {
                "block": final.mark,
                "chain": self.chain,
                "digest": point.digest().hex(),
                "tx": final.external_tx,
            }
            return Receipt(KIND, content, final.external_tx, final.height, final.time)

        return self._around("receipt", effect)

    def trust_entry(self) -> dict[str, Any]:
        return {"chain": self.chain if self.believed else "another", "kind": KIND}


def verify_fake(item: AnchorReceipt, trust: Trust, backend: Backend, place: str) -> Vouched:
    """The verifier of the fake chain's receipts."""
    receipt = item.content
    if receipt["digest"] != item.point.digest().hex():
        raise InvalidProof(f"{place}.receipt.digest", "must be the point's")
    if {"chain": receipt["chain"], "kind": KIND} not in trust.anchors:
        raise NotChecked("the trust file names no such chain", "信任文件未列出该链")
    return Vouched("the fake chain", 0, receipt["block"], "it has the point", "含该锚点")


class FragileStore(MemoryStore):
    """A store in memory that may be killed around each write, and that can lose power."""

    def __init__(self, fault: Callable[[str], None] = lambda place: None) -> None:
        super().__init__()
        self.fault = fault
        self._volatile: dict[bytes, bytes | None] = {}

    def write(self, batch: Batch, *, sync: bool) -> None:
        self.fault("write:before")
        for key, _ in batch.changes:  # type: ignore[attr-defined]
            if sync:
                self._volatile.pop(key, None)
            else:
                self._volatile.setdefault(key, self.get(key))
        super().write(batch, sync=sync)
        self.fault("write:after")

    def lose_power(self) -> None:
        """Take back what was written without sync, even where what came later stays."""
        batch = self.batch()
        for key, before in self._volatile.items():
            if before is None:
                batch.delete(key)
            else:
                batch.put(key, before)
        self._volatile.clear()
        super().write(batch, sync=True)


def unreachable(place: str) -> None:
    """A fault of each call of the chain."""
    if place.startswith("write"):
        return
    raise Unreachable(f"nothing came back ({place})")
