"""Imprints: the picture that is on record, and nothing that a picture may not do."""

from __future__ import annotations

import hashlib
import struct
import zlib

import pytest
from builders.certified import PICTURE

from node.evidence.certificates.imprints import show_imprint
from node.evidence.certificates.wording import Wording
from node.evidence.imprints.imprint import draw_imprint

ZH = Wording("zh")


def shown(picture: bytes) -> dict[str, str]:
    digest = hashlib.sha256(picture).hexdigest()
    return show_imprint(ZH, {digest: picture}, digest)


def chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width: int, height: int, rows: bytes) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_pictures_of_the_demonstration_are_shown() -> None:
    imprint = draw_imprint("济南示例科技有限公司", "3701020000001")
    assert shown(imprint.svg)["svg"].startswith("<svg")
    assert "data:image/png;base64," in shown(imprint.png)["svg"]


def test_no_hash_no_picture() -> None:
    assert "svg" not in show_imprint(ZH, {"": PICTURE}, None)


@pytest.mark.parametrize(
    "inner",
    [
        '<image href="x.png"/>',
        '<use xlink:href="#a"/>',
        "<text>甲</text>",
        "<script>1</script>",
        '<rect fill="url(#a)"/>',
        "<style>@import 'x'</style>",
        '<rect onclick="x"/>',
        "<foreignObject/>",
        '<rect id="&x;"/>',
        "<svg:image/>",
    ],
)
def test_svg_that_is_more_than_shapes_is_not_shown(inner: str) -> None:
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">{inner}</svg>'
    assert shown(svg.encode()) == {"missing": "印模图像无法安全显示"}


def test_svg_with_a_document_type_is_not_shown() -> None:
    bomb = '<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + PICTURE.decode()
    assert "svg" not in shown(bomb.encode())


def test_whole_png_is_shown_and_a_broken_one_is_not() -> None:
    good = png(2, 2, b"\0\0\0" * 2)
    assert "svg" in shown(good)
    assert "svg" not in shown(good[:-1])
    assert "svg" not in shown(good + b"x")
    assert "svg" not in shown(good[:20] + b"\xff" + good[21:])
    assert "svg" not in shown(png(1 << 20, 1 << 20, b"\0"))
    assert "svg" not in shown(png(0, 2, b"\0"))


@pytest.mark.parametrize("picture", [b"", b"GIF89a", b"\xff\xfe", b"%PDF-1.4", b"x" * (2 << 20)])
def test_other_formats_are_not_shown(picture: bytes) -> None:
    assert shown(picture) == {"missing": "印模图像无法安全显示"}
