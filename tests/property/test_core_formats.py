"""What is written is read back as it was, and what is read has one form only."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
import zstandard
from builders.chain import Chain
from builders.signing import MemberKey, compact, digests_of, event, signed_jwt
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from node.core.block import (
    FLAG_ABSENT,
    FLAG_COMMIT,
    RULES_VERSION,
    BlockId,
    Commit,
    CommitSignature,
    Header,
    Timestamp,
    Validator,
    ValidatorSet,
)
from node.core.bundle import commit_json, header_json, read_commit, read_header
from node.core.disclosure import (
    decode_disclosure,
    encode_disclosure,
    match_disclosures,
    split_sd_jwt,
)
from node.core.encoding import canonical_json, decode_json, encode_base64url, encode_uvarint
from node.core.entry import Entry, decode_entry
from node.core.errors import InvalidEncoding, InvalidInput
from node.core.evidence_code import check_digit, code_digits, parse_code, tidy_lookup
from node.core.frame import (
    MAX_BLOCK_TRANSACTIONS,
    MAX_BLOCK_UNPACKED_BYTES,
    check_block,
    decode_frame,
    encode_frame,
    pack_parts,
    unpack_parts,
)
from node.core.genesis import GenesisMember, decode_genesis, encode_genesis
from node.core.signatures import P256_ORDER, has_low_s, use_low_s
from node.core.transaction import MAX_SECONDS, PAYLOAD_MEMBERS, decode_transaction, split_compact
from node.core.trust import Trust, TrustedCheckpoint, decode_trust

KEY = MemberKey("platform-a")
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
names = st.text(st.characters(max_codepoint=127), min_size=1, max_size=20)
digests = st.binary(min_size=32, max_size=32)
safe = st.integers(0, 2**53 - 1)


def through_json(value: Any) -> Any:
    return decode_json(canonical_json(value), place="here", max_bytes=1 << 22)


def matching(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern, fullmatch=True)


payloads = st.fixed_dictionaries(
    {
        "cid": matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}"),
        "iss": matching(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"),
        "jti": matching(r"[A-Za-z0-9._:-]{1,128}"),
        "type": matching(r"[a-z]{1,24}\.[a-z_]{1,32}"),
        "sub": matching(
            r"(anchor|case|consortium|record|seal):[a-z0-9-]{1,40}:[A-Za-z0-9._-]{1,64}"
        ),
        "source": st.fixed_dictionaries(
            {"system": text, "method": matching(r"[a-z][a-z0-9_.-]{0,39}")}
        ),
        "data": st.dictionaries(names, text | safe | st.lists(text, max_size=3), max_size=4),
        "occurred_at": st.integers(0, 2_000_000_000_000),
        "iat": st.integers(0, 2_000_000_000),
    },
    optional={"collected_at": st.integers(2_000_000_000_000, 253_402_300_799_999)},
)


@given(payloads, st.integers(1, 86_400), st.lists(digests, max_size=5, unique=True))
def test_transactions(payload: dict[str, Any], lifetime: int, named: list[bytes]) -> None:
    payload["exp"] = payload["iat"] + lifetime
    if named:
        payload["_sd"] = [encode_base64url(digest) for digest in named]
        payload["_sd_alg"] = "sha-256"
    jwt = signed_jwt(KEY, canonical_json(payload))
    transaction = decode_transaction(jwt)
    for name in PAYLOAD_MEMBERS - {"_sd", "_sd_alg"}:
        assert getattr(transaction, name) == payload.get(name)
    assert transaction.digests == tuple(payload.get("_sd", ()))
    assert compact(*split_compact(jwt)) == jwt


@given(st.binary(max_size=300) | st.text("abcAQgw-_.~={}", max_size=60).map(str.encode))
def test_any_bytes_are_a_transaction_or_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_transaction(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


@given(st.sampled_from(sorted(PAYLOAD_MEMBERS)), json_values)
def test_any_value_of_any_member_is_decoded_or_refused_with_its_place(
    name: str, value: Any
) -> None:
    payload = {**event(**digests_of([encode_disclosure("x" * 22, "a", 1)])), name: value}
    jwt = signed_jwt(KEY, json.dumps(payload).encode())
    place = "payload"
    try:
        decode_transaction(jwt)
    except InvalidInput as refused:
        place = refused.place
    assert place.startswith(("payload", "transaction"))


signatures = st.tuples(st.integers(1, P256_ORDER - 1), st.integers(1, P256_ORDER - 1)).map(
    lambda pair: pair[0].to_bytes(32, "big") + pair[1].to_bytes(32, "big")
)


@given(signatures)
def test_of_s_and_its_opposite_one_is_low(signature: bytes) -> None:
    low = use_low_s(signature)
    assert has_low_s(low)
    assert use_low_s(low) == low
    assert low[:32] == signature[:32]
    s, other = (int.from_bytes(item[32:], "big") for item in (signature, low))
    assert other in (s, P256_ORDER - s)


fields = st.dictionaries(
    matching(r"[a-z][a-z0-9_]{0,63}").filter(lambda name: name not in PAYLOAD_MEMBERS),
    text | st.integers(-(2**53) + 1, 2**53 - 1) | st.lists(text, max_size=3),
    min_size=1,
    max_size=6,
)


@given(fields, st.binary(min_size=16, max_size=32), st.data())
def test_disclosures(values: dict[str, Any], salt: bytes, data: st.DataObject) -> None:
    made = [encode_disclosure(encode_base64url(salt), *item) for item in values.items()]
    assert [decode_disclosure(item.encoded) for item in made] == made
    shown = data.draw(st.lists(st.sampled_from(made), unique_by=lambda item: item.name))
    named = [item.digest for item in made]
    assert match_disclosures(named, [item.encoded for item in shown], {}) == shown
    for item in shown:
        with pytest.raises(InvalidInput):
            match_disclosures(named, [item.encoded for item in shown], {item.name: 1})
    joined = "~".join(["a.b.c", *(item.encoded for item in shown), ""]).encode()
    assert split_sd_jwt(joined) == (b"a.b.c", [item.encoded for item in shown])


@given(st.text(max_size=60) | st.binary(max_size=60).map(encode_base64url))
def test_any_text_is_a_disclosure_or_refused(encoded: str) -> None:
    try:
        disclosure = decode_disclosure(encoded)
    except InvalidEncoding:
        return
    assert disclosure.encoded == encoded


codes = st.builds(code_digits, st.just("seal-test"), digests, st.integers(0, 2**32 - 1))


@given(codes, st.integers(1, 999_999_999))
def test_codes(digits: str, ordinal: int) -> None:
    written = f"CZ{digits}-{ordinal}"
    code = parse_code(written)
    assert (str(code), code.digits, code.ordinal) == (written, digits, ordinal)
    full_width = "".join(chr(ord(c) + 0xFEE0) for c in written.lower())
    assert tidy_lookup(f" {full_width}\n") == written
    assert tidy_lookup(tidy_lookup(written)) == written


@given(codes, st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_never_passes(digits: str, place: int, by: int) -> None:
    wrong = digits[:place] + str((int(digits[place]) + by) % 10) + digits[place + 1 :]
    assert check_digit(wrong[:12]) != wrong[12]
    with pytest.raises(InvalidEncoding):
        parse_code(f"CZ{wrong}")


@given(st.text(max_size=30))
def test_any_text_can_be_looked_up(typed: str) -> None:
    tidy = tidy_lookup(typed)
    try:
        code = parse_code(tidy)
    except InvalidEncoding:
        return
    assert str(code) == tidy


entries = st.builds(
    Entry,
    code=st.builds(lambda digits, n: f"CZ{digits}-{n}", codes, st.integers(1, 10**9 - 1)),
    facts=st.dictionaries(matching(r"[a-z_]{1,12}"), text | safe, max_size=4),
    height=safe,
    prev=st.just(b"") | digests,
    time=safe,
    tx=matching(r"[A-Za-z0-9_-]{1,20}\.[A-Za-z0-9_-]{1,20}\.[A-Za-z0-9_-]{1,20}"),
)


@given(entries)
def test_entries(entry: Entry) -> None:
    data = entry.encode()
    assert decode_entry(data) == entry
    assert decode_entry(data).encode() == data


parts = st.tuples(st.binary(max_size=40), st.binary(max_size=200), st.binary(max_size=64))


@settings(max_examples=60)
@given(st.lists(parts, min_size=1, max_size=256, unique_by=lambda item: item[:2]))
def test_frames(transactions: list[tuple[bytes, bytes, bytes]]) -> None:
    frame = pack_parts(transactions)
    assert unpack_parts(frame) == transactions
    jwts = decode_frame(frame)
    assert jwts == [compact(*item) for item in transactions]
    assert encode_frame(jwts) == frame


@given(st.binary(max_size=120), st.integers(0, 200), st.integers(1, 255))
def test_any_bytes_are_a_frame_or_refused(data: bytes, position: int, mask: int) -> None:
    good = bytearray(pack_parts([(b"h", letter * 30, b"s") for letter in (b"p", b"q", b"r")]))
    good[position % len(good)] ^= mask
    for frame in (data, b"\x01" + data, bytes(good)):
        try:
            transactions = unpack_parts(frame)
        except InvalidEncoding:
            continue
        assert unpack_parts(pack_parts(transactions)) == transactions


@settings(max_examples=60)
@given(st.lists(parts, min_size=2, max_size=20), st.data())
def test_a_frame_that_holds_what_was_signed_twice_is_refused(
    transactions: list[tuple[bytes, bytes, bytes]], data: st.DataObject
) -> None:
    """However it was packed: the content is put together by hand."""
    chosen = data.draw(st.sampled_from(transactions))
    twin = (*chosen[:2], data.draw(st.binary(max_size=64)))
    transactions.insert(data.draw(st.integers(0, len(transactions))), twin)
    content = encode_uvarint(len(transactions)) + b"".join(
        encode_uvarint(len(part)) + part for item in transactions for part in item
    )
    with pytest.raises(InvalidEncoding, match="has the header and payload of"):
        unpack_parts(b"\x01" + zstandard.ZstdCompressor().compress(content))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(2, 400_000), st.integers(1, 256)), max_size=60))
def test_a_block_is_refused_just_where_it_has_too_much(sizes: list[tuple[int, int]]) -> None:
    frames = [
        b"\x01" + zstandard.ZstdCompressor().compress(encode_uvarint(count).ljust(size, b"\0"))
        for size, count in sizes
    ]
    too_much = any(
        [
            sum(size for size, _ in sizes) > MAX_BLOCK_UNPACKED_BYTES,
            sum(count for _, count in sizes) > MAX_BLOCK_TRANSACTIONS,
        ]
    )
    with pytest.raises(InvalidEncoding) if too_much else nullcontext():
        check_block(frames)


block_ids = st.builds(BlockId, st.just(b"") | digests, st.integers(0, 9), st.just(b"") | digests)
times = st.builds(Timestamp, st.integers(0, MAX_SECONDS), st.integers(0, 999_999_999))
optional_digests = st.just(b"") | digests
headers = st.builds(
    Header,
    version=st.tuples(safe, safe),
    chain_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50),
    height=st.integers(1, 2**53 - 1),
    time=times,
    last_block_id=block_ids,
    last_commit_hash=optional_digests,
    data_hash=optional_digests,
    validators_hash=optional_digests,
    next_validators_hash=optional_digests,
    consensus_hash=optional_digests,
    app_hash=optional_digests,
    last_results_hash=optional_digests,
    evidence_hash=optional_digests,
    proposer_address=st.just(b"") | st.binary(min_size=20, max_size=20),
)


@given(headers, headers)
def test_headers(header: Header, other: Header) -> None:
    assert read_header(through_json(header_json(header)), "header") == header
    if header != other:
        assert header.hash() != other.hash()
        assert header.encode() != other.encode()


@given(headers, st.data())
def test_one_field_moves_the_header_hash(header: Header, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(vars(header))))
    other = data.draw(headers)
    assume(getattr(other, name) != getattr(header, name))
    assert replace(header, **{name: getattr(other, name)}).hash() != header.hash()


votes = st.just(CommitSignature(FLAG_ABSENT, b"", Timestamp(0), b"")) | st.builds(
    CommitSignature,
    st.just(FLAG_COMMIT),
    st.binary(min_size=20, max_size=20),
    times,
    st.binary(min_size=64, max_size=64),
)
commits = st.builds(
    Commit,
    height=st.integers(1, 2**53 - 1),
    round=st.integers(0, 2**31 - 1),
    block_id=block_ids,
    signatures=st.lists(votes, min_size=1, max_size=4).map(tuple),
)


@given(commits, commits, times, times)
def test_commits(commit: Commit, other: Commit, time: Timestamp, later: Timestamp) -> None:
    assert read_commit(through_json(commit_json(commit)), "commit") == commit
    signed = commit.sign_bytes("chain", time)
    if time != later:
        assert commit.sign_bytes("chain", later) != signed
    assert commit.sign_bytes("chains", time) != signed
    same = (commit.height, commit.round, commit.block_id) == (
        other.height,
        other.round,
        other.block_id,
    )
    assert (other.sign_bytes("chain", time) == signed) == same


validators = st.builds(Validator, digests, st.integers(1, 2**53 - 1))


@given(st.lists(validators, min_size=1, max_size=8, unique_by=lambda v: v.public_key), st.randoms())
def test_a_set_is_the_same_in_whatever_order_it_is_told(
    listed: list[Validator], order: Any
) -> None:
    turned = list(listed)
    order.shuffle(turned)
    assert ValidatorSet.of(turned) == ValidatorSet.of(listed)
    assert ValidatorSet.of(turned).hash() == ValidatorSet.of(listed).hash()
    more = ValidatorSet.of([replace(listed[0], power=listed[0].power + 1), *listed[1:]])
    assert more.hash() != ValidatorSet.of(listed).hash()


trusts = st.builds(
    Trust,
    chain_id=matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}"),
    genesis_hash=digests,
    checkpoint=st.none() | st.builds(TrustedCheckpoint, st.integers(1, 2**53 - 1), digests),
    tsa_roots=st.lists(st.binary(min_size=1, max_size=40), max_size=3).map(tuple),
    signer_roots=st.none() | st.lists(st.binary(min_size=1, max_size=40), max_size=3).map(tuple),
    anchors=st.lists(
        st.builds(
            lambda members, kind: {**members, "kind": kind},
            st.dictionaries(names, text | safe, max_size=3),
            matching(r"[a-z][a-z0-9._-]{0,39}"),
        ),
        max_size=3,
    ).map(tuple),
)


@given(trusts, trusts)
def test_trust_files(trust: Trust, other: Trust) -> None:
    again = decode_trust(canonical_json(trust.to_json()))
    assert again == trust
    assert (other.fingerprint == trust.fingerprint) == (other == trust)


GENESIS = Chain(validators=2).genesis
divisions = st.lists(matching(r"([0-9]{2}){0,3}"), max_size=4)


@given(text, divisions, st.integers(1, 2**40), st.integers(1, 2**53 - 1))
def test_genesis(name: str, within: list[str], power: int, height: int) -> None:
    value = decode_json(GENESIS.document, place="here", max_bytes=1 << 20)
    value["members"][0].update(name=name, divisions=within)
    value["validators"][1]["power"] = power
    value.update(initial_height=height)
    genesis = encode_genesis(value)
    member: GenesisMember = genesis.members[0]
    assert (member.name, member.divisions) == (name, tuple(within))
    assert genesis.validators[1].validator.power == power
    assert (genesis.initial_height, genesis.rules_version) == (height, RULES_VERSION)
    assert decode_genesis(genesis.document) == genesis
    assert canonical_json(value) == genesis.document


@given(st.integers(2, 2**53 - 1))
def test_a_genesis_of_other_rules_is_refused(rules: int) -> None:
    value = decode_json(GENESIS.document, place="here", max_bytes=1 << 20)
    value.update(rules_version=rules, parameters={"what_they_have": 1})
    with pytest.raises(InvalidInput) as refused:
        encode_genesis(value)
    assert refused.value.place == "genesis.rules_version"
