"""A second opinion on receipts of outside chains, made with libraries where there are some.

Written from docs/spec/anchors.md and docs/spec/anchor-*.md alone; it shares no code with the
project. What a library takes that the specification does not is refused here by hand.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

__all__ = ["KINDS", "TRUSTED", "Bad", "NothingTrusted", "check_trusted"]


def _beside(name):
    spec = importlib.util.spec_from_file_location(
        f"second_{name}", Path(__file__).with_name(f"{name}.py")
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


forms = _beside("receipts_forms")
Bad, NothingTrusted = forms.Bad, forms.NothingTrusted
_beside("receipts_x509")
evm = _beside("receipts_evm")
fabric = _beside("receipts_fabric")
rekor = _beside("receipts_rekor")
rest = _beside("receipts_rest")
rfc3161 = _beside("receipts_rfc3161")

KINDS = {
    "evm": evm.verify,
    "fabric": fabric.verify,
    "rekor": rekor.verify,
    "rest": rest.verify,
    "rfc3161": rfc3161.verify,
}
"""By kind: called with a receipt, its point and the trust file."""
TRUSTED = {
    "evm": evm.read_trusted,
    "fabric": fabric.read_trusted,
    "rekor": rekor.read_trusted,
    "rest": rest.read_trusted,
}
"""By kind: called with an item of the trust file's ``anchors``."""


def check_trusted(trust):
    """Raises Bad where an item of a known kind is not of its form, or a root is none."""
    rfc3161.read_roots(trust)
    for entry in trust["anchors"]:
        if entry["kind"] in TRUSTED:
            TRUSTED[entry["kind"]](entry)
