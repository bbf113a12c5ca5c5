"""One HTTP request that ends in time and stays small, whatever the other side does."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from chaincode_adapters.deadline import Connections, Deadline
from chaincode_adapters.errors import Unreachable

__all__ = ["HttpAnswer", "post"]

_MOST_RETRY_SECONDS = 86_400


@dataclass(frozen=True)
class HttpAnswer:
    """``content_type`` is without its parameters, ``retry_after`` in seconds, 0 where not said."""

    status: int
    content_type: str
    retry_after: float
    body: bytes


def post(
    client: httpx.Client, url: str, body: bytes, content_type: str, seconds: float, most: int
) -> HttpAnswer:
    """POST ``body`` and read an answer of at most ``most`` bytes, all within ``seconds``.

    Only the look-up of the host's name is not bounded here, but by the system's resolver.

    Raises:
        Unreachable: no connection, none in time, an answer that is larger, cut off or compressed.
    """
    headers = {"content-type": content_type, "accept-encoding": "identity"}
    connections = Connections()
    with Deadline(connections, seconds) as deadline:
        try:
            with client.stream(
                "POST", url, content=body, headers=headers, extensions={"trace": connections.watch}
            ) as response:
                return _read(response, most)
        except (httpx.HTTPError, httpx.StreamError, OSError, ValueError) as error:
            if deadline.over or isinstance(error, httpx.TimeoutException):
                raise Unreachable(f"no whole answer within {seconds:g} s") from error
            raise Unreachable(f"{type(error).__name__}: {str(error)[:200]}") from error
        finally:
            connections.close()


def _read(response: httpx.Response, most: int) -> HttpAnswer:
    if response.headers.get("content-encoding", "identity") != "identity":
        raise Unreachable("the answer is compressed, which was not asked for")
    body = bytearray()
    for part in response.iter_raw():
        body += part
        if len(body) > most:
            raise Unreachable(f"the answer has more than {most} bytes: cut off")
    said = response.headers.get("retry-after", "")
    seconds = int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0
    return HttpAnswer(
        status=response.status_code,
        content_type=response.headers.get("content-type", "").split(";")[0].strip().lower()[:100],
        retry_after=float(min(seconds, _MOST_RETRY_SECONDS)),
        body=bytes(body),
    )
