from __future__ import annotations

import hashlib
import io
import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from node.core.errors import InvalidInput
from node.evidence.imprints.imprint import Imprint, draw_imprint

CODE = "37050045049282"
LONG_NAME = "天津市河西区演示电子印章与可信数据存证技术研究开发服务公司甲"
SVG = "{http://www.w3.org/2000/svg}"
Matrix = tuple[float, float, float, float, float, float]


def lettering(imprint: Imprint) -> list[tuple[Matrix, list[tuple[float, float]]]]:
    """Each character's matrix and the points of its outline on the seal, in millimetres."""
    group = ElementTree.fromstring(imprint.svg).find(f"{SVG}g")
    assert group is not None
    found = []
    for path in group.findall(f"{SVG}path"):
        numbers = re.findall(r"-?[0-9.]+", path.attrib["transform"])
        a, b, c, d, e, f = (float(number) for number in numbers)
        points = [
            (a * x + c * y + e, b * x + d * y + f) for x, y in outline_points(path.attrib["d"])
        ]
        found.append(((a, b, c, d, e, f), points))
    return found


def outline_points(path: str) -> list[tuple[float, float]]:
    """End points of the outline: curves bulge beyond their ends hardly at all in a font."""
    x = y = 0.0
    points = []
    for command, arguments in re.findall(r"([MLHVCZ])([^MLHVCZ]*)", path):
        numbers = [float(number) for number in re.findall(r"-?[0-9.]+", arguments)]
        step = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "Z": 0}[command]
        for start in range(0, len(numbers), step or 1):
            if command == "H":
                x = numbers[start]
            elif command == "V":
                y = numbers[start]
            else:
                x, y = numbers[start + step - 2 : start + step]
            points.append((x, y))
    return points


def middle(points: list[tuple[float, float]]) -> tuple[float, float]:
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def degrees_from_top(point: tuple[float, float]) -> float:
    """Clockwise, -180 to 180."""
    return math.degrees(math.atan2(point[0], -point[1]))


def test_same_arguments_same_bytes() -> None:
    first = draw_imprint("东营演示科技有限公司", CODE)
    assert draw_imprint("东营演示科技有限公司", CODE) == first
    assert draw_imprint("东营演示科技有限公司", CODE[:13]).svg != first.svg
    assert draw_imprint("东营演示科技有限公用", CODE).svg != first.svg


def test_svg_is_well_formed_and_has_one_outline_a_character() -> None:
    imprint = draw_imprint("东营演示科技有限公司", CODE, caption="合同专用章")
    root = ElementTree.fromstring(imprint.svg)
    assert root.tag == f"{SVG}svg"
    assert (root.attrib["width"], root.attrib["height"]) == ("40mm", "40mm")
    assert root.findtext(f"{SVG}title") == f"东营演示科技有限公司合同专用章 {CODE}"
    assert len(lettering(imprint)) == 10 + 5 + 14
    assert not root.findall(f".//{SVG}text"), "a font of the reader's machine would be used"


def test_markup_in_a_name_stays_text() -> None:
    root = ElementTree.fromstring(draw_imprint("演示<&>\"公司'", CODE).svg)
    assert root.findtext(f"{SVG}title") == f"演示<&>\"公司' {CODE}"


def test_name_runs_clockwise_about_the_top_and_its_characters_are_turned() -> None:
    name = "东营演示科技有限公司甲"
    characters = lettering(draw_imprint(name, CODE))[: len(name)]
    turns = [math.degrees(math.atan2(matrix[1], matrix[0])) for matrix, _ in characters]
    assert turns == sorted(turns)
    assert turns[5] == 0
    for (matrix, points), turn in zip(characters, turns):
        # The character's own left-to-right lies along the arc, its foot points to the middle.
        assert abs(degrees_from_top(middle(points)) - turn) < 6
        assert matrix[0] * matrix[3] - matrix[1] * matrix[2] < 0, "not mirrored: y is flipped once"
    assert turns[0] == pytest.approx(-turns[-1])
    assert 90 < turns[-1] <= 124.5


