"""The page that checks a document: by its hash, made in the browser, or by an explicit upload."""

from __future__ import annotations

import tempfile
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from node.api.description import content_of
from node.api.documents import check_upload, receive
from node.api.exchange import too_large
from node.api.service import Served, Service
from node.api.web.document_result import show_result
from node.api.web.layout import (
    SCRIPT_PAGE_HEADERS,
    PageLanguage,
    page_answer,
    render,
)
from node.api.web.multipart import boundary_of, copy_file
from node.api.web.texts_document import DOCUMENT

__all__ = ["FORM_BYTES", "routes"]

routes = APIRouter(tags=["pages"])

FORM_BYTES = 16 << 10
"""Bytes that the form around a file may take."""


@routes.get(
    "/document",
    summary="Page that checks a document 文件核对页面",
    response_class=Response,
    responses=content_of("text/html", "A page", "string", 400),
)
def get_document_page(service: Served, language: PageLanguage) -> Response:
    """A file's hash is made in the browser and looked up, without sending the file; the deep check
    is a form of its own. Without scripts the page says how to make the hash."""
    t = DOCUMENT[language]
    body = render(
        "document.html",
        language,
        path="/document",
        scripts=("document.js",),
        t=t,
        claim=t["claim"],
        most=service.documents.max_bytes >> 20,
    )
    return page_answer(body, headers=SCRIPT_PAGE_HEADERS)


@routes.post(
    "/document",
    include_in_schema=False,  # what the page's form sends; programs have /v1/documents/check
    response_class=Response,
)
async def post_document_page(service: Served, language: PageLanguage, request: Request) -> Response:
    """What `/v1/documents/check` answers, as a page. The file is not kept."""
    return page_answer(show_result(language, await _checked(service, request)))


async def _checked(service: Service, request: Request) -> dict[str, Any]:
    boundary = boundary_of(request.headers)
    most = service.documents.max_bytes
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > most + FORM_BYTES:
        raise too_large(most)
    with service.documents.place() as file:
        with tempfile.TemporaryFile() as form:
            await receive(request, form, most + FORM_BYTES)
            if copy_file(form, boundary, file) > most:
                raise too_large(most)
        return await check_upload(service, file)
