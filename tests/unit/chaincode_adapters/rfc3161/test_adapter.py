"""Each fault that an authority, or what stands between, can show."""

from __future__ import annotations

import base64
import gzip
import hashlib
import logging
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from builders.certificates import (
    BEGIN,
    Held,
    ca_extensions,
    issue,
    moment,
    new_key,
    self_signed,
    tsa_extensions,
)
from builders.odd_server import Asked, OddServer, Write, http, odd_server
from builders.time_stamping import POINT, adapter_of
from builders.tokens import Token, answer_of, identifier
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from chaincode_adapters.errors import AnchorError, Refused, Unreachable
from chaincode_adapters.port import Final, Missing, Signed
from chaincode_adapters.rfc3161.adapter import TsaAdapter
from node.core.anchors.der import (
    CONTEXT_CONSTRUCTED,
    INTEGER,
    NULL,
    OCTET_STRING,
    SEQUENCE,
    Contents,
    decode_der,
    encode_der,
    encode_oid,
    encode_set,
    read_integer,
)
from node.core.anchors.rfc3161 import decode_token, verify_rfc3161
from node.core.signatures import load_backend
from node.core.trust import Trust

ROOT = self_signed()
MIDDLE = issue("Middle", ROOT, ca_extensions(0))
TSA = issue("TSA", MIDDLE, tsa_extensions(), days=(0, 30))
NOW = int(BEGIN.timestamp()) * 1000 + 86_400_000
Respond = Callable[[Asked, Write], None]


class Request:
    """A TimeStampReq, taken apart by the test itself."""

    def __init__(self, data: bytes) -> None:
        contents = Contents(decode_der(data, "request", SEQUENCE))
        assert read_integer(contents.take("version", INTEGER)) == 1
        imprint = Contents(contents.take("messageImprint", SEQUENCE))
        assert imprint.take("algorithm").encoded == identifier("2.16.840.1.101.3.4.2.1")
        self.digest = imprint.take("hash", OCTET_STRING).content
        self.policy = contents.take_if("policy", 0x06)
        self.nonce = read_integer(contents.take("nonce", INTEGER))
        assert contents.take("certReq").encoded == b"\x01\x01\xff"
        contents.end()


def granting(held: Held = TSA, **options: Any) -> Respond:
    """What an authority answers; ``options`` are of the token."""

    def respond(asked: Asked, write: Write) -> None:
        request = Request(asked.body)
        given = {"digest": request.digest, "nonce": request.nonce, **options}
        write(http(answer_of(Token(held, **given).encode())))

    return respond


def telling(data: bytes) -> Respond:
    """These bytes, whatever is asked."""
    return lambda asked, write: write(data)


class Case:
    """An adapter and the server that it speaks to."""

    def __init__(self, server: OddServer, adapter: TsaAdapter) -> None:
        self.server, self.adapter = server, adapter

    def send(self) -> tuple[Signed, bytes]:
        signed = self.adapter.sign(POINT, [])
        return signed, self.adapter.send(POINT, signed)

    def fails(self, kind: type[AnchorError], match: str) -> AnchorError:
        with pytest.raises(kind, match=match) as caught:
            self.send()
        return caught.value


@pytest.fixture
def against(tmp_path: Path) -> Any:
    """``against(respond, **settings)``: a case, closed after the test."""
    open_ones: list[Any] = []

    def make(respond: Respond, *roots: bytes, now: int = NOW, **settings: Any) -> Case:
        context = odd_server(respond)
        server = context.__enter__()
        open_ones.append(context)
        adapter = adapter_of(
            server.url, tmp_path, *(roots or (ROOT.pem,)), now=lambda: now, **settings
        )
        adapter.open()
        return Case(server, adapter)

    yield make
    for context in open_ones:
        context.__exit__(None, None, None)


# --- the way through ---------------------------------------------------------------------------


def test_what_is_asked_is_a_query_for_the_points_document(against: Any) -> None:
    case = against(granting())
    signed, answer = case.send()
    [asked] = case.server.asked
    request = Request(asked.body)
    assert asked.body == signed.payload
    assert request.digest == hashlib.sha256(POINT.document()).digest()
    assert f"{request.nonce:x}" == signed.external_tx
    assert request.nonce.bit_length() == 63
    assert request.policy is None
    assert asked.headers["content-type"] == "application/timestamp-query"
    assert "authorization" not in asked.headers
    assert decode_token(answer, "t").info.nonce == request.nonce


