"""The scripts of the few pages that have one: this node's own files, and no others.

The modules of the JavaScript verifier are served as they are, so that a page hashes a file with the
same code that the published verifier has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as ApiPath
from starlette.responses import Response

from node import verifiers
from node.api.convertors import rest
from node.api.description import content_of
from node.api.problems import Problem
from node.api.responses import bytes_answer

__all__ = ["routes"]

routes = APIRouter(tags=["pages"])

_OWN = Path(__file__).parent / "web" / "static"
_VERIFIER = Path(verifiers.__file__).parent / "js"
_HEADERS = {"Cache-Control": "no-cache"}


def _read() -> Mapping[str, bytes]:
    files = {path.name: path.read_bytes() for path in _OWN.glob("*.js")}
    for path in _VERIFIER.rglob("*.js"):
        files[f"verifiers/{path.relative_to(_VERIFIER).as_posix()}"] = path.read_bytes()
    return MappingProxyType(files)


_FILES = _read()


@routes.get(
    f"/static/{rest('name')}",
    summary="A script of a page 页面脚本",
    response_class=Response,
    responses=content_of("text/javascript", "A module of JavaScript", "string", 404),
)
def get_script(
    name: Annotated[str, ApiPath(description="The script's name", examples=["document.js"])],
) -> Response:
    """One of the scripts that come with the node, by its name."""
    content = _FILES.get(name)
    if content is None:
        raise Problem("not-found", "there is no such script", "没有该脚本文件")
    return bytes_answer(content, "text/javascript; charset=utf-8", _HEADERS)
