"""What a block makes of repeated, conflicting and refused transactions, and its entries."""

from __future__ import annotations

import pytest
from builders.consortium import consortium_genesis, member_key
from builders.events import case_sub, data_of, digest
from builders.ledger import LedgerBench, names_of, rows_of
from builders.signing import signed_jwt
from builders.world import SEAL

from node.core.encoding import canonical_json
from node.core.entry import decode_entry
from node.core.merkle import leaf_hash
from node.core.transaction import transaction_id
from node.ledger.application import Application, OpenedFrame
from node.ledger.rows import EXPIRY, ISSUED, TRANSACTION
from node.rules.rejections import rejection

CASE = case_sub()


def refused_in_state(bench: LedgerBench, jwt: bytes) -> dict[str, int] | None:
    with bench.reader() as reader:
        return reader.state(f"refused/{transaction_id(jwt).hex()}")


def judged(bench: LedgerBench, jwt: bytes) -> tuple[int | None, int, int]:
    with bench.reader() as reader:
        found = reader.judged(transaction_id(jwt))
    assert found is not None
    return found.index, found.height, found.rejection


# -- the same again, and another in its place -----------------------------------------------------


def test_a_duplicate_in_the_frame_the_block_and_later(bench: LedgerBench) -> None:
    jwt = bench.jwt("signing.initiated", CASE)
    assert bench.block([jwt], [jwt], [jwt]) == ["accepted", "duplicate", "duplicate"]
    assert bench.block([jwt]) == ["duplicate"]
    assert bench.application.need_meta().size == 2
    assert judged(bench, jwt) == (1, 1, 0)
    bench.application = Application(bench.store, bench.bodies)
    assert bench.block([jwt]) == ["duplicate"]
    assert judged(bench, jwt) == (1, 1, 0)


def test_a_conflict_in_the_frame_the_block_and_later(bench: LedgerBench) -> None:
    first = bench.jwt("signing.initiated", CASE, jti="same")
    others = [bench.jwt("signing.initiated", case_sub(n), jti="same") for n in (2, 3, 4)]
    assert bench.block([first, others[0]], [others[1]]) == ["accepted", "conflict", "conflict"]
    assert bench.block([others[2], first]) == ["conflict", "duplicate"]
    assert judged(bench, others[2])[2] == rejection("conflict")
    assert refused_in_state(bench, others[2]) is None


def test_another_issuer_may_use_the_same_jti(bench: LedgerBench) -> None:
    one = bench.jwt("signing.initiated", CASE, jti="same")
    other = bench.jwt("signing.initiated", case_sub(1, "platform-b"), by="platform-b", jti="same")
    assert bench.block([one, other]) == ["accepted", "accepted"]


def test_issuer_and_jti_are_not_run_together(bench: LedgerBench) -> None:
    """``platform-a`` with ``1`` is not ``platform`` with ``-a1``."""
    one = bench.jwt("signing.initiated", CASE, jti="1-x")
    other = bench.jwt("signing.initiated", case_sub(2), jti="-x")
    assert bench.block([one, other]) == ["accepted", "accepted"]


@pytest.mark.parametrize("ahead", [1, 3, 40])
def test_duplicates_and_conflicts_are_found_in_blocks_not_written_yet(
    bench: LedgerBench, ahead: int
) -> None:
    jwts = [bench.jwt("signing.initiated", case_sub(n), jti=f"j{n}") for n in range(ahead)]
    other = [bench.jwt("signing.initiated", case_sub(100 + n), jti=f"j{n}") for n in range(ahead)]
    for jwt in jwts:
        assert names_of(bench.finalize(bench.open([jwt]))) == ["accepted"]
    block = bench.finalize(bench.open(jwts, other))
    assert names_of(block) == ["duplicate"] * ahead + ["conflict"] * ahead
    # One after the other is written and let go of; what is not written must still be found.
    for _ in range(len(bench.waiting)):
        blocks, kept = bench.waiting.pop(0)
        bench.application.persist(blocks, kept)
        bench.application.release(blocks)
        frames = bench.open(jwts, other)
        again = bench.application.finalize(bench.height, bench.time(), frames)
        assert names_of(again) == ["duplicate"] * ahead + ["conflict"] * ahead
        bench.waiting.append(([again], []))


