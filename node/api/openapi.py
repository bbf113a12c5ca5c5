"""The OpenAPI description: what FastAPI knows of the routes, and the two that it does not see."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from node import __version__
from node.api import models
from node.api.description import SCHEMAS, problems
from node.api.examples import SUBMISSION

__all__ = ["describe"]

_TEXT = """
Evidence of electronic seals and signings: records go in signed, evidence comes out with proofs that
need no trust in the node that answers. 电子印章与签约存证：签名记录上链，取证结果可离线独立核验。

Records are SD-JWTs (RFC 9901) signed by members; sending one again gives the same receipt, for
ever. What only members may see is asked with requests that are signed themselves. Errors are
problem documents (RFC 9457) with stable `type`s, in English and Chinese. Times are milliseconds
since the Unix epoch, UTC.

A body is at most 64 KiB (413), but for records (a line of a batch is as long as one may be),
orders of certificates, and bundles to check; a GET has none. A node that holds too much already
answers 503 with Retry-After.
"""
_TAGS = (
    ("submissions", "Submitting records 提交存证"),
    ("transactions", "What became of a transaction 交易"),
    ("dossiers", "Dossiers, look-up, bundles 卷宗与查询"),
    ("seals", "Status of seals 印章状态"),
    ("disclosures", "Private fields 私密字段"),
    ("certificates", "Certificates of evidence 存证证书"),
    ("chain", "Blocks 区块"),
    ("consortium", "Members, validators, proposals 联盟"),
    ("log", "The log as C2SP tlog-tiles 日志"),
    ("proofs", "Merkle proofs 证明"),
    ("anchors", "Anchors on outside chains 第三方存证"),
    ("verification", "Checking evidence 核验"),
    ("node", "The node and its language 节点"),
    ("operation", "Running a node 运行"),
    ("pages", "For people 页面"),
)
_WAIT = {
    "name": "wait",
    "in": "query",
    "description": "commit: until it is on the chain; none: until it is on the node's disk",
    "schema": {"type": "string", "enum": ["commit", "none"], "default": "commit"},
}
_TIMEOUT = {
    "name": "timeout",
    "in": "query",
    "description": "Seconds to wait; when they run out the answer is 202, never an error. The "
    "node's own limit may be lower",
    "schema": {"type": "number", "minimum": 0, "default": 30},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The description as a JSON document."""
    document: dict[str, Any] = get_openapi(
        title="Evidence ledger node 存证账本节点",
        version=__version__,
        description=_TEXT.strip(),
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in _TAGS],
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("422", None)
    for model in (models.Problem, models.Receipt, models.Pending):
        schemas[model.__name__] = TypeAdapter(model).json_schema(ref_template=SCHEMAS + "{model}")
    document["paths"]["/v1/submissions"] = {"post": _submission()}
    document["paths"]["/v1/submissions/batch"] = {"post": _batch()}
    return document


def _ref(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": SCHEMAS + name}}}


def _operation(name: str, summary: str, text: str) -> dict[str, Any]:
    return {
        "tags": ["submissions"],
        "operationId": name,
        "summary": summary,
        "description": text,
        "parameters": [_WAIT, _TIMEOUT],
    }


def _submission() -> dict[str, Any]:
    text = (
        "One SD-JWT: the signed record and the disclosures of its private fields. The node puts "
        "the record on the chain and keeps the disclosures, encrypted. 201: recorded, with its "
        "receipt. 202: on disk, ask again at Location. 422: a rule refuses it. 409: the issuer "
        "used the same event id (jti) for other bytes. 503: try again with the same bytes."
    )
    location = {"Location": {"description": "Where to ask again", "schema": {"type": "string"}}}
    body = {
        media_type: {"schema": {"type": "string"}, "example": SUBMISSION}
        for media_type in ("application/sd-jwt", "text/plain")
    }
    return {
        **_operation("post_submission", "Submit a record 提交一条记录", text),
        "requestBody": {"required": True, "content": body},
        "responses": {
            "201": {"description": "Recorded", "headers": location, "content": _ref("Receipt")},
            "202": {"description": "Pending", "headers": location, "content": _ref("Pending")},
            **_strings(problems(400, 408, 409, 413, 415, 422)),
        },
    }


def _batch() -> dict[str, Any]:
    text = (
        'NDJSON: each line a JSON string with an SD-JWT, or {"submission": <SD-JWT>}. For each '
        "line that is not empty, in order, a line comes back: what a single submission would be "
        "answered, with `line` (from 1) and `status_code`. Both are streamed: read while you send. "
        "A line that is wrong or too long spoils only itself; a request that breaks off ends with "
        "`line` 0."
    )
    line = f'"{SUBMISSION}"\n'
    schema = {"type": "string"}
    return {
        **_operation("post_batch", "Submit many records 批量提交", text),
        "requestBody": {
            "required": True,
            "content": {"application/x-ndjson": {"schema": schema, "example": line}},
        },
        "responses": {
            "200": {
                "description": "An answer a line",
                "content": {"application/x-ndjson": {"schema": schema}},
            },
            **_strings(problems(400)),
        },
    }


def _strings(responses: dict[int | str, dict[str, Any]]) -> dict[str, Any]:
    return {str(status): content for status, content in responses.items()}
