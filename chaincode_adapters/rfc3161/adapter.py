"""The adapter of a time-stamp authority (RFC 3161).

An authority answers at once and keeps nothing: there is nothing to wait for and nothing to look up.
What was answered is the proof; where the answer was lost the same is asked again, which does no
harm, since a second time-stamp of the same point says no more than the first.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from chaincode_adapters.errors import AnchorError, Refused, Unreachable
from chaincode_adapters.port import Final, Missing, Receipt, Signed, Standing
from chaincode_adapters.rfc3161.messages import decode_answer, encode_request
from chaincode_adapters.rfc3161.posting import HttpAnswer, post
from chaincode_adapters.rfc3161.settings import TsaSettings
from chaincode_adapters.rfc3161.trimming import embedded_certificates, trim_token
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rfc3161 import (
    MAX_TOKEN_BYTES,
    RFC3161,
    TIME_STAMPING,
    TimeStamp,
    check_token,
    decode_token,
)
from node.core.anchors.x509 import Certificate
from node.core.anchors.x509_path import find_path
from node.core.errors import InvalidInput
from node.core.signatures import load_backend

__all__ = ["TsaAdapter"]

_REQUEST_TYPE = "application/timestamp-query"
_MAX_ANSWER_BYTES = 262_144
_CHAIN_CHARACTERS = re.compile(r"[A-Za-z0-9._:/-]{1,55}", re.ASCII)
_TRANSIENT = {408, 425, 429}


class TsaAdapter:
    """See AnchorAdapter. ``connect`` makes the HTTP client, with whatever secrets it needs."""

    kind = RFC3161

    def __init__(
        self,
        settings: TsaSettings,
        roots: Sequence[Certificate],
        connect: Callable[[], httpx.Client],
        now: Callable[[], int],
    ) -> None:
        self.name = settings.name
        self.chain = _chain_name(settings.url)
        self.in_flight = settings.in_flight
        self.poll_ms = settings.poll_ms
        self._settings, self._roots, self._now = settings, tuple(roots), now
        self._backend = load_backend()
        self._connect = connect
        self._client: httpx.Client | None = None

    def open(self) -> None:
        """See AnchorAdapter. Nothing is sent: an authority cannot be asked what it can do."""
        if self._client is None:
            self._client = self._connect()

    def close(self) -> None:
        """See AnchorAdapter."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def sign(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Signed:
        """See AnchorAdapter. The nonce is the id; earlier attempts may be answered beside it."""
        nonce = secrets.randbits(62) | 1 << 62  # authorities read 64 bits, not all of them more
        request = encode_request(point.digest(), nonce, self._settings.policy)
        return Signed(external_tx=f"{nonce:x}", payload=request)

    def send(self, point: AnchorPoint, signed: Signed) -> bytes:
        """See AnchorAdapter. Returns the token, checked, without what is not signed.

        Raises:
            Unreachable: no answer, none of the form of one, one to another request, a clock that
                is far from this node's, or a failure that the authority itself calls passing.
            Refused: the authority refuses, or its token would convince nobody.
        """
        if self._client is None:
            self.open()
        assert self._client is not None
        answer = post(
            self._client,
            self._settings.url,
            signed.payload,
            _REQUEST_TYPE,
            self._settings.timeout_ms / 1000,
            _MAX_ANSWER_BYTES,
        )
        token = self._token_of(answer)
        stamp, trimmed = self._trim(token, point, signed)
        self._check_wishes(stamp)
        return trimmed

    def _token_of(self, answer: HttpAnswer) -> bytes:
        if answer.status not in (200, 201):
            raise _refused_by_http(answer)
        try:
            decoded = decode_answer(answer.body, "answer")
        except InvalidInput as error:
            said = f"{answer.content_type or 'no type'}, {len(answer.body)} bytes"
            raise Unreachable(f"the answer is no TimeStampResp ({said}): {error}") from error
        if decoded.token:
            return decoded.token
        if decoded.passing:
            raise Unreachable(f"the authority cannot at the moment: {decoded.reason}")
        raise Refused(f"the authority refuses: {decoded.reason}")

    def _trim(self, token: bytes, point: AnchorPoint, signed: Signed) -> tuple[TimeStamp, bytes]:
        """The token with the certificates of its path alone, checked as any verifier will."""
        try:
            signer, others = embedded_certificates(token, "token")
            stamp = decode_token(trim_token(token, (signer, *others), "token"), "token")
            self._check_request(stamp, point, signed)
            at = stamp.info.time // 1_000_000
            path = find_path(signer, others, self._roots, at, self._backend, TIME_STAMPING)
            if path.root is None:
                raise Refused("the token's certificate leads to none of the configured roots")
            roots = {root.encoded for root in self._roots}
            kept = [one for one in path.certificates[1:] if one.encoded not in roots]
            trimmed = trim_token(token, (signer, *kept), "token")
            return self._checked(trimmed, point), trimmed
        except InvalidInput as error:
            raise Refused(f"the token does not hold: {error}") from error

    def _check_request(self, stamp: TimeStamp, point: AnchorPoint, signed: Signed) -> None:
        if stamp.info.nonce != int(signed.external_tx, 16):
            raise Unreachable("the token has another nonce: it answers another request")
        if stamp.info.imprint != point.digest():
            raise Unreachable("the token is of another hash: it answers another request")

    def _check_wishes(self, stamp: TimeStamp) -> None:
        wanted, tolerance = self._settings.policy, self._settings.clock_tolerance_ms
        if wanted and stamp.info.policy != wanted:
            raise Refused(f"the token is under policy {stamp.info.policy}, asked was {wanted}")
        apart = abs(stamp.info.time // 1_000_000 - self._now())
        if tolerance and apart > tolerance:
            raise Unreachable(
                f"the authority's time is {apart} ms from this node's, allowed are {tolerance}: "
                "one of the clocks is wrong"
            )

    def _checked(self, token: bytes, point: AnchorPoint) -> TimeStamp:
        """A trimmed token that leads to a root. Raises InvalidInput."""
        if len(token) > MAX_TOKEN_BYTES:
            raise Refused(f"the token has {len(token)} bytes, at most {MAX_TOKEN_BYTES} are read")
        stamp = decode_token(token, "token")
        check_token(stamp, point.digest(), self._roots, self._backend)
        return stamp

    def look_up(self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes) -> Standing:
        """See AnchorAdapter. Final where the answer is there and holds; else it is asked again."""
        if not answer:
            return Missing(asked=False)
        try:
            stamp = self._checked(answer, point)
        except (InvalidInput, Refused):
            return Missing(asked=False)
        for signed in attempts:
            if stamp.info.nonce == int(signed.external_tx, 16):
                mark = hashlib.sha256(answer).hexdigest()
                return Final(signed.external_tx, height=0, mark=mark, time=stamp.info.latest)
        return Missing(asked=False)

    def receipt(
        self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes, final: Final
    ) -> Receipt:
        """See AnchorAdapter.

        Raises:
            Unreachable: the answer that was kept does not hold any more; `look_up` says Missing.
        """
        if self.look_up(point, attempts, answer) != final:
            raise Unreachable("the answer that was kept is not that of this point any more")
        content = {"token": base64.b64encode(answer).decode("ascii")}
        return Receipt(RFC3161, content, final.external_tx, None, final.time)

    def trust_entry(self) -> dict[str, Any]:
        """See AnchorAdapter."""
        roots = [base64.b64encode(root.encoded).decode("ascii") for root in self._roots]
        return {"kind": RFC3161, "tsa_roots": roots}


def _chain_name(url: str) -> str:
    """The authority as records name it: where it is, or a hash of that where it does not fit."""
    where = url.split("://", 1)[-1].rstrip("/")
    if _CHAIN_CHARACTERS.fullmatch(where) is None:
        where = hashlib.sha256(url.encode("utf-8")).hexdigest()[:32]
    return f"{RFC3161}:{where}"


def _refused_by_http(answer: HttpAnswer) -> AnchorError:
    if 300 <= answer.status < 400:
        return Refused(
            f"HTTP {answer.status}: redirects are not followed; configure where it leads"
        )
    if answer.status in _TRANSIENT or answer.status >= 500:
        return Unreachable(f"HTTP {answer.status}", answer.retry_after)
    return Refused(f"HTTP {answer.status}")
