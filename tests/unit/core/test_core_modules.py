"""What the core promises as a whole: public names, purity, and a verifier that needs nothing."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import ecdsa
import pytest
from builders.bundling import bundle_of, trust_of
from builders.cases import SUB, Bundle
from builders.chain import Chain

import node
from node.core.encoding import canonical_json
from node.core.signatures import load_backend
from node.core.verify import verify_bundle

ROOT = Path(node.__file__).parents[1]
CORE = ROOT / "node" / "core"
MODULES = sorted(
    ".".join(path.relative_to(CORE).with_suffix("").parts)
    for path in CORE.rglob("*.py")
    if path.stem != "__init__"
)
SOURCES = sorted(
    path for top in ("node", "chaincode_adapters", "scripts") for path in (ROOT / top).rglob("*.py")
)


def file_of(module: str) -> Path:
    return CORE.joinpath(*module.split(".")).with_suffix(".py")


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


# --- public names ------------------------------------------------------------------------------


def names_defined(tree: ast.Module) -> Iterator[str]:
    for statement in tree.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement.name
        elif isinstance(statement, ast.AnnAssign):
            yield from (n.id for n in ast.walk(statement.target) if isinstance(n, ast.Name))
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))


def in_order(names: list[str]) -> list[str]:
    """Constants, then classes, then the rest, each by name."""
    return sorted(names, key=lambda name: (not name.isupper(), not name[0].isupper(), name))


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_every_public_name_in_order(name: str) -> None:
    module = importlib.import_module(f"node.core.{name}")
    public = {item for item in names_defined(tree_of(file_of(name))) if item[0] != "_"}
    assert set(module.__all__) == public
    assert list(module.__all__) == in_order(list(module.__all__))
    assert len(set(module.__all__)) == len(module.__all__)


@pytest.mark.parametrize("name", MODULES)
def test_no_module_touches_anothers_private_names(name: str) -> None:
    for part in ast.walk(tree_of(file_of(name))):
        if isinstance(part, ast.ImportFrom) and (part.module or "").startswith("node."):
            assert not [alias.name for alias in part.names if alias.name.startswith("_")]


# --- purity ------------------------------------------------------------------------------------

PURE = {
    "__future__",
    "base64",
    "binascii",
    "collections.abc",
    "dataclasses",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "re",
    "typing",
    "unicodedata",
}
ALSO = {
    "chinese.rules": {"string"},
    "frame": {"zstandard"},
    "pdf.filters": {"zlib"},
    "signatures": {"cryptography", "ecdsa"},
    "status_list": {"zlib"},
}
IMPURE_CALLS = {"open", "input", "print", "exec", "eval", "compile", "__import__", "breakpoint"}


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in a source, inside functions too."""
    for part in ast.walk(tree):
        if isinstance(part, ast.Import):
            yield from (alias.name for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            assert part.level == 0, "imports are absolute here"
            yield part.module or ""


@pytest.mark.parametrize("name", MODULES)
def test_core_imports_nothing_impure(name: str) -> None:
    for module in imported(tree_of(file_of(name))):
        if module == "node.core" or module.startswith("node.core."):
            continue
        allowed = module in PURE or module.split(".")[0] in ALSO.get(name, set())
        assert allowed, f"node.core.{name} imports {module}"


@pytest.mark.parametrize("name", MODULES)
def test_core_calls_nothing_impure(name: str) -> None:
    for part in ast.walk(tree_of(file_of(name))):
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Name):
            assert part.func.id not in IMPURE_CALLS


# --- no signing with `ecdsa` ---------------------------------------------------------------------

SIGNING = {
    "PrivateKey",
    "Private_key",
    "SigningKey",
    "from_secret_exponent",
    "generate",
    "privkey",
    "sign",
    "sign_deterministic",
    "sign_digest",
    "sign_digest_deterministic",
    "sign_number",
}


