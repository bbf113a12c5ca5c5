"""The numbers of docs/spec/limits.md, and of every document that links to it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.core import (
    block,
    bundle,
    checkpoint,
    consortium_description,
    disclosure,
    encoding,
    ended_chain,
    entry,
    frame,
    genesis,
    genesis_signature,
    member_description,
    request_token,
    seal_status,
    statemap,
    status_list,
    transaction,
    trust,
    verify_case,
)
from node.core.errors import InvalidInput
from node.core.evidence_code import parse_code
from node.core.pdf import reader, revisions
from node.core.pdf.attachments import MAX_ATTACHED_BYTES
from node.core.pdf.objects import MAX_OBJECTS
from node.core.pdf.validation_data import MAX_VALIDATION_BYTES
from node.core.request_token import decode_request_token
from node.core.signatures import load_backend
from node.ledger.snapshots import format as snapshot
from node.rules import changes, consortium_events, governance, validator_changes

SPEC = Path(__file__).parents[2] / "docs" / "spec"
EXAMPLES = {path.name: json.loads(path.read_bytes()) for path in (SPEC / "examples").iterdir()}
DOCUMENTS = {path.stem: path.read_text(encoding="utf-8") for path in SPEC.glob("*.md")}


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


LIMITS: dict[str, int] = {
    "block-part": block.BLOCK_PART_BYTES,
    "block-transactions": frame.MAX_BLOCK_TRANSACTIONS,
    "block-unpacked": frame.MAX_BLOCK_UNPACKED_BYTES,
    "bundle-bytes": bundle.MAX_BUNDLE_BYTES,
    "bundle-validators": bundle.MAX_BUNDLE_VALIDATORS,
    "certificate-attached": MAX_ATTACHED_BYTES,
    "certificate-bytes": revisions.MAX_PDF_BYTES,
    "certificate-depth": reader.MAX_DEPTH,
    "certificate-object": reader.MAX_OBJECT_BYTES,
    "certificate-objects": MAX_OBJECTS,
    "certificate-revisions": revisions.MAX_REVISIONS,
    "certificate-text": revisions.MAX_TEXT_BYTES,
    "certificate-validation": MAX_VALIDATION_BYTES,
    "consortium-description-bytes": (consortium_description.MAX_CONSORTIUM_DESCRIPTION_BYTES),
    "consortium-members": changes.MAX_MEMBERS,
    "consortium-validators": validator_changes.MAX_VALIDATORS,
    "description-bytes": member_description.MAX_DESCRIPTION_BYTES,
    "disclosure-bytes": disclosure.MAX_DISCLOSURE_BYTES,
    "disclosure-salt": disclosure.MIN_SALT_CHARACTERS,
    "entry-bytes": entry.MAX_ENTRY_BYTES,
    "frame-bytes": frame.MAX_FRAME_BYTES,
    "frame-transactions": frame.MAX_FRAME_TRANSACTIONS,
    "frame-unpacked": frame.MAX_UNPACKED_BYTES,
    "genesis-bytes": genesis.MAX_GENESIS_BYTES,
    "genesis-signature-bytes": genesis_signature.MAX_GENESIS_SIGNATURE_BYTES,
    "json-integer": encoding.MAX_INTEGER,
    "key-overlap": consortium_events.MAX_OVERLAP,
    "member-registered-keys": consortium_events.MAX_MEMBER_KEYS,
    "proposal-delay": governance.MAX_DELAY,
    "proposal-open": governance.MAX_OPEN,
    "proposal-open-each": governance.MAX_OPEN_OF_ONE,
    "proposal-time": governance.MAX_OPEN_MS,
    "seal-status-bytes": seal_status.MAX_SEAL_STATUS_BYTES,
    "status-list-seals": status_list.MAX_LIST_SEALS,
    "snapshot-chunk": snapshot.MAX_CHUNK_BYTES,
    "snapshot-chunks": snapshot.MAX_CHUNKS,
    "snapshot-depth": snapshot.MAX_DEPTH,
    "state-depth": statemap.MAX_STATE_DEPTH,
    "state-key": statemap.MAX_STATE_KEY,
    "time-seconds": transaction.MAX_SECONDS,
    "token-leeway": request_token.CLOCK_LEEWAY,
    "token-lifetime": request_token.MAX_TOKEN_LIFETIME,
    "transaction-bytes": transaction.MAX_TRANSACTION_BYTES,
    "transaction-digests": transaction.MAX_DIGESTS,
    "transaction-ferried-lifetime": transaction.MAX_FERRIED_LIFETIME,
    "transaction-lifetime": transaction.MAX_LIFETIME,
    "ended-chain-bytes": ended_chain.MAX_ENDED_BYTES,
    "trust-bytes": trust.MAX_TRUST_BYTES,
}
"""Limits that the code names. The others are found out by `accepts` and the schemas."""


def limits() -> dict[str, int]:
    rows = re.findall(
        r'^\| <a id="([\w-]+)"></a>\1 \| ([\d,]+) \|', DOCUMENTS["limits"], re.MULTILINE
    )
    assert len({name for name, _ in rows}) == len(rows)
    return {name: int(value.replace(",", "")) for name, value in rows}


def test_limits_are_those_of_the_code() -> None:
    told = limits()
    assert {name: told[name] for name in LIMITS} == LIMITS


def with_payload(**changes: Any) -> None:
    payload = {**EXAMPLES["transaction.json"]["payload"], **changes}
    transaction.check_payload({key: value for key, value in payload.items() if value is not None})


def with_genesis(path: str, value: Any) -> None:
    document = json.loads(json.dumps(EXAMPLES["genesis.json"]["document"]))
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    at: Any = document
    for step in way:
        at = at[step]
    at[last] = value
    genesis.encode_genesis(document)


def with_token(**changes: Any) -> None:
    claims = {**EXAMPLES["request-token.json"]["claims"], **changes}
    header, _, signature = EXAMPLES["request-token.json"]["token"].split(".")
    middle = encoding.encode_base64url(encoding.canonical_json(claims))
    decode_request_token(f"{header}.{middle}.{signature}")


def token_of(length: int) -> None:
    header, claims, signature = EXAMPLES["request-token.json"]["token"].split(".")
    decoded = b64(claims)
    room = length - len(header) - len(signature) - 2
    padded = decoded + b" " * (room * 3 // 4 - len(decoded))
    text = f"{header}.{encoding.encode_base64url(padded)}.{signature}"
    assert len(text) == length
    decode_request_token(text)


def depth_of(levels: int) -> None:
    encoding.decode_json(b"[" * levels + b"]" * levels, place="x", max_bytes=1000)


def zstd_window(size: int) -> None:
    """A frame of one raw block whose header asks for a window of this size (RFC 8878 §3.1.1.1)."""
    exponent = size.bit_length() - 11
    extra = (size - (1 << size.bit_length() - 1)) >> exponent + 7
    content = bytes.fromhex(EXAMPLES["frame.json"]["content"])
    descriptor = (
        b"\x40" + bytes([exponent << 3 | extra]) + (len(content) - 256).to_bytes(2, "little")
    )
    packed = b"\x28\xb5\x2f\xfd" + descriptor + (len(content) << 3 | 1).to_bytes(3, "little")
    frame.unpack_parts(b"\x01" + packed + content)


def state_value(size: int) -> None:
    text = b'{"a":"' + b"x" * (size - 8) + b'"}'
    assert len(text) == size
    verify_case.decode_state_value(text, "seal/x")


def note_of(size: int) -> None:
    text, _, line = EXAMPLES["checkpoint.json"]["note"].partition("\n\n")
    key = checkpoint.parse_verifier_key(EXAMPLES["checkpoint.json"]["verifier_key"])
    note = f"{text}\n\n{line}".encode()
    filling = "\u2014 ".encode() + b"x" * (size - len(note) - 14) + b" AAAAAAAA\n"
    assert len(note + filling) == size
    checkpoint.open_note(note + filling, key, load_backend())


SOURCE = {"method": "api", "system": "x"}
TRIED: dict[str, Callable[[int], None]] = {
    "code-ordinal": lambda n: void(parse_code(f"CZ{EXAMPLES['entry.json']['code']['digits']}-{n}")),
    "frame-window": zstd_window,
    "json-depth": depth_of,
    "json-integer": lambda n: void(encoding.decode_json(b"%d" % n, place="x", max_bytes=99)),
    "member-name": lambda n: with_genesis("members.0.name", "\U00020bb7" * n),
    "note-bytes": note_of,
    "parameter-block-bytes-most": lambda n: with_genesis("parameters.max_block_bytes", n),
    "parameter-anchor-every": lambda n: with_genesis("parameters.anchor_every_records", n),
    "parameter-clock-tolerance": lambda n: with_genesis("parameters.clock_tolerance_ms", n),
    "parameter-custodians": lambda n: with_genesis("parameters.custodians", ["maker-a"] * n),
    "parameter-pattern-length": lambda n: with_genesis("parameters.sign_no_patterns", ["A" * n]),
    "parameter-pattern-variable": lambda n: with_genesis("parameters.sign_no_patterns", ["A+" * n]),
    "parameter-patterns": lambda n: with_genesis("parameters.sign_no_patterns", ["A"] * n),
    "source-system": lambda n: with_payload(source={**SOURCE, "system": "\U00020bb7" * n}),
    "state-value": state_value,
    "token-bytes": token_of,
    "token-target": lambda n: with_token(htu="/" * n),
    "time-seconds": lambda n: with_payload(iat=n - 1, exp=n),
    "transaction-time": lambda n: with_payload(occurred_at=n),
    "validator-power": lambda n: with_genesis("validators.0.power", n),
}
"""Limits that are tried: the value itself must be accepted, one more refused."""
TOO_MUCH = {"frame-window": 9 << 20, "token-bytes": 8194}
"""The next larger window that zstd can say, and the next length that base64url can have."""


def void(_: Any) -> None:
    """A call's result is not asked for."""


