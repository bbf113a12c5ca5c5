from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from node.cli.node_toml import EXAMPLE, consortium_toml, node_toml
from node.config import (
    AnchorsConfig,
    ApiConfig,
    ConsortiumConfig,
    EngineConfig,
    NodeConfig,
    OperatorConfig,
    load_config,
)

CONFIG = Path(__file__).parents[3] / "config" / "node.example.toml"


def test_text_is_that_of_the_example_configuration() -> None:
    assert CONFIG.read_text("utf-8") == EXAMPLE


def test_every_value_of_it_is_the_default() -> None:
    shown = tomllib.loads(EXAMPLE)
    defaults = msgspec.to_builtins(NodeConfig(), enc_hook=str)
    del defaults["home"]
    assert defaults["anchors"].pop("to") == [], "a table each, which cannot be shown as none"
    assert shown == defaults


def test_operator_is_filled_in_and_nothing_else() -> None:
    with_operator = tomllib.loads(node_toml("bureau-3701"))
    assert with_operator["operator"].pop("member") == "bureau-3701"
    without = tomllib.loads(EXAMPLE)
    del without["operator"]["member"]
    assert with_operator == without


def test_a_consortiums_text_differs_in_what_was_given_alone(tmp_path: Path) -> None:
    odd = '/opt/an "engine"\\\x7f/本'
    peers = [f"{'0a' * 20}@a.example:1", f"{'0b' * 20}@[2001:db8::7]:2"]
    for given in (peers, []):
        text = consortium_toml(
            "court-a", api_port=8555, binary=odd, listen="0.0.0.0:1", peers=given
        )
        (tmp_path / "node.toml").write_text(text, "utf-8")
        config = load_config(tmp_path)
        expected = NodeConfig(
            home=tmp_path,
            api=ApiConfig(port=8555),
            engine=EngineConfig(kind="cometbft"),
            consortium=ConsortiumConfig(binary=odd, listen="0.0.0.0:1", peers=given),
            operator=OperatorConfig(member="court-a"),
        )
        assert config == expected


def test_its_outside_chain_is_one_that_can_be_read() -> None:
    """What stands there as a comment, without the marks."""
    _, _, text = EXAMPLE.partition("# [[anchors.to]]")
    lines = [line.removeprefix("# ") for line in text.partition("[log]")[0].splitlines()[1:]]
    shown = tomllib.loads("[[to]]\n" + "\n".join(lines))
    [to] = msgspec.convert(shown, AnchorsConfig).to
    assert (to.name, to.begin) == ("court-time", "newest")
    assert (to.timeout_ms, to.poll_ms, to.in_flight) == (10_000, 2_000, 16)
