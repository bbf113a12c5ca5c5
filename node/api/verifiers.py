"""Routes of the verifiers that run anywhere: the files, and their hashes.

Whoever takes a verifier from the node whose evidence it is to check has to compare its hash with
one published elsewhere; that is said wherever they are offered.
"""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from node.api import models
from node.api.description import answers, content_of
from node.api.responses import bytes_answer, json_answer
from node.verifiers.building import HTML_NAME, PYZ_NAME, hashes, html_policy, verifier_files

__all__ = ["routes"]

routes = APIRouter(tags=["verification"])


@routes.get(
    "/v1/verifiers",
    summary="Offline verifiers and their hashes 离线核验工具及其哈希",
    response_class=Response,
    responses=answers(models.Verifiers),
)
async def get_verifiers() -> Response:
    """The verifiers that this node hands out, with their SHA-256. Compare it with one that you have
    from elsewhere: a node under test can hand out what it likes."""
    digests = await run_in_threadpool(hashes)
    sizes = {name: len(file) for name, file in verifier_files().items()}
    shown = [
        {"name": name, "path": f"/verifiers/{name}", "sha256": digest, "size": sizes[name]}
        for name, digest in digests.items()
    ]
    return json_answer({"verifiers": shown})


@routes.get(
    f"/verifiers/{HTML_NAME}",
    summary="Verifier for a browser 浏览器核验页",
    response_class=Response,
    responses=content_of("text/html", "One self-contained page", "string"),
)
async def get_html() -> Response:
    """One page that checks a bundle or a certificate in a browser with the network off."""
    file = (await run_in_threadpool(verifier_files))[HTML_NAME]
    policy = html_policy(file) + "; frame-ancestors 'none'"
    return bytes_answer(
        file,
        "text/html; charset=utf-8",
        {"Content-Security-Policy": policy, "Cache-Control": "no-cache"},
    )


@routes.get(
    f"/verifiers/{PYZ_NAME}",
    summary="Verifier for a bare Python 离线核验程序",
    response_class=Response,
    responses=content_of("application/zip", "A Python zip application", "binary"),
)
async def get_pyz() -> Response:
    """One file that checks a bundle or a certificate with any Python from 3.8 on."""
    file = (await run_in_threadpool(verifier_files))[PYZ_NAME]
    headers = {
        "Content-Disposition": f'attachment; filename="{PYZ_NAME}"',
        "Cache-Control": "no-cache",
    }
    return bytes_answer(file, "application/zip", headers)
