from __future__ import annotations

import json
import multiprocessing
import threading
from collections.abc import Callable, Iterable

import pytest
from builders.home import Home, make_home
from builders.running import record_of, running, signed_records, submit
from builders.signing import signed_jwt

from node.client.keys import SigningKey
from node.core.disclosure import encode_disclosure
from node.core.encoding import canonical_json, decode_base64url, decode_json, encode_base64url
from node.core.errors import LedgerFault
from node.core.transaction import decode_transaction
from node.rules.rejections import ACCEPTED, rejection
from node.storage.errors import StoreCorrupt
from node.submission.errors import SubmissionFull, SubmissionStopped
from node.submission.tickets import Group
from node.vault.errors import VaultDamaged
from node.wiring import Node, system_time


def test_a_record_gets_its_place(node: Node, home: Home) -> None:
    record = record_of(home)
    ticket = submit(node, [record.encode()]).tickets[0]
    position = ticket.position
    assert position is not None
    assert ticket.id is not None
    assert ticket.id.hex() == record.id
    with node.reader() as reader:
        entry = reader.entry(position.index)
        assert entry.transaction.id == ticket.id
        assert (entry.entry.code, entry.entry.height) == (position.code, position.height)
        assert (entry.entry.time, entry.entry.leaf_hash()) == (position.time, position.leaf)
        after = reader.need_kept(position.height + 1)[0]
        assert after.time.milliseconds == position.proven_time > position.time


def test_the_order_of_submission_is_the_order_of_the_log(node: Node, home: Home) -> None:
    """Though several workers examine them, and some fail."""
    groups = []
    for number in range(12):
        records = signed_records(home, 97)
        records[number] = b"flawed"
        groups.append(node.submission.submit(records))
    indexes = []
    for group in groups:
        assert node.submission.wait(group, 30)
        flaws = [ticket for ticket in group.tickets if ticket.flaw is not None]
        assert len(flaws) == 1
        indexes += [t.position.index for t in group.tickets if t.position is not None]
    assert len(indexes) == 12 * 96
    assert indexes == sorted(indexes)


def test_what_is_signed_twice_in_one_batch_is_recorded_once(node: Node, home: Home) -> None:
    """The second signature makes another transaction of the same (iss, jti)."""
    record = record_of(home).jwt
    signed = record[: record.rindex(b".")]
    signature = home.member_key("platform-a").sign(signed)
    again = signed + b"." + encode_base64url(signature).encode()
    told = [ticket.rejection for ticket in submit(node, [record, again]).tickets]
    assert told == [ACCEPTED, rejection("conflict")]


def test_a_key_that_is_registered_counts_for_what_is_submitted_after(own_home: Home) -> None:
    """Workers take what it signs; that the state does not have it is the rules' affair."""
    key = SigningKey.generate()
    payload = decode_json(
        decode_base64url(record_of(own_home).jwt.split(b".")[1], place="payload"),
        place="payload",
        max_bytes=20_000,
    )
    raw = signed_jwt(key, canonical_json(payload))  # type: ignore[arg-type]
    node = running(own_home)
    try:
        flaw = submit(node, [raw]).tickets[0].flaw
        assert flaw is not None
        assert flaw[1] == "header.kid"
        node.application.keys_registered({key.kid: key.jwk})
        for _ in range(4):
            assert submit(node, [raw]).tickets[0].rejection == rejection("unknown_key")
    finally:
        node.stop()


def test_the_same_bytes_again_have_the_same_place_for_ever(node: Node, home: Home) -> None:
    raw = record_of(home, private={"summary": "补录"}).encode()
    first = submit(node, [raw]).tickets[0]
    height = node.application.need_meta().height
    again = submit(node, [raw, raw])
    assert [ticket.known for ticket in again.tickets] == ["recorded", "recorded"]
    assert [ticket.outcome for ticket in again.tickets] == [None, None]
    assert node.application.need_meta().height == height, "repeating must not make blocks"
    assert first.position is not None


def test_the_same_bytes_at_the_same_time_share_their_fate(node: Node, home: Home) -> None:
    raw = record_of(home).encode()
    group = submit(node, [raw] * 5)
    told = {ticket.position or ticket.known for ticket in group.tickets}
    assert len(told - {"recorded"}) == 1
    with node.reader() as reader:
        identifier = group.tickets[0].id
        assert identifier is not None
        assert reader.judged(identifier) is not None


def test_a_follower_brings_the_disclosures_that_the_first_left_out(node: Node, home: Home) -> None:
    record = record_of(home, private={"summary": "补录"})
    submit(node, [record.jwt, record.encode()])
    assert [item.digest for item in node.vault.reveal(record.transaction.sub)] == [
        item.digest for item in record.disclosures
    ]


def test_known_records_still_bring_their_disclosures(node: Node, home: Home) -> None:
    record = record_of(home, private={"summary": "补录"})
    submit(node, [record.jwt])
    assert not node.vault.has(record.transaction.sub)
    submit(node, [record.encode()])
    assert node.vault.has(record.transaction.sub)


