"""The words for types, statuses and facts in the language of a page."""

from __future__ import annotations

from typing import Any

from node.api.views import KINDS_ZH, PROPOSAL_STATUSES_ZH, STATUSES_ZH
from node.api.web.layout import Language
from node.api.web.texts import FACT_VALUES, FACTS, FACTS_ZH, KINDS, MATCHED, STATUSES, TITLES
from node.rules.events import EVENTS

__all__ = ["event_title", "fact_rows", "kind_word", "matched_word", "status_word"]


def event_title(event_type: str, language: Language) -> str:
    """What an event type is called."""
    if language == "en":
        return TITLES.get(event_type, event_type)
    event = EVENTS.get(event_type)
    return event_type if event is None else event.title_zh


def kind_word(kind: str, language: Language) -> str:
    """What a kind of dossier is called."""
    return (KINDS_ZH if language == "zh" else KINDS).get(kind, kind)


def status_word(status: str, language: Language) -> str:
    """What a status of a seal, case, record or proposal is called."""
    if language == "zh":
        return STATUSES_ZH.get(status) or PROPOSAL_STATUSES_ZH.get(status, status)
    return STATUSES.get(status, status)


def matched_word(matched: str, language: Language) -> str:
    """By what a dossier was found."""
    return MATCHED[matched][0 if language == "zh" else 1]


def fact_rows(facts: dict[str, Any], language: Language) -> list[tuple[str, str]]:
    """What the ledger found when it recorded an entry, as names and values."""
    names = FACTS_ZH if language == "zh" else FACTS
    return [(names.get(name, name), _value(value, language)) for name, value in facts.items()]


def _value(value: Any, language: Language) -> str:
    if value in FACT_VALUES:
        return FACT_VALUES[value][0 if language == "zh" else 1]
    return status_word(value, language) if isinstance(value, str) else str(value)
