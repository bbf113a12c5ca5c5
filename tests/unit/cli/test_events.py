from __future__ import annotations

from typing import Any

import pytest

from node.cli.events import Signer, read_object_argument, read_time
from node.client.keys import SigningKey
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.transaction import verify_transaction

NOW = 1_790_000_000_000
KEY = SigningKey.generate()
SIGNER = Signer(KEY, "platform-a", "seal-test", {"system": "归档系统", "method": "manual"})
DATA = {
    "aliases": ["CZ0034133234712-2"],
    "document_hashes": ["ab" * 32],
    "happened_at": NOW - 1000,
    "record_hash": "cd" * 32,
    "source_system": "旧平台",
}
EVENT = {"data": DATA, "subject": "record:platform-a:0001", "type": "record.imported"}


def test_signed_event_is_a_transaction_of_the_chain() -> None:
    submission = SIGNER.sign({**EVENT, "private": {"summary": "归档合同"}}, "event", NOW)
    transaction = submission.transaction
    verify_transaction(transaction, KEY.jwk, load_backend())
    assert (transaction.cid, transaction.iss) == ("seal-test", "platform-a")
    assert (transaction.type, transaction.sub) == ("record.imported", "record:platform-a:0001")
    assert transaction.data == DATA
    assert transaction.occurred_at == NOW
    assert transaction.exp - transaction.iat == 3600
    assert transaction.source == {"system": "归档系统", "method": "manual"}
    assert [item.name for item in submission.disclosures] == ["summary"]
    assert "归档合同".encode() not in submission.jwt


def test_every_event_gets_an_id_of_its_own() -> None:
    one, other = (SIGNER.sign(EVENT, "event", NOW).transaction.jti for _ in range(2))
    assert one != other
    assert SIGNER.sign({**EVENT, "event_id": "mine:1"}, "event", NOW).transaction.jti == "mine:1"


def test_times_lifetime_and_source_of_the_event_are_taken() -> None:
    event = {
        **EVENT,
        "collected_at": NOW + 500,
        "lifetime": 60,
        "occurred_at": "2026-09-21T22:13:20+08:00",
        "source": {"system": "x", "method": "api"},
    }
    transaction = SIGNER.sign(event, "event", NOW).transaction
    assert transaction.occurred_at == NOW
    assert transaction.collected_at == NOW + 500
    assert transaction.exp - transaction.iat == 60
    assert transaction.source["method"] == "api"


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"colour": 1}, "line 3.colour"),
        ({"data": None}, "line 3.data"),
        ({"type": "seal.painted"}, "payload.type"),
        ({"subject": "record:platform-a"}, "payload.sub"),
        ({"data": {**DATA, "record_hash": "no"}}, "payload.data.record_hash"),
        ({"data": {**DATA, "summary": "clear"}}, "payload.data.summary"),
        ({"private": {"name": "南"}}, "private.name"),
        ({"private": {"summary": 7}}, "disclosure summary"),
        ({"occurred_at": "yesterday"}, "line 3.occurred_at"),
        ({"lifetime": 0}, "line 3.lifetime"),
        ({"lifetime": 90_000}, "payload.exp"),
        ({"source": {"system": "x"}}, "payload.source"),
        ({"event_id": "a b"}, "payload.jti"),
    ],
)
def test_what_a_node_would_refuse_is_not_signed(changes: dict[str, Any], place: str) -> None:
    event = {name: value for name, value in {**EVENT, **changes}.items() if value is not None}
    with pytest.raises(InvalidInput) as caught:
        SIGNER.sign(event, "line 3", NOW)
    assert caught.value.place == place


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (NOW, NOW),
        (str(NOW), NOW),
        ("2026-09-21T14:13:20Z", NOW),
        ("2026-09-21T22:13:20+08:00", NOW),
        ("2026-09-21T08:43:20.123456-05:30", NOW + 123),
        ("1970-01-01T00:00:00Z", 0),
    ],
)
def test_times_are_ms_or_rfc_3339(value: int | str, ms: int) -> None:
    assert read_time(value, "at") == ms


@pytest.mark.parametrize(
    "value",
    ["", "2026-09-21", "2026-09-21T21:33:20", "2026-02-30T00:00:00Z", "12.5", "-1", 1.5, [], True],
)
def test_other_times_are_refused_with_their_place(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_time(value, "at")
    assert caught.value.place == "at"


def test_object_is_text_or_a_file(tmp_path: Any) -> None:
    path = tmp_path / "data.json"
    path.write_text('{"a": "签"}', "utf-8")
    assert read_object_argument('{"a": "签"}', "--data") == {"a": "签"}
    assert read_object_argument(f"@{path}", "--data") == {"a": "签"}
    path.write_text("[]")
    with pytest.raises(InvalidInput) as caught:
        read_object_argument(f"@{path}", "--data")
    assert caught.value.place == str(path)
    with pytest.raises(InvalidInput) as caught:
        read_object_argument('{"a": 1.5}', "--data")
    assert caught.value.place == "--data"
