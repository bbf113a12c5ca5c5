"""The state map's nodes that are not written yet, as readers of a written block see them.

The writer keeps nodes back for many blocks. Whoever reads the ledger as of one of these blocks
finds them here: in layers, one a block, merged now and then, never changed once published.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from node.core.statetree import Node, NodeChanges

__all__ = ["NoLayer", "NodeLayers", "PublishedLayers"]

_MERGED_AT = 48
_REMEMBERED = 64


class NoLayer(LookupError):
    """No layer has been published for this height, or not recently."""


@dataclass(frozen=True)
class NodeLayers:
    """Unwritten nodes as of one height, newest layer last."""

    layers: tuple[NodeChanges, ...] = ()

    def find(self, number: int) -> tuple[bool, Node | None]:
        """Whether a layer holds this node, and the node (None: it is gone)."""
        for layer in reversed(self.layers):
            if number in layer:
                return True, layer[number]
        return False, None

    def followed_by(self, changes: NodeChanges) -> NodeLayers:
        """These layers and one more."""
        if not changes:
            return self
        if len(self.layers) < _MERGED_AT:
            return NodeLayers((*self.layers, changes))
        merged: NodeChanges = {}
        for layer in (*self.layers, changes):
            merged.update(layer)
        return NodeLayers((merged,))


class PublishedLayers:
    """The layers of the heights written last. Safe for threads."""

    def __init__(self, height: int, recovered: NodeChanges) -> None:
        self._newest = NodeLayers((recovered,)) if recovered else NodeLayers()
        self._by_height = OrderedDict({height: self._newest})
        self._lock = threading.Lock()

    def publish(self, height: int, changes: NodeChanges, *, written: bool) -> None:
        """The block at ``height`` is about to be written: ``changes`` are its nodes; ``written``
        says that its batch holds all nodes but these that are not written yet."""
        newest = (NodeLayers() if written else self._newest).followed_by(changes)
        with self._lock:
            self._newest = newest
            self._by_height[height] = newest
            while len(self._by_height) > _REMEMBERED:
                self._by_height.popitem(last=False)

    def at(self, height: int) -> NodeLayers:
        """The layers as of ``height``. Raises NoLayer."""
        with self._lock:
            try:
                return self._by_height[height]
            except KeyError as error:
                raise NoLayer(height) from error
