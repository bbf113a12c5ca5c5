"""The next release of this software, as far as rules go: it knows version 2 as well.

``next_release.py HOME`` runs the node in HOME, ``next_release.py COMMAND …`` any other command.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    from node.cli.main import main as command
    from node.rules.versions import RULES

    RULES[2] = RULES[1]
    return command(arguments if len(arguments) > 1 else ["run", "--home", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
