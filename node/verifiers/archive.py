"""`evidence-verify.pyz`: the offline verifier as one file for a bare Python 3.8 or later.

A zip application (PEP 441) of this project's own sources as they are, those modules that the
command needs and no others, with the pure-Python `ecdsa` and `six`, and the licences of all
three. Nothing is compressed and nothing is dated: the bytes follow from the sources alone, whatever
Python or zlib packs them, so that a hash can be published and found again.
"""

from __future__ import annotations

import ast
import importlib.util
import io
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

__all__ = ["ARCHIVE_ENTRY", "build_pyz"]

ARCHIVE_ENTRY = "node.cli.verify_alone"
"""The module whose ``main`` the archive runs."""

_LIBRARIES = ("ecdsa", "six")
_FIRST_MOMENT = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip file can say
_REGULAR_FILE = 0o100644
_MAIN = f'''\
"""Runs the verifier: python3 evidence-verify.pyz BUNDLE --trust TRUST."""

import sys

if sys.version_info < (3, 8):
    sys.exit("evidence-verify needs Python 3.8 or later; this is %d.%d" % sys.version_info[:2])

# `ecdsa` would take these compiled libraries where they happen to be installed: what checks
# evidence here is what stands in this file.
sys.modules["gmpy2"] = sys.modules["gmpy"] = None

from {ARCHIVE_ENTRY} import main

sys.exit(main())
'''


def build_pyz() -> bytes:
    """The archive. Equal sources and versions of `ecdsa` and `six` give equal bytes.

    Raises:
        FileNotFoundError: a source or a licence is missing from the installation.
    """
    content = io.BytesIO()
    content.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, file in sorted(_files().items()):
            member = zipfile.ZipInfo(name, _FIRST_MOMENT)
            member.create_system = 3  # Unix, wherever it is built
            member.external_attr = _REGULAR_FILE << 16
            archive.writestr(member, file)
    return content.getvalue()


def _files() -> dict[str, bytes]:
    """Every file of the archive, by its name."""
    files = {"__main__.py": _MAIN.encode("ascii")}
    for module in _needed(ARCHIVE_ENTRY):
        files.update(_with_packages(module))
    for library in _LIBRARIES:
        files.update(_library(library))
    files["LICENSE"] = _licence("evidence-ledger-node")
    return files


def _needed(entry: str) -> set[str]:
    """``entry`` and every module of this project that it imports, however far away."""
    found: set[str] = set()
    queue = [entry]
    while queue:
        module = queue.pop()
        if module not in found:
            found.add(module)
            queue += _imported(ast.parse(_source_of(module).read_bytes()))
    return found


def _imported(tree: ast.Module) -> Iterator[str]:
    """The project's modules that a source imports when it runs, also inside functions."""
    for part in _running(tree):
        if isinstance(part, ast.Import):
            yield from (alias.name for alias in part.names if _is_own(alias.name))
        elif isinstance(part, ast.ImportFrom) and part.module and _is_own(part.module):
            inside = [f"{part.module}.{alias.name}" for alias in part.names]
            modules = [name for name in inside if _source_of(name).is_file()]
            yield from modules or [part.module]


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """All parts of a source but what stands under ``if TYPE_CHECKING``."""
    for part in ast.iter_child_nodes(tree):
        if isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING":
            continue
        yield part
        yield from _running(part)


def _is_own(module: str) -> bool:
    return module.split(".")[0] == "node"


def _root() -> Path:
    return Path(__file__).parents[2]


def _source_of(module: str) -> Path:
    path = _root().joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _with_packages(module: str) -> dict[str, bytes]:
    """The source of a module and those of the packages that it stands in."""
    parts = module.split(".")
    names = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    paths = [_source_of(name) for name in names]
    return {path.relative_to(_root()).as_posix(): path.read_bytes() for path in paths}


def _library(name: str) -> dict[str, bytes]:
    """The sources of an installed pure-Python library without its tests, and its licence."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"the package {name} is not installed")
    origin = Path(found.origin)
    files = {f"LICENSE-{name}": _licence(name)}
    if origin.name != "__init__.py":
        return {**files, origin.name: origin.read_bytes()}
    sources = (path for path in origin.parent.glob("*.py") if not path.name.startswith("test_"))
    return {**files, **{f"{name}/{path.name}": path.read_bytes() for path in sources}}


def _licence(distribution: str) -> bytes:
    # what building left in a checkout is found as a distribution too, without its licence
    for found in metadata.distributions(name=distribution):
        for file in found.files or ():
            if file.name == "LICENSE" and Path(str(file.locate())).exists():
                return Path(str(file.locate())).read_bytes()
    raise FileNotFoundError(f"the licence of {distribution} is not installed")
