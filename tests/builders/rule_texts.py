"""The rules that both verifiers raise, read out of their sources: English with its Chinese."""

from __future__ import annotations

import ast
import importlib
import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.javascript import MODULES

from node.verifiers.archive import build_pyz

__all__ = ["HOLE", "Raised", "bare", "raised_in_javascript", "raised_in_python", "said_in_python"]

HOLE = "\0"
"""What stands for a value in a text; `bare` puts it there."""

_RAISED = {
    "InvalidBundle",
    "InvalidEncoding",
    "InvalidInput",
    "InvalidProof",
    "InvalidSignature",
    "InvalidTransaction",
}
_RULE_AT = {**dict.fromkeys(_RAISED, 1), "fail": 0, "read_match": 3}
_STRING = r'"(?:[^"\\]|\\.)*"|`(?:[^`\\$]|\\.|\$(?!\{)|\$\{(?:[^{}]|\{[^{}]*\})*\})*`'
_TEXT = rf"(?:{_STRING})(?:\s*\+\s*(?:{_STRING}))*"
_PAIR = re.compile(rf"({_TEXT})\s*,\s*({_TEXT})")


@dataclass(frozen=True)
class Raised:
    """A rule with its holes, where it is raised, and the Chinese that is given there, if any."""

    where: str
    rule: str
    chinese: str


def bare(text: str) -> str:
    """A text of either source with each of its values as `HOLE`."""
    return re.sub(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", HOLE, text)


def raised_in_python() -> list[Raised]:
    """The rules written out in the modules of core that the verifier needs, constants filled in."""
    return [one for name in _modules() for one in _of_module(name)]


def said_in_python() -> set[str]:
    """All that is written in Chinese in those modules, the tables of rules left out."""
    names = [name for name in _modules() if ".chinese." not in name]
    said = {_template(part, None) for name in names for part in ast.walk(_tree(name))}
    return {text for text in said if text is not None and not text.isascii()}


def _modules() -> list[str]:
    names = zipfile.ZipFile(io.BytesIO(build_pyz())).namelist()
    paths = [name for name in names if name.startswith("node/core/") and "__init__" not in name]
    return [path[: -len(".py")].replace("/", ".") for path in paths]


def _tree(name: str) -> ast.Module:
    file = importlib.import_module(name).__file__
    assert file is not None
    return ast.parse(Path(file).read_text("utf-8"))


def _of_module(name: str) -> Iterator[Raised]:
    module = importlib.import_module(name)
    for part in ast.walk(_tree(name)):
        if isinstance(part, ast.Call):
            called = getattr(part.func, "id", None) or getattr(part.func, "attr", "")
            at = _RULE_AT.get(called, len(part.args))
            if at < len(part.args):
                rule = _template(part.args[at], module)
                given = part.args[at + 1] if len(part.args) > at + 1 else None
                if rule is not None:
                    where = f"{name}:{part.lineno}"
                    yield Raised(where, rule, "" if given is None else _given(given, module))


def _given(node: ast.expr, module: Any) -> str:
    return _template(node, module) or HOLE


def _template(node: ast.AST, module: Any) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else _value(part, module)
            for part in node.values
        )
    return None


def _value(part: ast.expr, module: Any) -> str:
    assert isinstance(part, ast.FormattedValue)
    constant = isinstance(part.value, ast.Name) and getattr(module, part.value.id, None)
    return str(constant) if isinstance(constant, (str, int)) and constant else HOLE


def raised_in_javascript() -> list[Raised]:
    """Each pair of an English and a Chinese text in the modules, values as ``${…}``: rules, and
    what else is said in both languages."""
    found = []
    for path in sorted(MODULES.rglob("*.js")):
        for match in _PAIR.finditer(path.read_text("utf-8")):
            english, chinese = _joined(match[1]), _joined(match[2])
            if english.isascii() and not chinese.isascii():
                found.append(Raised(path.name, english, chinese))
    return found


def _joined(text: str) -> str:
    return "".join(
        re.sub(r"\\(.)", r"\1", item[1:-1]) for item in re.findall(_STRING, text, re.DOTALL)
    )
