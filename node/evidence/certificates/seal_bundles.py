"""The bundles of the seals that a case names: made and verified, and used again while they hold.

Many certificates name the same few seals, whose dossiers seldom change.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from node.core.signatures import Backend
from node.core.statemap import StateProof
from node.evidence.bundle import bundle_dossier, encode_bundle
from node.evidence.certificates.proven import Proven, prove
from node.ledger.reader import LedgerReader
from node.ledger.state import read_value

__all__ = ["ProvenSeal", "SealBundles"]

_MOST_BYTES = 8 << 20
"""Of all bundles that are kept; decoded, they take a few times as much."""
_MOST_AGE_MS = 10 * 60 * 1000
"""By the time of the chain: what is attached should be about as new as the certificate."""


@dataclass(frozen=True)
class ProvenSeal:
    """The bundle of a seal's dossier, and what it proves under the trust file."""

    bundle: bytes
    proven: Proven


class SealBundles:
    """Bundles of seals' dossiers that have passed the verifier. Safe for threads.

    One is used again, as the very bytes that passed, under the same trust file, while the ledger
    that a certificate is of has each key of the state map that it proves, the dossier's head among
    them, as it proves it: then the dossier is the one that it shows, up to its last record.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, bytes], ProvenSeal] = OrderedDict()
        self._bytes = 0

    def of(self, reader: LedgerReader, subject: str, trust: bytes, time: int) -> ProvenSeal:
        """The bundle of the seal's dossier ``subject``, which exists, for a certificate as of
        ``time`` (ms) by the chain.

        Raises:
            InvalidProof: the verifier does not accept it.
            InvalidInput: it would be too large.
        """
        place = (subject, trust)
        with self._lock:
            kept = self._kept.get(place)
            if kept is not None:
                self._kept.move_to_end(place)
        if kept is not None and _still_holds(kept.proven, reader, time):
            return kept
        bundle = encode_bundle(bundle_dossier(reader, subject))
        made = ProvenSeal(bundle, prove(bundle, trust, self._backend))
        self._keep(place, made)
        return made

    def _keep(self, place: tuple[str, bytes], made: ProvenSeal) -> None:
        with self._lock:
            held = self._kept.pop(place, None)
            if held is not None and held.proven.bundle.as_of > made.proven.bundle.as_of:
                made = held
            self._bytes += len(made.bundle) - (0 if held is None else len(held.bundle))
            self._kept[place] = made
            while self._bytes > _MOST_BYTES:
                _, dropped = self._kept.popitem(last=False)
                self._bytes -= len(dropped.bundle)


def _still_holds(proven: Proven, reader: LedgerReader, time: int) -> bool:
    if not 0 <= time - proven.as_of_time <= _MOST_AGE_MS:
        return False
    return all(_unchanged(proof, reader) for proof in proven.bundle.state)


def _unchanged(proof: StateProof, reader: LedgerReader) -> bool:
    return read_value(reader.rows, proof.key) == proof.value
