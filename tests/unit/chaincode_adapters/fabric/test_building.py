"""Building the adapter from settings: what cannot be right is refused, and no key is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from builders.fabric import recorded
from builders.fabric_replay import Replay

from chaincode_adapters.errors import Misconfigured, Unreachable
from chaincode_adapters.fabric.building import build
from chaincode_adapters.fabric.settings import FabricSettings
from chaincode_adapters.port import Surroundings
from chaincode_adapters.settings import AdapterSettings

CLIENT = recorded()["clients"]["User1@org1.test"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "client.pem").write_text(CLIENT["cert_pem"])
    (tmp_path / "client.key").write_text(CLIENT["key_pem"])
    (tmp_path / "ca.pem").write_text(recorded()["msp_cas"]["Org1MSP"]["tls_ca_pem"])
    return tmp_path


def settings(**changes: Any) -> FabricSettings:
    members = {
        "kind": "fabric",
        "name": "court-channel",
        "operator": "Court consortium",
        "endpoint": "127.0.0.1:7051",
        "channel": "evidence",
        "chaincode": "anchor",
        "msp_id": "Org1MSP",
        "certificate": "client.pem",
        "key": "client.key",
        **changes,
    }
    found = msgspec.convert(members, AdapterSettings)
    assert isinstance(found, FabricSettings)
    return found


def built(home: Path, **changes: Any) -> Any:
    around = Surroundings(home, "audit", bytes(32), "platform-a", lambda: 1_795_346_291_000)
    return build(settings(**changes), around)


def test_it_connects_when_it_is_opened(home: Path) -> None:
    with Replay() as replay:
        one = built(home, endpoint=replay.endpoint)
        assert replay.asked == []
        one.open()
        assert one.trust_entry()["channel"] == "evidence"
        one.close()
    with pytest.raises(Unreachable):
        one.open()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"certificate": "none.pem"}, "certificate: No such file"),
        ({"key": "none.key"}, "key: No such file"),
        ({"key": "client.pem"}, "key: is no private key"),
        ({"certificate": "client.key"}, "certificate: is no certificate"),
        ({"endpoint": "peer0.court.example:7051"}, "tls_ca: must be given"),
        ({"endpoint": "10.0.0.7:7051"}, "tls_ca: must be given"),
        ({"tls_name": "peer0"}, "tls_ca: is missing"),
        ({"tls_ca": "none.pem"}, "tls_ca: No such file"),
        ({"tls_ca": "ca.pem", "tls_key": "client.key"}, "only one of the two"),
    ],
)
def test_what_cannot_be_right_is_named(home: Path, changes: dict[str, str], text: str) -> None:
    with pytest.raises(Misconfigured, match=text):
        built(home, **changes)


def test_tls_is_used_where_it_is_configured(home: Path) -> None:
    """The replay speaks no TLS, so a client that insists on it cannot be served."""
    with Replay() as replay:
        one = built(home, endpoint=replay.endpoint, tls_ca="ca.pem", timeout_ms=2_000)
        with pytest.raises(Unreachable):
            one.open()
        assert replay.asked == []


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": "Evidence"},
        {"chaincode": "anchor/1"},
        {"endpoint": "grpcs://peer:7051"},
        {"endpoint": "peer"},
        {"genesis": "0b6f"},
        {"in_flight": 2},
        {"link_blocks": -1},
        {"endorsements_needed": -1},
        {"password": "x"},
        {"key": ""},
    ],
)
def test_settings_of_another_form_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        settings(**changes)


def test_neither_settings_nor_adapter_tell_the_key(home: Path) -> None:
    secret = CLIENT["key_pem"].splitlines()[1]
    one = built(home)
    for told in (repr(one), str(vars(one)), repr(settings())):
        assert secret not in told
