"""What the ordinary routes take from a request: who signed it, and forms of their parameters."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from fastapi.security import HTTPBearer

from node.api.authentication import SignedIn
from node.api.problems import malformed
from node.api.service import Served
from node.core.encoding import MAX_INTEGER

__all__ = [
    "Caller",
    "CaseNo",
    "FromSize",
    "Hex32",
    "MaybeCaller",
    "Purpose",
    "Subject",
    "read_height",
    "target_of",
]

_BEARER = HTTPBearer(
    bearerFormat="JWT",
    scheme_name="member",
    description=(
        "An ES256 JWT, typ evidence-request+jwt, made for this one request with a key that the "
        "chain lists: iss, aud (<chain id>:<member that runs this node>), iat, exp (at most 60 s "
        "later), jti, htm, htu (path and query), bsh (SHA-256 of the body; of a GET, whose body is "
        "never read, that of nothing). The token is checked before the body is read. "
        "node.client.sign_request makes one."
    ),
    auto_error=False,
)

Subject = Annotated[
    str,
    Path(
        description="The dossier: <kind>:<member that opened it>:<its own id> 卷宗标识",
        pattern=r"^(anchor|case|consortium|record|seal):[a-z0-9-]{1,40}:[A-Za-z0-9._-]{1,64}$",
        examples=["case:platform-a:0001"],
    ),
]
Purpose = Annotated[
    str,
    Query(
        max_length=200,
        description="What private fields are asked for; courts, notaries and auditors must say it. "
        "It goes on the chain: name nobody 用途",
    ),
]
CaseNo = Annotated[
    str, Query(max_length=100, description="The court's case number, which courts must give 案号")
]
FromSize = Annotated[
    int | None,
    Query(
        ge=1,
        le=MAX_INTEGER,
        description="A size of the log that the reader knows, such as that of a trust file's "
        "checkpoint: the bundle then shows that the log continues that one",
    ),
]
Hex32 = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="32 bytes in lower-case hex")]

_HEIGHT = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)


def target_of(request: Request) -> str:
    """Path and query as they were sent."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode("utf-8")
    query: bytes = request.scope["query_string"]
    return (path + (b"?" + query if query else b"")).decode("latin-1")


async def _caller(
    request: Request, service: Served, _: Annotated[object, Depends(_BEARER)]
) -> SignedIn:
    sign_in, target = service.sign_in, target_of(request)
    authorization = request.headers.get("authorization")
    token = await asyncio.to_thread(sign_in.read, authorization, request.method, target)
    body = b"" if request.method == "GET" else await request.body()
    return await asyncio.to_thread(sign_in.accept, token, request.method, target, body)


async def _maybe_caller(
    request: Request, service: Served, bearer: Annotated[object, Depends(_BEARER)]
) -> SignedIn | None:
    if "authorization" not in request.headers:
        return None
    return await _caller(request, service, bearer)


Caller = Annotated[SignedIn, Depends(_caller)]
"""The member that signed the request; without one the answer is 401."""
MaybeCaller = Annotated[SignedIn | None, Depends(_maybe_caller)]
"""The member that signed the request, None where nobody did."""


def read_height(text: str, newest: int) -> int:
    """A height from a path: a number, or ``latest``. Raises Problem."""
    if text == "latest":
        return newest
    if _HEIGHT.fullmatch(text) is None or int(text) > MAX_INTEGER:
        raise malformed("path.height", "must be a height, or latest")
    return int(text)