def two_of_one_name(home: Home) -> tuple[bytes, list[str]]:
    """A transaction that names two values of one field, and their disclosures."""
    record = record_of(home, private={"summary": "补录"})
    other = encode_disclosure("0123456789abcdef012345", "summary", "另一个")
    payload = json.loads(decode_base64url(record.jwt.split(b".")[1], place="payload"))
    payload["_sd"] = sorted([*payload["_sd"], other.digest])
    jwt = signed_jwt(home.keys[record.transaction.iss], canonical_json(payload))
    return jwt, [record.disclosures[0].encoded, other.encoded]


def shown(jwt: bytes, *disclosures: str) -> bytes:
    return jwt + b"~" + b"".join(text.encode() + b"~" for text in disclosures)


def test_a_field_is_disclosed_once_however_often_a_record_comes(node: Node, home: Home) -> None:
    """Otherwise its member could make every bundle of the dossier refused, years later."""
    jwt, (first, second) = two_of_one_name(home)
    assert submit(node, [shown(jwt, first, second)]).tickets[0].flaw is not None
    assert submit(node, [shown(jwt, first)]).tickets[0].rejection == ACCEPTED
    again = submit(node, [shown(jwt, first), shown(jwt, second)]).tickets
    assert again[0].flaw is None
    assert again[1].flaw is not None
    assert again[1].flaw[1:3] == (
        "disclosures[0]",
        "a second disclosure of 'summary': another value is kept",
    )
    subject = decode_transaction(jwt).sub
    assert [item.encoded for item in node.vault.reveal(subject)] == [first]


