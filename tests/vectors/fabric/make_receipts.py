"""Makes receipts.json beside it: `PYTHONPATH=tests:. python tests/vectors/fabric/make_receipts.py`.

Receipts of the recorded network, whose attestations are of no point of ours (``attested`` stands in
for the digest), and of the stand-in channel of the tests, with new keys each time.
"""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path
from typing import Any

from builders.fabric import ROOT_1000, ROOT_2000, ROOT_3000, blocks, recorded_receipt, trust_entry
from builders.fabric_channel import Channel
from fabric_protos.common import common_pb2

from chaincode_adapters.port import Final
from node.core.anchors.point import AnchorPoint

POINT = AnchorPoint("audit", 12, 4096, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)


def recorded() -> list[dict[str, Any]]:
    """Of the recorded network."""

    def case(
        name: str, channel: str, number: int, position: int, size: int, root: str, **more: Any
    ) -> dict[str, Any]:
        return {
            "attested": root,
            "name": name,
            "outcome": "passed",
            "point": {
                **AnchorPoint("audit", 1, size, bytes(32), bytes(32), bytes(32)).to_json(),
            },
            "receipt": recorded_receipt(channel, number, position),
            "trust": channel,
            **more,
        }

    payload = common_pb2.Envelope.FromString(blocks("evidence")[7].data.data[0]).payload
    confirmed = case("raft, block 5, confirmed", "evidence", 5, 0, 1000, ROOT_1000)
    confirmed["receipt"]["confirmation"] = base64.b64encode(payload).decode("ascii")
    without_link = case("raft, block 11, no link", "evidence", 11, 0, 3000, ROOT_3000)
    del without_link["receipt"]["link"]
    two = case("smartbft, two of three signatures", "evidencebft", 4, 0, 1000, ROOT_1000)
    del two["receipt"]["block"]["signatures"][0]
    return [
        {**confirmed, "held": 6, "link": 0, "time": 1795347191201},
        case("raft, block 8, did not count", "evidence", 8, 1, 2000, ROOT_2000, link=0,
             time=1795347191876),
        {**without_link, "time": 1795347192527},
        case("smartbft, block 5", "evidencebft", 5, 0, 1000, ROOT_1000, link=0,
             time=1795347553569),
        {**two, "outcome": "failed"},
        case("endorsed by one", "evidence", 10, 0, 3000, ROOT_3000, outcome="failed"),
        case("another point", "evidence", 6, 0, 1000, ROOT_2000, outcome="failed"),
        case("another channel", "evidence", 5, 0, 1000, ROOT_1000, trust="evidencebft",
             outcome="not checked"),
    ]  # fmt: skip


def made(name: str, consenters: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A case of the stand-in channel, and the trust entry that it is of."""
    with Channel(consenters=consenters) as channel, tempfile.TemporaryDirectory() as folder:
        one = channel.adapter(Path(folder))
        signed = one.sign(POINT, [])
        final = one.look_up(POINT, [signed], one.send(POINT, signed))
        assert isinstance(final, Final)
        receipt = one.receipt(POINT, [signed], b"", final)
        case = {
            "held": 1,
            "link": 0,
            "name": name,
            "outcome": "passed",
            "point": POINT.to_json(),
            "receipt": receipt.content,
            "time": receipt.time,
            "trust": name,
        }
        return case, one.trust_entry()


def main() -> None:
    """Write the file."""
    cases = recorded()
    trusts = {channel: trust_entry(channel) for channel in ("evidence", "evidencebft")}
    for name, consenters in (("stand-in, raft", 0), ("stand-in, smartbft", 4)):
        case, trusts[name] = made(name, consenters)
        cases.append(case)
    text = json.dumps({"cases": cases, "trusts": trusts}, indent=1, sort_keys=True)
    (Path(__file__).parent / "receipts.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
