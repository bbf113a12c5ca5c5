"""What a proposal says, as it is given on the command line: ``NAME=VALUE``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from node.cli.files import read_input
from node.cli.key_files import read_public_key
from node.core.encoding import decode_json_object
from node.core.errors import InvalidInput
from node.core.genesis import ed25519_jwk, read_ed25519_jwk
from node.rules.consortium_events import CHANGES, ED25519_KEY, P256_KEY, ParameterValue, Roles
from node.rules.schema import Form, Integer, ListOf

__all__ = ["read_change"]

_MAX_KEY_BYTES = 16 * 1024


def read_change(kind: str, fields: Sequence[str]) -> dict[str, Any]:
    """The ``change`` of a proposal of this kind.

    Raises:
        InvalidInput: a field is unknown, given twice, or not of its form; those that are missing
            are found when it is signed.
        OSError: a key's file cannot be read.
    """
    forms = {name.rstrip("?"): form for name, form in CHANGES[kind].items()}
    change: dict[str, Any] = {"kind": kind}
    for text in fields:
        name, equals, value = text.partition("=")
        if not equals or name not in forms:
            raise InvalidInput(text[:64], f"must be NAME=VALUE, NAME one of {', '.join(forms)}")
        if name in change:
            raise InvalidInput(name, "is given twice")
        change[name] = _read_value(name, value, forms[name])
        forms[name].check(change[name], name)
    return change


def _read_value(name: str, text: str, form: Form) -> Any:
    if form in (P256_KEY, ED25519_KEY):
        return _read_key(name, text, form)
    if isinstance(form, ListOf) and form.item == P256_KEY:
        return [_read_key(name, part, P256_KEY) for part in text.split(",")]
    if isinstance(form, (ListOf, Roles)):
        return [] if not text else sorted(text.split(","))
    if isinstance(form, (Integer, ParameterValue)):
        try:
            return json.loads(text)
        except ValueError as error:
            raise InvalidInput(name, f"must be JSON: {error}") from error
    return text


def _read_key(name: str, text: str, form: Form) -> dict[str, str]:
    """A key in a file (``@file``): a JWK, or the public half of a private key in PEM."""
    if not text.startswith("@"):
        raise InvalidInput(name, "must be @ and the name of a key's file, a JWK or PEM")
    path = text[1:]
    if form == P256_KEY:
        return read_public_key(path).to_json()
    content = read_input(path, _MAX_KEY_BYTES)
    if content.lstrip()[:1] == b"{":
        found = decode_json_object(content, place=path, max_bytes=_MAX_KEY_BYTES)
        return ed25519_jwk(read_ed25519_jwk(found, path))
    try:
        key = serialization.load_pem_private_key(content, None)
    except (ValueError, TypeError) as error:
        raise InvalidInput(path, f"no usable private key in PEM: {error}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise InvalidInput(path, "must hold an Ed25519 key")
    return ed25519_jwk(key.public_key().public_bytes_raw())
