"""Time-stamp authorities: anchors/s and serial latency through the adapter, beside bare requests.

    .venv/bin/python tests/benchmarks/anchors_tsa.py [--quick]

The authorities are `openssl ts -reply` behind HTTP (a process a token) and sigstore's (Go), both on
this machine, so what a wide network adds is not in it.
"""

from __future__ import annotations

import argparse
import base64
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
from harness import Figure, interleave

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from builders.certificates import issue, new_key, self_signed, tsa_extensions
from builders.time_stamping import POINT, adapter_of, go_tsa, openssl_tsa

from chaincode_adapters.port import Final, Receipt
from chaincode_adapters.rfc3161.adapter import TsaAdapter
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rfc3161 import verify_rfc3161
from node.core.signatures import load_backend
from node.core.trust import Trust

_HEADERS = {"content-type": "application/timestamp-query"}
_TOGETHER = 4


def points(count: int) -> list[AnchorPoint]:
    """So many different points."""
    return [replace(POINT, height=number + 1, size=number + 1) for number in range(count)]


def anchor(adapter: TsaAdapter, point: AnchorPoint) -> Receipt:
    """One point through all steps of the port."""
    signed = adapter.sign(point, [])
    answer = adapter.send(point, signed)
    final = adapter.look_up(point, [signed], answer)
    assert isinstance(final, Final)
    return adapter.receipt(point, [signed], answer, final)


def rate(count: int, call: Callable[[AnchorPoint], object]) -> float:
    """Calls a second, one after the other."""
    begun = time.perf_counter()
    for point in points(count):
        call(point)
    return count / (time.perf_counter() - begun)


def rate_together(adapters: list[TsaAdapter], count: int) -> float:
    """Anchors a second of several adapters at once, each with a thread of its own."""
    threads = [
        threading.Thread(target=rate, args=(count, lambda point, one=one: anchor(one, point)))
        for one in adapters
    ]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return count * len(adapters) / (time.perf_counter() - begun)


def latencies(adapter: TsaAdapter, count: int) -> list[float]:
    """Milliseconds of each of so many anchors, sorted."""
    out = []
    for point in points(count):
        begun = time.perf_counter()
        anchor(adapter, point)
        out.append((time.perf_counter() - begun) * 1000)
    return sorted(out)


def measure(name: str, url: str, root: bytes, folder: Path, count: int, rounds: int) -> Figure:
    """Print the figures of one authority; the one against bare requests is returned."""
    adapters = [adapter_of(url, folder, root) for _ in range(_TOGETHER)]
    for adapter in adapters:
        adapter.open()
    first = adapters[0]
    with httpx.Client(limits=httpx.Limits(max_keepalive_connections=0)) as client:

        def bare(point: AnchorPoint) -> None:
            client.post(url, content=first.sign(point, []).payload, headers=_HEADERS)

        figure = interleave(
            f"anchors.tsa.{name}",
            "anchors/s, serial",
            "bare requests/s, unchecked",
            lambda: rate(count, lambda point: anchor(first, point)),
            lambda: rate(count, bare),
            rounds,
        )
    times = latencies(first, count)
    together = rate_together(adapters, count // 2)
    receipt = anchor(first, POINT)
    roots = tuple(base64.b64decode(one) for one in first.trust_entry()["tsa_roots"])
    trust = Trust("chain-1", bytes(32), tsa_roots=roots)
    for adapter in adapters:
        adapter.close()
    print(f"{name}: {figure.rate:.0f} anchors/s serial, {figure.ratio:.2f} of bare requests")
    print(
        f"  latency {statistics.median(times):.1f} ms, p95 {times[int(len(times) * 0.95)]:.1f} ms"
    )
    print(f"  {together:.0f} anchors/s of {_TOGETHER} adapters at once")
    for backend in ("cryptography", "ecdsa"):
        checker = load_backend(backend)
        checks = rate(
            count // 2,
            lambda _, c=checker: verify_rfc3161(receipt.content, POINT, trust, c, "receipt"),
        )
        print(f"  {checks:.0f} receipts/s verified with {backend}")
    return figure


def main() -> int:
    """Measure each authority in turn."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer anchors and rounds")
    quick = parser.parse_args().quick
    rounds = 1 if quick else 5
    for name, serve, key, count in (
        ("openssl-ec", openssl_tsa, "P-256", 40),
        ("openssl-rsa", openssl_tsa, "RSA-2048", 40),
        ("sigstore-ec", go_tsa, "P-256", 200),
    ):
        held = issue("TSA", self_signed(), tsa_extensions(), key=new_key(key))
        with tempfile.TemporaryDirectory() as folder, serve(Path(folder), held) as url:
            measure(name, url, held.root_pem, Path(folder), count, rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
