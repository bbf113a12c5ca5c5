"""The rekor adapter against a real rekor-tiles server on POSIX storage, with and without a witness.

What it proves is checked twice: by the verifier, and by a few lines with `cryptography` alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.anchor_job import AnchorJob, Killed
from builders.judicial_service import MEMBER_KEY, pem_of
from builders.judicial_setup import now_ms, point_of
from builders.key_files import write_key
from builders.rekor import RekorLog, WitnessServer, rekor_binary, running_rekor, witnessing
from builders.rest_receipts import trusting
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chaincode_adapters.errors import Refused, Unreachable
from chaincode_adapters.port import Final, Missing, Surroundings
from chaincode_adapters.rekor.adapter import RekorAdapter
from chaincode_adapters.rekor.building import build
from chaincode_adapters.rekor.settings import RekorSettings, Witness
from node.core.anchors.rekor import verify_rekor
from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.verify_case import NotChecked

OPERATOR = "透明日志运营方"


def adapter_of(log: RekorLog, home: Path, *witnesses: WitnessServer, **more: Any) -> RekorAdapter:
    write_key(home / "entry.key", pem_of(MEMBER_KEY))
    settings = RekorSettings(
        name="log",
        operator=OPERATOR,
        url=log.url,
        tiles=more.pop("tiles", log.tiles),
        key="entry.key",
        log_key=log.log_key,
        witnesses=[Witness(operator="某公证处", key=one.key) for one in witnesses],
        timeout_ms=30_000,
        **more,
    )
    surroundings = Surroundings(home, "seals-of-zhengzhou", b"\x07" * 32, "court-1", now_ms)
    adapter = build(settings, surroundings)
    assert isinstance(adapter, RekorAdapter)
    return adapter


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RekorLog]:
    with running_rekor(tmp_path_factory.mktemp("rekor")) as running:
        yield running


@pytest.fixture(scope="module")
def witnessed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[RekorLog, WitnessServer]]:
    """A log whose checkpoints a witness cosigns; such logs have Ed25519 keys."""
    home = tmp_path_factory.mktemp("witnessed")
    with (
        witnessing() as witness,
        running_rekor(home, algorithm="ed25519", witness=witness) as running,
    ):
        yield running, witness


def test_nothing_listens_beyond_the_loopback(log: RekorLog) -> None:
    """Its own `serve` binds its three ports, the metrics' too, to what --http-address says."""
    inodes = {os.readlink(f"/proc/{log.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{log.pid}/fd")}
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{log.pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and f"socket:[{columns[9]}]" in inodes:
                found.append(columns[1].split(":")[0])
    assert len(found) == 3
    assert set(found) == {"0100007F"}


def check_with_cryptography(content: dict[str, Any], log_key: str, document: bytes) -> None:
    """Entry, way to the root, and signature, by C2SP and RFC 9162 and nothing of the node."""
    text, _, lines = content["checkpoint"].partition("\n\n")
    origin, size, root = text.split("\n")
    name, key_id, encoded = log_key.split("+", 2)
    spki = base64.b64decode(encoded)[1:]
    assert (origin, hashlib.sha256(spki).hexdigest()[:8]) == (name, key_id)
    [line] = lines.splitlines()
    signature = base64.b64decode(line.split(" ")[2])[4:]
    public = serialization.load_der_public_key(spki)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, (text + "\n").encode(), ec.ECDSA(hashes.SHA256()))

    node = hashlib.sha256(b"\x00" + content["entry"].encode()).digest()
    at, last = content["index"], int(size) - 1
    path = [bytes.fromhex(one) for one in content["path"]]
    while last:
        if at % 2 or at < last:
            sibling = path.pop(0)
            pair = sibling + node if at % 2 else node + sibling
            node = hashlib.sha256(b"\x01" + pair).digest()
        at, last = at // 2, last // 2
    assert path == []
    assert base64.b64encode(node).decode() == root

    record = json.loads(content["entry"])["spec"]["hashedRekordV002"]
    assert base64.b64decode(record["data"]["digest"]) == hashlib.sha256(document).digest()
    key = serialization.load_der_public_key(
        base64.b64decode(record["signature"]["verifier"]["publicKey"]["rawBytes"])
    )
    assert isinstance(key, ec.EllipticCurvePublicKey)
    content_signature = base64.b64decode(record["signature"]["content"])
    key.verify(content_signature, document, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(content_signature, document + b" ", ec.ECDSA(hashes.SHA256()))


def test_points_are_anchored_and_proven_by_two_ways(log: RekorLog, tmp_path: Path) -> None:
    adapter = adapter_of(log, tmp_path)
    for number in range(1, 4):
        point = point_of(number)
        receipt = AnchorJob(lambda: adapter, point).run()
        check_with_cryptography(receipt.content, log.log_key, point.document())
        with pytest.raises(NotChecked, match="whose checkpoints hold no time"):
            verify_rekor(
                receipt.content, point, trusting(adapter.trust_entry()), load_backend(), "r"
            )


def test_a_witness_gives_the_time(
    witnessed: tuple[RekorLog, WitnessServer], tmp_path: Path
) -> None:
    running, witness = witnessed
    adapter = adapter_of(running, tmp_path, witness)
    witness.clock = 1_795_422_846
    receipt = AnchorJob(lambda: adapter, point_of()).run()
    trust = trusting(adapter.trust_entry())
    for backend in ("cryptography", "ecdsa"):
        vouched = verify_rekor(receipt.content, point_of(), trust, load_backend(backend), "r")
        assert (vouched.by, vouched.time) == ("某公证处", 1_795_422_846_999)
    assert receipt.time == vouched.time
    canonical_json(receipt.content)


def test_no_real_receipt_with_a_byte_changed_is_accepted(
    witnessed: tuple[RekorLog, WitnessServer], tmp_path: Path
) -> None:
    running, witness = witnessed
    adapter = adapter_of(running, tmp_path, witness)
    point = point_of(40)
    receipt = AnchorJob(lambda: adapter, point).run()
    trust, backend = trusting(adapter.trust_entry()), load_backend("cryptography")
    data = canonical_json(receipt.content)
    for position in range(len(data)):
        bad = bytearray(data)
        bad[position] ^= 1
        try:
            value = json.loads(bytes(bad))
        except ValueError:
            continue
        with pytest.raises((InvalidInput, NotChecked)):
            verify_rekor(value, point, trust, backend, "receipt")


def test_a_duplicate_is_the_first_entry_proven_from_the_tiles(
    log: RekorLog, tmp_path: Path
) -> None:
    adapter, point = adapter_of(log, tmp_path), point_of(50)
    signed = adapter.sign(point, [])
    assert adapter.sign(point, [signed]) == signed  # RFC 6979: the same entry
    first = json.loads(adapter.send(point, signed))
    for number in range(51, 54):
        AnchorJob(lambda: adapter, point_of(number)).run()
    again = json.loads(adapter.send(point, signed))
    assert again["index"] == first["index"]
    assert again["checkpoint"] != first["checkpoint"]
    check_with_cryptography(again, log.log_key, point.document())


@pytest.mark.parametrize(
    "place", ["signed and kept", "sent, the answer not kept", "sent and kept", "after look_up"]
)
def test_killed_between_two_steps_there_is_one_entry(
    place: str, log: RekorLog, tmp_path: Path
) -> None:
    point = point_of(60 + len(place))
    left = {place}

    def strike(at: str) -> None:
        if at in left:
            left.discard(at)
            raise Killed(at)

    receipt = AnchorJob(lambda: adapter_of(log, tmp_path), point, strike).run()
    assert not left
    digest = base64.b64encode(point.digest()).decode()
    bundles = sorted((log.storage / "tile" / "entries").rglob("*"))
    newest = max((one for one in bundles if one.is_file()), key=lambda one: one.stat().st_mtime_ns)
    assert newest.read_bytes().count(digest.encode()) == 1
    assert receipt.content["entry"].count(digest) == 1


def test_a_bad_signature_is_refused_for_good(log: RekorLog, tmp_path: Path) -> None:
    adapter = adapter_of(log, tmp_path)
    signed = adapter.sign(point_of(70), [])
    other = json.loads(adapter.sign(point_of(71), []).payload)
    entry = json.loads(signed.payload)
    entry["spec"]["hashedRekordV002"]["signature"] = other["spec"]["hashedRekordV002"]["signature"]
    bad = type(signed)(signed.external_tx, canonical_json(entry))
    with pytest.raises(Refused, match="HTTP 400: invalid hashedrekord request"):
        adapter.send(point_of(70), bad)


def test_later_it_is_asked_whether_the_entry_still_stands(log: RekorLog, tmp_path: Path) -> None:
    adapter, point = adapter_of(log, tmp_path), point_of(80)
    signed = adapter.sign(point, [])
    answer = adapter.send(point, signed)
    first = adapter.look_up(point, [signed], answer)
    AnchorJob(lambda: adapter, point_of(81)).run()
    later = adapter.look_up(point, [signed], answer)
    assert isinstance(first, Final)
    assert isinstance(later, Final)
    assert later.mark == first.mark
    assert adapter.look_up(point, [signed], b"") == Missing()
    # The log's own server has no tiles: then there is nothing to ask.
    blind = adapter_of(log, tmp_path, tiles=f"{log.url}/api/v2")
    assert isinstance(blind.look_up(point, [signed], answer), Final)
    with pytest.raises(Unreachable, match="serves no /checkpoint"):
        blind.send(point, signed)


def test_an_outage_is_gone_through(tmp_path: Path) -> None:
    """The log is stopped with a point on its way, and brought back with what it had."""
    rekor_binary()
    with running_rekor(tmp_path / "log") as running:
        adapter, point = adapter_of(running, tmp_path), point_of(90)
        signed = adapter.sign(point, [])
        first = adapter.send(point, signed)
        os.kill(running.pid, signal.SIGSTOP)
        hasty = adapter_of(running, tmp_path)
        hasty._exchange._timeout = 0.5  # type: ignore[attr-defined]
        other = hasty.sign(point_of(91), [])
        with pytest.raises(Unreachable, match="no whole answer"):
            hasty.send(point_of(91), other)
        os.kill(running.pid, signal.SIGCONT)
        receipt = AnchorJob(lambda: adapter, point_of(91), attempts=[other]).run()
        assert receipt.height == json.loads(first)["index"] + 1
        status = httpx.get(f"{running.url}/healthz", trust_env=False).status_code
        assert status == 200
