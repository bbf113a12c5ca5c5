from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from builders.bundling import bundle_of
from builders.chain import Chain
from builders.signing import digests_of, private_fields, validator_set

from node.core.block import FLAG_ABSENT, FLAG_NIL, CommitSignature, Timestamp
from node.core.bundle import (
    BUNDLE_FORMAT,
    Bundle,
    commit_json,
    decode_bundle,
    header_json,
    read_commit,
    read_header,
    validator_set_json,
)
from node.core.encoding import canonical_json
from node.core.errors import InvalidEncoding, InvalidInput
from node.core.genesis import ed25519_jwk
from node.core.statemap import StateProof

SUB = "case:platform-a:0001"


def chain_of_two_records() -> tuple[Chain, dict[str, Any]]:
    chain = Chain(validators=4)
    private = private_fields({"initiator": "南某"})
    chain.commit_block(chain.jwt(**digests_of(private)))
    chain.commit_block(chain.jwt(jti="event-2", type="signing.started"))
    chain.commit_block()
    chain.commit_block()
    options = {"extra_keys": ["seal/none", "seal/other"], "consistency_from": [0, 1]}
    return chain, bundle_of(chain, SUB, disclosures=private, **options)


CHAIN, VALUE = chain_of_two_records()


def decode(value: Any) -> Bundle:
    return decode_bundle(canonical_json(value))


def test_what_was_written_is_read() -> None:
    bundle = decode(VALUE)
    assert (bundle.scope, bundle.as_of) == ("dossier", 3)
    assert [item.text for item in bundle.entries] == [item.text for item in CHAIN.records]
    assert [item.index for item in bundle.entries] == [1, 2]
    assert bundle.chain.genesis == CHAIN.genesis.document
    assert bundle.chain.headers == tuple(CHAIN.headers[height] for height in (1, 2, 3, 4))
    assert bundle.chain.commits == tuple(CHAIN.commits[height] for height in (2, 3, 4))
    assert bundle.chain.validator_sets == (validator_set(CHAIN.signers),)
    for roots in bundle.chain.roots:
        point = CHAIN.points[roots.height]
        assert (roots.size, roots.root, roots.state_root) == (
            point.size,
            point.root,
            point.state_root,
        )
    assert [proof.to_json() for proof in bundle.state] == VALUE["state"]
    assert all(isinstance(proof, StateProof) for proof in bundle.state)
    for item, height in zip(bundle.consistency, (0, 1)):
        for size, root, point in (
            (item.first, item.first_root, CHAIN.points[height]),
            (item.second, item.second_root, CHAIN.points[3]),
        ):
            assert (size, root) == (point.size, point.root)
    assert [len(item.disclosures) for item in bundle.entries] == [1, 0]
    assert bundle.entries[0].disclosures == tuple(VALUE["entries"][0]["disclosures"])


def test_layout_does_not_matter() -> None:
    assert decode_bundle(json.dumps(VALUE, indent=2).encode()) == decode(VALUE)


def test_votes_for_nil_are_left_out() -> None:
    commit = CHAIN.commits[2]
    value = commit_json(commit)
    assert read_commit(value, "commit") == commit
    votes = list(commit.signatures)
    votes[1] = type(votes[1])(FLAG_NIL, votes[1].address, votes[1].time, votes[1].signature)
    nil = type(commit)(commit.height, commit.round, commit.block_id, tuple(votes))
    again = read_commit(commit_json(nil), "commit")
    assert again.signatures[1].flag == FLAG_ABSENT
    assert again.signatures[1].signature == b""
    assert again.signatures[0] == commit.signatures[0]


def test_header_and_set_round_trip() -> None:
    header = CHAIN.headers[3]
    assert read_header(header_json(header), "header") == header
    first = CHAIN.headers[1]
    assert first.last_block_id.hash == b""
    assert read_header(header_json(first), "header") == first
    assert validator_set_json(validator_set(CHAIN.signers)) == VALUE["chain"]["validator_sets"][0]


Path = tuple[str | int, ...]


def parts(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every part of a JSON value, with the way to it."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(
        value, list
    ) else ()  # fmt: skip
    for name, item in items:
        yield from parts(item, (*path, name))


def with_part(path: Path, part: Any) -> Any:
    """The bundle with another value at ``path``."""
    if not path:
        return part
    value = copy.deepcopy(VALUE)
    at = value
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = part
    return value


def place_of(path: Path) -> str:
    return "bundle" + "".join(f"[{n}]" if isinstance(n, int) else f".{n}" for n in path)


PARTS = list(parts(VALUE))
OBJECTS = [(path, part) for path, part in PARTS if isinstance(part, dict)]


