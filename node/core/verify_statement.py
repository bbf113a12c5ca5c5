"""The step about a certificate's statement: who signed it, and that it is of what is attached."""

from __future__ import annotations

import hashlib
from typing import Any

from node.core.bundle import Bundle, decode_bundle
from node.core.certificate_case import CertificateCase
from node.core.certificate_statement import Statement
from node.core.chinese.failures import resting_on_zh
from node.core.encoding import rfc3339
from node.core.entry import decode_entry
from node.core.errors import InvalidInput, InvalidProof
from node.core.evidence_code import parse_code
from node.core.genesis import decode_genesis
from node.core.statement_signer import active_member, signing_key
from node.core.verify import PASSED
from node.core.verify_case import NotChecked, Told, decode_state_value

__all__ = ["check_statement"]

_ROUND = ("chain.identity", "state.proofs", "entries.form", "entries.inclusion")
"""Steps of the bundle that this one rests on."""
_CLOCKS_APART = 60_000


def check_statement(case: CertificateCase) -> Told:
    """The statement must be of the attached files, and be signed by its member's key, which the
    bundle's state proofs show to be in force."""
    statement = case.need_statement()
    attached = case.need_pdf().attachments
    for name, expected in statement.files.items():
        if hashlib.sha256(attached[name]).hexdigest() != expected:
            raise InvalidProof(f"statement.files.{name}", "is not the hash of the attached file")
    _check_grounds(case)
    bundle = decode_bundle(attached["bundle.json"])
    chain_id = decode_genesis(bundle.chain.genesis).chain_id
    if statement.chain_id != chain_id:
        raise InvalidProof("statement.chain_id", f"must be {chain_id}, the bundle's chain")
    shown = _shown_code(bundle)
    if statement.code != shown:
        raise InvalidProof("statement.code", f"must be {shown}, which the bundle is of")
    shown_at = _check_time(statement, bundle)
    state = _proven(bundle)
    key = signing_key(state, statement.kid, statement.issuer, bundle.as_of)
    name = active_member(state, statement.issuer, bundle.as_of)
    try:
        statement.algorithm.verify(key, statement.signing_input, statement.signature, case.backend)
    except InvalidInput as error:
        place = f"statement.{error.place}"
        raise type(error)(place, error.rule, "签名与公钥不符") from error
    said = rfc3339(statement.iat * 1000, whole_seconds=True)
    software = f"{statement.software['name']} {statement.software['version']}"
    return Told(
        f"{name} ({statement.issuer}) has signed certificate {statement.certificate_no} of "
        f"{statement.code}; {said} is its own claim",
        f"{name}（{statement.issuer}）已签名确认：证书 {statement.certificate_no}，存证编码 "
        f"{statement.code}；时间 {said} 为其自称",
        (
            f"made by {software}, configuration SHA-256 {statement.software['config_sha256']}",
            f"key {statement.kid}, in force at height {bundle.as_of}, {rfc3339(shown_at)}; what "
            "was reported of it since is not shown",
            f"on record: certificate.issued of report_hash {case.sha256}, if it is there",
        ),
    )


def _check_grounds(case: CertificateCase) -> None:
    assert case.report is not None
    steps = {step.id: step for step in case.report.steps}
    for needed in _ROUND:
        ground = steps[needed]
        if ground.status != PASSED:
            raise NotChecked(
                f"rests on {needed}, which did not pass",
                resting_on_zh(ground.label, ground.title_zh),
            )


def _shown_code(bundle: Bundle) -> str:
    code = parse_code(decode_entry(bundle.entries[0].text, place="entry").code)
    return str(code) if bundle.scope == "record" else code.dossier


def _check_time(statement: Statement, bundle: Bundle) -> int:
    """The time (ms) of the state that is shown: nobody signs over what is not there yet."""
    [time] = [
        header.time.milliseconds
        for header in bundle.chain.headers
        if header.height == bundle.as_of + 1
    ]
    if statement.iat * 1000 + _CLOCKS_APART < time:
        raise InvalidProof("statement.iat", f"is before {rfc3339(time)}, that of what it is over")
    return time


def _proven(bundle: Bundle) -> dict[str, dict[str, Any]]:
    """Values of the state map by their keys; step 6 of the bundle has checked their proofs."""
    return {
        proof.key: decode_state_value(proof.value, proof.key)
        for proof in bundle.state
        if proof.value is not None and proof.key.startswith(("key/", "member/"))
    }
