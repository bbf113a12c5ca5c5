"""The adapter for REST services that record digests for courts: submit, wait, poll, receipt.

The request's id follows from the point, so a request that is sent twice is one record. What a
lost answer would have said is asked for by that id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaincode_adapters.errors import Conflicting, Misconfigured, Refused, SignAnew, Unreachable
from chaincode_adapters.port import (
    Final,
    Missing,
    Pending,
    Receipt,
    Signed,
    Standing,
    Surroundings,
)
from chaincode_adapters.rest.checking import check_service, rule_of_proof, service_trust_entry
from chaincode_adapters.rest.exchange import Exchange, Reply, Sent
from chaincode_adapters.rest.placeholders import request_id, request_values
from chaincode_adapters.rest.reading import (
    Proven,
    Prover,
    Read,
    decode_reply,
    encode_reply,
    read_answer,
    receipt_content,
)
from chaincode_adapters.rest.requesting import decode_sent, encode_sent, make_request
from chaincode_adapters.rest.service import Request, Service
from chaincode_adapters.rest.settings import RestSettings
from chaincode_adapters.rest.signing import Secret, sign_text
from node.core.anchors.foreign_json import text_at
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rest_entry import decode_service_entry
from node.core.encoding import rfc3339
from node.core.errors import InvalidInput
from node.core.signatures import load_backend

__all__ = ["RestAdapter"]

_LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class _Done:
    """A ``done`` answer and what it proves."""

    reply: Reply
    proven: Proven


class RestAdapter:
    """One service, by its service file. See `chaincode_adapters.port.AnchorAdapter`."""

    kind = "rest"

    def __init__(
        self,
        settings: RestSettings,
        service: Service,
        secret: Secret | None,
        exchange: Callable[[Sent], Reply],
        surroundings: Surroundings,
    ) -> None:
        check_service(service, settings.values)
        self.name = settings.name
        self.chain = f"rest:{service.name}"
        self.in_flight = settings.in_flight
        self.poll_ms = settings.poll_ms
        self._settings = settings
        self._service = service
        self._secret = secret
        self._exchange = exchange
        self._surroundings = surroundings
        self._entry = service_trust_entry(service, settings.operator)
        self._prover = Prover(
            proof=service.proof,
            rule=rule_of_proof(service.proof),
            entry=decode_service_entry(self._entry, "proof"),
            secret=secret,
            backend=load_backend(),
            skew_ms=service.clock_skew_ms,
        )

    def open(self) -> None:
        """Nothing to find out: the service file says it all."""
        if isinstance(self._exchange, Exchange):
            self._exchange.open()

    def close(self) -> None:
        """Close the connections."""
        if isinstance(self._exchange, Exchange):
            self._exchange.close()

    def identity(self, point: AnchorPoint) -> str:
        """The id of the request that anchors ``point``."""
        service = self._service
        return request_id(service.request_id, service.name, self._surroundings.member, point)

    def sign(self, point: AnchorPoint, attempts: Sequence[Signed]) -> Signed:
        """The request, filled in and signed; all attempts of a point have one id."""
        now = self._surroundings.now()
        sent = self._make(self._service.submit, self._values(point, now), "submit")
        return Signed(self.identity(point), encode_sent(sent), {"time": now})

    def send(self, point: AnchorPoint, signed: Signed) -> bytes:
        """Submit. Returns the answer as it is kept."""
        reply = self._exchange(decode_sent(signed.payload))
        read = read_answer(reply, self._service.submit, self._service.message)
        if read.outcome == "clock":
            raise self._clock_fault(read, int(signed.memo.get("time", 0)))
        self._raise_for(read)
        if read.outcome == "done":
            self._prove(reply, read, point)
        return encode_reply(reply, self._service.proof)

    def look_up(self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes) -> Standing:
        """By the poll, where the service has one; else by the answer that was kept."""
        if not attempts:
            return Missing()
        found = self._find(point, attempts, answer)
        if not isinstance(found, _Done):
            return found
        statement = found.proven.statement
        identity = self.identity(point)
        return Final(identity, 0, statement.serial or identity, statement.time)

    def receipt(
        self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes, final: Final
    ) -> Receipt:
        """What the service signed (docs/spec/anchor-rest.md)."""
        found = self._find(point, attempts, answer)
        if not isinstance(found, _Done):
            raise Unreachable("the record is not told of as done any more")
        content = receipt_content(self._service, found.proven)
        time = found.proven.statement.time
        return Receipt("rest", content, self.identity(point), None, time)

    def trust_entry(self) -> dict[str, Any]:
        """The service's, by its service file."""
        return dict(self._entry)

    # -- asking -----------------------------------------------------------------------------------

    def _find(
        self, point: AnchorPoint, attempts: Sequence[Signed], answer: bytes
    ) -> _Done | Missing | Pending:
        submitted = self._submitted(answer)
        poll = self._service.poll
        if poll is None:
            if submitted is None or submitted[1].outcome != "done":
                return Missing(asked=False)
            reply, read = submitted
            return _Done(reply, self._prove(reply, read, point))
        kept = self._kept(submitted)
        if kept is None:
            return Missing(asked=False)
        values = {**self._values(point, self._surroundings.now()), **kept}
        reply = self._exchange(self._make(poll, values, "poll"))
        read = read_answer(reply, poll, self._service.message)
        if read.outcome == "clock":
            raise self._clock_fault(read, self._surroundings.now())
        self._raise_for(read)
        if read.outcome == "done":
            return _Done(reply, self._prove(reply, read, point))
        return self._not_done(read, attempts, submitted is not None)

    def _not_done(self, read: Read, attempts: Sequence[Signed], taken: bool) -> Missing | Pending:
        """``unknown`` right behind an answer that took the request only says that not all of the
        service has heard of it yet."""
        since = min(int(signed.memo.get("time", 0)) for signed in attempts)
        age = self._surroundings.now() - since
        if read.outcome == "unknown" and not (taken and age < self._service.pending_ms):
            return Missing()
        if age < self._service.pending_ms:
            return Pending()
        # Longer than is usual there: asked ever less often, and said.
        wait = min(_LONGEST_WAIT, age / 1000 / 8)
        return Pending(wait, f"pending since {rfc3339(since)}: {read.told}")

    def _submitted(self, answer: bytes) -> tuple[Reply, Read] | None:
        if not answer:
            return None
        reply = decode_reply(answer)
        return reply, read_answer(reply, self._service.submit, self._service.message)

    def _kept(self, submitted: tuple[Reply, Read] | None) -> Mapping[str, str] | None:
        """What the poll needs of the submission's answer; None where it is lost, so that the
        request is sent again."""
        names = self._service.submit.keep
        if not names:
            return {}
        if submitted is None:
            return None
        try:
            return {
                name: text_at(submitted[1].document, pointer, place=f"submit.keep.{name}")
                for name, pointer in names.items()
            }
        except InvalidInput as error:
            raise Unreachable(str(error)) from error

    def _prove(self, reply: Reply, read: Read, point: AnchorPoint) -> Proven:
        now = self._surroundings.now()
        return self._prover.prove(reply, read.document, point, self.identity(point), now)

    def _values(self, point: AnchorPoint, now: int) -> dict[str, str]:
        member, account = self._surroundings.member, self._settings.values
        return request_values(point, self.identity(point), member, account, now)

    def _make(self, request: Request, values: Mapping[str, str], place: str) -> Sent:
        return make_request(request, values, self._sign_text, place)

    def _sign_text(self, text: str) -> str:
        if self._service.signer is None or self._secret is None:
            raise Misconfigured("key: the settings name none")
        return sign_text(text, self._service.signer, self._secret)

    def _raise_for(self, read: Read) -> None:
        if read.outcome == "refused":
            raise Refused(read.told)
        if read.outcome == "retry":
            raise Unreachable(read.told)
        if read.outcome == "conflict":
            raise Conflicting(f"{self._service.name} holds something else: {read.told}")

    def _clock_fault(self, read: Read, signed_at: int) -> SignAnew | Unreachable:
        """An old request is signed anew; of a new one, one of the two clocks is wrong."""
        now = self._surroundings.now()
        if now - signed_at > min(60_000, self._service.clock_skew_ms // 2):
            return SignAnew(f"the request of {rfc3339(signed_at)} is too old there: {read.told}")
        return Unreachable(
            f"the service's clock and this node's, {rfc3339(now)}, differ too much: {read.told}"
        )
