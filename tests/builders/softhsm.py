"""A real PKCS#11 token for tests: SoftHSM2 with a store of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from builders.issuing import Seal
from builders.time_stamping import missing

from node.evidence.certificates.keys import TokenKey

PIN = "27182818"
TOKEN, LABEL, KEY_ID = "evidence", "institution-seal", "a1"
_LIBRARIES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)


@dataclass(frozen=True)
class SoftToken:
    """A token with the key of a seal in it. ``config`` is what SOFTHSM2_CONF must name."""

    library: str
    config: Path
    pin_file: Path

    def key(self, **changes: str) -> TokenKey:
        """How to reach it."""
        members = {
            "library": self.library,
            "token": TOKEN,
            "key_label": LABEL,
            "pin_file": str(self.pin_file),
            **changes,
        }
        return TokenKey(**members)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a process that uses it."""
        return {**os.environ, "SOFTHSM2_CONF": str(self.config)}


def make_token(folder: Path, seal: Seal) -> SoftToken:
    """Make a token and import the seal's key into it, or skip where SoftHSM2 is missing."""
    library = next((one for one in _LIBRARIES if Path(one).exists()), None)
    tool = shutil.which("softhsm2-util")
    if library is None or tool is None:
        missing("SoftHSM2 is missing: apt-get install softhsm2")
    assert library is not None
    assert tool is not None
    store = folder / "tokens"
    store.mkdir(parents=True)
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {store}\nobjectstore.backend = file\n")
    pin_file = folder / "pin"
    pin_file.touch(mode=0o600)
    pin_file.write_text(f"{PIN}\n")
    token = SoftToken(library, config, pin_file)
    pins = ("--pin", PIN, "--so-pin", PIN)
    for command in (
        ("--init-token", "--free", "--label", TOKEN, *pins),
        (
            *("--import", str(seal.key_file), "--token", TOKEN),
            *("--label", LABEL, "--id", KEY_ID, "--pin", PIN),
        ),
    ):
        subprocess.run([tool, *command], check=True, capture_output=True, env=token.environment)
    return token
