"""Time-stamps for the seal: RFC 3161 over HTTP, each checked before it is used.

An authority that answers late, refuses, sends garbage, another request's token, a token whose
signature does not hold or whose certificate leads elsewhere, or whose clock is wrong, is named as
what it is; nothing is issued with its answer. What a token must be is what verifiers ask of it
(`node.core.anchors.rfc3161`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx
from asn1crypto import cms, core, tsp, x509
from pyhanko.sign.timestamps import TimeStamper

from node.core.anchors.rfc3161 import TimeStamp, check_token, decode_token
from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.evidence.certificates.errors import TimeStampFailed

__all__ = ["HttpTimeStamper", "TsaSettings"]

_MOST_ANSWER_BYTES = 262_144
_TRANSIENT = (408, 425, 429, 500, 502, 503, 504)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_GRANTED = ("granted", "granted_with_mods")


@dataclass(frozen=True)
class TsaSettings:
    """``roots`` (DER) are those that its certificate must lead to. ``clock_tolerance_ms`` is how
    far its clock may be from this machine's."""

    url: str
    name: str
    roots: tuple[bytes, ...]
    timeout_ms: int = 10_000
    attempts: int = 3
    clock_tolerance_ms: int = 300_000


class _Answer(core.Sequence):  # type: ignore[misc]
    """TimeStampResp (RFC 3161 §2.4.2), whose token is missing where it is refused."""

    _fields = [  # noqa: RUF012 - what the library reads
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


class _Passing(Exception):
    """A failure that may be over at the next attempt."""


class HttpTimeStamper(TimeStamper):
    """Asks one authority. To be used in one thread."""

    def __init__(
        self,
        settings: TsaSettings,
        *,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._settings, self._now, self._pause = settings, now, pause
        self._roots: Sequence[Certificate] = [
            decode_certificate(root, f"tsa.roots[{number}]")
            for number, root in enumerate(settings.roots)
        ]
        self._backend = load_backend()
        self._remembered: set[bytes] = set()
        self._client = httpx.Client(
            timeout=settings.timeout_ms / 1000, transport=transport, follow_redirects=False
        )

    @property
    def stamping(self) -> frozenset[bytes]:
        """Issuer and serial number of each certificate that it has stamped with."""
        return frozenset(self._certs)

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        """See TimeStamper.

        Raises:
            TimeStampFailed: no token that holds was to be had; says why.
        """
        pause = _FIRST_PAUSE
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return self._ask(message_digest, md_algorithm)
            except _Passing as error:
                if attempt == self._settings.attempts:
                    raise self._failed(f"{error} ({attempt} attempts)") from error
                self._pause(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        raise self._failed("it may not be asked: attempts is 0")

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _failed(self, reason: str) -> TimeStampFailed:
        name = self._settings.name or self._settings.url
        return TimeStampFailed(f"time-stamp authority {name}: {reason}")

    def _ask(self, digest: bytes, md_algorithm: str) -> cms.ContentInfo:
        nonce, request = self.request_cms(digest, md_algorithm)  # type: ignore[no-untyped-call]
        token = self._token_of(self._post(request.dump()))
        try:
            stamp = decode_token(token, "token")
            self._check(stamp, digest, nonce)
        except InvalidInput as error:
            raise self._failed(f"its token does not hold: {error}") from error
        self._remember(stamp)
        content: cms.ContentInfo = cms.ContentInfo.load(token)
        return content

    def _remember(self, stamp: TimeStamp) -> None:
        """Keep the certificates of a token, of which the document's store will hold some."""
        if stamp.signer.encoded not in self._remembered:
            signer, *others = (
                x509.Certificate.load(one.encoded) for one in (stamp.signer, *stamp.others)
            )
            self.cert_registry.register_multiple([signer, *others])
            self._certs[signer.issuer_serial] = signer
            self._remembered.add(stamp.signer.encoded)

    def _post(self, body: bytes) -> bytes:
        headers = {
            "content-type": "application/timestamp-query",
            "accept": "application/timestamp-reply",
        }
        late_at = time.monotonic() + self._settings.timeout_ms / 1000
        try:
            with self._client.stream(
                "POST", self._settings.url, content=body, headers=headers
            ) as answer:
                if answer.status_code in _TRANSIENT:
                    raise _Passing(f"answers {answer.status_code}")
                if answer.status_code not in (200, 201):
                    raise self._failed(f"answers {answer.status_code}")
                whole = bytearray()
                for chunk in answer.iter_bytes():
                    whole += chunk
                    if len(whole) > _MOST_ANSWER_BYTES:
                        raise self._failed("its answer is longer than any token")
                    if time.monotonic() > late_at:
                        raise _Passing("its answer comes too slowly")
                return bytes(whole)
        except httpx.TimeoutException as error:
            raise _Passing(f"no answer within {self._settings.timeout_ms} ms") from error
        except httpx.HTTPError as error:
            raise _Passing(f"cannot be reached: {type(error).__name__}") from error

    def _token_of(self, answer: bytes) -> bytes:
        try:
            response = _Answer.load(answer, strict=True)
            status = response["status"]["status"].native
            token = response["time_stamp_token"]
            if status in _GRANTED and isinstance(token, cms.ContentInfo):
                return bytes(token.dump())
            words = [*(response["status"]["fail_info"].native or ())]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._failed("its answer is no TimeStampResp") from error
        raise self._failed(f"refuses: {', '.join([str(status), *sorted(map(str, words))])}")

    def _check(self, stamp: TimeStamp, digest: bytes, nonce: int) -> None:
        """Raises TimeStampFailed, and InvalidInput where the token does not hold."""
        if stamp.info.imprint != digest:
            raise self._failed("its token is of another hash")
        if stamp.info.nonce != nonce:
            raise self._failed("its token has another nonce: it answers another request")
        path = check_token(stamp, digest, self._roots, self._backend)
        if path.root is None:
            raise self._failed("its certificate leads to none of the configured roots")
        apart = abs(stamp.info.time // 1_000_000 - self._now())
        if apart > self._settings.clock_tolerance_ms:
            raise self._failed(f"its clock is {apart // 1000} s from this machine's")
