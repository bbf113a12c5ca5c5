"""Names out of certificates and fields, made fit to be shown.

What stands in a hostile file must not turn the text around it about, and what a certificate holds
of a person beyond the name (many bear an identity or telephone number) is masked.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["MAX_NAME", "shown_name"]

MAX_NAME = 300
_IDENTITY_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])([1-9]\d{5})(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[0-9Xx]"
    r"(?![0-9A-Za-z])",
    re.ASCII,
)
_TELEPHONE = re.compile(r"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])", re.ASCII)
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def shown_name(text: str) -> str:
    """``text`` without invisible and direction-changing characters (each becomes its code point in
    brackets), without numbers of persons, and no longer than `MAX_NAME` characters."""
    text = "".join(
        f"[U+{ord(one):04X}]" if unicodedata.category(one) in _UNSEEN else one
        for one in text[: MAX_NAME * 2]
    )
    text = _IDENTITY_NUMBER.sub("******", text)
    text = _TELEPHONE.sub("******", text)
    return text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + "…"
