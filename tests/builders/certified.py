"""Dossiers on a real ledger, and certificates composed of them, for tests of certificates."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from builders.consortium import member_key
from builders.events import data_of, full_data_of
from builders.ledger import LedgerBench
from builders.signing import digests_of, private_fields

from node.core.trust import decode_trust
from node.evidence.bundle import no_receipts
from node.evidence.certificates.composing import Composer
from node.evidence.certificates.port import Draft, Issuer, Order

__all__ = [
    "CASE",
    "DESCRIPTION",
    "IMPORTED",
    "ISSUER",
    "PICTURE",
    "PRIVATE",
    "RECORD",
    "SEAL",
    "Registry",
    "all_texts",
    "registry",
]

SEAL, IMPORTED = "seal:maker-a:0001", "seal:maker-a:0002"
CASE, RECORD = "case:platform-a:0001", "record:platform-a:0001"
PRIVATE = {
    "signing.initiated": {
        "document_names": ["采购合同（机密）"],
        "initiator": "发起人甲",
        "party_names": ["甲方（名称保密）有限公司"],
    },
    "signing.identity_verified": {
        "id_no": "120105199001010610",
        "name": "南霁云",
        "score": "93.9",
        "serial_no": "820551004ec36-8792-4e97-9149-ed0867d3cac",
    },
    "signing.started": {"address": "天津市河西区美年广场2号楼", "ip": "17.144.28.67"},
    "signing.completed": {"storage_location": "机房B-柜12"},
}
"""The private fields of the case's records, by their types."""
PICTURE = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'
    b'<circle cx="20" cy="20" r="18" fill="none" stroke="#d7000f" stroke-width="2"/></svg>'
)
"""The imprint of the seal of `SEAL`."""
ISSUER = Issuer(
    member="operator-a",
    software="evidence-ledger-node",
    version="0.6.0",
    config_sha256=hashlib.sha256(b"configuration").hexdigest(),
    verifiers={
        "evidence-verify.html": hashlib.sha256(b"page").hexdigest(),
        "evidence-verify.pyz": hashlib.sha256(b"archive").hexdigest(),
    },
)
DESCRIPTION: dict[str, Any] = {
    "chain_id": "consortium-test",
    "environment": {"description": "济南市政务云", "time_source": "北斗授时"},
    "format": "evidence-consortium/1",
    "members": [
        {"id": "operator-a", "legal_name": "运营公司（全称）", "neutrality": "与当事人无利害关系",
         "runs_node": True},
    ],
    "platform": {
        "filings": [
            {"authority": "国家网信办", "kind": "区块链信息服务备案", "number": "备00001号"}
        ],
        "interest_statement": "平台与当事人均无投资关系",
        "name": "某某司法存证平台",
        "operator": "某某科技有限公司",
    },
    "signatures": [],
}  # fmt: skip


@dataclass
class Registry:
    """A ledger with dossiers, and the disclosures that were handed in with them."""

    bench: LedgerBench = field(default_factory=LedgerBench)
    shown: dict[str, list[tuple[bytes, str]]] = field(default_factory=dict)
    composer: Composer = field(default_factory=Composer)

    def record(
        self,
        event_type: str,
        sub: str,
        data: Mapping[str, Any] | None = None,
        by: str | None = None,
        private: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        """Record an event with private fields, in a block of its own."""
        fields = tuple(private_fields(private or {}))
        jwt = self.bench.record(event_type, sub, data, by, **{**digests_of(fields), **changes})
        identifier = hashlib.sha256(jwt).digest()
        self.shown.setdefault(sub, []).extend((identifier, item.encoded) for item in fields)

    def seal(self) -> None:
        """A seal from its application to its filing."""
        picture = hashlib.sha256(PICTURE).hexdigest()
        self.record("seal.applied", SEAL, full_data_of("seal.applied"),
                    private={"agent_name": "经办人乙"})  # fmt: skip
        self.record("seal.created", SEAL, data_of("seal.created", picture_hash=picture))
        self.record("seal.filed", SEAL)

    def imported(self) -> None:
        """A seal that an older system made."""
        self.record(
            "seal.imported",
            IMPORTED,
            data_of("seal.imported", es_id="37010200000002", filing_no="OLD-2", owner_uscc=None)
            | {"owner_uscc": data_of("seal.imported")["owner_uscc"]},
        )

    def case(self, sub: str = CASE, *, rounds: int = 1, **data: Any) -> None:
        """A signing case: six records, and four more for each further round of signing."""
        before = full_data_of("signing.initiated")["documents"]
        initiated = data_of("signing.initiated", documents=before, **data)
        self.record("signing.initiated", sub, initiated, private=PRIVATE["signing.initiated"])
        current: str = before[0]["sha256"]
        for number in range(rounds):
            current = self._round(sub, current, number)
        final = [{"media_type": "application/pdf", "sha256": current, "size": 51_400}]
        self.record("signing.completed", sub, data_of("signing.completed", documents=final),
                    private=PRIVATE["signing.completed"])  # fmt: skip

    def _round(self, sub: str, current: str, number: int) -> str:
        after = hashlib.sha256(f"{sub}/{number}".encode()).hexdigest()
        for event_type, data in (
            ("signing.identity_verified", {}),
            ("signing.intent_confirmed", {"document_hash": current}),
            ("signing.started", {"document_hash": current}),
            ("signing.sealed", {"before_hash": current, "after_hash": after}),
        ):
            self.record(event_type, sub, data_of(event_type, **data),
                        private=PRIVATE.get(event_type))  # fmt: skip
        return after

    def old_record(self, **data: Any) -> None:
        """A record of another system, handed in late."""
        self.record(
            "record.imported",
            RECORD,
            data_of("record.imported", **data),
            private={"summary": "旧系统摘要"},
            occurred_at=self.bench.time() - 3 * 86_400_000,
        )

    def order(self, subject: str, *, disclosed: bool = False, **changes: Any) -> Order:
        """An order, with all of the dossier's disclosures or with none."""
        found = tuple(self.shown.get(subject, ())) if disclosed else ()
        order = Order(
            subject, applicant="济南市历下区人民法院", purpose="民事诉讼举证", disclosures=found
        )
        return replace(order, **changes)

    def compose(self, order: Order, issuer: Issuer = ISSUER, **changes: Any) -> Draft:
        """The draft of an order."""
        settings: dict[str, Any] = {
            "kid": member_key("operator-a").kid,
            "certificate_no": "CERT-2026-000001",
            "issued_at": self.bench.time() + 5000,
            "anchors": no_receipts,
            "trust": decode_trust(self.bench.trust()),
            **changes,
        }
        with self.bench.reader() as reader:
            return self.composer.compose(reader, order, issuer, **settings)


def registry() -> Registry:
    """One with a seal, an imported seal, a case and a record of an older system."""
    made = Registry()
    made.seal()
    made.imported()
    made.case()
    made.old_record()
    return made


def all_texts(draft: Draft) -> str:
    """All that a draft says, one text a line, pieces of long runs put together again."""
    lines: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str):
            lines.append(value)
        elif isinstance(value, dict):
            if "w" in value:
                lines.append("".join(value["w"]))
            else:
                for item in value.values():
                    walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(json.loads(draft.content))
    return "\n".join(lines)