def signs_with_ecdsa(source: str) -> list[str]:
    """What in a source signs, or could sign, with the `ecdsa` package."""
    tree = ast.parse(source)
    names = {name for name in imported(tree) if name.split(".")[0] == "ecdsa"}
    dynamic = [
        part.value for part in ast.walk(tree) if isinstance(part, ast.Constant)
        and isinstance(part.value, str) and part.value.split(".")[0] == "ecdsa"
    ]  # fmt: skip
    if not names and not dynamic:
        return []
    found = []
    for part in ast.walk(tree):
        if isinstance(part, ast.Attribute) and part.attr in SIGNING:
            found.append(part.attr)
        elif isinstance(part, ast.alias) and part.name.split(".")[-1] in {*SIGNING, "*", "keys"}:
            found.append(part.name)
        elif isinstance(part, ast.Constant) and part.value in SIGNING:
            found.append(str(part.value))
        elif isinstance(part, ast.Name) and part.id in ("getattr", "import_module", "__import__"):
            found.append(part.id)
    return found


def test_nothing_signs_with_ecdsa() -> None:
    """Its signing leaks the key by its timing (CVE-2024-23342); here it only verifies."""
    assert len(SOURCES) > 20
    for path in SOURCES:
        assert signs_with_ecdsa(path.read_text(encoding="utf-8")) == [], path


def test_only_the_signature_checks_import_ecdsa() -> None:
    users = [
        path for path in SOURCES if "ecdsa" in {m.split(".")[0] for m in imported(tree_of(path))}
    ]
    assert users == [CORE / "signatures.py"]


@pytest.mark.parametrize(
    "source",
    [
        "import ecdsa\nkey = ecdsa.SigningKey.generate()",
        "from ecdsa import SigningKey",
        "from ecdsa import *",
        "from ecdsa import keys",
        "import ecdsa as e\ndef f(k, m):\n    return k.sign_deterministic(m)",
        "from ecdsa.keys import SigningKey as K",
        "from ecdsa.ecdsa import Private_key",
        "from ecdsa.eddsa import PrivateKey",
        "import ecdsa\ngetattr(ecdsa, name)",
        "import importlib\nimportlib.import_module('ecdsa').keys.SigningKey",
        "m = __import__('ecdsa.keys')",
    ],
)
def test_the_search_for_signing_calls_finds_them(source: str) -> None:
    assert signs_with_ecdsa(source)


