"""Judges mutants with the code inside evidence-verify.pyz and nothing else: see the .mjs beside.

    python -I -S mutants_runner.py evidence-verify.pyz

Signatures are checked by `ecdsa`; the same check is made once.
"""

import base64
import json
import sys
import traceback

sys.path.insert(0, sys.argv[1])

from node.core.signatures import load_backend
from node.core.verify import verify_bundle


class Remembering:
    """As `builders.mutants.Remembering`, which is not in the archive."""

    def __init__(self, backend):
        self.name = backend.name
        self._backend = backend
        self._known = {}

    def __getattr__(self, check):
        def once(*arguments):
            asked = (check, *arguments)
            if asked not in self._known:
                try:
                    getattr(self._backend, check)(*arguments)
                    self._known[asked] = None
                except Exception as error:
                    self._known[asked] = error
            if self._known[asked] is not None:
                raise self._known[asked].with_traceback(None)

        return once


def mutant_of(base, edits):
    """The base with the edits made."""
    out, at = [], 0
    for start, stop, instead in edits:
        out += [base[at:start], base64.b64decode(instead)]
        at = stop
    return b"".join([*out, base[at:]])


def main():
    """Answer line by line."""
    bases = [tuple(map(base64.b64decode, pair)) for pair in json.loads(sys.stdin.readline())]
    backend = Remembering(load_backend("ecdsa"))
    for line in sys.stdin:
        number, edits = json.loads(line)
        bundle, trust = bases[number]
        try:
            report = verify_bundle(mutant_of(bundle, edits), trust, backend)
            told = [[step.label, step.status] for step in report.steps]
        except Exception:
            told = "crashed: " + traceback.format_exc()
        print(json.dumps(told), flush=True)


main()
