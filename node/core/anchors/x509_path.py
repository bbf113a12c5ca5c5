"""Paths from a certificate to roots that somebody trusts (RFC 5280 §6).

Revocation is not checked: a verifier without a network cannot, and whoever reports a path has to
say so. Of names, the bytes are compared. A critical extension that is not read here refuses the
certificate (§4.2); so do constraints on names and policies where they are critical.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.core.anchors.x509 import Certificate
from node.core.errors import InvalidInput, InvalidProof
from node.core.signatures import Backend

__all__ = ["Path", "find_path"]

_LONGEST_PATH = 8
_MOST_CHECKS = 16
_ANY_PURPOSE = "2.5.29.37.0"


@dataclass(frozen=True)
class Path:
    """Certificates from the one asked about up to the last below the root. ``root`` is None where
    no root is known that the last one leads to; it is the last one itself where that is a root."""

    certificates: tuple[Certificate, ...]
    root: Certificate | None


def find_path(
    leaf: Certificate,
    others: Sequence[Certificate],
    roots: Sequence[Certificate],
    at: int,
    backend: Backend,
    purpose: str | None = None,
) -> Path:
    """The path from ``leaf`` over some of ``others`` to one of ``roots`` (RFC 5280 §6.1).

    Each certificate, the root too, must be valid at ``at`` (ms) and signed by the next, which must
    be an authority for so many below it, and may serve ``purpose`` if it is limited to purposes.

    Raises:
        InvalidInput: a certificate on the only ways there are is not valid, or not what it must be.
    """
    search = _Search(others, roots, at, backend, purpose)
    leaf.check_time(at)
    leaf.check_extensions()
    root = search.climb((leaf,))
    if root is None and search.errors:
        raise search.errors[0]
    return Path(search.best, root)


class _Search:
    """Goes up from a certificate, each of the others at most once; ``best`` is the way it found,
    or the longest that ended nowhere, ``errors`` what closed the ways that it did not take."""

    def __init__(
        self,
        others: Sequence[Certificate],
        roots: Sequence[Certificate],
        at: int,
        backend: Backend,
        purpose: str | None,
    ) -> None:
        self._others, self._roots, self._at = list(others), roots, at
        self._backend, self._purpose = backend, purpose
        self.best: tuple[Certificate, ...] = ()
        self.errors: list[InvalidInput] = []
        self._checks = 0

    def climb(self, way: tuple[Certificate, ...]) -> Certificate | None:
        """The root above the last of ``way``, if there is one."""
        last = way[-1]
        if len(way) > len(self.best):
            self.best = way
        for root in self._roots:
            if root.encoded == last.encoded or (
                root.subject == last.issuer and self._may_issue(root, way)
            ):
                self.best = way
                return root
        for other in [one for one in self._others if one.subject == last.issuer]:
            if other not in self._others or other.encoded == last.encoded:
                continue
            if len(way) < _LONGEST_PATH and self._may_issue(other, way):
                self._others.remove(other)
                root_above = self.climb((*way, other))
                if root_above is not None:
                    return root_above
        return None

    def _may_issue(self, issuer: Certificate, way: tuple[Certificate, ...]) -> bool:
        try:
            self._checks += 1
            if self._checks > _MOST_CHECKS:
                raise InvalidProof(issuer.place, "is one of too many of its name")
            self._check_issuer(issuer, way)
        except InvalidInput as error:
            self.errors.append(error)
            return False
        return True

    def _check_issuer(self, issuer: Certificate, way: tuple[Certificate, ...]) -> None:
        issuer.check_time(self._at)
        issuer.check_extensions()
        limits = issuer.extensions
        if not limits.is_authority or "keyCertSign" not in (limits.key_usage or {"keyCertSign"}):
            raise InvalidProof(issuer.place, "is not that of a certificate authority")
        if limits.path_length is not None and limits.path_length < len(way) - 1:
            raise InvalidProof(issuer.place, "allows fewer authorities below it (§4.2.1.9)")
        served = limits.purposes
        if self._purpose and served and not {self._purpose, _ANY_PURPOSE} & set(served):
            raise InvalidProof(issuer.place, "does not serve this purpose (§4.2.1.12)")
        way[-1].verify_issued_by(issuer, self._backend)
