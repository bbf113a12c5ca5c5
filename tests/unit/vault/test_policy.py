from __future__ import annotations

import itertools
import re
from typing import Any

import pytest

from node.core.genesis import ROLES
from node.vault.policy import Decision, Purpose, Viewer, decide

CASE = {"kind": "case", "opener": "platform-a", "participants": ["bank-d", "maker-b"]}
SEAL = {"kind": "seal", "opener": "maker-b", "division": "370102"}
RECORD = {"kind": "record", "opener": "platform-a"}
CONSORTIUM = {"kind": "consortium", "opener": "operator-o"}
ANCHOR = {"kind": "anchor", "opener": "operator-o"}
STATES = {state["kind"]: state for state in (CASE, SEAL, RECORD, CONSORTIUM, ANCHOR)}

NOTHING = Purpose()
WHY = Purpose("审理案件")
CASE_NO = Purpose(case_no="(2024)津01民初1号")
BOTH = Purpose("审理案件", "(2024)津01民初1号")
PURPOSES = {"nothing": NOTHING, "why": WHY, "case_no": CASE_NO, "both": BOTH}

# What a member that has no part in the dossier is told, for each of its roles and each purpose.
OFFICES = {
    ("court", "nothing"): "purpose_missing",
    ("court", "why"): "case_no_missing",
    ("court", "case_no"): "purpose_missing",
    ("court", "both"): "court",
    ("notary", "nothing"): "purpose_missing",
    ("notary", "why"): "notary",
    ("notary", "case_no"): "purpose_missing",
    ("notary", "both"): "notary",
    ("auditor", "nothing"): "purpose_missing",
    ("auditor", "why"): "auditor",
    ("auditor", "case_no"): "purpose_missing",
    ("auditor", "both"): "auditor",
}
GRANTS = {"opener", "participant", "court", "notary", "auditor", "police", "status_authority"}


def reason(member: str, roles: Any, state: Any, purpose: Purpose, divisions: Any = ()) -> str:
    decision = decide(Viewer(member, frozenset(roles), tuple(divisions)), state, purpose)
    assert decision.granted == (decision.reason in GRANTS)
    return decision.reason


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", STATES)
def test_every_role_for_every_kind_of_dossier(kind: str, role: str, purpose: str) -> None:
    expected = OFFICES.get((role, purpose), "not_concerned")
    if kind == "seal" and role in ("police", "status_authority"):
        expected = role
    found = reason("stranger", {role}, STATES[kind], PURPOSES[purpose], ["3701"])
    assert found == expected


@pytest.mark.parametrize("kind", STATES)
@pytest.mark.parametrize("roles", [(), ("platform",), ("court",), ("police",)])
def test_the_opener_sees_its_dossier_without_a_purpose(kind: str, roles: Any) -> None:
    assert reason(STATES[kind]["opener"], roles, STATES[kind], NOTHING) == "opener"


@pytest.mark.parametrize("member", CASE["participants"])
def test_a_participant_sees_its_case(member: str) -> None:
    assert reason(member, (), CASE, NOTHING) == "participant"
    assert reason(member, (), {**CASE, "participants": tuple(CASE["participants"])}, NOTHING) == (
        "participant"
    )


@pytest.mark.parametrize("kind", [kind for kind in STATES if kind != "case"])
def test_participants_count_in_cases_only(kind: str) -> None:
    state = {**STATES[kind], "participants": ["bank-d"]}
    assert reason("bank-d", (), state, BOTH) == "not_concerned"


@pytest.mark.parametrize(
    ("divisions", "seal", "granted"),
    [
        (["370102"], "370102", True),
        (["3701"], "370102", True),
        (["37"], "370102", True),
        ([""], "370102", True),
        (["12", "3701"], "370102", True),
        ([], "370102", False),
        (["3702"], "370102", False),
        (["370103"], "370102", False),
        (["12"], "370102", False),
        (["0102"], "370102", False),
        (["37010"], "370102", False),
        (["3701020"], "370102", False),
        (["37*"], "370102", False),
        (["３７"], "370102", False),
        (["37\n"], "370102", False),
        (["3701"], "3701", False),
        ([""], "", False),
        (["37"], None, False),
        (["37"], 370102, False),
        (["37"], "370102\n", False),
    ],
)
@pytest.mark.parametrize("role", ["police", "status_authority"])
def test_divisions(role: str, divisions: list[str], seal: Any, granted: bool) -> None:
    found = reason("stranger", {role}, {**SEAL, "division": seal}, NOTHING, divisions)
    assert found == (role if granted else "other_division")


