"""A filter never denies what was added, and seldom claims anything else."""

from __future__ import annotations

from builders.signing import seeded
from hypothesis import given
from hypothesis import strategies as st

from node.ledger.key_filter import KeyFilter

keys = st.binary(min_size=8, max_size=16)
crowded = st.integers(0, 3).map(lambda low: low.to_bytes(8, "big"))
"""Keys of one slot, whose fingerprint is none: the table's last resort."""


@given(st.lists(keys | crowded, unique=True, max_size=60), st.integers(0, 4))
def test_what_was_added_is_there(added: list[bytes], size: int) -> None:
    known = KeyFilter(1 << size)
    for count, key in enumerate(added):
        known.add([key])
        assert all(known.may_hold(before) for before in added[: count + 1])


def test_an_empty_one_holds_nothing() -> None:
    assert not any(KeyFilter(1).may_hold(seeded("key", number)) for number in range(100))


def test_few_others_are_claimed_through_every_table() -> None:
    known = KeyFilter(16)
    known.add(seeded("key", number) for number in range(20_000))
    claimed = sum(known.may_hold(seeded("other", number)) for number in range(20_000))
    assert claimed < 40, "one in some thousand: eleven tables, 16 bits each"
