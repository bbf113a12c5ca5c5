"""A seal's imprint as the template may set it: the very picture that is on record, and a harmless
one. SVG comes as it is, PNG inside an SVG, since a template takes text."""

from __future__ import annotations

import base64
import hashlib
import re
import struct
import zlib
from collections.abc import Mapping
from typing import Any

from node.evidence.certificates.wording import Wording

__all__ = ["show_imprint"]

_MOST_BYTES = 1 << 20
_MOST_PIXELS = 4 << 20
_PNG = b"\x89PNG\r\n\x1a\n"
_ELEMENT = re.compile(r"<\s*/?\s*([^\s/>]+)")
_ALLOWED = frozenset(
    (
        "svg",
        "title",
        "desc",
        "g",
        "path",
        "circle",
        "ellipse",
        "line",
        "polygon",
        "polyline",
        "rect",
    )
)
"""Shapes alone: nothing that names another file, repeats another part, or is text in a font."""
_FORBIDDEN = re.compile(
    r"<!|<\?(?!xml )|&(?!(?:amp|lt|gt|quot|apos);)|href|url\(|@import|\bon\w+\s*=", re.I
)


def show_imprint(
    words: Wording, pictures: Mapping[str, bytes], picture_hash: str | None
) -> dict[str, Any]:
    """The picture whose SHA-256 is ``picture_hash``, as ``svg``, with ``alt``; or ``missing``, why
    there is none."""
    if picture_hash is None:
        return {
            "missing": words.say(
                "印模图像哈希未载于本证据包", "No hash of an imprint is in this bundle"
            )
        }
    picture = pictures.get(picture_hash)
    if picture is None:
        return {"missing": words.say("印模图像未提供", "Imprint not provided")}
    if hashlib.sha256(picture).hexdigest() != picture_hash:
        return {
            "missing": words.say("所提供的图像与哈希不符", "The picture given has another hash")
        }
    svg = _as_svg(picture)
    if svg is None:
        return {"missing": words.say("印模图像无法安全显示", "The picture cannot be shown safely")}
    return {"svg": svg, "alt": words.say("印模图像", "Imprint of the seal")}


def _as_svg(picture: bytes) -> str | None:
    """The picture as SVG, None where it is of another format or more than a picture."""
    if len(picture) > _MOST_BYTES:
        return None
    if picture.startswith(_PNG):
        return _wrap_png(picture)
    try:
        text = picture.decode("utf-8")
    except UnicodeDecodeError:
        return None
    elements = {name.lower() for name in _ELEMENT.findall(text) if not name.startswith("?")}
    if "svg" not in elements or not elements <= _ALLOWED or _FORBIDDEN.search(text):
        return None
    return text


def _wrap_png(picture: bytes) -> str | None:
    size = _png_size(picture)
    if size is None:
        return None
    width, height = size
    data = base64.b64encode(picture).decode("ascii")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"><image width="{width}" '
        f'height="{height}" xlink:href="data:image/png;base64,{data}"/></svg>'
    )


def _png_size(picture: bytes) -> tuple[int, int] | None:
    """Width and height of a PNG whose chunks are whole (ISO/IEC 15948 §5) and which is not too
    large, None of any other."""
    offset, size = len(_PNG), None
    while offset + 12 <= len(picture):
        (length,) = struct.unpack_from(">I", picture, offset)
        end = offset + 12 + length
        if end > len(picture):
            return None
        body = picture[offset + 4 : end - 4]
        if zlib.crc32(body) != struct.unpack_from(">I", picture, end - 4)[0]:
            return None
        if size is None:
            if body[:4] != b"IHDR" or length != 13:
                return None
            size = struct.unpack_from(">II", body, 4)
        if body[:4] == b"IEND":
            width, height = size
            return size if end == len(picture) and 0 < width * height <= _MOST_PIXELS else None
        offset = end
    return None
