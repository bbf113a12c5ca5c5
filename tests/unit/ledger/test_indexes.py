"""Look-ups: by whatever somebody may have in hand, however they write it."""

from __future__ import annotations

import pytest
from builders.events import case_sub, data_of, digest, document
from builders.ledger import LedgerBench
from builders.world import SEAL

from node.core.errors import InvalidEncoding
from node.ledger.indexes import KINDS, find, index_keys
from node.ledger.rows import INDEX
from node.rules.events import EVENTS, JUDGED
from node.storage.ports import MAX_KEY

CASE = case_sub()
ES_ID = "37010200000001"


def found(bench: LedgerBench, kind: str, value: str, limit: int = 10) -> list[int]:
    with bench.reader() as reader:
        return list(find(reader.rows, kind, value, limit=limit))


@pytest.fixture(scope="module")
def story() -> LedgerBench:
    """One of each event that look-ups know, each in a block of its own, at indexes 1 to 12."""
    bench = LedgerBench()
    bench.record("seal.applied", SEAL)
    bench.record("seal.created", SEAL, data_of("seal.created", es_id="Es.1-a"))
    bench.record("seal.filed", SEAL)
    bench.record(
        "seal.imported",
        "seal:maker-b:0001",
        data_of("seal.imported", filing_no="旧".encode().hex(), es_id=ES_ID, filing_unit_code="x"),
        by="maker-b",
    )
    aliases = ["CZ0034133234712-2", "合同 2026-1", "ＨＴ－７", "x" * 100]
    documents = [document("one"), document("two")]
    data = data_of("signing.initiated", aliases=aliases, documents=documents)
    bench.record("signing.initiated", CASE, data)
    bench.record("signing.identity_verified", CASE)
    how = {"signature_kind": "handwritten", "es_id": None}
    started = data_of("signing.started", document_hash=digest("one"), **how)
    bench.record("signing.started", CASE, started)
    sealed = data_of(
        "signing.sealed", before_hash=digest("one"), after_hash=digest("one sealed"), **how
    )
    bench.record("signing.sealed", CASE, sealed)
    imported = data_of("record.imported", document_hashes=[digest("old"), digest("one")])
    bench.record("record.imported", "record:platform-a:1", imported)
    for number, event_type in enumerate(("certificate.issued", "disclosure.released"), 1):
        about = data_of(event_type, code=bench.code(CASE) + "-2")
        bench.record(event_type, f"record:operator-a:{number}", about)
    bench.record("governance.proposed", "consortium:court-a:1", by="court-a")
    anchored = data_of("anchor.confirmed", size=1, root=bench.reader().root(1).hex())
    bench.record("anchor.confirmed", "anchor:operator-a:1", anchored)
    return bench


@pytest.mark.parametrize(
    ("kind", "value", "indexes"),
    [
        ("document", digest("one"), [5, 9]),
        ("document", digest("two"), [5]),
        ("document", digest("one sealed"), [8]),
        ("document", digest("old"), [9]),
        ("document", digest("nothing"), []),
        ("sign_no", "QY812163472634127040-1", [5]),
        ("sign_no", "qy812163472634127040-1", [5]),
        ("sign_no", " ＱＹ８１２１６３４７２６３４１２７０４０－１ ", [5]),
        ("sign_no", "QY812163472634127040", []),
        ("sign_no", "QY812163472634127040-10", []),
        ("alias", "CZ0034133234712-2", [5, 9]),
        ("alias", "cz0034133234712－2", [5, 9]),
        ("alias", "合同2026-1", [5]),
        ("alias", "ht-7", [5]),
        ("alias", "X" * 100, [5]),
        ("alias", "X" * 99, []),
        ("es_id", "es.1-A", [2]),
        ("es_id", ES_ID, [4]),
        ("seal_code", ES_ID, [2, 4]),
        ("filing_no", "ba2026-000001", [3]),
        ("filing_no", "旧".encode().hex(), [4]),
        ("certificate_no", "cert-2026-000001", [10]),
        ("certificate_no", "", []),
        ("signer_certificate", digest("certificate"), [2, 4]),
        ("signer_certificate", digest("certificate of nobody"), []),
        ("proposal", "", [12]),
        ("proposal", "other", []),
        ("anchor", "", [13]),
    ],
)
def test_look_ups(story: LedgerBench, kind: str, value: str, indexes: list[int]) -> None:
    assert found(story, kind, value) == indexes


def test_records_about_a_code(story: LedgerBench) -> None:
    digits = story.code(CASE)[2:]
    assert found(story, "about", digits) == [10, 11]
    assert found(story, "about", "0" * 13) == []


def test_every_kind_finds_something(story: LedgerBench) -> None:
    kinds = {key[1:2] for key, _ in story.store.scan(INDEX, INDEX + b"\xff")}
    assert kinds == set(KINDS.values())


def test_no_more_than_asked_for(bench: LedgerBench) -> None:
    for number in range(5):
        bench.record("signing.initiated", case_sub(number))
    assert found(bench, "document", digest("document", 0)) == [1, 2, 3, 4, 5]
    assert found(bench, "document", digest("document", 0), limit=2) == [1, 2]


def test_from_an_index_on(bench: LedgerBench) -> None:
    for number in range(4):
        bench.record("signing.initiated", case_sub(number))
    rows = (bench.store, "document", digest("document", 0))
    assert list(find(*rows, limit=10, first=2)) == [2, 3, 4]
    assert list(find(*rows, limit=1, first=3)) == [3]
    assert list(find(*rows, limit=10, first=5)) == []


@pytest.mark.parametrize("value", ["", "x", digest("one").upper(), digest("one")[:-1], "\ud800"])
def test_a_document_is_named_by_its_hash(story: LedgerBench, value: str) -> None:
    with pytest.raises(InvalidEncoding, match="document"):
        found(story, "document", value)


@pytest.mark.parametrize("value", ["\ud800", "\x00", "x" * 100_000, "\ufdfa" * 1000, "%00"])
def test_whatever_is_typed_finds_nothing_at_worst(story: LedgerBench, value: str) -> None:
    for kind in sorted(KINDS.keys() - {"document", "signer_certificate"}):
        assert found(story, kind, value) == []


def test_an_alias_that_swells_is_found_all_the_same(bench: LedgerBench) -> None:
    aliases = ["\ufdfa" * 100, "\ufdfa" * 99, "\ufdfa" * 10]
    bench.record("signing.initiated", CASE, data_of("signing.initiated", aliases=aliases))
    for alias in aliases:
        assert found(bench, "alias", alias) == [1]
    assert found(bench, "alias", "\ufdfa" * 98) == []


@pytest.mark.parametrize("character", ["\ufdfa", "\u0390", "ß", "\ufb03", "𠮷", "\U0001f251", "㌖"])
def test_no_value_makes_a_key_that_a_store_refuses(character: str) -> None:
    """What swells most when it is tidied: by compatibility forms, and by upper case."""
    aliases = [character * length for length in (1, 15, 50, 100)]
    data = data_of("signing.initiated", aliases=aliases)
    keys = index_keys("signing.initiated", data, 2**48 - 1)
    assert len(keys) == 6
    assert all(len(key) <= MAX_KEY for key in keys)


@pytest.mark.parametrize("event_type", sorted(EVENTS))
def test_what_is_indexed_is_handed_on(event_type: str) -> None:
    data = data_of(event_type)
    judged = {name: value for name, value in data.items() if name in JUDGED}
    assert index_keys(event_type, judged, 5) == index_keys(event_type, data, 5)


def test_an_unknown_type_has_no_rows() -> None:
    assert index_keys("signing.forgotten", {}, 1) == []
