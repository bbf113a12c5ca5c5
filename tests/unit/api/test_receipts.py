"""node.api.receipts: what each end of a ticket is answered with."""

from __future__ import annotations

import pytest

from node.api.receipts import answer_at_once, location_of
from node.rules.rejections import REJECTIONS, rejection
from node.submission.admission import Flaw
from node.submission.tickets import Group, Position, Ticket

CHAIN, ID = "seal-test", bytes(range(32))


class Outcome:
    """What became of a frame of one transaction at height 7."""

    def __init__(self, results: bytes) -> None:
        self.results, self.height = results, 7

    def position(self, place: int) -> Position:
        return Position("CZ0034133234711-2", 3, self.height, 1000, 1001, b"\x11" * 32)


def ticket(*, flaw: Flaw | None = None, result: int | None = None, lowered: bool = False) -> Ticket:
    made = Group([b"a.b.c"]).tickets[0]
    made.flaw = flaw
    if flaw is None:
        made.good = (ID, None, b"", ("",) * 12, (), lowered)
    if result is not None:
        made.outcome = Outcome(bytes((result,)))  # type: ignore[assignment]
    return made


def test_a_receipt_says_where_the_record_stands() -> None:
    answer = answer_at_once(CHAIN, ticket(result=0), safe=True)
    assert answer is not None
    assert (answer.status, answer.outcome) == (201, "recorded")
    assert answer.content == {
        "status": "recorded",
        "id": ID.hex(),
        "chain_id": CHAIN,
        "code": "CZ0034133234711-2",
        "index": 3,
        "height": 7,
        "time": 1000,
        "proven_time": 1001,
        "leaf_hash": "11" * 32,
    }
    assert location_of(answer) == f"/v1/transactions/{ID.hex()}"


@pytest.mark.parametrize("result", [0, None])
def test_a_lowered_signature_is_said(result: int | None) -> None:
    answer = answer_at_once(CHAIN, ticket(result=result, lowered=True), safe=True)
    assert answer is not None
    assert answer.content["lowered"] is True
    assert answer.content["notice"]
    assert answer.content["notice_zh"]


def test_on_disk_and_not_committed_is_pending() -> None:
    answer = answer_at_once(CHAIN, ticket(), safe=True)
    assert answer is not None
    assert (answer.status, answer.content["status"]) == (202, "pending")
    assert location_of(answer) == f"/v1/transactions/{ID.hex()}"


@pytest.mark.parametrize("result", [0, None, 23])
def test_nothing_is_promised_of_what_is_not_known_to_be_on_disk(result: int | None) -> None:
    answer = answer_at_once(CHAIN, ticket(result=result), safe=False)
    assert answer is not None
    assert answer.status == 503
    assert answer.content["retry_after"] > 0
    assert location_of(answer) is None


@pytest.mark.parametrize("name", ["duplicate", "already_refused"])
def test_what_the_ledger_has_judged_before_is_looked_up(name: str) -> None:
    assert answer_at_once(CHAIN, ticket(result=rejection(name)), safe=True) is None


def test_known_transactions_are_looked_up() -> None:
    known = ticket()
    known.known = "recorded"
    assert answer_at_once(CHAIN, known, safe=True) is None


@pytest.mark.parametrize(
    "code",
    [
        code
        for code, item in REJECTIONS.items()
        if item.name not in ("duplicate", "already_refused")
    ],
)
def test_every_refusal_has_its_code_name_height_and_texts(code: int) -> None:
    answer = answer_at_once(CHAIN, ticket(result=code), safe=True)
    assert answer is not None
    told, name = answer.content, REJECTIONS[code].name
    assert answer.status == (409 if name == "conflict" else 422)
    assert (told["code"], told["name"], told["height"]) == (code, name, 7)
    assert told["id"] == ID.hex()
    assert REJECTIONS[code].text in told["detail"]
    assert REJECTIONS[code].text_zh in told["detail_zh"]


@pytest.mark.parametrize(
    ("flaw", "status", "problem"),
    [
        (("InvalidTransaction", "payload.iat", "is missing", ""), 400, "malformed"),
        (("InvalidEncoding", "header", "not base64url", ""), 400, "malformed"),
        (("InvalidSignature", "signature", "does not hold", ""), 400, "invalid-signature"),
        (("WorkerFailed", "submission", "could not be examined", ""), 500, "internal"),
    ],
)
def test_flaws(flaw: Flaw, status: int, problem: str) -> None:
    answer = answer_at_once(CHAIN, ticket(flaw=flaw), safe=False)
    assert answer is not None
    assert answer.status == status
    assert answer.content["type"].endswith(f":{problem}")
    if status == 400:
        assert (answer.content["place"], answer.content["rule"]) == (flaw[1], flaw[2])


def test_a_field_that_the_rules_refuse_is_told_with_its_place_and_without_a_height() -> None:
    flaw = ("FieldError", "payload.data.owner_name", "is private", "private_in_clear")
    answer = answer_at_once(CHAIN, ticket(flaw=flaw), safe=False)
    assert answer is not None
    assert answer.status == 422
    assert answer.content["name"] == "private_in_clear"
    assert answer.content["place"] == "payload.data.owner_name"
    assert "height" not in answer.content
    assert "not put on the chain" in answer.content["detail"]
