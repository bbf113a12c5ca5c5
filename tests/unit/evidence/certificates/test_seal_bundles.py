"""A seal's bundle is used again while what it proves stands, and not a record longer."""

from __future__ import annotations

import pytest
from builders.certified import IMPORTED, RECORD, SEAL, Registry

from node.core.signatures import load_backend
from node.core.verify import verify_bundle
from node.evidence.certificates import seal_bundles
from node.evidence.certificates.seal_bundles import ProvenSeal, SealBundles
from node.ledger.reader import LedgerReader


@pytest.fixture
def made() -> Registry:
    registry = Registry()
    registry.seal()
    return registry


@pytest.fixture
def bundles() -> SealBundles:
    return SealBundles(load_backend())


def take(bundles: SealBundles, made: Registry, later: int = 0) -> ProvenSeal:
    with made.bench.reader() as reader:
        return of(bundles, made, reader, later)


def of(bundles: SealBundles, made: Registry, reader: LedgerReader, later: int = 0) -> ProvenSeal:
    time = reader.header(reader.as_of + 1).time.milliseconds + later
    return bundles.of(reader, SEAL, made.bench.trust(), time)


def test_same_bytes_while_others_record(made: Registry, bundles: SealBundles) -> None:
    first = take(bundles, made)
    made.case()
    again = take(bundles, made)
    assert again is first
    assert again.bundle == first.bundle
    assert verify_bundle(again.bundle, made.bench.trust()).accepted


def test_its_next_record_makes_another(made: Registry, bundles: SealBundles) -> None:
    first = take(bundles, made)
    made.record("seal.status_changed", SEAL)
    then = take(bundles, made)
    assert [record.type for record in then.proven.records][-1] == "seal.status_changed"
    assert len(then.proven.records) == len(first.proven.records) + 1
    assert take(bundles, made) is then


@pytest.mark.parametrize("kind", ["key", "member", "seal", "dossier"])
def test_all_that_it_proves_is_compared(
    made: Registry, bundles: SealBundles, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Whatever may change one of them one day."""
    first = take(bundles, made)
    assert any(proof.key.startswith(f"{kind}/") for proof in first.proven.bundle.state)
    read = seal_bundles.read_value

    def changed(rows: object, key: str) -> bytes | None:
        found = read(rows, key)  # type: ignore[arg-type]
        return b"{}" if key.startswith(f"{kind}/") else found

    monkeypatch.setattr(seal_bundles, "read_value", changed)
    assert take(bundles, made) is not first


def test_an_old_one_is_made_anew(made: Registry, bundles: SealBundles) -> None:
    first = take(bundles, made)
    made.bench.block()
    assert take(bundles, made, later=590_000 - _since(made, first)) is first
    assert take(bundles, made, later=600_001) is not first


def _since(made: Registry, first: ProvenSeal) -> int:
    with made.bench.reader() as reader:
        return reader.header(reader.as_of + 1).time.milliseconds - first.proven.as_of_time


def test_an_older_ledger_gets_none_of_a_newer_one(made: Registry, bundles: SealBundles) -> None:
    """Certificates are composed of several heights at the same time."""
    with made.bench.reader() as older:
        made.bench.block()
        made.case()
        newer = take(bundles, made)
        mine = of(bundles, made, older)
        assert mine.proven.bundle.as_of < newer.proven.bundle.as_of
    assert take(bundles, made) is newer


def test_another_trust_file_is_verified_under(made: Registry, bundles: SealBundles) -> None:
    first = take(bundles, made)
    with made.bench.reader() as reader:
        time = reader.header(reader.as_of + 1).time.milliseconds
        other = bundles.of(reader, SEAL, made.bench.trust() + b"\n", time)
    assert other is not first


def test_one_that_is_too_large_is_not_kept(
    made: Registry, bundles: SealBundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_bundles, "_MOST_BYTES", 1000)
    assert take(bundles, made) is not take(bundles, made)


def test_those_not_used_for_longest_make_room(
    made: Registry, bundles: SealBundles, monkeypatch: pytest.MonkeyPatch
) -> None:
    made.imported()
    made.old_record()

    def other(subject: str) -> ProvenSeal:
        with made.bench.reader() as reader:
            time = reader.header(reader.as_of + 1).time.milliseconds
            return bundles.of(reader, subject, made.bench.trust(), time)

    first, second, third = take(bundles, made), other(IMPORTED), other(RECORD)
    room = len(first.bundle) + len(second.bundle) + len(third.bundle) - 1
    monkeypatch.setattr(seal_bundles, "_MOST_BYTES", room)
    made.record("seal.status_changed", SEAL)
    larger = take(bundles, made)
    assert len(larger.bundle) > len(first.bundle)
    assert other(RECORD) is third
    assert take(bundles, made) is larger
    assert other(IMPORTED) is not second