@pytest.mark.parametrize("name", TRIED)
def test_limits_are_the_last_that_is_accepted(name: str) -> None:
    most = limits()[name]
    TRIED[name](most)
    with pytest.raises(InvalidInput):
        TRIED[name](TOO_MUCH.get(name, most + 1))


def test_the_lowest_block_size_is_the_last_that_is_accepted() -> None:
    least = limits()["parameter-block-bytes-least"]
    with_genesis("parameters.max_block_bytes", least)
    with pytest.raises(InvalidInput):
        with_genesis("parameters.max_block_bytes", least - 1)


SCHEMAS = {
    name: json.loads((SPEC / "schemas" / f"{name}.schema.json").read_bytes())
    for name in ("bundle", "genesis", "trust")
}
IN_SCHEMAS = {
    "bundle-anchors": ("bundle", "properties/anchors/maxItems"),
    "bundle-consistency": ("bundle", "properties/consistency/maxItems"),
    "bundle-disclosure": (
        "bundle",
        "properties/entries/items/properties/disclosures/items/pattern",
    ),
    "bundle-parts": ("bundle", "$defs/block_id/properties/parts_total/maximum"),
    "bundle-path": ("bundle", "$defs/path/maxItems"),
    "bundle-predecessors": ("bundle", "properties/predecessors/maxItems"),
    "bundle-records": ("bundle", "properties/entries/maxItems"),
    "bundle-round": ("bundle", "$defs/commit/properties/round/maximum"),
    "bundle-set-size": ("bundle", "$defs/validator_set/maxItems"),
    "bundle-sets": ("bundle", "$defs/chain/properties/validator_sets/maxItems"),
    "entry-bytes": ("bundle", "properties/entries/items/properties/entry/maxLength"),
    "genesis-bytes": ("bundle", "$defs/chain/properties/genesis/maxLength"),
    "genesis-members": ("genesis", "properties/members/maxItems"),
    "genesis-validators": ("genesis", "properties/validators/maxItems"),
    "json-integer": ("bundle", "properties/as_of/maximum"),
    "member-divisions": ("genesis", "$defs/member/properties/divisions/maxItems"),
    "member-keys": ("genesis", "$defs/member/properties/keys/maxItems"),
    "member-name": ("genesis", "$defs/member/properties/name/maxLength"),
    "state-depth": ("bundle", "$defs/state_proof/properties/path/maxItems"),
    "time-seconds": ("bundle", "$defs/time/properties/seconds/maximum"),
    "trust-anchors": ("trust", "properties/anchors/maxItems"),
    "trust-tsa-characters": ("trust", "properties/tsa_roots/items/maxLength"),
    "trust-tsa-roots": ("trust", "properties/tsa_roots/maxItems"),
    "validator-power": ("genesis", "$defs/validator/properties/power/maximum"),
}
"""Limits that a schema has; that the decoders have the same is shown beside the schemas' tests."""


@pytest.mark.parametrize("name", IN_SCHEMAS)
def test_limits_are_those_of_the_schemas(name: str) -> None:
    schema, path = IN_SCHEMAS[name]
    value: Any = SCHEMAS[schema]
    for step in path.split("/"):
        value = value[step]
    found = int(re.findall(r"\{1,(\d+)\}", value)[0]) if isinstance(value, str) else value
    assert found == limits()[name]


def test_every_limit_is_held_against_something() -> None:
    assert set(limits()) == {*LIMITS, *TRIED, *IN_SCHEMAS, "parameter-block-bytes-least"}


def test_numbers_in_the_text_are_those_of_the_table() -> None:
    told = limits()
    used = set()
    for name, text in DOCUMENTS.items():
        for number, limit in re.findall(r"\[([\d,]+)\]\(limits\.md#([\w-]+)\)", text):
            assert int(number.replace(",", "")) == told[limit], f"{name}.md: {limit}"
            used.add(limit)
    assert used == set(told)
