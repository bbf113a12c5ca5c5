"""What a bundle has proven: its records, state and headers, read again from the bytes that passed
the verifier, and how each of the verifier's steps ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from node.core.block import Header
from node.core.bundle import Bundle, BundledEntry, Roots
from node.core.disclosure import Disclosure
from node.core.entry import Entry
from node.core.errors import InvalidProof
from node.core.genesis import Genesis
from node.core.signatures import Backend
from node.core.transaction import Transaction
from node.core.verify import FAILED, PASSED, Report, Step, check_bundle
from node.core.verify_case import Case, Record
from node.rules.judgement import in_force

__all__ = ["Proven", "ProvenRecord", "prove"]


@dataclass(frozen=True)
class ProvenRecord:
    """One record. ``time`` and ``after`` are those of the headers H and H+1, in ms: it came into
    the log between them. ``private`` are its disclosed fields, in order of name."""

    bundled: BundledEntry
    entry: Entry
    transaction: Transaction
    time: int
    after: int
    private: tuple[Disclosure, ...]

    @property
    def ordinal(self) -> int:
        """Its number in its dossier, from 1."""
        return int(self.entry.code.rpartition("-")[2])

    @property
    def type(self) -> str:
        """Its event type."""
        return self.transaction.type

    @property
    def data(self) -> dict[str, Any]:
        """Its public fields."""
        return self.transaction.data

    @property
    def hidden(self) -> int:
        """How many of its digests no disclosure was shown for; some may be decoys."""
        return len(self.transaction.digests) - len(self.private)

    def disclosed(self, name: str) -> Any:
        """The value of a private field, None where it was not shown."""
        return next((item.value for item in self.private if item.name == name), None)


@dataclass(frozen=True)
class Proven:
    """A bundle that the verifier has accepted under a trust file."""

    bundle: Bundle
    report: Report
    records: tuple[ProvenRecord, ...]
    state: dict[str, dict[str, Any] | None]
    headers: dict[int, Header]
    geneses: tuple[Genesis, ...]

    @property
    def subject(self) -> str:
        """The dossier's ``sub``."""
        return self.records[0].transaction.sub

    @property
    def kind(self) -> str:
        """The dossier's kind."""
        return self.subject.partition(":")[0]

    @property
    def whole(self) -> bool:
        """Whether all records of the dossier are shown."""
        return self.bundle.scope == "dossier"

    @property
    def code(self) -> str:
        """The evidence code: of the dossier, or with its number of the one record."""
        code = self.records[0].entry.code
        return code.rpartition("-")[0] if self.whole else code

    @property
    def genesis(self) -> Genesis:
        """The newest chain's genesis, which the trust file names."""
        return self.geneses[-1]

    @property
    def newest(self) -> Roots:
        """Log and state as the bundle shows them."""
        return self.bundle.chain.roots[-1]

    @property
    def as_of_time(self) -> int:
        """The time (ms) of the header that commits to `newest`."""
        return self.headers[self.bundle.as_of + 1].time.milliseconds

    @cached_property
    def steps(self) -> dict[str, Step]:
        """The verifier's steps by their ids."""
        return {step.id: step for step in self.report.steps}

    def passed(self, identifier: str) -> bool:
        """Whether a step passed."""
        return self.steps[identifier].status == PASSED

    def of_type(self, *types: str) -> list[ProvenRecord]:
        """The records of these event types, in order."""
        return [record for record in self.records if record.type in types]

    def member_name(self, member: str) -> str:
        """A member's name in the state map, or in the genesis, or its id."""
        value = self.state.get(f"member/{member}")
        if value is not None:
            name: str = in_force(value, self.bundle.as_of)["name"]
            return name
        known = (item.name for item in self.genesis.members if item.id == member)
        return next(known, member)


def prove(bundle: bytes, trust: bytes, backend: Backend | None = None) -> Proven:
    """Verify a bundle, its signatures with ``backend``, and read what it proves.

    Raises:
        InvalidProof: a step of the verifier failed: no certificate may be made of it.
        InvalidInput: the trust file is malformed.
    """
    report, case = check_bundle(bundle, trust, backend)
    failed = next((step for step in report.steps if step.status == FAILED), None)
    if failed is not None:
        raise InvalidProof(
            "bundle",
            f"step {failed.label} {failed.id} failed, so nothing is certified: {failed.text}",
        )
    return Proven(
        bundle=case.need_bundle(),
        report=report,
        records=tuple(_record(record, case) for record in case.records),
        state=case.state,
        headers=case.headers,
        geneses=tuple(case.geneses),
    )


def _record(record: Record, case: Case) -> ProvenRecord:
    headers, height = case.headers, record.entry.height
    private = case.disclosed.get(record.place, ())
    return ProvenRecord(
        record.bundled,
        record.entry,
        record.transaction,
        headers[height].time.milliseconds,
        headers[height + 1].time.milliseconds,
        tuple(sorted(private, key=lambda item: item.name)),
    )
