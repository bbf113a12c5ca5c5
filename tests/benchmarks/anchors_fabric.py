"""What anchoring on Fabric costs this node: the client and adapter, with no network behind them.

    .venv/bin/python tests/benchmarks/anchors_fabric.py [--points 200]

The first figures are of the gateway client against the REPLAY of a recorded network, the second
of the whole adapter against the tests' STAND-IN for a channel. Neither orders, validates or waits
for a batch, and both run in this same process: they are no figures of Fabric. Those, measured on
a real network, are in docs/anchors/fabric.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import grpc  # noqa: E402
from builders.fabric_channel import Channel  # noqa: E402
from builders.fabric_replay import Replay, identity, recorded_proposal  # noqa: E402

from chaincode_adapters.fabric.gateway import Gateway  # noqa: E402
from chaincode_adapters.port import Final  # noqa: E402
from node.core.anchors.fabric import verify_fabric  # noqa: E402
from node.core.anchors.point import AnchorPoint  # noqa: E402
from node.core.signatures import load_backend  # noqa: E402
from node.core.trust import Trust  # noqa: E402

RECORDED = "attest_second_member.endorse"


def told(name: str, seconds: list[float], total: float) -> None:
    """Print a line: rate, and latencies in ms."""
    ordered = sorted(seconds)
    p95 = ordered[int(len(ordered) * 0.95) - 1]
    print(
        f"{name}: {len(seconds) / total:.0f} a second, "
        f"p50 {statistics.median(seconds) * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms"
    )


def timed(call: Callable[[int], None], count: int, at_once: int = 1) -> tuple[list[float], float]:
    """Seconds of each of ``count`` calls, ``at_once`` of them at a time, and of all."""

    def one(number: int) -> float:
        begun = time.perf_counter()
        call(number)
        return time.perf_counter() - begun

    begun = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        each = list(pool.map(one, range(count)))
    return each, time.perf_counter() - begun


def against_the_replay(count: int) -> None:
    """Endorse, Submit and CommitStatus of a recorded attestation, again and again."""
    with Replay() as replay, grpc.insecure_channel(replay.endpoint) as channel:
        gateway = Gateway(channel, identity("Org2MSP"), 10.0, time.time_ns, bytes)

        def anchor(_: int) -> None:
            proposal = recorded_proposal(RECORDED)
            payload = gateway.endorse(proposal)
            gateway.submit("evidence", proposal.tx_id, gateway.sign_envelope(payload))
            gateway.commit_status("evidence", proposal.tx_id, 5.0)

        anchor(0)
        told("replay, client, one after the other", *timed(anchor, count))
        told("replay, client, 16 at once", *timed(anchor, count, 16))


def against_the_stand_in(count: int) -> None:
    """Whole anchors with their receipts, and the receipts verified."""
    with Channel() as channel, tempfile.TemporaryDirectory() as folder:
        one = channel.adapter(Path(folder), link_blocks=0)
        trust = Trust("audit", bytes(32), anchors=(one.trust_entry(),))
        receipts = []

        def anchor(number: int) -> None:
            point = AnchorPoint("audit", number + 1, number + 1, bytes(32), bytes(32), bytes(32))
            signed = one.sign(point, [])
            answer = one.send(point, signed)
            final = one.look_up(point, [signed], answer)
            assert isinstance(final, Final)
            receipts.append((one.receipt(point, [signed], answer, final).content, point))

        told("stand-in, adapter with receipt, one after the other", *timed(anchor, count))
        for name in ("cryptography", "ecdsa"):
            backend = load_backend(name)

            def verify(number: int, backend: object = backend) -> None:
                receipt, point = receipts[number]
                verify_fabric(receipt, point, trust, backend, "receipt")  # type: ignore[arg-type]

            told(f"verifying receipts, {name}", *timed(verify, count))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=200)
    count = parser.parse_args().points
    against_the_replay(count)
    against_the_stand_in(count)


if __name__ == "__main__":
    main()
