"""Receipts of other members: fetched where the ledger names them, believed in nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from builders.events import data_of
from builders.ledger import LedgerBench
from structlog.testing import capture_logs

from chaincode_adapters import exchange
from chaincode_adapters.exchange import Exchange
from chaincode_adapters.receipts import MAX_RECEIPT_BYTES, Receipts, Wanted, encode_item
from node.core.anchors.point import AnchorPoint
from node.core.anchors.receipts import AnchorReceipt
from node.core.errors import InvalidProof
from node.storage.memory import MemoryStore

PEER, OTHER = "http://court.example.cn", "http://notary.example.cn"


class Case:
    """A ledger with the record of another member's anchor, and nodes that may have its receipt."""

    def __init__(self, bench: LedgerBench) -> None:
        self.bench = bench
        self.receipts = Receipts(MemoryStore())
        self.answers: dict[str, Callable[[], httpx.Response]] = {}
        self.asked: list[str] = []
        self.seconds = 0.0
        self.check: Callable[[AnchorReceipt], object] = lambda item: None
        for number in range(3):
            bench.record("record.imported", f"record:platform-a:{number}")
        bench.block()
        with bench.reader() as reader:
            height = reader.meta.height - 1
            roots, header = reader.roots(height), reader.header(height + 1)
            self.point = AnchorPoint(
                reader.chain_id_at(height),
                height,
                roots.size,
                roots.root,
                roots.state_root,
                header.hash(),
            )
        self.item = encode_item(AnchorReceipt("fake", self.point, {"proof": "x"}))
        self.record()
        transport = httpx.MockTransport(self._answer)
        self.exchange = Exchange(
            [PEER, OTHER + "/"],
            self.receipts,
            bench.reader,
            self._check,
            clock=lambda: self.seconds,
            transport=transport,
        )

    def _check(self, item: AnchorReceipt) -> object:
        return self.check(item)

    def record(self, item: bytes | None = None, number: int = 1) -> bytes:
        digest = hashlib.sha256(self.item if item is None else item).digest()
        data = data_of(
            "anchor.confirmed",
            chain="c:1",
            receipt_hash=digest.hex(),
            root=self.point.root.hex(),
            size=self.point.size,
            state_root=self.point.state_root.hex(),
        )
        self.bench.record("anchor.confirmed", f"anchor:operator-a:{number}", data)
        self.bench.block()
        return digest

    def _answer(self, request: httpx.Request) -> httpx.Response:
        url = f"{request.url.scheme}://{request.url.host}"
        self.asked.append(url)
        path, _, digest = request.url.path.rpartition("/")
        assert path == "/v1/anchors/receipts"
        assert len(digest) == 64
        answer = self.answers.get(url)
        if answer is None:
            raise httpx.ConnectError("connection refused")
        found = answer()
        return httpx.Response(found.status_code, stream=httpx.ByteStream(found.content))

    def gives(self, url: str, content: bytes, status: int = 200) -> None:
        self.answers[url] = lambda: httpx.Response(status, content=content)

    @property
    def held(self) -> bytes | None:
        return self.receipts.get(hashlib.sha256(self.item).digest())


@pytest.fixture
def case(bench: LedgerBench) -> Case:
    return Case(bench)


@pytest.fixture
def bench() -> LedgerBench:
    return LedgerBench()


def test_it_is_fetched_checked_and_kept(case: Case) -> None:
    case.gives(PEER, case.item)
    checked: list[AnchorReceipt] = []
    case.check = checked.append
    assert not case.exchange.round()
    assert case.held == case.item
    assert [item.kind for item in checked] == ["fake"]
    [held] = case.receipts.at(case.point.size)
    assert (held.chain, held.member) == ("c:1", "operator-a")
    case.exchange.round()
    assert case.asked == [PEER], "once is enough"


def test_one_after_the_other_is_asked(case: Case) -> None:
    case.gives(PEER, b"", status=404)
    case.gives(OTHER, case.item)
    case.exchange.round()
    assert case.held == case.item


def test_a_node_that_is_silent_or_has_none_is_asked_the_less(case: Case) -> None:
    case.gives(OTHER, b"", status=404)
    for _ in range(3600):
        case.exchange.round()
        case.seconds += 1
    assert 5 < case.asked.count(PEER) < 25
    assert 5 < case.asked.count(OTHER) < 25
    case.gives(OTHER, case.item)
    case.seconds += 600
    case.exchange.round()
    assert case.held == case.item


