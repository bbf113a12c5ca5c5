"""All that the sections of one certificate are answered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.core.trust import Trust
from node.evidence.certificates.field_names import EVENT_NAMES
from node.evidence.certificates.port import Issuer, Order
from node.evidence.certificates.proven import Proven, ProvenRecord
from node.evidence.certificates.wording import Wording
from node.rules.events import EVENTS

__all__ = ["Setting"]


@dataclass(frozen=True)
class Setting:
    """What was ordered, who issues, and what the bundle proves. ``issued_at`` in ms; ``seals`` are
    the dossiers of the seals that a case names, each proven by a bundle of its own."""

    order: Order
    issuer: Issuer
    kid: str
    certificate_no: str
    issued_at: int
    trust: Trust
    proven: Proven
    words: Wording
    seals: Mapping[str, Proven] = field(default_factory=dict)

    @property
    def description(self) -> Mapping[str, Any]:
        """The consortium's description of itself, empty where there is none."""
        return self.issuer.description or {}

    def described(self, *path: str) -> str:
        """A text of the description, "" where it says nothing there."""
        value: Any = self.description
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value if isinstance(value, str) else ""

    @property
    def issuer_name(self) -> str:
        """The issuing member's name."""
        return self.proven.member_name(self.issuer.member)

    def event_name(self, record: ProvenRecord) -> str:
        """What a record's type is called."""
        return self.type_name(record.type)

    def type_name(self, event_type: str) -> str:
        """What an event type is called."""
        known = EVENTS.get(event_type)
        if known is None:
            return event_type
        return self.words.say(known.title_zh, EVENT_NAMES.get(event_type, event_type))

    def or_unknown(self, text: str) -> str:
        """``text``, or that it is not known."""
        return text or self.words.unknown
