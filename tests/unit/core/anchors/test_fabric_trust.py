"""What a trust file says of a Fabric channel: of its form, or the trust file is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from builders.fabric import RecordedPoint, recorded_receipt, recorded_trust, trust_entry

from node.core.anchors.fabric import verify_fabric
from node.core.anchors.fabric_trust import read_fabric_trust
from node.core.errors import InvalidInput
from node.core.signatures import load_backend

Change = Callable[[dict[str, Any]], None]


def setting(**members: Any) -> Change:
    return lambda entry: entry.update(members)


def in_first(name: str, **members: Any) -> Change:
    return lambda entry: entry[name][0].update(members)


RAFT: list[tuple[Change, str]] = [
    (setting(comment="x"), "comment: is not a member"),
    (setting(name=""), "name: must be text"),
    (setting(operator="x" * 201), "operator: must be text"),
    (setting(channel="Evidence"), "channel: must be a channel's name"),
    (setting(chaincode="anchor/1"), "chaincode: must be a chaincode's name"),
    (setting(genesis="0B" * 32), "genesis: must be a SHA-256"),
    (setting(endorsements_needed=0), "from 1 to 2"),
    (setting(endorsements_needed=3), "from 1 to 2"),
    (setting(time_window_ms=-1), "time_window_ms: must be an integer"),
    (setting(time_window_ms=366 * 86_400_000), "time_window_ms: must be an integer"),
    (setting(endorsers=[]), "endorsers: must be an array of 1"),
    (setting(orderers=[]), "orderers: must be an array of 1"),
    (setting(consenters=[]), "either orderers .* or consenters"),
    (lambda entry: entry.pop("orderers"), "either orderers .* or consenters"),
    (lambda entry: entry.pop("genesis"), "genesis: is missing"),
    (lambda entry: entry["endorsers"].append(entry["endorsers"][0]), "names one twice"),
    (in_first("endorsers", msp_id="a b"), "must be an MSP id"),
    (in_first("endorsers", roots=[]), "roots: must be an array of 1"),
    (in_first("endorsers", roots=["MII"]), "must be base64"),
    (in_first("endorsers", unit=""), "unit: must be text"),
    (in_first("endorsers", admins=[]), "admins: is not a member"),
    (setting(blocks=[{"number": 0, "hash": "ab" * 32}]), "number: must be an integer from 1"),
    (setting(blocks=[{"number": 1, "hash": "ab" * 32}] * 2), "names block 1 twice"),
    (setting(blocks=[{"number": 1}]), "hash: is missing"),
]
BFT: list[tuple[Change, str]] = [
    (setting(consenters=[]), "consenters: must be an array of 1"),
    (in_first("consenters", id=0), "from 1 to 4294967295"),
    (in_first("consenters", id=2), "names one twice"),
    (in_first("consenters", host="x"), "host: is not a member"),
    (
        lambda entry: entry["consenters"][0].update(
            certificate=entry["consenters"][1]["certificate"]
        ),
        "names one twice",
    ),
]
CASES = [("evidence", *case) for case in RAFT] + [("evidencebft", *case) for case in BFT]


@pytest.mark.parametrize(("channel", "change", "text"), CASES)
def test_each_fault_is_named(channel: str, change: Change, text: str) -> None:
    entry = copy.deepcopy(trust_entry(channel))
    read_fabric_trust(entry, "trust.anchors[0]")
    change(entry)
    with pytest.raises(InvalidInput, match=text) as caught:
        read_fabric_trust(entry, "trust.anchors[0]")
    assert str(caught.value).startswith("trust.anchors[0]")


def test_a_malformed_item_spoils_the_trust_file() -> None:
    """Also where another one would do, and where it is of another channel."""
    good = trust_entry("evidence")
    bad = {**trust_entry("evidencebft"), "comment": "x"}
    for entries in ((good, bad), (bad, good)):
        with pytest.raises(InvalidInput, match="comment"):
            verify_fabric(
                recorded_receipt("evidence", 5),
                RecordedPoint.of(),
                recorded_trust(*entries),
                load_backend(),
                "receipt",
            )


def test_items_of_other_kinds_are_let_be() -> None:
    other = {"kind": "evm", "anything": 1}
    vouched = verify_fabric(
        recorded_receipt("evidence", 5),
        RecordedPoint.of(),
        recorded_trust(other, trust_entry("evidence")),
        load_backend(),
        "receipt",
    )
    assert vouched.by == "Court consortium (Org1MSP, Org2MSP)"
