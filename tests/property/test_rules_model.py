"""The life cycles against a model: automatons written as tables, and little else.

Random members try random things with a few seals and cases, at times that go on. The model says
whether each is accepted, and in which state everything is then; the rules must agree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from builders.consortium import MEMBERS
from builders.events import DAY, NOW, data_of, digest, reference
from builders.world import World, personal
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from node.rules.seals import status_at

T = TypeVar("T")

# -- the tables -----------------------------------------------------------------------------------

SEAL = {
    "none": {"apply": "applied", "import": "active"},
    "applied": {"create": "created"},
    "created": {"file": "active", "renew": "created"},
    "active": {"suspended": "suspended", "lost": "lost", "revoked": "revoked", "renew": "active"},
    "suspended": {"active": "active", "lost": "lost", "revoked": "revoked", "renew": "suspended"},
    "lost": {"active": "active", "cancelled": "cancelled", "renew": "lost"},
    "revoked": {"cancelled": "cancelled"},
    "expired": {"cancelled": "cancelled"},
    "cancelled": {},
}
CASE = {
    "none": {"initiated": "initiated"},
    "initiated": {
        "identity_verified": "initiated",
        "intent_confirmed": "initiated",
        "started": "started",
        "rejected": "rejected",
        "voided": "voided",
    },
    "started": {
        "identity_verified": "started",
        "intent_confirmed": "started",
        "started": "started",
        "sealed": "started",
        "completed": "completed",
        "rejected": "rejected",
        "voided": "voided",
    },
    "completed": {},
    "rejected": {},
    "voided": {},
}
MAKERS = {"maker-a", "maker-b", "bureau-a", "workshop-a"}
PLATFORMS = {"platform-a", "platform-b", "workshop-a"}
COVERING = {"police-lixia", "police-jinan", "police-shandong", "police-all"}
IN_JINAN = COVERING | {"authority-jinan", "ca-shandong"}
POLICE = COVERING | {"police-shizhong", "police-tianjin", "police-nowhere", "bureau-a"}
STATUS = POLICE | {"authority-jinan", "authority-tianjin"}
AUTHORITIES = {"ca-shandong", "ca-tianjin"}

SEAL_SUBS = ("seal:maker-a:1", "seal:maker-b:1", "seal:platform-a:1", "seal:maker-a:2")
ES_IDS = ("e1", "e2", "e3", "e4")
STATUSES = ("active", "suspended", "lost", "revoked", "cancelled")
CASE_SUBS = ("case:platform-a:1", "case:platform-b:1", "case:platform-a:2", "case:platform-a:3")
PARTIES = tuple(map(reference, range(3)))
FIRST = tuple(digest("model document", number) for number in range(2))
PARTICIPANTS = ("platform-b", "identity-a")
USUALLY = st.sampled_from([True] * 7 + [False])
ANYBODY = st.sampled_from(sorted(MEMBERS))


@dataclass
class ModelSeal:
    opener: str
    maker: str
    owner: str
    state: str
    es_id: str | None = None
    valid: tuple[int, int] = (0, 0)
    version: int = 1
    renewed: str | None = None


@dataclass
class ModelCase:
    allowed: set[str]
    documents: list[str]
    deadline: int | None
    state: str = "initiated"
    version: int = 1
    verified: set[str] = field(default_factory=set)
    begun: dict[tuple[str, int], str] = field(default_factory=dict)
    confirmed: set[tuple[str, str]] = field(default_factory=set)


class Draw:
    """Draws of one step."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def usually(self, right: T, others: st.SearchStrategy[T]) -> T:
        return right if self._data.draw(USUALLY) else self._data.draw(others)

    def one_of(self, *values: T) -> T:
        return self._data.draw(st.sampled_from(values))


class Model:
    """What is said above, as little code as it takes."""

    def __init__(self) -> None:
        self.seals: dict[str, ModelSeal] = {}
        self.cases: dict[str, ModelCase] = {}
        self.filings: set[str] = set()

    def seal_named(self, es_id: str) -> ModelSeal | None:
        return next((seal for seal in self.seals.values() if seal.es_id == es_id), None)

    @staticmethod
    def state_at(seal: ModelSeal | None, time: int) -> str:
        if seal is None:
            return "none"
        passed = time > seal.valid[1]
        return "expired" if passed and seal.state in ("active", "suspended") else seal.state


