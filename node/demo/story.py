"""The demonstration's case: a seal from its application to its suspension, and a contract.

The contract, its seals and signatures are real files; what is recorded are their hashes.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from node.client.records import new_reference
from node.core.encoding import canonical_json
from node.demo.authority import DemoAuthority, SignerIdentity
from node.demo.clerk import Clerk
from node.demo.documents import (
    ContractFacts,
    SealedPdf,
    name_document,
    running_example,
    seal_pdf,
    seal_places,
    typeset_contract,
    verify_sealed,
)
from node.evidence.imprints.imprint import Imprint, draw_imprint

__all__ = ["DemoSeal", "Story"]

_SIGN_NO = "QY812163472634127040-1"
_PRINTED_CODE = "CZ0034133234712-2"
_PRINTED_TIME = 1_600_852_475_000
"""2020-09-23 17:14:35 in China: when the platform's own evidence page says it was stored."""
_YEAR = 365 * 86_400_000


@dataclass(frozen=True)
class DemoSeal:
    """A seal of the demonstration: its numbers, picture, certificate and dossier."""

    es_id: str
    subject: str
    imprint: Imprint
    signer: SignerIdentity


class Story:
    """Plays the case step by step. ``out`` is where the files go, ``authority`` what certifies all
    who sign; by default one of its own."""

    def __init__(self, clerk: Clerk, out: Path, authority: DemoAuthority | None = None) -> None:
        self._clerk = clerk
        self._out = out
        self._now = datetime.now(UTC)
        self.facts: ContractFacts = running_example(self._now)
        self.authority = authority or DemoAuthority.create(self._now)
        self.authority.write_root(out / "demo-ca.pem")
        self._maker = self.authority.issue_signer("众福制章（演示）", "众福制章（演示）")
        self.case = f"case:anyunyin:{secrets.token_hex(12)}"
        self.documents: list[Path] = []

    # -- seals ----------------------------------------------------------------------------------

    def make_seal(self) -> DemoSeal:
        """Party A's seal: applied for, made, filed with the police of its division."""
        party, record = self.facts.party_a, self._clerk.record
        seal = self._draw("37050045049282", party.name, "seal-a")
        applied = {
            **_organisation(party.name, party.uscc),
            "application_hash": _hash(f"application of {party.name}"),
            "division": "370502",
            "imprint_filing": {
                "authority_code": "370500000000",
                "authority_name": "东营市公安局",
                "filed_at": _PRINTED_TIME - _YEAR,
                "imprint_hash": seal.imprint.png_sha256,
            },
            "seal_type": "法定名称章",
        }
        private = {"agent_name": "南某某", "legal_representative": "张某某"}
        record("申请", "zhongfu-seals", "seal.applied", seal.subject, applied, private)
        created = {**self._seal_data(seal), "seal_name": party.name}
        record("制作", "zhongfu-seals", "seal.created", seal.subject, created)
        filed = _filing("DY20260000000001", "370500000000", "东营市公安局", self._ms())
        handler = {"handler_name": "李某某"}
        record("公安备案", "dongying-police", "seal.filed", seal.subject, filed, handler)
        return seal

    def import_seal(self) -> DemoSeal:
        """Party B's seal, made and filed before this ledger began, taken over from a list."""
        party = self.facts.party_b
        seal = self._draw("12010300123450", party.name, "seal-b")
        data = {
            **_organisation(party.name, party.uscc),
            **self._seal_data(seal),
            **_filing("TJ20250000004711", "120100000000", "天津市公安局", self._ms() - _YEAR),
            "division": "120103",
            "seal_type": "法定名称章",
            "source_system": "天津市印章治安管理信息系统",
            "status": "active",
        }
        self._clerk.record("补录", "zhongfu-seals", "seal.imported", seal.subject, data)
        return seal

    def _draw(self, es_id: str, name: str, file: str) -> DemoSeal:
        imprint = draw_imprint(name, es_id)
        (self._out / f"{file}.svg").write_bytes(imprint.svg)
        (self._out / f"{file}.png").write_bytes(imprint.png)
        signer = self.authority.issue_signer(name, name)
        return DemoSeal(es_id, f"seal:zhongfu-seals:{secrets.token_hex(12)}", imprint, signer)

    def _seal_data(self, seal: DemoSeal) -> dict[str, Any]:
        """What is said of a made seal. Its hash is of the description beside the picture: this
        demonstration makes no seal structure of GB/T 38540."""
        described = {
            "certificate": seal.signer.certificate_sha256,
            "es_id": seal.es_id,
            "picture": seal.imprint.png_sha256,
        }
        text = canonical_json(described)
        (self._out / f"seal-{seal.es_id}.json").write_bytes(text)
        return {
            "created_at": self._ms(),
            "es_id": seal.es_id,
            "maker_cert_sn": self._maker.serial_number,
            "picture_hash": seal.imprint.png_sha256,
            "seal_code": seal.es_id,
            "seal_hash": hashlib.sha256(text).hexdigest(),
            "ses_version": 4,
            "sign_alg": "ES256",
            "signer_cert_hashes": [seal.signer.certificate_sha256],
            "valid_from": seal.signer.valid_from,
            "valid_to": seal.signer.valid_to,
        }

    # -- the contract ---------------------------------------------------------------------------

    def import_history(self) -> None:
        """The printed evidence of 2020, taken over under its old code, which is an alias here."""
        data = {
            "aliases": [_PRINTED_CODE],
            "document_hashes": [],
            "happened_at": _PRINTED_TIME,
            "record_hash": _hash(f"printed record {_PRINTED_CODE}"),
            "source_system": "安云印电子印章平台（2020）",
        }
        self._clerk.record(
            "补录", "anyunyin", "record.imported", f"record:anyunyin:{secrets.token_hex(12)}", data
        )

    def sign_contract(self, first: DemoSeal, second: DemoSeal) -> SealedPdf:
        """The contract typeset, sealed by both parties, each step recorded."""
        record = self._clerk.record
        pdf = typeset_contract(self.facts)
        self._keep("contract.pdf", pdf)
        parties = (new_reference(), new_reference())
        initiated = {
            "aliases": [_PRINTED_CODE],
            "channel": "API接口",
            "documents": [name_document(pdf).to_json()],
            "origin": "安云印电子印章平台",
            "participants": ["renlian-idp"],
            "parties": [{"kind": "organisation", "party_ref": party} for party in parties],
            "sign_no": _SIGN_NO,
        }
        private = {
            "document_names": [self.facts.document_name],
            "initiator": "南某某",
            "party_names": [self.facts.party_a.name, self.facts.party_b.name],
        }
        record("发起签约", "anyunyin", "signing.initiated", self.case, initiated, private)
        sealed: SealedPdf | None = None
        for party, name, seal in zip(parties, ("party_a", "party_b"), (first, second)):
            before = pdf if sealed is None else sealed.pdf
            sealed = self._seal_as(party, name, seal, before)
        assert sealed is not None
        completed = {
            "documents": [name_document(sealed.pdf).to_json()],
            "finished_at": self._ms(),
        }
        stored = {"storage_location": "济南市政务云（演示）"}
        record("数据存证", "anyunyin", "signing.completed", self.case, completed, stored)
        roots = [self.authority.root]
        verify_sealed(sealed.pdf, roots, fields=["party_a", "party_b"], at=datetime.now(UTC))
        return sealed

    def _seal_as(self, party: str, name: str, seal: DemoSeal, before: bytes) -> SealedPdf:
        """One party verified, asked, and sealing the document as it is now."""
        record, digest = self._clerk.record, hashlib.sha256(before).hexdigest()
        verified = {
            "method": "face",
            "party_ref": party,
            "provider": "人脸识别比对",
            "result": "passed",
            "verified_at": self._ms(),
        }
        record(
            "实名认证",
            "renlian-idp",
            "signing.identity_verified",
            self.case,
            verified,
            _identity(name),
        )
        confirmed = {
            "confirmed_at": self._ms(),
            "document_hash": digest,
            "method": "face",
            "party_ref": party,
        }
        record("意愿认证", "anyunyin", "signing.intent_confirmed", self.case, confirmed)
        means = {"es_id": seal.es_id, "signature_kind": "organisation_seal"}
        started = {
            **means,
            "api": f"http://esign.anyunyin.com/api/SignPDF?Keysn={seal.es_id}",
            "document_hash": digest,
            "party_ref": party,
        }
        record("开始签章", "anyunyin", "signing.started", self.case, started, _terminal())
        place = seal_places(self.facts)[name]
        sealed = seal_pdf(
            before,
            seal.signer,
            seal.imprint,
            field_name=name,
            page=place.page,
            box=place.box,
            reason="同意签署本合同",
            signed_at=datetime.now(UTC),
        )
        self._keep(f"contract-{name}.pdf", sealed.pdf)
        data = {
            **means,
            "after_hash": sealed.after_sha256,
            "before_hash": sealed.before_sha256,
            "party_ref": party,
            "signature_hash": sealed.signature_sha256,
            "signer_cert_sn": seal.signer.serial_number,
        }
        record(
            "签署",
            "anyunyin",
            "signing.sealed",
            self.case,
            data,
            _rectangles(place.page, place.box),
        )
        return sealed

    # -- the suspension -------------------------------------------------------------------------

    def suspend(self, seal: DemoSeal) -> None:
        """The police suspend the seal."""
        data = {
            "effective_at": self._ms(),
            "legal_basis": "依印章所有人申请停用",
            "reason_code": "owner_request",
            "to": "suspended",
        }
        self._clerk.record("停用", "dongying-police", "seal.status_changed", seal.subject, data)

    def try_suspended(self, seal: DemoSeal) -> dict[str, Any]:
        """Somebody tries to sign with it all the same; the rules refuse. Returns the refusal."""
        subject, party = f"case:anyunyin:{secrets.token_hex(12)}", new_reference()
        digest = hashlib.sha256(self.documents[0].read_bytes()).hexdigest()
        data: dict[str, Any] = {
            "channel": "API接口",
            "documents": [name_document(self.documents[0].read_bytes()).to_json()],
            "origin": "安云印电子印章平台",
            "parties": [{"kind": "organisation", "party_ref": party}],
            "sign_no": "QY812163472634127041-1",
        }
        self._clerk.record("发起签约", "anyunyin", "signing.initiated", subject, data)
        verified = {
            "method": "enterprise",
            "party_ref": party,
            "provider": "企业认证",
            "result": "passed",
            "verified_at": self._ms(),
        }
        self._clerk.record("实名认证", "anyunyin", "signing.identity_verified", subject, verified)
        started = {
            "api": f"http://esign.anyunyin.com/api/SignPDF?Keysn={seal.es_id}",
            "document_hash": digest,
            "es_id": seal.es_id,
            "party_ref": party,
            "signature_kind": "organisation_seal",
        }
        return self._clerk.try_to_record(
            "开始签章", "anyunyin", "signing.started", subject, started
        )

    def _keep(self, name: str, data: bytes) -> None:
        path = self._out / name
        path.write_bytes(data)
        self.documents.append(path)

    @staticmethod
    def _ms() -> int:
        return int(datetime.now(UTC).timestamp() * 1000)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _organisation(name: str, uscc: str) -> dict[str, Any]:
    return {
        "owner_kind": "organisation",
        "owner_name": name,
        "owner_uscc": uscc,
        "seal_name": name,
    }


def _filing(number: str, unit: str, unit_name: str, filed_at: int) -> dict[str, Any]:
    return {
        "filed_at": filed_at,
        "filing_no": number,
        "filing_unit_code": unit,
        "filing_unit_name": unit_name,
    }


def _identity(party: str) -> dict[str, Any]:
    """Made-up people: their birth dates are in the nineteenth century."""
    if party == "party_a":
        return {
            "id_no": "12010518990107061X",
            "name": "南某某",
            "score": "93.9%",
            "serial_no": "820551004ec36-8792-4e97-9149-ed0867d3cac",
        }
    return {"id_no": "120103189801082047", "name": "王某某", "score": "97.2%"}


def _terminal() -> dict[str, Any]:
    return {
        "address": "天津市河西区美年广场2号楼",
        "ip": "17.144.28.67",
        "latitude": "39.074169",
        "longitude": "117.24968",
    }


def _rectangles(page: int, box: tuple[int, int, int, int]) -> dict[str, Any]:
    left, bottom, right, top = box
    return {
        "page_rectangles": [
            {
                "height": str(top - bottom),
                "page": page + 1,
                "width": str(right - left),
                "x": str(left),
                "y": str(bottom),
            }
        ]
    }
