"""Governance against a model that keeps, of all that can change, what is and what is to come.

Random members propose and vote while blocks pass. At each height the model says what must be in
force, and an engine that takes updates as CometBFT does must have the validators of the state.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from builders.consortium import consortium_genesis, member_key
from builders.deciding import admission, validator_change, validator_genesis, validator_named
from builders.events import NOW
from builders.world import World
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from node.core.encoding import decode_json
from node.core.genesis import DEFAULT_PARAMETERS
from node.rules.engine_updates import engine_updates
from node.rules.judgement import in_force
from node.rules.rejections import REJECTIONS

FOUNDERS = ("court-a", "notary-a", "operator-a", "platform-a")
NEWCOMERS = ("newcomer-1", "newcomer-2")
MEMBERS = (*FOUNDERS, *NEWCOMERS)
OWNERS = {"a": "operator-a", "b": "operator-a", "c": "operator-a", "d": "court-a", "e": "notary-a"}
OPEN_MS = 90_000
Change = dict[str, Any]
Thing = tuple[str, str]


def founders() -> list[dict[str, Any]]:
    document = consortium_genesis().document
    members = decode_json(document, place="genesis", max_bytes=1 << 20)["members"]
    return [member for member in members if member["id"] in FOUNDERS]


def small_world() -> World:
    return World(members=founders(), validators=validator_genesis("a", "b", "c"))


@dataclass
class Proposal:
    change: Change
    closes: int
    start: int
    status: str = "open"
    votes: dict[str, str] = field(default_factory=dict)


class Model:
    """What is in force of each thing (member's status, validator's power, parameter), and what is
    to come: one height and value for each."""

    def __init__(self) -> None:
        self.since = dict.fromkeys(FOUNDERS, 1)
        self.is_: dict[Thing, Any] = {("member", member): "active" for member in FOUNDERS}
        self.is_ |= {("validator", name): 10 for name in "abc"}
        self.is_ |= {("validator", name): 0 for name in "de"}
        self.is_ |= {("parameter", name): DEFAULT_PARAMETERS[name] for name in PARAMETERS}
        self.is_["parameter", "rules_version"] = 1
        self.coming: dict[Thing, tuple[int, Any]] = {}
        self.proposals: dict[str, Proposal] = {}

    def at(self, height: int) -> None:
        for thing, (start, value) in list(self.coming.items()):
            if start <= height:
                self.is_[thing] = value
                del self.coming[thing]

    def voters(self, height: int) -> list[str]:
        return [
            member
            for member, since in self.since.items()
            if since <= height and self.is_["member", member] == "active"
        ]

    def plan(self, change: Change, start: int, height: int) -> str | dict[Thing, Any]:
        """The name of the rejection, or what is to come afterwards."""
        kind = change["kind"]
        if kind == "member.admit":
            return "member_exists" if change["member"] in self.since else dict(self.coming)
        thing, value = _target(change)
        if thing[0] == "member" and thing[1] not in self.since:
            return "member_unknown"
        if kind == "rules.set" and value - self.is_[thing] not in (0, 1):
            return "rules_not_next"
        coming = dict(self.coming)
        if thing in coming and coming[thing][0] < start:
            return "change_pending"
        coming.pop(thing, None)
        if value != self.is_[thing]:
            coming[thing] = (start, value)
        if coming == self.coming:
            return "no_change"
        if kind == "validator.set" and not self._enough(coming):
            return "validators_bounds"
        staying = [m for m in self.voters(height) if ("member", m) not in coming]
        if kind == "member.suspend" and not staying:
            return "member_needed"
        return coming

    def _enough(self, coming: dict[Thing, tuple[int, Any]]) -> bool:
        for height in {start for start, _ in coming.values()}:
            powers = {thing: power for thing, power in self.is_.items() if thing[0] == "validator"}
            powers |= {thing: v for thing, (start, v) in coming.items() if start <= height}
            if sum(power > 0 for thing, power in powers.items() if thing[0] == "validator") < 2:
                return False
        return True

    def decide(self, proposal: Proposal, height: int) -> None:
        voters = self.voters(height)
        approvals = sum(proposal.votes.get(member) == "approve" for member in voters)
        rejections = sum(proposal.votes.get(member) == "reject" for member in voters)
        if 3 * approvals > 2 * len(voters):
            start = max(proposal.start, height + 2)
            found = self.plan(proposal.change, start, height)
            if isinstance(found, str):
                proposal.status = "void"
                return
            proposal.status, self.coming = "approved", found
            if proposal.change["kind"] == "member.admit":
                self.since[proposal.change["member"]] = start
                self.is_["member", proposal.change["member"]] = "active"
        elif 3 * (len(voters) - rejections) <= 2 * len(voters):
            proposal.status = "rejected"


def _target(change: Change) -> tuple[Thing, Any]:
    """What a change changes, and to which value."""
    kind = change["kind"]
    if kind in ("member.suspend", "member.readmit"):
        return ("member", change["member"]), "suspended" if kind == "member.suspend" else "active"
    if kind == "parameter.set":
        return ("parameter", change["name"]), change["value"]
    if kind == "rules.set":
        return ("parameter", "rules_version"), change["version"]
    names = {validator_change(name, 0)["public_key"]["x"]: name for name in OWNERS}
    return ("validator", names[change["public_key"]["x"]]), change["power"]


PARAMETERS = {"late_after_ms": (1, DEFAULT_PARAMETERS["late_after_ms"]),
              "max_block_bytes": (1 << 20, 1 << 21)}  # fmt: skip
POWERS = st.sampled_from([0, 0, 5, 10])
VALIDATORS = st.builds(
    lambda name, power: validator_change(name, power, OWNERS[name]),
    st.sampled_from(sorted(OWNERS)),
    POWERS,
)
CHANGES = st.one_of(
    VALIDATORS,
    VALIDATORS,
    st.builds(
        lambda kind, member: {"kind": kind, "member": member},
        st.sampled_from(["member.suspend", "member.readmit"]),
        st.sampled_from(MEMBERS),
    ),
    st.sampled_from(NEWCOMERS).map(admission),
    st.sampled_from(
        [
            {"kind": "parameter.set", "name": name, "value": value}
            for name, values in PARAMETERS.items()
            for value in values
        ]
    ),
    st.builds(lambda version: {"kind": "rules.set", "version": version}, st.integers(1, 3)),
)


class Engine:
    """Validators as CometBFT keeps them: those that a block names sign the one after the next
    (``updateState``, ``ValidatorSet.updateWithChangeSet``)."""

    def __init__(self, powers: dict[str, int]) -> None:
        self.now = self.next = powers
        self.max_block_bytes = DEFAULT_PARAMETERS["max_block_bytes"]
        self.app_version = 1

    def finalized(self, updates: Any) -> None:
        named = [validator.address.hex() for validator in updates.validators]
        assert len(named) == len(set(named)), "duplicate entry"
        powers = dict(self.next)
        for validator in updates.validators:
            address = validator.address.hex()
            assert len(validator.public_key) == 32
            if validator.power:
                powers[address] = validator.power
            else:
                assert address in self.next, "failed to find validator to remove"
                del powers[address]
        assert powers, "would result in empty set"
        self.now, self.next = self.next, powers
        if updates.max_block_bytes is not None:
            self.max_block_bytes = updates.max_block_bytes
        if updates.rules_version is not None:
            self.app_version = updates.rules_version


class Governance(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = small_world()
        self.model = Model()
        self.engine = Engine({address_of(name): 10 for name in "abc"})

    def end_block(self) -> None:
        """The block ends; another begins."""
        self.engine.finalized(engine_updates(self.world.get, self.world.height))
        self.world.next_block()
        self.model.at(self.world.height)

    @rule(count=st.integers(1, 4))
    def blocks_pass(self, count: int) -> None:
        for _ in range(count):
            self.end_block()
            self.agrees()

    @rule(change=CHANGES, by=st.sampled_from(MEMBERS), after=st.sampled_from([0, 0, 0, 2, 3, 7]),
          unanimous=st.booleans())  # fmt: skip
    def propose(self, change: Change, by: str, after: int, unanimous: bool) -> None:
        world, model = self.world, self.model
        sub = f"consortium:{by}:{len(model.proposals)}"
        data: dict[str, Any] = {"change": change, "closes_at": world.time + OPEN_MS}
        if after:
            data["from"] = world.height + after
        proposal = Proposal(change, data["closes_at"], data.get("from", 0))
        expected = self.refused(by)
        if expected is None:
            own = [
                item
                for name, item in model.proposals.items()
                if name.split(":")[1] == by and self.status(item) == "open"
            ]
            found = model.plan(change, max(proposal.start, world.height + 2), world.height)
            if len(own) >= 10:
                expected = "too_many_open"
            elif isinstance(found, str):
                expected = found
        if expected is not None:
            assert world.refusal("governance.proposed", sub, data, by=by) == expected
            return
        world.record("governance.proposed", sub, data, by=by)
        model.proposals[sub] = proposal
        proposal.votes[by] = "approve"
        model.decide(proposal, world.height)
        if unanimous:
            for member in model.voters(world.height):
                if member != by and proposal.status == "open":
                    self.vote_on(sub, member, "approve")

    @rule(
        data=st.data(),
        by=st.sampled_from(MEMBERS),
        word=st.sampled_from(["approve"] * 3 + ["reject"]),
    )
    def vote(self, data: st.DataObject, by: str, word: str) -> None:
        if self.model.proposals:
            subs = sorted(self.model.proposals)[-8:]
            self.vote_on(data.draw(st.sampled_from(subs)), by, word)

    def vote_on(self, sub: str, by: str, word: str) -> None:
        proposal = self.model.proposals[sub]
        expected = self.refused(by)
        if expected is None and self.status(proposal) != "open":
            expected = "proposal_closed"
        if expected is None and by in proposal.votes:
            expected = "already_voted"
        if expected is not None:
            found = self.world.refusal("governance.voted", sub, {"vote": word}, by=by)
            assert found == expected
            return
        facts = self.world.record("governance.voted", sub, {"vote": word}, by=by).facts
        proposal.votes[by] = word
        self.model.decide(proposal, self.world.height)
        assert facts["status"] == proposal.status

    @rule(data=st.data(), by=st.sampled_from(MEMBERS))
    def withdraw(self, data: st.DataObject, by: str) -> None:
        if not self.model.proposals:
            return
        sub = data.draw(st.sampled_from(sorted(self.model.proposals)[-8:]))
        proposal = self.model.proposals[sub]
        expected = self.refused(by)
        if expected is None and self.status(proposal) != "open":
            expected = "proposal_closed"
        if expected is None and sub.split(":")[1] != by:
            expected = "not_permitted"
        if expected is None:
            self.world.record("governance.withdrawn", sub, by=by)
            proposal.status = "withdrawn"
        else:
            assert self.world.refusal("governance.withdrawn", sub, by=by) == expected

    def refused(self, by: str) -> str | None:
        """Why a member can sign nothing at this height."""
        if by not in self.model.since:
            return "unknown_key"
        if self.world.height < self.model.since[by]:
            return "key_not_in_force"
        return None if self.model.is_["member", by] == "active" else "member_not_active"

    def status(self, proposal: Proposal) -> str:
        closed = proposal.status == "open" and proposal.closes <= self.world.time
        return "closed" if closed else proposal.status

    @invariant()
    def agrees(self) -> None:
        """What is in force in the state is what the model says, and what the engine was told."""
        world, model = self.world, self.model
        for member in model.since:
            held = in_force(world.state["member/" + member], world.height)
            assert held["status"] == model.is_["member", member]
            assert held["since"] == model.since[member]
        for name in ("late_after_ms", "max_block_bytes", "rules_version"):
            assert world.parameter(name) == model.is_["parameter", name]
        powers = {address_of(name): model.is_["validator", name] for name in OWNERS}
        for address, power in powers.items():
            held = world.get("validator/" + address)
            assert (in_force(held, world.height)["power"] if held else 0) == power
        assert self.engine.now == {address: power for address, power in powers.items() if power}
        assert self.engine.max_block_bytes == model.is_["parameter", "max_block_bytes"]
        assert self.engine.app_version == model.is_["parameter", "rules_version"]
        assert model.voters(world.height)

    @invariant()
    def state_is_bounded(self) -> None:
        """Nothing that is over is carried along in what each decision reads."""
        coming = {address_of(n[1]) for n in self.model.coming if n[0] == "validator"}
        held = {address for address, power in self.engine.now.items() if power}
        listed = set(self.world.state["consortium/validators"]["addresses"])
        assert coming | held <= listed
        due = self.world.get("consortium/due") or {"changes": []}
        assert len({(item["kind"], item["name"]) for item in due["changes"]}) == len(due["changes"])

    def teardown(self) -> None:
        """Whatever is to come does come."""
        for _ in range(12):
            self.end_block()
            self.agrees()
        assert not self.model.coming


def address_of(name: str) -> str:
    return validator_named(name).validator.address.hex()


def test_the_small_world_is_the_models() -> None:
    world = small_world()
    assert world.state["consortium/members"]["ids"] == list(FOUNDERS)
    assert world.time == NOW
    assert {member_key(member).kid for member in FOUNDERS} <= {
        key[4:] for key in world.state if key.startswith("key/")
    }
    assert "void" not in {item.name for item in REJECTIONS.values()}


TestGovernance = Governance.TestCase
TestGovernance.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
