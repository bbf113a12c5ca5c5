"""From settings to an adapter: everything that can be wrong in them is found here."""

from __future__ import annotations

import ipaddress
import ssl
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.port import AnchorAdapter, Surroundings
from chaincode_adapters.rfc3161.adapter import TsaAdapter
from chaincode_adapters.rfc3161.settings import TsaSettings
from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.errors import InvalidInput

__all__ = ["build"]

_MOST_PEM_BYTES = 1 << 20


def build(settings: TsaSettings, surroundings: Surroundings) -> AnchorAdapter:
    """An adapter that has read its files and sent nothing.

    Raises:
        Misconfigured: a file is missing or not what it must be, or the settings contradict.
    """
    url = _read_url(settings)
    home = surroundings.home
    roots = [root for name in settings.roots for root in _read_roots(home / name, settings.name)]
    context = _tls(settings, home)
    auth = _read_auth(settings, url, home)
    if url.scheme == "http" and (settings.client_certificate or settings.tls_roots):
        raise Misconfigured(f"{settings.name}: client_certificate and tls_roots are for https")

    def connect() -> httpx.Client:
        return httpx.Client(
            auth=auth,
            verify=context,
            timeout=settings.timeout_ms / 1000,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    return TsaAdapter(settings, roots, connect, surroundings.now)


def _read_url(settings: TsaSettings) -> httpx.URL:
    try:
        url = httpx.URL(settings.url)
    except httpx.InvalidURL as error:
        raise Misconfigured(f"{settings.name}: url is no URL") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.fragment:
        raise Misconfigured(
            f"{settings.name}: url must be one of http or https, with a host, "
            "without a user (see user and password_file) or a fragment"
        )
    if url.port is not None and not 1 <= url.port <= 65_535:
        raise Misconfigured(f"{settings.name}: url has port {url.port}, there is none")
    return url


def _read_file(path: Path, name: str) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_PEM_BYTES + 1)
    except OSError as error:
        raise Misconfigured(f"{name}: {path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_PEM_BYTES:
        raise Misconfigured(f"{name}: {path} has more than {_MOST_PEM_BYTES} bytes")
    return data


def _read_roots(path: Path, name: str) -> list[Certificate]:
    data = _read_file(path, name)
    try:
        loaded = x509.load_pem_x509_certificates(data)
        roots = [decode_certificate(one.public_bytes(Encoding.DER), str(path)) for one in loaded]
        for root in roots:
            root.public_key()
    except (ValueError, InvalidInput) as error:
        raise Misconfigured(f"{name}: {path} holds no certificate that is read: {error}") from error
    return roots


def _read_auth(settings: TsaSettings, url: httpx.URL, home: Path) -> httpx.BasicAuth | None:
    if bool(settings.user) != bool(settings.password_file):
        raise Misconfigured(f"{settings.name}: user and password_file belong together")
    if not settings.user:
        return None
    if url.scheme == "http" and not _is_loopback(url.host):
        raise Misconfigured(f"{settings.name}: a password is sent over https alone")
    data = _read_file(home / settings.password_file, settings.name)
    try:
        password = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        password = ""
    if not password or "\n" in password:
        # No cause is given on: the text of such errors may quote the password.
        raise Misconfigured(f"{settings.name}: {settings.password_file} must be one line of UTF-8")
    return httpx.BasicAuth(settings.user, password)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _tls(settings: TsaSettings, home: Path) -> ssl.SSLContext:
    if bool(settings.client_certificate) != bool(settings.client_key):
        raise Misconfigured(f"{settings.name}: client_certificate and client_key belong together")
    roots = home / settings.tls_roots if settings.tls_roots else None
    try:
        context = ssl.create_default_context(cafile=roots)
        if settings.client_certificate:
            certificate, key = home / settings.client_certificate, home / settings.client_key
            context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"{settings.name}: TLS's files cannot be used ({type(error).__name__})"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _no_password() -> str:
    """Otherwise OpenSSL would ask for one on the terminal."""
    return ""