def test_a_seal_without_a_division_is_nobodys() -> None:
    assert reason("stranger", {"police"}, {"kind": "seal", "opener": "x"}, BOTH, [""]) == (
        "other_division"
    )


def test_divisions_of_other_roles_open_nothing() -> None:
    others = set(ROLES) - {"police", "status_authority", "court", "notary", "auditor"}
    assert reason("stranger", others, SEAL, BOTH, ["37", ""]) == "not_concerned"


@pytest.mark.parametrize("text", ["", " ", "　", "\t\n", "---", "…", "\u200b", "。"])
def test_a_purpose_has_to_say_something(text: str) -> None:
    assert reason("stranger", {"notary"}, CASE, Purpose(text)) == "purpose_missing"
    assert reason("stranger", {"court"}, CASE, Purpose("审理", text)) == "case_no_missing"
    assert reason("stranger", {"court"}, CASE, Purpose(text, "1号")) == "purpose_missing"


@pytest.mark.parametrize(
    ("roles", "state", "purpose", "expected"),
    [
        ({"court", "notary"}, CASE, WHY, "notary"),
        ({"court", "notary"}, CASE, BOTH, "court"),
        ({"court", "notary"}, CASE, NOTHING, "purpose_missing"),
        ({"court", "police"}, SEAL, WHY, "police"),
        ({"court", "police"}, {**SEAL, "division": "120101"}, WHY, "case_no_missing"),
        ({"notary", "police"}, {**SEAL, "division": "120101"}, NOTHING, "purpose_missing"),
        ({"platform", "police"}, {**SEAL, "division": "120101"}, BOTH, "other_division"),
    ],
)
def test_of_several_roles_the_one_that_grants_decides(
    roles: Any, state: Any, purpose: Purpose, expected: str
) -> None:
    assert reason("stranger", roles, state, purpose, ["37"]) == expected


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"kind": "case"},
        {"kind": "case", "opener": None, "participants": None},
        {"kind": "case", "opener": "x", "participants": "bank-d,stranger"},
        {"kind": "case", "opener": "x", "participants": {"stranger": 1}},
        {"kind": "unheard-of", "opener": "x", "participants": ["stranger"], "division": "370102"},
    ],
)
def test_a_state_that_names_nobody_opens_to_nobody(state: Any) -> None:
    assert reason("stranger", {"police", "platform"}, state, BOTH, [""]) == "not_concerned"


@pytest.mark.parametrize(
    "state",
    [{"kind": "record", "opener": ""}, {"kind": "case", "opener": "x", "participants": [""]}],
)
def test_a_viewer_without_a_name_is_no_party(state: Any) -> None:
    assert reason("", (), state, BOTH) == "not_concerned"


def test_names_have_to_be_equal_not_alike() -> None:
    for member in ("platform", "platform-aa", "Platform-a", "platform-a ", "bank"):
        assert reason(member, (), CASE, BOTH) == "not_concerned"


def test_every_decision_is_put_in_chinese_and_in_english() -> None:
    seen: dict[str, Decision] = {}
    for role, state, purpose, divisions, member in itertools.product(
        (*ROLES, "none"), STATES.values(), PURPOSES.values(), ([], ["37"]),
        ("stranger", "platform-a", "bank-d"),
    ):  # fmt: skip
        decision = decide(Viewer(member, frozenset((role,)), tuple(divisions)), state, purpose)
        seen[decision.reason] = decision
    assert set(seen) == GRANTS | {
        "purpose_missing", "case_no_missing", "other_division", "not_concerned"
    }  # fmt: skip
    for decision in seen.values():
        assert re.search("[一-鿿]", decision.zh)
        assert decision.zh.startswith("拒绝") != decision.granted
        assert decision.en.isascii()
        assert decision.en.startswith("refused") != decision.granted
    assert len({decision.zh for decision in seen.values()}) == len(seen)