def test_the_receipt_is_the_token_and_names_its_time(against: Any) -> None:
    case = against(granting(accuracy=((2, 3),)))
    signed, answer = case.send()
    final = case.adapter.look_up(POINT, [signed], answer)
    assert isinstance(final, Final)
    assert (final.external_tx, final.height, final.time) == (signed.external_tx, 0, NOW + 3000)
    assert final.mark == hashlib.sha256(answer).hexdigest()
    receipt = case.adapter.receipt(POINT, [signed], answer, final)
    assert (receipt.kind, receipt.height, receipt.time) == ("rfc3161", None, NOW + 3000)
    assert receipt.content == {"token": base64.b64encode(answer).decode()}
    trust = Trust("chain-1", bytes(32), tsa_roots=(ROOT.der,))
    assert verify_rfc3161(receipt.content, POINT, trust, load_backend(), "r").time == receipt.time
    assert case.adapter.trust_entry() == {
        "kind": "rfc3161",
        "tsa_roots": [base64.b64encode(ROOT.der).decode()],
    }


def test_a_lost_answer_is_asked_for_again_and_does_no_harm(against: Any) -> None:
    """Killed after `send` went out and before its answer was kept."""
    case = against(granting())
    signed, lost = case.send()
    assert case.adapter.look_up(POINT, [signed], b"") == Missing()
    again = case.adapter.send(POINT, signed)
    first, second = (decode_token(one, "t").info for one in (lost, again))
    assert (first.nonce, first.imprint) == (second.nonce, second.imprint)
    assert isinstance(case.adapter.look_up(POINT, [signed], again), Final)


def test_an_answer_to_any_attempt_will_do(against: Any) -> None:
    case = against(granting())
    first, answer = case.send()
    second = case.adapter.sign(POINT, [first])
    assert second.external_tx != first.external_tx
    final = case.adapter.look_up(POINT, [second, first], answer)
    assert isinstance(final, Final)
    assert final.external_tx == first.external_tx
    assert case.adapter.look_up(POINT, [second], answer) == Missing()


def test_a_kept_answer_that_does_not_hold_is_asked_for_again(against: Any) -> None:
    case = against(granting())
    signed, answer = case.send()
    final = case.adapter.look_up(POINT, [signed], answer)
    damaged = answer[:-1] + bytes([answer[-1] ^ 1])
    for kept in (damaged, answer[:50], b"\x00"):
        assert case.adapter.look_up(POINT, [signed], kept) == Missing()
    with pytest.raises(Unreachable, match="not that of this point"):
        case.adapter.receipt(POINT, [signed], damaged, final)


def test_opening_and_closing_may_be_repeated(against: Any) -> None:
    case = against(granting())
    case.adapter.open()
    case.adapter.close()
    case.adapter.close()
    case.send()


# --- an answer that is not one -----------------------------------------------------------------

