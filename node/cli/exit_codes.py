"""Exit codes of every command. Those from 64 on mean what they mean in BSD's ``sysexits``."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["MEANINGS", "ExitCode"]


class ExitCode(IntEnum):
    """How a command ended."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    UNTRUSTED = 4
    BAD_INPUT = 65
    FAULT = 70
    INPUT_OUTPUT = 74
    TRY_AGAIN = 75
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done; everything asked for holds",
    ExitCode.REFUSED: "refused by a rule, not found, or a verification failed",
    ExitCode.USAGE: "called with wrong arguments, or a package for it is not installed",
    ExitCode.UNREACHABLE: "the node cannot be reached, or another process has its home",
    ExitCode.UNTRUSTED: "nothing failed, by the PDF's own trust file: compare its fingerprint",
    ExitCode.BAD_INPUT: "a file, configuration or answer is not of its format",
    ExitCode.FAULT: "the ledger holds something that cannot be right, or the program has a fault",
    ExitCode.INPUT_OUTPUT: "the system refused to read or write",
    ExitCode.TRY_AGAIN: "not possible now: try again later",
    ExitCode.INTERRUPTED: "interrupted",
}
"""What each code tells, in one line."""
