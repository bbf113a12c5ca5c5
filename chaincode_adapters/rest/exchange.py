"""One HTTP exchange whose size and duration are bounded, whatever the other side does.

A deadline holds for the whole of it, from the look-up of the name to the last byte, so that a
server that sends a byte now and then is given up like one that sends none.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from chaincode_adapters.errors import Misconfigured, Unreachable

__all__ = ["Exchange", "Reply", "Sent", "check_url", "retry_after"]

_CHUNK = 65_536


@dataclass(frozen=True)
class Sent:
    """A request: ``path`` begins with / and has its query; ``headers`` are in their order."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What came back. The names of ``headers`` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def check_url(url: str) -> str:
    """``url`` without a slash at its end. Raises Misconfigured unless it is http(s)://host…"""
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        well_formed = False
    if not well_formed:
        raise Misconfigured("url: must be http://host… or https://host…")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise Misconfigured("url: must have no user, no query and no fragment")
    return url.rstrip("/")


def retry_after(reply: Reply) -> float:
    """Seconds of a ``Retry-After`` header, at most a day; 0 where it gives none."""
    text = reply.headers.get("retry-after", "")
    return float(min(int(text), 86_400)) if text.isascii() and text.isdigit() else 0.0


class Exchange:
    """Exchanges with one server, at ``url``, and with ``others`` that belong to it. Nothing of the
    process' environment (proxies, .netrc) is used, no redirect is followed, no compression undone.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_ms: int,
        most: int,
        authorities: Path | None = None,
        others: tuple[str, ...] = (),
    ) -> None:
        self._url = check_url(url)
        self._others = tuple(check_url(other) for other in others)
        self._encrypted = any(one.startswith("https:") for one in (self._url, *self._others))
        self._timeout = timeout_ms / 1000
        self._most = most
        self._authorities = authorities
        self._runner: asyncio.Runner | None = None
        self._client: httpx.AsyncClient | None = None

    def open(self) -> None:
        """Make the client; a connection is made by the first request."""
        self.close()
        self._client = httpx.AsyncClient(
            trust_env=False,
            follow_redirects=False,
            timeout=self._timeout,
            verify=self._context() if self._encrypted else False,
        )
        self._runner = asyncio.Runner()

    def _context(self) -> ssl.SSLContext:
        """Whom to believe: the system's authorities, or those of the settings alone."""
        if self._authorities is None:
            return ssl.create_default_context()
        try:
            return ssl.create_default_context(cafile=str(self._authorities))
        except (OSError, ssl.SSLError) as error:
            raise Misconfigured(f"ca {self._authorities}: no certificates: {error}") from error

    def close(self) -> None:
        """Close the connections."""
        runner, client = self._runner, self._client
        self._runner = self._client = None
        if runner is None or client is None:
            return
        try:
            runner.run(client.aclose())
        except (httpx.HTTPError, OSError):
            pass  # it is gone already
        finally:
            runner.close()

    def __call__(self, request: Sent, *, url: str | None = None) -> Reply:
        """Send ``request`` to the server, or to another ``url``, and take its reply.

        Raises:
            Unreachable: none came in time, or one that is too large or compressed.
        """
        if self._runner is None:
            self.open()
        assert self._runner is not None
        target = self._url if url is None else url
        assert target in (self._url, *self._others)
        return self._runner.run(self._bounded(request, target))

    async def _bounded(self, request: Sent, url: str) -> Reply:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(request, url)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise Unreachable(f"no whole answer within {self._timeout:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}"[:300]) from error

    async def _exchange(self, request: Sent, url: str) -> Reply:
        assert self._client is not None
        headers = [("Accept", "application/json"), ("Accept-Encoding", "identity")]
        async with self._client.stream(
            request.method,
            url + request.path,
            headers=[*headers, *request.headers],
            content=request.body or None,
        ) as response:
            encoding = response.headers.get("content-encoding", "identity")
            if encoding != "identity":
                raise Unreachable("the answer is compressed, which was not asked for")
            body = bytearray()
            async for chunk in response.aiter_raw(_CHUNK):
                body += chunk
                if len(body) > self._most:
                    raise Unreachable(f"the answer has more than {self._most} bytes")
            return Reply(response.status_code, dict(response.headers.items()), bytes(body))
