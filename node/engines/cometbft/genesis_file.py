"""The engine's genesis file, which follows from the consortium's genesis document alone."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

from node.core.genesis import Genesis

__all__ = ["app_state", "engine_genesis"]

_EVIDENCE_SECONDS = 48 * 3600
"""How long after the fact a validator's misbehaviour can be reported."""


def app_state(genesis: Genesis) -> dict[str, str]:
    """What InitChain gets, in JSON, as ``app_state_bytes``: the hash of the genesis document."""
    return {"genesis_sha256": genesis.hash.hex()}


def engine_genesis(genesis: Genesis) -> bytes:
    """CometBFT's ``genesis.json`` (GenesisDoc of 0.38).

    All members write the same bytes. ``consensus_params.block`` gives the headers' consensus_hash,
    ``version.app`` is the ``rules_version``.
    """
    powers = {item.validator.public_key: item.member for item in genesis.validators}
    document: dict[str, Any] = {
        "genesis_time": _time(genesis.genesis_time),
        "chain_id": genesis.chain_id,
        "initial_height": str(genesis.initial_height),
        "consensus_params": {
            "block": {"max_bytes": str(genesis.parameters["max_block_bytes"]), "max_gas": "-1"},
            "evidence": {
                "max_age_num_blocks": "1000000",
                "max_age_duration": str(_EVIDENCE_SECONDS * 1_000_000_000),
                "max_bytes": "65536",
            },
            "validator": {"pub_key_types": ["ed25519"]},
            "version": {"app": str(genesis.rules_version)},
            "abci": {"vote_extensions_enable_height": "0"},
        },
        "validators": [
            {
                "address": validator.address.hex().upper(),
                "pub_key": {
                    "type": "tendermint/PubKeyEd25519",
                    "value": b64encode(validator.public_key).decode("ascii"),
                },
                "power": str(validator.power),
                "name": powers[validator.public_key],
            }
            for validator in genesis.validator_set.validators
        ],
        "app_hash": "",
        "app_state": app_state(genesis),
    }
    return json.dumps(document, indent=2).encode("ascii") + b"\n"


def _time(milliseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"
