"""Pieces of the OpenAPI description that the routes share: answers, problems, bodies."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, TypeAdapter

from node.api.problems import KINDS

__all__ = ["SCHEMAS", "answers", "body_of", "content_of", "problems"]

SCHEMAS = "#/components/schemas/"
_Responses = dict[int | str, dict[str, Any]]
_PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": f"{SCHEMAS}Problem"}}}


def problems(*statuses: int) -> _Responses:
    """The described problem documents of these statuses; 408, 413, 500 and 503 anybody can meet."""
    found: _Responses = {}
    for status in sorted({*statuses, 500, 503}):
        titles = [f"{k.title} {k.title_zh}" for k in KINDS.values() if k.status == status]
        found[status] = {"description": " · ".join(titles), "content": _PROBLEM_CONTENT}
    return found


def answers(model: Any, *statuses: int, status: int = 200) -> _Responses:
    """A JSON answer of the form ``model`` with ``status``, and problems of ``statuses``."""
    text = (getattr(model, "__doc__", None) or "The answer").strip().partition("\n\n")[0]
    if not isinstance(model, type):
        text = "One of the forms"
    return {status: {"model": model, "description": " ".join(text.split())}, **problems(*statuses)}


def content_of(media_type: str, text: str, kind: str, *statuses: int) -> _Responses:
    """An answer of another media type; ``kind`` is "string", "binary" or "object"."""
    schema: dict[str, Any] = {"type": "object" if kind == "object" else "string"}
    if kind == "binary":
        schema["format"] = "binary"
    content = {media_type: {"schema": schema}}
    return {200: {"description": text, "content": content}, **problems(*statuses)}


def body_of(media_type: str, model: type[BaseModel], example: Any) -> dict[str, Any]:
    """A request body of the form ``model``, for a route that reads the body itself."""
    schema = TypeAdapter(model).json_schema(ref_template=SCHEMAS + "{model}")
    schema.pop("$defs", None)
    content = {media_type: {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}
