"""The rest of a path, slashes and all, as a parameter of a route.

Starlette's own ``path`` ends before a line break: what had one would find no route at all, and its
404 would be that of something well formed that does not exist.
"""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor

__all__ = ["rest"]


class _Rest(Convertor[str]):
    """All that follows, whatever it is."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        """As it is."""
        return value

    def to_string(self, value: str) -> str:
        """As it is."""
        return value


register_url_convertor("rest", _Rest())


def rest(name: str) -> str:
    """The last part of a route's path, which is given to its function as ``name``."""
    return f"{{{name}:rest}}"
