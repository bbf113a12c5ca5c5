"""A node that is killed in the middle of restoring a snapshot: run as a program, with a home."""

from __future__ import annotations

import os
import signal
import sys

from node.cli.main import main
from node.ledger.snapshots.restoring import Restoring

_KILLED_AFTER = 2
"""Chunks that it takes."""

if __name__ == "__main__":
    taken = Restoring.take

    def take(self: Restoring, packed: bytes) -> None:
        taken(self, packed)
        if self.next_chunk == _KILLED_AFTER:
            os.kill(os.getpid(), signal.SIGKILL)

    Restoring.take = take  # type: ignore[method-assign]
    sys.exit(main(["run", "--home", sys.argv[1]]))
