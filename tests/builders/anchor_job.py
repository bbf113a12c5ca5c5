"""A point's way through an adapter, as the worker takes it, which can be killed anywhere.

What is kept is only what the worker keeps: the attempts, and what `send` returned last.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chaincode_adapters.errors import SignAnew, Unreachable
from chaincode_adapters.port import Final, Missing, Receipt, Signed, Standing
from chaincode_adapters.retry import backoff
from node.core.anchors.point import AnchorPoint

__all__ = ["AnchorJob", "Killed"]


class Killed(Exception):
    """The process ends here; nothing that was not kept is left."""


@dataclass
class AnchorJob:
    """A job. ``adapter`` makes one anew, as after a restart; ``strike`` is asked at every place
    where a process may end, and raises Killed to end it there."""

    adapter: Callable[[], Any]
    point: AnchorPoint
    strike: Callable[[str], None] = lambda place: None
    attempts: list[Signed] = field(default_factory=list)
    answer: bytes = b""
    places: list[str] = field(default_factory=list)

    def run(self, most: int = 50) -> Receipt:
        """Until final, through ends and failures; at most ``most`` steps.

        Waits after a failure, less long than the worker does: for a second after one client has
        gone away, tessera 1.0.2 tells all the others "context canceled" (its ``Await``).
        """
        adapter, failures = self.adapter(), 0
        for _ in range(most):
            try:
                receipt = self._step(adapter)
            except Killed:
                adapter.close()
                adapter = self.adapter()
            except Unreachable as trouble:
                self.places.append(f"unreachable: {trouble}")
                failures += 1
                time.sleep(backoff(failures, first=0.01, most=1.0))
            else:
                if receipt is not None:
                    adapter.close()
                    return receipt
        raise AssertionError(f"not final after {most} steps: {self.places}")

    def _step(self, adapter: Any) -> Receipt | None:
        if not self.attempts:
            return self._sign(adapter)
        standing = self._look_up(adapter)
        if isinstance(standing, Final):
            receipt: Receipt = adapter.receipt(self.point, self.attempts, self.answer, standing)
            self._end("after receipt")
            return receipt
        if isinstance(standing, Missing):
            self._send(adapter)
        return None

    def _look_up(self, adapter: Any) -> Standing:
        standing: Standing = adapter.look_up(self.point, self.attempts, self.answer)
        self._end("after look_up")
        return standing

    def _sign(self, adapter: Any) -> None:
        signed = adapter.sign(self.point, self.attempts)
        self._end("signed, not kept")
        self.attempts.append(signed)
        self._end("signed and kept")

    def _send(self, adapter: Any) -> None:
        try:
            answer = adapter.send(self.point, self.attempts[-1])
        except SignAnew:
            self._sign(adapter)
            return
        self._end("sent, the answer not kept")
        self.answer = answer
        self._end("sent and kept")

    def _end(self, place: str) -> None:
        self.places.append(place)
        self.strike(place)
