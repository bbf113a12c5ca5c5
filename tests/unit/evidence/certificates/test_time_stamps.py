"""Authorities that lie, are late or send garbage, each by its name; a good one is believed."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from builders.issuing import make_seal
from builders.sealed_pdfs import der
from builders.time_stamping import need_openssl
from cryptography import x509

from node.demo.tsa import OpensslTsa, make_tsa_files
from node.evidence.certificates.errors import TimeStampFailed
from node.evidence.certificates.time_stamps import HttpTimeStamper, TsaSettings

DIGEST = hashlib.sha256(b"what is stamped").digest()
Answering = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> tuple[OpensslTsa, bytes]:
    """An authority without a server, and its root (DER)."""
    from datetime import UTC, datetime

    need_openssl()
    folder = tmp_path_factory.mktemp("tsa")
    files = make_tsa_files(folder, datetime.now(UTC))
    root = x509.load_pem_x509_certificate(files.root.read_bytes())
    return OpensslTsa(folder, files), der(root)


def stamper(answer: Answering, root: bytes, **options: object) -> HttpTimeStamper:
    settings = TsaSettings("http://tsa.test/", "测试时间戳", (root,), attempts=2)
    return HttpTimeStamper(
        settings,
        transport=httpx.MockTransport(answer),
        pause=lambda seconds: None,
        **options,  # type: ignore[arg-type]
    )


def stamp(one: HttpTimeStamper) -> bytes:
    return bytes(asyncio.run(one.async_timestamp(DIGEST, "sha256")).dump())


def replied(content: bytes) -> httpx.Response:
    return httpx.Response(200, content=content)


def test_a_good_token_is_believed_and_its_certificate_known(
    tsa: tuple[OpensslTsa, bytes],
) -> None:
    one = stamper(lambda request: replied(tsa[0].answer(request.read())), tsa[1])
    assert stamp(one) != stamp(one)


def test_a_busy_authority_is_asked_again(tsa: tuple[OpensslTsa, bytes]) -> None:
    asked: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(1)
        if len(asked) == 1:
            return httpx.Response(503)
        return replied(tsa[0].answer(request.read()))

    assert stamp(stamper(answer, tsa[1]))
    assert len(asked) == 2


def _late(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("late", request=request)


def _gone(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (_late, "no answer within 10000 ms .2 attempts"),
        (_gone, "cannot be reached: ConnectError .2 attempts"),
        (lambda request: httpx.Response(503), "answers 503 .2 attempts"),
        (lambda request: httpx.Response(403), "answers 403$"),
        (lambda request: httpx.Response(302, headers={"location": "/"}), "answers 302$"),
        (lambda request: replied(b""), "no TimeStampResp"),
        (lambda request: replied(b"<html>"), "no TimeStampResp"),
        (lambda request: replied(b"\x30\x80" * 5000), "no TimeStampResp"),
        (lambda request: replied(b"\x00" * 300_000), "longer than any token"),
        (lambda request: replied(bytes.fromhex("30053003020102")), "refuses: rejection"),
    ],
)
def test_what_an_authority_does_wrong_is_named(
    tsa: tuple[OpensslTsa, bytes], answer: Answering, words: str
) -> None:
    with pytest.raises(TimeStampFailed, match=f"测试时间戳: .*{words}"):
        stamp(stamper(answer, tsa[1]))


def test_a_token_of_another_request_is_refused(tsa: tuple[OpensslTsa, bytes]) -> None:
    kept: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        kept.append(tsa[0].answer(request.read()))
        return replied(kept[0])

    one = stamper(answer, tsa[1])
    stamp(one)
    with pytest.raises(TimeStampFailed, match="another nonce"):
        stamp(one)
    other = asyncio.run
    with pytest.raises(TimeStampFailed, match="of another hash"):
        other(one.async_timestamp(hashlib.sha256(b"other").digest(), "sha256"))


def test_a_token_that_was_changed_does_not_hold(tsa: tuple[OpensslTsa, bytes]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        content = bytearray(tsa[0].answer(request.read()))
        content[-5] ^= 1  # in the signature
        return replied(bytes(content))

    with pytest.raises(TimeStampFailed, match="does not hold"):
        stamp(stamper(answer, tsa[1]))


def test_an_authority_under_another_root_is_refused(
    tsa: tuple[OpensslTsa, bytes], tmp_path: Path
) -> None:
    other = make_seal(tmp_path).chain.root
    one = stamper(lambda request: replied(tsa[0].answer(request.read())), other)
    with pytest.raises(TimeStampFailed, match=r"none of the configured roots|does not hold"):
        stamp(one)


def test_an_authority_whose_clock_is_wrong_is_refused(tsa: tuple[OpensslTsa, bytes]) -> None:
    now = time.time_ns() // 1_000_000
    one = stamper(
        lambda request: replied(tsa[0].answer(request.read())), tsa[1], now=lambda: now + 3_600_000
    )
    with pytest.raises(TimeStampFailed, match=r"its clock is 3[56]"):
        stamp(one)
