"""A seeded generator of mixed dossiers: seals through their lives, signings, imported records.

The facts follow from the seed; salts, signatures and times do not. The dossiers are made so that
each step is allowed when those before it are recorded, in the order in which `steps` gives them.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from node.client.keys import SigningKey
from node.client.records import Submission, build_submission
from node.core.encoding import encode_base64url
from node.rules.validation import uscc_check_character

__all__ = ["DemoGenerator", "Event"]

_TYPES = ("法定名称章", "合同专用章", "财务专用章", "发票专用章", "法定代表人名章")
_DISTRICTS = ("370102", "370103", "370104", "370105", "370112", "370113")
_COMPANY = ("泉城", "齐鲁", "明湖", "千佛", "黄河", "岱岳", "长清", "历下")
_TRADE = ("科技", "建设", "商贸", "物流", "文化传媒", "医药", "装备制造", "农业")
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙马朱胡郭何高林罗"
_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_DAY = 86_400_000
_YEAR = 365 * _DAY


@dataclass(frozen=True)
class Event:
    """One event to be signed: by whom, in which dossier, what."""

    member: str
    type: str
    subject: str
    data: Mapping[str, Any]
    private: Mapping[str, Any] = field(default_factory=dict)


class DemoGenerator:
    """Makes dossiers and signs their events.

    Args:
        keys: the members' signing keys (see `node.demo.members.MEMBERS`).
        chain_id: the chain.
        seed: what the facts follow from.
        now: the clock, in ms.
        disclose: whether to make disclosures; without, the digests stand on the chain alone.
    """

    def __init__(
        self,
        keys: Mapping[str, SigningKey],
        chain_id: str,
        seed: int,
        now: Callable[[], int],
        *,
        disclose: bool = True,
    ) -> None:
        self._keys = keys
        self._chain_id = chain_id
        self._random = random.Random(seed)  # noqa: S311 - facts of a demonstration, no secrets
        self._now = now
        self._disclose = disclose
        self._prefix = hashlib.sha256(f"{seed}/{now()}".encode()).hexdigest()[:12]
        self._count = 0
        self.seals: dict[str, list[str]] = {"organisation": [], "person": []}

    def sign(self, event: Event) -> Submission:
        """Sign an event as its member."""
        self._count += 1
        now = self._now()
        submission = build_submission(
            self._keys[event.member],
            chain_id=self._chain_id,
            member=event.member,
            event_id=f"{self._prefix}-{self._count}",
            event_type=event.type,
            subject=event.subject,
            data=event.data,
            source={"system": "demonstration generator", "method": "api"},
            occurred_at=now,
            issued_at=now,
            private=event.private,
        )
        return submission if self._disclose else Submission(submission.jwt, ())

    def base_seals(self, count: int) -> list[list[Event]]:
        """Seals that the cases sign with: applied for, made, filed, and kept active."""
        lives = []
        for number in range(count):
            kind = "person" if number % 4 == 3 else "organisation"
            life = self._seal_life(person=kind == "person", to=())
            self.seals[kind].append(life[1].data["es_id"])
            lives.append(life)
        return lives

    def dossiers(self, count: int) -> Iterator[list[Event]]:
        """Mixed dossiers, each a list of events in their order. `base_seals` must come first."""
        for _ in range(count):
            yield self._pick()

    def _pick(self) -> list[Event]:
        lot = self._random.random()
        if lot < 0.62:
            return self._case()
        if lot < 0.80:
            return self._seal_life(person=self._random.random() < 0.3, to=self._end_of_seal())
        if lot < 0.88:
            return self._imported_seal()
        return self._imported_record()

    # -- facts ----------------------------------------------------------------------------------

    def _hash(self) -> str:
        return self._random.randbytes(32).hex()

    def _reference(self) -> str:
        return encode_base64url(self._random.randbytes(16))

    def _serial(self) -> str:
        return f"{self._random.getrandbits(63) | 1 << 63:x}"

    def _name(self) -> str:
        return self._random.choice(_COMPANY) + self._random.choice(_TRADE) + "有限公司（演示）"

    def _person(self) -> str:
        return self._random.choice(_SURNAMES) + "某" + self._random.choice("甲乙丙丁")

    def _uscc(self) -> str:
        first = f"91{self._random.choice(_DISTRICTS)}MA"
        first += "".join(self._random.choice(_USCC_ALPHABET) for _ in range(7))
        return first + uscc_check_character(first)

    def _document(self, digest: str) -> dict[str, Any]:
        size = self._random.randrange(20_000, 2_000_000)
        return {"media_type": "application/pdf", "sha256": digest, "size": size}

    # -- seals ----------------------------------------------------------------------------------

    def _created(self) -> dict[str, Any]:
        now = self._now()
        return {
            "created_at": now,
            "es_id": f"3701{self._random.randrange(10**10):010d}",
            "maker_cert_sn": self._serial(),
            "picture_hash": self._hash(),
            "seal_code": f"3701{self._random.randrange(10**10):010d}",
            "seal_hash": self._hash(),
            "ses_version": 4,
            "sign_alg": "ES256",
            "signer_cert_hashes": [self._hash()],
            "valid_from": now - _DAY,
            "valid_to": now + 5 * _YEAR,
        }

    def _filing(self) -> dict[str, Any]:
        return {
            "filed_at": self._now(),
            "filing_no": f"JN{self._random.randrange(10**12):012d}",
            "filing_unit_code": "370100000000",
            "filing_unit_name": "济南市公安局",
        }

    def _end_of_seal(self) -> tuple[str, ...]:
        return self._random.choice(
            ((), (), ("suspended",), ("suspended", "active"), ("lost", "cancelled"), ("revoked",))
        )

    def _owner(self, *, person: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        """Public and private fields of an owner."""
        if person:
            name = self._person()
            return {"owner_kind": "person"}, {"owner_name": name, "seal_name": f"{name}印"}
        name = self._name()
        public = {
            "owner_kind": "organisation",
            "owner_name": name,
            "owner_uscc": self._uscc(),
            "seal_name": f"{name}合同专用章",
        }
        return public, {"legal_representative": self._person()}

    def _seal_life(self, *, person: bool, to: tuple[str, ...]) -> list[Event]:
        subject = f"seal:zhongfu-seals:{self._random.randbytes(12).hex()}"
        public, private = self._owner(person=person)
        applied = {
            **public,
            "application_hash": self._hash(),
            "division": self._random.choice(_DISTRICTS),
            "seal_type": "个人名章" if person else self._random.choice(_TYPES),
        }
        created = self._created()
        if not person:
            created["seal_name"] = public["seal_name"]
        made_private = {"seal_name": private["seal_name"]} if person else {}
        maker, police = "zhongfu-seals", "jinan-police"
        return [
            Event(maker, "seal.applied", subject, applied, private),
            Event(maker, "seal.created", subject, created, made_private),
            Event(police, "seal.filed", subject, self._filing(), {"handler_name": self._person()}),
            *(self._status(subject, status) for status in to),
        ]

    def _status(self, subject: str, to: str) -> Event:
        data = {"effective_at": self._now(), "reason_code": f"owner_{to}", "to": to}
        return Event(
            "jinan-police", "seal.status_changed", subject, data, {"applicant": self._person()}
        )

    def _imported_seal(self) -> list[Event]:
        subject = f"seal:zhongfu-seals:{self._random.randbytes(12).hex()}"
        public, private = self._owner(person=False)
        data = {
            **public,
            **self._created(),
            **self._filing(),
            "division": self._random.choice(_DISTRICTS),
            "seal_type": self._random.choice(_TYPES),
            "source_system": "旧印章系统",
            "status": self._random.choice(("active", "active", "suspended", "cancelled")),
        }
        return [Event("zhongfu-seals", "seal.imported", subject, data, private)]

    def _imported_record(self) -> list[Event]:
        subject = f"record:anyunyin:{self._random.randbytes(12).hex()}"
        data = {
            "aliases": [f"CZ{self._random.randrange(10**13):013d}-2"],
            "document_hashes": [self._hash()],
            "happened_at": self._now() - 100 * _DAY,
            "record_hash": self._hash(),
            "source_system": "旧存证系统",
        }
        return [Event("anyunyin", "record.imported", subject, data, {"summary": "历史存证补录"})]

    # -- cases ----------------------------------------------------------------------------------

    def _case(self) -> list[Event]:
        platform = self._random.choice(("anyunyin", "anyunyin", "qilu-platform"))
        subject = f"case:{platform}:{self._random.randbytes(12).hex()}"
        kinds = ["organisation", *self._random.choices(("organisation", "person"), k=1)]
        parties = [(self._reference(), kind) for kind in kinds]
        digest = self._hash()
        initiated = {
            "channel": "API接口",
            "documents": [self._document(digest)],
            "origin": "安云印电子印章平台",
            "participants": ["renlian-idp"],
            "parties": [{"kind": kind, "party_ref": party} for party, kind in parties],
            "sign_no": f"QY{self._random.randrange(10**18):018d}-1",
        }
        private = {"document_names": ["待盖章文件"], "initiator": self._person()}
        events = [Event(platform, "signing.initiated", subject, initiated, private)]
        ended = self._random.random()
        for party, kind in parties:
            steps, digest = self._party(platform, subject, party, kind, digest)
            events += steps
            if ended < 0.08:
                end = "signing.rejected" if ended < 0.05 else "signing.voided"
                data = {"party_ref": party, "reason_code": "changed_mind"}
                return [*events, Event(platform, end, subject, data, {"reason": "协商一致终止"})]
        completed = {"documents": [self._document(digest)], "finished_at": self._now()}
        stored = {"storage_location": "济南市政务云"}
        return [*events, Event(platform, "signing.completed", subject, completed, stored)]

    def _party(
        self, platform: str, subject: str, party: str, kind: str, digest: str
    ) -> tuple[list[Event], str]:
        """One party's way through a case, and the document's hash after it."""
        means = self._means(kind)
        verified = {
            "method": "face" if kind == "person" else "enterprise",
            "party_ref": party,
            "provider": "人脸识别认证中心",
            "result": "passed",
            "verified_at": self._now(),
        }
        identity = {"name": self._person(), "score": "93.9%", "serial_no": self._reference()}
        confirmed = {
            "confirmed_at": self._now(),
            "document_hash": digest,
            "method": "sms",
            "party_ref": party,
        }
        started = {
            **means,
            "api": "http://esign.example.cn/api/SignPDF",
            "document_hash": digest,
            "party_ref": party,
        }
        device = {"device": "移动终端", "ip": f"10.{self._random.randrange(256)}.1.2"}
        after = self._hash()
        sealed = {
            **means,
            "after_hash": after,
            "before_hash": digest,
            "party_ref": party,
            "signature_hash": self._hash(),
            "signer_cert_sn": self._serial(),
        }
        return [
            Event("renlian-idp", "signing.identity_verified", subject, verified, identity),
            Event(platform, "signing.intent_confirmed", subject, confirmed, device),
            Event(platform, "signing.started", subject, started, device),
            Event(platform, "signing.sealed", subject, sealed),
        ], after

    def _means(self, kind: str) -> dict[str, str]:
        """How a party of this kind signs."""
        if kind == "organisation" and self.seals["organisation"]:
            es_id = self._random.choice(self.seals["organisation"])
            return {"es_id": es_id, "signature_kind": "organisation_seal"}
        if kind == "person" and self.seals["person"] and self._random.random() < 0.5:
            es_id = self._random.choice(self.seals["person"])
            return {"es_id": es_id, "signature_kind": "personal_seal"}
        return {"signature_kind": self._random.choice(("handwritten", "certificate"))}
