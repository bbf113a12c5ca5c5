"""The event types: their public fields, their private ones, who may record them, where."""

from __future__ import annotations

from collections.abc import Mapping

from node.rules.consortium_events import CONSORTIUM, CONSORTIUM_JUDGED
from node.rules.event_form import (
    CODE,
    DIGEST,
    DIVISION,
    ES_ID,
    HASH,
    MEMBER,
    PARTY_REF,
    RECEIVER,
    SEAL_CODE,
    SERIAL,
    SIGN_NO,
    TIME,
    TOKEN,
    USCC,
    WORD,
    EventType,
    event_type,
    match,
)
from node.rules.schema import Choice, Form, Integer, ListOf, Object, Text, Variants

__all__ = [
    "EVENTS",
    "JUDGED",
    "MAX_DOCUMENTS",
    "MAX_PARTIES",
    "SEAL_SIGNATURES",
    "SEAL_STATUSES",
    "SIGNATURE_KINDS",
    "EventType",
]

MAX_DOCUMENTS = 32
MAX_PARTIES = 50
SEAL_STATUSES = ("active", "suspended", "lost", "revoked", "cancelled")
SEAL_SIGNATURES = {"organisation_seal": "organisation", "personal_seal": "person"}
SIGNATURE_KINDS = (*SEAL_SIGNATURES, "handwritten", "certificate")

DOCUMENT = Object(
    {
        "media_type": match(r"[a-z]+/[a-z0-9.+-]{1,80}", "must be a media type"),
        "sha256": HASH,
        "size": Integer(0, 2**53 - 1, "must be a size in bytes"),
        "sm3?": HASH,
    }
)
PARTY = Object({"kind": Choice(("organisation", "person")), "party_ref": PARTY_REF})

_APPLICANTS = ("agent_name", "agent_id_no", "legal_representative")
_PERSON = ("owner_name", "owner_id_no", "seal_name")
_APPLIED: dict[str, Form] = {
    "application_hash": HASH,
    "division": DIVISION,
    "imprint_filing?": Object(
        {
            "authority_code": TOKEN,
            "authority_name": Text(100),
            "filed_at": TIME,
            "imprint_hash": HASH,
        }
    ),
    "maker?": MEMBER,
    "owner_kind": Choice(("organisation", "person")),
    "seal_type": Text(40),
}
_ORGANISATION: dict[str, Form] = {
    "owner_name": Text(200),
    "owner_uscc": USCC,
    "seal_name": Text(200),
}
_CREATED: dict[str, Form] = {
    "created_at": TIME,
    "es_id": ES_ID,
    "maker_cert_sn": SERIAL,
    "picture_hash": HASH,
    "seal_code": SEAL_CODE,
    "seal_hash": HASH,
    "ses_version": Choice((4, 5)),
    "sign_alg": TOKEN,
    "signer_cert_hashes": ListOf(HASH, 1, 20),
    "supersedes?": ES_ID,
    "valid_from": TIME,
    "valid_to": TIME,
}
_FILED: dict[str, Form] = {
    "filed_at": TIME,
    "filing_no": TOKEN,
    "filing_unit_code": TOKEN,
    "filing_unit_name": Text(200),
}
_IMPORTED: dict[str, Form] = {
    **_CREATED,
    **_FILED,
    "division": DIVISION,
    "owner_kind": Choice(("organisation", "person")),
    "seal_type": Text(40),
    "source_system": Text(200),
    "status": Choice(SEAL_STATUSES),
}


def _by_owner(fields: Mapping[str, Form], private: tuple[str, ...]) -> Variants:
    """Organisations are named in clear, persons never."""
    return Variants(
        "owner_kind",
        {
            "organisation": Object({**fields, **_ORGANISATION}, (*private, "owner_id_no")),
            "person": Object(fields, (*private, *_PERSON)),
        },
    )


def _by_signature(fields: Mapping[str, Form], private: tuple[str, ...]) -> Variants:
    """The two kinds of seal name their es_id; the other signatures have none."""
    base = {**fields, "signature_kind": Choice(SIGNATURE_KINDS)}
    sealed = Object({**base, "es_id": ES_ID}, private)
    plain = Object(base, private)
    return Variants(
        "signature_kind",
        {kind: sealed if kind in SEAL_SIGNATURES else plain for kind in SIGNATURE_KINDS},
    )


_APPLIED_PRIVATE = (*_APPLICANTS, *_PERSON)
_IMPORTED_PRIVATE = (*_APPLIED_PRIVATE, "handler_name")
_STARTED_PRIVATE = ("ip", "device", "address", "latitude", "longitude")
_IDENTITY_PRIVATE = ("name", "id_no", "serial_no", "score", "phone")
_CASE_END: dict[str, Form] = {"party_ref?": PARTY_REF, "reason_code": WORD}

_SEALS = (
    event_type(
        "seal.applied",
        "印章申请",
        "seal_maker platform",
        "seal",
        _by_owner(_APPLIED, _APPLICANTS),
        private=_APPLIED_PRIVATE,
        opens=True,
    ),
    event_type(
        "seal.created",
        "印章制作",
        "seal_maker",
        "seal",
        {**_CREATED, "seal_name?": Text(200)},
        private=("seal_name",),
    ),
    event_type("seal.filed", "公安备案", "police", "seal", _FILED, private=("handler_name",)),
    event_type(
        "seal.status_changed",
        "状态发布",
        "police status_authority",
        "seal",
        {
            "decision_hash?": HASH,
            "effective_at": TIME,
            "legal_basis?": Text(500),
            "reason_code": WORD,
            "to": Choice(SEAL_STATUSES),
        },
        private=("applicant",),
    ),
    event_type(
        "seal.imported",
        "印章补录",
        "seal_maker police",
        "seal",
        _by_owner(_IMPORTED, (*_APPLICANTS, "handler_name")),
        private=_IMPORTED_PRIVATE,
        opens=True,
    ),
    event_type(
        "seal.certificate_renewed",
        "证书更新",
        "certificate_authority",
        "seal",
        {
            "new_cert_hash": HASH,
            "new_cert_sn": SERIAL,
            "old_cert_sn": SERIAL,
            "valid_from": TIME,
            "valid_to": TIME,
        },
    ),
)

