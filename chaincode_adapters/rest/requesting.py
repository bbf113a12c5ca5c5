"""From a service file's request and a point to the bytes that go out, and how those are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

from chaincode_adapters.errors import AnchorError, Misconfigured
from chaincode_adapters.rest.exchange import Sent
from chaincode_adapters.rest.placeholders import with_quoted
from chaincode_adapters.rest.service import Request
from node.core.anchors.canonical_string import fill_template, join_parts
from node.core.anchors.sm3 import sm3
from node.core.encoding import canonical_json, decode_canonical_json
from node.core.errors import InvalidInput
from node.core.fields import exact_members, read_each, read_list, read_text

__all__ = ["canonical_string", "decode_sent", "encode_sent", "make_request"]

_MAX_KEPT = 1 << 20


def make_request(
    request: Request,
    values: Mapping[str, str],
    sign: Callable[[str], str],
    place: str,
) -> Sent:
    """Fill in a request; ``sign`` gives the signature over its canonical string.

    Raises:
        Misconfigured: a value makes no header or path, or the key does not fit.
    """
    try:
        return _make(request, values, sign, place)
    except InvalidInput as error:
        raise Misconfigured(f"{place}: {error}") from error


def canonical_string(request: Request, values: Mapping[str, str], place: str) -> str:
    """The text that is signed, where the body is not part of it or is among ``values``."""
    return join_parts(request.sign, request.separator, values, place=f"{place}.sign")


def _make(
    request: Request,
    values: Mapping[str, str],
    sign: Callable[[str], str],
    place: str,
) -> Sent:
    known = with_quoted({**values, "method": request.method})
    known["path"] = _fill_path(request.path, values, place)
    if request.sign:
        signed = with_quoted({**known, **_request_texts(request, known, place)})
        known["signature"] = sign(canonical_string(request, signed, place))
        known["url:signature"] = quote(known["signature"], safe="")
    texts = _request_texts(request, known, place)
    known.update(texts)
    headers = tuple(
        (name, _header_value(fill_template(text, known, place=f"{place}.headers.{name}"), name))
        for name, text in request.headers.items()
    )
    body = texts["body"].encode("utf-8")
    if request.body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers = (("Content-Type", _CONTENT_TYPES[request.body_as]), *headers)
    path = known["path"] + (f"?{texts['query']}" if texts["query"] else "")
    return Sent(request.method, path, headers, body)


_CONTENT_TYPES = {
    "form": "application/x-www-form-urlencoded; charset=utf-8",
    "json": "application/json; charset=utf-8",
}


def _request_texts(request: Request, known: Mapping[str, str], place: str) -> dict[str, str]:
    """``body``, its hashes and ``query``; "" where they need the signature that is not there yet
    (the check of the service file has seen to it that then nothing signed names them)."""
    out = {"body": "", "body_sha256": "", "body_sm3": "", "query": ""}
    if "signature" in known or not _asks_for_signature(request.query):
        query = {
            name: fill_template(text, known, place=f"{place}.query.{name}")
            for name, text in request.query.items()
        }
        out["query"] = urlencode(query, quote_via=quote)
    if request.body is not None and ("signature" in known or not _asks_for_signature(request.body)):
        filled = _fill_body(request.body, known, f"{place}.body")
        if request.body_as == "form":
            out["body"] = urlencode({name: str(value) for name, value in filled.items()})
        else:
            out["body"] = json.dumps(filled, ensure_ascii=False, separators=(",", ":"))
    raw = out["body"].encode("utf-8")
    out["body_sha256"] = hashlib.sha256(raw).hexdigest()
    out["body_sm3"] = sm3(raw).hex()
    return out


def _asks_for_signature(value: Any) -> bool:
    return "{signature}" in json.dumps(value, ensure_ascii=False, default=str)


def _fill_path(path: str, known: Mapping[str, str], place: str) -> str:
    quoted = {name: quote(value, safe="") for name, value in known.items()}
    return fill_template(path, quoted, place=f"{place}.path")


def _fill_body(value: Any, known: Mapping[str, str], place: str) -> Any:
    """A tree of tables and arrays, its text filled in; ``{int:name}`` alone becomes a number."""
    if isinstance(value, str):
        if value.startswith("{int:") and value.count("{") == 1 and value.endswith("}"):
            digits = fill_template(f"{{{value[5:-1]}}}", known, place=place)
            if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
                raise Misconfigured(f"{place}: {value} is no number")
            return int(digits)
        return fill_template(value, known, place=place)
    if isinstance(value, dict):
        return {name: _fill_body(one, known, f"{place}.{name}") for name, one in value.items()}
    if isinstance(value, list):
        return [_fill_body(one, known, f"{place}[{index}]") for index, one in enumerate(value)]
    return value


def _header_value(text: str, name: str) -> str:
    if not text.isascii() or any(not 0x20 <= ord(c) < 0x7F for c in text):
        raise Misconfigured(f"header {name}: its value must be printable ASCII")
    return text


def encode_sent(request: Sent) -> bytes:
    """A request as it is kept until it is sent, and sent again."""
    return canonical_json(
        {
            "body": request.body.decode("utf-8"),
            "headers": [[name, value] for name, value in request.headers],
            "method": request.method,
            "path": request.path,
        }
    )


def decode_sent(data: bytes) -> Sent:
    """The request that `encode_sent` wrote. Raises AnchorError where what was kept is damaged."""
    try:
        value = decode_canonical_json(data, place="kept request", max_bytes=_MAX_KEPT)
        exact_members(value, "kept request", ("body", "headers", "method", "path"))
        headers = read_each(value["headers"], "kept request.headers", _read_header, most=100)
        return Sent(
            read_text(value["method"], "kept request.method", most=10),
            read_text(value["path"], "kept request.path", most=_MAX_KEPT),
            headers,
            read_text(value["body"], "kept request.body", least=0, most=_MAX_KEPT).encode("utf-8"),
        )
    except InvalidInput as error:
        raise AnchorError(str(error)) from error


def _read_header(value: Any, place: str) -> tuple[str, str]:
    name, text = read_list(value, place, least=2, most=2)
    return (
        read_text(name, place, most=64),
        read_text(text, place, least=0, most=_MAX_KEPT),
    )
