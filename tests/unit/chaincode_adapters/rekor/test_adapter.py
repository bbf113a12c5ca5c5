"""The rekor adapter against a log in memory that can lie in every way."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from builders.judicial_service import MEMBER_KEY, pem_of
from builders.judicial_setup import now_ms, point_of
from builders.key_files import write_key
from builders.small_log import ORIGIN, SmallLog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chaincode_adapters.errors import Conflicting, Misconfigured, Refused, Unreachable
from chaincode_adapters.port import Final, Missing, Surroundings
from chaincode_adapters.rekor.adapter import RekorAdapter
from chaincode_adapters.rekor.building import build
from chaincode_adapters.rekor.settings import RekorSettings
from chaincode_adapters.rest.exchange import Reply, Sent
from node.core.merkle import inclusion_path, leaf_hash

POINT = point_of()
TILES = "http://127.0.0.1/tiles"


@dataclass
class LogServer:
    """Answers as rekor-tiles does, from a `SmallLog` that grows."""

    log: SmallLog
    change: Callable[[dict[str, Any]], dict[str, Any]] = lambda answer: answer
    instead: Reply | None = None
    no_tiles: bool = False
    note: str = ""
    asked: list[str] = field(default_factory=list)

    def __call__(self, sent: Sent, *, url: str | None = None) -> Reply:
        self.asked.append(sent.path)
        if url == TILES:
            return self._file(sent.path)
        if self.instead is not None:
            return self.instead
        return self._add(json.loads(sent.body)["hashedRekordRequestV002"])

    def _add(self, request: dict[str, Any]) -> Reply:
        entry = json.dumps(
            {
                "apiVersion": "0.0.2",
                "kind": "hashedrekord",
                "spec": {
                    "hashedRekordV002": {
                        "data": {"algorithm": "SHA2_256", "digest": request["digest"]},
                        "signature": request["signature"],
                    }
                },
            },
            sort_keys=True,
            separators=(",", ":"),
        )
        leaf = leaf_hash(entry.encode())
        log = self.log
        if leaf in log.leaves:
            told = json.dumps({"code": 6, "message": "an equivalent entry"}).encode()
            return Reply(409, {"x-log-index": str(log.leaves.index(leaf))}, told)
        log.leaves.append(leaf)
        log.size += 1
        path = inclusion_path(log.size - 1, log.size, log.read)
        answer = {
            "logIndex": str(log.size - 1),
            "inclusionProof": {
                "hashes": [b64encode(node).decode() for node in path],
                "checkpoint": {"envelope": log.note()},
            },
            "canonicalizedBody": b64encode(entry.encode()).decode(),
            "integratedTime": "0",
            "inclusionPromise": None,
        }
        return Reply(201, {}, json.dumps(self.change(answer)).encode())

    def _file(self, path: str) -> Reply:
        if self.no_tiles:
            return Reply(501, {}, b"")
        if path == "/checkpoint":
            return Reply(200, {}, (self.note or self.log.note()).encode())
        assert path.startswith("/tile/0/000")
        width = int(path.rpartition("/")[2]) if ".p/" in path else 256
        return Reply(200, {}, b"".join(self.log.leaves[:width]))


@pytest.fixture
def server() -> LogServer:
    return LogServer(SmallLog(5, 0))


@pytest.fixture
def adapter(server: LogServer, tmp_path: Path) -> RekorAdapter:
    return adapter_of(server, tmp_path)


def settings_of(server: LogServer, **more: Any) -> RekorSettings:
    given = {"url": "http://127.0.0.1", "key": "k", "log_key": server.log.key, "tiles": TILES}
    return RekorSettings(name="log", operator="O", **{**given, **more})


def adapter_of(server: LogServer, home: Path, **more: Any) -> RekorAdapter:
    write_key(home / "k", pem_of(MEMBER_KEY))
    surroundings = Surroundings(home, "c", b"\x07" * 32, "court-1", now_ms)
    made = build(settings_of(server, **more), surroundings)
    assert isinstance(made, RekorAdapter)
    return RekorAdapter(made._settings, made._key, server, TILES, surroundings)


def test_an_entry_goes_in_once(server: LogServer, adapter: RekorAdapter) -> None:
    signed = adapter.sign(POINT, [])
    first = adapter.send(POINT, signed)
    again = adapter.send(POINT, signed)
    assert json.loads(first)["index"] == json.loads(again)["index"] == 5
    assert server.log.size == 6
    final = adapter.look_up(POINT, [signed], again)
    assert isinstance(final, Final)
    assert (final.external_tx, final.height) == (signed.external_tx, 5)
    assert adapter.look_up(POINT, [], again) == Missing()
    receipt = adapter.receipt(POINT, [signed], again, final)
    assert (receipt.kind, receipt.height) == ("rekor", 5)
    assert adapter.chain == f"rekor:{server.log.key.split('+')[1]}:{ORIGIN}"


def other_proof(answer: dict[str, Any]) -> dict[str, Any]:
    answer["inclusionProof"]["hashes"][0] = b64encode(bytes(32)).decode()
    return answer


def other_signature(answer: dict[str, Any]) -> dict[str, Any]:
    note = SmallLog(6, 0, kind=1).note()
    answer["inclusionProof"]["checkpoint"]["envelope"] = note
    return answer


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (other_proof, "does not lead to this root"),
        (other_signature, "does not hold"),
        (lambda answer: {**answer, "logIndex": "4"}, "the log's proof does not hold"),
        (lambda answer: {**answer, "logIndex": "-1"}, "no index"),
        (lambda answer: {**answer, "canonicalizedBody": "e30="}, "for another entry"),
        (lambda answer: {**answer, "inclusionProof": {}}, "nothing at"),
        (lambda answer: {**answer, "inclusionProof": None}, "nothing at"),
        (lambda answer: {}, "no log entry"),
    ],
)
def test_a_log_that_lies_about_its_proof_is_not_believed(
    change: Any, told: str, server: LogServer, adapter: RekorAdapter
) -> None:
    server.change = change
    with pytest.raises(Unreachable, match=told):
        adapter.send(POINT, adapter.sign(POINT, []))


@pytest.mark.parametrize(
    ("reply", "error", "told"),
    [
        (Reply(400, {}, b'{"message":"invalid hashedrekord request"}'), Refused, "invalid hashed"),
        (Reply(405, {}, b"This log has been frozen"), Misconfigured, "takes no entries any more"),
        (Reply(503, {"retry-after": "7"}, b'{"message":"reached max pushback"}'), Unreachable, "m"),
        (Reply(502, {"content-type": "text/html"}, b"<html>"), Unreachable, "502: text/html"),
        (Reply(201, {"content-type": "text/html"}, b"<html>"), Unreachable, "no log entry"),
        (Reply(302, {"location": "http://127.0.0.1/"}, b""), Unreachable, "HTTP 302"),
        (Reply(409, {}, b'{"message":"dup"}'), Unreachable, "without the index"),
        (Reply(409, {"x-log-index": "99"}, b"{}"), Unreachable, "under no checkpoint yet"),
        (Reply(409, {"x-log-index": "2"}, b"{}"), Unreachable, "proof does not hold"),
    ],
)
def test_errors_are_told_apart(
    reply: Reply, error: type[Exception], told: str, server: LogServer, adapter: RekorAdapter
) -> None:
    server.instead = reply
    with pytest.raises(error, match=told) as caught:
        adapter.send(POINT, adapter.sign(POINT, []))
    if "retry-after" in reply.headers:
        assert caught.value.retry_after == 7.0  # type: ignore[attr-defined]


def test_a_duplicate_needs_the_tiles(server: LogServer, adapter: RekorAdapter) -> None:
    signed = adapter.sign(POINT, [])
    answer = adapter.send(POINT, signed)
    server.no_tiles = True
    with pytest.raises(Unreachable, match=r"serves no /checkpoint \(HTTP 501\)"):
        adapter.send(POINT, signed)
    assert isinstance(adapter.look_up(POINT, [signed], answer), Final)
    assert isinstance(adapter.look_up(POINT, [signed], answer), Final)


def test_a_log_that_later_has_another_entry_there_is_a_conflict(
    server: LogServer, adapter: RekorAdapter
) -> None:
    signed = adapter.sign(POINT, [])
    answer = adapter.send(POINT, signed)
    assert isinstance(adapter.look_up(POINT, [signed], answer), Final)
    server.log.leaves[5] = leaf_hash(b"another")
    with pytest.raises(Conflicting, match="another entry at 5"):
        adapter.look_up(POINT, [signed], answer)


def test_tiles_that_lead_to_no_signed_root_accuse_nobody(
    server: LogServer, adapter: RekorAdapter
) -> None:
    signed = adapter.sign(POINT, [])
    answer = adapter.send(POINT, signed)
    adapter.look_up(POINT, [signed], answer)
    server.note = server.log.note()
    server.log.leaves[5] = leaf_hash(b"another")
    with pytest.raises(Unreachable, match="do not lead to its checkpoint"):
        adapter.look_up(POINT, [signed], answer)
    server.note = SmallLog(6, 0, kind=1).note()
    with pytest.raises(Unreachable, match=r"does not hold|has not signed"):
        adapter.look_up(POINT, [signed], answer)
    server.note = "no note"
    with pytest.raises(Unreachable, match="checkpoint"):
        adapter.look_up(POINT, [signed], answer)


def test_a_mirror_that_lags_denies_nothing(server: LogServer, adapter: RekorAdapter) -> None:
    signed = adapter.sign(POINT, [])
    answer = adapter.send(POINT, signed)
    adapter.look_up(POINT, [signed], answer)
    server.note = server.log.note(size=3)
    assert isinstance(adapter.look_up(POINT, [signed], answer), Final)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"log_key": "x"}, "settings.log_key: must be <name>"),
        ({"url": "ftp://x"}, "url: must be http"),
        ({"url": "http://user:pass@x"}, "url: must have no user"),
        ({"tiles": "http://"}, "url: must be http"),
        ({"key": "none"}, "No such file"),
        ({"key": "p384"}, "P-256"),
        ({"key": "text"}, "must be PEM"),
        ({"key": "open"}, "can be read by others"),
    ],
)
def test_settings_that_cannot_work_are_named(
    changes: dict[str, str], told: str, server: LogServer, tmp_path: Path
) -> None:
    write_key(tmp_path / "text", b"very-secret-text")
    write_key(tmp_path / "open", pem_of(MEMBER_KEY)).chmod(0o640)
    write_key(
        tmp_path / "p384",
        ec.generate_private_key(ec.SECP384R1()).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
    with pytest.raises(Misconfigured, match=told) as caught:
        adapter_of(server, tmp_path, **changes)
    assert "very-secret" not in f"{caught.value!r}{caught.value.__cause__!r}"


def test_the_key_is_in_nothing_that_is_told_or_kept(
    server: LogServer, adapter: RekorAdapter
) -> None:
    signed = adapter.sign(POINT, [])
    answer = adapter.send(POINT, signed)
    number = MEMBER_KEY.private_numbers().private_value
    lines = pem_of(MEMBER_KEY).decode().splitlines()[1:-1]
    shown = f"{adapter.__dict__!r}{signed!r}{answer!r}{adapter.trust_entry()}"
    assert not any(line in shown for line in (*lines, str(number), f"{number:x}"))
