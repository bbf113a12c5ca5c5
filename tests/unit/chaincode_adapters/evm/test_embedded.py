"""The development chain inside a node: whole jobs, restarts, kills, and what it refuses."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from builders.evm import GENESIS, anchor, anchored_once, embedded, point, surroundings, trust_in

from chaincode_adapters.errors import Conflicting, Misconfigured, Refused, Unreachable
from chaincode_adapters.evm.account import EvmAccount
from chaincode_adapters.evm.building import build
from chaincode_adapters.evm.embedded_chain import CHAIN_ID, EmbeddedChain
from chaincode_adapters.evm.embedded_rpc import EmbeddedProvider
from chaincode_adapters.evm.embedded_store import ChainStore
from chaincode_adapters.evm.rpc import EvmNode, Fault, RpcFault
from chaincode_adapters.evm.settings import EmbeddedSettings
from chaincode_adapters.port import Final, Missing, Surroundings
from node.core.anchors.evm import block_to_pin, verify_evm
from node.core.signatures import Backend
from node.core.verify_case import NotChecked

ACCOUNT = EvmAccount(b"\x01" * 32)
CHAIN_FILE = Path("anchors") / "embedded" / "chain.sqlite"


class Clock:
    """A clock that a test moves."""

    def __init__(self, now: int = 1_700_000_000_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


def node_of(path: Path, clock: Clock | None = None) -> EvmNode:
    return EvmNode(EmbeddedProvider(EmbeddedChain(path, ACCOUNT.address, clock or Clock())))


def plain(nonce: int = 0, **changes: Any) -> tuple[str, bytes]:
    fields = {
        "chainId": CHAIN_ID,
        "to": bytes(20),
        "value": 1,
        "gas": 21_000,
        "gasPrice": 10**9,
        "nonce": nonce,
    }
    return ACCOUNT.sign({**fields, **changes})


def test_a_whole_job_and_its_receipt(tmp_path: Path, backend: Backend) -> None:
    adapter = embedded(tmp_path)
    adapter.open()
    of = point(12)
    signed, final, receipt = anchor(adapter, of)
    assert receipt.kind == "evm"
    assert (receipt.external_tx, receipt.height) == (signed.external_tx, final.height)
    assert receipt.time == final.time
    pinned = block_to_pin(receipt.content, "r")
    with pytest.raises(NotChecked, match="own development chain, which vouches for nothing"):
        verify_evm(receipt.content, of, trust_in(adapter, pinned), backend, "r")
    named_otherwise = trust_in(adapter, pinned, development=0)
    vouched = verify_evm(receipt.content, of, named_otherwise, backend, "r")
    assert "confirmed by the threshold of its members (attestations: 1)" in vouched.how
    adapter.close()


def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    first = embedded(tmp_path)
    first.open()
    entry = first.trust_entry()
    signed, final, receipt = anchor(first, point(1))
    first.close()
    second = embedded(tmp_path)
    second.open()
    assert second.trust_entry() == entry
    assert anchored_once(second, point(1), [signed]) == final
    assert second.receipt(point(1), [signed], b"", final) == receipt
    assert second.sign(point(1), []).payload == b""
    _, later, _ = anchor(second, point(2))
    assert later.height == final.height + 1
    second.close()


def test_opening_again_without_closing_goes_on(tmp_path: Path) -> None:
    adapter = embedded(tmp_path)
    adapter.open()
    signed, final, _ = anchor(adapter, point(1))
    adapter.open()
    assert anchored_once(adapter, point(1), [signed]) == final
    adapter.close()


_KILLED = """
import os, signal, sys
from pathlib import Path
from builders.evm import anchor, embedded, point
from chaincode_adapters.evm import embedded_store
adapter = embedded(Path(sys.argv[1]))
adapter.open()
anchor(adapter, point(1))
print("anchored", flush=True)
die = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "before the block is kept":
    embedded_store.ChainStore.commit = die
