"""Signs seals' statuses, one by one with its proof (see ``docs/spec/seal-status.md``)."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import orjson

from node.client.keys import SigningKey
from node.core.compact_jws import jws_header
from node.core.encoding import canonical_json, encode_base64url
from node.core.errors import InvalidInput
from node.core.seal_status import SEAL_STATUS_FORMAT, SEAL_STATUS_TYP, derived_status
from node.evidence.bundle import show_chain
from node.ledger.reader import LedgerReader
from node.rules.judgement import State

__all__ = ["SealStatuses", "StatusTimes"]


@dataclass(frozen=True)
class StatusTimes:
    """When the next status is to be asked for, and from when on this one says nothing: seconds."""

    next_update: int = 60
    stale_after: int = 600


@dataclass(frozen=True)
class _Shown:
    """What all statuses share that are of one ``newest`` height of a chain: the chain and the
    signer's key, encoded, and the time (ms) of the header that proves the state."""

    newest: tuple[str, int]
    height: int
    time: int
    head: bytes
    proofs: bytes


class SealStatuses:
    """Signs with one member's key. Threads may share it."""

    def __init__(self, key: SigningKey, member: str, times: StatusTimes) -> None:
        self._key = key
        self._member = member
        self._times = times
        self._header = jws_header(SEAL_STATUS_TYP, key.kid)
        self._lock = threading.Lock()
        self._shown: _Shown | None = None

    def sign(
        self,
        reader: LedgerReader,
        es_id: str,
        now: int,
        place: dict[str, Any] | None = None,
    ) -> bytes:
        """The status of a seal as of ``reader``, at ``now`` (ms), as a file. ``place`` is its place
        in the published lists, ``{"idx": …, "uri": …}``.

        Raises:
            InvalidInput: the ledger has no such seal.
            NotProven: the chain has no block yet whose header shows the state.
        """
        proof = reader.prove(f"seal/{es_id}")
        if proof.value is None:
            raise InvalidInput("es_id", f"no seal of this ledger is called {es_id}")
        seal = orjson.loads(proof.value)
        shown = self._show(reader)
        claims = self._claims(reader, es_id, seal, now, shown)
        if place is not None:
            claims["status_list"] = place
        # what canonical_json gives: names and texts are ASCII, numbers integers
        payload = encode_base64url(orjson.dumps(claims, option=orjson.OPT_SORT_KEYS))
        signed = f"{self._header}.{payload}".encode("ascii")
        signature = encode_base64url(self._key.sign(signed)).encode("ascii")
        return b'%b,"state":[%b,%b],"statement":"%b.%b"}\n' % (
            shown.head,
            orjson.dumps(proof.to_json()),
            shown.proofs,
            signed,
            signature,
        )

    def _claims(
        self, reader: LedgerReader, es_id: str, seal: State, now: int, shown: _Shown
    ) -> dict[str, Any]:
        issued = now // 1000
        return {
            "as_of": {"height": shown.height, "time": shown.time},
            "cid": reader.meta.chain_id,
            "exp": issued + self._times.stale_after,
            "iat": issued,
            "iss": self._member,
            "next_update": issued + self._times.next_update,
            "status": derived_status(
                seal["status"], seal["valid_from"], seal["valid_to"], issued * 1000
            ),
            "status_version": seal["status_version"],
            "sub": es_id,
            "valid_from": seal["valid_from"],
            "valid_to": seal["valid_to"],
        }

    def _show(self, reader: LedgerReader) -> _Shown:
        newest = (reader.meta.chain_id, reader.meta.height)
        with self._lock:
            shown = self._shown
        if shown is not None and shown.newest == newest:
            return shown
        height = reader.as_of
        parts = {"as_of": height, **show_chain(reader), "format": SEAL_STATUS_FORMAT}
        keys = (f"key/{self._key.kid}", f"member/{self._member}")
        shown = _Shown(
            newest,
            height,
            reader.header(height + 1).time.milliseconds,
            canonical_json(parts)[:-1],
            b",".join(orjson.dumps(reader.prove(key).to_json()) for key in keys),
        )
        with self._lock:
            self._shown = shown
        return shown
