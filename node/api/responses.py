"""Whole answers of the ordinary routes: JSON, bytes, problem documents, and how long they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from node.api.exchange import PROBLEM_JSON
from node.api.problems import Problem

__all__ = ["FOR_EVER", "bytes_answer", "file_answer", "json_answer", "problem_answer"]

FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
"""Headers of what can never change."""


def json_answer(
    content: Mapping[str, Any] | list[Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A JSON document."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def bytes_answer(
    content: bytes, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Bytes as they are."""
    return Response(content, 200, headers, media_type)


def file_answer(content: bytes, name: str) -> Response:
    """A JSON file to be saved under ``name``, which is ASCII without quotation marks."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, 200, headers, "application/json")


def problem_answer(problem: Problem) -> Response:
    """A problem document."""
    return Response(
        orjson.dumps(problem.to_json()),
        problem.status,
        problem.headers,
        PROBLEM_JSON.decode("ascii"),
    )
