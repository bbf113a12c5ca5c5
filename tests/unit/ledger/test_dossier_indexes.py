"""Dossiers' indexes: walked once, and only from there on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from node.ledger.dossier_indexes import DossierIndexes


class Log:
    """Dossiers as ascending indexes, and how often an entry was asked for the one before it."""

    def __init__(self, dossiers: dict[str, list[int]]) -> None:
        self.dossiers = dossiers
        self.asked = 0

    def read(self, cache: DossierIndexes, subject: str, count: int) -> list[int]:
        indexes = self.dossiers[subject]

        def before(index: int) -> int:
            self.asked += 1
            return indexes[indexes.index(index) - 1]

        return cache.of(subject, indexes[count - 1], count, before)


DOSSIERS = st.dictionaries(
    st.sampled_from("abc"),
    st.lists(st.integers(1, 1000), min_size=1, max_size=20, unique=True).map(sorted),
    min_size=1,
)


@given(DOSSIERS, st.integers(1, 30), st.data())
def test_any_order_of_readers_old_and_new_sees_what_the_log_holds(
    dossiers: dict[str, list[int]], most: int, data: st.DataObject
) -> None:
    log, cache = Log(dossiers), DossierIndexes(most)
    for _ in range(12):
        subject = data.draw(st.sampled_from(sorted(dossiers)))
        count = data.draw(st.integers(1, len(dossiers[subject])))
        assert log.read(cache, subject, count) == dossiers[subject][:count]


def test_what_was_walked_is_not_walked_again() -> None:
    log, cache = Log({"a": list(range(10, 110))}), DossierIndexes()
    log.read(cache, "a", 90)
    assert log.asked == 89
    log.read(cache, "a", 90)
    log.read(cache, "a", 40)
    assert log.asked == 89
    log.read(cache, "a", 100)
    assert log.asked == 99


def test_least_lately_grown_goes_where_there_is_no_room() -> None:
    log = Log({"a": list(range(1, 11)), "b": list(range(11, 21))})
    cache = DossierIndexes(15)
    log.read(cache, "a", 10)
    log.read(cache, "b", 10)
    log.asked = 0
    log.read(cache, "b", 10)
    assert log.asked == 0
    log.read(cache, "a", 10)
    assert log.asked == 9
