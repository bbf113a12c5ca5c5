"""Public fields of every event type for tests, with and without what is optional."""

from __future__ import annotations

from typing import Any

from builders.consortium import CHAIN, VALIDATOR, member_key
from builders.signing import GENESIS_TIME, seeded

from node.core.encoding import encode_base64url
from node.core.genesis import ed25519_jwk
from node.core.key_proof import key_proof_message
from node.rules.validation import identity_check_character, uscc_check_character

__all__ = [
    "CHANGES_OF",
    "DAY",
    "DIVISION",
    "HOME",
    "NOW",
    "OPTIONAL",
    "PROPOSAL_HASH",
    "case_sub",
    "data_of",
    "digest",
    "document",
    "full_data_of",
    "identity_number",
    "reference",
    "uscc",
]

DAY = 86_400_000
NOW = GENESIS_TIME + 10 * DAY
DIVISION = "370102"


def digest(*words: object) -> str:
    """A hash of 32 bytes in hex that follows from ``words``."""
    return seeded("digest", *words).hex()


PROPOSAL_HASH = digest("proposal")
"""In place of a proposal's: whoever makes an event puts in that of its dossier."""


def reference(*words: object) -> str:
    """A party_ref that follows from ``words``."""
    return encode_base64url(seeded("party", *words)[:16])


def uscc(number: int) -> str:
    """A well-formed unified social credit code that nobody has: its body is a running number."""
    first = f"91{DIVISION}{number:09d}"
    return first + uscc_check_character(first)


def identity_number(serial: int = 1, birth: str = "20991231", division: str = DIVISION) -> str:
    """A well-formed identity number that nobody has: of somebody born at the end of the century."""
    first = f"{division}{birth}{serial:03d}"
    return first + identity_check_character(first)


def document(*words: object, **changes: Any) -> dict[str, Any]:
    """A document as events name it."""
    return {
        "media_type": "application/pdf",
        "sha256": digest(*words),
        "size": 123_456,
        **changes,
    }


def case_sub(number: int = 1, opener: str = "platform-a") -> str:
    """The subject of a signing case."""
    return f"case:{opener}:{number:04d}"


_ORGANISATION = {
    "owner_kind": "organisation",
    "owner_name": "济南某某科技有限公司",
    "owner_uscc": uscc(1),
    "seal_name": "济南某某科技有限公司合同专用章",
}
_APPLIED = {
    "application_hash": digest("application"),
    "division": DIVISION,
    "seal_type": "合同专用章",
}
_CREATED = {
    "created_at": NOW - DAY,
    "es_id": "37010200000001",
    "maker_cert_sn": "3a7f",
    "picture_hash": digest("picture"),
    "seal_code": "37010200000001",
    "seal_hash": digest("seal"),
    "ses_version": 4,
    "sign_alg": "1.2.156.10197.1.501",
    "signer_cert_hashes": [digest("certificate")],
    "valid_from": NOW - DAY,
    "valid_to": NOW + 365 * DAY,
}
_FILED = {
    "filed_at": NOW - 3_600_000,
    "filing_no": "BA2026-000001",
    "filing_unit_code": "370102000000",
    "filing_unit_name": "济南市公安局历下区分局",
}
_NEW_KEY = member_key("platform-a", "new")
CHANGES_OF: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "key.replace": (
        {"jwk": member_key("platform-b", "new").jwk.to_json(), "member": "platform-b"},
        {"overlap_blocks": 10, "replaces": member_key("platform-b").kid},
    ),
    "key.revoke": (
        {"kid": member_key("platform-b").kid, "member": "platform-b"},
        {"suspect_from": NOW - DAY},
    ),
    "member.admit": (
        {
            "divisions": ["37"],
            "keys": [member_key("newcomer").jwk.to_json()],
            "member": "newcomer",
            "name": "新成员",
            "recovery_key": member_key("newcomer", "recovery").jwk.to_json(),
            "roles": ["platform"],
        },
        {"checkpoint_key": ed25519_jwk(VALIDATOR.validator.public_key)},
    ),
    "member.change": (
        {"member": "platform-b", "name": "更名"},
        {
            "checkpoint_key": ed25519_jwk(VALIDATOR.validator.public_key),
            "divisions": ["3701", "12"],
            "roles": ["notary", "platform"],
        },
    ),
    "member.readmit": ({"member": "platform-b"}, {}),
    "member.suspend": ({"member": "platform-b"}, {}),
    "parameter.set": ({"name": "late_after_ms", "value": 1000}, {}),
    "recovery_key.replace": (
        {"jwk": member_key("platform-b", "new recovery").jwk.to_json(), "member": "platform-b"},
        {},
    ),
    "rules.set": ({"version": 2}, {}),
    "validator.set": (
        {
            "member": "operator-a",
            "power": 20,
            "public_key": ed25519_jwk(VALIDATOR.validator.public_key),
        },
        {},
    ),
}
"""Of each kind of change what it must say, and what it may say besides."""

