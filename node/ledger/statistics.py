"""Counts of what was recorded and refused. Derived from the blocks, rebuilt by reindexing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from node.ledger.recording import BlockRecording
from node.ledger.rows import STATISTICS
from node.rules.rejections import REJECTIONS
from node.storage.ports import Reader

__all__ = ["Statistics"]


class Statistics:
    """Records by event type, dossiers by kind, refusals by code."""

    def __init__(
        self, records: Counter[str], dossiers: Counter[str], refused: Counter[int]
    ) -> None:
        self.records = records
        self.dossiers = dossiers
        self.refused = refused

    @classmethod
    def load(cls, reader: Reader) -> Statistics:
        """The counts as of the last written block."""
        raw = reader.get(STATISTICS)
        if raw is None:
            return cls(Counter(), Counter(), Counter())
        records, dossiers, refused = msgspec.msgpack.decode(raw)
        return cls(Counter(records), Counter(dossiers), Counter(dict(refused)))

    def count(self, recording: BlockRecording) -> None:
        """Add what a block recorded and refused."""
        self.records.update(recording.types)
        self.dossiers.update(recording.opened)
        self.refused.update(recording.refusals)

    def row(self) -> tuple[bytes, bytes]:
        """Key and value of the stored row."""
        value = (
            dict(sorted(self.records.items())),
            dict(sorted(self.dossiers.items())),
            sorted(self.refused.items()),
        )
        return STATISTICS, msgspec.msgpack.encode(value)

    def to_json(self) -> dict[str, Any]:
        """As the API shows it; refusals by their names."""
        return {
            "dossiers": dict(sorted(self.dossiers.items())),
            "records": dict(sorted(self.records.items())),
            "refused": {REJECTIONS[code].name: n for code, n in sorted(self.refused.items())},
        }
