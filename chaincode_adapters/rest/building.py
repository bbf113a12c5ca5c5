"""Building the adapter of a REST service from its settings."""

from __future__ import annotations

import re

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.port import AnchorAdapter, Surroundings
from chaincode_adapters.rest.adapter import RestAdapter
from chaincode_adapters.rest.exchange import Exchange
from chaincode_adapters.rest.placeholders import ACCOUNT_NAME
from chaincode_adapters.rest.service import Service, read_service
from chaincode_adapters.rest.settings import RestSettings
from chaincode_adapters.rest.signing import Secret, check_secret, read_secret
from node.core.anchors.rest_entry import PUBLIC_ALGORITHMS

__all__ = ["build"]


def build(settings: RestSettings, surroundings: Surroundings) -> AnchorAdapter:
    """The adapter. Reads the service file and the key file.

    Raises:
        Misconfigured: names the member and the rule.
    """
    for name, text in settings.values.items():
        if re.fullmatch(ACCOUNT_NAME, name) is None or not 0 < len(text) <= 1000:
            raise Misconfigured(f"values.{name[:64]}: lower-case name and 1 to 1000 characters")
    service = read_service(surroundings.home / settings.service)
    secret = _secret_of(settings, service, surroundings)
    exchange = Exchange(
        settings.url,
        timeout_ms=settings.timeout_ms,
        most=service.max_answer_bytes,
        authorities=surroundings.home / settings.ca if settings.ca else None,
    )
    return RestAdapter(settings, service, secret, exchange, surroundings)


def _secret_of(
    settings: RestSettings, service: Service, surroundings: Surroundings
) -> Secret | None:
    shared = service.proof.algorithm not in (*PUBLIC_ALGORITHMS, "none")
    if service.signer is None and not shared:
        if settings.key:
            raise Misconfigured("key: this service's file signs nothing with it")
        return None
    if not settings.key:
        raise Misconfigured("key: is needed: the service file signs requests or checks codes")
    secret = read_secret(surroundings.home / settings.key)
    if service.signer is not None:
        check_secret(service.signer, secret)
    return secret
