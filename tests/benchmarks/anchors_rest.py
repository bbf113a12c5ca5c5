"""REST services and transparency logs: anchors/s and serial latency through the adapters.

    .venv/bin/python tests/benchmarks/anchors_rest.py [--quick]

The services are the tests' own (Python, in this process), the log is rekor-tiles (Go), with a
witness of the tests' own. All are on this machine, so what a wide network adds is not in it. A log
answers when its checkpoint is out; it is given one each 200 ms here, and looks for it each second.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import Figure, interleave

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from builders.judicial_dialects import Bjca
from builders.judicial_service import MEMBER_KEY, SignedAnswers, pem_of, serving
from builders.judicial_setup import now_ms, point_of, rest_adapter
from builders.key_files import write_key
from builders.rekor import running_rekor, witnessing

from chaincode_adapters.port import Final, Receipt, Surroundings
from chaincode_adapters.rekor.building import build
from chaincode_adapters.rekor.settings import RekorSettings, Witness
from chaincode_adapters.rest.exchange import Exchange, Sent
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rekor import verify_rekor
from node.core.anchors.rest import verify_rest
from node.core.signatures import load_backend
from node.core.trust import Trust

_numbers = iter(range(1, 10**9))


def fresh() -> AnchorPoint:
    """A point that no service has seen."""
    number = next(_numbers)
    return replace(point_of(), height=number, size=number)


def anchor(adapter: Any, point: AnchorPoint) -> Receipt:
    """One point through all steps of the port; what is pending is asked for at once."""
    signed = adapter.sign(point, [])
    answer = adapter.send(point, signed)
    while not isinstance(standing := adapter.look_up(point, [signed], answer), Final):
        pass
    receipt: Receipt = adapter.receipt(point, [signed], answer, standing)
    return receipt


def rate(count: int, call: Callable[[], object]) -> float:
    """Calls a second, one after the other."""
    begun = time.perf_counter()
    for _ in range(count):
        call()
    return count / (time.perf_counter() - begun)


def together(adapters: list[Any], count: int) -> float:
    """Anchors a second of several adapters at once, each with a thread of its own."""
    threads = [
        threading.Thread(target=rate, args=(count, lambda one=one: anchor(one, fresh())))
        for one in adapters
    ]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count * len(adapters) / (time.perf_counter() - begun)


def tell(name: str, adapters: list[Any], count: int, verify: Any) -> None:
    """Print latency, throughput of several adapters, and the verifier's rate."""
    times = []
    for _ in range(count):
        begun = time.perf_counter()
        receipt = anchor(adapters[0], point := fresh())
        times.append((time.perf_counter() - begun) * 1000)
    times.sort()
    print(f"{name}: {1000 / statistics.mean(times):.1f} anchors/s serial")
    print(f"  latency {statistics.median(times):.1f} ms, p95 {times[int(count * 0.95)]:.1f} ms")
    many = together(adapters, max(2, count // len(adapters)))
    print(f"  {many:.1f} anchors/s of {len(adapters)} adapters at once")
    trust = Trust(point.chain_id, b"", anchors=(adapters[0].trust_entry(),))
    for backend in ("cryptography", "ecdsa"):
        checker = load_backend(backend)
        checks = rate(50, lambda c=checker: verify(receipt.content, point, trust, c, "receipt"))
        print(f"  {checks:.0f} receipts/s verified with {backend}")


def rest(dialect: Any, count: int, rounds: int, folder: Path) -> Figure:
    """The figures of one service: against bare requests of the same number."""
    with ExitStack() as stack:
        service = stack.enter_context(serving(dialect()))
        adapters = [rest_adapter(service, folder) for _ in range(4)]
        for one in adapters:
            stack.callback(one.close)
        bare = Exchange(service.url, timeout_ms=5000, most=1 << 20)
        stack.callback(bare.close)
        service.faults.add("html")
        bare(Sent("GET", "/", (), b""))
        service.faults.clear()

        def requests() -> float:
            service.faults.add("html")  # answered before anything is checked
            found = rate(count, lambda: bare(Sent("GET", "/", (), b"")))
            service.faults.clear()
            return found

        figure = interleave(
            f"anchors.rest.{dialect.example}",
            "anchors/s, serial",
            "bare requests/s",
            lambda: rate(count, lambda: anchor(adapters[0], fresh())),
            requests,
            rounds,
        )
        tell(dialect.example, adapters, count, verify_rest)
        print(f"  {figure.ratio:.2f} of bare requests")
    return figure


def rekor(count: int, folder: Path) -> None:
    """The figures of the log."""
    write_key(folder / "k", pem_of(MEMBER_KEY))
    with ExitStack() as stack:
        witness = stack.enter_context(witnessing())
        log = stack.enter_context(
            running_rekor(folder / "log", algorithm="ed25519", witness=witness)
        )
        settings = RekorSettings(
            name="log",
            operator="O",
            url=log.url,
            tiles=log.tiles,
            key="k",
            log_key=log.log_key,
            witnesses=[Witness(operator="W", key=witness.key)],
            timeout_ms=30_000,
        )
        surroundings = Surroundings(folder, "c", bytes(32), "member", now_ms)
        adapters = [build(settings, surroundings) for _ in range(8)]
        for one in adapters:
            stack.callback(one.close)
        tell("rekor-tiles with a witness", adapters, count, verify_rekor)


def main() -> int:
    """Measure each in turn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer anchors and rounds")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        for dialect in (SignedAnswers, Bjca):
            rest(dialect, 50 if quick else 200, 1 if quick else 5, Path(folder))
        rekor(4 if quick else 20, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