class LifeCycles(RuleBasedStateMachine):
    """Steps that the tables allow and right values as a rule, and now and then any others."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.model = Model()
        self.made = 0
        self.facts: dict[str, str | int] = {}

    def expect(self, good: bool, event_type: str, sub: str, data: Any, by: str) -> bool:
        """Record, or be refused, as the model says."""
        if good:
            self.facts = self.world.record(event_type, sub, data, by=by).facts
        else:
            assert self.world.refusal(event_type, sub, data, by=by) != "accepted"
        return good

    @rule(milliseconds=st.sampled_from([1, 10_000, DAY // 2, 2 * DAY]))
    def time_passes(self, milliseconds: int) -> None:
        self.world.next_block(milliseconds)

    @rule(data=st.data(), sub=st.sampled_from(SEAL_SUBS))
    def seal_step(self, data: st.DataObject, sub: str) -> None:
        state = self.model.state_at(self.model.seals.get(sub), self.world.time)
        step = self.draw_step(data, SEAL[state], SEAL)
        to = step if step in STATUSES else ""
        act = getattr(self, f"seal_{'change' if to else step}")
        act(Draw(data), sub, *([to] if to else []))

    @rule(data=st.data(), sub=st.sampled_from(CASE_SUBS))
    def case_step(self, data: st.DataObject, sub: str) -> None:
        case = self.model.cases.get(sub)
        step = self.draw_step(data, CASE[case.state if case else "none"], CASE)
        if step in ("rejected", "voided") and data.draw(USUALLY):
            step = "identity_verified"  # else few cases would live to be completed
        getattr(self, f"case_{step}")(Draw(data), sub)

    def draw_step(
        self, data: st.DataObject, here: dict[str, Any], table: dict[str, dict[str, Any]]
    ) -> str:
        everywhere = sorted({step for steps in table.values() for step in steps})
        steps = sorted(here) if here and data.draw(USUALLY) else everywhere
        return data.draw(st.sampled_from(steps))

    # -- seals ------------------------------------------------------------------------------------

    def seal_apply(self, draw: Draw, sub: str) -> None:
        by = draw.usually(sub.split(":")[1], ANYBODY)
        owner = draw.one_of("organisation", "person")
        needed = None if by in MAKERS else "maker-a"
        maker = draw.usually(needed, st.sampled_from([None, "maker-b", "court-a"]))
        good = (
            by in MAKERS | PLATFORMS
            and sub.split(":")[1] == by
            and (maker or by) in MAKERS
            and sub not in self.model.seals
        )
        data = data_of("seal.applied", maker=maker)
        data = personal(data) if owner == "person" else data
        if self.expect(good, "seal.applied", sub, data, by):
            self.model.seals[sub] = ModelSeal(by, maker or by, owner, "applied")

    def seal_create(self, draw: Draw, sub: str) -> None:
        seal = self.model.seals.get(sub)
        by = draw.usually(seal.maker if seal else "maker-a", ANYBODY)
        es_id = draw.one_of(*ES_IDS)
        organisation = seal is not None and seal.owner == "organisation"
        named = draw.usually(organisation, st.booleans())
        first, last = draw.one_of((-1, 5), (-1, 5), (0, 3), (1, 9), (-9, 90), (2, 2))
        valid = (self.world.time + first * DAY, self.world.time + last * DAY)
        supersedes = draw.usually(None, st.sampled_from(ES_IDS))
        old = self.model.seal_named(supersedes) if supersedes else None
        good = (
            seal is not None
            and by in MAKERS
            and by == seal.maker
            and seal.state == "applied"
            and named == organisation
            and valid[0] < valid[1]
            and self.model.seal_named(es_id) is None
            and (supersedes is None or (old is not None and old.owner == seal.owner))
        )
        data = data_of(
            "seal.created",
            es_id=es_id,
            supersedes=supersedes,
            valid_from=valid[0],
            valid_to=valid[1],
            **({} if named else {"seal_name": None}),
        )
        if self.expect(good, "seal.created", sub, data, by):
            assert seal is not None
            seal.state, seal.es_id, seal.valid = "created", es_id, valid
            seal.version += 1

    def seal_file(self, draw: Draw, sub: str) -> None:
        seal = self.model.seals.get(sub)
        by = draw.usually("police-lixia", ANYBODY)
        number = self.draw_filing(draw)
        good = (
            seal is not None
            and by in POLICE & IN_JINAN
            and seal.state == "created"
            and number not in self.model.filings
        )
        data = data_of("seal.filed", filing_no=number)
        if self.expect(good, "seal.filed", sub, data, by):
            assert seal is not None
            self.model.filings.add(number)
            seal.state, seal.version = "active", seal.version + 1

    def draw_filing(self, draw: Draw) -> str:
        self.made += 1
        return draw.usually(f"f{self.made}", st.sampled_from(["f1", "f2", "f3"]))

    def seal_change(self, draw: Draw, sub: str, to: str) -> None:
        seal = self.model.seals.get(sub)
        by = draw.usually(draw.one_of("authority-jinan", "police-all"), ANYBODY)
        good = (
            seal is not None
            and by in STATUS & IN_JINAN
            and to in SEAL[self.model.state_at(seal, self.world.time)]
        )
        data = data_of("seal.status_changed", to=to)
        if self.expect(good, "seal.status_changed", sub, data, by):
            assert seal is not None
            seal.state, seal.version = to, seal.version + 1

    def seal_import(self, draw: Draw, sub: str) -> None:
        by = draw.usually(sub.split(":")[1], ANYBODY)
        es_id, number = draw.one_of(*ES_IDS), self.draw_filing(draw)
        status = draw.one_of(*STATUSES)
        good = (
            by in MAKERS | (POLICE & IN_JINAN)
            and sub.split(":")[1] == by
            and sub not in self.model.seals
            and self.model.seal_named(es_id) is None
            and number not in self.model.filings
        )
        valid = (self.world.time - DAY, self.world.time + DAY)
        data = data_of(
            "seal.imported",
            es_id=es_id,
            filing_no=number,
            status=status,
            valid_from=valid[0],
            valid_to=valid[1],
        )
        if self.expect(good, "seal.imported", sub, data, by):
            self.model.filings.add(number)
            self.model.seals[sub] = ModelSeal(by, by, "organisation", status, es_id, valid)

    def seal_renew(self, draw: Draw, sub: str) -> None:
        seal = self.model.seals.get(sub)
        by = draw.usually("ca-shandong", ANYBODY)
        known = seal.renewed if seal else None
        old = draw.usually(known or "0", st.just("ffff"))
        good = (
            seal is not None
            and by in AUTHORITIES & IN_JINAN
            and "renew" in SEAL[self.model.state_at(seal, self.world.time)]
            and (known is None or old == known)
        )
        self.made += 1
        new = f"{self.made:x}"
        data = data_of("seal.certificate_renewed", old_cert_sn=old, new_cert_sn=new)
        if self.expect(good, "seal.certificate_renewed", sub, data, by):
            assert seal is not None
            seal.renewed = new

    # -- cases ------------------------------------------------------------------------------------

    def case_initiated(self, draw: Draw, sub: str) -> None:
        by = draw.usually(sub.split(":")[1], ANYBODY)
        documents = draw.usually(list(FIRST), st.sampled_from([[FIRST[0]], [FIRST[1]] * 2]))
        deadline = draw.one_of(None, None, DAY)
        shared = draw.one_of(True, False)
        good = (
            by in PLATFORMS
            and sub.split(":")[1] == by
            and sub not in self.model.cases
            and len(set(documents)) == len(documents)
        )
        until = None if deadline is None else self.world.time + deadline
        data = data_of(
            "signing.initiated",
            documents=[
                {"media_type": "application/pdf", "sha256": item, "size": 1} for item in documents
            ],
            parties=[{"kind": "person", "party_ref": party} for party in PARTIES[:2]],
            participants=list(PARTICIPANTS) if shared else None,
            deadline=until,
        )
        if self.expect(good, "signing.initiated", sub, data, by):
            allowed = {by, *PARTICIPANTS} if shared else {by}
            self.model.cases[sub] = ModelCase(allowed, list(documents), until)

    def actor(self, draw: Draw, sub: str) -> str:
        case = self.model.cases.get(sub)
        likely = sorted(case.allowed & PLATFORMS) if case else ["platform-a"]
        return draw.usually(draw.one_of(*likely), ANYBODY)

    def party(self, draw: Draw, sub: str) -> str:
        case = self.model.cases.get(sub)
        verified = sorted(case.verified) if case else []
        return draw.usually(draw.one_of(*verified or PARTIES[:2]), st.sampled_from(PARTIES[:2]))

    def step(self, sub: str, by: str, step: str, members: set[str]) -> ModelCase | None:
        """The case, if this member may take this step in it."""
        case = self.model.cases.get(sub)
        if case is None or by not in members & case.allowed or step not in CASE[case.state]:
            return None
        return case

    def documents(self, sub: str) -> list[str]:
        return self.model.cases[sub].documents if sub in self.model.cases else [FIRST[0]]

    def case_identity_verified(self, draw: Draw, sub: str) -> None:
        by = draw.one_of(self.actor(draw, sub), "identity-a")
        party = draw.usually(draw.one_of(*PARTIES[:2]), st.just(PARTIES[2]))
        passed = draw.usually(True, st.just(False))
        case = self.step(sub, by, "identity_verified", PLATFORMS | {"identity-a"})
        good = case is not None and party in PARTIES[:2]
        result = "passed" if passed else "failed"
        data = data_of("signing.identity_verified", party_ref=party, result=result)
        if self.expect(good, "signing.identity_verified", sub, data, by):
            assert case is not None
            (case.verified.add if passed else case.verified.discard)(party)

    def case_intent_confirmed(self, draw: Draw, sub: str) -> None:
        by, party = self.actor(draw, sub), self.party(draw, sub)
        current = draw.one_of(*self.documents(sub))
        found = draw.usually(current, st.just(digest("stale")))
        case = self.step(sub, by, "intent_confirmed", PLATFORMS)
        good = case is not None and party in case.verified and found == current
        data = data_of("signing.intent_confirmed", party_ref=party, document_hash=found)
        if self.expect(good, "signing.intent_confirmed", sub, data, by):
            assert case is not None
            case.confirmed.add((party, found))

    def may_sign(self, case: ModelCase | None, party: str, means: str) -> bool:
        time = self.world.time
        if case is None or party not in case.verified:
            return False
        if case.deadline is not None and time > case.deadline:
            return False
        kind, _, es_id = means.partition(" ")
        if not es_id:
            return True
        seal = self.model.seal_named(es_id)
        return (
            seal is not None
            and seal.owner == {"organisation_seal": "organisation", "personal_seal": "person"}[kind]
            and seal.valid[0] <= time <= seal.valid[1]
            and self.model.state_at(seal, time) == "active"
        )

    def draw_means(self, draw: Draw) -> str:
        """How somebody signs: usually with a seal that there is, in the way that fits it."""
        named = {seal.es_id: seal.owner for seal in self.model.seals.values() if seal.es_id}
        es_id = draw.one_of(*sorted(named)) if named else ES_IDS[0]
        fitting = "personal_seal" if named.get(es_id) == "person" else "organisation_seal"
        kind = draw.usually(fitting, st.sampled_from(["organisation_seal", "personal_seal"]))
        return draw.one_of(f"{kind} {es_id}", f"{kind} {es_id}", "handwritten", "certificate")

    def sign(self, event_type: str, means: str, **fields: Any) -> dict[str, Any]:
        kind, _, es_id = means.partition(" ")
        return data_of(event_type, signature_kind=kind, es_id=es_id or None, **fields)

    def told(self, case: ModelCase, party: str, document: str, means: str) -> None:
        """What the last record's facts must say."""
        facts = self.facts
        known = (party, document) in case.confirmed
        assert facts["intent"] == ("confirmed" if known else "none")
        seal = self.model.seal_named(means.partition(" ")[2])
        assert facts.get("seal_status_version") == (seal.version if seal else None)

    def case_started(self, draw: Draw, sub: str) -> None:
        by, party, means = self.actor(draw, sub), self.party(draw, sub), self.draw_means(draw)
        document = draw.one_of(*self.documents(sub))
        case = self.step(sub, by, "started", PLATFORMS)
        data = self.sign("signing.started", means, party_ref=party, document_hash=document)
        good = self.may_sign(case, party, means)
        if self.expect(good, "signing.started", sub, data, by):
            assert case is not None
            self.told(case, party, document, means)
            case.version += case.state == "initiated"
            case.state = "started"
            case.begun[party, case.documents.index(document)] = means

    def case_sealed(self, draw: Draw, sub: str) -> None:
        by, documents = self.actor(draw, sub), self.documents(sub)
        begun = self.model.cases[sub].begun if sub in self.model.cases else {}
        anywhere = (self.party(draw, sub), draw.one_of(*range(len(documents))))
        likely = draw.one_of(*sorted(begun)) if begun else anywhere
        party, place = draw.usually(likely, st.just(anywhere))
        means = draw.usually(begun.get((party, place)), st.none()) or self.draw_means(draw)
        self.made += 1
        fresh = digest("sealed", self.made)
        after = draw.usually(fresh, st.sampled_from(documents))
        before = draw.usually(documents[place], st.just(digest("stale")))
        case = self.step(sub, by, "sealed", PLATFORMS)
        good = (
            self.may_sign(case, party, means)
            and begun.get((party, place)) == means
            and after == fresh
            and before == documents[place]
        )
        data = self.sign(
            "signing.sealed", means, party_ref=party, before_hash=before, after_hash=after
        )
        if self.expect(good, "signing.sealed", sub, data, by):
            assert case is not None
            self.told(case, party, before, means)
            del case.begun[party, place]
            case.documents[place] = after

    def case_completed(self, draw: Draw, sub: str) -> None:
        by, current = self.actor(draw, sub), self.documents(sub)
        named = draw.usually(current[::-1], st.just([FIRST[1], FIRST[0]]))
        case = self.step(sub, by, "completed", PLATFORMS)
        good = case is not None and sorted(named) == sorted(current)
        data = data_of(
            "signing.completed",
            documents=[{"media_type": "text/plain", "sha256": item, "size": 0} for item in named],
        )
        if self.expect(good, "signing.completed", sub, data, by):
            self.end(sub, "completed")

    def case_rejected(self, draw: Draw, sub: str, how: str = "rejected") -> None:
        by = self.actor(draw, sub)
        party = draw.one_of(None, *PARTIES)
        case = self.step(sub, by, how, PLATFORMS)
        good = case is not None and party != PARTIES[2]
        data = data_of(f"signing.{how}", party_ref=party)
        if self.expect(good, f"signing.{how}", sub, data, by):
            self.end(sub, how)

    def case_voided(self, draw: Draw, sub: str) -> None:
        self.case_rejected(draw, sub, "voided")

    def end(self, sub: str, how: str) -> None:
        case = self.model.cases[sub]
        case.state, case.version = how, case.version + 1
        case.begun.clear()

    # -- what must be so after every step ---------------------------------------------------------

    @invariant()
    def seals_are_alike(self) -> None:
        held = {key for key in self.world.state if key.startswith("seal/")}
        assert held == {f"seal/{seal.es_id}" for seal in self.model.seals.values() if seal.es_id}
        for sub, expected in self.model.seals.items():
            dossier = self.world.dossier(sub)
            assert (dossier["status"], dossier["status_version"]) == (
                expected.state,
                expected.version,
            )
            if expected.es_id is not None:
                seal = self.world.seal(expected.es_id)
                assert seal["dossier"] == sub
                assert (seal["status"], seal["status_version"]) == (
                    expected.state,
                    expected.version,
                )
                found = status_at(seal, self.world.time)
                assert found == self.model.state_at(expected, self.world.time)
                renewed = [] if expected.renewed is None else [expected.renewed]
                assert seal["certificates"][-1:] == renewed

    @invariant()
    def cases_are_alike(self) -> None:
        held = {key for key in self.world.state if key.startswith("dossier/case:")}
        assert held == {f"dossier/{sub}" for sub in self.model.cases}
        for sub, expected in self.model.cases.items():
            dossier = self.world.dossier(sub)
            assert dossier["status"] == expected.state
            assert dossier["status_version"] == expected.version
            assert dossier["documents"] == expected.documents
            if expected.state in ("initiated", "started"):
                verified = {
                    party for party, value in dossier["parties"].items() if value.get("verified")
                }
                assert verified == expected.verified

    @invariant()
    def filings_are_alike(self) -> None:
        held = {key.rpartition("|")[2] for key in self.world.state if key.startswith("filing/")}
        assert held == self.model.filings


TestLifeCycles = LifeCycles.TestCase
TestLifeCycles.settings = settings(max_examples=150, stateful_step_count=80)


def test_the_model_begins_when_the_rules_do() -> None:
    assert World().time == NOW
