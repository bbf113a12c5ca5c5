"""The page about verifying: the verifiers to download, and a check by this node, which proves
little."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from tempfile import TemporaryFile
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from node.api.description import content_of
from node.api.service import Served, Service
from node.api.verification import (
    MAX_CASE_BYTES,
    checking,
    own_trust,
    verify_by_own,
    verify_certificate_by_own,
)
from node.api.web.layout import Language, PageLanguage, page_answer, render
from node.api.web.multipart import boundary_of, copy_file
from node.api.web.shown import grouped
from node.api.web.texts_verify import TEXTS
from node.core.verify import FAILED, PASSED, Report, Step
from node.core.verify_certificate import CertificateReport, is_pdf
from node.verifiers.building import HTML_NAME, PYZ_NAME, verifier_files

__all__ = ["routes"]

routes = APIRouter(tags=["pages"])

_Report = Report | CertificateReport
_CLASSES = {PASSED: "good", FAILED: "bad"}


@routes.get(
    "/verify",
    summary="Verify page 核验页面",
    response_class=Response,
    responses=content_of("text/html", "A page", "string", 400),
)
def get_verify_page(service: Served, language: PageLanguage) -> Response:
    """What the verifiers are, with their SHA-256, and a form that has this node check a bundle."""
    return page_answer(_page(service, language))


@routes.post(
    "/verify",
    include_in_schema=False,  # what the page's form sends; programs have /v1/verify
    response_class=Response,
)
async def post_verify_page(service: Served, language: PageLanguage, request: Request) -> Response:
    """The verifier's steps as a page, against this node's own trust file; nothing is kept."""
    with checking(service):
        boundary = boundary_of(request.headers)
        body = await request.body()
        return await run_in_threadpool(_checked, service, language, body, boundary)


def _checked(service: Service, language: Language, body: bytes, boundary: bytes) -> Response:
    file = _file_of(body, boundary)
    if is_pdf(file):
        return page_answer(_page(service, language, verify_certificate_by_own(service, file)))
    return page_answer(_page(service, language, verify_by_own(service, file)))


def _file_of(body: bytes, boundary: bytes) -> bytes:
    """The file in the form. Raises InvalidEncoding."""
    with TemporaryFile() as form, TemporaryFile() as file:
        form.write(body)
        copy_file(form, boundary, file)
        file.seek(0)
        return file.read()


def _page(service: Service, language: Language, report: _Report | None = None) -> bytes:
    t = TEXTS[language]
    configured = service.node.config.api.max_body_bytes
    return render(
        "verify.html",
        language,
        path="/verify",
        t=t,
        claim=t["claim"] if report is None else _claim(report, t),
        report=None if report is None else _shown(report, language),
        verifiers=_verifiers(service, t),
        fingerprint=grouped(own_trust(service.node).fingerprint.hex()),
        most=t["file_hint"].format(size=min(MAX_CASE_BYTES, configured) >> 20),
    )


def _steps(report: _Report) -> tuple[Step, ...]:
    """All of them: of a certificate's PDF first those of the document."""
    return report.all_steps if isinstance(report, CertificateReport) else report.steps


def _fingerprint(report: _Report) -> str:
    whole = report.bundle if isinstance(report, CertificateReport) else report
    return whole.trust_fingerprint


def _claim(report: _Report, t: dict[str, str]) -> str:
    counted = PASSED if report.accepted else FAILED
    count = sum(step.status == counted for step in _steps(report))
    return t["claim_accepted" if report.accepted else "claim_refused"].format(count=count)


def _shown(report: _Report, language: Language) -> dict[str, Any]:
    zh, t = language == "zh", TEXTS[language]
    return {
        "fingerprint": grouped(_fingerprint(report)),
        "steps": [
            {
                "label": step.label,
                "title": step.title_zh if zh else step.title,
                "status": t[step.status],
                "class": _CLASSES.get(step.status, "wait"),
                "text": step.text_zh if zh else step.text,
                "details": step.details,
            }
            for step in _steps(report)
        ],
    }


def _verifiers(service: Service, t: dict[str, str]) -> list[dict[str, str]]:
    """The files that this node hands out; none where it cannot make them."""
    files = _built(service)
    return [
        {
            "title": t[kind],
            "text": t[f"{kind}_text"],
            "command": t["pyz_command"] if kind == "pyz" else "",
            "name": name,
            "download": t["download"].format(name=name),
            "size": t["size"].format(size=files[name][0]),
            "sha256": files[name][1],
        }
        for kind, name in (("html", HTML_NAME), ("pyz", PYZ_NAME))
        if name in files
    ]


@lru_cache(maxsize=1)
def _built(service: Service) -> dict[str, tuple[int, str]]:
    """Size in KB and SHA-256 of each file, by its name; found once."""
    try:
        files = verifier_files()
    except (OSError, ValueError) as error:
        service.log.error("the verifiers cannot be built", reason=str(error))
        return {}
    return {
        name: (-(-len(file) // 1024), hashlib.sha256(file).hexdigest())
        for name, file in files.items()
    }
