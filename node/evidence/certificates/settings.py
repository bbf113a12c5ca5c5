"""The table ``[certificates]`` of a node's configuration. Paths are relative to the node's home."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = ["CertificatesConfig", "KeyTokenConfig", "TsaConfig"]

Positive = Annotated[int, msgspec.Meta(ge=1)]
_Hex = Annotated[str, msgspec.Meta(pattern="^(?:[0-9a-f]{2})*$")]
_Url = Annotated[str, msgspec.Meta(pattern=r"^(https?://[^\s/].*)?$")]
_LONGEST_ASKED_MS = 40_000
"""For one time-stamp, without the pauses. A certificate asks for two, the first one of a process
for up to four: with the pauses that ends before the process counts as stuck (workers.py, 240 s)."""


class KeyTokenConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A PKCS#11 token that holds the seal's key: the module's ``library``, the token's label, the
    key by its label or its id in hex, and where the PIN is: a file, or a variable of the
    environment. ``library`` "" means that the key is in a file."""

    library: str = ""
    token: str = ""
    key_label: str = ""
    key_id: _Hex = ""
    pin_file: str = ""
    pin_env: str = ""

    def __post_init__(self) -> None:
        """Raises ValueError, which msgspec tells with the member's place."""
        if not self.library:
            return
        if not self.token or not (self.key_label or self.key_id):
            raise ValueError("a library needs a token, and a key_label or key_id")
        if self.pin_file and self.pin_env:
            raise ValueError("pin_file and pin_env: the PIN is in one of them")


class TsaConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The time-stamp authority: ``url`` "" means none, and seals whose time is a claim. ``name`` is
    what certificates call it, ``roots`` PEM files that its certificate must lead to."""

    url: _Url = ""
    name: str = ""
    roots: list[str] = []
    timeout_ms: Positive = 10_000
    attempts: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3

    def __post_init__(self) -> None:
        """Raises ValueError, which msgspec tells with the member's place."""
        if self.timeout_ms * self.attempts > _LONGEST_ASKED_MS:
            raise ValueError(
                f"timeout_ms times attempts is {self.timeout_ms * self.attempts}: at most "
                f"{_LONGEST_ASKED_MS}, for a certificate asks for up to four time-stamps"
            )
        if self.url and not (self.roots and self.name):
            raise ValueError("a url needs a name, and roots that its certificate leads to")


class CertificatesConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With what this node issues certificates of evidence; without ``chain`` it issues none.

    ``institution`` is whose seal it is, as the drawn imprint says; ``chain`` a PEM file with the
    seal's certificate and those above it, the root last; ``key`` the PEM file of its key, unless
    ``token`` names one. ``imprint`` is a PDF, SVG or PNG file; without one a round seal is drawn
    with ``seal_code``. ``trust`` is the trust file that the members publish, ``description`` the
    consortium's signed description, ``verifiers`` the published verifiers' files, whose hashes are
    printed, by default those that this program makes. ``workers`` 0 means one a core; ``most`` may
    be under way before 503.
    """

    institution: str = ""
    chain: str = ""
    key: str = "keys/seal.pem"
    token: KeyTokenConfig = KeyTokenConfig()
    imprint: str = ""
    seal_code: Annotated[str, msgspec.Meta(pattern="^([0-9]{13,14})?$")] = ""
    tsa: TsaConfig = TsaConfig()
    trust: str = ""
    description: str = ""
    verifiers: list[str] = []
    workers: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    most: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 64

    def __post_init__(self) -> None:
        """Raises ValueError, which msgspec tells with the member's place."""
        if not self.chain:
            return
        if not self.institution:
            raise ValueError("institution must be named where certificates are issued")
        if not self.imprint and not self.seal_code:
            raise ValueError("give an imprint, or the seal_code that a drawn one shows")
