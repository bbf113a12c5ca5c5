"""Make the receipts of this folder anew, by the real systems (README.md says which).

    PYTHONPATH=.:tests .venv/bin/python tests/vectors/anchors/make.py FOLDER [NAME …]

Each receipt is a file `NAME.json`: what it is, the point, the receipt, the trust file under which
it passes. They differ at each run (keys, times): what is committed was made once. Without names all
are made; forge.py makes the forgeries of them. Needs openssl, Go (or what was built with it),
Node.js.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from builders import fabric
from builders.anvil import anvil
from builders.evm import GENESIS, LEDGER, anchor, bench, embedded, point, surroundings
from builders.fisco import answer_as_fisco
from builders.json_rpc_proxy import proxy
from builders.judicial_dialects import AntChain, Bjca
from builders.judicial_service import (
    JudicialService,
    SignedAnswers,
    serving,
)
from builders.judicial_setup import rest_adapter
from builders.rekor import running_rekor, witnessing

from chaincode_adapters.port import AnchorAdapter, Final
from chaincode_adapters.rekor.building import build as build_rekor
from chaincode_adapters.rekor.settings import RekorSettings, Witness
from chaincode_adapters.rfc3161.building import build as build_tsa
from chaincode_adapters.rfc3161.settings import TsaSettings
from node.core.anchors.evm import block_to_pin
from node.core.anchors.point import AnchorPoint
from node.demo.tsa import OpensslTsa, TsaFiles, make_tsa_files, run_tsa

ROOT = Path(__file__).parents[3]
POINT = point(7)
OPERATOR = "Court of the vectors"
Made = dict[str, Any]


def trust_file(*anchors: Made, tsa_roots: tuple[str, ...] = ()) -> Made:
    return {
        "anchors": list(anchors),
        "chain_id": LEDGER,
        "format": "evidence-trust/1",
        "genesis_hash": GENESIS.hex(),
        "tsa_roots": list(tsa_roots),
    }


def settled(adapter: AnchorAdapter, of: AnchorPoint) -> Made:
    """The receipt of a service, which is asked until it has one."""
    signed = adapter.sign(of, [])
    answer = adapter.send(of, signed)
    for _ in range(100):
        standing = adapter.look_up(of, [signed], answer)
        if isinstance(standing, Final):
            return adapter.receipt(of, [signed], answer, standing).content
        time.sleep(0.1)
    raise SystemExit(f"{adapter.name}: {standing}")


# --- time-stamps ----------------------------------------------------------------------------------


@contextmanager
def openssl(home: Path, files: TsaFiles) -> Iterator[str]:
    with run_tsa(OpensslTsa(home, files)) as url:
        yield url


@contextmanager
def sigstore(home: Path, files: TsaFiles) -> Iterator[str]:
    chain = home / "whole.pem"
    chain.write_bytes(files.certificate.read_bytes() + files.chain.read_bytes())
    built = subprocess.run(
        [ROOT / "scripts" / "build-timestamp-authority"], capture_output=True, text=True, check=True
    )
    process = subprocess.Popen(
        [built.stdout.strip(), f"-chain={chain}", f"-key={files.key}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process.stdout.readline().rpartition(" ")[2].strip()
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def time_stamp(home: Path, serve: Any, kind: str, more: Callable[..., Any] = nullcontext) -> Made:
    files = make_tsa_files(home / "tsa", datetime.now(UTC), kind=kind)
    with serve(home, files) as url:
        settings = TsaSettings(name="tsa", operator=OPERATOR, url=url, roots=[str(files.root)])
        adapter = build_tsa(settings, surroundings(home))
        adapter.open()
        receipt = settled(adapter, POINT)
        roots = adapter.trust_entry()["tsa_roots"]
        adapter.close()
    return {"receipt": receipt, "trust": trust_file(tsa_roots=tuple(roots))}


# --- chains ---------------------------------------------------------------------------------------


def without_proofs(method: str, params: Any, forward: Any) -> Made:
    if method == "eth_getProof":
        return {"error": {"code": -32601, "message": "Method not found"}}
    return dict(forward())


def pinned(adapter: AnchorAdapter, receipt: Made, **changes: Any) -> Made:
    entry = {**adapter.trust_entry(), "blocks": [block_to_pin(receipt, "receipt")], **changes}
    return {"receipt": receipt, "trust": trust_file(entry)}


def evm_anvil(home: Path, *, proofs: bool = True, of: AnchorPoint = POINT) -> Made:
    with anvil("--slots-in-an-epoch", "1") as node:
        there = bench(node, home)
        with nullcontext(node.url) if proofs else proxy(node.url, without_proofs) as url:
            adapter = there.adapter(operator=OPERATOR, url=url)
            anchor(adapter, point(3), node)
            made = {"point": of.to_json()} | pinned(adapter, anchor(adapter, of, node)[2].content)
            adapter.close()
    return made


def evm_transaction(home: Path) -> Made:
    """A node that proves nothing, whose blocks have hashes of their own."""
    with anvil("--slots-in-an-epoch", "1") as node:
        there = bench(node, home)
        with proxy(node.url, answer_as_fisco) as url:
            adapter = there.adapter(operator=OPERATOR, url=url)
            receipt = anchor(adapter, POINT, node)[2].content
            entry = adapter.trust_entry()
            adapter.close()
    return {"receipt": receipt, "trust": trust_file(entry)}


def evm_threshold(home: Path) -> Made:
    """The first of two members attests, then the second: the receipt is of the second's block."""
    with anvil("--slots-in-an-epoch", "1") as node:
        there = bench(node, home, members=2, threshold=2)
        first, second = (there.adapter(number, operator=OPERATOR) for number in (0, 1))
        anchor(first, POINT, node)
        made = pinned(second, anchor(second, POINT, node)[2].content)
        first.close()
        second.close()
    return made


