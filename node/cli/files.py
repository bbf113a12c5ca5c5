"""Files that commands read and write: bounded reading, and writing that loses nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.core.errors import InvalidInput

__all__ = ["STANDARD", "check_absent", "read_input", "replace_file", "sync_names", "write_output"]

STANDARD = "-"
"""Stands for standard input or output where a file is asked for."""


def read_input(path: str, most: int) -> bytes:
    """All of a file, or of standard input.

    Raises:
        InvalidInput: it has more than ``most`` bytes.
        OSError: it cannot be read.
    """
    if path == STANDARD:
        content = sys.stdin.buffer.read(most + 1)
    else:
        with Path(path).open("rb") as file:
            content = file.read(most + 1)
    if len(content) > most:
        name = "standard input" if path == STANDARD else path
        raise InvalidInput(name, f"at most {most} bytes are read")
    return content


def check_absent(path: str | Path) -> None:
    """Raise CommandFailure if there is a file of that name: to be asked before any work is done."""
    if os.path.lexists(path):
        raise _taken(path)


def write_output(path: str | Path, content: bytes, *, secret: bool = False) -> None:
    """Write a new file, durable when this returns.

    Args:
        path: the file. One that is there is left as it is.
        content: its bytes.
        secret: for its owner alone: mode 0600 instead of what the umask leaves of 0644.

    Raises:
        CommandFailure: there is a file of that name.
        OSError: it cannot be written.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags, 0o600 if secret else 0o644)
    except FileExistsError as error:
        raise _taken(path) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_names(Path(path).parent)


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in the place of what was there, whole or not at all. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_names(path.parent)


def sync_names(folder: str | Path) -> None:
    """Make durable which names ``folder`` holds, on systems where that is a thing to do."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _taken(path: str | Path) -> CommandFailure:
    return CommandFailure(
        ExitCode.BAD_INPUT, f"{path}: is there already and is not overwritten", "name another"
    )
