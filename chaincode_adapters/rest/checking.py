"""What a service file must keep to beyond its form: templates that can be filled, rules that can be
reached, a proof that can be checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.rest.placeholders import BUILT_IN, SIGNED_NAMES, names_used
from chaincode_adapters.rest.service import Proof, Request, Service
from node.core.anchors.rest_entry import (
    PUBLIC_ALGORITHMS,
    SignedText,
    decode_service_entry,
    decode_text_rule,
)
from node.core.errors import InvalidInput

__all__ = ["check_service", "rule_of_proof", "service_trust_entry"]

_OF_POLLS = frozenset(("unknown",))
_NEED_POLL = frozenset(("pending", "duplicate"))


def check_service(service: Service, account: Iterable[str]) -> None:
    """Check a service file; ``account`` are the names of the settings' ``values``.

    Raises:
        Misconfigured: names the member and the rule.
    """
    try:
        _check(service, frozenset(account))
    except InvalidInput as error:
        told = str(error).replace("proof.text.", "proof.signed.", 1)  # as the file calls it
        raise Misconfigured(f"service {service.name}: {told}") from error
    except Misconfigured as error:
        raise Misconfigured(f"service {service.name}: {error}") from error


def _check(service: Service, account: frozenset[str]) -> None:
    clash = sorted(account & BUILT_IN)
    if clash:
        raise Misconfigured(f"values.{clash[0]}: is the name of a built-in value")
    _check_request(service.submit, "submit", account, service)
    if service.poll is not None:
        _check_request(service.poll, "poll", account | frozenset(service.submit.keep), service)
        if service.poll.keep:
            raise Misconfigured("poll.keep: is of submit only")
    _check_outcomes(service)
    _check_proof(service.proof)
    rule_of_proof(service.proof)
    if service.proof.algorithm in PUBLIC_ALGORITHMS:
        decode_service_entry(service_trust_entry(service, "operator"), "proof")


def _check_request(request: Request, place: str, account: frozenset[str], service: Service) -> None:
    if request.sign and service.signer is None:
        raise Misconfigured(f"{place}.sign: there is no [signer]")
    if request.body is not None and request.method == "GET":
        raise Misconfigured(f"{place}.body: a GET has none")
    if request.body_as == "form" and any(
        isinstance(value, (dict, list)) for value in (request.body or {}).values()
    ):
        raise Misconfigured(f"{place}.body: a form holds no tables and arrays")
    early = {"path": request.path, "sign": request.sign}
    late = {"query": request.query, "headers": request.headers, "body": request.body or {}}
    for name, where in names_used({**early, **late}, place):
        if name not in BUILT_IN and name not in account:
            raise Misconfigured(f"{where}: {{{name}}} is not known here")
    _check_order(request, place)


def _check_order(request: Request, place: str) -> None:
    """Nothing may need what is only known after it."""
    for part in ("path", "sign"):
        for name, where in names_used(getattr(request, part), f"{place}.{part}"):
            if name == "signature" or (part == "path" and name in SIGNED_NAMES):
                raise Misconfigured(f"{where}: {{{name}}} is not known yet")
    for part in ("query", "body"):
        tree: Any = getattr(request, part) or {}
        names = {name for name, _ in names_used(tree, f"{place}.{part}")}
        if names & {"body", "body_sha256", "body_sm3", "query"}:
            raise Misconfigured(f"{place}.{part}: {{body}} and {{query}} are not known yet")
        signed = {name for name, _ in names_used(request.sign, f"{place}.sign")}
        uses = {"query"} if part == "query" else {"body", "body_sha256", "body_sm3"}
        if "signature" in names and signed & uses:
            raise Misconfigured(f"{place}.sign: signs the {part}, which holds {{signature}}")
        if "signature" in names and not request.sign:
            raise Misconfigured(f"{place}.{part}: {{signature}} without {place}.sign")


def _check_outcomes(service: Service) -> None:
    for index, rule in enumerate(service.submit.answers):
        if rule.outcome in _OF_POLLS:
            raise Misconfigured(f"submit.answers[{index}]: {rule.outcome} is an answer to a poll")
        if rule.outcome in _NEED_POLL and service.poll is None:
            raise Misconfigured(
                f"submit.answers[{index}]: {rule.outcome} asks for a [poll]; a service that "
                "answers a duplicate with its record is read as done"
            )
    outcomes = {rule.outcome for rule in (service.poll or service.submit).answers}
    if "done" not in outcomes:
        raise Misconfigured(f"{'poll' if service.poll else 'submit'}.answers: nothing means done")


def _check_proof(proof: Proof) -> None:
    if (proof.algorithm == "none") != (proof.signature == ""):
        raise Misconfigured("proof.signature: must be given unless the algorithm is none")
    if (proof.algorithm in PUBLIC_ALGORITHMS) != (proof.public_key != ""):
        raise Misconfigured("proof.public_key: is of ECDSA, RSA and SM2, and needed")
    if proof.algorithm == "none" and proof.signed.text != "body":
        raise Misconfigured('proof.signed.text: must be "body" where nothing is signed')
    if (proof.signed.text in ("member", "object")) != (proof.signed.at != ""):
        raise Misconfigured("proof.signed.at: is where the signed member stands, and only of that")
    if proof.signed.text == "object" and not proof.signed.at[1:].replace("_", "a").isalnum():
        raise Misconfigured("proof.signed.at: must be a / and a member's name")
    if (proof.signed.text == "parts") != bool(proof.signed.parts):
        raise Misconfigured('proof.signed.parts: are asked for, and only of text = "parts"')
    if proof.request_id is not None and proof.request_id not in proof.fields:
        raise Misconfigured("proof.request_id: is not one of proof.fields")


def _layout(proof: Proof) -> dict[str, Any]:
    if proof.signed.text == "parts":
        return {"parts": list(proof.signed.parts), "separator": proof.signed.separator}
    return {"pointers": dict(proof.fields)}


def _rule_members(proof: Proof) -> dict[str, Any]:
    members: dict[str, Any] = {
        "digest": {"field": proof.digest, "is": proof.digest_is},
        "text": _layout(proof),
        "time": {"field": proof.time, "form": proof.time_form},
    }
    if proof.expects:
        members["expects"] = {name: list(texts) for name, texts in proof.expects.items()}
    if proof.serial is not None:
        members["serial"] = proof.serial
    return members


def rule_of_proof(proof: Proof) -> SignedText:
    """How the signed text is read. Raises InvalidInput."""
    return decode_text_rule(_rule_members(proof), "proof")


def service_trust_entry(service: Service, operator: str) -> dict[str, Any]:
    """The trust file's entry of the service (docs/spec/anchor-rest.md)."""
    proof = service.proof
    entry: dict[str, Any] = {
        "algorithm": proof.algorithm,
        "kind": "rest",
        "name": service.name,
        "operator": operator,
    }
    if proof.algorithm not in PUBLIC_ALGORITHMS:
        return entry
    entry.update(
        _rule_members(proof),
        encoding=proof.encoding,
        form="raw" if proof.algorithm.startswith("rsa") else proof.form,
        public_key=proof.public_key,
    )
    if proof.hashed:
        entry["hashed"] = proof.hashed
    if proof.algorithm == "sm2-sm3":
        entry["user_id"] = proof.user_id
    return entry