def test_code_reads_from_left_to_right_along_the_bottom_with_its_heads_up() -> None:
    digits = lettering(draw_imprint("演示公司", CODE))[4:]
    places = [middle(points) for _, points in digits]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert all(y > 14 for _, y in places)
    for matrix, _ in digits:
        assert matrix[3] < 0 < matrix[0], "turned by less than a right angle"


@pytest.mark.parametrize("length", range(4, 31))
@pytest.mark.parametrize("caption", ["", "财务专用章一二三"])
def test_nothing_touches_ring_star_or_neighbour(length: int, caption: str) -> None:
    name = LONG_NAME[:length]
    characters = [points for _, points in lettering(draw_imprint(name, CODE, caption=caption))]
    for points in characters:
        distances = [math.hypot(x, y) for x, y in points]
        assert max(distances) < 18.8, "the ring's inner edge"
        assert min(distances) > 7.0, "the star's points"
    spans = [
        (min(angles), max(angles))
        for angles in ([degrees_from_top(point) for point in points] for points in characters)
    ]
    for (_, end), (start, _) in pairwise(spans[:length]):
        assert end < start, "two characters of the name"
    code = characters[length + len(caption) :]
    first_of_code = min(abs(degrees_from_top(point)) for points in code for point in points)
    assert spans[length - 1][1] < first_of_code
    heights = [y for points in characters[length : length + len(caption)] for _, y in points]
    assert all(7.0 < y < 14.8 for y in heights), "between star and code"


def test_long_name_is_condensed_and_a_short_one_is_not() -> None:
    def condensing(name: str) -> float:
        (a, b, c, d, _, _), _ = lettering(draw_imprint(name, CODE))[0]
        return math.hypot(a, b) / math.hypot(c, d)

    assert condensing("演示公司") == pytest.approx(1)
    assert 0.35 < condensing(LONG_NAME[:30]) < condensing(LONG_NAME[:20]) < 1


def test_pdf_and_png_have_the_seals_size() -> None:
    imprint = draw_imprint("演示公司", CODE, size_mm=45)
    reader = PdfFileReader(io.BytesIO(imprint.pdf))
    assert reader.root["/Pages"]["/Count"] == 1
    box = [float(side) for side in reader.root["/Pages"]["/Kids"][0]["/MediaBox"]]
    assert box == pytest.approx([0, 0, 45 / 25.4 * 72, 45 / 25.4 * 72], abs=0.01)
    assert imprint.png.startswith(b"\x89PNG\r\n\x1a\n")
    assert int.from_bytes(imprint.png[16:20], "big") == pytest.approx(45 / 25.4 * 300, abs=1)


def test_hashes_are_those_of_the_files() -> None:
    imprint = draw_imprint("演示公司", CODE)
    for hashed, data in (
        (imprint.svg_sha256, imprint.svg),
        (imprint.pdf_sha256, imprint.pdf),
        (imprint.png_sha256, imprint.png),
    ):
        assert hashed == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"name": "演示厂"}, "name"),
        ({"name": LONG_NAME[:30] + "乙"}, "name"),
        ({"name": "演示 公司"}, "name"),
        ({"name": "演示\u3000公司"}, "name"),
        ({"name": "演示𠮷公司"}, "name[2]"),
        ({"caption": "合同专用章一二三四"}, "caption"),
        ({"caption": "𬎆"}, "caption[0]"),
        ({"code": "370500450492"}, "code"),
        ({"code": "370500450492821"}, "code"),
        ({"code": "３７０５００４５０４９２８２"}, "code"),
        ({"code": CODE + "\n"}, "code"),
        ({"size_mm": 19}, "size_mm"),
        ({"size_mm": 81}, "size_mm"),
    ],
)
def test_arguments_beyond_the_limits_are_refused_with_their_place(
    arguments: dict[str, str | int], place: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        draw_imprint(**({"name": "演示公司", "code": CODE} | arguments))  # type: ignore[arg-type]
    assert caught.value.place == place
