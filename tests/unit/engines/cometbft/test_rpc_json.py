"""What CometBFT's RPC gave, read into the core's types, whose hashes and signatures then hold."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from node.core.block import Timestamp, verify_commit
from node.core.errors import InvalidEncoding
from node.core.signatures import load_backend
from node.engines.cometbft.rpc_json import read_commit, read_header, read_time, read_validators

Height = dict[str, Any]


def test_real_heights_verify(cometbft_heights: list[Height]) -> None:
    for height in cometbft_heights:
        signed = height["commit"]["signed_header"]
        header = read_header(signed["header"])
        validators = read_validators(height["validators"]["validators"])
        assert header.hash().hex().upper() == height["block"]["block_id"]["hash"]
        assert verify_commit(header, read_commit(signed["commit"]), validators, load_backend()) > 0


def test_an_absent_vote_has_no_signature(cometbft_heights: list[Height]) -> None:
    commit = copy.deepcopy(cometbft_heights[2]["commit"]["signed_header"]["commit"])
    commit["signatures"][1] = {
        "block_id_flag": 1,
        "validator_address": "",
        "timestamp": "0001-01-01T00:00:00Z",
        "signature": None,
    }
    absent = read_commit(commit).signatures[1]
    assert (absent.flag, absent.address, absent.signature) == (1, b"", b"")
    assert absent.time == Timestamp(-62_135_596_800, 0)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-22T08:40:30.091463849Z", Timestamp(1795336830, 91_463_849)),
        ("1970-01-01T00:00:01Z", Timestamp(1, 0)),
        ("1970-01-01T00:00:00.5Z", Timestamp(0, 500_000_000)),
    ],
)
def test_times(text: str, time: Timestamp) -> None:
    assert read_time(text, "time") == time


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T08:40:30+08:00",
        "2026-13-22T08:40:30Z",
        5,
        "2026-11-22T08:40:30.1234567891Z",
    ],
)
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        read_time(text, "header.time")
    assert refused.value.place == "header.time"


SPOILT: list[tuple[tuple[str, ...], object, str]] = [
    (("height",), "x", "header.height"),
    (("height",), True, "header.height"),
    (("app_hash",), "zz", "header.app_hash"),
    (("app_hash",), None, "header.app_hash"),
    (("version",), [], "header.version"),
    (("last_block_id", "parts", "hash"), 1, "header.last_block_id.parts.hash"),
    (("chain_id",), 7, "header.chain_id"),
]


@pytest.mark.parametrize(("path", "value", "place"), SPOILT, ids=str)
def test_a_header_that_is_none_names_the_place(
    cometbft_heights: list[Height], path: tuple[str, ...], value: object, place: str
) -> None:
    header = copy.deepcopy(cometbft_heights[1]["commit"]["signed_header"]["header"])
    inner = header
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(InvalidEncoding) as refused:
        read_header(header)
    assert refused.value.place == place


def test_a_validator_of_another_kind_is_refused(cometbft_heights: list[Height]) -> None:
    validators = copy.deepcopy(cometbft_heights[1]["validators"]["validators"])
    validators[2]["pub_key"]["type"] = "tendermint/PubKeySecp256k1"
    with pytest.raises(InvalidEncoding, match=r"validators\[2\].pub_key.type"):
        read_validators(validators)
    validators[2]["pub_key"] = {"type": "tendermint/PubKeyEd25519", "value": "AAAA"}
    with pytest.raises(InvalidEncoding, match="32 bytes"):
        read_validators(validators)
    with pytest.raises(InvalidEncoding, match="must be a list"):
        read_validators({})
