"""A members file to try the node with: nine members with fresh keys, the private ones beside it."""

from __future__ import annotations

import os
from pathlib import Path

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import write_output
from node.client.keys import SigningKey
from node.core.encoding import canonical_json

__all__ = ["EXAMPLE_OPERATOR", "write_example"]

EXAMPLE_OPERATOR = "bureau-3701"

# id, name, roles, divisions. The operator's key is made with its node's home.
_MEMBERS = (
    ("auditor-a", "示例审计机构", ("auditor",), ()),
    (EXAMPLE_OPERATOR, "示例市大数据局", ("operator", "status_authority"), ("3701",)),
    ("ca-a", "示例电子认证机构", ("certificate_authority",), ()),
    ("court-a", "示例互联网法院", ("court",), ()),
    ("idp-a", "示例身份认证机构", ("identity_provider",), ()),
    ("maker-a", "示例制章单位", ("seal_maker",), ()),
    ("notary-a", "示例公证处", ("notary",), ()),
    ("platform-a", "示例签约平台", ("platform",), ()),
    ("police-3701", "示例市公安局", ("police",), ("3701",)),
)
_HEAD = """\
# The members of a new consortium, for `evidence-node init --members`.
#
# id            1 to 40 lower-case letters, digits and '-'; it never changes
# name          as it stands on pages and certificates
# roles         auditor, certificate_authority, court, identity_provider, notary, operator,
#               platform, police, seal_maker, status_authority
# divisions     where police and status authorities act: the first 0, 2, 4 or 6 digits of
#               administrative divisions; "" is everywhere, none is nowhere
# key           the public key with which the member signs: the path of a JWK file, relative to this
#               file, or the JWK itself, as { kty = "EC", crv = "P-256", x = "…", y = "…" }.
#               Only the member that runs the node may leave it out: then it is made with the home
# recovery_key  the public key that replaces a lost or stolen key; its private half stays offline
#
# Every member makes its keys itself (`evidence-node keys new`) and hands over the public ones. Here
# they were made for a trial: all private keys lie together in the folder keys.
#
# [parameters]  may change parameters of the chain, such as
# sign_no_patterns = ['QY\\d{18}-\\d+']
# custodians = ["court-a", "notary-a"]
"""


def write_example(folder: Path) -> list[Path]:
    """Write ``members.toml`` and its keys into ``folder``.

    Returns:
        The files written.

    Raises:
        CommandFailure: the folder is there and not empty.
        OSError: it cannot be written.
    """
    if folder.exists() and any(folder.iterdir()):
        raise CommandFailure(
            ExitCode.BAD_INPUT, f"{folder}: is not empty", "name a folder that does not exist yet"
        )
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    os.chmod(keys, 0o700)
    written: list[Path] = []
    text = _HEAD
    for identifier, name, roles, divisions in _MEMBERS:
        text += f'\n[[member]]\nid = "{identifier}"\nname = "{name}"\n'
        text += f"roles = {_toml_list(roles)}\n"
        if divisions:
            text += f"divisions = {_toml_list(divisions)}\n"
        if identifier != EXAMPLE_OPERATOR:
            text += f'key = "{_make_key(keys, identifier, written)}"\n'
        text += f'recovery_key = "{_make_key(keys, f"{identifier}.recovery", written)}"\n'
    write_output(folder / "members.toml", text.encode("utf-8"))
    return [folder / "members.toml", *written]


def _toml_list(words: tuple[str, ...]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _make_key(keys: Path, name: str, written: list[Path]) -> str:
    """Make a key pair; the public key's path relative to the members file."""
    key = SigningKey.generate()
    key.save(keys / f"{name}.pem")
    write_output(keys / f"{name}.jwk", canonical_json(key.jwk.to_json()) + b"\n")
    written += [keys / f"{name}.pem", keys / f"{name}.jwk"]
    return f"keys/{name}.jwk"
