"""How many signatures this machine can check: what a ledger's throughput is measured against."""

from __future__ import annotations

import base64
import json
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from node.core.signatures import PublicJwk

__all__ = ["SignatureChecks"]


class SignatureChecks:
    """Processes, one a core, that do nothing but check whole JWS by `cryptography`."""

    def __init__(self, keys: Mapping[str, PublicJwk], records: Sequence[bytes]) -> None:
        self._workers = len(os.sched_getaffinity(0))
        points = {kid: b"\x04" + key.x + key.y for kid, key in keys.items()}
        self._pool = ProcessPoolExecutor(
            self._workers,
            multiprocessing.get_context("spawn"),
            _prepare,
            (points, list(records)),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def rate(self, seconds: float) -> float:
        """Checks per second of all processes together, measured for so long."""
        jobs = [self._pool.submit(_count_checks, seconds) for _ in range(self._workers)]
        return sum(job.result() for job in jobs)


_points: dict[str, bytes] = {}
_records: list[bytes] = []


def _prepare(points: dict[str, bytes], records: list[bytes]) -> None:
    global _points, _records
    _points, _records = points, records


def _count_checks(seconds: float) -> float:
    """Checks per second in this process: base64url, SHA-256 and the signature."""
    curve, algorithm = ec.SECP256R1(), ec.ECDSA(hashes.SHA256())
    keys = {
        kid: ec.EllipticCurvePublicKey.from_encoded_point(curve, point)
        for kid, point in _points.items()
    }
    by_header = {}
    for record in _records:
        header = record.partition(b".")[0]
        if header not in by_header:
            by_header[header] = keys[json.loads(_decode(header))["kid"]]
    done = 0
    started = time.perf_counter()
    while (took := time.perf_counter() - started) < seconds:
        for record in _records:
            header, payload, encoded = record.split(b".")
            _decode(header), _decode(payload)
            signature = _decode(encoded)
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            message = header + b"." + payload
            by_header[header].verify(utils.encode_dss_signature(r, s), message, algorithm)
            done += 1
    return done / took


def _decode(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"==")
