"""The check of what a node issues certificates with: the seal, its key or token, the authority."""

from __future__ import annotations

import asyncio
import hashlib
import time
from datetime import UTC, datetime

from node.cli.checkup import FAILED, OK, WARNING, Finding
from node.cli.patient import Patient
from node.core.errors import EvidenceError

__all__ = ["check_certificates", "judge_seal"]

_DAY_MS = 86_400_000
_SOON_DAYS = 30
_PROBE = b"evidence-node doctor"
_NOT_ISSUED = "until then no certificate is issued; everything else works"


def check_certificates(patient: Patient) -> list[Finding]:
    """The certificate of the seal is in force, its key is at hand, and the time-stamp authority
    answers with a token that holds, which it is asked for."""
    if not patient.config.certificates.chain:
        return [Finding(OK, "no certificates are issued here")]
    # Typesetting and sealing are loaded where there is something to examine.
    from node.evidence.certificates.keys import check_key
    from node.evidence.certificates.materials import describe_chain
    from node.evidence.certificates.seal_paths import names_revocation
    from node.wiring_certificates import seal_settings

    try:
        settings = seal_settings(patient.config)
    except (EvidenceError, OSError) as error:
        return [Finding(FAILED, str(error), "correct [certificates] in node.toml, or the file")]
    described = describe_chain(settings.chain)
    found = [judge_seal(described.valid_from, described.valid_to, time.time_ns() // 1_000_000)]
    if not names_revocation((settings.chain.certificate, *settings.chain.above)):
        text = "the seal's certificates name no revocation list or responder: seals embed none"
        found.append(Finding(OK, text))
    try:
        check_key(settings.key, settings.chain)
        found.append(Finding(OK, "the seal's key signs, and is that of its certificate"))
    except EvidenceError as error:
        found.append(Finding(FAILED, str(error), f"bring the key or token back; {_NOT_ISSUED}"))
    if not patient.config.operator.member:
        text = "without operator.member the node does not start with [certificates]"
        found.append(Finding(FAILED, text, "set operator.member and operator.key in node.toml"))
    return [*found, _authority(settings.tsa)]


def judge_seal(valid_from: int, valid_to: int, now: int) -> Finding:
    """The validity of the seal's certificate; times in ms."""
    end = datetime.fromtimestamp(valid_to / 1000, UTC).strftime("%Y-%m-%d")
    if now < valid_from:
        return Finding(FAILED, "the seal's certificate is not valid yet", "look at the clock")
    if now > valid_to:
        return Finding(FAILED, f"the seal's certificate ended on {end}", f"renew it; {_NOT_ISSUED}")
    text = f"the seal's certificate is valid until {end}"
    if valid_to - now < _SOON_DAYS * _DAY_MS:
        return Finding(WARNING, text, "renew it before then")
    return Finding(OK, text)


def _authority(settings: object) -> Finding:
    from node.evidence.certificates.time_stamps import HttpTimeStamper, TsaSettings

    if not isinstance(settings, TsaSettings):
        text = "no time-stamp authority: the time of a seal is the issuer's own claim"
        return Finding(WARNING, text, "name one in [certificates.tsa]")
    stamper = HttpTimeStamper(settings)
    try:
        asyncio.run(stamper.async_timestamp(hashlib.sha256(_PROBE).digest(), "sha256"))
    except EvidenceError as error:
        return Finding(FAILED, str(error), f"look at [certificates.tsa]; {_NOT_ISSUED}")
    finally:
        stamper.close()
    return Finding(OK, f"time-stamp authority {settings.name} answers with a token that holds")
