"""JSON-RPC over HTTP: a provider of web3 whose answers are bounded in time and size."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from chaincode_adapters.errors import Misconfigured, Unreachable
from chaincode_adapters.evm.recursion import lower_recursion_limit

__all__ = ["BoundedProvider", "origin_of"]

lower_recursion_limit()

_MOST_BYTES = 32 << 20


def origin_of(url: str) -> str:
    """Scheme, host and port of a URL: what may be told of it, since keys are put into the rest.

    Raises:
        Misconfigured: it is no URL of HTTP.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise Misconfigured("url: is not a URL") from error
    if parts.scheme not in ("http", "https") or not host:
        raise Misconfigured("url: must begin with http:// or https:// and name a host")
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}" + (f":{port}" if port else "")


def _context(authorities: Path | None) -> ssl.SSLContext:
    """Whose certificates are believed."""
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"ca: {authorities} has no certificates: {error}") from error


class BoundedProvider(JSONBaseProvider):
    """Asks the node at ``url``, from one thread.

    All requests between one `begin` and the next take no longer than ``timeout`` seconds together,
    and an answer has at most 32 MiB. Redirects are not followed, and no proxy of the
    environment is used. ``authorities`` is a PEM file of those that certify the node, instead of
    the system's. Its own event loop is there so that a request ends in time even where a byte
    comes now and then.
    """

    def __init__(self, url: str, timeout: float, authorities: Path | None = None) -> None:
        """Raises Misconfigured: the URL is none, or the file has no certificates."""
        super().__init__()
        self.origin = origin_of(url)
        self.timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._url = url
        self._tls = _context(authorities) if self.origin.startswith("https:") else False
        self._runner: asyncio.Runner | None = None
        self._client: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"BoundedProvider({self.origin})"

    def begin(self) -> None:
        """From now on there is one timeout."""
        self._deadline = time.monotonic() + self.timeout

    def close(self) -> None:
        """Let go of the connections. They are made anew where it is asked again."""
        runner, client = self._runner, self._client
        self._runner = self._client = None
        if runner is not None and client is not None:
            runner.run(client.aclose())
            runner.close()

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        """See `BaseProvider`.

        Raises:
            Unreachable: no answer in time, or none of JSON-RPC.
        """
        body = self.encode_rpc_request(method, params)
        if self._runner is None or self._client is None:
            self._runner = asyncio.Runner()
            self._client = httpx.AsyncClient(
                follow_redirects=False, timeout=self.timeout, trust_env=False, verify=self._tls
            )
        try:
            status, answer = self._runner.run(self._bounded(self._client, body))
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Its text may hold the URL, and so a key: only the error's kind is told.
            raise Unreachable(f"{self.origin}: {type(error).__name__} ({method})") from None
        try:
            decoded = self.decode_rpc_response(answer)
        except (ValueError, RecursionError) as error:
            raise Unreachable(f"{self.origin}: HTTP {status}, and not JSON ({method})") from error
        if not isinstance(decoded, dict) or not {"result", "error"} & decoded.keys():
            raise Unreachable(f"{self.origin}: HTTP {status}, and no answer of JSON-RPC ({method})")
        return decoded

    async def _bounded(self, client: httpx.AsyncClient, body: bytes) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(max(self._deadline - time.monotonic(), 0)):
                return await self._post(client, body)
        except TimeoutError as error:
            raise Unreachable(f"{self.origin}: took longer than {self.timeout:g} s") from error

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> tuple[int, bytes]:
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        async with client.stream("POST", self._url, content=body, headers=headers) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Unreachable(f"{self.origin}: a compressed answer, which was not asked for")
            answer = bytearray()
            async for part in response.aiter_raw():
                answer += part
                if len(answer) > _MOST_BYTES:
                    raise Unreachable(f"{self.origin}: an answer of more than 32 MiB")
            return response.status_code, bytes(answer)
