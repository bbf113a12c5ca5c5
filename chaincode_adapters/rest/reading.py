"""What a service's answer means, by the rules of its service file, and what it proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chaincode_adapters.errors import Conflicting, Unreachable
from chaincode_adapters.rest.exchange import Reply, retry_after
from chaincode_adapters.rest.service import Answer, Outcome, Proof, Request, Service
from chaincode_adapters.rest.signing import Secret, holds
from node.core.anchors.canonical_string import join_parts, point_values
from node.core.anchors.foreign_json import decode_foreign_json, raw_member, text_at
from node.core.anchors.point import AnchorPoint
from node.core.anchors.rest import (
    MAX_SIGNED,
    Statement,
    check_statement,
    read_fields,
    verify_service_signature,
)
from node.core.anchors.rest_entry import PUBLIC_ALGORITHMS, ServiceEntry, SignedText
from node.core.encoding import canonical_json, decode_canonical_json, rfc3339
from node.core.errors import InvalidInput
from node.core.fields import exact_members, read_integer, read_object, read_text
from node.core.signatures import Backend

__all__ = [
    "Proven",
    "Prover",
    "Read",
    "decode_reply",
    "encode_reply",
    "read_answer",
    "receipt_content",
]

_MOST_TOLD = 300


@dataclass(frozen=True)
class Read:
    """An answer that a rule reads: what it means, its document, and what it says for people."""

    outcome: Outcome
    document: Any
    told: str


@dataclass(frozen=True)
class Proven:
    """What a ``done`` answer proves: the signed text, its signature as written ("" where there is
    none), and what the text says."""

    signed: str
    signature: str
    statement: Statement


def read_answer(reply: Reply, request: Request, message: str) -> Read:
    """The meaning of an answer: that of the first rule that fits. ``message`` is the pointer to
    what services say for people, "" for none.

    Raises:
        Unreachable: it is no JSON, or no rule reads it; the same may be tried later.
    """
    status = f"HTTP {reply.status}"
    try:
        document = decode_foreign_json(reply.body.decode("utf-8"), place="answer")
    except (InvalidInput, UnicodeDecodeError) as error:
        kind = reply.headers.get("content-type", "of no stated type")[:60]
        what = error if isinstance(error, InvalidInput) else "not UTF-8"
        raise Unreachable(f"{status}, {kind}: {what}", retry_after(reply)) from error
    told = _printable(f"{status}: {_member(document, message)}" if message else status)
    for rule in request.answers:
        if _fits(rule, reply.status, document):
            codes = " ".join(f"{at}={_member(document, at)}" for at in rule.match)
            return Read(rule.outcome, document, _printable(f"{told} {codes}".strip()))
    raise Unreachable(f"{told}: no rule of the service file reads it", retry_after(reply))


def _member(document: Any, pointer: str) -> str:
    try:
        return text_at(document, pointer, place="answer")
    except InvalidInput:
        return ""


def _fits(rule: Answer, status: int, document: Any) -> bool:
    if rule.status and status not in rule.status:
        return False
    for pointer, texts in rule.match.items():
        try:
            if text_at(document, pointer, place="answer") not in texts:
                return False
        except InvalidInput:
            return False
    return True


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_MOST_TOLD])


@dataclass(frozen=True)
class Prover:
    """Checks what ``done`` answers prove. ``entry`` is the service's of the trust file;
    ``believe_codes``, of a rehearsal without a key, lets codes pass that need a secret."""

    proof: Proof
    rule: SignedText
    entry: ServiceEntry
    secret: Secret | None
    backend: Backend
    skew_ms: int
    believe_codes: bool = False

    def prove(
        self, reply: Reply, document: Any, point: AnchorPoint, request_id: str, now: int
    ) -> Proven:
        """Check that an answer proves that ``point`` is recorded under ``request_id``.

        Raises:
            Unreachable: it proves nothing: malformed, wrongly signed, another request's, or of a
                time that has not come.
            Conflicting: signed, this request's, and of another digest.
        """
        try:
            signed, fields = self._signed_text(reply, document)
            signature = self._check_signature(signed, reply, document)
            self._check_request(fields, request_id)
            self._check_digest(signed, point, request_id)
            statement = check_statement(self.rule, signed, point, "answer")
        except InvalidInput as error:
            raise Unreachable(f"the answer proves nothing: {error}") from error
        if statement.time > now + self.skew_ms:
            raise Unreachable(
                f"the answer is of {rfc3339(statement.time)}, later than this node's clock allows"
            )
        return Proven(signed, signature, statement)

    def _signed_text(self, reply: Reply, document: Any) -> tuple[str, Mapping[str, str]]:
        layout, proof = self.proof.signed, self.proof
        if layout.text == "member":
            text = text_at(document, layout.at, place="answer")
        elif layout.text == "object":
            text = raw_member(reply.body.decode("utf-8"), layout.at[1:], place="answer")
        elif layout.text == "body":
            text = reply.body.decode("utf-8")
        else:
            fields = {
                name: text_at(document, pointer, place=f"answer, {name}")
                for name, pointer in proof.fields.items()
            }
            text = join_parts(layout.parts, layout.separator, fields, place="proof.signed.parts")
            _check_length(text)
            # A value with the separator in it would be taken apart in another way.
            read_fields(self.rule, text, "answer")
            return text, fields
        _check_length(text)
        return text, read_fields(self.rule, text, "answer")

    def _check_signature(self, signed: str, reply: Reply, document: Any) -> str:
        place, proof = "answer.signature", self.proof
        if proof.algorithm == "none":
            return ""
        if proof.signature.startswith("header:"):
            signature = reply.headers.get(proof.signature[7:].lower(), "")
        else:
            signature = text_at(document, proof.signature, place=place)
        if proof.algorithm in PUBLIC_ALGORITHMS:
            verify_service_signature(self.entry, signed, signature, self.backend, place)
            return signature
        if not self.believe_codes and (
            self.secret is None or not holds(signed, signature, proof, self.secret)
        ):
            raise Unreachable("the answer proves nothing: its code does not hold for our secret")
        return signature

    def _check_request(self, fields: Mapping[str, str], request_id: str) -> None:
        name = self.proof.request_id
        if name is not None and fields.get(name) != request_id:
            raise Unreachable("an answer for another request came back")

    def _check_digest(self, signed: str, point: AnchorPoint, request_id: str) -> None:
        """Another digest under our request id, and signed: not what we hold. What is not signed
        accuses nobody."""
        name = self.proof.request_id
        if name is None or self.proof.algorithm == "none":
            return
        fields = read_fields(self.rule, signed, "answer")
        theirs, ours = fields[self.rule.digest_field], point_values(point)[self.rule.digest_is]
        # Of another length it is no digest of this form: then the service file is wrong.
        another = theirs.lower() != ours.lower() and len(theirs) == len(ours)
        if fields.get(name) == request_id and another:
            raise Conflicting(
                f"{self.entry.name} has signed that request {request_id} is of "
                f"{_printable(theirs)[:80]}, and this ledger's digest is {ours[:80]}"
            )


def receipt_content(service: Service, proven: Proven) -> dict[str, Any]:
    """The receipt (docs/spec/anchor-rest.md)."""
    if service.proof.algorithm == "none":
        return {"answer": proven.signed, "service": service.name}
    return {"service": service.name, "signature": proven.signature, "signed": proven.signed}


def _check_length(text: str) -> None:
    if len(text) > MAX_SIGNED:
        raise Unreachable(f"the signed text has more than {MAX_SIGNED} characters")


def encode_reply(reply: Reply, proof: Proof) -> bytes:
    """An answer as it is kept: its status, body and the header with its signature."""
    name = proof.signature[7:].lower() if proof.signature.startswith("header:") else ""
    kept = {name: reply.headers[name]} if name in reply.headers else {}
    return canonical_json(
        {"body": reply.body.decode("utf-8"), "headers": kept, "status": reply.status}
    )


def decode_reply(data: bytes) -> Reply:
    """What `encode_reply` wrote. Raises Unreachable where what was kept is damaged."""
    try:
        value = decode_canonical_json(data, place="kept answer", max_bytes=64 << 20)
        exact_members(value, "kept answer", ("body", "headers", "status"))
        headers = read_object(value["headers"], "kept answer.headers")
        body = read_text(value["body"], "kept answer.body", least=0, most=32 << 20)
        status = read_integer(value["status"], "kept answer.status", least=100, most=999)
    except InvalidInput as error:
        raise Unreachable(str(error)) from error
    return Reply(status, {name: str(text) for name, text in headers.items()}, body.encode("utf-8"))
