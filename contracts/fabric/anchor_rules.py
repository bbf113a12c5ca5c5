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

_CHAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}", re.ASCII)
_MSP_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_INTEGER = re.compile(r"[1-9][0-9]{0,15}|0", re.ASCII)
_MOST_MEMBERS = 100
_MOST_INTEGER = 2**53 - 1
_MOST_BYTES = 4_096
_CONFIGURATION = "c"


class Refusal(Exception):
    """The call is refused; the text begins with a word that stays: conflict, stale, bad …, not …"""


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
    text = _canonical(first)
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
    point = _read_point(call.parameters[0])
    configuration = yield from _member(call)
    chain_id, size, root = point["chain_id"], point["size"], point["root"]
    kept = yield point_key(chain_id, size)
    record = json.loads(kept) if kept else {**point, "by": [], "first_tx": call.tx_id}
    if record["root"] != root:
        raise Refusal(f"conflict: {chain_id} size {size} known root {record['root']} given {root}")
    if call.msp_id in record["by"]:
        return Outcome(_canonical(record))
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
        event = ("Anchored", _canonical(record))
        newest = int((yield f"h|{chain_id}") or b"0")
        if size > newest:
            writes[f"h|{chain_id}"] = str(size)
    text = _canonical(record)
    writes[point_key(chain_id, size)] = text
    return Outcome(text, writes, event)


def _vote(call: Call) -> Rule:
    """VoteConfiguration({members, threshold, version}): in force once as many members of the
    configuration before it have voted as that one's threshold says. Votes are for the version that
    follows the present one, so none of them outlives a change."""
    configuration = yield from _member(call)
    wanted = _read_object(call.parameters[0], "configuration")
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
    text = _canonical(wanted)
    key = f"v|{wanted['version']}|{hashlib.sha256(text.encode('utf-8')).hexdigest()}"
    kept = yield key
    votes = json.loads(kept)["by"] if kept else []
    if call.msp_id in votes:
        return Outcome(_canonical({"by": votes, "configuration": wanted}))
    votes = sorted({*votes, call.msp_id})
    writes, event = {key: _canonical({"by": votes})}, None
    if len(set(votes) & set(configuration["members"])) >= configuration["threshold"]:
        writes[_CONFIGURATION] = text
        event = ("ConfigurationChanged", text)
    return Outcome(_canonical({"by": votes, "configuration": wanted}), writes, event)


def _get_configuration(call: Call) -> Rule:
    """GetConfiguration()."""
    configuration = yield from _configuration()
    return Outcome(_canonical(configuration))


def _get_anchor(call: Call) -> Rule:
    """GetAnchor(chain_id): the greatest confirmed size and what is attested there."""
    chain_id = _read_chain(call.parameters[0])
    newest = yield f"h|{chain_id}"
    if not newest:
        raise Refusal(f"not found: {chain_id}")
    return Outcome((yield point_key(chain_id, int(newest))).decode("utf-8"))


def _get_anchor_at(call: Call) -> Rule:
    """GetAnchorAt(chain_id, size): what is attested there, confirmed or not."""
    chain_id = _read_chain(call.parameters[0])
    size = _read_integer(call.parameters[1], "size", 1)
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
    point = _read_object(document, "point")
    if not isinstance(point.get("root"), str) or _HASH.fullmatch(point["root"]) is None:
        raise Refusal("bad point: root must be a SHA-256 in hex")
    chain_id, size = _read_chain(point.get("chain_id")), point.get("size")
    if type(size) is not int or not 1 <= size <= _MOST_INTEGER:
        raise Refusal("bad point: size must be a positive integer")
    kept = yield point_key(chain_id, size)
    record = json.loads(kept) if kept else {}
    if record.get("root") != hashlib.sha256(document.encode("utf-8")).hexdigest():
        raise Refusal(f"not found: {chain_id} size {size} with this point")
    if "confirmed_tx" not in record:
        raise Refusal(f"not confirmed: {chain_id} size {size}")
    hashes = _read_json(path, "path")
    if not isinstance(hashes, list) or not all(_is_hash(one) for one in (leaf, *hashes)):
        raise Refusal("bad path: must be an array of SHA-256 hashes in hex")
    root = _root_of(leaf, _read_integer(index, "index", 0), size, hashes)
    if root != point["root"]:
        raise Refusal("not recorded: the path leads to another root")
    return Outcome(_canonical({**record, "index": int(index), "leaf": leaf}))


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


def _read_point(text: str) -> dict[str, Any]:
    point = _read_object(text, "point")
    if set(point) != {"chain_id", "root", "size"}:
        raise Refusal("bad point: must have chain_id, root and size")
    _read_chain(point["chain_id"])
    if type(point["size"]) is not int or not 1 <= point["size"] <= _MOST_INTEGER:
        raise Refusal("bad point: size must be a positive integer")
    if not _is_hash(point["root"]):
        raise Refusal("bad point: root must be 32 bytes of lower-case hex")
    return point


def _read_chain(value: Any) -> str:
    if not isinstance(value, str) or _CHAIN_ID.fullmatch(value) is None:
        raise Refusal("bad chain_id: must be a chain id")
    return value


def _read_integer(text: str, name: str, least: int) -> int:
    if _INTEGER.fullmatch(text) is None or not least <= int(text) <= _MOST_INTEGER:
        raise Refusal(f"bad {name}: must be an integer from {least}")
    return int(text)


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _HASH.fullmatch(value) is not None


def _read_object(text: str, name: str) -> dict[str, Any]:
    value = _read_json(text, name)
    if not isinstance(value, dict):
        raise Refusal(f"bad {name}: must be a JSON object")
    return value


def _read_json(text: str, name: str) -> Any:
    """JSON without duplicate members, floats, NaN or anything that is read in more than one way."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(items)) != len(items):
            raise Refusal(f"bad {name}: a member stands there twice")
        return dict(items)

    def number(literal: str) -> Any:
        raise Refusal(f"bad {name}: {literal[:20]} is no integer")

    if len(text) > _MOST_BYTES:
        raise Refusal(f"bad {name}: longer than {_MOST_BYTES} characters")
    try:
        return json.loads(text, object_pairs_hook=pairs, parse_float=number, parse_constant=number)
    except (ValueError, RecursionError):
        raise Refusal(f"bad {name}: no JSON") from None


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _root_of(leaf: str, index: int, size: int, path: list[str]) -> str:
    """The root that an inclusion proof leads to (RFC 9162 §2.1.3.2)."""
    if index >= size:
        raise Refusal("bad index: must be below the size")
    first, last, found = index, size - 1, bytes.fromhex(leaf)
    for text in path:
        other = bytes.fromhex(text)
        if last == 0:
            raise Refusal("bad path: too long")
        if first & 1 or first == last:
            found = hashlib.sha256(b"\x01" + other + found).digest()
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + other).digest()
        first, last = first >> 1, last >> 1
    if last:
        raise Refusal("bad path: too short")
    return found.hex()
