"""The adapters' entries of a trust file, and a trust file with them in it."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from node.cli.anchor_status import need_running
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import read_input, write_output
from node.cli.output import fingerprint_lines, say, write_json
from node.core.encoding import canonical_json
from node.core.trust import MAX_TRUST_BYTES, Trust, decode_trust

__all__ = ["show_trust", "with_entries"]


def with_entries(trust: Trust, entries: Iterable[dict[str, Any]]) -> Trust:
    """A trust file that has these entries too; what it has already is not put in twice."""
    anchors, roots = list(trust.anchors), list(trust.tsa_roots)
    for entry in entries:
        if "tsa_roots" in entry:
            found = (base64.b64decode(root) for root in entry["tsa_roots"])
            roots += [root for root in dict.fromkeys(found) if root not in roots]
        elif entry not in anchors:
            anchors.append(entry)
    return replace(trust, anchors=tuple(anchors), tsa_roots=tuple(roots))


def show_trust(home: str, trust_path: str | None, out: str | None, *, as_json: bool) -> int:
    """Tell the entries; with a trust file, write one that has them too."""
    if (trust_path is None) != (out is None):
        raise CommandFailure(ExitCode.USAGE, "--trust and --out: give both or neither")
    trust = None if trust_path is None else decode_trust(read_input(trust_path, MAX_TRUST_BYTES))
    with need_running(home) as admin:
        told = admin.ask("/admin/anchors/trust")["adapters"]
    made = None
    if trust is not None and out is not None:
        made = with_entries(trust, (one["entry"] for one in told.values() if "entry" in one))
        content = canonical_json(made.to_json()) + b"\n"
        decode_trust(content)
        write_output(out, content)
    missing = [name for name, one in told.items() if "entry" not in one]
    if as_json:
        fingerprint = None if made is None else made.fingerprint.hex()
        write_json({"adapters": told, "file": out, "fingerprint": fingerprint})
    else:
        _tell(told, made, out)
    return ExitCode.TRY_AGAIN if missing else ExitCode.OK


def _tell(told: dict[str, Any], made: Trust | None, out: str | None) -> None:
    for name, one in told.items():
        if "entry" in one:
            say("{}: {}", name, canonical_json(one["entry"]).decode("utf-8"))
        else:
            say("{}: names none now: {}", name, one["reason"])
    if not told:
        say("No outside chain is configured.")
    if made is not None:
        first, second = fingerprint_lines(made.fingerprint.hex())
        say("Written: {}", out)
        say(f"Fingerprint:  {first}\n              {second}")
