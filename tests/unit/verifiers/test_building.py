from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import node
from node.verifiers import building
from node.verifiers.building import (
    HTML_NAME,
    PYZ_NAME,
    build_all,
    build_html,
    hashes,
    html_policy,
    read_modules,
)

ROOT = Path(node.__file__).parents[1]


class Elements(HTMLParser):
    """All start tags with their attributes, and the text within script and style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside = ""
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in self.texts:
            self.texts[self.inside].append(data)


@pytest.fixture(scope="module")
def page() -> str:
    return build_html().decode("utf-8")


def test_page_is_the_same_each_time(page: str) -> None:
    assert build_html().decode("utf-8") == page


def test_policy_allows_this_script_and_style_and_nothing_else(page: str) -> None:
    elements = Elements(page)
    policy = dict(part.split(" ", 1) for part in html_policy(page.encode()).split("; "))
    allowed = {}
    for kind in ("script", "style"):
        text = "".join(elements.texts[kind])
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        allowed[f"{kind}-src"] = f"'sha256-{digest}'"
    none = dict.fromkeys(("default-src", "base-uri", "form-action"), "'none'")
    assert policy == {**none, **allowed}
    assert [tag for tag, _ in elements.tags].count("script") == 1
    metas = [attributes for tag, attributes in elements.tags if tag == "meta"]
    assert metas[1]["http-equiv"] == "Content-Security-Policy"


def test_page_names_no_other_file(page: str) -> None:
    for tag, attributes in Elements(page).tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "base", "a"}
        assert not {"src", "href", "style", "action"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert not re.findall(r"https?://(?!www\.w3\.org/)", page)


def test_sources_stand_in_it_line_by_line(page: str) -> None:
    lines = set(page.splitlines())
    for path, source in read_modules().items():
        if f"// ===== {path} =====" not in lines:
            continue
        body = re.sub(r"^import \{[^}]*\} from .*;$", "", source, flags=re.MULTILINE)
        for line in body.splitlines():
            assert line.removeprefix("export ") in lines, (path, line)


def test_interface_never_writes_html() -> None:
    for path, source in read_modules().items():
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|srcdoc"
            r"|createContextualFragment|\bfetch\(|XMLHttpRequest|WebSocket|localStorage",
            source,
        ), path


def test_files_are_written_with_their_hashes(tmp_path: Path) -> None:
    told = build_all(tmp_path / "made")
    assert set(told) == {HTML_NAME, PYZ_NAME}
    for name, digest in told.items():
        assert hashlib.sha256((tmp_path / "made" / name).read_bytes()).hexdigest() == digest
    assert told == hashes() == build_all(tmp_path / "made")


def test_page_without_one_of_its_places_is_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(Path(building.__file__).parent, tmp_path / "verifiers")
    monkeypatch.setattr(building, "_FOLDER", tmp_path / "verifiers")
    whole = (tmp_path / "verifiers" / "page.html").read_text("utf-8")
    (tmp_path / "verifiers" / "page.html").write_text(whole.replace("@STYLE@", ""), "utf-8")
    with pytest.raises(ValueError, match="@STYLE@"):
        build_html()
    (tmp_path / "verifiers" / "page.html").write_text(whole, "utf-8")
    (tmp_path / "verifiers" / "page.css").write_text("</style><script>", "utf-8")
    with pytest.raises(ValueError, match=r"page\.css"):
        build_html()


def test_published_hashes_are_those_of_the_build() -> None:
    script = [sys.executable, str(ROOT / "scripts" / "renew-verifiers"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_publishing_script_writes_the_hashes(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "scripts" / "renew-verifiers", tmp_path / "scripts")
    text = (ROOT / "docs" / "verify.md").read_text("utf-8")
    document = tmp_path / "docs" / "verify.md"
    document.write_text(re.sub(r"`[0-9a-f]{64}`", f"`{'0' * 64}`", text), "utf-8")
    script = [sys.executable, str(tmp_path / "scripts" / "renew-verifiers")]
    stale = subprocess.run([*script, "--check"], capture_output=True, text=True, check=False)
    assert (stale.returncode, "scripts/renew-verifiers" in stale.stdout) == (1, True)
    assert subprocess.run(script, check=False).returncode == 0
    for name, digest in hashes().items():
        assert f"| `{name}` | `{digest}` |" in document.read_text("utf-8")
