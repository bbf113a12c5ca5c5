"""Adapters are built by their kinds, and what cannot be is named."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from builders.anchored import fake_kind
from builders.fake_chain import FakeChain

from chaincode_adapters import settings as every_kind
from chaincode_adapters.building import build_adapters, kind_of
from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.evm.settings import EmbeddedSettings
from chaincode_adapters.port import Surroundings
from node.config import AnchorsConfig, ConfigError, load_config

HERE = Surroundings(Path(), "chain", bytes(32), "court-a", lambda: 0)
ONE = EmbeddedSettings(name="court", operator="法院")


def test_a_kind_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_kind(monkeypatch, {"court": FakeChain()})
    [adapter] = build_adapters([ONE], HERE)
    assert (adapter.name, kind_of(ONE)) == ("court", "evm-embedded")


def test_a_package_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(settings: object, surroundings: object) -> object:
        raise ModuleNotFoundError("No module named 'eth_tester'", name="eth_tester")

    module = ModuleType("chaincode_adapters.evm.building")
    module.build = build  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chaincode_adapters.evm.building", module)
    with pytest.raises(Misconfigured, match=r"anchors\.to\[0\] \(court\): .*eth_tester.*node,evm"):
        build_adapters([ONE], HERE)


def test_what_an_adapter_finds_wrong_is_told_with_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def build(settings: object, surroundings: object) -> object:
        raise Misconfigured("key: must be a file")

    module = ModuleType("chaincode_adapters.evm.building")
    module.build = build  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "chaincode_adapters.evm.building", module)
    with pytest.raises(Misconfigured, match=r"^anchors\.to\[0\] \(court\): key: must be a file$"):
        build_adapters([ONE], HERE)


def test_every_kind_of_settings_has_a_folder() -> None:
    from chaincode_adapters.building import _FOLDERS

    kinds = {kind.__struct_config__.tag for kind in every_kind.AdapterSettings.__args__}
    assert set(_FOLDERS) == kinds
    for folder in _FOLDERS.values():
        assert (Path(every_kind.__file__).parent / folder).is_dir()


def write(tmp_path: Path, text: str) -> Path:
    (tmp_path / "node.toml").write_text(text, "utf-8")
    return tmp_path


def test_configuration(tmp_path: Path) -> None:
    home = write(
        tmp_path,
        """
[anchors]
peers = ["https://court.example.cn", "http://127.0.0.1:8440"]

[[anchors.to]]
kind = "evm-embedded"
name = "trial"
operator = "本节点"
from = "first"
""",
    )
    [to] = load_config(home).anchors.to
    assert (to.name, to.begin, to.in_flight) == ("trial", "first", 16)
    assert AnchorsConfig() == AnchorsConfig(peers=[], to=[])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[anchors]\npeers = ['ftp://x']", r"anchors\.peers\[0\]"),
        ("[anchors]\nunknown = 1", "unknown"),
        ("[[anchors.to]]\nkind = 'none'\nname='a'\noperator='b'", r"anchors\.to\[0\]\.kind"),
        ("[[anchors.to]]\nkind = 'evm-embedded'\nname='A'\noperator='b'", r"to\[0\]\.name"),
        ("[[anchors.to]]\nkind = 'evm-embedded'\nname='a'", "operator"),
        ("[[anchors.to]]\nkind='evm-embedded'\nname='a'\noperator='b'\nfrom='x'", "from"),
        ("[[anchors.to]]\nkind='evm-embedded'\nname='a'\noperator='b'\nbegin='first'", "begin"),
        (
            "[[anchors.to]]\nkind='evm-embedded'\nname='a'\noperator='b'\n" * 2,
            "two adapters are called a",
        ),
    ],
)
def test_configuration_that_cannot_be(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_config(write(tmp_path, text))


def test_settings_show_no_content_of_key_files() -> None:
    """They name files; what is in them is read by adapters alone."""
    for kind in every_kind.AdapterSettings.__args__:
        names = msgspec.structs.fields(kind)
        assert not [field.name for field in names if field.name in ("secret", "password", "pem")]
