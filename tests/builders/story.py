"""The life of a seal and of a signing, as submissions that a node of `builders.home` accepts.

Everything follows from the arguments, salts and signatures too: the same story told twice has the
same bytes, so the same ids, and on the same chain the same evidence codes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from builders.home import Home
from builders.signing import GENESIS_TIME, digests_of, private_fields, seeded, signed_jwt

from node.core.disclosure import Disclosure
from node.core.encoding import canonical_json, encode_base64url
from node.core.transaction import transaction_id

STORY_TIME = GENESIS_TIME + 100_000
"""What the clocks of a story's signers read, in ms; nodes of `builders.home` begin then."""
DIVISION = "370102"
USCC = "91370100MA3C00000E"
HOLDER = "南霁云"
HOLDER_ID_NO = "120105199001010610"


def digest_of(*words: object) -> str:
    """The SHA-256, in hex, that stands for a document of that name."""
    return hashlib.sha256("/".join(map(str, words)).encode()).hexdigest()


def reference(*words: object) -> str:
    """An opaque reference to a person."""
    return encode_base64url(seeded(*words)[:16])


@dataclass(frozen=True)
class Told:
    """A signed submission."""

    jwt: bytes
    disclosures: tuple[Disclosure, ...]

    @property
    def id(self) -> str:
        """Its transaction's id, in hex."""
        return transaction_id(self.jwt).hex()

    def encode(self) -> bytes:
        """The SD-JWT."""
        if not self.disclosures:
            return self.jwt
        texts = [item.encoded.encode() for item in self.disclosures]
        return b"~".join([self.jwt, *texts, b""])


