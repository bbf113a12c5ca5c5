"""Settings of Hyperledger Fabric channels."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chaincode_adapters.common_settings import Common, Milliseconds, Natural

__all__ = ["FabricSettings"]

_File = Annotated[str, msgspec.Meta(min_length=1)]


class FabricSettings(Common, frozen=True, forbid_unknown_fields=True, kw_only=True, tag="fabric"):
    """A channel behind the gateway service of a peer at ``endpoint`` (host:port).

    ``certificate`` and ``key`` are PEM files of this node's client identity in ``msp_id``;
    ``tls_ca`` of the authority of the peer's TLS certificate, ``tls_name`` the name in it where
    the endpoint has another, ``tls_certificate`` and ``tls_key`` where the peer asks for a
    client's. ``endorsers`` are the MSP ids that shall endorse (none: the gateway chooses by the
    chaincode's policy), ``endorsements_needed`` how many of them a verifier asks for (0: all of
    ``endorsers``, or more than half of the channel's organisations). ``genesis`` is the hash of
    block 0's header where it is known otherwise than from this peer. ``confirm`` has the endorsers
    sign that their ledgers hold the point, once it is final; ``link_blocks`` is up to which block
    number receipts carry the hashes that lead back to block 0.
    """

    endpoint: Annotated[str, msgspec.Meta(pattern=r"^[^\s/]+:[0-9]{1,5}$")]
    channel: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9.-]{0,248}$")]
    chaincode: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9]+([-_][A-Za-z0-9]+)*$")]
    msp_id: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
    certificate: _File
    key: _File
    tls_ca: _File | None = None
    tls_name: str | None = None
    tls_certificate: _File | None = None
    tls_key: _File | None = None
    endorsers: tuple[str, ...] = ()
    endorsements_needed: Natural = 0
    genesis: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")] | None = None
    time_window_ms: Milliseconds = 900_000
    confirm: bool = True
    link_blocks: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 256
    poll_ms: Milliseconds = 500
    in_flight: Annotated[int, msgspec.Meta(ge=1, le=1)] = 1
    """Points of one ledger follow each other: two at once would write the same key."""
