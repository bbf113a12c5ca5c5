"""The rules of the anchor chaincode: what may be attested, and what a query finds.

Nothing here knows of Fabric's shim, a clock or a network. A rule is a generator: it yields keys of
the ledger's state, is sent their values (bytes, b"" where there is none), and returns an Outcome or
raises Refusal. So every peer that runs it on the same state comes to the same bytes.

State, all values JSON with sorted keys:

    c                         {members, threshold, version}: who attests, and how many must
    p|<chain>|<size, 20 digits>  {by, chain_id, first_tx, root, size, time[, confirmed_time,
                              confirmed_tx]}: what is attested at a size, and by whom
    m|<chain>|<msp id>        the size that a member attested last
    h|<chain>                 the greatest size that is confirmed
    v|<version>|<SHA-256>     {by}: votes for a configuration of that version

``root`` is 32 bytes of hex that stand for a ledger's state at ``size``: of an evidence ledger the
digest of its anchor point.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from anchor_reading import (
    Refusal,
    canonical,
    check_size,
    is_hash,
    read_chain,
    read_integer,
    read_json,
    read_object,
    read_point,
    root_of,
)

__all__ = [
    "FUNCTIONS",
    "Call",
    "Outcome",
    "Refusal",
    "Rule",
    "check_configuration",
    "initialise",
    "invoke",
    "point_key",
]

_MSP_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
_MOST_MEMBERS = 100
_CONFIGURATION = "c"


@dataclass(frozen=True)
class Call:
    """A call as a peer hands it on: who signed the proposal (``msp_id``), its transaction's id, and
    its time, ``<seconds>.<nanoseconds, 9 digits>``."""

    function: str
    parameters: tuple[str, ...]
    msp_id: str
    tx_id: str
    time: str


@dataclass(frozen=True)
class Outcome:
    """The answer, what is written, and an event's name and payload where there is one."""

    answer: str
    writes: dict[str, str] = field(default_factory=dict)
    event: tuple[str, str] | None = None


Rule = Generator[str, bytes, Outcome]


def initialise(call: Call, members: tuple[str, ...], threshold: int) -> Rule:
    """Write the first configuration: that which the operators of all endorsing peers gave to their
    chaincode. Once there is one, nothing changes: a new version may be initialised again."""
    current = yield _CONFIGURATION
    if current:
        return Outcome(current.decode("utf-8"))
    first = {"members": sorted(set(members)), "threshold": threshold, "version": 1}
    check_configuration(members, threshold)
    text = canonical(first)
    return Outcome(text, {_CONFIGURATION: text})


def check_configuration(members: Sequence[str], threshold: Any) -> None:
    """Raise Refusal unless these can be members and threshold."""
    if len(set(members)) != len(members) or not 1 <= len(members) <= _MOST_MEMBERS:
        raise Refusal(f"bad configuration: must name 1 to {_MOST_MEMBERS} members, each once")
    for member in members:
        if _MSP_ID.fullmatch(member) is None:
            raise Refusal(f"bad configuration: {member[:100]!r} is no MSP id")
    if type(threshold) is not int or not 1 <= threshold <= len(members):
        raise Refusal("bad configuration: threshold must be from 1 to the number of members")


def invoke(call: Call) -> Rule:
    """The rule of the function that is called."""
    known = FUNCTIONS.get(call.function)
    if known is None:
        raise Refusal(f"bad function: {call.function[:40]!r} is none of {', '.join(FUNCTIONS)}")
    count, rule = known
    if len(call.parameters) != count:
        raise Refusal(f"bad arguments: {call.function} takes {count}")
    return rule(call)


def point_key(chain_id: str, size: int) -> str:
    """Where the attestations of a size are kept."""
    return f"p|{chain_id}|{size:020d}"


def _attest(call: Call) -> Rule:
    """Attest({chain_id, root, size}): a member says that its ledger had this root at this size."""
    point = read_point(call.parameters[0])
    configuration = yield from _member(call)
    chain_id, size, root = point["chain_id"], point["size"], point["root"]
    kept = yield point_key(chain_id, size)
    record = json.loads(kept) if kept else {**point, "by": [], "first_tx": call.tx_id}
    if record["root"] != root:
        raise Refusal(f"conflict: {chain_id} size {size} known root {record['root']} given {root}")
    if call.msp_id in record["by"]:
        return Outcome(canonical(record))
    own = f"m|{chain_id}|{call.msp_id}"
    last = int((yield own) or b"0")
    if size <= last:
        raise Refusal(f"stale: {chain_id} size {size} is not above {last}")
    record.setdefault("time", call.time)
    record["by"] = sorted({*record["by"], call.msp_id})
    writes, event = {own: str(size)}, None
    attested = set(record["by"]) & set(configuration["members"])
    if "confirmed_tx" not in record and len(attested) >= configuration["threshold"]:
        record.update(confirmed_time=call.time, confirmed_tx=call.tx_id)
        event = ("Anchored", canonical(record))
        newest = int((yield f"h|{chain_id}") or b"0")
        if size > newest:
            writes[f"h|{chain_id}"] = str(size)
    text = canonical(record)
    writes[point_key(chain_id, size)] = text
    return Outcome(text, writes, event)


