"""JSON-RPC over HTTP: a provider of web3 whose answers are bounded in time and size."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import httpx
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from chaincode_adapters.deadline import Connections, Deadline
from chaincode_adapters.errors import Misconfigured, Unreachable
from chaincode_adapters.evm.recursion import lower_recursion_limit

__all__ = ["BoundedProvider", "origin_of"]

lower_recursion_limit()

_MOST_BYTES = 32 << 20
_CHUNK = 65_536


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


class BoundedProvider(JSONBaseProvider):
    """Asks the node at ``url``.

    A request takes no longer than is left until ``deadline`` (of `time.monotonic`), its answer has
    at most 32 MiB. Redirects are not followed, and nothing of the process' environment (proxies,
    .netrc) is used.
    """

    def __init__(self, url: str, timeout: float) -> None:
        super().__init__()
        self.origin = origin_of(url)
        self.timeout = timeout
        self.deadline = time.monotonic() + timeout
        self._url = url
        self._client = httpx.Client(follow_redirects=False, timeout=timeout, trust_env=False)
        self._connections = Connections()

    def __repr__(self) -> str:
        return f"BoundedProvider({self.origin})"

    def begin(self) -> None:
        """The deadline is one timeout from now."""
        self.deadline = time.monotonic() + self.timeout

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()
        self._connections.close()

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        """See `BaseProvider`.

        Raises:
            Unreachable: no answer in time, or none of JSON-RPC.
        """
        body = self.encode_rpc_request(method, params)
        try:
            status, answer = self._post(body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            # Its text may hold the URL, and so a key: only the error's kind is told.
            raise Unreachable(f"{self.origin}: {type(error).__name__} ({method})") from None
        try:
            decoded = self.decode_rpc_response(answer)
        except (ValueError, RecursionError) as error:
            raise Unreachable(f"{self.origin}: HTTP {status}, and not JSON ({method})") from error
        if not isinstance(decoded, dict) or not {"result", "error"} & decoded.keys():
            raise Unreachable(f"{self.origin}: HTTP {status}, and no answer of JSON-RPC ({method})")
        return decoded

    def _post(self, body: bytes) -> tuple[int, bytes]:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise self._late()
        headers = {"content-type": "application/json", "accept-encoding": "identity"}
        with Deadline(self._connections, left) as deadline:
            try:
                return self._read(body, headers, left)
            except httpx.HTTPError:
                if deadline.over:
                    raise Unreachable(
                        f"{self.origin}: took longer than {self.timeout:g} s"
                    ) from None
                raise

    def _late(self) -> Unreachable:
        return Unreachable(f"{self.origin}: took longer than {self.timeout:g} s")

    def _read(self, body: bytes, headers: dict[str, str], left: float) -> tuple[int, bytes]:
        answer = bytearray()
        with self._client.stream(
            "POST",
            self._url,
            content=body,
            headers=headers,
            timeout=left,
            extensions={"trace": self._connections.watch},
        ) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Unreachable(f"{self.origin}: a compressed answer, which was not asked for")
            for chunk in response.iter_raw(_CHUNK):
                answer += chunk
                if len(answer) > _MOST_BYTES:
                    raise Unreachable(f"{self.origin}: an answer of more than 32 MiB")
                if time.monotonic() > self.deadline:
                    raise self._late()
        return response.status_code, bytes(answer)
