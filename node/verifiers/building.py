"""The verifiers that run anywhere, built from their sources: one HTML file, one Python file.

Both follow from the sources alone, byte for byte, so that their SHA-256 can be published
(docs/verify.md) and anybody can build them again and compare.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from node import __version__
from node.verifiers.archive import build_pyz
from node.verifiers.bundling import join_modules

__all__ = [
    "HTML_NAME",
    "PYZ_NAME",
    "assemble_html",
    "build_all",
    "build_html",
    "hashes",
    "html_policy",
    "read_modules",
    "verifier_files",
]

HTML_NAME = "evidence-verify.html"
PYZ_NAME = "evidence-verify.pyz"
_FOLDER = Path(__file__).parent
_ENTRY = "ui/main.js"
_PLACES = ("@POLICY@", "@VERSION@", "@STYLE@", "@SCRIPT@")


def build_html() -> bytes:
    """The HTML file: page.html with page.css and the modules of js/ in it.

    Raises:
        ModuleRefused: a module cannot be joined.
        ValueError: page.html does not have each of its places once, or the style could end early.
    """
    return assemble_html(read_modules())


def read_modules() -> dict[str, str]:
    """The JavaScript modules, by their paths below js/."""
    folder = _FOLDER / "js"
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*.js"))
    }


def assemble_html(modules: Mapping[str, str]) -> bytes:
    """The page with these modules, of which ``ui/main.js`` runs; raises what `build_html` does.

    Its content security policy allows this very script and this very style, by their hashes, and
    nothing else: no connection, no form, no frame, no image.
    """
    script = "\n" + join_modules(modules, _ENTRY)
    style = "\n" + (_FOLDER / "page.css").read_text("utf-8")
    if "</" in style or "@import" in style or "url(" in style:
        raise ValueError("page.css: must not end its element or name another file")
    policy = f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
    policy += "base-uri 'none'; form-action 'none'"
    page = (_FOLDER / "page.html").read_text("utf-8")
    values = dict(zip(_PLACES, (policy, __version__, style, script)))
    return _filled(page, values).encode("utf-8")


def html_policy(page: bytes) -> str:
    """The content security policy that a built page names; a server says the same."""
    return page.partition(b'-Policy" content="')[2].partition(b'"')[0].decode("ascii")


def _source(text: str) -> str:
    """The hash by which a policy allows an inline element (CSP Level 3 §2.3.1)."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def _filled(page: str, values: dict[str, str]) -> str:
    """``page`` with each place replaced; what is put in is not searched for places again."""
    parts = []
    for place, value in values.items():
        if page.count(place) != 1:
            raise ValueError(f"page.html: must have {place} once, in the order of {_PLACES}")
        before, page = page.split(place)
        parts += [before, value]
    return "".join([*parts, page])


@lru_cache(maxsize=1)
def verifier_files() -> dict[str, bytes]:
    """Both files by their names, built once a process. Raises what the builds do."""
    return {HTML_NAME: build_html(), PYZ_NAME: build_pyz()}


def hashes() -> dict[str, str]:
    """SHA-256 (hex) of each file, by its name."""
    return {name: hashlib.sha256(file).hexdigest() for name, file in verifier_files().items()}


def build_all(directory: Path) -> dict[str, str]:
    """Write both files into ``directory``, which is made; files of these names are replaced.

    Returns:
        Their SHA-256 (hex), by their names.

    Raises:
        OSError: they cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for name, file in verifier_files().items():
        (directory / name).write_bytes(file)
    return hashes()
