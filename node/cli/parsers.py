"""The parser of the command line: one subparser a command, errors in text or JSON."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any, NoReturn

from node.cli.command_table import COMMANDS
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure

__all__ = ["CommandParser", "add_command"]


class CommandParser(argparse.ArgumentParser):
    """An argument parser whose errors are told like all others, and that knows no abbreviations."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options.setdefault("allow_abbrev", False)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(*args, **options)

    def error(self, message: str) -> NoReturn:
        """Raise CommandFailure: the arguments are wrong."""
        raise CommandFailure(ExitCode.USAGE, message, f"`{self.prog} --help` explains")


def add_command(
    subparsers: Any, name: str, description: str, examples: str, *, machine: bool = True
) -> CommandParser:
    """The parser of the command ``name``.

    Args:
        subparsers: what `ArgumentParser.add_subparsers` gave.
        name: a key of `COMMANDS`.
        description: what the command does, in a few sentences.
        examples: worked examples, a line each, with what they do behind ``#``.
        machine: whether the command knows ``--json``.
    """
    parser: CommandParser = subparsers.add_parser(
        name,
        help=COMMANDS[name],
        description=textwrap.dedent(description).strip(),
        epilog="examples:\n" + textwrap.indent(textwrap.dedent(examples).strip(), "  "),
    )
    if machine:
        parser.add_argument(
            "--json", action="store_true", help="answer in JSON; errors go to stderr, in JSON too"
        )
    return parser
