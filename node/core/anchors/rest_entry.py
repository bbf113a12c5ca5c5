"""The trust file's entry of a REST service: what it signs, with which key, and what that shows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from node.core.anchors.canonical_string import (
    DIGESTS,
    TIME_FORMS,
    check_signed_parts,
    names_in,
)
from node.core.anchors.der import SEQUENCE, decode_der
from node.core.anchors.key_forms import TEXT_FORMS, decode_base64
from node.core.anchors.public_keys import RsaKey, decode_public_key
from node.core.anchors.sm2 import SM2_USER_ID, check_sm2_point
from node.core.encoding import decode_hex
from node.core.errors import InvalidEncoding
from node.core.fields import exact_members, read_each, read_match, read_object, read_text
from node.core.signatures import PublicJwk

__all__ = [
    "PUBLIC_ALGORITHMS",
    "SECRET_ALGORITHMS",
    "ServiceEntry",
    "SignedText",
    "decode_service_entry",
    "decode_text_rule",
]

PUBLIC_ALGORITHMS = ("ecdsa-p256-sha256", "rsa-pkcs1-sha256", "sm2-sm3")
"""Those whose signatures anybody can check who has the public key."""
SECRET_ALGORITHMS = (
    "hmac-sha1",
    "hmac-sha256",
    "hmac-sm3",
    "none",
    "salted-sha256",
    "salted-sm3",
)
"""Those that only someone who shares a secret can check, and no signature at all."""

_SERVICE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", re.ASCII)
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)
_POINTER = re.compile(r"(?:/(?:[^~]|~[01])*)?")
_SERVICE_RULE = "must be 1 to 40 lower-case letters, digits and inner hyphens"
_FIELD_RULE = "must be a lower-case letter and up to 39 letters, digits or '_'"
_SIGNED_MEMBERS = ("digest", "encoding", "form", "public_key", "text", "time")
_SIGNED_OPTIONS = ("expects", "hashed", "serial", "user_id")


@dataclass(frozen=True)
class SignedText:
    """How a signed text is read: as ``parts`` with a ``separator``, or, where there are none, as a
    JSON document whose fields are at ``pointers``.

    The field ``digest_field`` must be the point's value ``digest_is``, those of ``expects`` one of
    the texts named there. ``time_field`` is of the form ``time_form``.
    """

    parts: tuple[str, ...]
    separator: str
    pointers: dict[str, str]
    digest_field: str
    digest_is: str
    time_field: str
    time_form: str
    expects: dict[str, tuple[str, ...]]
    serial_field: str | None


@dataclass(frozen=True)
class ServiceEntry:
    """A service and how it signs. ``text`` is None, and the key empty, for the algorithms that need
    a secret. ``key`` is x‖y; ``encoding`` and ``form`` (``der``, ``raw``) are the signature's;
    ``hashed`` names the hash whose lower-case hex is signed instead of the text, "" for none."""

    name: str
    operator: str
    algorithm: str
    key: bytes = b""
    encoding: str = ""
    form: str = ""
    hashed: str = ""
    user_id: bytes = SM2_USER_ID
    text: SignedText | None = None


def decode_service_entry(value: Any, place: str) -> ServiceEntry:
    """Decode an entry of kind ``rest``. Raises InvalidInput."""
    algorithm = _one_of(
        read_object(value, place).get("algorithm"),
        PUBLIC_ALGORITHMS + SECRET_ALGORITHMS,
        f"{place}.algorithm",
    )
    public = algorithm in PUBLIC_ALGORITHMS
    members = exact_members(
        value,
        place,
        ("algorithm", "kind", "name", "operator", *(_SIGNED_MEMBERS if public else ())),
        _SIGNED_OPTIONS if public else (),
    )
    name = read_match(members["name"], f"{place}.name", _SERVICE, _SERVICE_RULE)
    operator = read_text(members["operator"], f"{place}.operator", most=200)
    if not public:
        return ServiceEntry(name, operator, algorithm)
    user_id = SM2_USER_ID
    if "user_id" in members:
        if algorithm != "sm2-sm3":
            raise InvalidEncoding(f"{place}.user_id", "is of SM2 only")
        user_id = read_text(members["user_id"], f"{place}.user_id", most=1000).encode("utf-8")
    hashed = members.get("hashed", "")
    return ServiceEntry(
        name=name,
        operator=operator,
        algorithm=algorithm,
        key=_read_key(members["public_key"], algorithm, f"{place}.public_key"),
        encoding=_one_of(members["encoding"], TEXT_FORMS, f"{place}.encoding"),
        form=_one_of(
            members["form"],
            ("raw",) if algorithm == "rsa-pkcs1-sha256" else ("der", "raw"),
            f"{place}.form",
        ),
        hashed=_one_of(hashed, ("sha256", "sm3"), f"{place}.hashed") if hashed else "",
        user_id=user_id,
        text=decode_text_rule(members, place),
    )


def _one_of(value: Any, allowed: tuple[str, ...], place: str) -> str:
    if not isinstance(value, str) or value not in allowed:
        rule_zh = f"须为以下之一：{'、'.join(allowed)}"
        raise InvalidEncoding(place, f"must be one of {', '.join(allowed)}", rule_zh)
    return value


def _read_key(value: Any, algorithm: str, place: str) -> bytes:
    if algorithm == "rsa-pkcs1-sha256":
        der = decode_base64(read_text(value, place, most=2000), place=place)
        if not isinstance(decode_public_key(decode_der(der, place, SEQUENCE)), RsaKey):
            raise InvalidEncoding(place, "must be an RSA key")
        return der
    key = decode_hex(value, place=place, length=64)
    if algorithm == "sm2-sm3":
        x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
        check_sm2_point(x, y, place=place)
    else:
        PublicJwk(key[:32], key[32:]).check_point(place)
    return key


def _read_field(value: Any, place: str) -> str:
    return read_match(value, place, _FIELD, _FIELD_RULE)


def decode_text_rule(members: dict[str, Any], place: str) -> SignedText:
    """The members ``text``, ``digest``, ``time``, ``expects`` and ``serial`` of an entry.

    Raises:
        InvalidInput: malformed, or a field that the signed text does not have.
    """
    parts, separator, pointers = _read_layout(members["text"], f"{place}.text")
    known = set(pointers)
    for index, part in enumerate(parts):
        where = f"{place}.text.parts[{index}]"
        known.update(_read_field(name, where) for name in names_in(part, place=where))

    def field(value: Any, where: str) -> str:
        name = _read_field(value, where)
        if name not in known:
            raise InvalidEncoding(where, "names a field that the signed text does not have")
        return name

    digest = exact_members(members["digest"], f"{place}.digest", ("field", "is"))
    time = exact_members(members["time"], f"{place}.time", ("field", "form"))
    expects = read_object(members.get("expects", {}), f"{place}.expects")
    return SignedText(
        parts=parts,
        separator=separator,
        pointers=pointers,
        digest_field=field(digest["field"], f"{place}.digest.field"),
        digest_is=_one_of(digest["is"], DIGESTS, f"{place}.digest.is"),
        time_field=field(time["field"], f"{place}.time.field"),
        time_form=_one_of(time["form"], TIME_FORMS, f"{place}.time.form"),
        expects={
            field(name, f"{place}.expects"): read_each(
                texts, f"{place}.expects.{name[:40]}", _read_expected, least=1, most=20
            )
            for name, texts in expects.items()
        },
        serial_field=field(members["serial"], f"{place}.serial") if "serial" in members else None,
    )


def _read_pointer(value: Any, place: str) -> str:
    read_text(value, place, least=0, most=300)
    return read_match(value, place, _POINTER, "must be a JSON pointer (RFC 6901)")


def _read_expected(value: Any, place: str) -> str:
    return read_text(value, place, least=0, most=200)


def _read_part(value: Any, place: str) -> str:
    return read_text(value, place, least=0, most=500)


def _read_layout(value: Any, place: str) -> tuple[tuple[str, ...], str, dict[str, str]]:
    """Parts and separator, or pointers."""
    if "parts" in read_object(value, place):
        members = exact_members(value, place, ("parts", "separator"))
        parts = read_each(members["parts"], f"{place}.parts", _read_part, least=1, most=50)
        separator = read_text(members["separator"], f"{place}.separator", least=0, most=20)
        check_signed_parts(parts, separator, place=place)
        return parts, separator, {}
    members = exact_members(value, place, ("pointers",))
    pointers = read_object(members["pointers"], f"{place}.pointers")
    if not 0 < len(pointers) <= 50:
        raise InvalidEncoding(f"{place}.pointers", "must name 1 to 50 fields")
    return (
        (),
        "",
        {
            _read_field(name, f"{place}.pointers"): _read_pointer(
                pointer, f"{place}.pointers.{name[:40]}"
            )
            for name, pointer in pointers.items()
        },
    )
