"""The demonstration's anchors: the chain inside its node, and a time-stamp authority of its own.

Neither is a third party: the one is the node's, the other this program's. What they show is how an
anchor comes about and how it is checked.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from node.core.errors import EvidenceError
from node.demo.tsa import OpensslTsa, make_tsa_files, run_tsa

__all__ = ["DEMO_EVERY_MS", "DemoAnchors", "NotAnchored", "demo_anchors", "wait_until_anchored"]

DEMO_EVERY_MS = 1_000
"""How long after an anchor point the demonstration's next one is due: it has no ten minutes."""
_POLL_SECONDS = 0.1
_CONFIG = """
[[anchors.to]]
kind = "evm-embedded"
name = "embedded"
operator = "节点自带的开发链（演示）"

[[anchors.to]]
kind = "rfc3161"
name = "demo-tsa"
operator = "演示时间戳"
url = "{url}"
roots = ["{root}"]
"""


class NotAnchored(EvidenceError):
    """The anchors did not come in time."""


@dataclass(frozen=True)
class DemoAnchors:
    """What is put behind a node's configuration; the authority's address, and its root, as a file
    and in DER."""

    config: str
    tsa_url: str
    tsa_root_file: Path
    tsa_root: bytes


@contextmanager
def demo_anchors(folder: Path) -> Iterator[DemoAnchors]:
    """Run the time-stamp authority, with its files in ``folder``, while the context lasts.

    Raises:
        TsaUnavailable: there is no openssl command.
    """
    shutil.rmtree(folder, ignore_errors=True)
    files = make_tsa_files(folder, datetime.now(UTC))
    root = x509.load_pem_x509_certificate(files.root.read_bytes())
    with run_tsa(OpensslTsa(folder, files)) as url:
        config = _CONFIG.format(url=url, root=files.root)
        yield DemoAnchors(config, url, files.root, root.public_bytes(Encoding.DER))


def wait_until_anchored(
    standing: Callable[[], dict[str, Any]], size: int, seconds: float = 60.0
) -> list[dict[str, Any]]:
    """Wait until every adapter has a final anchor of the log at ``size`` or beyond.

    Args:
        standing: asks the node, as `NodeClient.anchors` does.
        size: entries of the log.
        seconds: how long to wait.

    Returns:
        How the adapters stand then.

    Raises:
        NotAnchored: it took too long; says how they stand.
    """
    give_up = time.monotonic() + seconds
    while True:
        adapters: list[dict[str, Any]] = standing()["adapters"]
        late = [one for one in adapters if (one["newest"] or {"size": 0})["size"] < size]
        if not late:
            return adapters
        if time.monotonic() > give_up:
            told = ", ".join(f"{one['name']}: {one['state']} {one['trouble']}" for one in late)
            raise NotAnchored(f"not anchored at size {size} after {seconds:.0f} s: {told}")
        time.sleep(_POLL_SECONDS)
