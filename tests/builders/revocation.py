"""A certificate authority that says which certificates are revoked, by lists (RFC 5280 §5) or by a
responder (OCSP, RFC 6960), on loopback, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from builders.certificates import (
    BEGIN,
    Extension,
    Held,
    ca_extensions,
    issue,
    self_signed,
    tsa_extensions,
)
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

__all__ = ["RevokingAuthority", "days_since_begin", "revoking_authority"]

_YEARS = 3650.0


@dataclass
class RevokingAuthority:
    """A root, an issuing authority below it, a signer and two time-stamp authorities, whose
    certificates name lists or a responder at ``url``. ``asked`` are the paths that were fetched;
    while ``silent`` nothing is answered. Its clock is ``ahead`` of the machine's."""

    url: str
    root: Held
    issuing: Held
    signer: Held
    tsa: Held
    other_tsa: Held
    responders: dict[str, Held]
    asked: list[str] = field(default_factory=list)
    revoked: set[int] = field(default_factory=set)
    silent: bool = False
    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        """What its clock shows."""
        return datetime.now(UTC) + self.ahead

    def crl(self, path: str) -> bytes | None:
        """The list at a path, as of now."""
        issuers = {"/root.crl": self.root, "/issuing.crl": self.issuing}
        if self.silent or path not in issuers:
            return None
        issuer, now = issuers[path], self.now()
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

    def ocsp_response(self, path: str, request: bytes) -> bytes | None:
        """The signed answer to a request, as of now, by the responder at a path."""
        if self.silent or path not in self.responders:
            return None
        responder, asked = self.responders[path], ocsp.load_der_ocsp_request(request)
        held = (self.issuing, self.signer, self.tsa, self.other_tsa)
        (one,) = [one for one in held if one.certificate.serial_number == asked.serial_number]
        is_revoked, now = asked.serial_number in self.revoked, self.now()
        builder = (
            ocsp.OCSPResponseBuilder()
            .add_response(
                cert=one.certificate,
                issuer=one.above[0],
                algorithm=asked.hash_algorithm,
                cert_status=ocsp.OCSPCertStatus.REVOKED if is_revoked else ocsp.OCSPCertStatus.GOOD,
                this_update=now - timedelta(minutes=1),
                next_update=now + timedelta(days=1),
                revocation_time=now - timedelta(hours=1) if is_revoked else None,
                revocation_reason=None,
            )
            .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
            .certificates([responder.certificate])
        )
        for extension in asked.extensions:
            builder = builder.add_extension(extension.value, critical=False)  # its nonce
        return builder.sign(responder.key, SHA256()).public_bytes(Encoding.DER)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        authority = self.server.authority
        authority.asked.append(self.path)
        self._reply(authority.crl(self.path), "application/pkix-crl")

    def do_POST(self) -> None:
        authority = self.server.authority
        authority.asked.append(self.path)
        request = self.rfile.read(int(self.headers["content-length"]))
        self._reply(authority.ocsp_response(self.path, request), "application/ocsp-response")

    def _reply(self, content: bytes | None, kind: str) -> None:
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    authority: RevokingAuthority


@contextmanager
def revoking_authority(
    *, by_ocsp: bool = False, seal_days: float = _YEARS, tsa_days: float = _YEARS
) -> Iterator[RevokingAuthority]:
    """Serve such an authority while the context lasts. The certificates of the seal and of the
    first time-stamp authority end so many days after `BEGIN`, the others after ten years."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        named = _answered if by_ocsp else _listed
        root = self_signed("Revoking root")
        by_root, by_issuing = named(f"{url}/root"), named(f"{url}/issuing")
        issuing = issue("Issuing", root, [*ca_extensions(0), by_root])
        signer = issue("Seal", issuing, [*_signer_extensions(), by_issuing], days=(0, seal_days))
        tsa = issue("Stamps", root, [*tsa_extensions(), by_root], days=(0, tsa_days))
        other = issue("Other stamps", root, [*tsa_extensions(), by_root])
        responders = {
            f"/{name}.ocsp": issue(f"Responder {name}", issuer, _responder_extensions())
            for name, issuer in (("root", root), ("issuing", issuing))
        }
        server.authority = RevokingAuthority(url, root, issuing, signer, tsa, other, responders)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.authority
        finally:
            server.shutdown()
            thread.join(10)


def days_since_begin(moment: datetime) -> float:
    """How long after `BEGIN` a moment is, in days."""
    return (moment - BEGIN) / timedelta(days=1)


def _listed(base: str) -> Extension:
    name = x509.UniformResourceIdentifier(f"{base}.crl")
    point = x509.DistributionPoint([name], None, None, None)
    return x509.CRLDistributionPoints([point]), False


def _answered(base: str) -> Extension:
    name = x509.UniformResourceIdentifier(f"{base}.ocsp")
    access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, name)
    return x509.AuthorityInformationAccess([access]), False


def _signer_extensions() -> list[Extension]:
    return _signs("digital_signature", "content_commitment")


def _responder_extensions() -> list[Extension]:
    """A responder that its issuer has appointed, itself not asked about (RFC 6960 §4.2.2.2)."""
    return [
        *_signs("digital_signature"),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
        (x509.OCSPNoCheck(), False),
    ]


def _signs(*wanted: str) -> list[Extension]:
    names: tuple[str, ...] = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    usage: dict[str, Any] = {name: name in wanted for name in names}
    return [(x509.BasicConstraints(False, None), True), (x509.KeyUsage(**usage), True)]
