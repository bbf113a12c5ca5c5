"""Key files as nodes have them: readable by their owner alone."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_key"]


def write_key(path: Path, content: bytes) -> Path:
    """A file that nobody else could ever read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    return path
