"""A certificate authority that publishes revocation lists (RFC 5280 §5), on loopback, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from builders.certificates import Extension, Held, ca_extensions, issue, self_signed, tsa_extensions
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding


@dataclass
class RevokingAuthority:
    """A root, an issuing authority below it, a signer and a time-stamp authority, whose
    certificates name lists at ``url``. ``asked`` are the paths that were fetched; while ``silent``
    nothing is answered."""

    url: str
    root: Held
    issuing: Held
    signer: Held
    tsa: Held
    asked: list[str] = field(default_factory=list)
    revoked: set[int] = field(default_factory=set)
    silent: bool = False

    def crl(self, path: str) -> bytes | None:
        """The list at a path, as of now."""
        issuers = {"/root.crl": self.root, "/issuing.crl": self.issuing}
        if self.silent or path not in issuers:
            return None
        issuer, now = issuers[path], datetime.now(UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(now - timedelta(hours=1))
            .next_update(now + timedelta(days=7))
            .add_extension(x509.CRLNumber(1), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
                critical=False,
            )
        )
        for serial in self.revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(now - timedelta(hours=1))
                .build()
            )
        return builder.sign(issuer.key, SHA256()).public_bytes(Encoding.DER)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        authority = self.server.authority
        authority.asked.append(self.path)
        content = authority.crl(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("content-type", "application/pkix-crl")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    authority: RevokingAuthority


@contextmanager
def revoking_authority() -> Iterator[RevokingAuthority]:
    """Serve such an authority while the context lasts."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        root = self_signed("Revoking root")
        issuing = issue("Issuing", root, [*ca_extensions(0), _listed(f"{url}/root.crl")])
        signer = issue("Seal", issuing, [*_signer_extensions(), _listed(f"{url}/issuing.crl")])
        tsa = issue("Stamps", root, [*tsa_extensions(), _listed(f"{url}/root.crl")])
        server.authority = RevokingAuthority(url, root, issuing, signer, tsa)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.authority
        finally:
            server.shutdown()
            thread.join(10)


def _listed(url: str) -> Extension:
    name = x509.UniformResourceIdentifier(url)
    point = x509.DistributionPoint([name], None, None, None)
    return x509.CRLDistributionPoints([point]), False


def _signer_extensions() -> list[Extension]:
    wanted = {"digital_signature", "content_commitment"}
    names: tuple[str, ...] = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    usage: dict[str, Any] = {name: name in wanted for name in names}
    return [(x509.BasicConstraints(False, None), True), (x509.KeyUsage(**usage), True)]
