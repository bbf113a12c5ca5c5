"""A proposer that lies, a key that runs twice, a stranger at the door: the others say who it was
and go on. One net; its last node is the one that misbehaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from builders.acknowledged import Load, agree, calls_follow_the_grammar, under_load
from builders.extra_node import extra_node, invite
from builders.faulty_node import LIES
from builders.full_frames import frame_of_size
from builders.testnet import Net, RunningNode, net_of, until

from node.core.frame import MAX_FRAME_BYTES
from node.engines.cometbft.engine_home import validator_address
from node.engines.cometbft.rpc import EngineRpc, RpcRefused
from node.wiring import EdKey

CLONE = "clone"
_FRAMES_A_BLOCK = 20
_ROUNDS = 5


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Net]:
    def prepare(net: Net) -> None:
        clone = extra_node(net, net.nodes[3], CLONE, same_validator=True)
        for node in net.nodes:
            invite(clone, node.node.home)
        net.extra = [clone]
        net.nodes[3].start(["--lie"])

    path = tmp_path_factory.mktemp("net") / "net"
    with net_of(path, 4, empty_block_ms=500, prepare=prepare) as net:
        yield net


def address_of(node: RunningNode) -> str:
    """A validator's address in hex."""
    key = EdKey.load(node.node.home / "keys/validator.pem")
    return validator_address(key.public_key).hex()


def test_what_a_liar_proposes_is_refused_and_it_is_named(net: Net) -> None:
    liar, others = net.nodes[3], net.nodes[:3]

    def reasons(node: RunningNode) -> set[str]:
        refused = node.logged("proposal refused")
        assert all(line["proposer"] == address_of(liar) for line in refused)
        return {str(line["why"]) for line in refused}

    with under_load(net, others) as load:
        until(lambda: all(len(reasons(node)) > len(LIES) for node in others))
    for words in ("signature", "bytes unpacked", "bytes packed"):
        assert any(words in why for why in reasons(others[0])), reasons(others[0])
    agree(others)
    load.all_kept(net.nodes)
    liar.end(signal.SIGTERM)
    liar.start()
    liar.ready()


def test_a_key_that_runs_twice_is_reported(net: Net) -> None:
    """With an old copy of what the key has signed, as a backup of the engine's directory has."""
    [clone] = net.extra
    others = net.nodes[:3]
    state = clone.node.home / "engine/data/priv_validator_state.json"
    state.parent.mkdir(parents=True)
    state.write_text('{"height": "1", "round": 0, "step": 3}')
    clone.start()
    clone.ready()
    with under_load(net, others) as load:
        until(
            lambda: all(node.metric("evidence_misbehaviours_total") > 0 for node in others), 400.0
        )
    clone.end(signal.SIGTERM)
    for node in others:
        act = node.logged("a validator misbehaved")[0]
        assert act["kind"] == "duplicate_vote"
        assert act["address"] == address_of(clone)
        assert act["member"] == net.nodes[3].node.member
        assert (act["power"], act["total_power"]) == (10, 40)
        assert 0 < act["height"] < act["proven_at"]
        assert "ask its operator" in act["what_to_do"]
    until(lambda: bool(net.nodes[3].logged("a validator misbehaved")))
    own = net.nodes[3].logged("a validator misbehaved")[0]
    assert "this node's own validator key" in own["what_to_do"]
    key = f"misbehaviour/{address_of(clone)}/{own['height']}"
    for node in net.nodes:
        until(lambda node=node: "dossier" in shown(node, key))  # type: ignore[misc]
    dossier = net.nodes[0].get(f"/v1/dossiers/{shown(net.nodes[0], key)['dossier']}").json()
    (event,) = dossier["entries"]
    assert event["type"] == "validator.misbehaved"
    assert event["facts"]["member"] == net.nodes[3].node.member
    agree(net.nodes)
    load.all_kept(net.nodes)


def shown(node: RunningNode, key: str) -> dict[str, Any]:
    """A value of the state map, as the node proves it."""
    value: dict[str, Any] = json.loads(node.get(f"/v1/state/{key}").json()["proof"]["value"])
    return value


def test_a_stranger_is_turned_away(net: Net) -> None:
    stranger = extra_node(net, net.nodes[0], "stranger", same_validator=False)
    net.extra.append(stranger)
    stranger.start()
    for node in net.nodes:
        until(
            lambda node=node: any(  # type: ignore[misc]
                line["peer"] == stranger.node.id
                for line in node.logged("a stranger was turned away")
            )
        )
    until(lambda: "0 of 4 peers are connected" in stranger.unready())
    stranger.end(signal.SIGTERM)
    load = Load(net)
    for node in net.nodes:
        assert load.submit(node, 1) == [201]
    agree(net.nodes)
    load.all_kept(net.nodes)


def broadcast(node: RunningNode, frames: Sequence[bytes]) -> list[int]:
    """Hand frames to a node's mempool, past its submission; what the application says of each.

    Raises RpcRefused.
    """

    async def send() -> list[int]:
        rpc = EngineRpc(node.node.home / "engine/rpc.sock")
        try:
            return [(await rpc.broadcast(frame)).code for frame in frames]
        finally:
            await rpc.close()

    return asyncio.run(send())


def recorded_everywhere(net: Net, identifiers: Sequence[str]) -> None:
    for node in net.nodes:
        for identifier in identifiers:
            until(
                lambda node=node, identifier=identifier: (  # type: ignore[misc]
                    node.get(f"/v1/transactions/{identifier}").json().get("status") == "recorded"
                )
            )


def test_a_frame_at_the_limit_and_one_byte_over(net: Net) -> None:
    frame, identifiers = frame_of_size(net, MAX_FRAME_BYTES)
    assert broadcast(net.nodes[0], [frame]) == [0]
    recorded_everywhere(net, identifiers)
    longer, _ = frame_of_size(net, MAX_FRAME_BYTES + 1)
    with pytest.raises(RpcRefused, match="Tx too large"):
        broadcast(net.nodes[0], [longer])
    agree(net.nodes)


def test_a_block_full_of_full_frames(net: Net) -> None:
    """Two engines sleep while the frames come, so that they wait for one block together. Who
    proposes it may have woken with half of them, which is luck: so it is tried a few times."""
    for _ in range(_ROUNDS):
        made = [frame_of_size(net, MAX_FRAME_BYTES, slack=300) for _ in range(_FRAMES_A_BLOCK)]
        frames, each = [frame for frame, _ in made], len(made[0][1])
        asleep = [node.engine_pid() for node in net.nodes[2:]]
        for pid in asleep:
            os.kill(pid, signal.SIGSTOP)
        try:
            accepted = broadcast(net.nodes[0], frames)
        finally:
            for pid in asleep:
                os.kill(pid, signal.SIGCONT)
        assert accepted == [0] * _FRAMES_A_BLOCK
        recorded_everywhere(net, [identifiers[0] for _, identifiers in made])
        agree(net.nodes)
        blocks = net.nodes[3].get("/v1/blocks?limit=100").json()["blocks"]
        fullest = max(block["recorded"] for block in blocks)
        if fullest > _FRAMES_A_BLOCK // 2 * each:
            return
    raise AssertionError(f"no block had more than {fullest // each} of {_FRAMES_A_BLOCK} frames")


def test_calls_follow_the_grammar_and_the_ledgers_are_what_the_blocks_give(net: Net) -> None:
    """Ends the net."""
    net.stop()
    for node in net.nodes:
        assert calls_follow_the_grammar(node) > 50
        node.audit()
