"""Anchors a second, and how long one takes alone, on the embedded chain and on anvil.

    PYTHONPATH=tests .venv/bin/python tests/benchmarks/anchors_evm.py [ANCHORS]

One account and one member. *Serial*: each point is signed, sent, looked up until it is final, and
its receipt made and checked, before the next begins. *In flight*: as many as the adapter's
``in_flight`` are sent before the first is looked up. anvil makes a block for each transaction, with
a depth of 1, and one block more whenever something is waited for.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from builders.anvil import Anvil, anvil
from builders.evm import bench, embedded, point

from chaincode_adapters.port import AnchorAdapter, Final, Signed


def _finish(adapter: AnchorAdapter, size: int, signed: Signed, node: Anvil | None) -> None:
    standing = adapter.look_up(point(size), [signed], b"")
    if not isinstance(standing, Final):
        assert node is not None, standing
        node.mine()
        standing = adapter.look_up(point(size), [signed], b"")
    assert isinstance(standing, Final), standing
    adapter.receipt(point(size), [signed], b"", standing)


def _send(adapter: AnchorAdapter, size: int) -> Signed:
    signed = adapter.sign(point(size), [])
    adapter.send(point(size), signed)
    return signed


def _measure(name: str, adapter: AnchorAdapter, count: int, node: Anvil | None = None) -> None:
    took = []
    for size in range(1, count + 1):
        began = time.perf_counter()
        _finish(adapter, size, _send(adapter, size), node)
        took.append(time.perf_counter() - began)
    print(
        f"{name}: serial {count / sum(took):.1f} anchors/s, "
        f"median {1000 * statistics.median(took):.1f} ms, "
        f"95 % {1000 * statistics.quantiles(took, n=20)[-1]:.1f} ms"
    )
    began = time.perf_counter()
    first = count + 1
    for start in range(first, first + count, adapter.in_flight):
        sizes = range(start, min(start + adapter.in_flight, first + count))
        sent = [(size, _send(adapter, size)) for size in sizes]
        for size, signed in sent:
            _finish(adapter, size, signed, node)
    rate = count / (time.perf_counter() - began)
    print(f"{name}: {adapter.in_flight} in flight {rate:.1f} anchors/s")


def main() -> None:
    """Measure both."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with tempfile.TemporaryDirectory() as folder:
        adapter = embedded(Path(folder))
        adapter.open()
        _measure("embedded", adapter, count)
        adapter.close()
        size = (Path(folder) / "anchors" / "embedded" / "chain.sqlite").stat().st_size
        print(f"embedded: {size / (2 * count) / 1000:.1f} kB an anchor on disk")
    with anvil() as node, tempfile.TemporaryDirectory() as folder:
        adapter = bench(node, Path(folder)).adapter(depth=1)
        _measure("anvil", adapter, count, node)
        adapter.close()


if __name__ == "__main__":
    main()
