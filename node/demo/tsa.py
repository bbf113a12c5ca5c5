"""A time-stamp authority for the demonstration: `openssl ts` behind HTTP, on loopback only.

Its tokens are real ones (RFC 3161) and verify like any others, but nobody vouches for its clock or
its name: its certificates say so. Whoever anchors in earnest asks an authority that others trust.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.core.errors import EvidenceError
from node.demo.authority import DEMONSTRATION_MARK

__all__ = ["DEMO_POLICY", "OpensslTsa", "TsaFiles", "TsaUnavailable", "make_tsa_files", "run_tsa"]

DEMO_POLICY = "1.3.6.1.4.1.57264.2.999"
"""Policy of the demonstration's tokens: nobody has written it."""
_MOST_REQUEST_BYTES = 4_096
_SECONDS = 30
_CONFIG = """\
[tsa]
default_tsa = demo
[demo]
serial = {serial}
signer_digest = sha256
default_policy = {policy}
digests = sha256, sha384, sha512
accuracy = secs:1
ess_cert_id_alg = sha256
{more}
"""
_PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class TsaUnavailable(EvidenceError):
    """The openssl command is missing or does not do what is asked of it."""


@dataclass(frozen=True)
class TsaFiles:
    """PEM files of an authority: its certificate, its key, those above it, and the root alone."""

    certificate: Path
    key: Path
    chain: Path
    root: Path


def make_tsa_files(
    folder: Path, now: datetime, name: str = "演示时间戳", *, kind: str = "ec"
) -> TsaFiles:
    """A root and an authority below it, valid at ``now``; ``kind`` is ec (P-256) or rsa (2,048)."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key = ec.generate_private_key(ec.SECP256R1())
    key: _PrivateKey = ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    root_name, tsa_name = _name(f"{name}根证书"), _name(name)
    start, end = now - timedelta(days=1), now + timedelta(days=3650)
    root = (
        x509.CertificateBuilder(root_name, root_name, root_key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .sign(root_key, SHA256())
    )
    certificate = (
        x509.CertificateBuilder(root_name, tsa_name, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
        .sign(root_key, SHA256())
    )
    files = TsaFiles(
        folder / "tsa.pem", folder / "tsa.key", folder / "chain.pem", folder / "root.pem"
    )
    files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    files.key.touch(mode=0o600)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    files.chain.write_bytes(root.public_bytes(Encoding.PEM))
    files.root.write_bytes(root.public_bytes(Encoding.PEM))
    return files


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, DEMONSTRATION_MARK),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )


class OpensslTsa:
    """Answers requests with `openssl ts -reply`. ``more`` are further lines of its configuration.

    Raises:
        TsaUnavailable: there is no openssl command.
    """

    def __init__(
        self, folder: Path, files: TsaFiles, *, policy: str = DEMO_POLICY, more: str = ""
    ) -> None:
        found = shutil.which("openssl")
        if found is None:
            raise TsaUnavailable("the openssl command is missing: apt-get install openssl")
        self._openssl, self._files, self._folder = found, files, folder
        self._config = folder / "tsa.cnf"
        serial = folder / "serial"
        serial.write_text("01\n", encoding="ascii")
        self._config.write_text(
            _CONFIG.format(serial=serial, policy=policy, more=more), encoding="utf-8"
        )
        self._lock = threading.Lock()

    def answer(self, request: bytes) -> bytes:
        """The TimeStampResp to a TimeStampReq, DER both.

        Raises:
            TsaUnavailable: openssl ended with an error.
        """
        query = self._folder / "request.tsq"
        with self._lock:  # the serial number is in a file
            query.write_bytes(request)
            done = subprocess.run(  # noqa: S603 - no part of it comes from outside
                [
                    *(self._openssl, "ts", "-reply", "-config", self._config, "-queryfile", query),
                    *("-signer", self._files.certificate, "-inkey", self._files.key),
                    *("-chain", self._files.chain),
                ],
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        if done.returncode or not done.stdout:
            raise TsaUnavailable(f"openssl ts: {done.stderr.decode('utf-8', 'replace')[-500:]}")
        return done.stdout


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if self.headers.get("content-type") != "application/timestamp-query":
            self.send_error(415)
        elif not length.isdigit() or int(length) > _MOST_REQUEST_BYTES:
            self.send_error(413)
        else:
            self._reply(self.rfile.read(int(length)))

    def _reply(self, request: bytes) -> None:
        try:
            answer = self.server.authority.answer(request)
        except (TsaUnavailable, subprocess.SubprocessError, OSError):
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("content-type", "application/timestamp-reply")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed: the demonstration has its own words."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, authority: OpensslTsa, port: int) -> None:
        self.authority = authority
        super().__init__(("127.0.0.1", port), _Handler)


@contextmanager
def run_tsa(authority: OpensslTsa, port: int = 0) -> Iterator[str]:
    """Serve the authority on loopback while the context lasts; its URL."""
    with _Server(authority, port) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
            thread.join(10)
