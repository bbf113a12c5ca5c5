"""A court's offline machine: an old Python, the wheel, and nothing beside it but `ecdsa`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from builders.commands import Evidence, write_evidence

from node.cli.exit_codes import ExitCode
from node.core.encoding import canonical_json
from node.verifiers.building import hashes

ROOT = Path(__file__).parents[2]
PYTHONS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
ALLOWED = {"node", "ecdsa", "six"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built from a copy, since a build leaves files."""
    source = tmp_path_factory.mktemp("source")
    for name in ("node", "chaincode_adapters"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    [path] = (source / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages: the wheel's content, `ecdsa` and what that needs."""
    packages = tmp_path_factory.mktemp("packages")
    zipfile.ZipFile(wheel).extractall(packages)
    for name in ("ecdsa", "six"):
        for file in metadata.files(name) or []:
            if file.parts[0] != ".." and file.suffix == ".py":
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    return packages


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return write_evidence(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="module", params=PYTHONS)
def python(request: pytest.FixtureRequest) -> str:
    """A Python of each version that is installed."""
    for candidate in (sys.executable, shutil.which(f"python{request.param}")):
        if candidate is not None:
            asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            run = subprocess.run(asked, capture_output=True, text=True, check=False)
            if run.stdout.strip() == request.param:
                return candidate
    pytest.skip(f"python{request.param} is not installed")


def command(python: str, packages: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command line without site-packages; what else it loaded goes to standard error."""
    script = (
        f"import sys; sys.path.append({str(packages)!r})\n"
        "from node.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        f"own = [name for name, module in sys.modules.items() if {str(packages)!r} in"
        " str(getattr(module, '__file__', ''))]\n"
        "print(*sorted({name.split('.')[0] for name in own}), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    return subprocess.run(
        [python, "-I", "-S", "-B", "-X", "utf8", "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_bundle_is_verified(python: str, bare: Path, evidence: Evidence) -> None:
    run = command(python, bare, "verify", evidence.bundle_path, "--trust", evidence.trust_path)
    assert run.returncode == ExitCode.OK, run.stderr
    assert run.stdout.count(" ✓ ") == 13
    assert ", ecdsa\n" in run.stdout
    assert set(run.stderr.split()) == ALLOWED


def test_altered_bundle_is_refused(
    python: str, bare: Path, evidence: Evidence, tmp_path: Path
) -> None:
    path = tmp_path / "altered.json"
    path.write_bytes(canonical_json({**evidence.bundle, "entries": evidence.bundle["entries"][:1]}))
    run = command(python, bare, "verify", path, "--trust", evidence.trust_path, "--json")
    assert run.returncode == ExitCode.REFUSED, run.stderr
    failed = [step for step in json.loads(run.stdout)["steps"] if step["status"] == "failed"]
    assert [step["id"] for step in failed] == ["dossier.head"]


def test_trust_file_is_made_and_shown(
    python: str, bare: Path, evidence: Evidence, tmp_path: Path
) -> None:
    out = tmp_path / "trust.json"
    made = command(
        *(python, bare, "trust", "make", "--genesis", evidence.genesis_path, "--out", out)
    )
    assert made.returncode == ExitCode.OK, made.stderr
    shown = command(python, bare, "trust", "show", out, "--json")
    assert json.loads(shown.stdout)["trust"] == json.loads(evidence.trust_path.read_bytes())


def test_without_ecdsa_it_says_what_is_missing(
    python: str, bare: Path, evidence: Evidence, tmp_path: Path
) -> None:
    shutil.copytree(bare / "node", tmp_path / "node")
    run = command(python, tmp_path, "verify", evidence.bundle_path, "--trust", evidence.trust_path)
    assert run.returncode == ExitCode.USAGE
    assert "pip install ecdsa" in run.stderr
    assert "Traceback" not in run.stderr


def test_wheel_brings_the_command(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    [name] = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
    assert "evidence-node = node.cli.main:main" in archive.read(name).decode()


@pytest.mark.parametrize("name", ["run", "init"])
def test_commands_of_the_node_name_the_package_that_is_missing(
    bare: Path, tmp_path: Path, name: str
) -> None:
    arguments = ("--home", tmp_path / "home") if name == "run" else ("--example", tmp_path / "x")
    run = command(sys.executable, bare, name, *arguments)
    assert run.returncode == ExitCode.USAGE
    assert "this command needs the package" in run.stderr
    assert "evidence-ledger-node[node]" in run.stderr


def test_wheel_builds_the_same_verifiers_as_the_checkout(wheel: Path, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    zipfile.ZipFile(wheel).extractall(packages)
    for name in ("ecdsa", "six"):
        for file in metadata.files(name) or []:
            if file.parts[0] != ".." and file.suffix != ".pyc":
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    run = command(sys.executable, packages, "verifiers", "--out", tmp_path / "made", "--json")
    assert run.returncode == ExitCode.OK, run.stderr
    assert json.loads(run.stdout) == {"verifiers": hashes()}
