"""Builds the adapter of a Fabric channel from its settings."""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import grpc

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.fabric.adapter import FabricAdapter
from chaincode_adapters.fabric.gateway import Gateway
from chaincode_adapters.fabric.settings import FabricSettings
from chaincode_adapters.fabric.signing import SigningIdentity
from chaincode_adapters.port import AnchorAdapter, Surroundings

__all__ = ["build"]

_MAX_MESSAGE = 64 << 20


def build(settings: FabricSettings, surroundings: Surroundings) -> AnchorAdapter:
    """The adapter; it connects when it is opened.

    Raises:
        Misconfigured: a file is missing or not what it must be, or the endpoint would be reached
            without TLS over a network.
    """
    # gRPC's C core otherwise tells of every connection on standard error
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    home = surroundings.home
    identity = SigningIdentity(
        settings.msp_id,
        _read(home, settings.certificate, "certificate"),
        _read(home, settings.key, "key"),
    )
    credentials = _credentials(settings, home)

    def connect() -> tuple[Gateway, Callable[[], None]]:
        options: list[tuple[str, str | int]] = [
            ("grpc.max_receive_message_length", _MAX_MESSAGE),
            ("grpc.enable_http_proxy", 0),  # nothing of the environment is used
            ("grpc.enable_retries", 0),
        ]
        if settings.tls_name:
            options.append(("grpc.ssl_target_name_override", settings.tls_name))
        if credentials is None:
            channel = grpc.insecure_channel(settings.endpoint, options)
        else:
            channel = grpc.secure_channel(settings.endpoint, credentials, options)
        gateway = Gateway(
            channel,
            identity,
            settings.timeout_ms / 1000,
            lambda: surroundings.now() * 1_000_000,
            secrets.token_bytes,
        )
        return gateway, channel.close

    return FabricAdapter(settings, connect, surroundings.now)


def _credentials(settings: FabricSettings, home: Path) -> grpc.ChannelCredentials | None:
    if settings.tls_ca is None:
        if settings.tls_certificate or settings.tls_key or settings.tls_name:
            raise Misconfigured("tls_ca: is missing, though TLS is configured")
        if not _is_loopback(settings.endpoint):
            raise Misconfigured("tls_ca: must be given, but for a peer on this machine")
        return None
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise Misconfigured("tls_certificate, tls_key: only one of the two is given")
    roots = _read(home, settings.tls_ca, "tls_ca")
    if settings.tls_certificate is None or settings.tls_key is None:
        return grpc.ssl_channel_credentials(roots)
    return grpc.ssl_channel_credentials(
        roots,
        _read(home, settings.tls_key, "tls_key"),
        _read(home, settings.tls_certificate, "tls_certificate"),
    )


def _is_loopback(endpoint: str) -> bool:
    host = endpoint.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _read(home: Path, name: str, member: str) -> bytes:
    try:
        return (home / name).read_bytes()
    except OSError as error:
        raise Misconfigured(f"{member}: {error.strerror or error}: {home / name}") from error
