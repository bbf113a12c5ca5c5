"""Members' keys as commands take them: private ones in PEM, public ones as JWK."""

from __future__ import annotations

import argparse

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import STANDARD, read_input
from node.client.keys import SigningKey
from node.core.encoding import decode_json_object
from node.core.errors import InvalidInput
from node.core.signatures import PublicJwk

__all__ = ["add_password", "load_key", "read_password", "read_public_key"]

_MAX_KEY_BYTES = 16 * 1024
_MAX_PASSWORD_BYTES = 1024


def add_password(parser: argparse.ArgumentParser) -> None:
    """The argument that names the file of a private key's password."""
    parser.add_argument(
        "--password-file", metavar="FILE", help="its first line is the private key's password"
    )


def read_password(path: str | None) -> bytes | None:
    """The first line of a password file, without its end.

    Raises:
        InvalidInput: it is empty.
        OSError: the file cannot be read.
    """
    if path is None:
        return None
    password = read_input(path, _MAX_PASSWORD_BYTES).split(b"\n", 1)[0].rstrip(b"\r")
    if not password:
        raise InvalidInput(path, "its first line, the password, is empty")
    return password


def load_key(path: str, password_file: str | None = None) -> SigningKey:
    """A private key.

    Raises:
        InvalidInput: no P-256 key in PEM.
        CommandFailure: its password is wrong or missing.
        OSError: a file cannot be read.
    """
    password = read_password(password_file)
    try:
        return SigningKey.load(path, password)
    except InvalidInput as error:
        if "password" not in error.rule.lower():
            raise
        what = "is encrypted" if password is None else "is not encrypted, or the password is wrong"
        raise CommandFailure(
            ExitCode.BAD_INPUT, f"{path}: {what}", "--password-file names the password's file"
        ) from error


def read_public_key(path: str, password_file: str | None = None) -> PublicJwk:
    """The public key in a file: a JWK, or the public half of a private key in PEM.

    Raises:
        InvalidInput: neither.
        CommandFailure: a private key's password is wrong or missing.
        OSError: a file cannot be read.
    """
    content = read_input(path, _MAX_KEY_BYTES)
    if content.lstrip()[:1] != b"{":
        if path == STANDARD:
            raise InvalidInput("standard input", "must be a public key as a JWK")
        return load_key(path, password_file).jwk
    return PublicJwk.from_json(
        decode_json_object(content, place=path, max_bytes=_MAX_KEY_BYTES), place=path
    )
