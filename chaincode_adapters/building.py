"""Building the configured adapters. A kind's modules are imported only where one of it is named."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import msgspec

from chaincode_adapters.common_settings import Common
from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.port import AnchorAdapter, Surroundings

__all__ = ["build_adapters", "kind_of"]

_FOLDERS = {
    "evm": "evm",
    "evm-embedded": "evm",
    "fabric": "fabric",
    "rekor": "rekor",
    "rest": "rest",
    "rfc3161": "rfc3161",
}
_EXTRAS = {"evm": "evm", "evm-embedded": "evm", "fabric": "fabric", "rest": "sm2"}


def kind_of(settings: Common) -> str:
    """The ``kind`` that tells settings apart."""
    return str(settings.__struct_config__.tag)


def build_adapters(settings: Sequence[Common], surroundings: Surroundings) -> list[AnchorAdapter]:
    """The adapters of a configuration, in its order. None of them has been opened yet.

    Raises:
        Misconfigured: names the table and the member, or the extra that is not installed.
    """
    built: list[AnchorAdapter] = []
    for number, one in enumerate(settings):
        place = f"anchors.to[{number}] ({one.name})"
        try:
            built.append(_build(one, surroundings))
        except Misconfigured as error:
            raise Misconfigured(f"{place}: {error}") from error
        except msgspec.ValidationError as error:
            raise Misconfigured(f"{place}: {error}") from error
    return built


def _build(settings: Common, surroundings: Surroundings) -> AnchorAdapter:
    kind = kind_of(settings)
    try:
        module = importlib.import_module(f"chaincode_adapters.{_FOLDERS[kind]}.building")
        adapter: AnchorAdapter = module.build(settings, surroundings)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(kind)
        if extra is None or (error.name or "").startswith(("chaincode_adapters", "node")):
            raise
        raise Misconfigured(
            f"kind {kind} needs the package {error.name}: install "
            f"'evidence-ledger-node[node,{extra}]'"
        ) from error
    return adapter
