"""The imprint of a round company seal (公章), drawn as vectors.

A ring, a five-pointed star in its middle, the owner's name along the upper arc from left to right,
and the seal's code of 13 or 14 digits along the lower arc. Every character is an outline, so that
the picture is the same wherever it is shown. All measures are millimetres of a seal 40 mm across,
the origin in its middle and y downwards; ``size_mm`` scales the whole.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from node.core.errors import InvalidInput
from node.evidence.imprints.typeface import serif
from node.evidence.imprints.typesetting import template_source, typeset_pdf, typeset_png

__all__ = ["Imprint", "draw_imprint"]

_RED = "#d7000f"
_RING_WIDTH = 1.2
_RING_RADIUS = 20 - _RING_WIDTH / 2
_STAR_RADIUS = 7.0
_NAME_OUTER_RADIUS = 18.0  # where the heads of the name's characters end
_NAME_WIDEST_ARC = 248.0  # degrees, from the first character's middle to the last one's
_NAME_WIDEST_PITCH = 32.0  # degrees between two characters of a short name
_NAME_FILL = 0.9  # how much of its pitch a character may take before it is condensed
_STROKE = 22  # font units that a seal's lettering is bolder than print
_CODE_RADIUS = 18.0  # where the feet of the digits stand
_CODE_HEIGHT = 2.4  # em of the digits
_CODE_PITCH = 1.45  # along the arc
_CAPTION_HEIGHT = 3.6
_CAPTION_WIDTH = 17.0
_CAPTION_MIDDLE = 11.0  # below the seal's middle
_NAME_LENGTHS = range(4, 31)
_CAPTION_LENGTHS = range(9)
_SIZES_MM = range(20, 81)
_TEMPLATE = "imprint.typ"


@dataclass(frozen=True)
class Imprint:
    """A seal's picture: ``svg`` as drawn, ``pdf`` and ``png`` made of it (300 pixels an inch).

    The PDF has one page of ``size_mm`` × ``size_mm`` and a transparent ground, as the PNG has.
    """

    name: str
    code: str
    size_mm: int
    svg: bytes
    pdf: bytes
    png: bytes

    @property
    def svg_sha256(self) -> str:
        """SHA-256 of the SVG file, lower-case hex."""
        return hashlib.sha256(self.svg).hexdigest()

    @property
    def pdf_sha256(self) -> str:
        """SHA-256 of the PDF file, lower-case hex."""
        return hashlib.sha256(self.pdf).hexdigest()

    @property
    def png_sha256(self) -> str:
        """SHA-256 of the PNG file, lower-case hex."""
        return hashlib.sha256(self.png).hexdigest()


def draw_imprint(name: str, code: str, *, caption: str = "", size_mm: int = 40) -> Imprint:
    """Draw the imprint of the seal ``code`` of the organisation ``name``.

    ``name`` has 4 to 30 characters and no white space, ``code`` 13 or 14 digits, ``caption`` (such
    as 合同专用章) up to 8 characters and stands below the star. ``size_mm`` is the diameter, 20 to
    80. The same arguments give the same bytes.

    Raises:
        InvalidInput: an argument outside these limits, or a character that has no glyph.
    """
    _check_arguments(name, code, caption, size_mm)
    svg = _svg(name, code, caption, size_mm).encode()
    inputs = {"svg": svg.decode(), "size_mm": str(size_mm), "title": f"{name}{caption} {code}"}
    template = template_source("node.evidence.imprints", _TEMPLATE)
    pdf = typeset_pdf(template, inputs)
    png = typeset_png(template, inputs)
    return Imprint(name, code, size_mm, svg, pdf, png)


def _check_arguments(name: str, code: str, caption: str, size_mm: int) -> None:
    for place, text, lengths in (
        ("name", name, _NAME_LENGTHS),
        ("caption", caption, _CAPTION_LENGTHS),
    ):
        if len(text) not in lengths:
            raise InvalidInput(place, f"must have {lengths[0]} to {lengths[-1]} characters")
        if any(character.isspace() for character in text):
            raise InvalidInput(place, "must hold no white space")
        serif().require_glyphs(text, place=place)
    if not re.fullmatch(r"[0-9]{13,14}", code):
        raise InvalidInput("code", "must be 13 or 14 digits")
    if size_mm not in _SIZES_MM:
        raise InvalidInput("size_mm", f"must be {_SIZES_MM[0]} to {_SIZES_MM[-1]}")


def _svg(name: str, code: str, caption: str, size_mm: int) -> str:
    title = escape(f"{name}{caption} {code}")
    lettering = [*_name_on_arc(name), *_caption_on_line(caption), *_code_on_arc(code)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size_mm}mm" height="{size_mm}mm" '
        f'viewBox="-20 -20 40 40" role="img">\n<title>{title}</title>\n'
        f'<circle r="{_number(_RING_RADIUS)}" fill="none" stroke="{_RED}" '
        f'stroke-width="{_number(_RING_WIDTH)}"/>\n'
        f'<path fill="{_RED}" d="{_star(_STAR_RADIUS)}"/>\n'
        f'<g fill="{_RED}" stroke="{_RED}" stroke-width="{_STROKE}">\n'
        + "\n".join(lettering)
        + "\n</g>\n</svg>\n"
    )


def _star(radius: float) -> str:
    """A five-pointed star, one point upwards, as an SVG path."""
    inner = radius * math.sin(math.radians(18)) / math.sin(math.radians(54))
    corners = []
    for corner in range(10):
        angle = math.radians(36 * corner)
        length = inner if corner % 2 else radius
        corners.append(f"{_number(length * math.sin(angle))} {_number(-length * math.cos(angle))}")
    return "M" + "L".join(corners) + "Z"


def _name_on_arc(name: str) -> list[str]:
    """The name's characters, feet towards the middle, spread evenly about the top.

    The longer the name, the lower its characters and, once their pitch is narrower than their em,
    the more condensed: so a seal's engraver sets a long name.
    """
    pitch = min(_NAME_WIDEST_PITCH, _NAME_WIDEST_ARC / (len(name) - 1))
    height = 5.4 - 0.045 * (len(name) - _NAME_LENGTHS[0])
    middle = _NAME_OUTER_RADIUS - height / 2
    room = math.radians(pitch) * middle * _NAME_FILL
    first = -pitch * (len(name) - 1) / 2
    return [
        _glyph(
            character,
            place=f"name[{position}]",
            height=height,
            room=room,
            origin=_on_circle(middle, first + pitch * position),
            turn=first + pitch * position,
        )
        for position, character in enumerate(name)
    ]


def _code_on_arc(code: str) -> list[str]:
    """The code's digits at the bottom, heads towards the middle, read from left to right."""
    middle = _CODE_RADIUS - _CODE_HEIGHT / 2
    pitch = math.degrees(_CODE_PITCH / middle)
    first = pitch * (len(code) - 1) / 2
    shapes = []
    for position, digit in enumerate(code):
        turn = first - pitch * position
        shapes.append(
            _glyph(
                digit,
                place=f"code[{position}]",
                height=_CODE_HEIGHT,
                room=_CODE_PITCH,
                origin=_on_circle(middle, 180 + turn),
                turn=turn,
            )
        )
    return shapes