_CASES = (
    event_type(
        "signing.initiated",
        "发起签约",
        "platform",
        "case",
        {
            "aliases?": ListOf(Text(100), 1, 20),
            "channel": Text(100),
            "deadline?": TIME,
            "documents": ListOf(DOCUMENT, 1, MAX_DOCUMENTS),
            "origin": Text(200),
            "participants?": ListOf(MEMBER, 1, 20),
            "parties": ListOf(PARTY, 1, MAX_PARTIES),
            "sign_no": SIGN_NO,
        },
        private=("document_names", "party_names", "initiator"),
        opens=True,
    ),
    event_type(
        "signing.identity_verified",
        "实名认证",
        "identity_provider platform",
        "case",
        {
            "method": Choice(("face", "sms", "bank_card", "ca_cert", "enterprise")),
            "party_ref": PARTY_REF,
            "provider": Text(100),
            "result": Choice(("passed", "failed")),
            "verified_at": TIME,
        },
        private=_IDENTITY_PRIVATE,
    ),
    event_type(
        "signing.intent_confirmed",
        "意愿认证",
        "platform",
        "case",
        {"confirmed_at": TIME, "document_hash": HASH, "method": WORD, "party_ref": PARTY_REF},
        private=("ip", "device"),
    ),
    event_type(
        "signing.started",
        "开始签章",
        "platform",
        "case",
        _by_signature(
            {"api": Text(500), "document_hash": HASH, "party_ref": PARTY_REF}, _STARTED_PRIVATE
        ),
        private=_STARTED_PRIVATE,
    ),
    event_type(
        "signing.sealed",
        "签署",
        "platform",
        "case",
        _by_signature(
            {
                "after_hash": HASH,
                "before_hash": HASH,
                "party_ref": PARTY_REF,
                "signature_hash": HASH,
                "signer_cert_sn": SERIAL,
                "timestamp_token_hash?": HASH,
            },
            ("page_rectangles",),
        ),
        private=("page_rectangles",),
    ),
    event_type(
        "signing.completed",
        "签署完成",
        "platform",
        "case",
        {
            "documents": ListOf(DOCUMENT, 1, MAX_DOCUMENTS),
            "finished_at": TIME,
            "storage_ref?": TOKEN,
        },
        private=("storage_location",),
    ),
    event_type("signing.rejected", "拒绝签署", "platform", "case", _CASE_END, private=("reason",)),
    event_type("signing.voided", "作废", "platform", "case", _CASE_END, private=("reason",)),
)

_RECORDS = (
    event_type(
        "record.imported",
        "存证补录",
        "platform operator",
        "record",
        {
            "aliases": ListOf(Text(100), 0, 20),
            "document_hashes": ListOf(HASH, 0, 100),
            "happened_at": TIME,
            "record_hash": HASH,
            "source_system": Text(200),
        },
        private=("summary",),
        opens=True,
    ),
    event_type(
        "disclosure.released",
        "私密信息披露",
        "operator",
        "record",
        {
            "case_no?": Text(100),
            "code": CODE,
            "digests": ListOf(DIGEST, 1, 64),
            "purpose": Text(200),
            "to": RECEIVER,
        },
        opens=True,
    ),
    event_type(
        "disclosure.erased",
        "私密信息删除",
        "operator",
        "record",
        {
            "case_no?": Text(100),
            "code": CODE,
            "digests": ListOf(DIGEST, 1, 64),
            "purpose": Text(200),
            "to?": RECEIVER,
        },
        opens=True,
    ),
    event_type(
        "certificate.issued",
        "出证",
        "operator",
        "record",
        {"certificate_no": TOKEN, "code": CODE, "purpose": Text(200), "report_hash": HASH},
        private=("applicant",),
        opens=True,
    ),
    event_type(
        "anchor.confirmed",
        "第三方存证",
        "operator",
        "anchor",
        {
            "adapter": TOKEN,
            "chain": TOKEN,
            "external_height?": Integer(0, 2**53 - 1, "must be a height"),
            "external_time": TIME,
            "external_tx": TOKEN,
            "receipt_hash": HASH,
            "root": HASH,
            "size": Integer(1, 2**53 - 1, "must be a size of the log"),
            "state_root": HASH,
        },
        opens=True,
    ),
)

EVENTS = {event.name: event for event in (*_SEALS, *_CASES, *_RECORDS, *CONSORTIUM)}

JUDGED = CONSORTIUM_JUDGED | frozenset(
    [
        "after_hash",
        "aliases",
        "before_hash",
        "certificate_no",
        "code",
        "deadline",
        "division",
        "document_hash",
        "document_hashes",
        "documents",
        "es_id",
        "filing_no",
        "filing_unit_code",
        "maker",
        "new_cert_sn",
        "old_cert_sn",
        "owner_kind",
        "owner_uscc",
        "participants",
        "parties",
        "party_ref",
        "report_hash",
        "result",
        "root",
        "seal_code",
        "seal_name",
        "sign_no",
        "signature_kind",
        "size",
        "status",
        "supersedes",
        "to",
        "valid_from",
        "valid_to",
    ]
)
"""The fields of ``data`` that rules and look-up indexes read. The others are checked for their form
and then only carried in the entry, so that they need not travel from one process to another."""
