"""The issuing member's signed statement, ``statement.jwt``: what the certificate's PDF carries.

A compact JWS under the member's ledger key: whoever re-seals the PDF with another institution's
key, or exchanges an attachment, cannot make another one. Its form is in docs/spec/certificate.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from node.client.keys import SigningKey
from node.core.certificate_statement import STATEMENT, STATEMENT_FORMAT, STATEMENT_TYP
from node.core.compact_jws import encode_compact_jws
from node.evidence.certificates.port import Attachment, Issuer, Language

__all__ = ["make_statement"]


def make_statement(
    key: SigningKey,
    issuer: Issuer,
    *,
    certificate_no: str,
    chain_id: str,
    code: str,
    language: Language,
    issued_at: int,
    files: Iterable[Attachment],
) -> Attachment:
    """The statement of a certificate as the attachment that it becomes.

    Args:
        key: a signing key of the issuing member.
        issuer: who issues it, and with what.
        certificate_no: its number.
        chain_id: the chain's id.
        code: the evidence code that it is about, of a record with its ``-n``.
        language: in which it is typeset.
        issued_at: its moment, in ms.
        files: all other attachments.
    """
    sealing = issuer.sealing
    payload = {
        "certificate_no": certificate_no,
        "chain_id": chain_id,
        "code": code,
        "files": {one.name: hashlib.sha256(one.content).hexdigest() for one in files},
        "format": STATEMENT_FORMAT,
        "iat": issued_at // 1000,
        "iss": issuer.member,
        "language": language,
        "sealing_certificate_sha256": "" if sealing is None else sealing.sha256,
        "software": {
            "config_sha256": issuer.config_sha256,
            "name": issuer.software,
            "version": issuer.version,
        },
    }
    jws = encode_compact_jws(STATEMENT_TYP, key.kid, payload, key.sign)
    return Attachment(
        STATEMENT,
        "application/jwt",
        "出证机构对本证书及其附件的签名声明 Signed statement of the issuing member",
        jws.encode("ascii"),
    )
