"""What readers see where headers come later than blocks."""

from __future__ import annotations

import pytest
from builders.ledger import LedgerBench

from node.core.errors import LedgerFault
from node.ledger.published import Published
from node.ledger.reader import NotProven
from node.ledger.reader_cache import ReaderCache
from node.ledger.rows import KEPT, VALIDATORS, encode_kept, encode_validators, number_key
from node.storage.memory import MemoryStore


class Snapshots(MemoryStore):
    """Counts the snapshots that are open."""

    def __init__(self) -> None:
        super().__init__()
        self.open_snapshots = 0

    def snapshot(self):  # type: ignore[no-untyped-def]
        snapshot = super().snapshot()
        self.open_snapshots += 1
        close = snapshot.close

        def closed() -> None:
            self.open_snapshots -= 1
            close()

        snapshot.close = closed  # type: ignore[method-assign]
        return snapshot


class Consortium:
    """A ledger whose headers are kept when the test says so."""

    def __init__(self) -> None:
        self.store = Snapshots()
        self.bench = LedgerBench(self.store)
        self.published = Published(self.store, self.bench.application.layers)
        self.frames = ReaderCache(self.bench.bodies)
        self.signed: dict[int, bytes] = {}
        self.cases = 0

    def block(self) -> int:
        """A block with one record, written and not proven; its height."""
        bench, application = self.bench, self.bench.application
        self.cases += 1
        jwt = bench.jwt("signing.initiated", f"case:platform-a:{self.cases}")
        frames, height, before = bench.open([jwt]), bench.height, bench.app_hash
        block = application.finalize(height, bench.time(height), frames)
        signed = bench.seal_block(height, bench.time(height), frames, before, block.results)
        self.signed[height] = encode_kept(*signed)
        application.persist([block])
        application.release([block])
        self.published.written()
        return height

    def keep(self, height: int) -> None:
        """The header at ``height`` and its commit come in."""
        batch = self.store.batch()
        batch.put(number_key(KEPT, height), self.signed[height])
        validators = self.bench.maker.validators
        batch.put(VALIDATORS + validators.hash(), encode_validators(validators))
        self.store.write(batch, sync=False)
        self.published.proven(height - 1)

    def seen(self) -> tuple[int, int]:
        """The height that readers see, and how many cases."""
        with self.published.open(self.frames) as reader:
            cases = range(1, self.cases + 1)
            known = [n for n in cases if reader.dossier_count(f"case:platform-a:{n}")]
            return reader.meta.height, len(known)


@pytest.fixture
def chain() -> Consortium:
    return Consortium()


def test_readers_see_the_newest_block_that_is_proven(chain: Consortium) -> None:
    for _ in range(3):
        chain.block()
    assert chain.seen() == (3, 3), "before anything is proven, what was written last"
    chain.keep(1)
    assert chain.published.height is None, "the genesis was not written in this run"
    chain.keep(2)
    assert chain.seen() == (1, 1)
    chain.keep(3)
    assert chain.seen() == (2, 2)
    assert chain.published.height == 2
    chain.block()
    assert chain.seen() == (2, 2)


def test_what_they_see_can_be_proven_at_once(chain: Consortium) -> None:
    from node.core.signatures import load_backend
    from node.core.verify import verify_bundle
    from node.evidence.bundle import bundle_dossier, encode_bundle

    for _ in range(4):
        chain.block()
    for height in (1, 2, 3):
        chain.keep(height)
    chain.block()
    with chain.published.open(chain.frames) as reader:
        assert reader.as_of == reader.meta.height == 2
        bundle = encode_bundle(bundle_dossier(reader, "case:platform-a:2"))
    assert verify_bundle(bundle, chain.bench.trust(), load_backend()).accepted


def test_what_no_header_shows_is_not_proven(chain: Consortium) -> None:
    chain.block()
    with (
        chain.published.open(chain.frames) as reader,
        pytest.raises(NotProven, match="after height 1 yet"),
    ):
        _ = reader.as_of


def test_a_header_that_is_kept_before_its_block_is_written(chain: Consortium) -> None:
    chain.block()
    published, chain.published = (
        chain.published,
        Published(chain.store, chain.bench.application.layers),
    )
    second = chain.block()
    chain.keep(second)
    assert chain.published.height is None
    chain.published, late = published, chain.published
    late.written()
    assert late.height is None
    chain.published = late
    third = chain.block()
    chain.keep(third)
    assert late.height == 2


def test_a_reader_keeps_its_snapshot_and_all_are_closed_in_the_end(chain: Consortium) -> None:
    for _ in range(6):
        chain.block()
    for height in (1, 2, 3):
        chain.keep(height)
    reader = chain.published.open(chain.frames)
    for height in (4, 5, 6):
        chain.keep(height)
    assert reader.meta.height == 2
    assert reader.dossier_count("case:platform-a:2") == 1
    assert reader.dossier_count("case:platform-a:3") == 0
    assert chain.seen() == (5, 5)
    assert chain.store.open_snapshots == 3, "the reader's, the proven one, the one after it"
    reader.close()
    reader.close()
    assert chain.store.open_snapshots == 2
    chain.published.close()
    assert chain.store.open_snapshots == 0


def test_not_every_block_waits_for_a_header_that_does_not_come(chain: Consortium) -> None:
    chain.published = Published(chain.store, chain.bench.application.layers, most_unproven=3)
    for _ in range(9):
        chain.block()
    assert chain.store.open_snapshots == 3
    seen = []
    for height in range(2, 10):
        chain.keep(height)
        seen.append(chain.published.height)
    assert seen == [1, 2, 2, 2, 2, 2, 2, 2], "those between the oldest and the newest are passed"
    last = chain.block()
    chain.keep(last)
    assert chain.seen() == (9, 9), "what is newest can be read when it is proven"
    chain.published.close()
    assert chain.store.open_snapshots == 0


def test_proofs_out_of_order_cannot_be(chain: Consortium) -> None:
    for _ in range(3):
        chain.block()
    for height in (1, 2):
        chain.keep(height)
    chain.published._written[0] = chain.published._written[2]
    with pytest.raises(LedgerFault, match="proven after"):
        chain.published.proven(0)