def other_point(case: Case, **changes: Any) -> bytes:
    members = {**case.point.to_json(), **changes}
    return encode_item(AnchorReceipt("fake", AnchorPoint.from_json(members), {"proof": "x"}))


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"x" * (MAX_RECEIPT_BYTES + 5)],
    ids=["nothing", "a page", "without end"],
)
def test_what_does_not_hash_to_it_is_refused_and_logged(case: Case, content: bytes) -> None:
    case.gives(PEER, content)
    with capture_logs() as logs:
        case.exchange.round()
    assert case.held is None
    [refused] = [log for log in logs if log["event"] == "wrong receipt"]
    assert refused["given_by"] == PEER
    assert "must hash to" in refused["reason"]
    assert case.exchange.refused == 1
    case.gives(OTHER, case.item)
    case.seconds += 60
    case.exchange.round()
    assert case.held == case.item, "another node has the right one"


def test_what_another_member_recorded_is_refused_where_it_is_of_no_point_here(
    bench: LedgerBench,
) -> None:
    case = Case(bench)
    for number, changes in enumerate(
        (
            {"header": "00" * 32},
            {"height": case.point.height - 1},
            {"height": 9_000},
            {"chain_id": "another"},
            {"root": "11" * 32},
            {"size": case.point.size - 1},
            {"state_root": "22" * 32},
        ),
        2,
    ):
        item = other_point(case, **changes)
        digest = case.record(item, number)
        case.gives(PEER, item)
        case.exchange.round()
        assert case.receipts.get(digest) is None, changes
        case.seconds += 10_000


def test_a_receipt_that_does_not_hold_spoils_no_bundle(case: Case) -> None:
    """Its hash is on the ledger: whoever recorded it lies, and every node would show it."""

    def refuse(item: AnchorReceipt) -> None:
        raise InvalidProof("item.receipt", "does not hold")

    case.check = refuse
    case.gives(PEER, case.item)
    case.exchange.round()
    assert case.held is None
    assert len(case.receipts.wanted()) == 1


@pytest.mark.parametrize("error", [RecursionError, ZeroDivisionError, TypeError])
def test_a_receipt_that_breaks_the_verifier_does_not_end_the_exchange(
    case: Case, error: type[Exception]
) -> None:
    """Otherwise one made-up receipt would do so at every node."""

    def breaks(item: AnchorReceipt) -> None:
        raise error("of a kind that nobody foresaw")

    case.check = breaks
    case.gives(PEER, case.item)
    with capture_logs() as logs:
        case.exchange.round()
    assert case.held is None
    assert case.exchange.refused == 1
    [refused] = [log for log in logs if log["event"] == "wrong receipt"]
    assert "cannot be checked" in refused["reason"]
    assert "nobody foresaw" not in refused["reason"]


def test_of_one_member_only_so_much_is_kept_in_an_hour(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "_MOST_BYTES_AN_HOUR", 100)
    other = encode_item(AnchorReceipt("fake", case.point, {"proof": "y"}))
    case.record(other, 2)
    items = {hashlib.sha256(item).hexdigest(): item for item in (case.item, other)}
    monkeypatch.setattr(case.exchange, "_get", lambda url, digest: items[digest.hex()])
    case.exchange.round()
    assert len(case.receipts.wanted()) == 1
    case.seconds += 3000
    case.exchange.round()
    assert len(case.receipts.wanted()) == 1
    case.seconds += 601
    case.exchange.round()
    assert case.receipts.wanted() == []


def test_a_flood_of_records_holds_the_receipts_of_others_up_by_little(case: Case) -> None:
    """Anybody can record anchors whose receipts nobody has, and choose their hashes."""
    case.exchange.round()
    flood = [
        Wanted(n.to_bytes(32, "big"), 7, "liar", "c:1", case.point.size, bytes(32), bytes(32))
        for n in range(10_500)
    ]
    case.receipts.want(flood, case.receipts.followed)
    case.answers[PEER] = lambda: httpx.Response(404)
    case.answers[OTHER] = lambda: httpx.Response(404)
    case.seconds += 1000
    case.asked.clear()
    case.exchange.round()
    assert len(case.asked) < 100
    honest = case.item
    case.answers[OTHER] = lambda: httpx.Response(200, content=honest)
    case.seconds += 1000
    case.exchange.round()
    assert case.held == case.item


def test_a_long_ledger_is_followed_in_pieces(case: Case) -> None:
    with case.bench.reader() as reader:
        size = reader.meta.size
    for number in range(2, 240):
        case.record(b"%d" % number, number)
    case.gives(PEER, b"", status=404)
    assert case.exchange.round(), "there is more"
    assert len(case.receipts.wanted()) == 200
    assert not case.exchange.round()
    assert len(case.receipts.wanted()) == 239
    assert case.receipts.followed > size


def test_after_an_older_ledger_was_restored_it_is_followed_anew(case: Case) -> None:
    case.receipts.want([], 9_999)
    case.gives(PEER, case.item)
    case.exchange.round()
    assert case.held == case.item
    with case.bench.reader() as reader:
        assert case.receipts.followed == reader.meta.size


def test_its_thread_ends(case: Case) -> None:
    case.exchange.start()
    case.exchange.stop()
    case.exchange.join(10)