_REQUIRED: dict[str, dict[str, Any]] = {
    "seal.applied": {**_APPLIED, **_ORGANISATION},
    "seal.created": {**_CREATED, "seal_name": _ORGANISATION["seal_name"]},
    "seal.filed": _FILED,
    "seal.status_changed": {"effective_at": NOW, "reason_code": "owner_request", "to": "suspended"},
    "seal.imported": {
        **_CREATED,
        **_FILED,
        **_ORGANISATION,
        "division": DIVISION,
        "seal_type": "公章",
        "source_system": "旧印章系统",
        "status": "active",
    },
    "seal.certificate_renewed": {
        "new_cert_hash": digest("new certificate"),
        "new_cert_sn": "b0",
        "old_cert_sn": "a0",
        "valid_from": NOW,
        "valid_to": NOW + 365 * DAY,
    },
    "signing.initiated": {
        "channel": "API接口",
        "documents": [document("document", 0)],
        "origin": "某某电子印章平台",
        "parties": [{"kind": "organisation", "party_ref": reference(0)}],
        "sign_no": "QY812163472634127040-1",
    },
    "signing.identity_verified": {
        "method": "face",
        "party_ref": reference(0),
        "provider": "某某认证",
        "result": "passed",
        "verified_at": NOW,
    },
    "signing.intent_confirmed": {
        "confirmed_at": NOW,
        "document_hash": digest("document", 0),
        "method": "sms_code",
        "party_ref": reference(0),
    },
    "signing.started": {
        "api": "https://sign.example/api/SignPDF?Keysn=37010200000001",
        "document_hash": digest("document", 0),
        "es_id": "37010200000001",
        "party_ref": reference(0),
        "signature_kind": "organisation_seal",
    },
    "signing.sealed": {
        "after_hash": digest("document", 0, "sealed"),
        "before_hash": digest("document", 0),
        "es_id": "37010200000001",
        "party_ref": reference(0),
        "signature_hash": digest("signature"),
        "signature_kind": "organisation_seal",
        "signer_cert_sn": "a0",
    },
    "signing.completed": {
        "documents": [document("document", 0, "sealed")],
        "finished_at": NOW,
    },
    "signing.rejected": {"reason_code": "declined"},
    "signing.voided": {"reason_code": "mistake"},
    "record.imported": {
        "aliases": ["CZ0034133234712-2"],
        "document_hashes": [digest("old document")],
        "happened_at": NOW - 1000 * DAY,
        "record_hash": digest("old record"),
        "source_system": "旧存证平台",
    },
    "disclosure.released": {
        "code": "CZ0034133234711-2",
        "digests": [encode_base64url(seeded("disclosed"))],
        "purpose": "民事诉讼举证",
        "to": "court-a",
    },
    "disclosure.erased": {
        "code": "CZ0034133234711-2",
        "digests": [encode_base64url(seeded("disclosed"))],
        "purpose": "个人信息删除请求",
    },
    "certificate.issued": {
        "certificate_no": "CERT-2026-000001",
        "code": "CZ0034133234711-2",
        "purpose": "诉讼",
        "report_hash": digest("report"),
    },
    "anchor.confirmed": {
        "adapter": "evm",
        "chain": "eip155:1337",
        "external_time": NOW,
        "external_tx": "0x" + digest("external"),
        "receipt_hash": digest("receipt"),
        "root": digest("root"),
        "size": 7,
        "state_root": digest("state root"),
    },
    "governance.proposed": {
        "change": {"kind": "member.suspend", **CHANGES_OF["member.suspend"][0]},
        "closes_at": NOW + 7 * DAY,
    },
    "governance.voted": {"proposal_hash": PROPOSAL_HASH, "vote": "approve"},
    "governance.withdrawn": {},
    "key.rotated": {
        "jwk": _NEW_KEY.jwk.to_json(),
        "proof": encode_base64url(
            _NEW_KEY.sign(key_proof_message(CHAIN, "platform-a", _NEW_KEY.kid))
        ),
    },
    "key.compromised": {"kid": member_key("platform-a").kid, "suspect_from": NOW - DAY},
    "validator.misbehaved": {
        "address": VALIDATOR.validator.address.hex(),
        "height": 5,
        "misbehaviour": "duplicate_vote",
    },
}
OPTIONAL: dict[str, dict[str, Any]] = {
    "seal.applied": {
        "imprint_filing": {
            "authority_code": "370102000000",
            "authority_name": "济南市公安局历下区分局",
            "filed_at": NOW - 400 * DAY,
            "imprint_hash": digest("imprint"),
        },
        "maker": "maker-a",
    },
    "seal.created": {"supersedes": "37010200000009"},
    "seal.status_changed": {
        "decision_hash": digest("decision"),
        "legal_basis": "《印章治安管理办法》第二十条",
    },
    "seal.imported": {"supersedes": "37010200000009"},
    "signing.initiated": {
        "aliases": ["HT-2026-001"],
        "deadline": NOW + DAY,
        "participants": ["platform-b", "identity-a"],
    },
    "signing.sealed": {"timestamp_token_hash": digest("token")},
    "signing.completed": {"storage_ref": "oss:contracts/2026/0001"},
    "signing.rejected": {"party_ref": reference(0)},
    "signing.voided": {"party_ref": reference(0)},
    "disclosure.released": {"case_no": "（2026）鲁0102民初1号"},
    "disclosure.erased": {"case_no": "（2026）鲁0102民初1号", "to": reference(0)},
    "anchor.confirmed": {"external_height": 4711},
    "governance.proposed": {"from": 1000, "reason": "不再经营"},
    "governance.voted": {"reason": "同意"},
    "governance.withdrawn": {"reason": "另行提案"},
    "key.rotated": {"overlap_blocks": 100, "replaces": member_key("platform-a").kid},
    "key.compromised": {"reason": "设备被盗"},
}
"""What each type may have besides, by type and field."""

HOME = {
    "seal.applied": "maker-a",
    "seal.created": "maker-a",
    "seal.filed": "police-jinan",
    "seal.status_changed": "authority-jinan",
    "seal.imported": "maker-a",
    "seal.certificate_renewed": "ca-shandong",
    "record.imported": "platform-a",
    "disclosure.released": "operator-a",
    "disclosure.erased": "operator-a",
    "certificate.issued": "operator-a",
    "anchor.confirmed": "operator-a",
}
"""Who records a type where a test does not say; cases are ``platform-a``'s."""


def data_of(event_type: str, **changes: Any) -> dict[str, Any]:
    """The required public fields of a type; ``changes`` replace them, or remove them when None."""
    data = {**_REQUIRED[event_type], **changes}
    return {name: value for name, value in data.items() if value is not None}


def full_data_of(event_type: str) -> dict[str, Any]:
    """All public fields that a type can have at once."""
    return {**_REQUIRED[event_type], **OPTIONAL.get(event_type, {})}
