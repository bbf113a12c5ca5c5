"""Makes tests/vectors/evm/receipts.json anew: receipts from anvil, of every form.

    PYTHONPATH=tests .venv/bin/python tests/builders/evm_vectors.py

Two members, a threshold of 2. Run it where the form of receipts or the contract has changed.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from builders.anvil import anvil
from builders.evm import Bench, anchor, bench, point
from builders.fisco import answer_as_fisco
from builders.json_rpc_proxy import Forward, proxy

from chaincode_adapters.port import AnchorAdapter
from node.core.anchors.evm import block_to_pin
from node.core.anchors.point import AnchorPoint

__all__ = ["VECTORS", "make"]

VECTORS = Path(__file__).parents[1] / "vectors" / "evm" / "receipts.json"
_HOW = (
    "Made by tests/builders/evm_vectors.py: the contract of contracts/evm on anvil 1.7.1 "
    "(--hardfork paris), two members, threshold 2. `chain` is the trust file's entry with all "
    "blocks pinned; `anchors` are items of a bundle, with what must come of them."
)


def _without_state(method: str, params: list[Any], forward: Forward) -> dict[str, Any]:
    if method == "eth_getProof":
        return {"error": {"code": -32601, "message": "the method does not exist"}}
    return forward()


def _item(of: AnchorPoint, content: dict[str, Any], **expected: Any) -> dict[str, Any]:
    item = {"kind": "evm", "point": of.to_json(), "receipt": content}
    return {"item": item, **expected}


def _both(
    made_on: Bench, adapter: AnchorAdapter, url: str, of: AnchorPoint, **expected: Any
) -> list[dict[str, Any]]:
    """The receipts of a point by the chain's state and by the transaction's receipt."""
    signed, final, receipt = anchor(adapter, of, made_on.node)
    events = made_on.adapter(int(adapter.name[-1]), url=url)
    by_event = events.receipt(of, [signed], b"", final)
    return [
        _item(of, receipt.content, time=receipt.time, **expected),
        _item(of, by_event.content, time=by_event.time, **expected),
    ]


def make() -> dict[str, Any]:
    """The vectors' content."""
    with anvil() as node, tempfile.TemporaryDirectory() as folder:
        made_on = bench(node, Path(folder), members=2, threshold=2)
        first, second = made_on.adapter(0), made_on.adapter(1)
        with proxy(node.url, _without_state) as url, proxy(node.url, answer_as_fisco) as fisco:
            items = _both(made_on, first, url, point(7), confirmed=0)
            items += _both(made_on, second, url, point(7), confirmed=1)
            signed, _, _ = anchor(first, point(9), node)
            items.append(_item(point(9), {"transaction": signed.payload.hex()}))
            legacy = made_on.adapter(1, url=fisco).sign(point(9), [])
            items.append(_item(point(9), {"transaction": legacy.payload.hex()}))
        made_on.close()
        proven = [one["item"]["receipt"] for one in items if "time" in one]
        blocks = {json.dumps(block_to_pin(one, "receipt"), sort_keys=True) for one in proven}
        chain = {**first.trust_entry(), "blocks": [json.loads(one) for one in sorted(blocks)]}
    return {"how": _HOW, "chain": chain, "anchors": items}


if __name__ == "__main__":
    VECTORS.parent.mkdir(exist_ok=True)
    VECTORS.write_text(json.dumps(make(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