def evm_embedded(home: Path) -> Made:
    adapter = embedded(home)
    adapter.open()
    made = pinned(adapter, anchor(adapter, POINT)[2].content)
    adapter.close()
    return made


def fabric_recorded(
    channel: str, number: int, confirmed_by: int = 0, *, position: int = 0, size: int = 1000
) -> Made:
    receipt = fabric.recorded_receipt(channel, number, position)
    if confirmed_by:
        item = fabric.blocks(channel)[confirmed_by].data.data[0]
        payload = fabric.common_pb2.Envelope.FromString(item).payload
        receipt["confirmation"] = base64.b64encode(payload).decode()
    attested = {1000: fabric.ROOT_1000, 2000: fabric.ROOT_2000}[size]
    of = fabric.RecordedPoint.of(size, attested)
    return {
        "attested": of.attested,
        "point": of.to_json(),
        "receipt": receipt,
        "trust": {**trust_file(fabric.trust_entry(channel)), "chain_id": "audit"},
    }


# --- services -------------------------------------------------------------------------------------


def rekor(home: Path, algorithm: str) -> Made:
    key = home / "entries.pem"
    key.touch(0o600)
    subprocess.run(
        [
            *("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-out", str(key)),
        ],
        check=True,
        capture_output=True,
    )
    with (
        witnessing() as witness,
        running_rekor(home / "log", algorithm=algorithm, witness=witness) as log,
    ):
        settings = RekorSettings(
            name="log",
            operator=OPERATOR,
            url=log.url,
            key="entries.pem",
            log_key=log.log_key,
            tiles=log.tiles,
            witnesses=[Witness(operator="Witness of the vectors", key=witness.key)],
        )
        adapter = build_rekor(settings, surroundings(home))
        adapter.open()
        settled(adapter, point(3))
        receipt = settled(adapter, POINT)
        adapter.close()
    return {"receipt": receipt, "trust": trust_file(adapter.trust_entry())}


def rest(home: Path, service: JudicialService) -> Made:
    with serving(service):
        adapter = rest_adapter(service, home)
        adapter.open()
        receipt = settled(adapter, POINT)
        adapter.close()
    return {"receipt": receipt, "trust": trust_file(adapter.trust_entry())}


