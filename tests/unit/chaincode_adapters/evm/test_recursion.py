"""The libraries of Ethereum raise the recursion limit; the adapter puts it back."""

from __future__ import annotations

import subprocess
import sys

import pytest

from chaincode_adapters.evm.recursion import RECURSION_LIMIT


@pytest.mark.parametrize(
    "module", ["account", "building", "deploying", "embedded_chain", "embedded_rpc", "transport"]
)
def test_importing_the_adapter_leaves_the_limit(module: str) -> None:
    program = (
        f"import sys; import chaincode_adapters.evm.{module}; "
        "print('py_ecc' in sys.modules, sys.getrecursionlimit())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.split() == ["True", str(RECURSION_LIMIT)], done.stderr
