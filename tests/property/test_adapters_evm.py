"""Jobs of the EVM adapter in any order of steps, with restarts and lost answers in between: each
point is anchored once."""

from __future__ import annotations

import tempfile
from pathlib import Path

from builders.evm import embedded, point
from hypothesis import given, settings
from hypothesis import strategies as st

from chaincode_adapters.errors import SignAnew
from chaincode_adapters.evm.embedded_chain import EmbeddedChain
from chaincode_adapters.evm.embedded_rpc import EmbeddedProvider
from chaincode_adapters.evm.rpc import EvmNode
from chaincode_adapters.port import AnchorAdapter, Final, Missing, Signed
from node.core.anchors.evm_block import ATTESTED_TOPIC

STEPS = ("sign", "send", "look up", "restart", "forget")


@settings(max_examples=10)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 3)), max_size=14))
def test_any_order_of_steps_ends_with_one_anchor_each(steps: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        adapter = embedded(Path(folder))
        adapter.open()
        attempts: dict[int, list[Signed]] = {1: [], 2: [], 3: []}
        reached = 0
        for step, size in steps:
            if size < reached:
                continue  # sizes of one account only rise, and a worker takes them in order
            if step == "sign":
                attempts[size].append(adapter.sign(point(size), attempts[size]))
            elif step == "send" and attempts[size]:
                reached = size
                try:
                    adapter.send(point(size), attempts[size][-1])
                except SignAnew:  # another point took the nonce
                    pass
            elif step == "look up":
                try:
                    adapter.look_up(point(size), attempts[size], b"")
                except SignAnew:
                    pass
            elif step == "restart":
                adapter.open()
            elif step == "forget":
                attempts[size].clear()
        for size in range(max(reached, 1), 4):
            finish(adapter, size, attempts[size])
        contract = bytes.fromhex(adapter.trust_entry()["contract"])
        adapter.close()
        place = Path(folder) / "anchors" / "embedded" / "chain.sqlite"
        chain = EmbeddedChain(place, bytes(20), lambda: 0)
        events = EvmNode(EmbeddedProvider(chain)).logs(contract, [ATTESTED_TOPIC], 0, 1000)
        chain.close()
        anchored = [int(event["topics"][1], 16) for event in events]
        assert anchored == sorted(set(anchored)), "none twice"
        assert set(range(max(reached, 1), 4)) <= set(anchored)


def finish(adapter: AnchorAdapter, size: int, attempts: list[Signed]) -> None:
    """Go on as a worker does; then look by nothing but the chain."""
    for _ in range(4):
        try:
            standing = adapter.look_up(point(size), attempts, b"")
        except SignAnew:
            attempts.append(adapter.sign(point(size), attempts))
            continue
        if isinstance(standing, Final):
            break
        assert standing == Missing()
        if not attempts:
            attempts.append(adapter.sign(point(size), attempts))
        try:
            adapter.send(point(size), attempts[-1])
        except SignAnew:
            attempts.append(adapter.sign(point(size), attempts))
    else:
        raise AssertionError("it does not come to an end")
    assert adapter.look_up(point(size), [], b"") == standing
    receipt = adapter.receipt(point(size), attempts, b"", standing)
    assert receipt.external_tx == standing.external_tx
