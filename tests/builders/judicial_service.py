"""Services of the tests' own that record digests as the documented judicial services do.

Each dialect reads requests and signs answers by itself, without the adapter's templates, so that a
mistake in those is not made twice. What can go wrong is switched on by name. Nothing here is a real
service.
"""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = [
    "MEMBER_KEY",
    "SERVICE_KEY",
    "JudicialService",
    "Recorded",
    "SignedAnswers",
    "pem_of",
    "point_hex",
    "serving",
]

_ECDSA = ec.ECDSA(hashes.SHA256())
SERVICE_KEY = ec.derive_private_key(0x5E41A1, ec.SECP256R1())
MEMBER_KEY = ec.derive_private_key(0x3E3BE4, ec.SECP256R1())


def point_hex(key: ec.EllipticCurvePrivateKey) -> str:
    """x‖y of the public key, in hex."""
    numbers = key.public_key().public_numbers()
    return f"{numbers.x:064x}{numbers.y:064x}"


def pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@dataclass
class Recorded:
    """A record of a service."""

    request_id: str
    digest: str
    serial: str
    time: int
    polls: int = 0


@dataclass(frozen=True)
class Asked:
    """A request as it came in. Names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answered:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def as_json(status: int, value: Any) -> Answered:
    body = json.dumps(value, ensure_ascii=False).encode()
    return Answered(status, body, {"Content-Type": "application/json; charset=utf-8"})


class JudicialService:
    """What all dialects share: the records, the clock, and the faults that are switched on.

    ``faults`` holds any of: pending, retry, reject, wrong-signature, other-request, other-digest,
    html, huge, hang, drip, lose-answer, ahead, gzip, redirect. ``once`` are those that happen to
    one request only. ``polls_needed`` is how often a record is pending before it is done.
    """

    def __init__(self, polls_needed: int = 0) -> None:
        self.records: dict[str, Recorded] = {}
        self.faults: set[str] = set()
        self.once: set[str] = set()
        self.polls_needed = polls_needed
        self.clock_offset_ms = 0
        self.window_ms = 900_000
        self.asked: list[Asked] = []
        self.submissions = 0
        self.unblock = threading.Event()
        self.lock = threading.Lock()
        self.url = ""

    def now(self) -> int:
        return int(time.time() * 1000) + self.clock_offset_ms

    def fault(self, name: str) -> bool:
        with self.lock:
            if name in self.once:
                self.once.discard(name)
                return True
        return name in self.faults

    def record(self, request_id: str, digest: str) -> Recorded | None:
        """Make a record; None where there is one of this id already."""
        with self.lock:
            self.submissions += 1
            if request_id in self.records:
                return None
            serial = f"SF{len(self.records) + 1:08d}"
            made = Recorded(request_id, digest, serial, self.now())
            self.records[request_id] = made
            return made

    def is_recorded(self, made: Recorded) -> bool:
        """Whether a poll finds it done."""
        made.polls += 1
        return not self.fault("pending") and made.polls > self.polls_needed

    def shown(self, made: Recorded) -> Recorded:
        """The record as it is answered with, wrong where a fault asks for it."""
        shown = Recorded(made.request_id, made.digest, made.serial, made.time)
        if self.fault("other-request"):
            shown.request_id = "0" * len(shown.request_id)
            shown.digest = "11" * 32
        if self.fault("other-digest"):
            raw = b"\x22" * 32
            shown.digest = raw.hex() if len(made.digest) == 64 else b64encode(raw).decode()
        if self.fault("ahead"):
            shown.time += 3_600_000
        return shown

    def answer(self, asked: Asked) -> Answered:
        raise NotImplementedError

    def in_window(self, sent_ms: int) -> bool:
        return abs(self.now() - sent_ms) <= self.window_ms


class SignedAnswers(JudicialService):
    """As config/anchors/signed-answers.toml: ECDSA both ways."""

    example = "signed-answers"
    values: ClassVar = {"app_id": "app-1"}
    key_file = pem_of(MEMBER_KEY)

    def answer(self, asked: Asked) -> Answered:
        code = self._fault_of(asked)
        if code:
            return as_json(401, {"code": code, "message": "签名或时间错误"})
        if self.fault("retry"):
            return as_json(503, {"code": 5000, "message": "系统繁忙"})
        if self.fault("reject"):
            return as_json(403, {"code": 4030, "message": "余额不足"})
        if asked.method == "POST" and asked.path == "/api/v1/evidence":
            body = asked.json()
            made = self.record(body["requestId"], body["hash"])
            if made is None:
                return as_json(409, {"code": 4090, "message": "流水号重复"})
            return as_json(202, {"code": 0, "data": {"requestId": made.request_id}})
        made = self.records.get(asked.path.rpartition("/")[2])
        if made is None:
            return as_json(404, {"code": 4040, "message": "存证不存在"})
        if not self.is_recorded(made):
            return as_json(200, {"code": 0, "data": {"state": "PENDING", "extra": [None, 1.5]}})
        return as_json(200, {"code": 0, "data": self._signed(self.shown(made))})

    def _fault_of(self, asked: Asked) -> int:
        sent = asked.headers["x-time"]
        text = "\n".join(
            (
                asked.method,
                asked.path,
                asked.headers["x-app-id"],
                sent,
                asked.headers["x-request-id"],
                hashlib.sha256(asked.body).hexdigest(),
            )
        )
        try:
            signature = b64decode(asked.headers["x-signature"], validate=True)
            MEMBER_KEY.public_key().verify(signature, text.encode(), _ECDSA)
        except InvalidSignature:
            return 4010
        return 0 if self.in_window(int(sent)) else 4011

    def _signed(self, made: Recorded) -> dict[str, Any]:
        text = (
            f"state=RECORDED&serial={made.serial}&requestId={made.request_id}"
            f"&hash={made.digest}&time={made.time}&height=4711"
        )
        if self.fault("wrong-signature"):
            text += "0"
        return {
            "block": {"height": 4711, "confirmed": True},
            "hash": made.digest,
            "requestId": made.request_id,
            "serial": made.serial,
            "signature": b64encode(SERVICE_KEY.sign(text.encode(), _ECDSA)).decode(),
            "state": "RECORDED",
            "time": made.time,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def log_message(self, *arguments: Any) -> None:
        pass

    def _handle(self) -> None:
        service = self.server.service
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, self.path, headers, self.rfile.read(length))
        service.asked.append(asked)
        if service.fault("hang"):
            service.unblock.wait(30)
            self.close_connection = True
            return
        if service.fault("html"):
            html = b"<html><body>502 Bad Gateway</body></html>"
            self._write(Answered(502, html, {"Content-Type": "text/html"}))
            return
        if service.fault("redirect"):
            self._write(Answered(302, b"", {"Location": "http://127.0.0.1:9/elsewhere"}))
            return
        answered = service.answer(asked)
        if service.fault("lose-answer"):
            self.close_connection = True
            return
        if service.fault("gzip"):
            answered.headers["Content-Encoding"] = "gzip"
        if service.fault("huge"):
            self._write_huge()
        elif service.fault("drip"):
            self._drip(answered)
        else:
            self._write(answered)

    do_GET = do_POST = do_PUT = _handle

    def _write(self, answered: Answered) -> None:
        self.send_response(answered.status)
        for name, value in answered.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answered.body)))
        self.end_headers()
        self.wfile.write(answered.body)

    def _write_huge(self) -> None:
        """50 MB, or as much of them as the other side takes."""
        self.send_response(200)
        self.send_header("Content-Length", str(50_000_000))
        self.end_headers()
        self.close_connection = True
        try:
            for _ in range(800):
                self.wfile.write(b" " * 62_500)
        except OSError:
            self.server.service.once.add("was-cut-off")

    def _drip(self, answered: Answered) -> None:
        """A byte now and then, for ever: each read gets something in time."""
        self.send_response(answered.status)
        self.send_header("Content-Length", str(len(answered.body)))
        self.end_headers()
        self.close_connection = True
        try:
            for byte in answered.body:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.server.service.unblock.wait(0.05):
                    return
        except OSError:
            return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, service: JudicialService, tls: ssl.SSLContext | None) -> None:
        self.service = service
        self.tls = tls
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self.tls is not None:
            connection = self.tls.wrap_socket(connection, server_side=True)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving(
    service: JudicialService, tls: ssl.SSLContext | None = None
) -> Iterator[JudicialService]:
    """``service`` behind a loopback server; its ``url`` is set."""
    server = _Server(service, tls)
    scheme = "http" if tls is None else "https"
    service.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        service.unblock.set()
        server.shutdown()
        thread.join()
        server.server_close()
