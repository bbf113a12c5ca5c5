"""Errors for people: where a browser asked for a page, a page says what is wrong."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from node.api.problems import Problem
from node.api.responses import problem_answer
from node.api.web.layout import (
    PAGE_HEADERS,
    Language,
    page_answer,
    preferred_language,
    render,
)
from node.api.web.texts_error import TEXTS

__all__ = ["answer_problem_to", "render_problem"]

_FOR_PROGRAMS = ("/v1/", "/metrics", "/healthz", "/readyz", "/openapi.json")


def answer_problem_to(request: Request, problem: Problem) -> Response:
    """A page where the request came from somebody's browser, to a page; else the document."""
    path = request.url.path
    if path.startswith(_FOR_PROGRAMS) or "text/html" not in request.headers.get("accept", ""):
        return problem_answer(problem)
    language = _language(request)
    headers = {**PAGE_HEADERS, **problem.headers}
    return page_answer(render_problem(problem, language, path), problem.status, headers)


def _language(request: Request) -> Language:
    asked = request.query_params.get("lang")
    if asked == "zh" or asked == "en":
        return "zh" if asked == "zh" else "en"
    return preferred_language(request.headers.get("accept-language", ""))


def render_problem(problem: Problem, language: Language, path: str) -> bytes:
    """The page's bytes."""
    t, zh = TEXTS[language], language == "zh"
    return render(
        "error.html",
        language,
        path=path,
        t=t,
        title=problem.kind.title_zh if zh else problem.kind.title,
        claim=t["claim"],
        detail=problem.detail_zh if zh else problem.detail,
        told=t["not_found"] if problem.status == 404 else "",
        status=problem.status,
        instance=problem.instance,
    )
