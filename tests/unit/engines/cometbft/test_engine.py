"""What the engine of a consortium holds of blocks that are not proven yet."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

from builders.events import case_sub
from builders.ledger import LedgerBench
from cryptography.hazmat.primitives.asymmetric import ed25519

from node.core.frame import encode_frame
from node.engines.cometbft.engine import CometEngine
from node.engines.cometbft.engine_home import EngineSettings
from node.engines.cometbft.machine import Decided
from node.ledger.application import Committed
from node.ledger.published import Published
from node.wiring import EdKey


class Opener:
    """Is asked nothing."""

    def open_frame(self, frame: bytes) -> None:  # type: ignore[override]
        raise AssertionError

    hasten = open_frame


def engine_of(bench: LedgerBench, path: Path, told: list[Committed]) -> CometEngine:
    application = bench.application
    key = EdKey(ed25519.Ed25519PrivateKey.generate())
    return CometEngine(
        application,
        Published(application.store, application.layers),
        path / "engine",
        path / "snapshots",
        path / "binary",
        key,
        key,
        EngineSettings(listen="127.0.0.1:0"),
        Opener(),  # type: ignore[arg-type]
        told.append,
        lambda error: None,
    )


def test_only_blocks_with_frames_of_its_own_are_held_until_they_are_proven(tmp_path: Path) -> None:
    """A node that catches up decides many blocks before the first of their headers comes."""
    bench, told = LedgerBench(), list[Committed]()
    engine = engine_of(bench, tmp_path, told)
    own: set[bytes] = set()
    engine._broadcaster = SimpleNamespace(  # type: ignore[assignment]
        landed=lambda frames: [[b"token"] if frame in own else [] for frame in frames]
    )
    engine._keeper = SimpleNamespace(  # type: ignore[assignment]
        next_height=1, decided=lambda height: None
    )
    for number in range(1, 5):
        frame = encode_frame([bench.jwt("signing.initiated", case_sub(number))])
        if number == 3:
            own.add(frame)
        opened = bench.application.process([frame], bench.intake)
        block = bench.application.finalize(number, bench.time(number), opened)
        bench.application.persist([block])
        engine._decided(Decided(block, opened, b""))
    assert list(engine._unproven) == [3]
    assert not told
