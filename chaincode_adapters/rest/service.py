"""The service file: one TOML file that says how a REST service is spoken to and how its answers are
read (docs/anchors/rest.md has every member).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from chaincode_adapters.common_settings import Name, Positive
from chaincode_adapters.errors import Misconfigured

__all__ = [
    "Answer",
    "Outcome",
    "Proof",
    "Request",
    "Service",
    "SignedLayout",
    "Signer",
    "decode_service",
    "read_service",
]

_MAX_FILE = 262_144

Outcome = Literal[
    "done", "pending", "duplicate", "unknown", "refused", "retry", "clock", "conflict"
]
"""What an answer means. ``done``: the record is there and the answer proves it. ``pending``: taken,
ask again. ``duplicate``: this request was taken before, ask. ``unknown``: not there (of a poll).
``refused``: never. ``retry``: later. ``clock``: the request's time is not theirs. ``conflict``: the
service holds something else under this request."""
TextForm = Literal["hex", "HEX", "base64", "base64url"]
Pointer = Annotated[str, msgspec.Meta(pattern=r"^(?:/[^\x00-\x1f]{1,300}|)$")]
Text = Annotated[str, msgspec.Meta(max_length=2000)]
Field = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Signer(_Table, frozen=True, kw_only=True):
    """How requests are signed; ``salt`` says on which side of the text a salt stands."""

    algorithm: Literal[
        "hmac-sha256",
        "hmac-sha1",
        "hmac-sm3",
        "salted-sha256",
        "salted-sm3",
        "ecdsa-p256-sha256",
        "rsa-pkcs1-sha256",
        "sm2-sm3",
    ]
    encoding: TextForm = "base64"
    form: Literal["der", "raw"] = "der"
    salt: Literal["before", "after"] = "after"
    user_id: str = "1234567812345678"
    hashed: Literal["", "sha256", "sm3"] = ""


class Answer(_Table, frozen=True, kw_only=True):
    """A rule: an answer of one of ``status`` (any, where empty) whose members at the pointers of
    ``match`` have one of the texts there means ``outcome``."""

    outcome: Outcome
    status: list[Annotated[int, msgspec.Meta(ge=100, le=599)]] = []
    match: dict[Pointer, list[Text]] = {}


class Request(_Table, frozen=True, kw_only=True):
    """A request. ``sign`` are the parts of its canonical string, joined by ``separator``. Of the
    rules ``answers`` the first that fits counts. ``keep`` names members of the answer that the
    poll's templates may use."""

    path: Annotated[str, msgspec.Meta(pattern=r"^/[^\x00-\x20]*$", max_length=500)]
    answers: Annotated[list[Answer], msgspec.Meta(min_length=1, max_length=50)]
    method: Literal["GET", "POST", "PUT"] = "POST"
    query: dict[str, Text] = {}
    headers: dict[Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")], Text] = {}
    body: dict[str, Any] | None = None
    body_as: Literal["json", "form"] = "json"
    sign: list[Text] = []
    separator: str = ""
    keep: dict[Field, Pointer] = {}


class SignedLayout(_Table, frozen=True, kw_only=True):
    """Where the text is that the service signed.

    ``parts``: it is made anew from the proof's ``fields`` with ``separator``. ``body``: the whole
    answer. ``member``: text at the pointer ``at``, a JSON document in a string. ``object``: the
    member ``at`` of the answer, as it is written there. In the latter three ``fields`` point into
    that document.
    """

    text: Literal["parts", "body", "member", "object"] = "parts"
    parts: list[Text] = []
    separator: str = ""
    at: Pointer = ""


class Proof(_Table, frozen=True, kw_only=True):
    """What a ``done`` answer proves, and by what.

    ``fields`` names members of the answer by pointers. ``digest`` is the field that must hold the
    point's value ``digest_is``, ``time`` the one with the service's time in ``time_form``;
    ``request_id`` and ``expects`` tie it to this request; ``serial`` is the record's number there.
    """

    fields: dict[Field, Pointer]
    digest: Field
    time: Field
    time_form: Literal["milliseconds", "seconds", "rfc3339", "china", "china_compact"]
    digest_is: Literal[
        "digest",
        "digest_base64",
        "digest_upper",
        "document",
        "document_base64",
        "document_sm3",
        "document_sm3_base64",
    ] = "digest"
    request_id: Field | None = None
    serial: Field | None = None
    expects: dict[Field, list[Text]] = {}
    algorithm: Literal[
        "none",
        "hmac-sha256",
        "hmac-sha1",
        "hmac-sm3",
        "salted-sha256",
        "salted-sm3",
        "ecdsa-p256-sha256",
        "rsa-pkcs1-sha256",
        "sm2-sm3",
    ]
    public_key: Annotated[
        str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{128}|[A-Za-z0-9+/=]{300,2000})?$")
    ] = ""
    signature: Annotated[
        str, msgspec.Meta(pattern=r"^(?:/[^\x00-\x1f]{1,300}|header:[A-Za-z0-9_-]{1,64})?$")
    ] = ""
    encoding: TextForm = "base64"
    form: Literal["der", "raw"] = "der"
    salt: Literal["before", "after"] = "after"
    user_id: str = "1234567812345678"
    hashed: Literal["", "sha256", "sm3"] = ""
    signed: SignedLayout = SignedLayout()


class Service(_Table, frozen=True, kw_only=True):
    """The whole file."""

    format: Literal["evidence-rest-service/1"]
    name: Name
    about: Text
    submit: Request
    proof: Proof
    request_id: Literal["hex32", "hex64", "uuid", "digits20"] = "hex64"
    signer: Signer | None = None
    poll: Request | None = None
    message: Pointer = ""
    clock_skew_ms: Annotated[int, msgspec.Meta(ge=1000, le=86_400_000)] = 900_000
    pending_ms: Positive = 3_600_000
    max_answer_bytes: Annotated[int, msgspec.Meta(ge=256, le=16_777_216)] = 262_144


def decode_service(data: bytes, place: str) -> Service:
    """Decode a service file.

    Raises:
        Misconfigured: names the member and the rule.
    """
    if len(data) > _MAX_FILE:
        raise Misconfigured(f"{place}: {len(data)} bytes, at most {_MAX_FILE} are allowed")
    try:
        return msgspec.toml.decode(data, type=Service)
    except msgspec.DecodeError as error:
        raise Misconfigured(f"{place}: {error}") from error


def read_service(path: Path) -> Service:
    """Read and decode the service file at ``path``. Raises Misconfigured."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}") from error
    return decode_service(data, str(path))
