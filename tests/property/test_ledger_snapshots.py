"""However a liar alters a snapshot, what is restored is the chain's own ledger, or nothing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from builders.ledger import rows_of
from builders.snapshots import Taken, Target, comparable
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.errors import InvalidInput
from node.ledger.snapshots.format import decode_manifest
from node.ledger.snapshots.restoring import discard_half_restored, settle_restored


@cache
def taken() -> Taken:
    with TemporaryDirectory() as folder:
        return Taken(Path(folder), 6_000, seals=3, cases=2, records=1)


@cache
def replayed() -> dict[bytes, bytes]:
    return taken().replayed()


@st.composite
def alterations(draw: st.DrawFn) -> tuple[int, bytes]:
    """A chunk's number, and its content with some bytes set, cut out or put in."""
    number = draw(st.integers(0, len(taken().chunks) - 1))
    content = bytearray(taken().content(number))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content) - 1))
        match draw(st.sampled_from(("set", "cut", "put", "double"))):
            case "set":
                content[at] = draw(st.integers(0, 255))
            case "cut":
                del content[at : at + draw(st.integers(1, 40))]
            case "put":
                content[at:at] = draw(st.binary(min_size=1, max_size=8))
            case _:
                content[at:at] = content[at : at + draw(st.integers(1, 200))]
    return number, bytes(content) or b"\0"


@settings(max_examples=150, deadline=None)
@given(alterations())
def test_a_liar_s_chunk_is_refused_or_says_the_same(altered: tuple[int, bytes]) -> None:
    manifest, chunks = taken().forged(*altered)
    target = Target(taken())
    restoring = target.restoring(manifest)
    try:
        for chunk in chunks:
            restoring.take(chunk)
    except InvalidInput:
        assert discard_half_restored(target.store, target.bodies)
        assert rows_of(target.store) == {}
    else:
        settle_restored(target.store)
        assert comparable(rows_of(target.store)) == replayed()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 40))
def test_metadata_that_are_read_are_in_their_one_form(junk: bytes, at: int, cut: int) -> None:
    encoded = taken().manifest.encode()
    at %= len(encoded)
    for data in (junk, encoded[:at] + junk + encoded[at + cut :]):
        try:
            found = decode_manifest(data)
        except InvalidInput:
            continue
        assert found.encode() == data
