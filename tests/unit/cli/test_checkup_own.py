"""What a node's own keys are found to be, by a ledger that is a dictionary."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from node.cli.checkup_own import _node_key
from node.core.block import Validator
from node.wiring import EdKey


@pytest.mark.parametrize(("height", "says"), [(11, "has no power"), (12, "has power 10")])
def test_the_validators_power_is_the_one_in_force(tmp_path: Path, height: int, says: str) -> None:
    (tmp_path / "keys").mkdir()
    key = EdKey.generate(tmp_path / "keys/validator.pem").public_key
    value = {"power": 0, "next": {"power": {"from": 12, "value": 10}}}
    state = {f"validator/{Validator(key, 0).address.hex()}": value}
    patient: Any = SimpleNamespace(
        config=SimpleNamespace(path=tmp_path.joinpath),
        view=SimpleNamespace(height=lambda: height, state=state.get),
    )
    assert says in _node_key(patient, "validator").text
