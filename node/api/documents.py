"""The route of the deep check: a document is sent, examined, compared with the ledger, forgotten.

Nothing of it is kept or logged; it lies on disk in a file without a name until it is answered.
"""

from __future__ import annotations

from typing import IO, Any

import msgspec
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from node.api import models
from node.api.description import answers
from node.api.document_records import DocumentRecords
from node.api.exchange import content_type, too_large
from node.api.problems import Problem
from node.api.responses import json_answer
from node.api.service import Served, Service
from node.api.views import as_of

__all__ = ["check_upload", "receive", "routes"]

routes = APIRouter(tags=["verification"])

_MEDIA_TYPES = (b"application/pdf", b"application/octet-stream")
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/pdf": {
                "schema": {"type": "string", "format": "binary"},
                "example": "%PDF-1.7",
            }
        },
    }
}


@routes.post(
    "/v1/documents/check",
    summary="Check a signed PDF 核验已签章的 PDF 文件",
    response_class=Response,
    responses=answers(models.DocumentCheck, 400, 408, 413, 415, 503),
    openapi_extra=_BODY,
)
async def post_check(service: Served, request: Request) -> Response:
    """Who sealed a PDF, whether each signature holds, what was changed afterwards, and what of it
    is on record here: its hash, its earlier states, its signatures, their seals then and now.

    The file is sent whole and is not kept; to ask only whether a file is on record, send its
    SHA-256 to `/v1/documents/{sha256}` instead. `findings` are about the file alone: `outcome`
    "read" says that it could be examined; each signature has its checks, passed, failed or "not
    checked". Without configured roots no chain is checked, and no verdict is "passed". A few
    documents are checked at a time: beyond that the answer is 503 before anything is read."""
    if content_type(request.scope) not in _MEDIA_TYPES:
        raise Problem(
            "unsupported-media-type",
            "send the file itself, as application/pdf",
            "请以 application/pdf 直接发送文件内容",
        )
    with service.documents.place() as file:
        await receive(request, file, service.documents.max_bytes)
        return json_answer(await check_upload(service, file))


async def receive(request: Request, file: IO[bytes], most: int) -> int:
    """Write a request's body to ``file``; how many bytes it has. Raises Problem (413)."""
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > most:
            raise too_large(most)
        file.write(chunk)
    return size


async def check_upload(service: Service, file: IO[bytes]) -> dict[str, Any]:
    """The whole answer about a file: findings, and what is on record."""
    node = service.node
    findings = await service.documents.check(file, node.now())
    return await run_in_threadpool(_with_records, service, findings)


def _with_records(service: Service, findings: Any) -> dict[str, Any]:
    node = service.node
    with node.reader() as reader:
        records = DocumentRecords(reader, node.now()).of(findings)
        return {
            "findings": msgspec.to_builtins(findings),
            "records": records,
            "as_of": as_of(reader, node.config.engine.empty_block_ms),
        }
