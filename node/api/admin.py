"""The admin interface: for the node's own user alone, on a socket in its home."""

from __future__ import annotations

import asyncio
import os
import queue
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from node import __version__
from node.api.admin_anchors import AnchorAdmin, standing_of
from node.api.backup import write_backup
from node.api.health import unready_reasons
from node.api.problems import Problem, malformed
from node.api.responses import json_answer, problem_answer
from node.api.service import Service
from node.core.encoding import rfc3339
from node.core.errors import EvidenceError
from node.ledger.statistics import Statistics

__all__ = ["create_admin"]

_MAX_REQUEST = 64 << 10
_TOLD_SECONDS = 0.5


@dataclass(frozen=True)
class _Backup:
    """A backup that is asked for, as `write_backup` has it."""

    target: Path
    keys: bool
    certificates: bool


class _Admin:
    """The routes. ``stop`` asks the node to stop."""

    def __init__(self, service: Service, stop: Callable[[], None]) -> None:
        self._service = service
        self._stop = stop
        self._began = time.monotonic()
        self._backing_up = asyncio.Lock()

    async def status(self, request: Request) -> Response:
        """How the node is doing."""
        return json_answer(await asyncio.to_thread(self._status))

    def _status(self) -> dict[str, Any]:
        service = self._service
        node = service.node
        reasons = unready_reasons(service)
        with node.reader() as reader:
            meta, counts = reader.meta, Statistics.load(reader.rows).to_json()
        stores, anchors = node.stores, standing_of(node)
        return {
            "version": __version__,
            "pid": os.getpid(),
            "uptime_seconds": int(time.monotonic() - self._began),
            "chain_id": node.genesis.chain_id,
            "member": node.member,
            "ready": not reasons,
            "reasons": reasons,
            "alarms": [alarm["text"] for alarm in anchors["alarms"]],
            "height": meta.height,
            "time": rfc3339(meta.time),
            "size": meta.size,
            "root": meta.root.hex(),
            "state_root": meta.state_root.hex(),
            "app_hash": meta.app_hash.hex(),
            "anchors": {one["name"]: _anchor_line(one) for one in anchors["adapters"]},
            "pending": node.submission.pending,
            "waiting": service.hub.waiting,
            "workers": node.config.workers,
            "operator_records": node.operator is not None,
            "access_log_records": node.access_log.head().number,
            "wrapping_key": node.vault.wrapping_key_id,
            "disk_free_bytes": shutil.disk_usage(node.config.home).free,
            "stores": {"ledger": stores.ledger.describe(), "local": stores.local.describe()},
            **counts,
        }

    async def backup(self, request: Request) -> Response:
        """Back the node up to ``target``; tells how far it is as NDJSON, last the manifest."""
        asked = await _read_backup(request)
        if self._backing_up.locked():
            raise Problem(
                "busy", "another backup is being made", "正在进行另一备份", {"retry_after": 30}
            )
        return StreamingResponse(self._told(asked), media_type="application/x-ndjson")

    async def _told(self, asked: _Backup) -> AsyncIterator[bytes]:
        node = self._service.node
        told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

        def progress(part: str, done: int, total: int) -> None:
            told.put({"event": "progress", "part": part, "done": done, "total": total})

        def work() -> dict[str, Any]:
            home, now = node.config.home, node.now()
            parts = {"keys": asked.keys, "certificates": asked.certificates}
            try:
                with node.vault.purges_held():
                    return write_backup(
                        node.stores, home, asked.target, **parts, now=now, progress=progress
                    )
            finally:
                node.purge_due()

        async with self._backing_up:
            task = asyncio.create_task(asyncio.to_thread(work))
            while not task.done():
                await asyncio.wait((task,), timeout=_TOLD_SECONDS)
                yield _newest(told)
            error = task.exception()
            if isinstance(error, Exception):
                problem = self._service.told(error).to_json()
                yield orjson.dumps({"event": "failed", "problem": problem}) + b"\n"
            else:
                yield orjson.dumps({"event": "done", "manifest": task.result()}) + b"\n"

    async def snapshot(self, request: Request) -> Response:
        """Take a snapshot at the next block, for nodes that join; answers when it is taken."""
        ask = self._service.node.ask_snapshot
        if ask is None:
            raise malformed("node", "is no node of a consortium: nobody joins it by a snapshot")
        manifest = await asyncio.wrap_future(ask())
        return json_answer(
            {
                "app_hash": manifest.app_hash.hex(),
                "chunks": len(manifest.chunks),
                "height": manifest.height,
                "size": manifest.size,
            }
        )

    async def stop(self, request: Request) -> Response:
        """Stop the node, once what it has acknowledged is safe."""
        self._stop()
        return json_answer({"stopping": True}, 202)


def _anchor_line(told: Mapping[str, Any]) -> dict[str, Any]:
    """How an adapter stands, in few words; `evidence-node anchor status` has the rest."""
    newest = told["newest"]
    return {
        "lag_points": told["lag"]["points"],
        "lag_seconds": told["lag"]["seconds"],
        "newest_size": 0 if newest is None else newest["size"],
        "parked": len(told["parked"]),
        "state": told["state"],
    }


def _newest(told: queue.SimpleQueue[dict[str, Any]]) -> bytes:
    """What was told last of each part since the last time."""
    newest: dict[str, dict[str, Any]] = {}
    while not told.empty():
        item = told.get()
        newest[item["part"]] = item
    return b"".join(orjson.dumps(item) + b"\n" for item in newest.values())


async def _read_backup(request: Request) -> _Backup:
    """Read ``{"target": <absolute path>, "keys"?: bool, "certificates"?: bool}``.

    Raises:
        Problem: it is not of that form, or the target is there already.
    """
    body = await request.body()
    try:
        value = orjson.loads(body[:_MAX_REQUEST])
    except orjson.JSONDecodeError as error:
        raise malformed("body", "must be JSON") from error
    known = {"certificates", "keys", "target"}
    if not isinstance(value, dict) or not {"target"} <= set(value) <= known:
        raise malformed("body", 'must have "target" and may have "keys" and "certificates"')
    target, keys = value["target"], value.get("keys", False)
    certificates = value.get("certificates", True)
    if not isinstance(target, str) or "\0" in target or not os.path.isabs(target):
        raise malformed("body.target", "must be an absolute path")
    if not isinstance(keys, bool):
        raise malformed("body.keys", "must be true or false")
    if not isinstance(certificates, bool):
        raise malformed("body.certificates", "must be true or false")
    if os.path.lexists(target):
        raise malformed("body.target", f"{target} is there already and is not overwritten")
    return _Backup(Path(target), keys, certificates)


def create_admin(service: Service, stop: Callable[[], None]) -> Starlette:
    """The admin application of a node. ``stop`` is called in the event loop."""
    admin = _Admin(service, stop)

    async def on_error(request: Request, error: Exception) -> Response:
        return problem_answer(service.told(error))

    return Starlette(
        routes=[
            Route("/admin/status", admin.status),
            Route("/admin/backup", admin.backup, methods=["POST"]),
            Route("/admin/snapshot", admin.snapshot, methods=["POST"]),
            Route("/admin/stop", admin.stop, methods=["POST"]),
            *AnchorAdmin(service).routes(),
        ],
        exception_handlers={Problem: on_error, EvidenceError: on_error},
    )
