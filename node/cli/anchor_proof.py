"""What outside chains prove of a record: receipts as files, and whether the live chains agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from node.cli.anchor_status import need_running
from node.cli.exit_codes import ExitCode
from node.cli.files import write_output
from node.cli.output import say, write_json
from node.core.encoding import canonical_json, rfc3339

__all__ = ["prove"]


def prove(home: str, asked: Mapping[str, Any], out: str | None, *, as_json: bool) -> int:
    """Tell and write what covers a record or a size; 1 where nothing does, or something fails."""
    with need_running(home) as admin:
        told = admin.ask("/admin/anchors/prove", dict(asked))
    written = [] if out is None else _write(Path(out), told["receipts"])
    if as_json:
        write_json({**told, "files": [str(path) for path in written]})
    else:
        _tell(told, written)
    bad = [one for one in told["receipts"] if _is_bad(one)]
    return ExitCode.OK if told["receipts"] and not bad else ExitCode.REFUSED


def _is_bad(one: Mapping[str, Any]) -> bool:
    return one["live"]["stands"] is False or one["checked"].startswith("DOES NOT HOLD")


def _write(folder: Path, receipts: list[dict[str, Any]]) -> list[Path]:
    """The points' documents, whose SHA-256 outside chains hold, and the items of bundles."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for size, point in {one["size"]: one["item"]["point"] for one in receipts}.items():
        written.append(folder / f"point-{size}.json")
        write_output(str(written[-1]), canonical_json(point))
    for one in receipts:
        name = f"receipt-{one['size']}-{one['item']['kind']}-{one['hash'][:16]}.json"
        written.append(folder / name)
        write_output(str(written[-1]), canonical_json(one["item"]))
    return written


def _tell(told: Mapping[str, Any], written: list[Path]) -> None:
    if not told["receipts"]:
        say("No outside chain covers entry {} yet.", told["index"])
    for one in told["receipts"]:
        live = one["live"]
        say("Size {} on {}, anchored by {}", one["size"], one["chain"], one["member"])
        say("  offline    {}", one["checked"])
        say("  now        {}", live["text"])
        if live["stands"] is not None:
            say("  there      {} at height {}", live["external_tx"], live["height"])
            say("  its time   {}", rfc3339(live["time"]))
            say("  for trust  {}", canonical_json(live["trust_entry"]).decode("utf-8"))
    if any("trust_entry" in one["live"] for one in told["receipts"]):
        say("An entry for a trust file is worth what you have compared: ask the chain yourself.")
    for path in written:
        say("Written: {}", path)
