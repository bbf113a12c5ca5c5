from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from node.cli.node_toml import EXAMPLE, node_toml
from node.config import NodeConfig

CONFIG = Path(__file__).parents[3] / "config" / "node.example.toml"


def test_text_is_that_of_the_example_configuration() -> None:
    assert CONFIG.read_text("utf-8") == EXAMPLE


def test_every_value_of_it_is_the_default() -> None:
    shown = tomllib.loads(EXAMPLE)
    defaults = msgspec.to_builtins(NodeConfig(), enc_hook=str)
    del defaults["home"]
    assert shown == defaults


def test_operator_is_filled_in_and_nothing_else() -> None:
    with_operator = tomllib.loads(node_toml("bureau-3701"))
    assert with_operator["operator"].pop("member") == "bureau-3701"
    without = tomllib.loads(EXAMPLE)
    del without["operator"]["member"]
    assert with_operator == without
