"""``evidence-verify.pyz``: the command ``verify`` by itself, as the one thing that a file does.

Same steps, words and exit codes as ``evidence-node verify``. It checks with the pure-Python `ecdsa`
that stands in the file; with another library only when asked to.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence

from node import __version__
from node.cli import verify
from node.cli.exit_codes import MEANINGS, ExitCode
from node.cli.failures import tell_failure
from node.cli.parsers import CommandParser

__all__ = ["build_alone_parser", "main"]

_PROGRAM = "evidence-verify"
_DESCRIPTION = """\
Checks an evidence bundle, or a certificate of evidence (PDF), step by step. It needs that file and
a trust file and nothing else: no network, no installation. Each step passes, fails, or says that it
was not checked and why. The exit code is 0 only when no step failed.

What the result is worth rests on the trust file: compare its fingerprint with the one that is
printed on the certificate or that the members of the consortium publish."""
_EXAMPLES = """\
examples:
  python3 evidence-verify.pyz bundle.json --trust trust.json
  python3 evidence-verify.pyz bundle.json --trust trust.json --lang zh --show
  python3 evidence-verify.pyz bundle.json --trust trust.json --document contract.pdf
  python3 evidence-verify.pyz certificate.pdf --trust trust.json --lang zh

exit codes:
"""
_TOLD = ("OK", "REFUSED", "USAGE", "UNTRUSTED", "BAD_INPUT", "FAULT", "INPUT_OUTPUT", "INTERRUPTED")


def build_alone_parser() -> CommandParser:
    """The parser of the command line."""
    codes = "\n".join(f"  {int(ExitCode[name]):>3}  {MEANINGS[ExitCode[name]]}" for name in _TOLD)
    parser = CommandParser(prog=_PROGRAM, description=_DESCRIPTION, epilog=_EXAMPLES + codes)
    version = f"%(prog)s {__version__} (Python {platform.python_version()})"
    parser.add_argument("--version", action="version", version=version)
    parser.add_argument(
        "--json", action="store_true", help="answer in JSON; errors go to stderr, in JSON too"
    )
    verify.add_arguments(parser, backend="ecdsa")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify, and return the exit code (`node.cli.exit_codes`)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        args = build_alone_parser().parse_args(given)
        if args.lang == "zh" and not args.json:
            _warn_without_chinese()
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.INPUT_OUTPUT
    except Exception as error:  # noqa: BLE001 - the last place at which it can be told
        return tell_failure(error, _PROGRAM, as_json="--json" in given)


def _warn_without_chinese() -> None:
    """Say so where standard output cannot write Chinese; it is written in escapes then."""
    try:
        "核验".encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        print(
            f"{_PROGRAM}: this terminal ({sys.stdout.encoding}) cannot show Chinese; "
            "use --lang en, or python3 -X utf8",
            file=sys.stderr,
        )