signed = adapter.sign(point(2), [])
adapter.send(point(2), signed)
die()
"""


@pytest.mark.parametrize("when", ["before the block is kept", "after"])
def test_a_kill_leaves_the_chain_with_whole_blocks(tmp_path: Path, when: str) -> None:
    folder = Path(__file__).parents[3]
    ran = subprocess.run(
        [sys.executable, "-c", _KILLED, str(tmp_path), when],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{folder.parent}", "PATH": ""},
    )
    assert (ran.returncode, ran.stdout) == (-signal.SIGKILL, "anchored\n"), ran.stderr
    adapter = embedded(tmp_path)
    adapter.open()
    assert isinstance(adapter.look_up(point(1), [], b""), Final)
    standing = adapter.look_up(point(2), [], b"")
    if when == "after":
        assert isinstance(standing, Final)
        assert adapter.sign(point(2), []).payload == b""
    else:
        assert standing == Missing()
        anchor(adapter, point(2))
    adapter.close()


def test_two_processes_cannot_have_one_chain(tmp_path: Path) -> None:
    first = embedded(tmp_path)
    first.open()
    with pytest.raises(Unreachable, match="is used by another process"):
        embedded(tmp_path).open()
    anchor(first, point(1))
    first.close()


def test_a_file_that_is_no_chain_is_told(tmp_path: Path) -> None:
    adapter = embedded(tmp_path)
    adapter.open()
    adapter.close()
    (tmp_path / CHAIN_FILE).write_bytes(b"something else" * 100)
    with pytest.raises(Misconfigured, match=r"chain\.sqlite: file is not a database"):
        embedded(tmp_path).open()


def test_a_chain_of_another_ledger_or_account_is_told(tmp_path: Path) -> None:
    adapter = embedded(tmp_path)
    adapter.open()
    adapter.close()
    around = surroundings(tmp_path)
    other = Surroundings(around.home, around.chain_id, bytes(32), around.member, around.now)
    settings = EmbeddedSettings(name="development", operator="Platform A")
    with pytest.raises(Misconfigured, match=f"of the ledger {GENESIS.hex()}"):
        build(settings, other).open()
    (tmp_path / "anchors" / "embedded" / "account.key").unlink()
    again = embedded(tmp_path)
    again.open()
    with pytest.raises(Refused, match="no member"):
        again.sign(point(1), [])
    again.close()


def test_another_root_at_a_size_is_a_conflict(tmp_path: Path) -> None:
    adapter = embedded(tmp_path)
    adapter.open()
    planted = point(5, "a fork")
    anchor(adapter, planted)
    for step in (
        lambda: adapter.sign(point(5), []),
        lambda: adapter.look_up(point(5), [], b""),
    ):
        with pytest.raises(Conflicting, match=planted.root.hex()):
            step()
    adapter.close()


def test_blocks_bear_the_clocks_second_and_never_an_earlier_one(tmp_path: Path) -> None:
    clock = Clock()
    node = node_of(tmp_path / "chain", clock)
    genesis = node.block(0)
    assert genesis is not None
    assert genesis.time == clock.now // 1000
    times = []
    for nonce, now in enumerate((clock.now + 5_000, clock.now + 5_100, 0, clock.now + 60_000)):
        clock.now = now
        node.ask("eth_sendRawTransaction", f"0x{plain(nonce)[1].hex()}")
        latest = node.block("latest")
        assert latest is not None
        times.append(latest.time - genesis.time)
    assert times == [5, 6, 7, 60]
    node.close()


@pytest.mark.parametrize(
    "changes",
    [{"chainId": 5}, {"gasPrice": 1}, {"gas": 100}, {"value": 10**40}, {"nonce": 4}],
)
def test_transactions_that_are_not_valid_change_nothing(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    node = node_of(tmp_path / "chain")
    with pytest.raises(RpcFault):
        node.ask("eth_sendRawTransaction", f"0x{plain(**changes)[1].hex()}")
    assert node.number("eth_blockNumber") == 0
    txid, raw = plain(0)
    assert node.ask("eth_sendRawTransaction", f"0x{raw.hex()}") == txid
    assert node.number("eth_blockNumber") == 1
    node.close()


def test_what_it_says_is_told_apart_as_of_other_nodes(tmp_path: Path) -> None:
    node = node_of(tmp_path / "chain")
    _, raw = plain(0)
    node.ask("eth_sendRawTransaction", f"0x{raw.hex()}")
    for sent, fault in ((raw, Fault.KNOWN), (plain(0, value=2)[1], Fault.NONCE)):
        with pytest.raises(RpcFault) as caught:
            node.ask("eth_sendRawTransaction", f"0x{sent.hex()}")
        assert caught.value.fault is fault
    for raw in (b"", b"\x00", b"\xc0", b"\x02\xc0", b"\x7f" * 9):
        with pytest.raises(RpcFault):
            node.ask("eth_sendRawTransaction", f"0x{raw.hex()}")
    with pytest.raises(RpcFault) as caught:
        node.ask("eth_feeHistory")
    assert caught.value.fault is Fault.UNSUPPORTED
    node.close()


def test_a_disk_that_takes_no_more_is_an_outage_and_leaves_whole_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = embedded(tmp_path)
    adapter.open()
    anchor(adapter, point(1))
    signed = adapter.sign(point(2), [])

    def full(self: ChainStore) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(ChainStore, "commit", full)
        with pytest.raises(Unreachable, match="disk is full"):
            adapter.send(point(2), signed)
        assert adapter.look_up(point(2), [signed], b"") == Missing()
    adapter.send(point(2), signed)
    assert isinstance(adapter.look_up(point(2), [signed], b""), Final)
    adapter.close()


def test_what_was_not_committed_is_gone(tmp_path: Path) -> None:
    store = ChainStore(tmp_path / "kept")
    store[b"a"] = b"1"
    store.commit()
    store[b"a"] = b"2"
    store[b"b"] = b"3"
    assert (store[b"a"], b"b" in store) == (b"2", True)
    store.roll_back()
    assert (store[b"a"], b"b" in store) == (b"1", False)
    store[b"c"] = b"4"
    store.close()
    store.close()
    again = ChainStore(tmp_path / "kept")
    assert b"c" not in again
    del again[b"a"]
    for missing in (b"a", b"c"):
        with pytest.raises(KeyError):
            again[missing]
        with pytest.raises(KeyError):
            del again[missing]
    again.close()
    with pytest.raises(sqlite3.ProgrammingError):
        again[b"a"]