def test_what_was_absent_up_to_a_height_is_still_looked_for_above_it(bench: LedgerBench) -> None:
    jwts = [bench.jwt("signing.initiated", case_sub(n)) for n in range(3)]
    frames = [OpenedFrame(o.frame, o.taken, 0) for o in bench.open(jwts)]
    assert names_of(bench.finalize(frames)) == ["accepted"] * 3
    bench.persist()
    assert names_of(bench.finalize(frames)) == ["duplicate"] * 3
    bench.persist()
    for number in range(30):  # until the writer has forgotten these blocks
        bench.record("signing.initiated", case_sub(100 + number))
    assert names_of(bench.finalize(frames)) == ["duplicate"] * 3
    bench.persist()


def test_a_conflict_is_told_before_anything_else_is_looked_at(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE, jti="same")
    flawed = bench.jwt("signing.forgotten", CASE, {}, jti="same", exp=bench.time() // 1000 + 1)
    assert bench.block([flawed], time=bench.time() + 10_000) == ["conflict"]


# -- refused, remembered, forgotten ---------------------------------------------------------------


def test_a_refused_transaction_is_not_played_again(bench: LedgerBench) -> None:
    """Refused for want of a dossier; when the dossier is there, the old transaction stays refused,
    and the same said again is recorded: a refusal does not use up its jti."""
    jwt = bench.jwt("signing.identity_verified", CASE, jti="one")
    assert bench.block([jwt]) == ["dossier_unknown"]
    assert judged(bench, jwt) == (None, 1, rejection("dossier_unknown"))
    bench.record("signing.initiated", CASE)
    assert bench.block([jwt]) == ["already_refused"]
    assert judged(bench, jwt) == (None, 1, rejection("dossier_unknown"))
    again = bench.jwt("signing.identity_verified", CASE, jti="one")
    assert again != jwt
    assert bench.block([again]) == ["accepted"]
    assert bench.block([jwt]) == ["conflict"]


def test_a_refusal_is_remembered_within_its_block(bench: LedgerBench) -> None:
    jwt = bench.jwt("signing.identity_verified", CASE)
    opening = bench.jwt("signing.initiated", CASE)
    assert bench.block([jwt, opening], [jwt]) == [
        "dossier_unknown",
        "accepted",
        "already_refused",
    ]


@pytest.mark.parametrize("written", [True, False])
def test_a_refusal_is_remembered_until_exp_and_then_forgotten(
    bench: LedgerBench, written: bool
) -> None:
    exp = bench.time() // 1000 + 600
    jwt = bench.jwt("signing.identity_verified", CASE, exp=exp)
    opening = bench.jwt("signing.initiated", CASE)

    def block(*jwts: bytes, time: int) -> list[str]:
        made = names_of(bench.finalize(bench.open(list(jwts)), time=time))
        if written:
            bench.persist()
        return made

    assert block(jwt, opening, time=exp * 1000 - 9000) == ["dossier_unknown", "accepted"]
    assert block(jwt, time=exp * 1000 - 1) == ["already_refused"]
    if written:
        assert refused_in_state(bench, jwt) == {
            "code": rejection("dossier_unknown"),
            "exp": exp,
            "height": 1,
        }
        assert bench.application.is_refused(transaction_id(jwt))
    assert block(jwt, time=exp * 1000) == ["expired"]
    bench.persist()
    assert refused_in_state(bench, jwt) is None
    assert not bench.application.is_refused(transaction_id(jwt))
    assert not list(bench.store.scan(EXPIRY, EXPIRY + b"\xff" * 39))


def test_a_block_without_transactions_forgets_nothing(bench: LedgerBench) -> None:
    exp = bench.time() // 1000 + 60
    jwt = bench.jwt("signing.identity_verified", CASE, exp=exp)
    bench.block([jwt])
    before = bench.app_hash
    bench.block(time=exp * 1000 + 1)
    assert bench.app_hash == before
    assert refused_in_state(bench, jwt) is not None
    bench.block([bench.jwt("signing.initiated", CASE)], time=exp * 1000 + 10)
    assert refused_in_state(bench, jwt) is None


def test_refusals_are_remembered_by_a_ledger_that_was_opened_again(bench: LedgerBench) -> None:
    exp = bench.time() // 1000 + 600
    jwts = [bench.jwt("signing.voided", case_sub(n), exp=exp + n) for n in range(5)]
    assert bench.block(jwts) == ["dossier_unknown"] * 5
    bench.application = Application(bench.store, bench.bodies)
    assert bench.block(jwts, time=exp * 1000 - 1) == ["already_refused"] * 5
    assert bench.block(jwts, time=(exp + 2) * 1000) == ["expired"] * 3 + ["already_refused"] * 2


@pytest.mark.parametrize(
    ("name", "changes"),
    [("wrong_chain", {"cid": "another"}), ("expired", {"exp": 1, "iat": 0}), ("foreign_key", {})],
)
def test_what_can_never_be_valid_is_not_remembered(
    bench: LedgerBench, name: str, changes: dict[str, object]
) -> None:
    key = member_key("platform-b") if name == "foreign_key" else None
    jwt = bench.jwt("signing.initiated", CASE, key=key, **changes)
    before = bench.application.need_meta().state_root
    assert bench.block([jwt], [jwt]) == [name, name]
    assert bench.application.need_meta().state_root == before
    assert judged(bench, jwt) == (None, 1, rejection(name))


def test_who_has_no_key_fills_no_state(bench: LedgerBench) -> None:
    stranger = member_key("stranger")
    jwts = [bench.jwt("signing.initiated", case_sub(n), key=stranger) for n in range(3)]
    before = bench.application.need_meta().state_root
    assert bench.block(jwts) == ["unknown_key"] * 3
    assert bench.application.need_meta().state_root == before
    assert judged(bench, jwts[0]) == (None, 1, rejection("unknown_key"))


def test_an_unknown_key_is_told_before_a_conflict(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE, jti="same")
    jwt = bench.jwt("signing.initiated", CASE, jti="same", key=member_key("stranger"))
    assert bench.block([jwt]) == ["unknown_key"]


def test_a_foreign_key_does_not_use_up_a_jti(bench: LedgerBench) -> None:
    stolen = bench.jwt("signing.initiated", CASE, jti="mine", key=member_key("platform-b"))
    assert bench.block([stolen]) == ["foreign_key"]
    assert bench.block([bench.jwt("signing.initiated", CASE, jti="mine")]) == ["accepted"]


def test_a_key_ends_at_its_height() -> None:
    keys = [
        {"from": 1, "jwk": member_key("platform-a").jwk.to_json(), "to": 5},
        {"from": 3, "jwk": member_key("platform-a", "next").jwk.to_json()},
    ]
    bench = LedgerBench(genesis=consortium_genesis(keys={"platform-a": keys}))
    ends = []
    for height in (1, 3, 5):
        assert bench.height == height
        jwts = [
            bench.jwt("signing.initiated", case_sub(10 * height + n), key=member_key(*which))
            for n, which in enumerate([("platform-a",), ("platform-a", "next")])
        ]
        ends.append(bench.block(jwts))
    assert ends == [
        ["accepted", "key_not_in_force"],
        ["accepted", "accepted"],
        ["key_not_in_force", "accepted"],
    ]


# -- entries --------------------------------------------------------------------------------------


def test_an_entry_is_the_canonical_json_of_what_was_found(bench: LedgerBench) -> None:
    first = bench.record("signing.initiated", CASE)
    late = bench.record("signing.identity_verified", CASE, occurred_at=bench.time() - 90_000_000)
    with bench.reader() as reader:
        one, two = reader.entries([1, 2])
        head = reader.state(f"dossier/{CASE}")
    assert head is not None
    code = head["code"]
    assert decode_entry(one.text) == one.entry
    assert one.text == one.entry.encode()
    assert (one.entry.code, two.entry.code) == (f"CZ{code}-1", f"CZ{code}-2")
    assert (one.entry.height, two.entry.height) == (1, 3)
    assert one.entry.time == bench.time(1)
    assert two.entry.time == bench.time(3)
    assert (one.entry.prev, two.entry.prev) == (b"", leaf_hash(one.text))
    assert (one.entry.tx.encode(), two.entry.tx.encode()) == (first, late)
    assert one.entry.facts == {"status": "initiated"}
    assert two.entry.facts == {"late": 90_000_000, "status": "initiated"}
    assert head["head"] == leaf_hash(two.text).hex()
    assert (head["index"], head["count"]) == (2, 2)


def test_dossiers_are_chained_each_for_itself(bench: LedgerBench) -> None:
    jwts = [
        bench.jwt("signing.initiated", CASE),
        bench.jwt("seal.applied", SEAL),
        bench.jwt("signing.identity_verified", CASE),
        bench.jwt("seal.created", SEAL),
    ]
    assert bench.block(jwts[:3], jwts[3:]) == ["accepted"] * 4
    with bench.reader() as reader:
        entries = [item.entry for item in reader.entries(range(1, 5))]
        leaves = [reader.leaf(index) for index in range(1, 5)]
    assert [entry.prev for entry in entries] == [b"", b"", leaves[0], leaves[1]]


def test_an_event_sees_what_those_before_it_in_the_block_did(bench: LedgerBench) -> None:
    steps = [
        bench.jwt("seal.applied", SEAL),
        bench.jwt("seal.created", SEAL),
        bench.jwt("seal.filed", SEAL),
        bench.jwt("signing.initiated", CASE),
        bench.jwt("signing.identity_verified", CASE),
        bench.jwt("signing.started", CASE),
        bench.jwt("signing.sealed", CASE),
        bench.jwt("signing.completed", CASE),
    ]
    assert bench.block(steps) == ["accepted"] * 8
    other = LedgerBench()
    assert other.block(steps[::-1])[:7] != ["accepted"] * 7


def test_an_anchor_is_of_the_log_before_its_block(bench: LedgerBench) -> None:
    bench.record("signing.initiated", CASE)
    with bench.reader() as reader:
        roots = {size: reader.root(size).hex() for size in (1, 2)}

    def anchor(size: int, root: str) -> bytes:
        data = data_of("anchor.confirmed", size=size, root=root)
        return bench.jwt("anchor.confirmed", "anchor:operator-a:all", data)

    jwts = [
        bench.jwt("signing.identity_verified", CASE),
        anchor(2, roots[2]),
        anchor(1, roots[1]),
        anchor(2, roots[1]),
        anchor(3, digest("the next root")),
        anchor(2**53 - 1, roots[2]),
    ]
    assert bench.block(jwts) == ["accepted"] * 3 + ["anchor_unknown"] * 3


def test_anchors_are_checked_against_blocks_not_written_yet(bench: LedgerBench) -> None:
    other = LedgerBench()
    jwts = [other.jwt("signing.initiated", case_sub(n)) for n in range(300)]
    other.block(jwts[:256], jwts[256:])
    with other.reader() as reader:
        roots = {size: reader.root(size).hex() for size in (1, 2, 255, 256, 257, 300, 301)}
    bench.finalize(bench.open(jwts[:256], jwts[256:]))
    anchors = [
        bench.jwt(
            "anchor.confirmed",
            f"anchor:operator-a:{size}",
            data_of("anchor.confirmed", size=size, root=root),
        )
        for size, root in roots.items()
    ]
    assert names_of(bench.finalize(bench.open(anchors))) == ["accepted"] * len(roots)


def test_the_longest_transactions_fill_a_frame(bench: LedgerBench) -> None:
    texts = {"origin": "源" * 200, "channel": "道" * 100, "aliases": ["别" * 100] * 20}
    jwt = bench.jwt("signing.initiated", CASE, data_of("signing.initiated", **texts))
    assert bench.block([jwt]) == ["accepted"]
    with bench.reader() as reader:
        assert reader.entry(1).entry.tx.encode() == jwt


def test_a_value_that_swells_when_it_is_tidied_stops_nobody(bench: LedgerBench) -> None:
    """U+FDFA becomes eighteen letters (NFKC): a hundred of them made a key of 3,009 bytes, where
    a store takes 1,024, and so a valid transaction stopped every node that was given it."""
    aliases = ["\ufdfa" * 100, "ﷺ" * 99, "x"]
    jwt = bench.jwt("signing.initiated", CASE, data_of("signing.initiated", aliases=aliases))
    assert bench.block([jwt]) == ["accepted"]


def test_a_flawed_transaction_is_judged_whatever_its_data(bench: LedgerBench) -> None:
    for data in ({}, {"documents": "x"}, {"documents": [{"x": [[["x"]]]}]}, {"sign_no": 2**53 - 1}):
        payload = bench.payload("signing.initiated", CASE, data)
        jwt = signed_jwt(member_key("platform-a"), canonical_json(payload))
        assert bench.block([jwt]) == ["malformed_data"]


def test_rows_of_refused_and_recorded_transactions(bench: LedgerBench) -> None:
    good = bench.jwt("signing.initiated", CASE)
    bad = bench.jwt("signing.voided", case_sub(2))
    bench.block([bad, good])
    rows = rows_of(bench.store)
    assert rows[TRANSACTION + transaction_id(good)[:20]] == (1).to_bytes(6, "big")
    refused = b"\xff" + (1).to_bytes(6, "big") + b"\x00\x00" + b"\x00\x11"
    assert rows[TRANSACTION + transaction_id(bad)[:20]] == refused
    assert len([key for key in rows if key[:1] == ISSUED]) == 1
