from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.trust import MAX_TRUST_BYTES, Trust, TrustedCheckpoint, decode_trust

TRUST = Trust(
    chain_id="seal-test",
    genesis_hash=b"\x01" * 32,
    checkpoint=TrustedCheckpoint(7, b"\x02" * 32),
    tsa_roots=(b"\x30\x82DER", b"\x30other"),
    anchors=({"chain": "1", "contract": "0xabc", "kind": "evm"},),
    signer_roots=(b"\x30\x82DER",),
)
VALUE = TRUST.to_json()


def test_round_trip() -> None:
    assert decode_trust(canonical_json(VALUE)) == TRUST
    bare = Trust("seal-test", b"\x01" * 32)
    assert decode_trust(canonical_json(bare.to_json())) == bare
    assert not {"checkpoint", "signer_roots"} & set(bare.to_json())
    none = Trust("seal-test", b"\x01" * 32, signer_roots=())
    assert decode_trust(canonical_json(none.to_json())) == none
    assert none.fingerprint != bare.fingerprint


def test_fingerprint_is_of_the_canonical_form() -> None:
    layout = json.dumps(VALUE, indent=4, ensure_ascii=True).encode()
    assert decode_trust(layout).fingerprint == TRUST.fingerprint
    assert TRUST.fingerprint == hashlib.sha256(canonical_json(VALUE)).digest()


def test_fingerprint_moves_with_every_part() -> None:
    others = [
        {**VALUE, "chain_id": "other"},
        {**VALUE, "genesis_hash": "00" * 32},
        {**VALUE, "checkpoint": {"root": "02" * 32, "size": 8}},
        {**VALUE, "tsa_roots": VALUE["tsa_roots"][::-1]},
        {**VALUE, "anchors": []},
        {**VALUE, "signer_roots": []},
    ]
    prints = {decode_trust(canonical_json(value)).fingerprint for value in others}
    assert len(prints | {TRUST.fingerprint}) == len(others) + 1


def without(name: str) -> dict[str, Any]:
    return {other: value for other, value in VALUE.items() if other != name}


REFUSED: dict[str, tuple[Any, str]] = {
    "list": ([], "trust"),
    "unknown member": ({**VALUE, "extra": 1}, "trust.extra"),
    **{
        f"no {name}": (without(name), f"trust.{name}")
        for name in VALUE
        if name not in ("checkpoint", "signer_roots")
    },
    "another format": ({**VALUE, "format": "evidence-trust/2"}, "trust.format"),
    "chain id": ({**VALUE, "chain_id": "a/b"}, "trust.chain_id"),
    "genesis hash in capitals": ({**VALUE, "genesis_hash": "AB" * 32}, "trust.genesis_hash"),
    "genesis hash short": ({**VALUE, "genesis_hash": "ab"}, "trust.genesis_hash"),
    "checkpoint list": ({**VALUE, "checkpoint": []}, "trust.checkpoint"),
    "checkpoint without root": ({**VALUE, "checkpoint": {"size": 1}}, "trust.checkpoint.root"),
    "checkpoint of size 0": (
        {**VALUE, "checkpoint": {"root": "02" * 32, "size": 0}}, "trust.checkpoint.size",
    ),
    "checkpoint with more": (
        {**VALUE, "checkpoint": {"root": "02" * 32, "size": 1, "at": 1}}, "trust.checkpoint.at",
    ),
    "roots text": ({**VALUE, "tsa_roots": "x"}, "trust.tsa_roots"),
    "signer roots text": ({**VALUE, "signer_roots": "x"}, "trust.signer_roots"),
    "signer root empty": ({**VALUE, "signer_roots": [""]}, "trust.signer_roots[0]"),
    "101 signer roots": ({**VALUE, "signer_roots": ["MAAA"] * 101}, "trust.signer_roots"),
    "root number": ({**VALUE, "tsa_roots": [1]}, "trust.tsa_roots[0]"),
    "root empty": ({**VALUE, "tsa_roots": [""]}, "trust.tsa_roots[0]"),
    "root outside ASCII": ({**VALUE, "tsa_roots": ["MAAA", "印章"]}, "trust.tsa_roots[1]"),
    "root with blanks": ({**VALUE, "tsa_roots": ["MA AA"]}, "trust.tsa_roots[0]"),
    "root without padding": ({**VALUE, "tsa_roots": ["MAA"]}, "trust.tsa_roots[0]"),
    "root base64url": ({**VALUE, "tsa_roots": ["-_-_"]}, "trust.tsa_roots[0]"),
    "root with loose bits": ({**VALUE, "tsa_roots": ["MAB="]}, "trust.tsa_roots[0]"),
    "root in PEM": (
        {**VALUE, "tsa_roots": ["-----BEGIN CERTIFICATE-----"]}, "trust.tsa_roots[0]",
    ),
    "101 roots": ({**VALUE, "tsa_roots": ["MAAA"] * 101}, "trust.tsa_roots"),
    "root of 65,540 characters": ({**VALUE, "tsa_roots": ["AAAA" * 16385]}, "trust.tsa_roots[0]"),
    "anchor text": ({**VALUE, "anchors": ["x"]}, "trust.anchors[0]"),
    "anchor of no kind": ({**VALUE, "anchors": [{}]}, "trust.anchors[0].kind"),
    "anchor of a kind that is a sentence": (
        {**VALUE, "anchors": [{"kind": "evm, all verified"}]}, "trust.anchors[0].kind",
    ),
    "101 anchors": ({**VALUE, "anchors": [{"kind": "x"}] * 101}, "trust.anchors"),
}  # fmt: skip


@pytest.mark.parametrize(("value", "place"), REFUSED.values(), ids=REFUSED)
def test_refused_with_its_place(value: Any, place: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_trust(canonical_json(value))
    assert refused.value.place == place


@pytest.mark.parametrize(
    "data",
    [b"", b"null", canonical_json(VALUE) + b"x", b" " * (MAX_TRUST_BYTES + 1), b"\xff"],
    ids=["empty", "null", "trailing", "large", "not UTF-8"],
)
def test_files_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_trust(data)
    assert refused.value.place == "trust"


def test_most_that_is_allowed() -> None:
    checkpoint = {"root": "02" * 32, "size": 1}
    value = {
        **VALUE,
        "anchors": [{"kind": "x"}] * 100,
        "checkpoint": checkpoint,
        "tsa_roots": ["MAAA"] * 99 + ["AAAA" * 16384],
    }
    trust = decode_trust(canonical_json(value))
    assert trust.checkpoint == TrustedCheckpoint(1, b"\x02" * 32)
    assert len(trust.tsa_roots) == len(trust.anchors) == 100
    assert MAX_TRUST_BYTES == 1_048_576


def test_roots_are_der_in_standard_base64() -> None:
    assert [base64.b64decode(text) for text in VALUE["tsa_roots"]] == list(TRUST.tsa_roots)


def test_an_entry_is_decoded_once_however_many_receipts_ask() -> None:
    """A bundle of 500 receipts must not decode a trust file of a megabyte 500 times."""
    places = []

    def read(value: Any, place: str) -> str:
        places.append(place)
        return value["chain"]

    trust = decode_trust(canonical_json(VALUE))
    assert [trust.entries("evm", read) for _ in range(500)] == [("1",)] * 500
    assert trust.entries("fabric", read) == ()
    assert places == ["trust.anchors[0]"]
    assert trust == TRUST
