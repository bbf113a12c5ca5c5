"""From settings to adapters: what is refused before anything is connected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from builders.evm import embedded, surroundings

from chaincode_adapters.errors import Misconfigured, Unreachable
from chaincode_adapters.evm.building import build
from chaincode_adapters.evm.settings import EmbeddedSettings, EvmSettings

CONTRACT = "0x" + "aB" * 20
TABLE: dict[str, Any] = {
    "kind": "evm",
    "name": "judicial",
    "operator": "Judicial Chain",
    "url": "https://node.example/v3/secret-api-key",
    "chain_id": 2**53 - 1,
    "contract": CONTRACT,
    "key": "keys/anchor.key",
}


def settings(**changes: Any) -> EvmSettings:
    made = {name: value for name, value in {**TABLE, **changes}.items() if value is not None}
    return msgspec.convert(made, EvmSettings)


def test_an_adapter_tells_what_it_is_before_it_is_open(tmp_path: Path) -> None:
    adapter = build(settings(in_flight=4, poll_ms=500), surroundings(tmp_path))
    assert (adapter.name, adapter.kind) == ("judicial", "evm")
    assert adapter.chain == f"eip155:9007199254740991/{'ab' * 20}"
    assert len(adapter.chain) <= 64
    assert (adapter.in_flight, adapter.poll_ms) == (4, 500)
    with pytest.raises(Unreachable, match="judicial is not open"):
        adapter.trust_entry()
    adapter.close()
    adapter.close()


@pytest.mark.parametrize(
    "changes",
    [
        {"contract": "ab" * 20},
        {"contract": "0x" + "ab" * 19},
        {"contract": CONTRACT + "\n"},
        {"chain_id": 0},
        {"chain_id": None},
        {"chain_id": 2**53},
        {"depth": 0},
        {"gas_limit": 0},
        {"gas_price": -1},
        {"from_block": -1},
        {"url": None},
        {"confirmations": 5},
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        settings(**changes)


@pytest.mark.parametrize(
    "url", ["node.example:8545", "ftp://node.example", "http://", "https://:8545", "http://[::1"]
)
def test_urls_that_are_none_are_refused_without_being_told(tmp_path: Path, url: str) -> None:
    with pytest.raises(Misconfigured, match=r"^url: "):
        build(settings(url=url), surroundings(tmp_path))


def test_settings_do_not_tell_the_url(tmp_path: Path) -> None:
    made = settings()
    adapter = build(made, surroundings(tmp_path))
    for text in (repr(made), str(made), repr(adapter), repr([made])):
        assert "secret" not in text


def test_a_fixed_price_has_no_limit(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="gas_price, most_gas_price"):
        build(settings(gas_price=1, most_gas_price=1), surroundings(tmp_path))


def test_nothing_is_written_before_it_is_opened(tmp_path: Path) -> None:
    adapter = embedded(tmp_path)
    assert not list(tmp_path.iterdir())
    assert adapter.chain == "embedded:platform-a"
    adapter.open()
    adapter.close()
    folder = tmp_path / "anchors" / "embedded"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in folder.iterdir()) == ["account.key", "chain.sqlite"]


def test_a_missing_key_stops_the_adapter_alone(tmp_path: Path) -> None:
    adapter = build(settings(), surroundings(tmp_path))
    with pytest.raises(Misconfigured, match=r"keys/anchor\.key cannot be read"):
        adapter.open()


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "anchors").write_text("a file")
    with pytest.raises(Misconfigured, match=r"^path: "):
        embedded(tmp_path).open()


def test_settings_of_the_embedded_chain() -> None:
    made = msgspec.convert(
        {"kind": "evm-embedded", "name": "development", "operator": "Platform A"}, EmbeddedSettings
    )
    assert (made.path, made.poll_ms) == ("anchors/embedded", 200)
