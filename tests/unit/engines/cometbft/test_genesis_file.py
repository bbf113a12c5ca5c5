"""The engine's genesis follows from the consortium's, and gives the headers' hashes."""

from __future__ import annotations

import json

from builders.consortium import consortium_genesis

from node.core.genesis import decode_genesis
from node.engines.cometbft.genesis_file import app_state, engine_genesis
from node.engines.cometbft.rpc_json import read_time, read_validators


def test_it_says_what_the_genesis_says() -> None:
    genesis = consortium_genesis()
    document = json.loads(engine_genesis(genesis))
    assert document["chain_id"] == genesis.chain_id
    assert document["initial_height"] == str(genesis.initial_height)
    assert read_time(document["genesis_time"], "t").milliseconds == genesis.genesis_time
    block = document["consensus_params"]["block"]
    assert block == {"max_bytes": str(genesis.parameters["max_block_bytes"]), "max_gas": "-1"}
    assert document["consensus_params"]["version"]["app"] == str(genesis.rules_version)
    validators = [
        {"pub_key": item["pub_key"], "voting_power": item["power"]}
        for item in document["validators"]
    ]
    assert read_validators(validators) == genesis.validator_set
    assert [item["name"] for item in document["validators"]] == [
        item.member for item in genesis.validators
    ]


def test_all_members_make_the_same_bytes() -> None:
    genesis = consortium_genesis()
    assert engine_genesis(decode_genesis(genesis.document)) == engine_genesis(genesis)
    assert json.loads(engine_genesis(genesis))["app_state"] == app_state(genesis)
    assert app_state(genesis) == {"genesis_sha256": genesis.hash.hex()}
