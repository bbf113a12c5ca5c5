"""Checking a service file against a recorded exchange, without a network: what would have been
sent, how each answer is read, what a verifier would say of the receipt."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from chaincode_adapters.errors import AnchorError, Misconfigured
from chaincode_adapters.rest.checking import check_service, rule_of_proof, service_trust_entry
from chaincode_adapters.rest.exchange import Sent
from chaincode_adapters.rest.placeholders import request_id, request_values
from chaincode_adapters.rest.reading import Proven, Prover, Read, read_answer, receipt_content
from chaincode_adapters.rest.recording import Recording, Step, decode_recording
from chaincode_adapters.rest.requesting import make_request
from chaincode_adapters.rest.service import Request, Service, read_service
from chaincode_adapters.rest.signing import Secret, holds, read_secret
from node.core.anchors.foreign_json import text_at
from node.core.anchors.rest import verify_rest
from node.core.anchors.rest_entry import PUBLIC_ALGORITHMS, decode_service_entry
from node.core.encoding import rfc3339
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

__all__ = ["Rehearsal", "rehearse"]

_RANDOM, _SIGNATURE = "RANDOMVALUEHERE", "SIGNATUREHERE"
_MOST_SHOWN = 400


@dataclass
class Rehearsal:
    """What a rehearsal found: a line for each thing, and whether all of it is well."""

    lines: list[str] = field(default_factory=list)
    holds: bool = True

    def tell(self, text: str) -> None:
        """A line that says how it went."""
        self.lines.append(text)

    def object_to(self, text: str) -> None:
        """A line that says what is wrong."""
        self.lines.append(f"WRONG: {text}")
        self.holds = False


def rehearse(
    service_file: Path, recording_file: Path, *, key: Path | None = None, operator: str = "operator"
) -> Rehearsal:
    """Rehearse a service file.

    Args:
        service_file: the TOML file.
        recording_file: the JSON file, of format ``evidence-rest-recording/1``.
        key: the account's key file, where signatures and codes are to be checked too.
        operator: as the settings name it.

    Raises:
        Misconfigured: one of the files cannot be used at all.
    """
    service = read_service(service_file)
    try:
        data = recording_file.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{recording_file}: {error.strerror}") from error
    recording = decode_recording(data, "recording")
    check_service(service, recording.values)
    secret = None if key is None else read_secret(key)
    return _Run(service, recording, secret, operator).all_steps()


class _Run:
    """One rehearsal."""

    def __init__(
        self, service: Service, recording: Recording, secret: Secret | None, operator: str
    ) -> None:
        self.service, self.recording, self.secret = service, recording, secret
        self.found = Rehearsal()
        self.identity = request_id(
            service.request_id, service.name, recording.member, recording.point
        )
        self.entry = service_trust_entry(service, operator)
        self.kept: dict[str, str] = {}
        self.proven: Proven | None = None

    def all_steps(self) -> Rehearsal:
        self.found.tell(f"service {self.service.name}, request id {self.identity}")
        for number, step in enumerate(self.recording.steps, 1):
            self.found.tell(f"step {number}: {step.request} at {rfc3339(step.time)}")
            self._step(step)
        if self.proven is None:
            self.found.object_to("no answer of the recording proves that the point is recorded")
        else:
            self._verify(self.proven)
        return self.found

    def _step(self, step: Step) -> None:
        request = self.service.submit if step.request == "submit" else self.service.poll
        if request is None:
            self.found.object_to("the service file has no [poll]")
            return
        if step.sent is not None:
            self._compare(step, step.sent, request)
        try:
            read = read_answer(step.reply, request, self.service.message)
        except AnchorError as error:
            self.found.object_to(f"the answer is not read: {error}")
            return
        self.found.tell(f"  the answer means {read.outcome}: {read.told}")
        if step.request == "submit":
            self._keep(read)
        if read.outcome == "done":
            self._prove(step, read)

    def _keep(self, read: Read) -> None:
        for name, pointer in self.service.submit.keep.items():
            try:
                self.kept[name] = text_at(read.document, pointer, place=f"submit.keep.{name}")
            except InvalidInput as error:
                self.found.object_to(str(error))

    # -- requests ---------------------------------------------------------------------------------

    def _values(self, step: Step) -> dict[str, str]:
        recording = self.recording
        values = request_values(
            recording.point, self.identity, recording.member, recording.values, step.time
        )
        return {**values, **(self.kept if step.request == "poll" else {})}

    def _compare(self, step: Step, sent: Sent, request: Request) -> None:
        """Compare what would be sent with what was; the random value and the signature are taken
        from the recording, and the signature is checked where the key is there."""
        texts: list[str] = []

        def note(text: str) -> str:
            texts.append(text)
            return _SIGNATURE

        values = {**self._values(step), "random": _RANDOM}
        try:
            ours = make_request(request, values, note, step.request)
        except AnchorError as error:
            self.found.object_to(f"  cannot be filled in: {error}")
            return
        found = self._match(ours, sent)
        if found is None or not request.sign:
            return
        texts.clear()
        make_request(request, {**values, "random": found.get("random", "")}, note, step.request)
        self.found.tell(f"  the text to sign: {_shown(texts[0])}")
        self._check_signature(texts[0], found.get("signature"))

    def _match(self, ours: Sent, sent: Sent) -> dict[str, str] | None:
        found: dict[str, str] = {}
        pairs = [("method", ours.method, sent.method), ("path", ours.path, sent.path)]
        theirs = {name.lower(): text for name, text in sent.headers}
        for name, text in ours.headers:
            if name.lower() != "content-type":
                pairs.append((f"header {name}", text, theirs.get(name.lower(), "")))
        pairs.append(("body", ours.body.decode("utf-8"), sent.body.decode("utf-8")))
        good = True
        for place, our, their in pairs:
            match = _pattern(our).fullmatch(their)
            if match is None:
                self.found.object_to(f"  {place}: would be {_shown(our)}, and was {_shown(their)}")
                good = False
                continue
            encoded = place == "path" or (place == "body" and our.startswith(("{", "[")) is False)
            for name, text in match.groupdict().items():
                found.setdefault(name, unquote(text) if encoded else text)
        if good:
            self.found.tell(f"  the request is as recorded: {sent.method} {_shown(sent.path)}")
        return found if good else None

    def _check_signature(self, text: str, signature: str | None) -> None:
        if signature is None or self.service.signer is None:
            self.found.tell("  its signature goes nowhere")
        elif self.secret is None:
            self.found.tell("  its signature is not checked: no key is given")
        elif holds(text, signature, self.service.signer, self.secret):
            self.found.tell("  its signature holds for the key")
        else:
            self.found.object_to("  the recorded signature does not hold for this text and key")

    # -- answers ----------------------------------------------------------------------------------

    def _prove(self, step: Step, read: Read) -> None:
        proof = self.service.proof
        if proof.algorithm not in (*PUBLIC_ALGORITHMS, "none") and self.secret is None:
            self.found.tell(f"  its {proof.algorithm} code is not checked: no key is given")
        prover = Prover(
            proof=proof,
            rule=rule_of_proof(proof),
            entry=decode_service_entry(self.entry, "proof"),
            secret=self.secret,
            backend=load_backend(),
            skew_ms=self.service.clock_skew_ms,
            believe_codes=self.secret is None,
        )
        point = self.recording.point
        try:
            self.proven = prover.prove(step.reply, read.document, point, self.identity, step.time)
        except AnchorError as error:
            self.found.object_to(f"  {error}")
            return
        statement = self.proven.statement
        self.found.tell(f"  it proves: {_fields(statement.fields)}")
        self.found.tell(f"  existed no later than {rfc3339(statement.time)}")

    def _verify(self, proven: Proven) -> None:
        content = receipt_content(self.service, proven)
        point = self.recording.point
        trust = Trust(point.chain_id, b"", anchors=(self.entry,))
        try:
            vouched = verify_rest(content, point, trust, load_backend(), "receipt")
        except NotChecked as error:
            self.found.tell(f"a verifier says: not checked: {error}")
        except InvalidInput as error:
            self.found.object_to(f"a verifier refuses the receipt: {error}")
        else:
            self.found.tell(f"a verifier says: {vouched.by}, {vouched.where}: {vouched.how}")


def _pattern(text: str) -> re.Pattern[str]:
    """A pattern for a text with the stand-ins in it."""
    pattern = re.escape(text)
    for stand_in, group in ((_RANDOM, r"random>[0-9A-Za-z-]{1,64}"), (_SIGNATURE, "signature>.+?")):
        first, *rest = pattern.split(stand_in)
        name = group.partition(">")[0]
        pattern = first
        for index, part in enumerate(rest):
            pattern += (f"(?P<{group})" if index == 0 else f"(?P={name})") + part
    return re.compile(pattern, re.DOTALL)


def _fields(fields: Mapping[str, str]) -> str:
    return _shown(", ".join(f"{name}={text}" for name, text in fields.items()))


def _shown(text: str) -> str:
    """As much of a text as a line holds, with nothing in it that moves a cursor."""
    out = text.replace("\n", "\\n")
    out = "".join(c if c.isprintable() else "?" for c in out)
    return out if len(out) <= _MOST_SHOWN else f"{out[:_MOST_SHOWN]}…"
