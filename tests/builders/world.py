"""The rules by themselves: a state map in memory, events judged against it and applied to it.

Every value that the rules get is frozen, so a rule that changed one in place would raise. Every
event is judged twice, with all its fields and with those alone that the ledger hands on
(`node.rules.events.JUDGED`); both must end alike.
"""

from __future__ import annotations

import copy
from typing import Any, NoReturn

from builders.consortium import CHAIN, consortium_genesis, member_key
from builders.events import HOME, NOW, PROPOSAL_HASH, case_sub, data_of, digest, reference
from builders.signing import seeded

from node.core.encoding import canonical_json, decode_json
from node.rules.events import EVENTS, JUDGED
from node.rules.genesis_parameters import first_state
from node.rules.governance import proposal_hash
from node.rules.judge import flaw_of, judge
from node.rules.judgement import Accepted, Event, Refused, State, in_force
from node.rules.rejections import REJECTIONS

__all__ = [
    "SEAL",
    "FrozenDict",
    "FrozenList",
    "World",
    "freeze",
    "personal",
    "thaw",
    "with_proposal",
]

SEAL = "seal:maker-a:0001"
_SIGNED_WITH = {"key.rotated": "recovery"}


def _refuse_change(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("the rules changed a value in place")


def with_proposal(event_type: str, data: Any, dossier: State | None) -> Any:
    """A vote's data with the hash of the proposal in its dossier, unless it has another."""
    if event_type != "governance.voted" or type(data) is not dict:
        return data
    if data.get("proposal_hash", PROPOSAL_HASH) != PROPOSAL_HASH:
        return data
    known = dossier is not None and "change" in dossier
    return {**data, "proposal_hash": proposal_hash(dossier) if known else PROPOSAL_HASH}


class FrozenDict(dict[str, Any]):
    """A dict that cannot be changed."""

    __setitem__ = __delitem__ = __ior__ = _refuse_change  # type: ignore[assignment]
    clear = pop = popitem = setdefault = update = _refuse_change  # type: ignore[assignment]


class FrozenList(list[Any]):
    """A list that cannot be changed."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse_change  # type: ignore[assignment]
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse_change  # type: ignore[assignment]


def freeze(value: Any) -> Any:
    """A deep copy that cannot be changed."""
    if isinstance(value, dict):
        return FrozenDict({name: freeze(member) for name, member in value.items()})
    if isinstance(value, list):
        return FrozenList(freeze(item) for item in value)
    return value


def thaw(value: Any) -> Any:
    """A deep copy in plain dicts and lists."""
    if isinstance(value, dict):
        return {name: thaw(member) for name, member in value.items()}
    if isinstance(value, list):
        return [thaw(item) for item in value]
    return value


class World:
    """A chain's state as the rules see it. It is their view."""

    chain_id = CHAIN

    def __init__(self, **genesis: Any) -> None:
        self.height = 10
        self.time = NOW
        self.issuers: dict[tuple[str, str], State] = {}
        self.roots: dict[int, bytes] = {}
        self.state: dict[str, State] = {
            key: freeze(value) for key, value in first_state(consortium_genesis(**genesis)).items()
        }
        self._events = 0

    # -- the view -------------------------------------------------------------------------------

    def get(self, key: str) -> State | None:
        return self.state.get(key)

    def parameter(self, name: str) -> Any:
        return in_force(self.state[f"parameter/{name}"], self.height)["value"]

    @property
    def latest(self) -> int:
        return self.time + int(self.parameter("clock_tolerance_ms"))

    @property
    def late_after(self) -> int:
        return int(self.parameter("late_after_ms"))

    def log_root(self, size: int) -> bytes | None:
        return self.roots.get(size)

    # -- what tests do --------------------------------------------------------------------------

    def next_block(self, milliseconds: int = 10_000) -> None:
        """The time of the next block has come."""
        self.height += 1
        self.time += milliseconds
        self.issuers.clear()

    def put(self, key: str, **changes: Any) -> None:
        """Change members of a value of the state, as a vote of the members would."""
        self.state[key] = freeze({**self.state.get(key, {}), **changes})
        self.issuers.clear()

    def event(
        self,
        event_type: str,
        sub: str,
        data: dict[str, Any] | None = None,
        by: str | None = None,
        **changes: Any,
    ) -> Event:
        """An event as the ledger hands it to the rules, with the flaw that its form has."""
        self._events += 1
        issuer = by or HOME.get(event_type, "platform-a")
        payload = {
            "cid": CHAIN,
            "data": with_proposal(
                event_type,
                data_of(event_type) if data is None else data,
                self.state.get(f"dossier/{sub}"),
            ),
            "exp": self.time // 1000 + 3600,
            "iat": self.time // 1000,
            "iss": issuer,
            "jti": f"event-{self._events}",
            "kid": member_key(issuer, _SIGNED_WITH.get(event_type, "signing")).kid,
            "occurred_at": self.time - 1000,
            "source": {"method": "api", "system": "签约平台"},
            "sub": sub,
            "type": event_type,
            **changes,
        }
        payload.setdefault("id", seeded("event", payload["iss"], payload["jti"]))
        flaw = flaw_of(payload)
        return Event(
            **{name: payload[name] for name in Event._fields if name not in ("data", "flaw")},
            data=freeze(payload["data"]),
            flaw=flaw,
        )

    def judge(self, event: Event) -> Accepted:
        """The rules' word, checked for what must hold of all they say."""
        known = FrozenDict({key: value for key, value in event.data.items() if key in JUDGED})
        outcomes: list[Accepted | int] = []
        for form in (event, event._replace(data=known)):
            try:
                outcomes.append(judge(self, form))
            except Refused as refusal:
                outcomes.append(refusal.code)
        assert outcomes[0] == outcomes[1], "the rules read a field that the ledger does not hand on"
        found = outcomes[1]
        if isinstance(found, int):
            raise Refused(found)
        self._check(event, found)
        return found

    def _check(self, event: Event, accepted: Accepted) -> None:
        """What holds of every accepted event, whatever it is."""
        before = self.get(f"dossier/{event.sub}")
        assert type(accepted.dossier) is dict, "the ledger completes it, so it must be new"
        assert accepted.dossier["count"] == (before["count"] if before else 0) + 1
        assert accepted.dossier["kind"] == EVENTS[event.type].kind
        for name, fact in accepted.facts.items():
            assert type(name) is str
            assert type(fact) in (str, int)
        values = [(f"dossier/{event.sub}", accepted.dossier), *accepted.changes]
        assert len({key for key, _ in values}) == len(values), "a key is set twice"
        for key, value in values:
            assert key.isascii()
            if value is not None:
                _check_value(value, key)
                encoded = canonical_json(value)
                assert decode_json(encoded, place=key, max_bytes=1 << 20) == value

    def record(
        self,
        event_type: str,
        sub: str,
        data: dict[str, Any] | None = None,
        by: str | None = None,
        **changes: Any,
    ) -> Accepted:
        """Judge an event, which must be accepted, and apply what follows from it."""
        event = self.event(event_type, sub, data, by, **changes)
        try:
            accepted = self.judge(event)
        except Refused as refusal:
            raise AssertionError(f"{event_type}: {REJECTIONS[refusal.code].name}") from refusal
        self.apply(event, accepted)
        return accepted

    def apply(self, event: Event, accepted: Accepted) -> None:
        """Change the state as the ledger does."""
        head = {**accepted.dossier, "head": seeded("leaf", event.id.hex()).hex(), "index": 1}
        for key, value in [(f"dossier/{event.sub}", head), *accepted.changes]:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = freeze(value)

    def refusal(
        self,
        event_type: str,
        sub: str,
        data: dict[str, Any] | None = None,
        by: str | None = None,
        **changes: Any,
    ) -> str:
        """The name of the rejection that an event earns; "accepted" where it earns none."""
        before = copy.copy(self.state)
        try:
            self.judge(self.event(event_type, sub, data, by, **changes))
        except Refused as refusal:
            assert self.state == before
            return REJECTIONS[refusal.code].name
        return "accepted"

    # -- what many tests begin with -------------------------------------------------------------

    def dossier(self, sub: str) -> State:
        """The value of a dossier."""
        return self.state[f"dossier/{sub}"]

    def seal(self, es_id: str = "37010200000001") -> State:
        """The value of a seal."""
        return self.state[f"seal/{es_id}"]

    def created_seal(self, sub: str = SEAL, number: int = 1, **changes: Any) -> str:
        """A seal that has been applied for and created; returns its es_id."""
        es_id = f"370102{number:08d}"
        self.record("seal.applied", sub)
        data = data_of("seal.created", es_id=es_id, seal_code=es_id, **changes)
        self.record("seal.created", sub, data)
        return es_id

    def active_seal(self, sub: str = SEAL, number: int = 1, **changes: Any) -> str:
        """A seal that is filed, and so active; returns its es_id."""
        es_id = self.created_seal(sub, number, **changes)
        self.record("seal.filed", sub, data_of("seal.filed", filing_no=f"BA-{number}"))
        return es_id

    def personal_seal(self, sub: str = "seal:maker-a:9001", number: int = 9001) -> str:
        """A person's active seal; returns its es_id."""
        self.record("seal.applied", sub, personal(data_of("seal.applied")))
        es_id = f"370102{number:08d}"
        created = data_of("seal.created", es_id=es_id, seal_code=es_id, seal_name=None)
        self.record("seal.created", sub, created)
        self.record("seal.filed", sub, data_of("seal.filed", filing_no=f"BA-{number}"))
        return es_id

    def set_status(self, to: str, sub: str = SEAL) -> Accepted:
        """Change a seal's status."""
        return self.record("seal.status_changed", sub, data_of("seal.status_changed", to=to))

    def open_case(self, sub: str | None = None, *, parties: int = 1, documents: int = 1) -> str:
        """A case with verified parties; returns its subject."""
        sub = sub or case_sub()
        data = data_of(
            "signing.initiated",
            documents=[
                {"media_type": "application/pdf", "sha256": digest("document", n), "size": n}
                for n in range(documents)
            ],
            parties=[{"kind": "person", "party_ref": reference(n)} for n in range(parties)],
        )
        self.record("signing.initiated", sub, data)
        for number in range(parties):
            verified = data_of("signing.identity_verified", party_ref=reference(number))
            self.record("signing.identity_verified", sub, verified)
        return sub


def personal(data: dict[str, Any]) -> dict[str, Any]:
    """The data of an organisation's seal made that of a person's."""
    kept = {name: value for name, value in data.items() if name not in _NAMED}
    return {**kept, "owner_kind": "person"}


_NAMED = ("owner_name", "owner_uscc", "seal_name")


def _check_value(value: Any, place: str) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            assert type(name) is str, place
            assert name.isascii(), place
            _check_value(member, f"{place}.{name}")
    elif isinstance(value, list):
        for item in value:
            _check_value(item, f"{place}[]")
    else:
        assert type(value) in (str, int), f"{place} holds a {type(value).__name__}"
