"""How a node's anchors stand, told to people or programs, and having what is parked retried."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from node.cli.admin import Admin, find_running
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.homes import opened_stores, read_home
from node.cli.output import say, write_json
from node.config import NodeConfig
from node.core.encoding import rfc3339

__all__ = ["need_running", "retry", "show_status"]


def need_running(home: str) -> Admin:
    """The admin interface of the node in ``home``. Raises CommandFailure where none runs."""
    read_home(home, needs_ledger=False)
    admin = find_running(Path(home))
    if admin is None:
        raise CommandFailure(
            ExitCode.UNREACHABLE,
            f"{home}: its node does not run",
            f"`evidence-node run --home {home}` starts it",
        )
    return admin


def show_status(home: str, *, as_json: bool) -> int:
    """Tell how every adapter stands; 1 where a conflict stands."""
    config = read_home(home, needs_ledger=False)
    admin = find_running(Path(home))
    if admin is not None:
        with admin:
            told = {"running": True, **admin.ask("/admin/anchors")}
    else:
        told = {"running": False, **_stored(read_home(home))}
    if as_json:
        write_json(told)
    else:
        _tell(told, config)
    return ExitCode.REFUSED if told["alarms"] else ExitCode.OK


def _stored(config: NodeConfig) -> dict[str, Any]:
    """What the stores of a node that does not run say."""
    from chaincode_adapters.jobs_kept import JobsKept
    from chaincode_adapters.receipts import Receipts
    from chaincode_adapters.standing import alarms_of, lost_standing

    with opened_stores(config) as stores:
        jobs = JobsKept(stores.local)
        adapters = lost_standing(jobs, {})
        alarms = [alarm.to_json() for alarm in alarms_of(jobs)]
        wanted = len(Receipts(stores.local).wanted(1000))
    configured = {one.name: one for one in config.anchors.to}
    for told in adapters:
        found = configured.get(told["name"])
        if found is not None:
            told |= {"configured": True, "operator": found.operator, "state": "not running"}
    return {
        "adapters": adapters,
        "alarms": alarms,
        "receipts": {"refused": 0, "trouble": "", "wanted": wanted},
        "recording": {"configured": bool(config.operator.member), "trouble": ""},
    }


def _tell(told: Mapping[str, Any], config: NodeConfig) -> None:
    for alarm in told["alarms"]:
        when = rfc3339(alarm["at"], whole_seconds=True)
        say("CONFLICT {} ({}): {}, since {}", alarm["adapter"], alarm["chain"], alarm["text"], when)
    if told["alarms"]:
        say(
            "  An outside chain and this ledger do not hold the same. Find out which of the two was"
        )
        say("  changed before you go on; docs/anchors/README.md says how.")
    for one in told["adapters"]:
        _tell_adapter(one)
    if not told["adapters"]:
        say("No outside chain is configured." if not config.anchors.to else "Nothing yet.")
    if told["recording"]["trouble"]:
        say("Not on the ledger yet: {}", told["recording"]["trouble"])
    if told["receipts"]["trouble"]:
        say("Receipts of other members: {}", told["receipts"]["trouble"])
    if told["receipts"]["wanted"]:
        say("Receipts of other members still to be fetched: {}", told["receipts"]["wanted"])


def _tell_adapter(one: Mapping[str, Any]) -> None:
    say("{} ({}): {}", one["name"], one["chain"] or "not connected yet", one["state"].upper())
    if one["operator"]:
        say("  run by     {}", one["operator"])
    newest = one["newest"]
    if newest is not None:
        when = rfc3339(newest["time"], whole_seconds=True)
        say("  final      up to size {}, {} by its own time", newest["size"], when)
    say("  lag        {} points, {} s", one["lag"]["points"], one["lag"]["seconds"])
    jobs = (f"{count} {state}" for state, count in one["jobs"].items() if count)
    say("  jobs       {}", ", ".join(jobs) or "none")
    if one["breaker"] and one["breaker"] != "closed":
        say("  breaker    {}", one["breaker"])
    for name in ("trouble", "stopped"):
        if one[name]:
            say("  {:<10} {}", name, one[name])
    for job in one["waiting"]:
        say("  waiting    size {}, {}: {}", job["size"], job["state"], job["reason"])
    for job in one["parked"]:
        say("  parked     size {}, {}: {}", job["size"], job["state"], job["reason"])


def retry(home: str, adapter: str, size: int | None, *, leave: bool, as_json: bool) -> int:
    """Have an adapter take up what is parked, or go on and ``leave`` it."""
    asked: dict[str, Any] = {"adapter": adapter} | ({} if size is None else {"size": size})
    if leave:
        asked["leave"] = True
    with need_running(home) as admin:
        told = admin.ask("/admin/anchors/retry", asked)
    if as_json:
        write_json(told)
    elif told["forgotten"]:
        say("{} is not configured any more; its alarm is taken back", adapter)
    elif told["sizes"]:
        say("{} takes up {}", adapter, ", ".join(f"size {size}" for size in told["sizes"]))
    else:
        say("{} goes on; {}", adapter, "what is parked stays so" if leave else "nothing was parked")
    return ExitCode.OK
