"""How many bytes of bodies all requests together hold, and what each of them does."""

from __future__ import annotations

from types import TracebackType

from node.api.problems import Problem

__all__ = ["MAX_BUFFERED_BYTES", "Buffered", "Share"]

MAX_BUFFERED_BYTES = 512 << 20
"""Bytes of bodies that are held at once, of all requests, before 503: as many bundles of the
largest size as are checked at a time, and as much again, so that those alone shut out no record."""


class Buffered:
    """The count: ``held`` of at most ``most`` bytes. For one event loop."""

    def __init__(self, most: int = MAX_BUFFERED_BYTES) -> None:
        self.most = most
        self.held = 0


class Share:
    """What one request holds, ``size`` bytes; it is given back at the end of the context."""

    def __init__(self, buffered: Buffered) -> None:
        self._buffered = buffered
        self.size = 0

    def __enter__(self) -> Share:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def hold(self, size: int) -> None:
        """Count ``size`` more bytes. Raises Problem where all requests hold too many then."""
        if self._buffered.held + size > self._buffered.most:
            raise Problem(
                "busy",
                "the bodies of the requests under way are too large together",
                "正在处理的请求体总量过大，请稍后重试。",
                {"retry_after": 2},
            )
        self._buffered.held += size
        self.size += size

    def release(self, size: int) -> None:
        """``size`` bytes less are held; never more than there are, so after the end it is none."""
        size = min(size, self.size)
        self._buffered.held -= size
        self.size -= size

    def keep(self, size: int) -> None:
        """Exactly ``size`` bytes are held. Raises Problem as `hold`."""
        if size > self.size:
            self.hold(size - self.size)
        else:
            self.release(self.size - size)

    def close(self) -> None:
        """Nothing is held any more."""
        self.release(self.size)