def test_checking_a_bundle_with_ecdsa_signs_nothing(
    chain: Chain, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signing(*args: object, **options: object) -> None:
        raise AssertionError("a signing function of ecdsa was called")

    for name in dir(ecdsa.SigningKey):
        if name.startswith(("sign", "from_", "generate")):
            monkeypatch.setattr(ecdsa.SigningKey, name, signing)
    monkeypatch.setattr(ecdsa.ecdsa.Private_key, "sign", signing)
    monkeypatch.setattr(ecdsa.eddsa.PrivateKey, "sign", signing)
    report = verify_bundle(canonical_json(bundle), trust_of(chain), load_backend("ecdsa"))
    assert report.accepted


# --- a verifier that needs nothing ----------------------------------------------------------------

ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
import node.core.verify
print(*sorted({name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)))
print(*sorted(name for name in sys.modules if name.startswith("node.")))
"""
WITH_ECDSA = """
import json, sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "cryptography":
            raise ImportError("cryptography is not on this machine")

sys.meta_path.insert(0, Blocked())
sys.path[:0] = sys.argv[1:3]
from node.core.verify import verify_bundle
with open(sys.argv[3], "rb") as bundle, open(sys.argv[4], "rb") as trust:
    report = verify_bundle(bundle.read(), trust.read())
print(json.dumps([report.backend, report.accepted, [step.status for step in report.steps]]))
"""


def run_alone(program: str, *arguments: object) -> str:
    """Run a program without site-packages, the environment and the user's folder."""
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_verifier_loads_nothing_but_the_standard_library() -> None:
    others, modules = run_alone(ALONE, ROOT).splitlines()
    assert others == "__main__ node" or others == "node"
    assert all(name.startswith("node.core") for name in modules.split())
    assert not {"node.core.frame", "node.core.statetree"} & set(modules.split())


@pytest.fixture
def only_ecdsa(tmp_path: Path) -> Path:
    """A folder of packages that holds `ecdsa` and what it needs, and nothing else."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "ecdsa").symlink_to(Path(ecdsa.__file__).parent)
    six = importlib.util.find_spec("six")
    assert six is not None, "ecdsa asks for it"
    assert six.origin is not None
    (packages / "six.py").symlink_to(six.origin)
    return packages


def test_the_verifier_works_with_ecdsa_alone(
    chain: Chain, bundle: Bundle, only_ecdsa: Path, tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    trust = tmp_path / "trust.json"
    good.write_bytes(canonical_json(bundle))
    bundle["entries"].pop()
    bad.write_bytes(canonical_json(bundle))
    trust.write_bytes(trust_of(chain))
    want = verify_bundle(good.read_bytes(), trust.read_bytes())
    told = json.loads(run_alone(WITH_ECDSA, ROOT, only_ecdsa, good, trust))
    assert told == ["ecdsa", True, [step.status for step in want.steps]]
    assert json.loads(run_alone(WITH_ECDSA, ROOT, only_ecdsa, bad, trust))[:2] == ["ecdsa", False]


def test_without_any_backend_the_caller_is_told(
    monkeypatch: pytest.MonkeyPatch, chain: Chain
) -> None:
    for name in ("cryptography.exceptions", "ecdsa"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError):
        verify_bundle(canonical_json(bundle_of(chain, SUB)), trust_of(chain))


# --- Python 3.8 -----------------------------------------------------------------------------------
# The last Python for the oldest machines that courts still have. No interpreter of it is at hand
# here, so the sources are held to its grammar and to what its library can subscript.


def verifier_modules() -> list[str]:
    """The modules of the core that those load who verify: bundles, certificates, statuses."""
    found = set()
    queue = ["verify", "verify_certificate", "seal_status", "status_list", "consortium_description"]
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found.add(name)
        tree = tree_of(file_of(name))
        for module in imported(tree):
            if module.startswith("node.core."):
                inside = module.removeprefix("node.core.")
                queue += [inside] if file_of(inside).exists() else []
        for part in ast.walk(tree):
            if isinstance(part, ast.ImportFrom) and f"{part.module}.".startswith("node.core."):
                folder = f"{part.module}.".removeprefix("node.core.")
                names = [folder + alias.name for alias in part.names]
                queue += [inside for inside in names if file_of(inside).exists()]
    return sorted(found)


def evaluated(tree: ast.Module) -> Iterator[ast.AST]:
    """The parts of a source that are evaluated: all but annotations."""
    queue: list[ast.AST] = [tree]
    while queue:
        part = queue.pop()
        yield part
        for field, value in ast.iter_fields(part):
            if field in ("annotation", "returns"):
                continue
            items = value if isinstance(value, list) else [value]
            queue += [item for item in items if isinstance(item, ast.AST)]


BUILT_IN = {"dict", "frozenset", "list", "set", "tuple", "type"}
LATER_METHODS = {"removeprefix", "removesuffix", "bit_count"}


def what_3_8_lacks(source: str) -> list[str]:
    try:
        tree = ast.parse(source, feature_version=(3, 8))
    except SyntaxError as error:
        return [str(error)]
    generic = set(BUILT_IN)
    for part in ast.walk(tree):
        if isinstance(part, ast.ImportFrom) and part.module == "collections.abc":
            generic |= {alias.asname or alias.name for alias in part.names}
    found = []
    for part in evaluated(tree):
        if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name):
            found += [part.value.id] if part.value.id in generic else []
        elif isinstance(part, ast.BinOp) and isinstance(part.op, ast.BitOr):
            sides = (part.left, part.right)
            found += ["| None"] * any(getattr(side, "value", 0) is None for side in sides)
        elif isinstance(part, ast.Attribute) and part.attr in LATER_METHODS:
            found.append(part.attr)
        elif isinstance(part, ast.Call) and any(
            k.arg in ("strict", "slots", "kw_only") for k in part.keywords
        ):
            found.append("a keyword of a later version")
    return found


@pytest.mark.parametrize("name", verifier_modules())
def test_the_verifier_keeps_to_python_3_8(name: str) -> None:
    source = file_of(name).read_text(encoding="utf-8")
    assert "from __future__ import annotations" in source
    assert what_3_8_lacks(source) == []


@pytest.mark.parametrize(
    "source",
    [
        "match x:\n    case 1: pass",
        "Parts = tuple[bytes, bytes]",
        "from collections.abc import Callable\nF = Callable[[int], int]",
        "zip(a, b, strict=True)",
        "with (open(a) as b, open(c) as d): pass",
        "'x'.removeprefix('y')",
        "Found = str | None",
    ],
)
def test_the_search_for_later_python_finds_it(source: str) -> None:
    assert what_3_8_lacks(source)
