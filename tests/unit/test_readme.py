"""README, SECURITY and the documents they lead to say nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders.readme import GAP, Step, Transcript, mismatch, read_blocks, renewed

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "README.zh-CN.md")
DOCUMENTS = (
    *READMES,
    "CHANGELOG.md",
    "SECURITY.md",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").glob("*.md"))),
)


def text_of(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def anchors(text: str) -> set[str]:
    """The names under which a document's headings are reached, as code hosts make them."""
    without_code = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    without_code = re.sub(r"^```.*?^```$", "", text_of(name), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        document = (ROOT / name).parent / path if path else ROOT / name
        assert document.exists(), target
        if anchor and document.suffix == ".md":
            assert anchor in anchors(document.read_text("utf-8")), target


def test_both_languages_show_the_same_session() -> None:
    english, chinese = (read_blocks(text_of(name)) for name in READMES)
    assert english == chinese
    assert [step.command for step in english[0]] == ["make demo"]


@pytest.mark.parametrize("name", READMES)
def test_every_folder_has_its_place_on_the_map(name: str) -> None:
    described = set(re.findall(r"`([a-z_/]+/)`", text_of(name)))
    parts = [path for path in (ROOT / "node").iterdir() if (path / "__init__.py").exists()]
    assert {f"node/{path.name}/" for path in parts} <= described
    top = {"chaincode_adapters/", "config/", "contracts/", "docs/", "requirements/", "scripts/"}
    assert top | {"tests/"} <= described
    for folder in described:
        if folder != "out/":
            assert (ROOT / folder).is_dir(), folder


@pytest.mark.parametrize("name", [*READMES, "SECURITY.md", "docs/development.md"])
def test_files_and_targets_that_are_named_exist(name: str) -> None:
    text = text_of(name)
    for path in re.findall(r"`((?:node|tests|scripts|config|docs)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    assert set(re.findall(r"`(?:DEMO_SERVE=0 )?make ([a-z]+)", text)) <= targets


def test_tests_that_the_threat_model_names_exist() -> None:
    named = set(re.findall(r"`(test_\w+)`", text_of("SECURITY.md")))
    tests = [path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    defined = {name for text in tests for name in re.findall(r"^def (test_\w+)", text, re.M)}
    modules = {path.stem for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(named) > 10
    assert named <= defined | modules, named - defined - modules


# -- the comparison itself ------------------------------------------------------------------------

PRINTED = ("CZ0000000000001-1  recorded at height 7", "a", "b", "see CZ0000000000001")


def compared(*lines: str, known: dict[str, str] | None = None) -> str | None:
    return mismatch(Transcript(Step("command", lines), PRINTED, known or {}))


def test_what_varies_may_and_what_was_left_out_may_be_anything() -> None:
    known = {"CZ1111111111111": "CZ0000000000001"}
    first, last = "CZ1111111111111-1  recorded at height 123", "see CZ1111111111111"
    assert compared(first, GAP, last, known=known) is None
    assert compared(first, "a", GAP, known=known) is None
    assert compared(f"CZ1111111111111-1  {GAP} height 8", "a", "b", last, known=known) is None


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("CZ1111111111111-1  recorded at height 7",),
        ("CZ1111111111111-2  recorded at height 7", GAP),
        (GAP, "c"),
        ("a", GAP),
        (GAP, "a", "see CZ1111111111111"),
        (GAP, "see CZ1111111111111", "more"),
    ],
)
def test_what_differs_is_told(lines: tuple[str, ...]) -> None:
    assert compared(*lines, known={"CZ1111111111111": "CZ0000000000001"}) is not None


def test_one_code_does_not_stand_for_two() -> None:
    told = compared(GAP, "see CZ1111111111111", known={"CZ1111111111111": "CZ2222222222222"})
    assert told is not None
    assert "stood for CZ2222222222222 before" in told


def test_a_session_is_renewed_with_what_was_left_out_left_out() -> None:
    text = "Before\n\n```console\n$ show CZ1111111111111\nCZ1111111111111-1  … height 9\n…\n```\n"
    [[step]] = read_blocks(text)
    transcript = Transcript(step, PRINTED, {"CZ1111111111111": "CZ0000000000001"})
    assert renewed(text, [transcript]) == (
        "Before\n\n```console\n$ show CZ0000000000001\nCZ0000000000001-1  … height 7\n…\n```\n"
    )


def test_a_command_goes_on_after_a_backslash_and_within_quotes() -> None:
    text = "```console\n$ one \\\n    --data '{\n  }' --out x\nprinted\n$ two\n```\n"
    assert read_blocks(text) == [
        [Step("one \\\n    --data '{\n  }' --out x", ("printed",)), Step("two", ())]
    ]
