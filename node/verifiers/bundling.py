"""Puts the JavaScript modules of the verifier into one script, as readable as they were.

Every module stands in a function of its own, in its own words, in the order in which they need one
another; its ``import`` lines become ``const { … } = …`` lines and its exports one ``return``.
Nothing else is changed and nothing is left out: whoever knows the modules knows the script. What a
bundler could be tricked with is refused instead of understood (ADR 0046).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["ModuleRefused", "join_modules"]

_IDENTIFIER = r"[A-Za-z_$][A-Za-z0-9_$]*"
_NAMES = rf"(?:{_IDENTIFIER},\s*)*{_IDENTIFIER},?\s*"
_IMPORT = re.compile(
    rf'^import \{{\s*({_NAMES})\}} from "(\.{{1,2}}/[a-z0-9_./-]+)";', re.MULTILINE
)
_EXPORT = re.compile(
    rf"^export (?=(?:async function|function\*?|const|class) ({_IDENTIFIER})\b)", re.MULTILINE
)
_STATEMENT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_FORBIDDEN = (
    (re.compile(r"\bimport\s*\("), "has a dynamic import"),
    (re.compile(r"\bimport\.meta\b"), "uses import.meta"),
    (re.compile(r"\beval\s*\("), "calls eval"),
    (re.compile(r"\bnew\s+Function\b"), "makes a function of text"),
    (re.compile(r"^await\b|^for await\b", re.MULTILINE), "awaits at the top level"),
    (re.compile(r"</script|<!--|<script", re.IGNORECASE), "holds what HTML would obey"),
    (
        re.compile(r"[\0\t\v\f\r\xa0\u2028\u2029\ufeff]"),
        "has white space other than blanks and \\n",
    ),
)


class ModuleRefused(ValueError):
    """A module is not of the form that can be joined. Says which, and why."""

    def __init__(self, module: str, reason: str) -> None:
        super().__init__(f"{module}: {reason}")


@dataclass(frozen=True)
class _Module:
    """A module: its path, whose names it imports from where, what it exports, its joined text."""

    path: str
    imports: tuple[tuple[str, tuple[str, ...]], ...]
    exports: tuple[str, ...]
    body: str


def join_modules(sources: Mapping[str, str], entry: str) -> str:
    """One strict script that runs module ``entry`` and all that it needs.

    Args:
        sources: every module's text by its path, such as ``ui/main.js``.
        entry: the path of the first one; it exports nothing that is used.

    Raises:
        ModuleRefused: a module breaks a rule of docs/development.md, imports what is not there, or
            modules import each other in a circle.
    """
    modules = {path: _read(path, text) for path, text in sources.items()}
    order = _in_order(modules, entry)
    for path in order:
        _check_names(modules[path], modules)
    parts = ['"use strict";', *(_wrapped(modules[path]) for path in order)]
    return "\n\n".join(parts) + "\n"


def _read(path: str, text: str) -> _Module:
    """Take a module apart."""
    for pattern, reason in _FORBIDDEN:
        found = pattern.search(text)
        if found is not None:
            raise ModuleRefused(path, f"line {_line(text, found.start())} {reason}")
    imports = [
        (_resolved(path, found[2]), tuple(re.findall(_IDENTIFIER, found[1])))
        for found in _IMPORT.finditer(text)
    ]
    body = _IMPORT.sub(lambda found: _taken(path, found), text)
    exports = tuple(found[1] for found in _EXPORT.finditer(body))
    body = _EXPORT.sub("", body)
    left = _STATEMENT.search(body)
    if left is not None:
        raise ModuleRefused(path, f"cannot be joined with this line in it: {left[0]}")
    return _Module(path, tuple(imports), exports, body)


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _resolved(path: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def _taken(path: str, found: re.Match[str]) -> str:
    """What stands for an import in the joined script."""
    names = ", ".join(re.findall(_IDENTIFIER, found[1]))
    return f"const {{ {names} }} = {_name(_resolved(path, found[2]))};"


def _name(path: str) -> str:
    """A module's name in the script: ``crypto/sha256.js`` is ``module_crypto_sha256``."""
    return "module_" + re.sub(r"[^A-Za-z0-9]", "_", path[: -len(".js")])


def _in_order(modules: Mapping[str, _Module], entry: str) -> list[str]:
    """``entry`` last, before it whatever it needs, each once; siblings in order of their names."""
    order: list[str] = []
    _place(modules, entry, (), order)
    names = {_name(path) for path in order}
    if len(names) != len(order):
        raise ModuleRefused(entry, "needs two modules whose paths differ in signs alone")
    return order


def _place(
    modules: Mapping[str, _Module], path: str, above: tuple[str, ...], order: list[str]
) -> None:
    if path in above:
        raise ModuleRefused(path, "imports itself by way of " + ", ".join(above))
    if path in order:
        return
    if path not in modules:
        raise ModuleRefused(above[-1] if above else path, f"asks for {path}, which is not there")
    for target in sorted({target for target, _ in modules[path].imports}):
        _place(modules, target, (*above, path), order)
    order.append(path)


def _check_names(module: _Module, modules: Mapping[str, _Module]) -> None:
    """Every imported name is exported where it is asked for, and none is asked for twice."""
    seen: set[str] = set()
    for target, names in module.imports:
        for name in names:
            if name not in modules[target].exports:
                raise ModuleRefused(module.path, f"{target} exports no {name}")
            if name in seen:
                raise ModuleRefused(module.path, f"imports {name} twice")
            seen.add(name)


def _wrapped(module: _Module) -> str:
    """The module as a function that is called once."""
    lines = [
        f"// ===== {module.path} =====",
        f"const {_name(module.path)} = (() => {{",
        module.body.strip("\n"),
    ]
    if module.exports:
        lines.append(f"return {{ {', '.join(_sorted(module.exports))} }};")
    return "\n".join([*lines, "})();"])


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(names)
