"""Certificates of dossiers of ten records: one at a time, and as many as there can be."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from bundles import dossiers_of
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from harness import Figure

from node.config import load_config
from node.demo.authority import DemoAuthority
from node.demo.tsa import OpensslTsa, make_tsa_files, run_tsa
from node.evidence.certificates.issuing import CertificateIssuer, Makes
from node.evidence.certificates.port import Draft, Order
from node.evidence.certificates.requests import Asked, Wanted
from node.evidence.certificates.workers import Made
from node.wiring import Node

__all__ = ["issuing"]

_RECORDS, _DOSSIERS = 10, 40
_ONE_MS, _PER_SECOND = 150.0, 30.0
_AT_ONCE = 16
_CONFIG = """
[certificates]
institution = "基准测试出证专用章"
chain = "seal/chain.pem"
key = "keys/seal.pem"
seal_code = "37010000000001"
most = 1024
"""
_TSA = """
[certificates.tsa]
url = "{url}"
name = "基准测试时间戳"
roots = ["{root}"]
"""


class _TimedTsa(OpensslTsa):
    """An authority that knows how long its answers took."""

    seconds = 0.0

    def answer(self, request: bytes) -> bytes:
        began = time.perf_counter()
        try:
            return super().answer(request)
        finally:
            self.seconds += time.perf_counter() - began


class _Watched:
    """The worker processes of an issuer, and what each certificate took in them."""

    def __init__(self, workers: Makes) -> None:
        self._workers = workers
        self.made: list[Made] = []

    def make(self, draft: Draft, signed_at: int) -> Made:
        made = self._workers.make(draft, signed_at)
        self.made.append(made)
        return made

    def stop(self) -> None:
        self._workers.stop()


def issuing(home: Path, count: int) -> list[Figure]:
    """``certificate.one`` (ms, without the authority's answers), ``certificate.rate`` (without an
    authority) and ``certificate.rate.stamped`` (with one that runs on the same machine)."""
    _make_seal(home)
    files = make_tsa_files(home / "tsa", datetime.now(UTC))
    authority = _TimedTsa(home / "tsa", files)
    with run_tsa(authority) as url:
        config = _CONFIG + _TSA.format(url=url, root=files.root)
        one, stamped = _stamped(home, config, authority, count)
    with _issuing(home, _CONFIG) as (issuer, wanted):
        plain = _rate("certificate.rate", issuer, wanted, count)
    return [one, plain, stamped]


def _stamped(home: Path, config: str, authority: _TimedTsa, count: int) -> tuple[Figure, Figure]:
    with _issuing(home, config) as (issuer, wanted):
        one = _one_by_one(issuer, wanted, authority, count)
        return one, _rate("certificate.rate.stamped", issuer, wanted, count)


def _make_seal(home: Path) -> None:
    identity = DemoAuthority.create(datetime.now(UTC)).issue_signer("基准测试", "基准测试")
    (home / "seal").mkdir(exist_ok=True)
    chain = (identity.certificate, *identity.chain)
    pem = b"".join(one.public_bytes(Encoding.PEM) for one in chain)
    (home / "seal/chain.pem").write_bytes(pem)
    key = home / "keys/seal.pem"
    key.touch(mode=0o600)
    key.write_bytes(identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@contextmanager
def _issuing(home: Path, config: str) -> Iterator[tuple[CertificateIssuer, Callable[[], Wanted]]]:
    """The node in ``home`` with this configuration behind its own, warm; and orders for it."""
    toml = home / "node.toml"
    before = toml.read_text("utf-8")
    toml.write_text(before + config, encoding="utf-8")
    try:
        node = Node(load_config(home))
        node.start()
        try:
            assert node.certificates is not None
            node.certificates._workers = _Watched(node.certificates._workers)
            wanted = _orders(node)
            with ThreadPoolExecutor(_AT_ONCE) as threads:
                list(threads.map(lambda _: _issue(node.certificates, wanted()), range(_AT_ONCE)))
            yield node.certificates, wanted
        finally:
            node.stop()
    finally:
        toml.write_text(before, encoding="utf-8")
        shutil.rmtree(home / "certificates", ignore_errors=True)


def _orders(node: Node) -> Callable[[], Wanted]:
    subjects = dossiers_of(node, _RECORDS, _DOSSIERS)
    if len(subjects) < _DOSSIERS:
        raise RuntimeError(f"only {len(subjects)} dossiers of {_RECORDS} records were found")
    wanted = []
    with node.reader() as reader:
        for subject in subjects:
            state = reader.state(f"dossier/{subject}")
            assert state is not None
            order = Order(subject, applicant="基准测试", purpose="测量")
            wanted.append(Wanted(order, f"CZ{state['code']}"))
    turns = cycle(wanted)
    return lambda: next(turns)


def _issue(issuer: CertificateIssuer | None, wanted: Wanted) -> float:
    assert issuer is not None
    began = time.perf_counter()
    issuer.issue(wanted, Asked("benchmark"))
    return time.perf_counter() - began


def _one_by_one(
    issuer: CertificateIssuer, wanted: Callable[[], Wanted], authority: _TimedTsa, count: int
) -> Figure:
    took = []
    began = time.process_time()
    for _ in range(count):
        before = authority.seconds
        seconds = _issue(issuer, wanted())
        took.append((seconds - (authority.seconds - before)) * 1000)
    own = (time.process_time() - began) / count * 1000
    median, ordered = statistics.median(took), sorted(took)
    return Figure(
        "certificate.one",
        median,
        "ms, p50",
        f"{_ONE_MS:.0f} ms",
        _ONE_MS,
        median / _ONE_MS,
        [[ordered[0], ordered[-1]]],
        note=f"quickest and slowest of {count}, B-LTA, on record and kept, dossiers of "
        f"{_RECORDS} records, without the time-stamp authority's answers; "
        f"{_stages(issuer, count)}, and {own:.1f} ms of CPU in the node's own process",
    )


def _stages(issuer: CertificateIssuer, count: int) -> str:
    """What the last ``count`` certificates, made one by one, took in their process."""
    assert isinstance(issuer._workers, _Watched)
    made = issuer._workers.made[-count:]
    typeset = statistics.median(one.typesetting for one in made) * 1000
    sealed = statistics.median(one.sealing for one in made) * 1000
    return f"typeset in {typeset:.1f} ms, sealed in {sealed:.1f} ms"


def _rate(name: str, issuer: CertificateIssuer, wanted: Callable[[], Wanted], count: int) -> Figure:
    for _ in range(count):
        _issue(issuer, wanted())
    stages = _stages(issuer, count)
    orders = [replace(wanted()) for _ in range(4 * count)]
    began = time.perf_counter()
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda one: _issue(issuer, one), orders))
    rate = len(orders) / (time.perf_counter() - began)
    return Figure(
        name,
        rate,
        "1/s",
        f"{_PER_SECOND:.0f}/s",
        _PER_SECOND,
        rate / _PER_SECOND,
        [[rate, _PER_SECOND]],
        note=f"{len(orders)} certificates, {_AT_ONCE} asked for at a time; one by one: {stages}",
    )