def _caption_on_line(caption: str) -> list[str]:
    if not caption:
        return []
    pitch = min(_CAPTION_HEIGHT * 1.15, _CAPTION_WIDTH / len(caption))
    first = -pitch * (len(caption) - 1) / 2
    return [
        _glyph(
            character,
            place=f"caption[{position}]",
            height=_CAPTION_HEIGHT,
            room=pitch * _NAME_FILL,
            origin=(first + pitch * position, _CAPTION_MIDDLE),
            turn=0,
        )
        for position, character in enumerate(caption)
    ]


def _on_circle(radius: float, degrees: float) -> tuple[float, float]:
    """The point at ``degrees`` clockwise from the top."""
    angle = math.radians(degrees)
    return radius * math.sin(angle), -radius * math.cos(angle)


def _glyph(
    character: str,
    *,
    place: str,
    height: float,
    room: float,
    origin: tuple[float, float],
    turn: float,
) -> str:
    """One character whose em box of ``height`` is centred on ``origin`` and turned clockwise.

    It is condensed to ``room`` where it would be wider.
    """
    outline = serif().outline(character, place=place)
    tall = height / (outline.top - outline.bottom)
    wide = min(tall, room / outline.advance)
    sine, cosine = math.sin(math.radians(turn)), math.cos(math.radians(turn))
    # From font units (y upwards) to millimetres (y downwards): centre, scale, flip, turn, move.
    across, down = -wide * outline.advance / 2, tall * (outline.top + outline.bottom) / 2
    matrix: Sequence[float] = (
        wide * cosine,
        wide * sine,
        tall * sine,
        -tall * cosine,
        origin[0] + across * cosine - down * sine,
        origin[1] + across * sine + down * cosine,
    )
    values = " ".join(_number(value) for value in matrix)
    return f'<path transform="matrix({values})" d="{outline.path}"/>'


def _number(value: float) -> str:
    """Six decimals without trailing zeros: finer than any printer, coarser than any rounding."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