RECEIPTS: dict[str, tuple[str, str, Callable[[Path], Made]]] = {
    "rfc3161-openssl-ec": (
        "rfc3161",
        "openssl ts, P-256 keys",
        lambda home: time_stamp(home, openssl, "ec"),
    ),
    "rfc3161-openssl-rsa": (
        "rfc3161",
        "openssl ts, the authority's key is RSA 2,048",
        lambda home: time_stamp(home, openssl, "rsa"),
    ),
    "rfc3161-sigstore": (
        "rfc3161",
        "sigstore's timestamp-authority v2.1.3, P-256 keys",
        lambda home: time_stamp(home, sigstore, "ec"),
    ),
    "rfc3161-other-root": (
        "rfc3161",
        "openssl ts of somebody else, whose certificates have the same names",
        lambda home: time_stamp(home, openssl, "ec"),
    ),
    "evm-anvil-state": ("evm", "anvil 1.7.1, state proof", evm_anvil),
    "evm-anvil-receipt": (
        "evm",
        "anvil 1.7.1 behind a proxy that knows no eth_getProof: proof of the transaction's receipt",
        lambda home: evm_anvil(home, proofs=False),
    ),
    "evm-anvil-other": (
        "evm",
        "another anvil with the same chain id, accounts, contract and address; another point",
        lambda home: evm_anvil(home, of=point(7, "fork")),
    ),
    "evm-transaction": (
        "evm",
        "anvil 1.7.1 behind a proxy that answers as FISCO-BCOS does: the transaction alone",
        evm_transaction,
    ),
    "evm-anvil-threshold": ("evm", "anvil 1.7.1, two members of two have attested", evm_threshold),
    "evm-embedded": ("evm", "a node's own development chain (py-evm)", evm_embedded),
    "fabric-raft": (
        "fabric",
        "recorded network (../fabric), channel evidence with Raft, block 5",
        lambda home: fabric_recorded("evidence", 5),
    ),
    "fabric-raft-read": (
        "fabric",
        "the same, with the endorsed reading of block 7",
        lambda home: fabric_recorded("evidence", 5, 7),
    ),
    "fabric-raft-second": (
        "fabric",
        "recorded network (../fabric), channel evidence with Raft, block 8, its second transaction",
        lambda home: fabric_recorded("evidence", 8, position=1, size=2000),
    ),
    "fabric-bft": (
        "fabric",
        "recorded network (../fabric), channel evidencebft with SmartBFT, block 4",
        lambda home: fabric_recorded("evidencebft", 4),
    ),
    "rekor-ecdsa": (
        "rekor",
        "rekor-tiles v2.3.0 with a P-256 key, and a witness of the tests",
        lambda home: rekor(home, "ecdsa"),
    ),
    "rekor-ed25519": (
        "rekor",
        "rekor-tiles v2.3.0 with an Ed25519 key, and a witness of the tests",
        lambda home: rekor(home, "ed25519"),
    ),
    "rest-ecdsa": (
        "rest",
        "the tests' judicial service, answers signed with ECDSA P-256",
        lambda home: rest(home, SignedAnswers()),
    ),
    "rest-sm2": (
        "rest",
        "the tests' judicial service, answers signed with SM2 and SM3",
        lambda home: rest(home, Bjca()),
    ),
    "rest-hmac": (
        "rest",
        "the tests' judicial service, answers with an HMAC, which only its client can check",
        lambda home: rest(home, AntChain()),
    ),
}


def main(folder: str, *names: str) -> None:
    for name in names or RECEIPTS:
        kind, what, make = RECEIPTS[name]
        with tempfile.TemporaryDirectory() as home:
            made = {"kind": kind, "point": POINT.to_json(), "what": what, **make(Path(home))}
        text = json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        (Path(folder) / f"{name}.json").write_text(text, "utf-8")
        print(name, len(text))


if __name__ == "__main__":
    main(*sys.argv[1:])
