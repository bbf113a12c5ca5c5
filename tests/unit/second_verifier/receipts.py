"""A second opinion on receipts of outside chains, made with libraries where there are some.

Written from docs/spec/anchor-*.md alone; it shares no code with the project.
"""

from __future__ import annotations

__all__ = ["KINDS", "Bad", "NothingTrusted"]


class Bad(Exception):
    """A receipt that is malformed or does not hold."""


class NothingTrusted(Exception):
    """A receipt that leads to nothing that the trust file names."""


KINDS = {}
"""By kind: called with a receipt, its point and the trust file."""
