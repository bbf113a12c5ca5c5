"""What the ledger has of a checked document: its states, its signatures, the seals behind them.

Findings say what a file is in itself; this says what was recorded of it. Nothing but what anybody
may see is told: of a seal its id and status, of a record the masked minimum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.api.document_statements import Statements
from node.api.seals import seal_status
from node.api.views import STATUSES_ZH, Views
from node.evidence.documents.findings import DocumentFindings, Revision, SignatureFinding
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader, LogEntry

__all__ = ["DocumentRecords"]

_MOST_RECORDS = 50


@dataclass(frozen=True)
class _Moment:
    """A time (ms) and whether anything proves it."""

    at: int
    is_proven: bool


class DocumentRecords:
    """Looks up what one reader sees. ``now`` in ms."""

    def __init__(self, reader: LedgerReader, now: int) -> None:
        self._reader = reader
        self._now = now
        self._views = Views(reader, now)

    def of(self, findings: DocumentFindings) -> dict[str, Any]:
        """What is on record of the file, of its earlier states, and of each signature."""
        states = list(findings.revisions)
        ends = {one.revision.size for one in findings.signatures if one.revision is not None}
        named = {state.sha256: self._entries(state.sha256) for state in states}
        signed = [one.revision for one in findings.signatures if one.revision is not None]
        named.update({one.sha256: self._entries(one.sha256) for one in signed})
        shown = {state.size: state for state in [*states, *signed]}
        return {
            "file": self._state(findings.revisions[-1], named) if states else None,
            "states": [
                {**self._state(state, named), "signed": state.size in ends}
                for size, state in sorted(shown.items())
                if state.size < findings.size and (named[state.sha256] or size in ends)
            ],
            "signatures": [
                self._signature(one, named, states)
                for one in findings.signatures
                if one.kind != "time_stamp"
            ],
        }

    def _entries(self, sha256: str) -> list[LogEntry]:
        indexes = find(self._reader.rows, "document", sha256, limit=_MOST_RECORDS)
        return list(self._reader.entries(indexes))

    def _state(self, state: Revision, named: dict[str, list[LogEntry]]) -> dict[str, Any]:
        records = [
            {**self._views.masked_record(entry), "sub": entry.transaction.sub}
            for entry in named[state.sha256]
        ]
        return {"size": state.size, "sha256": state.sha256, "records": records}

    def _signature(
        self,
        finding: SignatureFinding,
        named: dict[str, list[LogEntry]],
        states: Sequence[Revision],
    ) -> dict[str, Any]:
        told = Statements()
        entry = None
        if finding.revision is not None:
            entry = _sealing(named[finding.revision.sha256])
        if entry is None:
            told.absent(
                "record",
                "no record here says that this signature was made",
                "本账本中没有该次签署的记录",
            )
            seals = self._by_certificate(told, finding)
        else:
            _compare(told, finding, entry, states)
            seals = self._by_record(told, finding, entry)
        return {
            "ordinal": finding.ordinal,
            "record": None if entry is None else entry.entry.code,
            "seals": seals,
            "statements": told.made,
        }

    def _by_record(
        self, told: Statements, finding: SignatureFinding, entry: LogEntry
    ) -> list[dict[str, Any]]:
        """The seal that the record of the signing names."""
        es_id = entry.transaction.data.get("es_id")
        if es_id is None:
            told.absent(
                "seal",
                "the record names no electronic seal: it was signed without one",
                "签署记录未使用电子印章（手写签名或个人证书签名）",
            )
            return []
        facts = entry.entry.facts
        status = str(facts.get("seal_status", "unknown"))
        held = f"{entry.entry.code}"
        _tell_status(told, status, f"as {held} has it", f"依据签署记录 {held}")
        self._tell_certificate(told, finding, es_id)
        now = self._now_status(told, es_id)
        return [
            {
                "es_id": es_id,
                "status_at_signing": status,
                "judged_by": "record",
                "at": entry.entry.time,
                "time_is_proven": True,
                "status_now": now,
            }
        ]

    def _by_certificate(self, told: Statements, finding: SignatureFinding) -> list[dict[str, Any]]:
        """The seals that sign with the certificate in the file, where no signing is recorded."""
        certificate = finding.certificate
        moment = _moment_of(finding)
        found = [] if certificate is None else self._seals_with(certificate.sha256)
        if not found:
            told.absent(
                "seal",
                "no seal here signs with this certificate",
                "本账本中没有使用该证书的电子印章",
            )
            return []
        seals = []
        for es_id in found:
            told.passed(
                "seal",
                f"the certificate is one of the seal {es_id}; that the seal was used here is "
                "nowhere recorded",
                f"该证书登记于印章 {es_id}；但账本中没有用该印章签署本文件的记录",
            )
            status = "unknown"
            if moment is not None and moment.at <= self._now:
                status = seal_status(self._reader, es_id, moment.at).status
                proof, proof_zh = (
                    ("which a time-stamp proves", "有时间戳证明")
                    if moment.is_proven
                    else ("which only the signer claims", "仅为签署人自述")
                )
                _tell_status(
                    told,
                    status,
                    f"at the time of the signature, {proof}",
                    f"按签名时间（{proof_zh}）",
                )
            seals.append(
                {
                    "es_id": es_id,
                    "status_at_signing": status,
                    "judged_by": "certificate",
                    "at": None if moment is None else moment.at,
                    "time_is_proven": moment is not None and moment.is_proven,
                    "status_now": self._now_status(told, es_id),
                }
            )
        return seals

    def _seals_with(self, sha256: str) -> list[str]:
        found: list[str] = []
        rows = find(self._reader.rows, "signer_certificate", sha256, limit=_MOST_RECORDS)
        for entry in self._reader.entries(rows):
            dossier = self._reader.state(f"dossier/{entry.transaction.sub}")
            es_id = None if dossier is None else dossier.get("es_id")
            if es_id is not None and es_id not in found:
                found.append(es_id)
        return found

    def _tell_certificate(self, told: Statements, finding: SignatureFinding, es_id: str) -> None:
        certificate = finding.certificate
        if certificate is not None and es_id in self._seals_with(certificate.sha256):
            told.passed(
                "certificate",
                f"the certificate in the file is registered with the seal {es_id}",
                f"文件中的签名证书登记于该印章（{es_id}）",
            )
        else:
            told.failed(
                "certificate",
                f"the certificate in the file is none of those registered with the seal {es_id}",
                f"文件中的签名证书不在该印章（{es_id}）登记的证书之列",
            )

    def _now_status(self, told: Statements, es_id: str) -> str:
        status = seal_status(self._reader, es_id, self._now).status
        told.note(
            "now",
            f"the seal {es_id} is now: {status}",
            f"该印章（{es_id}）现在的状态：{STATUSES_ZH.get(status, status)}",
        )
        return status


def _sealing(entries: Sequence[LogEntry]) -> LogEntry | None:
    """The first record of a signing that ended with this state of the file."""
    return next((one for one in entries if one.transaction.type == "signing.sealed"), None)


def _moment_of(finding: SignatureFinding) -> _Moment | None:
    if finding.stamped_at is not None and finding.stamp_status == "passed":
        return _Moment(finding.stamped_at, True)
    return None if finding.claimed_at is None else _Moment(finding.claimed_at, False)


def _compare(
    told: Statements, finding: SignatureFinding, entry: LogEntry, states: Sequence[Revision]
) -> None:
    """Compare the signature in the file with what the record of its signing says."""
    data, code = entry.transaction.data, entry.entry.code
    told.passed(
        "record",
        f"{code} records that this state of the file was sealed",
        f"记录 {code} 载明文件签署后即为此状态",
    )
    if data["signature_hash"] == finding.signature_sha256:
        told.passed("signature", "the signature is the recorded one", "签名值与记录一致")
    else:
        told.failed(
            "signature", "the signature is not the recorded one", "签名值与记录的签名哈希不一致"
        )
    certificate = finding.certificate
    if certificate and int(data["signer_cert_sn"], 16) == int(certificate.serial_number or "0", 16):
        told.passed(
            "serial", "the certificate has the recorded serial number", "证书序列号与记录一致"
        )
    else:
        told.failed(
            "serial",
            "the certificate has another serial number than the recorded one",
            "证书序列号与记录不一致",
        )
    assert finding.revision is not None
    before = [one.sha256 for one in states if one.size < finding.revision.size]
    if data["before_hash"] in before:
        told.passed(
            "before",
            "the file before this signature is the recorded one",
            "签署前的文件与记录一致，并完整保留在本文件中",
        )
    else:
        told.failed(
            "before",
            "the file before this signature, as recorded, is not contained in it unchanged",
            "记录所载签署前的文件未原样保留在本文件中",
        )


def _tell_status(told: Statements, status: str, how: str, how_zh: str) -> None:
    zh = STATUSES_ZH.get(status, "未知")
    if status == "active":
        told.passed("status", f"the seal was active, {how}", f"签署时印章状态：{zh}（{how_zh}）")
    elif status == "unknown":
        told.absent(
            "status",
            f"the seal's status is not known, {how}",
            f"签署时印章状态无记录（{how_zh}）",
        )
    else:
        told.failed("status", f"the seal was {status}, {how}", f"签署时印章状态：{zh}（{how_zh}）")
