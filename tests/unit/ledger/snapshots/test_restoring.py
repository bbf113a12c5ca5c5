"""A restored ledger is row for row what a replay makes; what is false is refused at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from builders.ledger import rows_of
from builders.snapshots import Taken, Target, comparable

from node.core.errors import InvalidInput
from node.ledger.application import Application
from node.ledger.rows import KEPT, decode_kept, encode_kept, number_key
from node.ledger.snapshots.format import (
    BlockItem,
    HeaderItem,
    SlotItem,
    ValueItem,
    decode_items,
    pack_chunk,
)
from node.ledger.snapshots.headers import TrustedHeader
from node.ledger.snapshots.restoring import (
    AlteredChunk,
    Restoring,
    discard_half_restored,
    settle_restored,
)
from node.storage.memory import MemorySegments

_encode = msgspec.msgpack.encode
_replace = msgspec.structs.replace


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """A snapshot in some forty chunks. Not to be changed."""
    return Taken(tmp_path_factory.mktemp("snapshot"), 6_000)


def restore(restoring: Restoring, chunks: list[bytes]) -> None:
    for chunk in chunks:
        restoring.take(chunk)


def test_rows_are_those_of_a_replay(taken: Taken) -> None:
    target = Target(taken)
    restoring = target.restoring(taken.manifest)
    restore(restoring, taken.chunks)
    assert restoring.is_complete
    settle_restored(target.store)
    assert comparable(rows_of(target.store)) == taken.replayed()
    meta = Application(target.store, target.bodies).need_meta()
    assert (meta.height, meta.app_hash) == (taken.manifest.height, taken.manifest.app_hash)


def test_the_parts_do_not_depend_on_who_takes_it(taken: Taken, tmp_path: Path) -> None:
    again = Taken(tmp_path, 6_000)
    assert again.manifest.encode() == taken.manifest.encode()
    assert min(taken.manifest.headers, taken.manifest.blocks, taken.manifest.values) > 2
    assert taken.manifest.depth > 0


def test_one_chunk_of_each_kind_is_enough_for_a_small_ledger(tmp_path: Path) -> None:
    taken = Taken(tmp_path, 64 << 20, seals=2, cases=1, records=1)
    assert (taken.manifest.depth, len(taken.chunks)) == (0, 4)
    target = Target(taken)
    restore(target.restoring(taken.manifest), taken.chunks)
    settle_restored(target.store)
    assert comparable(rows_of(target.store)) == taken.replayed()


def test_a_restored_ledger_goes_on_as_the_others_do(taken: Taken) -> None:
    target = Target(taken)
    restore(target.restoring(taken.manifest), taken.chunks)
    application, bench = Application(target.store, target.bodies), taken.bench
    height = taken.manifest.height + 1
    while (raw := bench.store.get(number_key(KEPT, height))) is not None:
        row = bench.reader().need_block(height)
        frames = application.process(list(bench.reader().frames(row)), bench.intake)
        block = application.finalize(height, decode_kept(raw)[0].time.milliseconds, frames)
        application.persist([block])
        application.release([block])
        assert block.app_hash == row.app_hash
        assert block.results == row.results
        height += 1
    assert height > taken.manifest.height + 2


def test_an_altered_chunk_is_refused_and_the_right_one_taken_after_it(taken: Taken) -> None:
    target = Target(taken)
    restoring = target.restoring(taken.manifest)
    for number, chunk in enumerate(taken.chunks):
        altered = bytearray(chunk)
        altered[len(altered) // 2] ^= 1
        for bad in (bytes(altered), b"", chunk[:-1], chunk + b"\0", pack_chunk(b"\x90")):
            with pytest.raises(AlteredChunk, match=f"chunk {number}"):
                restoring.take(bad)
        assert restoring.next_chunk == number
        restoring.take(chunk)
    settle_restored(target.store)
    assert comparable(rows_of(target.store)) == taken.replayed()


def test_a_chunk_that_unpacks_to_too_much_is_refused(taken: Taken) -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(65 << 20))
    with pytest.raises(AlteredChunk, match="must declare"):
        Target(taken).restoring(taken.manifest).take(bomb)


def _header(taken: Taken, change: Callable[[list[HeaderItem]], None]) -> tuple[int, bytes]:
    items = decode_items(taken.content(1), HeaderItem)
    change(items)
    return 1, _encode(items)


def _block(taken: Taken, change: Callable[[list[Any]], None]) -> tuple[int, bytes]:
    number = taken.manifest.headers + 1
    items = decode_items(taken.content(number), BlockItem)
    change(items)
    return number, _encode(items)


def _values(taken: Taken, change: Callable[[list[Any]], None]) -> tuple[int, bytes]:
    number = taken.manifest.headers + taken.manifest.blocks + 1
    parts = decode_items(taken.content(number), list[ValueItem])
    change(parts)
    return number, _encode(parts)


def _drop_first(items: list[Any]) -> None:
    del items[0]


def _drop_last(items: list[Any]) -> None:
    del items[-1]


def _swap(items: list[Any]) -> None:
    items[0], items[1] = items[1], items[0]


def _other_time(items: list[HeaderItem]) -> None:
    header, commit = decode_kept(items[0].kept)
    other = replace(header, time=type(header.time)(header.time.seconds - 3, 0))
    items[0] = HeaderItem(encode_kept(other, commit), items[0].sets)


def _fewer_votes(items: list[HeaderItem]) -> None:
    header, commit = decode_kept(items[0].kept)
    assert commit is not None
    items[0] = HeaderItem(encode_kept(header, replace(commit, signatures=())), [])


def _other_round(items: list[HeaderItem]) -> None:
    """What no hash of the chain holds, but the signatures do."""
    header, commit = decode_kept(items[0].kept)
    assert commit is not None
    items[0] = HeaderItem(encode_kept(header, replace(commit, round=commit.round + 1)), [])


def _no_commit(items: list[HeaderItem]) -> None:
    items[0] = HeaderItem(encode_kept(decode_kept(items[0].kept)[0], None), [])


def _garbage(items: list[HeaderItem]) -> None:
    items[0] = HeaderItem(_encode([1, "x", None, {}]), [])


def _frame(**changes: object) -> Callable[[list[Any]], None]:
    def change(items: list[Any]) -> None:
        frames = list(items[0].frames)
        place = next(n for n, frame in enumerate(frames) if frame.digits)
        frames[place] = _replace(
            frames[place],
            **{name: made(getattr(frames[place], name)) for name, made in changes.items()},  # type: ignore[operator]
        )
        items[0] = _replace(items[0], frames=frames)

    return change


def _other_value(parts: list[Any]) -> None:
    item = parts[0][0]
    parts[0][0] = ValueItem(item.key, item.value.replace(b"1", b"2") + b" ")


def _other_key(parts: list[Any]) -> None:
    parts[0][0] = ValueItem("member/nobody", parts[0][0].value)


def _strange_key(parts: list[Any]) -> None:
    parts[0][0] = ValueItem("../etc", parts[0][0].value)


LIES: dict[str, tuple[Callable[..., tuple[int, bytes]], Callable[[list[Any]], None], str]] = {
    "a header left out": (_header, _drop_first, "comes where"),
    "headers out of order": (_header, _swap, "comes where"),
    "another time": (_header, _other_time, "is not the one that the next header names"),
    "no votes": (_header, _fewer_votes, "commit is not the one"),
    "another round": (_header, _other_round, "signature"),
    "no commit": (_header, _no_commit, "commit is missing"),
    "garbage for a header": (_header, _garbage, "malformed"),
    "a block left out": (_block, _drop_first, "is missing"),
    "blocks out of order": (_block, _swap, "is missing"),
    "a block twice": (_block, lambda items: items.append(items[-1]), "comes twice"),
    "another state root": (
        _block,
        lambda items: items.__setitem__(0, _replace(items[0], state_root=bytes(32))),
        "entries are not those",
    ),
    "a frame left out": (
        _block,
        lambda items: items.__setitem__(0, _replace(items[0], frames=items[0].frames[1:])),
        "frames are not those",
    ),
    "another frame": (_block, _frame(frame=lambda frame: frame + b"\0"), "frames are not those"),
    "other results": (_block, _frame(results=lambda r: bytes(len(r) + 1)), "results are not"),
    "another code": (
        _block,
        _frame(digits=lambda digits: [digits[0] + 1, *digits[1:]]),
        "entries are not those",
    ),
    "other facts": (
        _block,
        _frame(facts=lambda facts: [b'{"late":1}', *facts[1:]]),
        "entries are not those",
    ),
    "facts left out": (_block, _frame(facts=lambda facts: facts[1:]), "as many"),
    "a later entry as the one before": (
        _block,
        _frame(before=lambda before: [1 << 40, *before[1:]]),
        "names one after it",
    ),
    "a negative entry as the one before": (
        _block,
        _frame(before=lambda before: [-1, *before[1:]]),
        "names one after it",
    ),
    "another value": (_values, _other_value, "is not what it must be"),
    "another key": (_values, _other_key, "state: "),
    "a key that cannot be": (_values, _strange_key, "cannot be"),
    "a value left out": (_values, lambda parts: parts[0].pop(), "state: "),
    "a part left out": (_values, _drop_first, "does not belong"),
    "a part too few": (_values, _drop_last, "state: "),
}


@pytest.mark.parametrize("name", LIES)
def test_a_false_chunk_is_refused_when_it_comes(taken: Taken, name: str) -> None:
    """Whoever makes a snapshot can name his own chunks in it: they must still hold."""
    make, change, rule = LIES[name]
    number, content = make(taken, change)
    manifest, chunks = taken.forged(number, content)
    target = Target(taken)
    restoring = target.restoring(manifest)
    restore(restoring, chunks[:number])
    if name == "a part too few":  # which the next chunk shows, or the end
        with pytest.raises(InvalidInput, match=rule):
            restore(restoring, chunks[number:])
    else:
        with pytest.raises(InvalidInput, match=rule) as caught:
            restoring.take(chunks[number])
        assert not isinstance(caught.value, AlteredChunk)
        assert f"chunk {number}" in str(caught.value)
    assert discard_half_restored(target.store, target.bodies)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"head": bytes(32)}, "is not the one that the snapshot begins with"),
        ({"height": 3}, "is not the one that the snapshot begins with"),
        ({"size": 7}, "another app_hash"),
        ({"root": bytes(32)}, "another app_hash"),
        ({"state_root": bytes(32)}, "another app_hash"),
    ],
)
def test_metadata_that_lie_are_found_out_by_the_first_chunk(
    taken: Taken, changes: dict[str, Any], rule: str
) -> None:
    restoring = Target(taken).restoring(_replace(taken.manifest, **changes))
    with pytest.raises(InvalidInput, match=rule):
        restoring.take(taken.chunks[0])


def test_headers_that_do_not_come_down_to_the_first_are_refused(taken: Taken) -> None:
    last = taken.manifest.headers - 1
    items = decode_items(taken.content(last), HeaderItem)[:-1]
    manifest, chunks = taken.forged(last, _encode(items))
    restoring = Target(taken).restoring(manifest)
    restore(restoring, chunks[:last])
    with pytest.raises(InvalidInput, match="do not come down to 1"):
        restoring.take(chunks[last])


def test_a_part_of_the_state_that_is_claimed_to_be_a_leaf_is_refused(taken: Taken) -> None:
    number = taken.manifest.headers + taken.manifest.blocks
    items = decode_items(taken.content(number), SlotItem)
    for place, change in ((0, {"leaf": bytes(32)}), (1, {"prefix": 0}), (0, {"hash": b""})):
        forged = list(items)
        forged[place] = _replace(forged[place], **change)
        manifest, chunks = taken.forged(number, _encode(forged))
        restoring = Target(taken).restoring(manifest)
        restore(restoring, chunks[:number])
        with pytest.raises(InvalidInput, match="state"):
            restore(restoring, chunks[number : number + 2])


def test_a_chain_that_is_not_the_trusted_one_is_refused(taken: Taken) -> None:
    raw = taken.bench.store.get(number_key(KEPT, 5))
    assert raw is not None
    right = TrustedHeader(5, decode_kept(raw)[0].hash())
    restore(Target(taken).restoring(taken.manifest, right), taken.chunks)
    restoring = Target(taken).restoring(taken.manifest, TrustedHeader(5, bytes(32)))
    with pytest.raises(InvalidInput, match="header 5: is not the trusted one"):
        restore(restoring, taken.chunks)


def test_a_snapshot_of_another_chain_is_refused(taken: Taken) -> None:
    target = Target(taken)
    manifest = taken.manifest
    genesis = target.bench.genesis
    other = replace(genesis, chain_id="another-chain")
    restoring = Restoring(target.store, target.bodies, other, target.first_rows, manifest, None)
    with pytest.raises(InvalidInput, match="is of the chain"):
        restoring.take(taken.chunks[0])


@pytest.mark.parametrize("chunks", [0, 1, -3, -1, None])
def test_what_is_half_restored_is_known_and_thrown_away(taken: Taken, chunks: int | None) -> None:
    """None: it is whole, but whether the engine knows of it cannot be told."""
    target = Target(taken)
    restore(target.restoring(taken.manifest), [] if chunks == 0 else taken.chunks[:chunks])
    assert discard_half_restored(target.store, target.bodies)
    assert rows_of(target.store) == {}
    assert list(target.bodies.records(None)) == []
    assert not discard_half_restored(target.store, target.bodies)
    again = Application(target.store, target.bodies)
    again.init_chain(taken.bench.genesis)
    assert rows_of(target.store) == dict(target.first_rows)


def test_the_engine_has_forgotten_before_the_mark_goes(taken: Taken) -> None:
    """An engine that knows of a snapshot which the ledger no longer has could never start again."""
    target = Target(taken)
    restore(target.restoring(taken.manifest), taken.chunks)

    def dies() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        discard_half_restored(target.store, target.bodies, dies)
    forgotten: list[bool] = []
    assert discard_half_restored(target.store, target.bodies, lambda: forgotten.append(True))
    assert forgotten == [True]
    assert not discard_half_restored(target.store, target.bodies, dies)


def test_a_ledger_that_went_on_is_not_thrown_away(taken: Taken) -> None:
    target = Target(taken)
    restore(target.restoring(taken.manifest), taken.chunks)
    application = Application(target.store, target.bodies)
    block = application.finalize(taken.manifest.height + 1, application.need_meta().time + 1, ())
    application.persist([block])
    before = rows_of(target.store)
    assert not discard_half_restored(target.store, target.bodies)
    del before[b"restoring"]
    assert rows_of(target.store) == before


def test_another_snapshot_can_follow_one_that_was_given_up(taken: Taken) -> None:
    target = Target(taken)
    restore(target.restoring(taken.manifest), taken.chunks[:-2])
    restore(target.restoring(taken.manifest), taken.chunks)
    settle_restored(target.store)
    assert comparable(rows_of(target.store)) == taken.replayed()
    assert isinstance(target.bodies, MemorySegments)