def _vote(call: Call) -> Rule:
    """VoteConfiguration({members, threshold, version}): in force once as many members of the
    configuration before it have voted as that one's threshold says. Votes are for the version that
    follows the present one, so none of them outlives a change."""
    configuration = yield from _member(call)
    wanted = read_object(call.parameters[0], "configuration")
    if set(wanted) != {"members", "threshold", "version"}:
        raise Refusal("bad configuration: must have members, threshold and version")
    members = wanted["members"]
    if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
        raise Refusal("bad configuration: members must be an array of MSP ids")
    check_configuration(members, wanted["threshold"])
    if members != sorted(set(members)):
        raise Refusal("bad configuration: members must be sorted")
    if wanted["version"] != configuration["version"] + 1:
        raise Refusal(f"stale: the configuration has version {configuration['version']}")
    text = canonical(wanted)
    key = f"v|{wanted['version']}|{hashlib.sha256(text.encode('utf-8')).hexdigest()}"
    kept = yield key
    votes = json.loads(kept)["by"] if kept else []
    if call.msp_id in votes:
        return Outcome(canonical({"by": votes, "configuration": wanted}))
    votes = sorted({*votes, call.msp_id})
    writes, event = {key: canonical({"by": votes})}, None
    if len(set(votes) & set(configuration["members"])) >= configuration["threshold"]:
        writes[_CONFIGURATION] = text
        event = ("ConfigurationChanged", text)
    return Outcome(canonical({"by": votes, "configuration": wanted}), writes, event)


def _get_configuration(call: Call) -> Rule:
    """GetConfiguration()."""
    configuration = yield from _configuration()
    return Outcome(canonical(configuration))


def _get_anchor(call: Call) -> Rule:
    """GetAnchor(chain_id): the greatest confirmed size and what is attested there."""
    chain_id = read_chain(call.parameters[0])
    newest = yield f"h|{chain_id}"
    if not newest:
        raise Refusal(f"not found: {chain_id}")
    return Outcome((yield point_key(chain_id, int(newest))).decode("utf-8"))


def _get_anchor_at(call: Call) -> Rule:
    """GetAnchorAt(chain_id, size): what is attested there, confirmed or not."""
    chain_id = read_chain(call.parameters[0])
    size = read_integer(call.parameters[1], "size", 1)
    kept = yield point_key(chain_id, size)
    if not kept:
        raise Refusal(f"not found: {chain_id} size {size}")
    return Outcome(kept.decode("utf-8"))


def _is_recorded(call: Call) -> Rule:
    """IsRecorded(point, leaf, index, path): whether a leaf hash is in a confirmed log.

    ``point`` is the anchor point's document, whose SHA-256 is what was attested and which has the
    log's root; ``leaf`` the hash of a record's leaf, ``index`` its place, ``path`` an array of the
    hashes of its inclusion proof (RFC 9162 §2.1.3).
    """
    document, leaf, index, path = call.parameters
    point = read_object(document, "point")
    if not is_hash(point.get("root")):
        raise Refusal("bad point: root must be a SHA-256 in hex")
    chain_id, size = read_chain(point.get("chain_id")), point.get("size")
    check_size(size)
    kept = yield point_key(chain_id, size)
    record = json.loads(kept) if kept else {}
    if record.get("root") != hashlib.sha256(document.encode("utf-8")).hexdigest():
        raise Refusal(f"not found: {chain_id} size {size} with this point")
    if "confirmed_tx" not in record:
        raise Refusal(f"not confirmed: {chain_id} size {size}")
    hashes = read_json(path, "path")
    if not isinstance(hashes, list) or not all(is_hash(one) for one in (leaf, *hashes)):
        raise Refusal("bad path: must be an array of SHA-256 hashes in hex")
    root = root_of(leaf, read_integer(index, "index", 0), size, hashes)
    if root != point["root"]:
        raise Refusal("not recorded: the path leads to another root")
    return Outcome(canonical({**record, "index": int(index), "leaf": leaf}))


FUNCTIONS: dict[str, tuple[int, Callable[[Call], Rule]]] = {
    "Attest": (1, _attest),
    "GetAnchor": (1, _get_anchor),
    "GetAnchorAt": (2, _get_anchor_at),
    "GetConfiguration": (0, _get_configuration),
    "IsRecorded": (4, _is_recorded),
    "VoteConfiguration": (1, _vote),
}
"""By name: how many parameters, and the rule."""


def _configuration() -> Generator[str, bytes, dict[str, Any]]:
    kept = yield _CONFIGURATION
    if not kept:
        raise Refusal("not initialised")
    found: dict[str, Any] = json.loads(kept)
    return found


def _member(call: Call) -> Generator[str, bytes, dict[str, Any]]:
    """The configuration, of which the caller must be a member."""
    configuration = yield from _configuration()
    if call.msp_id not in configuration["members"]:
        raise Refusal(f"not a member: {call.msp_id[:100]}")
    return configuration
