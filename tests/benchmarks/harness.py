"""What the benchmarks share: figures as ratios of interleaved rounds, and where they go."""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from node.core.signatures import PublicJwk

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "out"


@dataclass(frozen=True)
class Figure:
    """A rate beside the rate it is set against, medians of rounds run in turn in one go."""

    name: str
    rate: float
    unit: str
    against: str
    against_rate: float
    ratio: float
    rounds: list[list[float]]
    note: str = ""


def interleave(
    name: str,
    unit: str,
    against: str,
    measure: Callable[[], float],
    baseline: Callable[[], float],
    rounds: int,
    note: str = "",
) -> Figure:
    """Run baseline and measurement in turn; the ratio is the median of the rounds' ratios."""
    pairs = []
    for _ in range(rounds):
        before = baseline()
        rate = measure()
        after = baseline()
        pairs.append([rate, (before + after) / 2])
    return figure_of(name, unit, against, pairs, note)


def figure_of(
    name: str, unit: str, against: str, pairs: list[list[float]], note: str = ""
) -> Figure:
    """The medians of (rate, rate that it is set against) of several rounds."""
    return Figure(
        name=name,
        rate=statistics.median(pair[0] for pair in pairs),
        unit=unit,
        against=against,
        against_rate=statistics.median(pair[1] for pair in pairs),
        ratio=statistics.median(pair[0] / pair[1] for pair in pairs),
        rounds=pairs,
        note=note,
    )


def write_figures(figures: Sequence[Figure], path: Path | None = None) -> None:
    """Write ``out/bench.json``: one object a figure."""
    target = path or OUT / "bench.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(figure) for figure in figures], indent=1, ensure_ascii=False)
    target.write_text(text + "\n", encoding="utf-8")


def _check_all(jwks: dict[str, PublicJwk], jwts: Sequence[bytes], until: float) -> int:
    """Nothing but the check: the keys are found by the header's bytes, ready to verify."""
    keys = {
        kid: ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + key.x + key.y)
        for kid, key in jwks.items()
    }
    headers = {jwt[: jwt.index(b".")] for jwt in jwts}
    by_header = {
        base64.urlsafe_b64decode(header + b"=="): keys[
            json.loads(base64.urlsafe_b64decode(header + b"=="))["kid"]
        ]
        for header in headers
    }
    decode, algorithm = base64.urlsafe_b64decode, ec.ECDSA(hashes.SHA256())
    done = 0
    while True:
        for jwt in jwts:
            header, payload, signature64 = jwt.split(b".")
            key = by_header[decode(header + b"==")]
            decode(payload + b"==")
            signature = decode(signature64 + b"==")
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(utils.encode_dss_signature(r, s), header + b"." + payload, algorithm)
            done += 1
        if time.monotonic() >= until:
            return done


def jws_checks(jwks: dict[str, PublicJwk], jwts: Sequence[bytes], seconds: float) -> float:
    """Whole-JWS checks per second of `cryptography`: base64url, SHA-256 and verify, in one process
    a core."""
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    start = time.monotonic() + 0.2
    processes = [
        context.Process(target=_wait_and_count, args=(queue, jwks, jwts, start, seconds))
        for _ in range(len(os.sched_getaffinity(0)))
    ]
    for process in processes:
        process.start()
    counts = [queue.get() for _ in processes]
    for process in processes:
        process.join()
    return float(sum(count / took for count, took in counts))


def _wait_and_count(
    queue: Any, jwks: dict[str, PublicJwk], jwts: Sequence[bytes], start: float, seconds: float
) -> None:
    while time.monotonic() < start:
        pass
    count = _check_all(jwks, jwts, start + seconds)
    queue.put((count, time.monotonic() - start))