@dataclass
class Teller:
    """Signs events of a home's chain. ``time`` is what the signers' clocks read, in ms."""

    home: Home
    time: int
    private: list[str] = field(default_factory=list)
    """Every private value ever used, as text: none of them may be found in public."""

    def tell(
        self,
        member: str,
        event_type: str,
        sub: str,
        data: Mapping[str, Any],
        private: Mapping[str, Any] | None = None,
        *,
        jti: str | None = None,
        **changes: Any,
    ) -> Told:
        """Sign one event; ``changes`` replace members of the payload."""
        disclosures = tuple(private_fields(private or {}))
        for value in (private or {}).values():
            self.private += value if isinstance(value, list) else [value]
        payload = {
            "cid": self.home.chain_id,
            "data": dict(data),
            "exp": self.time // 1000 + 3600,
            "iat": self.time // 1000,
            "iss": member,
            "jti": jti
            or f"{sub}/{event_type}/{digest_of(canonical_json(data))[:8]}".replace("/", "."),
            "occurred_at": self.time - 1000,
            "source": {"method": "api", "system": "安云印电子印章平台"},
            "sub": sub,
            "type": event_type,
            **digests_of(disclosures),
            **changes,
        }
        return Told(signed_jwt(self.home.keys[member], canonical_json(payload)), disclosures)

    def seal(self, name: str = "0001", *, division: str = DIVISION) -> list[Told]:
        """An organisation's seal ``ES-<name>``: applied for, made, filed with the police."""
        sub = f"seal:platform-a:{name}"
        return [
            self.tell(
                "platform-a",
                "seal.applied",
                sub,
                {
                    "application_hash": digest_of("application", name),
                    "division": division,
                    "maker": "seal-maker-a",
                    "owner_kind": "organisation",
                    "owner_name": "济南示例科技有限公司",
                    "owner_uscc": USCC,
                    "seal_name": "济南示例科技有限公司公章",
                    "seal_type": "公章",
                },
                {"agent_name": HOLDER, "agent_id_no": HOLDER_ID_NO},
            ),
            self.tell("seal-maker-a", "seal.created", sub, self._created(name)),
            self.tell(
                "police-jinan" if division.startswith("3701") else "police-qingdao",
                "seal.filed",
                sub,
                {
                    "filed_at": self.time - 2000,
                    "filing_no": f"FILING-{name}",
                    "filing_unit_code": "370100000000",
                    "filing_unit_name": "济南市公安局",
                },
                {"handler_name": "经办警官甲"},
            ),
        ]

    def _created(self, name: str) -> dict[str, Any]:
        number = int(digest_of(name)[:6], 16) % 10**7
        return {
            "created_at": self.time - 3000,
            "es_id": f"ES-{name}",
            "maker_cert_sn": "0a1b2c",
            "picture_hash": digest_of("picture", name),
            "seal_code": f"370102{number:07d}",
            "seal_hash": digest_of("seal", name),
            "seal_name": "济南示例科技有限公司公章",
            "ses_version": 4,
            "sign_alg": "1.2.156.10197.1.501",
            "signer_cert_hashes": [digest_of("certificate", name)],
            "valid_from": self.time - 86_400_000,
            "valid_to": self.time + 365 * 86_400_000,
        }

    def status(self, name: str, to: str, member: str = "data-bureau") -> Told:
        """The seal's status is published."""
        return self.tell(
            member,
            "seal.status_changed",
            f"seal:platform-a:{name}",
            {"effective_at": self.time, "reason_code": "owner_request", "to": to},
            {"applicant": HOLDER},
        )

    def initiated(self, name: str = "0001", *, member: str = "platform-a", **data: Any) -> Told:
        """A signing case begins."""
        digits = int(digest_of("case", member, name)[:14], 16) % 10**18
        return self.tell(
            member,
            "signing.initiated",
            f"case:{member}:{name}",
            {
                "aliases": [f"CZ0034133234712-{name.lstrip('0') or '0'}"],
                "channel": "API接口",
                "documents": [
                    {
                        "media_type": "application/pdf",
                        "sha256": digest_of("document", member, name),
                        "size": 48213,
                    }
                ],
                "origin": "安云印电子印章平台",
                "participants": ["identity-a"],
                "parties": [{"kind": "organisation", "party_ref": reference("party", name)}],
                "sign_no": f"QY{digits:018d}-1",
                **data,
            },
            {"document_names": ["待盖章文件-采购合同"], "initiator": HOLDER},
        )

    def case(self, name: str = "0001", *, seal: str = "ES-0001") -> list[Told]:
        """A signing case from its beginning to its end, with the seal ``seal``."""
        sub, party = f"case:platform-a:{name}", reference("party", name)
        before, after = digest_of("document", "platform-a", name), digest_of("signed", name)
        signature = {"es_id": seal, "party_ref": party, "signature_kind": "organisation_seal"}
        final = {"media_type": "application/pdf", "sha256": after, "size": 51400}
        return [
            self.initiated(name),
            self.tell(
                "identity-a",
                "signing.identity_verified",
                sub,
                {
                    "method": "face",
                    "party_ref": party,
                    "provider": "示例人脸核验",
                    "result": "passed",
                    "verified_at": self.time - 900,
                },
                {
                    "id_no": HOLDER_ID_NO,
                    "name": HOLDER,
                    "phone": "13800138000",
                    "score": "93.9",
                    "serial_no": "820551004ec36-8792-4e97-9149-ed0867d3cac",
                },
            ),
            self.tell(
                "platform-a",
                "signing.started",
                sub,
                {
                    **signature,
                    "api": "https://esign.example.cn/api/SignPDF",
                    "document_hash": before,
                },
                {
                    "address": "天津市河西区美年广场2号楼",
                    "device": "设备-7f3a",
                    "ip": "17.144.28.67",
                    "latitude": "39.074169",
                    "longitude": "117.24968",
                },
            ),
            self.tell(
                "platform-a",
                "signing.sealed",
                sub,
                {
                    **signature,
                    "after_hash": after,
                    "before_hash": before,
                    "signature_hash": digest_of("signature", name),
                    "signer_cert_sn": "0a1b2c",
                },
                {"page_rectangles": ["第1页:120,300,160,340"]},
            ),
            self.tell(
                "platform-a",
                "signing.completed",
                sub,
                {"documents": [final], "finished_at": self.time - 100},
                {"storage_location": "机房B-柜12"},
            ),
        ]

    def imported(self, name: str = "0001", **data: Any) -> Told:
        """A record of an older system."""
        return self.tell(
            "platform-a",
            "record.imported",
            f"record:platform-a:{name}",
            {
                "aliases": [f"OLD-{name}"],
                "document_hashes": [digest_of("old", name)],
                "happened_at": self.time - 86_400_000,
                "record_hash": digest_of("record", name),
                "source_system": "旧存证平台",
                **data,
            },
            {"summary": f"旧系统摘要（{name}）：南某签署采购合同"},
        )
