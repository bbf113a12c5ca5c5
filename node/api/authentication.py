"""Members sign in by signing the request itself: no sessions, no passwords.

The token (`node.core.request_token`) names a key of the chain, is bound to method, target and body,
holds for a minute, and is taken once.
"""

from __future__ import annotations

import hashlib
import heapq
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from node.api.problems import Problem
from node.core.errors import InvalidInput
from node.core.request_token import CLOCK_LEEWAY, RequestToken, decode_request_token
from node.core.signatures import PublicJwk, load_backend
from node.ledger.reader import LedgerReader
from node.rules.judgement import State, in_force

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = ["MAX_TOKENS", "SeenTokens", "SignIn", "SignedIn"]

MAX_TOKENS = 65_536
"""How many tokens still in force are remembered; beyond that nobody signs in for a while."""
_HASH_OF_NOTHING = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class SignedIn:
    """The member that signed a request, as the chain has it now. ``kid`` is the key it used."""

    member: str
    kid: str
    roles: frozenset[str]
    divisions: tuple[str, ...]


class SeenTokens:
    """The tokens taken lately, so that none is taken twice. Safe for threads."""

    def __init__(self, most: int = MAX_TOKENS) -> None:
        self._most = most
        self._seen: set[tuple[str, str]] = set()
        self._by_end: list[tuple[int, tuple[str, str]]] = []
        self._lock = threading.Lock()

    def take(self, token: RequestToken, seconds: int) -> None:
        """Remember a token until it has expired. ``seconds`` is the time now.

        Raises:
            Problem: it was taken before, or too many are in force.
        """
        name = (token.kid, token.jti)
        with self._lock:
            while self._by_end and self._by_end[0][0] < seconds:
                self._seen.discard(heapq.heappop(self._by_end)[1])
            if name in self._seen:
                raise _unauthenticated("token.jti: this token was used before; sign each request")
            if len(self._seen) >= self._most:
                raise Problem(
                    "busy",
                    "too many signed requests in the last minute",
                    "近一分钟签名请求过多，请稍后重试。",
                    {"retry_after": 10},
                )
            self._seen.add(name)
            heapq.heappush(self._by_end, (token.exp + CLOCK_LEEWAY, name))


class SignIn:
    """Checks the tokens of one node's requests."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._audience = node.audience
        self._backend = load_backend()
        self._seen = SeenTokens()

    def check(self, authorization: str | None, method: str, target: str, body: bytes) -> SignedIn:
        """Find who signed a request whose ``body`` is there: `read`, then `accept`."""
        return self.accept(self.read(authorization, method, target), method, target, body)

    def read(self, authorization: str | None, method: str, target: str) -> RequestToken:
        """Check all of a request's token that needs no body, so that who has none sends in vain.

        Args:
            authorization: the header's value, None without one.
            method: of the request.
            target: its path and query, as they were sent.

        Raises:
            Problem: 401 where the token does not hold.
        """
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthenticated(
                "sign the request with a member's key: Authorization: Bearer <token>", missing=True
            )
        now = self._node.now()
        with self._node.reader() as reader:
            try:
                token = decode_request_token(text.strip())
                key = _key_in_force(reader, token)
                token.verify(PublicJwk.from_json(key["jwk"], place="key"), self._backend)
            except InvalidInput as error:
                raise _unauthenticated(str(error)) from error
        # with the hash of nothing in place of its own, what is left to check is all but the body
        self._check_binding(replace(token, bsh=_HASH_OF_NOTHING), method, target, b"", now)
        return token

    def accept(self, token: RequestToken, method: str, target: str, body: bytes) -> SignedIn:
        """Take a token that `read` found to hold, once, for the request with this ``body``.

        Raises:
            Problem: 401 where it is not for the body, is late by now, or was taken before; 403
                where the member is not active.
        """
        now = self._node.now()
        self._check_binding(token, method, target, body, now)
        self._seen.take(token, now // 1000)
        with self._node.reader() as reader:
            return _active_member(reader, token)

    def _check_binding(
        self, token: RequestToken, method: str, target: str, body: bytes, now: int
    ) -> None:
        try:
            token.verify_binding(
                audience=self._audience, method=method, target=target, body=body, now=now
            )
        except InvalidInput as error:
            raise _unauthenticated(str(error)) from error


def _key_in_force(reader: LedgerReader, token: RequestToken) -> State:
    """The key's state, where it is in force at the height that the next block will have."""
    key = reader.state(f"key/{token.kid}") if token.kid.isascii() else None
    if key is None:
        raise _unauthenticated("token.header.kid: is no key of this chain")
    if key["member"] != token.iss:
        raise _unauthenticated("token.iss: the key belongs to another member")
    height = reader.meta.height + 1
    if height < key["from"] or ("to" in key and height >= key["to"]):
        raise _unauthenticated(f"token.header.kid: the key is not in force at height {height}")
    if "use" in key:
        raise _unauthenticated("token.header.kid: a recovery key signs changes of keys only")
    if "suspect_from" in key:
        raise _unauthenticated("token.header.kid: the key was reported as compromised")
    return key


def _active_member(reader: LedgerReader, token: RequestToken) -> SignedIn:
    held = reader.state(f"member/{token.iss}")
    member = None if held is None else in_force(held, reader.meta.height + 1)
    if member is None or member["status"] != "active":
        raise Problem(
            "forbidden",
            f"member {token.iss} is not active",
            f"成员 {token.iss} 当前不是有效成员",
            {"name": "member_not_active"},
        )
    return SignedIn(token.iss, token.kid, frozenset(member["roles"]), tuple(member["divisions"]))


def _unauthenticated(reason: str, *, missing: bool = False) -> Problem:
    challenge = 'Bearer realm="evidence-ledger"'
    if not missing:
        challenge += ', error="invalid_token"'
    return Problem(
        "unauthenticated",
        reason,
        f"须由成员对请求签名：{reason}",
        headers={"WWW-Authenticate": challenge},
    )