def test_a_row_that_does_not_open_fails_its_record_and_not_the_node(
    node: Node, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = record_of(home, private={"summary": "补录"})
    submit(node, [record.encode()])

    def damaged(dossier: str, transaction_id: bytes) -> dict[str, str]:
        raise VaultDamaged("v/d/…", "does not open")

    monkeypatch.setattr(node.vault, "names_held", damaged)
    flaw = submit(node, [record.encode()]).tickets[0].flaw
    assert flaw is not None
    assert flaw[1:3] == (
        "disclosures",
        "the node cannot read what it keeps of this record; tell its operator",
    )
    monkeypatch.undo()
    assert submit(node, [record.encode()]).tickets[0].flaw is None
    assert submit(node, [record_of(home).encode()]).tickets[0].rejection == ACCEPTED


def test_followers_that_contradict_each_other_disclose_a_field_once(node: Node, home: Home) -> None:
    jwt, (first, second) = two_of_one_name(home)
    tickets = submit(node, [jwt, shown(jwt, first), shown(jwt, second)]).tickets
    assert [ticket.flaw is None for ticket in tickets] == [True, True, False]
    subject = decode_transaction(jwt).sub
    assert [item.encoded for item in node.vault.reveal(subject)] == [first]


def test_the_same_event_id_with_other_bytes_is_a_conflict(node: Node, home: Home) -> None:
    first = record_of(home, event_id="event-7")
    second = record_of(home, event_id="event-7", private={"summary": "补录"})
    assert submit(node, [first.encode()]).tickets[0].rejection == ACCEPTED
    assert submit(node, [second.encode()]).tickets[0].rejection == rejection("conflict")
    assert submit(node, [first.encode()]).tickets[0].known == "recorded"
    assert not node.vault.has(second.transaction.sub), "what was refused is not kept"


def test_a_refused_record_is_not_kept_and_stays_refused(node: Node, home: Home) -> None:
    record = record_of(home, subject="record:platform-b:1", private={"summary": "补录"})
    first = submit(node, [record.encode()]).tickets[0]
    assert first.rejection == rejection("not_opener")
    submit(node, [record_of(home).encode()])
    assert not node.vault.has(record.transaction.sub)
    again = submit(node, [record.encode()]).tickets[0]
    assert again.known == "refused"
    assert not node.vault.has(record.transaction.sub)


def test_a_refused_record_does_not_use_up_its_event_id(node: Node, home: Home) -> None:
    refused = record_of(home, subject="record:platform-b:2", event_id="event-9")
    assert submit(node, [refused.encode()]).tickets[0].rejection == rejection("not_opener")
    mended = record_of(home, event_id="event-9")
    assert submit(node, [mended.encode()]).tickets[0].rejection == ACCEPTED


def test_an_expired_record_is_refused(node: Node, home: Home) -> None:
    record = record_of(home, issued_at=system_time() - 7_200_000)
    assert submit(node, [record.encode()]).tickets[0].rejection == rejection("expired")


def test_groups_are_delivered_when_safe_and_when_done(own_home: Home) -> None:
    told: list[tuple[int, int]] = []
    done = threading.Event()

    def deliver(groups: Iterable[Group]) -> None:
        for group in groups:
            if group.context == "mine":
                told.append((group.unsafe, group.unfinished))
                if not group.unfinished:
                    done.set()

    node = running(own_home, deliver)
    try:
        node.submission.submit([*signed_records(own_home, 5), b"flawed"], "mine")
        assert done.wait(30)
        assert told[-1] == (0, 0)
        assert all(unsafe == 0 for unsafe, _ in told)
    finally:
        node.stop()


def test_more_than_the_limit_is_turned_away_whole(own_home: Home, tmp_path: object) -> None:
    limited = make_home(
        own_home.path.parent / "limited",
        genesis_time=system_time() - 1000,
        settings={
            "storage": {"min_free_megabytes": 0},
            "submission": {"max_items": 50, "workers": 1},
        },
    )
    node = running(limited)
    try:
        records = signed_records(limited, 200)
        taken: list[Group] = []
        refused = 0
        for at in range(0, 200, 10):
            try:
                taken.append(node.submission.submit(records[at : at + 10]))
            except SubmissionFull:
                refused += 1
        assert refused
        for group in taken:
            assert node.submission.wait(group, 30)
            assert all(ticket.position is not None for ticket in group.tickets)
        assert node.submission.pending == 0
        assert submit(node, records[:3])
    finally:
        node.stop()


def test_what_was_journaled_is_submitted_again(own_home: Home) -> None:
    """The node stops with submissions on their way: what it journaled comes after its start."""
    node = running(own_home)
    node.engine.submit = lambda frame, token=None: None  # type: ignore[method-assign]
    records = signed_records(own_home, 30)
    group = node.submission.submit(records)
    with node.submission._changed:
        assert node.submission._changed.wait_for(lambda: not group.unsafe, 30)
    assert group.unfinished == 30
    assert node.submission.find_pending(group.tickets[0].id or b"") is group.tickets[0]
    node.stop()
    node = running(own_home)
    try:
        with node.submission._changed:
            assert node.submission._changed.wait_for(lambda: not node.submission.pending, 30)
        with node.reader() as reader:
            for ticket in group.tickets:
                judged = reader.judged(ticket.id or b"")
                assert judged is not None
                assert judged.rejection == ACCEPTED
                assert node.vault.has(ticket.subject)
    finally:
        node.stop()


def test_a_crash_before_the_withdrawal_leaves_no_disclosure_of_a_refused_record(
    own_home: Home,
) -> None:
    """The frame stays in the journal until what its refused record disclosed is gone."""
    node = running(own_home)
    node.submission._keeping.withdraw = lambda *_: None  # type: ignore[method-assign]
    record = record_of(own_home, subject="record:platform-b:1", private={"summary": "补录"})
    assert submit(node, [record.encode()]).tickets[0].rejection == rejection("not_opener")
    submit(node, signed_records(own_home, 2))  # whose journal entry removes the intent
    assert node.vault.has(record.transaction.sub)
    node.stop()
    node = running(own_home)
    try:
        with node.submission._changed:
            assert node.submission._changed.wait_for(lambda: not node.submission.pending, 30)
        submit(node, signed_records(own_home, 2))  # behind the withdrawal in the same queue
        assert not node.vault.has(record.transaction.sub)
    finally:
        node.stop()
    node = running(own_home)
    assert node.submission._keeping.journal.unsettled == 0
    node.stop()


def test_a_damaged_journal_is_kept_when_the_node_does_not_start(own_home: Home) -> None:
    node = running(own_home)
    node.engine.submit = lambda frame, token=None: None  # type: ignore[method-assign]
    group = node.submission.submit(signed_records(own_home, 30))
    with node.submission._changed:
        assert node.submission._changed.wait_for(lambda: not group.unsafe, 30)
    node.stop()
    [segment] = (own_home.path / "journal").glob("*.seg")
    content = bytearray(segment.read_bytes())
    content[60] ^= 1
    segment.write_bytes(content)
    node = Node(own_home.config)
    with pytest.raises(StoreCorrupt):
        node.start()
    node.stop()
    assert segment.read_bytes() == content


def test_a_stopped_node_says_so(own_home: Home) -> None:
    node = running(own_home)
    node.stop()
    with pytest.raises(SubmissionStopped, match="stopping"):
        node.submission.submit(signed_records(own_home, 1))


def test_nothing_is_taken_before_the_engine_has_started(
    own_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would examine it: an engine that replays many blocks takes its time."""
    node = Node(own_home.config)
    start = node.engine.start

    def slow_start(pump: Callable[[float], int], wake: Callable[[], None]) -> None:
        with pytest.raises(SubmissionStopped, match="starting"):
            node.submission.submit(signed_records(own_home, 1))
        start(pump, wake)

    monkeypatch.setattr(node.engine, "start", slow_start)
    node.start()
    submit(node, signed_records(own_home, 1))
    node.stop()


def test_a_start_that_fails_leaves_no_workers(
    own_home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(pump: Callable[[float], int], wake: Callable[[], None]) -> None:
        raise LedgerFault("the engine does not start")

    before = set(multiprocessing.active_children())
    node = Node(own_home.config)
    monkeypatch.setattr(node.engine, "start", fail)
    with pytest.raises(LedgerFault):
        node.start()
    assert set(multiprocessing.active_children()) - before
    node.abandon()
    assert not set(multiprocessing.active_children()) - before
    with pytest.raises(SubmissionStopped, match="did not start"):
        node.submission.submit(signed_records(own_home, 1))
    node.stores.close()
