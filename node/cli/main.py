"""The entry point: finds the command, imports its module and no other, runs it.

A command's module has ``add_parser(subparsers)``, which calls ``set_defaults(run=…)``, and
``run(args) -> int``, which gives the exit code or raises.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Sequence

from node import __version__
from node.cli.command_table import COMMANDS, module_of
from node.cli.exit_codes import MEANINGS, ExitCode
from node.cli.failures import tell_failure
from node.cli.parsers import CommandParser

__all__ = ["build_parser", "main"]

_PROGRAM = "evidence-node"
_EPILOG = """\
`{program} COMMAND --help` explains a command, with examples.
EVIDENCE_DEBUG=1 in the environment shows where in the program a failure arose.

exit codes:
{codes}
"""


def build_parser(arguments: Sequence[str]) -> CommandParser:
    """The parser for ``arguments``: of the command in them whole, of all others their names."""
    codes = "\n".join(f"  {int(code):>3}  {text}" for code, text in MEANINGS.items())
    parser = CommandParser(
        prog=_PROGRAM,
        description="An evidence ledger node, its client, and the verifier of its evidence.",
        epilog=_EPILOG.format(program=_PROGRAM, codes=codes),
    )
    version = f"%(prog)s {__version__} (Python {platform.python_version()})"
    parser.add_argument("--version", action="version", version=version)
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        if name == chosen:
            importlib.import_module(module_of(name)).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary, add_help=False)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command. Returns the exit code (`node.cli.exit_codes`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(given)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        _abandon_output()  # whoever read it has gone
        return ExitCode.INPUT_OUTPUT
    except Exception as error:  # noqa: BLE001 - the last place at which it can be told
        name = next((f"{_PROGRAM} {word}" for word in given if word in COMMANDS), _PROGRAM)
        told = tell_failure(error, name, as_json="--json" in given)
        try:
            sys.stdout.flush()
        except OSError:
            _abandon_output()
        return told


def _abandon_output() -> None:
    """Give up what standard output would not take: Python would complain once more when it ends,
    with an exit code of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(given: list[str]) -> int:
    try:
        return _run_command(given)
    except SystemExit as leaving:  # argparse leaves so after --help and --version
        return leaving.code if isinstance(leaving.code, int) else ExitCode.USAGE


def _run_command(given: list[str]) -> int:
    parser = build_parser(given)
    args = parser.parse_args(given)
    if not hasattr(args, "run"):
        parser.print_help(sys.stderr)
        return ExitCode.USAGE
    code: int = args.run(args)
    return code
