"""The interpreter's recursion limit, which the libraries of Ethereum raise when they are imported.

py_ecc, which eth_account and web3 import, sets it to 100,000, and py-evm to more than 10,000. At
such a limit a text of nested brackets from anybody ends the whole process instead of raising
RecursionError, since the C stack is used up first. The contract calls nothing, so that py-evm
needs no more than other code.
"""

from __future__ import annotations

import sys

__all__ = ["RECURSION_LIMIT", "lower_recursion_limit"]

RECURSION_LIMIT = 1_000
"""What the interpreter begins with."""


def lower_recursion_limit() -> None:
    """Put the limit back. Called by each module here that imports one of those libraries."""
    if sys.getrecursionlimit() > RECURSION_LIMIT:
        sys.setrecursionlimit(RECURSION_LIMIT)
