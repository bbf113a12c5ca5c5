"""The rules by which the JavaScript modules can be put together into one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders.javascript import JAVASCRIPT, MODULES

FILES = sorted(MODULES.rglob("*.js"))
NAMES = [path.relative_to(MODULES).as_posix() for path in FILES]
IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.[^"]*)";$', re.MULTILINE)
EXPORT = re.compile(
    r"^export (?:async function\*?|function|const|class) ([A-Za-z_$][\w$]*)", re.MULTILINE
)
LONGEST, LONGEST_FILE = 104, 350
FORBIDDEN = {
    "default export": r"^export default",
    "list of exports": r"^export \{",
    "export of many": r"^export \*",
    "exported variable that may change": r"^export (let|var)",
    "import of everything": r"^import \*",
    "import for its effect": r'^import "',
    "dynamic import": r"(?<![\w.])import\(",
    "code from text": r"(?<![\w.])(eval|Function)\(",
    "await outside a function": r"^(const .*= )?await ",
    "what only Node has": r"(?<![\w.\"])(require|process|Buffer|module\.exports)\b",
    "what only a page has": r"(?<![\w.\"])(window|document|localStorage|navigator)\.",
    "network": r"(?<![\w.\"])(fetch\(|XMLHttpRequest|WebSocket|importScripts)",
    "chance or time of day": r"Math\.random|getRandomValues|Date\.now|new Date\(",
}


def code(path: Path) -> str:
    """A module without its comments: what they say is free."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)


def core() -> list[Path]:
    """All modules but those of the page, which may use the page."""
    return [path for path in FILES if path.relative_to(MODULES).parts[0] != "ui"]


def test_there_are_modules() -> None:
    assert "verify.js" in NAMES
    assert len(NAMES) > 20


@pytest.mark.parametrize("name", NAMES)
def test_imports_are_named_relative_and_of_exported_names(name: str) -> None:
    path = MODULES / name
    text = code(path)
    found = IMPORT.findall(text)
    assert len(found) == len(re.findall(r"^import\b", text, re.MULTILINE))
    imported = [item.strip() for names, _ in found for item in names.split(",") if item.strip()]
    assert len(set(imported)) == len(imported)
    for names, source in found:
        target = (path.parent / source).resolve()
        assert target in FILES, source
        wanted = {item.strip() for item in names.split(",") if item.strip()}
        assert wanted
        assert wanted <= set(EXPORT.findall(code(target))), source


@pytest.mark.parametrize("name", NAMES)
def test_every_import_is_used(name: str) -> None:
    text = code(MODULES / name)
    body = IMPORT.sub("", text)
    for names, _ in IMPORT.findall(text):
        for item in filter(None, map(str.strip, names.split(","))):
            assert re.search(rf"(?<![\w$]){re.escape(item)}(?![\w$])", body), item


@pytest.mark.parametrize("path", core(), ids=lambda path: path.relative_to(MODULES).as_posix())
def test_nothing_is_used_that_a_page_without_network_or_node_lacks(path: Path) -> None:
    text = code(path)
    for what, pattern in FORBIDDEN.items():
        assert not re.search(pattern, text, re.MULTILINE), what
    exports = re.findall(r"^export\b", text, re.MULTILINE)
    assert len(EXPORT.findall(text)) == len(exports)


@pytest.mark.parametrize("path", core(), ids=lambda path: path.relative_to(MODULES).as_posix())
def test_modules_are_short_and_say_what_they_are(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith("/**")
    assert len(text.splitlines()) <= LONGEST_FILE
    assert max(map(len, text.splitlines())) <= LONGEST
    assert "\t" not in text
    for found in re.finditer(r"^export [^\n]*", text, re.MULTILINE):
        before = text[: found.start()].rstrip()
        documented = before.endswith("*/") or re.search(r"^export const .*;$", before, re.MULTILINE)
        assert documented, found.group()


def test_no_module_imports_itself_by_a_detour() -> None:
    edges = {
        path: [(path.parent / source).resolve() for _, source in IMPORT.findall(code(path))]
        for path in FILES
    }
    done: set[Path] = set()

    def visit(path: Path, way: tuple[Path, ...]) -> None:
        assert path not in way, [item.name for item in (*way, path)]
        if path not in done:
            for target in edges[path]:
                visit(target, (*way, path))
            done.add(path)

    for path in FILES:
        visit(path, ())


def test_every_module_loads_alone() -> None:
    names = [path.relative_to(MODULES).as_posix() for path in core()]
    loaded = JAVASCRIPT.call_each((name, "nothing", []) for name in names)
    wrong = {name: str(error) for name, error in zip(names, loaded) if error.name != "TypeError"}
    assert not wrong
