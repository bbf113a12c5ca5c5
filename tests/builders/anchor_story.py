"""`make anchors`, and the test of it: a node that anchors to six places at once.

The chain inside the node, a JSON-RPC node (anvil), two time-stamp authorities (of openssl and of
sigstore), a service with an interface like those of the judicial chains, a transparency log
(rekor). One of them is killed and brought back; another root is planted on a chain; what is there
in the end is verified offline. Nothing of it is a third party: all six run on this machine.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from builders.anvil import ANVIL_CHAIN, ANVIL_KEYS, Anvil, anvil
from builders.certificates import (
    TIME_STAMPING,
    Held,
    ca_extensions,
    issue,
    new_key,
    self_signed,
    tsa_extensions,
)
from builders.judicial_service import (
    MEMBER_KEY,
    SERVICE_KEY,
    SignedAnswers,
    pem_of,
    point_hex,
    serving,
)
from builders.node_process import running_node
from builders.rekor import running_rekor, witnessing
from builders.time_stamping import go_tsa, openssl_tsa
from cryptography.hazmat.primitives.asymmetric import ec

from chaincode_adapters.evm.account import load_account
from chaincode_adapters.evm.building import build
from chaincode_adapters.evm.deploying import deploy
from chaincode_adapters.evm.settings import EvmSettings
from chaincode_adapters.port import AnchorAdapter, Surroundings
from node.cli.isolated import isolation, run_verifier
from node.core.anchors.point import AnchorPoint
from node.demo.clerk import Clerk
from node.demo.home import DemoHome, create_demo_home
from node.demo.members import DEMO_CHAIN, DEMO_OPERATOR
from node.demo.story import Story
from node.wiring import system_time

__all__ = ["AnchorStory", "play"]

ROOT = Path(__file__).resolve().parents[2]
Say = Callable[[str], None]
_EVERY_MS = 500
_SECONDS = 120.0
_PLANTED = 40


@dataclass
class AnchorStory:
    """What is at hand while the story is told."""

    out: Path
    made: DemoHome
    clerk: Clerk
    story: Story
    places: Places
    say: Say

    def standing(self) -> dict[str, dict[str, Any]]:
        """How each adapter stands, by its name."""
        told = self.clerk.client("jinan-data").anchors()
        return {one["name"]: one for one in told["adapters"]}

    def wait(self, true: Callable[[dict[str, dict[str, Any]]], object], what: str) -> None:
        """Wait until ``true`` holds of `standing`."""
        give_up = time.monotonic() + _SECONDS
        while not true(standing := self.standing()):
            if time.monotonic() > give_up:
                shown = {name: (one["state"], one["newest"]) for name, one in standing.items()}
                raise AssertionError(f"waited in vain for {what}: {shown}")
            time.sleep(0.1)

    def record(self, title: str) -> dict[str, Any]:
        """Record something in a dossier of its own; the receipt, with the dossier's name."""
        subject = f"record:anyunyin:{time.time_ns():x}"
        data = {
            "aliases": [],
            "document_hashes": [],
            "happened_at": system_time(),
            "record_hash": "ab" * 32,
            "source_system": "安云印电子印章平台（演示）",
        }
        receipt = self.clerk.record(title, "anyunyin", "record.imported", subject, data)
        return {**receipt, "subject": subject}

    def command(self, *arguments: str, ok: bool = True) -> str:
        """What ``evidence-node`` prints."""
        done = subprocess.run(
            [sys.executable, "-m", "node.cli", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is ok, (arguments, done.stdout, done.stderr)
        return done.stdout


def size_with(receipt: dict[str, Any]) -> int:
    """The size of the log with that record as its last."""
    return int(receipt["index"]) + 1


def covers(one: dict[str, Any], size: int) -> bool:
    """Whether an adapter has a final anchor of the log at ``size`` or beyond."""
    return one["newest"] is not None and one["newest"]["size"] >= size


@dataclass
class Places:
    """What is anchored to, but for the chain inside the node. ``config`` is for its node.toml."""

    config: str
    chain: Anvil
    liar: AnchorAdapter
    kill: Callable[[], None]
    start: Callable[[], None]


@contextmanager
def _places(folder: Path, genesis_hash: bytes) -> Iterator[Places]:
    """Start them all."""
    folder.mkdir()
    with ExitStack() as stack:
        chain = stack.enter_context(anvil("--block-time", "1", "--slots-in-an-epoch", "1"))
        evm, liar = _evm(folder, chain, genesis_hash)
        first, second = (_authority(kind, name) for kind, name in _AUTHORITIES)
        openssl = stack.enter_context(openssl_tsa(_made(folder / "openssl"), first))
        running = stack.enter_context(ExitStack())
        sigstore = running.enter_context(go_tsa(_made(folder / "sigstore"), second))
        port = str(urlsplit(sigstore).port)
        tsa = _tsa("openssl-tsa", openssl, folder / "openssl" / "ca.pem", first)
        tsa += _tsa("sigstore-tsa", sigstore, folder / "sigstore" / "ca.pem", second)
        service = stack.enter_context(serving(SignedAnswers(polls_needed=1)))
        witness = stack.enter_context(witnessing())
        log = stack.enter_context(running_rekor(folder / "rekor", witness=witness))
        yield Places(
            evm + tsa + _rest(folder, service) + _rekor(folder, log, witness),
            chain,
            liar,
            running.close,
            lambda: running.enter_context(go_tsa(folder / "sigstore", second, "-port", port)),
        )


_AUTHORITIES = (("P-256", "openssl 时间戳（演示）"), ("P-384", "sigstore 时间戳（演示）"))


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _authority(kind: str, name: str) -> Held:
    root = self_signed(f"{name}根证书", key=new_key(kind, 1))
    middle = issue(f"{name}中级证书", root, ca_extensions(0, TIME_STAMPING), key=new_key(kind, 2))
    return issue(name, middle, tsa_extensions(), key=new_key(kind, 3))


def _evm(folder: Path, chain: Anvil, genesis_hash: bytes) -> tuple[str, AnchorAdapter]:
    """The contract with two members, of whom one is enough: this node's account, and the second's,
    whose adapter is given."""
    paths = []
    for number, key in enumerate(ANVIL_KEYS):
        path = folder / f"account-{number}.key"
        path.touch(0o600)
        path.write_text(key)
        paths.append(path)
    deployed = deploy(
        url=chain.url,
        chain_id=ANVIL_CHAIN,
        key=paths[2],
        ledger=genesis_hash,
        members=[load_account(path).address for path in paths[:2]],
        threshold=1,
    )
    said = {
        "url": chain.url,
        "chain_id": ANVIL_CHAIN,
        "contract": f"0x{deployed.contract.hex()}",
        "depth": 1,
        "poll_ms": 200,
    }
    lies = EvmSettings(name="liar", operator="说谎的成员", key=str(paths[1]), **said)
    around = Surroundings(folder, DEMO_CHAIN, genesis_hash, "liar", system_time)
    own = _table("evm", "quancheng", "泉城链（演示：anvil）", key=str(paths[0]), **said)
    return own, build(lies, around)


def _tsa(name: str, url: str, root: Path, held: Held) -> str:
    root.write_bytes(held.root_pem)
    return _table("rfc3161", name, f"{name}（演示）", url=url, roots=[str(root)])


def _rest(folder: Path, service: SignedAnswers) -> str:
    text = (ROOT / "config" / "anchors" / "signed-answers.toml").read_text("utf-8")
    own = re.sub(r'public_key = "[0-9a-f]+"', f'public_key = "{point_hex(SERVICE_KEY)}"', text)
    path, key = folder / "sifa.toml", folder / "sifa.key"
    path.write_text(own, "utf-8")
    key.touch(0o600)
    key.write_bytes(pem_of(MEMBER_KEY))
    table = _table(
        "rest",
        "sifa",
        "司法链（演示：测试服务）",
        url=service.url,
        service=str(path),
        key=str(key),
        poll_ms=200,
    )
    return table + 'values = { app_id = "app-1" }\n'


def _rekor(folder: Path, log: Any, witness: Any) -> str:
    key = folder / "rekor-entries.pem"
    key.touch(0o600)
    key.write_bytes(pem_of(ec.generate_private_key(ec.SECP256R1())))
    table = _table(
        "rekor",
        "rekor",
        "透明日志（演示：rekor-tiles）",
        url=log.url,
        tiles=log.tiles,
        key=str(key),
        log_key=log.log_key,
        poll_ms=200,
    )
    return f'{table}witnesses = [{{ operator = "见证方（演示）", key = "{witness.key}" }}]\n'


def _table(kind: str, name: str, operator: str, **members: Any) -> str:
    lines = [f"{member} = {json.dumps(value)}" for member, value in members.items()]
    head = [
        "",
        "[[anchors.to]]",
        f'kind = "{kind}"',
        f'name = "{name}"',
        f'operator = "{operator}"',
    ]
    return "\n".join([*head, *lines]) + "\n"


_EMBEDDED = _table("evm-embedded", "embedded", "节点自带的开发链（演示）")


def play(out: Path, say: Say = print) -> Path:
    """Tell the whole story; its files go to ``out``. Returns the bundle.

    Raises:
        AssertionError: something did not go as it should.
    """
    shutil.rmtree(out, ignore_errors=True)
    (out / "submissions").mkdir(parents=True)
    say("1. A node, and six places that it anchors to")
    made = create_demo_home(
        out / "node", system_time, port=0, workers=1, parameters={"anchor_every_ms": _EVERY_MS}
    )
    with _places(out / "places", made.genesis.hash) as places:
        with (out / "node" / "node.toml").open("a", encoding="utf-8") as file:
            file.write(_EMBEDDED + places.config)
        with running_node(out / "node") as node:
            clerk = Clerk(
                node.url, made.genesis.chain_id, DEMO_OPERATOR, made.keys, out / "submissions", say
            )
            try:
                return _tell(AnchorStory(out, made, clerk, Story(clerk, out), places, say))
            finally:
                clerk.close()


def _tell(told: AnchorStory) -> Path:
    say = told.say
    say("2. A seal is recorded; every place gets the point after it")
    told.story.make_seal()
    size = size_with(told.record("补录"))
    told.wait(lambda now: all(covers(one, size) for one in now.values()), "all six")
    _show(told)
    say("3. sigstore's time-stamp authority is killed; the others go on")
    told.places.kill()
    receipt = told.record("补录")
    size = size_with(receipt)
    told.wait(
        lambda now: all(covers(one, size) for name, one in now.items() if name != "sigstore-tsa"),
        "the other five",
    )
    told.wait(lambda now: now["sigstore-tsa"]["breaker"] != "closed", "the breaker")
    dead = told.standing()["sigstore-tsa"]
    assert not covers(dead, size)
    say(f"   sigstore-tsa: breaker {dead['breaker']}, {dead['lag']['points']} point(s) behind")
    say("4. It is brought back, and gets what it missed")
    told.places.start()
    told.wait(lambda now: covers(now["sigstore-tsa"], size), "sigstore's authority")
    say(f"   sigstore-tsa: size {told.standing()['sigstore-tsa']['newest']['size']}")
    bundle, trust = _evidence(told, receipt)
    say("5. Another member plants another root on the chain, at the sizes that come next")
    _plant(told, size + 1)
    told.record("补录")
    told.wait(lambda now: now["quancheng"]["state"] == "conflict", "the alarm")
    _alarm(told)
    say("6. The evidence, verified offline")
    _verify(told, bundle, trust)
    return bundle


def _verify(told: AnchorStory, bundle: Path, trust: Path) -> None:
    where, prefix = isolation()
    told.say(f"   {where}")
    lines: list[str] = []
    code = run_verifier(prefix, bundle, trust, lambda line: (lines.append(line), told.say(line)))
    assert code == 0
    passed = [line for line in lines if re.match(r"\s+16\.\d+ ✓", line)]
    assert len(passed) == 5, "all but the chain inside the node vouch for it"
    assert any(re.match(r"\s+16\.\d+ – .*development chain", line) for line in lines)


def _show(told: AnchorStory) -> None:
    for name, one in told.standing().items():
        newest = one["newest"]
        told.say(f"   {name:<13} {one['operator']}  {one['chain']}  size {newest['size']}")


def _evidence(told: AnchorStory, receipt: dict[str, Any]) -> tuple[Path, Path]:
    """Bundle and trust file of a record. Of the chain it names a block compared with it."""
    home, out = str(told.out / "node"), told.out
    bare, trust, bundle = out / "trust-bare.json", out / "trust.json", out / "bundle.json"
    client = told.clerk.client("anyunyin")
    bare.write_bytes(client.trust())
    told.command("anchor", "trust", "--home", home, "--trust", str(bare), "--out", str(trust))
    proof = told.command(
        *("anchor", "prove", "--home", home, "--code", receipt["code"], "--json"),
        *("--out", str(out / "proof")),
    )
    [chain] = [one for one in json.loads(proof)["receipts"] if one["adapter"] == "quancheng"]
    entry = chain["live"]["trust_entry"]
    [block] = entry["blocks"]
    seen = told.places.chain.ask("eth_getBlockByNumber", hex(block["number"]), False)
    assert seen["hash"].removeprefix("0x") == block["hash"].removeprefix("0x")
    believed = json.loads(trust.read_bytes())
    believed["anchors"] = [
        entry if one.get("name") == "quancheng" else one for one in believed["anchors"]
    ]
    trust.write_text(json.dumps(believed, ensure_ascii=False, indent=1), "utf-8")
    bundle.write_bytes(client.bundle(receipt["subject"]))
    told.say(f"   evidence of {receipt['code']}: {bundle.name}, {trust.name}, proof/")
    return bundle, trust


def _plant(told: AnchorStory, first: int) -> None:
    """The other member attests roots of its own, of all sizes that the next point may have."""
    liar = told.places.liar
    liar.open()
    for size in range(first, first + _PLANTED):
        forged = AnchorPoint(DEMO_CHAIN, size, size, b"\x66" * 32, b"\x77" * 32, b"\x88" * 32)
        liar.send(forged, liar.sign(forged, []))
    liar.close()
    told.say(f"   planted for the sizes {first} to {first + _PLANTED - 1}")


def _alarm(told: AnchorStory) -> None:
    """It is in the status, in the log, in the metrics, in what the node tells everybody."""
    home = str(told.out / "node")
    status = told.command("anchor", "status", "--home", home, ok=False)
    for line in status.splitlines():
        if "conflict" in line.lower():
            told.say(f"   {line.strip()}")
    log = (told.out / "node.log").read_text("utf-8")
    assert "ANCHOR CONFLICT" in log
    for key in ANVIL_KEYS:
        assert key not in log, "keys are never logged"
    [alarm] = told.clerk.client("jinan-data").anchors()["alarms"]
    assert alarm["adapter"] == "quancheng"
    others = [one for name, one in told.standing().items() if name != "quancheng"]
    assert {one["state"] for one in others} <= {"up to date", "working"}, others