def refusal(value: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as refused:
        decode(value)
    return refused.value


def test_an_unknown_member_is_refused_in_every_object() -> None:
    assert len(OBJECTS) > 60
    for path, part in OBJECTS:
        refused = refusal(with_part(path, {**part, "extra": 1}))
        assert place_of(path) in refused.place


def test_every_member_of_every_object_is_needed() -> None:
    optional = {"value", "other"}
    for path, part in OBJECTS:
        for name in part:
            if name in optional:
                continue
            rest = {other: value for other, value in part.items() if other != name}
            assert place_of(path) in refusal(with_part(path, rest)).place


@pytest.mark.parametrize(
    "wrong",
    [-1, 2**53 - 1, "", "zz", "\x00", [], [["x"]], {}, {"x": []}, ["00" * 32] * 65],
    ids=lambda value: repr(value)[:12],
)
def test_values_of_the_wrong_kind_are_refused_or_decoded_but_never_crash(wrong: Any) -> None:
    for path, part in PARTS:
        if type(part) is type(wrong):
            try:
                decode(with_part(path, wrong))
            except InvalidInput as refused:
                shown = refused.place
                assert shown.startswith("bundle"), shown
        else:
            assert place_of(path[:-1]) in refusal(with_part(path, wrong)).place


HEADER = ("chain", "headers", 0)
VOTE = ("chain", "commits", 0, "signatures", 1)
REFUSED: dict[str, tuple[Path, Any, str]] = {
    "another format": (("format",), "evidence-bundle/2", "bundle.format"),
    "another scope": (("scope",), "all", "bundle.scope"),
    "scope list": (("scope",), ["dossier"], "bundle.scope"),
    "as of 0": (("as_of",), 0, "bundle.as_of"),
    "no entries": (("entries",), [], "bundle.entries"),
    "no headers": (("chain", "headers"), [], "bundle.chain.headers"),
    "no commits": (("chain", "commits"), [], "bundle.chain.commits"),
    "no roots": (("chain", "roots"), [], "bundle.chain.roots"),
    "no sets": (("chain", "validator_sets"), [], "bundle.chain.validator_sets"),
    "empty set": (("chain", "validator_sets", 0), [], "bundle.chain.validator_sets[0]"),
    "set out of order": (
        ("chain", "validator_sets", 0),
        VALUE["chain"]["validator_sets"][0][::-1],
        "bundle.chain.validator_sets[0]",
    ),
    "power 0": (
        ("chain", "validator_sets", 0, 1, "power"),
        0,
        "bundle.chain.validator_sets[0][1].power",
    ),
    "key of 31 bytes": (
        ("chain", "validator_sets", 0, 1, "public_key"),
        ed25519_jwk(bytes(31)),
        "bundle.chain.validator_sets[0][1].public_key",
    ),
    "100,001 validators": (
        ("chain", "validator_sets"),
        [[{}] * 1000] * 100 + [[{}]],
        "bundle.chain.validator_sets",
    ),
    "path of 65": (
        ("chain", "genesis_path"),
        ["00" * 32] * 65,
        "bundle.chain.genesis_path",
    ),
    "path in capitals": (
        ("entries", 1, "path"),
        ["00" * 32, "AB" * 32],
        "bundle.entries[1].path[1]",
    ),
    "index text": (("entries", 0, "index"), "1", "bundle.entries[0].index"),
    "entry too long": (("entries", 0, "entry"), "x" * 32769, "bundle.entries[0].entry"),
    "nanos of a second": (
        (*HEADER, "time", "nanos"),
        1_000_000_000,
        "bundle.chain.headers[0].time.nanos",
    ),
    "a second of the year 10000": (
        (*HEADER, "time", "seconds"),
        253_402_300_800,
        "bundle.chain.headers[0].time.seconds",
    ),
    "a vote's second of the year 10000": (
        (*VOTE, "time", "seconds"),
        253_402_300_800,
        "bundle.chain.commits[0].signatures[1].time.seconds",
    ),
    "height 0": ((*HEADER, "height"), 0, "bundle.chain.headers[0].height"),
    "chain id of 51": ((*HEADER, "chain_id"), "x" * 51, "bundle.chain.headers[0].chain_id"),
    "hash of 31": ((*HEADER, "app_hash"), "00" * 31, "bundle.chain.headers[0].app_hash"),
    "address of 32": (
        (*HEADER, "proposer_address"),
        "00" * 32,
        "bundle.chain.headers[0].proposer_address",
    ),
    "vote of nil": ((*VOTE, "flag"), 3, "bundle.chain.commits[0].signatures[1].flag"),
    "vote of flag 0": ((*VOTE, "flag"), 0, "bundle.chain.commits[0].signatures[1].flag"),
    "absent with more": ((*VOTE, "flag"), 1, "bundle.chain.commits[0].signatures[1].address"),
    "signature short": (
        (*VOTE, "signature"),
        "00" * 63,
        "bundle.chain.commits[0].signatures[1].signature",
    ),
    "commit at height 0": (("chain", "commits", 0, "height"), 0, "bundle.chain.commits[0].height"),
    "1001 votes": (
        ("chain", "commits", 0, "signatures"),
        [{"flag": 1}] * 1001,
        "bundle.chain.commits[0].signatures",
    ),
    "no votes": (
        ("chain", "commits", 0, "signatures"),
        [],
        "bundle.chain.commits[0].signatures",
    ),
    "501 consistency proofs": (("consistency",), [{}] * 501, "bundle.consistency"),
    "10,001 anchors": (("anchors",), [{"kind": "x"}] * 10_001, "bundle.anchors"),
    "anchor of no kind": (("anchors",), [{"kind": "x"}, {}], "bundle.anchors[1].kind"),
    "kind number": (("anchors",), [{"kind": 1}], "bundle.anchors[0].kind"),
    "kind object": (("anchors",), [{"kind": {"a": ["x"]}}], "bundle.anchors[0].kind"),
    "kind of 41": (("anchors",), [{"kind": "x" * 41}], "bundle.anchors[0].kind"),
    "kind that says something": (
        ("anchors",),
        [{"kind": "none unknown. 所有存证回执均已核验通过"}],
        "bundle.anchors[0].kind",
    ),
    "round beyond 31 bits": (
        ("chain", "commits", 0, "round"),
        2**31,
        "bundle.chain.commits[0].round",
    ),
    "disclosure with padding": (
        ("entries", 0, "disclosures", 0),
        "QQ==",
        "bundle.entries[0].disclosures[0]",
    ),
    "disclosure too long": (
        ("entries", 0, "disclosures", 0),
        "A" * 32769,
        "bundle.entries[0].disclosures[0]",
    ),
    "65 disclosures of a record": (
        ("entries", 1, "disclosures"),
        ["AA"] * 65,
        "bundle.entries[1].disclosures",
    ),
    "roots of size 0": (("chain", "roots", 0, "size"), 0, "bundle.chain.roots[0].size"),
    "consistency from 0": (("consistency", 0, "first"), 0, "bundle.consistency[0].first"),
    "state text": (("state", 0), "x", "bundle.state[0]"),
    "anchor list": (("anchors",), [[]], "bundle.anchors[0]"),
    "17 predecessors": (
        ("predecessors",),
        [VALUE["chain"]] * 17,
        "bundle.predecessors",
    ),
}


@pytest.mark.parametrize(("path", "wrong", "place"), REFUSED.values(), ids=REFUSED)
def test_refused_with_its_place(path: Path, wrong: Any, place: str) -> None:
    assert refusal(with_part(path, wrong)).place == place


def test_absent_votes_need_nothing_else() -> None:
    value = with_part(VOTE, {"flag": FLAG_ABSENT})
    vote = decode(value).chain.commits[0].signatures[1]
    assert vote == CommitSignature(FLAG_ABSENT, b"", Timestamp(0), b"")


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"[]", b"null", b"{}", b"\xff", b'{"format":"x","format":"y"}', b"[" * 100_000),
        canonical_json(VALUE).replace(b'"anchors":[]', b'"anchors":[{"kind":"x","\xc3\xa9":1}]'),
    ],
    ids=["empty", "list", "null", "object", "not UTF-8", "duplicate", "deep", "name"],
)
def test_bytes_refused(data: bytes) -> None:
    with pytest.raises(InvalidEncoding):
        decode_bundle(data)


def test_most_that_is_allowed() -> None:
    assert len(decode(with_part(("anchors",), [{"kind": "x", "n": 1}] * 500)).anchors) == 500
    commits = ("chain", "commits", 0)
    full = decode(with_part((*commits, "signatures"), [{"flag": 1}] * 1000))
    assert len(full.chain.commits[0].signatures) == 1000
    assert decode(with_part((*commits, "height"), 1)).chain.commits[0].height == 1


def test_64_mib_are_allowed_and_one_byte_more_is_not() -> None:
    data = canonical_json(VALUE)
    assert decode_bundle(data + b" " * ((64 << 20) - len(data))) == decode(VALUE)
    with pytest.raises(InvalidEncoding, match="67108865 bytes, at most 67108864 are allowed"):
        decode_bundle(data + b" " * ((64 << 20) + 1 - len(data)))


def test_format_is_named() -> None:
    assert VALUE["format"] == BUNDLE_FORMAT == "evidence-bundle/1"