PAGE = b"<!DOCTYPE html><html><body>Please sign in to the network</body></html>"


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (http(PAGE, kind="text/html; charset=utf-8"), r"no TimeStampResp \(text/html, 70 bytes\)"),
        (http(PAGE), "no TimeStampResp"),
        (http(b""), "no TimeStampResp"),
        (http(answer_of()), "says granted and holds no token"),
        (http(answer_of(b"\x30\x00", status=2)), "says rejection and holds a token"),
        (http(answer_of(status=6)), "from 0 to 5"),
        (http(answer_of(b"\x30\x00") + b"\x00"), "follow"),
        (http(gzip.compress(b"x"), content_encoding="gzip"), "compressed"),
        (b"", "RemoteProtocolError"),
        (b"\x16\x03\x01\x00\x05hello", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: nan\r\n\r\n", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 300_000 + b"\r\n\r\n", "RemoteProtocolError"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_asked_for_again(data: bytes, match: str, against: Any) -> None:
    against(telling(data)).fails(Unreachable, match)


def test_an_answer_of_50_mb_is_cut_off(against: Any) -> None:
    sent = 0

    def respond(asked: Asked, write: Write) -> None:
        nonlocal sent
        write(b"HTTP/1.1 200 OK\r\ncontent-length: 52428800\r\n\r\n")
        for _ in range(800):
            write(bytes(65_536))
            sent += 65_536

    case = against(respond)
    case.fails(Unreachable, "more than 262144 bytes: cut off")
    case.adapter.close()
    assert sent < 50_000_000


def test_an_answer_without_end_is_cut_off(against: Any) -> None:
    def respond(asked: Asked, write: Write) -> None:
        write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            write(b"10000\r\n" + bytes(65_536) + b"\r\n")

    against(respond).fails(Unreachable, "cut off")


def test_a_hanging_connection_ends_in_time(against: Any) -> None:
    case = against(lambda asked, write: case.server.over.wait(30), timeout_ms=200)
    case.fails(Unreachable, r"no whole answer within 0\.2 s")


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nx: ", http(bytes(100))[:-100]])
def test_a_connection_that_drips_ends_in_time(start: bytes, against: Any) -> None:
    """Each byte comes well before any wait for one would be over."""

    def respond(asked: Asked, write: Write) -> None:
        write(start)
        while not case.server.over.wait(0.02):
            write(b"y")

    case = against(respond, timeout_ms=300)
    case.fails(Unreachable, r"no whole answer within 0\.3 s")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_listener_that_says_nothing(scheme: str, tmp_path: Path) -> None:
    """Not even the handshake of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/"
        adapter = adapter_of(url, tmp_path, ROOT.pem, timeout_ms=200)
        with pytest.raises(Unreachable, match="no whole answer"):
            adapter.send(POINT, adapter.sign(POINT, []))


def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    adapter = adapter_of(f"http://127.0.0.1:{port}/", tmp_path, ROOT.pem)
    with pytest.raises(Unreachable, match="ConnectError"):
        adapter.send(POINT, adapter.sign(POINT, []))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Refused), (401, Refused), (403, Refused), (404, Refused), (415, Refused),
        (408, Unreachable), (429, Unreachable), (500, Unreachable), (503, Unreachable),
        (204, Refused),
    ],
)  # fmt: skip
def test_other_http_statuses(status: int, kind: type[AnchorError], against: Any) -> None:
    against(telling(http(PAGE, status, kind="text/html"))).fails(kind, f"HTTP {status}")


def test_an_authority_may_say_when_to_come_back(against: Any) -> None:
    for said, wanted in (("120", 120.0), ("9999999", 86_400.0), ("soon", 0.0), ("-5", 0.0)):
        error = against(telling(http(b"", 503, retry_after=said))).fails(Unreachable, "HTTP 503")
        assert isinstance(error, Unreachable)
        assert error.retry_after == wanted


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(status: int, against: Any) -> None:
    elsewhere = against(granting())
    case = against(telling(http(b"", status, location=elsewhere.server.url)))
    case.fails(Refused, f"HTTP {status}: redirects are not followed")
    assert elsewhere.server.asked == []


# --- a refusal ---------------------------------------------------------------------------------


ODD_TEXT = "a\nb\u202e" + "x" * 999


@pytest.mark.parametrize(
    ("answer", "kind", "match"),
    [
        (answer_of(status=2, failure=0), Refused, r"rejection \(badAlg\)"),
        (answer_of(status=2, failure=2, text="no"), Refused, r"rejection \(badRequest\): no"),
        (answer_of(status=2, failure=5), Refused, "badDataFormat"),
        (answer_of(status=2, failure=15), Refused, "unacceptedPolicy"),
        (answer_of(status=2, failure=16), Refused, "unacceptedExtension"),
        (answer_of(status=2, failure=20), Refused, "bit 20"),
        (answer_of(status=2, text=ODD_TEXT), Refused, "rejection: a\ufffdb\ufffdx{196}$"),
        (answer_of(status=2, failure=14), Unreachable, "timeNotAvailable"),
        (answer_of(status=2, failure=17), Unreachable, "addInfoNotAvailable"),
        (answer_of(status=2, failure=25), Unreachable, "systemFailure"),
        (answer_of(status=3), Unreachable, "waiting"),
        (answer_of(status=4), Refused, "revocationWarning"),
        (answer_of(status=5), Refused, "revocationNotification"),
    ],
)  # fmt: skip
def test_refusals_and_their_reasons(
    answer: bytes, kind: type[AnchorError], match: str, against: Any
) -> None:
    against(telling(http(answer))).fails(kind, match)


# --- a token that would convince nobody --------------------------------------------------------


def test_a_token_with_another_nonce_is_of_another_request(against: Any) -> None:
    for nonce in (None, 5, -1):
        against(granting(nonce=nonce)).fails(Unreachable, "another nonce")


def test_a_token_of_another_hash_is_of_another_request(against: Any) -> None:
    against(granting(digest=bytes(32))).fails(Unreachable, "another hash")


def test_a_token_after_the_certificates_end_is_refused(against: Any) -> None:
    at = moment(31)
    case = against(granting(at=at), now=int(at.timestamp()) * 1000)
    case.fails(Refused, "is not valid at 2026-02-01")


def test_a_clock_that_is_wrong_is_told_and_tried_again(against: Any) -> None:
    for apart in (timedelta(minutes=6), timedelta(minutes=-6)):
        against(granting(at=moment(1) + apart)).fails(Unreachable, "360000 ms from this node's")
        against(granting(at=moment(1) + apart), clock_tolerance_ms=0).send()
        against(granting(at=moment(1) + apart), clock_tolerance_ms=360_000).send()


def test_a_policy_is_asked_for_and_no_other_taken(against: Any) -> None:
    case = against(granting(policy="1.2.3.4.5"), policy="1.2.3.4.5")
    case.send()
    asked = Request(case.server.asked[0].body).policy
    assert asked is not None
    assert asked.encoded == encode_oid("1.2.3.4.5")
    wrong = against(granting(policy="1.2.3.4.6"), policy="1.2.3.4.5")
    wrong.fails(Refused, r"under policy 1\.2\.3\.4\.6, asked was 1\.2\.3\.4\.5")


STRANGER = issue("TSA", self_signed("Another"), tsa_extensions())
CODE_SIGNER = issue("TSA", ROOT, tsa_extensions((ExtendedKeyUsageOID.CODE_SIGNING,)))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"held": STRANGER}, "none of the configured"),
        ({"held": Held(TSA.certificate, new_key(), TSA.above)}, "does not hold under this key"),
        ({"held": CODE_SIGNER}, "alone"),
        ({"certificates": []}, "does not hold its signer's certificate"),
        ({"certificates": [MIDDLE.der]}, "does not hold its signer's certificate"),
        ({"certificates": [TSA.der]}, "none of the configured roots"),
        ({"parts": {"info": b"\x30\x00"}}, "missing"),
        ({"parts": {"sid": encode_der(CONTEXT_CONSTRUCTED, b"1234")}}, "must be a SEQUENCE"),
    ],
)  # fmt: skip
def test_tokens_that_do_not_hold_are_refused(options: Any, match: str, against: Any) -> None:
    against(granting(**options)).fails(Refused, match)


def test_a_token_that_is_none_is_refused(against: Any) -> None:
    against(telling(http(answer_of(b"\x30\x03\x02\x01\x05")))).fails(Refused, "does not hold")


# --- what is not evidence stays out of receipts ------------------------------------------------

OTHER = self_signed("Another")
ATTRIBUTE = encode_der(SEQUENCE, encode_oid("1.2.3"), encode_set(encode_der(NULL)))
RSA = issue("TSA", MIDDLE, tsa_extensions(), key=new_key("RSA-2048"))
SHA256 = identifier("2.16.840.1.101.3.4.2.1")


@pytest.mark.parametrize(
    "options",
    [
        {"certificates": [ROOT.der, MIDDLE.der, TSA.der]},
        {"certificates": [OTHER.der, TSA.der, MIDDLE.der, TSA.der]},
        {"certificates": [TSA.der, b"\x30\x03\x02\x01\x05", MIDDLE.der]},
        {"certificates": [TSA.der, encode_der(CONTEXT_CONSTRUCTED + 3, b""), MIDDLE.der]},
        {"parts": {"crls": encode_der(CONTEXT_CONSTRUCTED + 1, ATTRIBUTE)}},
        {"parts": {"unsigned": encode_der(CONTEXT_CONSTRUCTED + 1, ATTRIBUTE)}},
        {"parts": {"digests": encode_set(identifier("1.3.14.3.2.26"), SHA256)}},
        {"parts": {"version": b"\x02\x01\x05"}},
        {"held": RSA},
        {"held": RSA, "parts": {"algorithm": identifier("1.2.840.113549.1.1.11", b"\x05\x00")}},
        {"held": RSA, "parts": {"algorithm": identifier("1.2.840.113549.1.1.11")}},
        {"held": RSA, "parts": {"algorithm": identifier("1.2.840.113549.1.1.1")}},
        {"held": RSA, "pss": 32},
    ],
)
def test_receipts_hold_what_is_signed_and_the_path_alone(options: Any, against: Any) -> None:
    held = options.get("held", TSA)
    signed, kept = against(granting(**options)).send()
    wanted = sorted([held.der, MIDDLE.der])
    stamp = decode_token(kept, "t")
    assert [one.encoded for one in stamp.signed.certificates] == wanted
    plain = Token(held, POINT.digest(), nonce=int(signed.external_tx, 16), certificates=wanted)
    assert stamp.signed.content == plain.info()
    assert len(kept) <= len(plain.encode()) + 80


def test_a_trusted_signer_needs_no_path_in_the_receipt(against: Any) -> None:
    _, kept = against(granting(), TSA.pem).send()
    assert [one.encoded for one in decode_token(kept, "t").signed.certificates] == [TSA.der]


# --- secrets -----------------------------------------------------------------------------------

PASSWORD = "correct horse battery staple"


def test_a_password_is_sent_and_never_told(
    against: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "password").write_text(PASSWORD + "\n", encoding="utf-8")
    settings = {"user": "node", "password_file": "password"}
    encoded = base64.b64encode(f"node:{PASSWORD}".encode()).decode()
    case = against(granting(), **settings)
    signed, _ = case.send()
    assert case.server.asked[0].headers["authorization"] == f"Basic {encoded}"
    told = [repr(case.adapter), repr(vars(case.adapter)), repr(signed)]
    for status in (401, 302, 503):
        told.append(
            repr(against(telling(http(b"", status)), **settings).fails(AnchorError, "HTTP"))
        )
    told += [caplog.text, *capfd.readouterr()]
    for secret in (PASSWORD, encoded, PASSWORD.split()[0]):
        assert not any(secret in text for text in told)


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """A server's side, with certificates of both sides in files."""
    name = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = (datetime.now(UTC) - BEGIN).total_seconds() / 86_400
    days = (now - 1, now + 1)
    root = self_signed("TLS root", days=days)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    server = issue("127.0.0.1", root, [(name, False), (usage, False)], days=days)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    client = issue("node", root, [(usage, False)], days=days)
    for held, folder in ((server, "server"), (client, "client")):
        (tmp_path / folder).mkdir()
        held.write(tmp_path / folder)
    (tmp_path / "tls.pem").write_bytes(root.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server/tsa.pem", tmp_path / "server/tsa.key")
    context.load_verify_locations(tmp_path / "tls.pem")
    return context


def test_a_hanging_connection_over_tls_ends_in_time(tls: ssl.SSLContext, tmp_path: Path) -> None:
    def respond(asked: Asked, write: Write) -> None:
        write(b"HTTP/1.1 200 OK\r\nx: ")
        while not odd.over.wait(0.02):
            write(b"y")

    with odd_server(respond, tls) as odd:
        adapter = adapter_of(odd.url, tmp_path, ROOT.pem, tls_roots="tls.pem", timeout_ms=400)
        with pytest.raises(Unreachable, match="no whole answer"):
            adapter.send(POINT, adapter.sign(POINT, []))


def test_an_authority_that_asks_for_a_client_certificate(
    tls: ssl.SSLContext, tmp_path: Path
) -> None:
    """TLS both ways: without the certificate nothing is answered."""
    tls.verify_mode = ssl.CERT_REQUIRED
    own = {"client_certificate": "client/tsa.pem", "client_key": "client/tsa.key"}
    with odd_server(granting(), tls) as odd:

        def send(**settings: Any) -> bytes:
            adapter = adapter_of(odd.url, tmp_path, ROOT.pem, now=lambda: NOW, **settings)
            return adapter.send(POINT, adapter.sign(POINT, []))

        assert send(tls_roots="tls.pem", **own)
        for settings in ({"tls_roots": "tls.pem"}, own):
            with pytest.raises(Unreachable):
                send(**settings)
        assert len(odd.asked) == 1
