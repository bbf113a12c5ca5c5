from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.home import Home, make_home
from builders.running import running, signed_records, submit

from node.core.apphash import app_hash
from node.core.block import verify_commit
from node.core.errors import LedgerFault
from node.core.frame import encode_frame
from node.core.signatures import load_backend
from node.engines.solo.engine import SoloEngine, SoloSettings
from node.ledger.application import Committed, OpenedFrame
from node.ledger.intake import Intake
from node.wiring import EdKey, Node, system_time


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return make_home(
        tmp_path / "home",
        genesis_time=system_time() - 1000,
        settings={"storage": {"min_free_megabytes": 0}, "engine": {"empty_block_ms": 150}},
    )


@pytest.fixture
def node(home: Home) -> Iterator[Node]:
    started = running(home)
    yield started
    started.stop()


def check_chain(node: Node) -> int:
    """Every header from the first on; returns the last height."""
    backend = load_backend()
    with node.reader() as reader:
        last = reader.meta.height
        before = None
        for height in range(1, last + 1):
            header, commit = reader.need_kept(height)
            verify_commit(header, commit, reader.validators(header.validators_hash), backend)
            row = reader.need_block(height - 1)
            assert header.app_hash == app_hash(row.size, row.root, row.state_root)
            if before is not None:
                assert header.last_block_id == before[1].block_id
                assert header.last_commit_hash == before[1].hash()
                assert header.time > before[0].time
            before = header, commit
    return last


def test_a_block_with_records_is_proven_at_once(node: Node, home: Home) -> None:
    group = submit(node, signed_records(home, 3))
    position = group.tickets[0].position
    assert position is not None
    with node.reader() as reader:
        assert reader.meta.height >= position.height + 1
        row = reader.need_block(position.height)
        header = reader.need_kept(position.height + 1)[0]
        assert header.app_hash == row.app_hash
    check_chain(node)


def test_an_idle_chain_goes_on_and_its_app_hash_stays(node: Node, home: Home) -> None:
    submit(node, signed_records(home, 1))
    with node.reader() as reader:
        before = reader.meta
    waited = threading.Event()
    for _ in range(100):
        if node.application.written_height >= before.height + 3:
            break
        waited.wait(0.05)
    with node.reader() as reader:
        assert reader.meta.height >= before.height + 3
        assert reader.meta.app_hash == before.app_hash
    check_chain(node)


def test_a_restart_goes_on_where_it_was(home: Home) -> None:
    heights = []
    for _ in range(3):
        node = running(home)
        submit(node, signed_records(home, 4))
        heights.append(check_chain(node))
        node.stop()
    assert heights == sorted(set(heights))


def test_another_validators_key_is_refused(home: Home) -> None:
    running(home).stop()
    (home.path / "keys/validator.pem").unlink()
    EdKey.generate(home.path / "keys/validator.pem")
    node = Node(home.config)
    with pytest.raises(LedgerFault, match="other validators"):
        node.start()
    node.stores.close()


class Pump:
    """Gives an engine a frame at a time, and tells it how many records are still on their way."""

    def __init__(self, home: Home, records: int, coming: int) -> None:
        node = Node(home.config)
        self.node = node
        self.blocks: list[int] = []
        self.failure: BaseException | None = None
        self.done = threading.Event()
        self._left = signed_records(home, records)
        self._count = records
        self._coming = coming
        self._intake = Intake(node.application.key_ring())
        self.engine = SoloEngine(
            node.application,
            EdKey.load(home.path / "keys/validator.pem"),
            system_time,
            SoloSettings(
                max_frames=16,
                empty_block_ms=3_600_000,
                gather_ms=3_600_000,
                gather_each_us=3_600_000_000,
            ),
            self.committed,
            self.failed,
        )

    def pump(self, timeout: float) -> int:
        if not self._left:
            self.done.wait(0.01)
            return 0
        frame = encode_frame([self._left.pop().split(b"~")[0]])
        self.engine.submit(OpenedFrame(frame, self._intake.open_frame(frame)))
        return self._coming if self._left else 0

    def committed(self, block: Committed) -> None:
        self.blocks.append(len(block.frames))
        if sum(self.blocks) == self._count:
            self.done.set()

    def failed(self, error: BaseException) -> None:
        self.failure = error
        self.done.set()

    def run(self) -> list[int]:
        """How many frames each block got."""
        self.engine.recover()
        self.engine.start(self.pump)
        assert self.done.wait(30)
        assert self.failure is None
        self.engine.stop()
        self.node.stores.close()
        return self.blocks


@pytest.mark.parametrize(
    ("records", "coming", "blocks"),
    [(5, 0, [1, 1, 1, 1, 1]), (5, 1, [5]), (20, 50, [16, 4]), (1, 50, [1])],
)
def test_a_block_waits_for_what_is_coming_and_for_nothing_else(
    home: Home, records: int, coming: int, blocks: list[int]
) -> None:
    assert Pump(home, records, coming).run() == blocks
