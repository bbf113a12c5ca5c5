"""What the steps of the verifier share: the case at hand, and how a step says what it found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from node.core.block import Header, ValidatorSet
from node.core.bundle import Bundle, BundledEntry, Roots
from node.core.disclosure import Disclosure
from node.core.encoding import decode_canonical_json
from node.core.entry import Entry
from node.core.errors import InvalidProof
from node.core.genesis import Genesis
from node.core.signatures import Backend, PublicJwk
from node.core.transaction import Transaction
from node.core.trust import Trust

__all__ = [
    "FAILED",
    "NOT_CHECKED",
    "PASSED",
    "Case",
    "NotChecked",
    "Part",
    "Record",
    "Told",
    "decode_state_value",
]

PASSED, FAILED, NOT_CHECKED = "passed", "failed", "not checked"


@dataclass(frozen=True)
class Told:
    """What a step found, in English and Chinese, and details worth a line each."""

    text: str
    text_zh: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """How a part of a step ended, such as one receipt of several."""

    status: str
    title: str
    title_zh: str
    told: Told


class NotChecked(Exception):
    """The bundle or the trust file holds nothing that this step could check."""

    def __init__(self, text: str, text_zh: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.told = Told(text, text_zh, details)


@dataclass(frozen=True)
class Record:
    """One bundled entry, decoded, with its transaction."""

    place: str
    bundled: BundledEntry
    entry: Entry
    transaction: Transaction


@dataclass
class Case:
    """What has been established so far. Steps fill it in; only what passed is in it.

    ``geneses`` are those of all chains, oldest first, the last of them ``genesis``; ``keys`` are
    the signers', by ``kid``; ``disclosed`` the genuine disclosures by their records' places;
    ``parts`` are those of the step that is being checked, ``anchored`` the times (ms) at which
    somebody outside has vouched for the log.
    """

    trust: Trust
    backend: Backend
    bundle: Bundle | None = None
    genesis: Genesis | None = None
    geneses: list[Genesis] = field(default_factory=list)
    headers: dict[int, Header] = field(default_factory=dict)
    validator_sets: list[ValidatorSet] = field(default_factory=list)
    roots: dict[int, Roots] = field(default_factory=dict)
    state: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    keys: dict[str, PublicJwk] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    disclosed: dict[str, tuple[Disclosure, ...]] = field(default_factory=dict)
    parts: list[Part] = field(default_factory=list)
    anchored: list[int] = field(default_factory=list)

    def need_bundle(self) -> Bundle:
        """The decoded bundle; the first step has made it."""
        assert self.bundle is not None
        return self.bundle

    def need_genesis(self) -> Genesis:
        """The decoded genesis; the second step has made it."""
        assert self.genesis is not None
        return self.genesis

    def genesis_at(self, height: int) -> Genesis:
        """The genesis of the chain that ``height`` belongs to: each has those from the point of
        its own genesis on. Heights below all are the oldest chain's."""
        later = (one for one in reversed(self.geneses) if height >= one.initial_height - 1)
        return next(later, self.geneses[0])

    def need_state(self, key: str) -> dict[str, Any]:
        """The proven value of a key of the state map.

        Raises:
            InvalidProof: the bundle proves no value of it.
        """
        value = self.state.get(key)
        if value is None:
            raise InvalidProof(f"state {key}", "no proof of it is in the bundle")
        return value


def decode_state_value(value: bytes, key: str) -> dict[str, Any]:
    """A value of the state map: a canonical JSON object."""
    return decode_canonical_json(value, place=f"state {key}", max_bytes=1 << 20)
