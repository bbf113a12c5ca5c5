"""The project's own frame: locks, licences, the built package, make, Debian's packages."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]
BASE = PROJECT["project"]["dependencies"]
LOCKED_LINE = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;]+)(?: ; (.+?))?(?: \\)?$")
PYTHONS = ("3.11", "3.12", "3.13")
MACHINES = ("x86_64", "aarch64")

ALL = BASE + [item for name in ("node", "evm", "fabric", "sm2", "pkcs11") for item in EXTRAS[name]]
# What each lock is made from (scripts/lock).
LOCKS = {
    "node": BASE + EXTRAS["node"],
    "all": ALL,
    "dev": ALL + GROUPS["bootstrap"] + [item for item in GROUPS["dev"] if isinstance(item, str)],
    "interop": GROUPS["interop"],
    "bootstrap": GROUPS["bootstrap"],
}

ACCEPTED_LICENCES = {
    "0BSD",
    "Apache 2.0",
    "Apache Software License",
    "Apache-2.0",
    "BSD",
    "BSD License",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "3-Clause BSD License",
    "CNRI-Python",
    "ISC",
    "MIT",
    "MIT License",
    "MIT-0",
    "MPL-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)",
    "PSF-2.0",
    "Public Domain",
    "Python Software Foundation License",
    "SIL Open Font License 1.1 (OFL-1.1)",
}


def read_lock(name: str) -> dict[str, tuple[str, str]]:
    """Package -> (version, marker)."""
    lines = (ROOT / "requirements" / f"{name}.lock").read_text().splitlines()
    matches = [LOCKED_LINE.match(line) for line in lines if line[:1] not in ("", " ", "#")]
    assert all(matches), "a line that is no pin"
    return {canonicalize_name(m[1]): (m[2], m[3] or "") for m in matches if m}


def environments() -> list[dict[str, str]]:
    return [
        {
            "python_version": version,
            "python_full_version": f"{version}.0",
            "platform_machine": machine,
            "sys_platform": "linux",
            "platform_system": "Linux",
            "os_name": "posix",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        for version in PYTHONS
        for machine in MACHINES
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_lock_satisfies_every_range_on_every_python_and_machine(name: str) -> None:
    locked = read_lock(name)
    for requirement in map(Requirement, LOCKS[name]):
        version, marker = locked[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), requirement
        if marker:
            condition = Requirement(f"x ; {marker}").marker
            assert condition is not None
            assert all(condition.evaluate(environment) for environment in environments())


@pytest.mark.parametrize("name", LOCKS)
def test_lock_is_made_from_exactly_what_pyproject_asks_for(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    entries = re.findall(r"^([A-Za-z0-9._-]+)==(?:.|\n)*?# via (.*)$", text, re.MULTILINE)
    asked = {
        canonicalize_name(package) for package, via in entries if "evidence-ledger-node" in via
    }
    assert asked == {canonicalize_name(Requirement(line).name) for line in LOCKS[name]}


@pytest.mark.parametrize("name", LOCKS)
def test_lock_has_hashes_and_names_no_index(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    pins = re.findall(r"^[A-Za-z0-9._-]+==.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pins) == len(read_lock(name))
    assert "://" not in text
    assert not re.search(r"^\s*(-i|--index|--extra-index|--find-links|-f)\b", text, re.MULTILINE)


def test_every_lock_names_the_same_version_of_a_package() -> None:
    versions: dict[str, set[str]] = {}
    for name in LOCKS:
        for package, (version, _) in read_lock(name).items():
            versions.setdefault(package, set()).add(version)
    assert not {package: found for package, found in versions.items() if len(found) > 1}


def licences_of(distribution: metadata.Distribution) -> set[str]:
    fields = distribution.metadata
    expression = fields.get("License-Expression")
    if expression:
        return set(re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", "", expression)))
    classifiers = {
        entry.split("::")[-1].strip()
        for entry in fields.get_all("Classifier", [])
        if entry.startswith("License ::") and not entry.endswith(":: OSI Approved")
    }
    return classifiers or {(fields.get("License") or "none named").splitlines()[0]}


@pytest.mark.parametrize("name", ["node", "all"])
def test_runtime_dependencies_have_licences_that_bind_nobody(name: str) -> None:
    installed = {canonicalize_name(item.name): item for item in metadata.distributions()}
    wanted = {canonicalize_name(Requirement(line).name) for line in LOCKS[name]}
    if name == "all" and not wanted <= set(installed):
        pytest.skip("requirements/all.lock is not installed here (make LOCKS=…)")
    assert wanted <= set(installed)
    others = {
        package: licences - ACCEPTED_LICENCES
        for package in read_lock(name)
        if package in installed
        for licences in [licences_of(installed[package])]
        if licences - ACCEPTED_LICENCES
    }
    assert not others


def imported_distributions(*folders: str) -> dict[str, str]:
    """Distribution -> one file that imports it, of all that the folders' modules import."""
    owners = metadata.packages_distributions()
    found: dict[str, str] = {}
    for path in (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))):
        for statement in ast.walk(ast.parse(path.read_bytes())):
            names: list[str] = []
            if isinstance(statement, ast.Import):
                names = [alias.name for alias in statement.names]
            elif isinstance(statement, ast.ImportFrom) and statement.level == 0:
                names = [statement.module or ""]
            for owner in (owner for name in names for owner in owners.get(name.split(".")[0], [])):
                found[canonicalize_name(owner)] = str(path.relative_to(ROOT))
    found.pop("evidence-ledger-node", None)
    return found


@pytest.mark.parametrize(
    ("folders", "declared"),
    [
        (("node/client",), BASE),
        (("node", "chaincode_adapters"), LOCKS["all"]),
        (("tests", "scripts"), LOCKS["all"] + LOCKS["dev"]),
    ],
)
def test_what_is_imported_is_asked_for_and_not_only_there_by_chance(
    folders: tuple[str, ...], declared: list[str]
) -> None:
    asked = {canonicalize_name(Requirement(line).name) for line in declared}
    imported = imported_distributions(*folders)
    assert not {name: path for name, path in imported.items() if name not in asked}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's wheel, built without the network from a copy, since a build leaves files."""
    source = tmp_path_factory.mktemp("source")
    for name in ("node", "chaincode_adapters"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    build = "import setuptools.build_meta as backend; backend.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    [path] = (source / "dist").glob("*.whl")
    return path


def test_wheel_installs_client_and_verifier_and_the_rest_by_extras(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    [stem] = {name.split("/")[0] for name in names if name.endswith(".dist-info/METADATA")}
    fields = metadata.PathDistribution(zipfile.Path(archive, f"{stem}/")).metadata
    required = [Requirement(line) for line in fields.get_all("Requires-Dist", [])]
    base = {item.name for item in required if item.marker is None}
    assert base == {"cryptography", "ecdsa", "httpx"}
    extras = {"node", "evm", "fabric", "sm2", "pkcs11", "all"}
    assert set(fields.get_all("Provides-Extra", [])) == extras
    tops = {name.split("/")[0] for name in names}
    assert tops == {"node", "chaincode_adapters", stem}
    assert {"node/core/verify.py", "node/client/__init__.py"} <= set(names)
    assert any(name.endswith("/LICENSE") for name in names)


def test_wheel_verifies_with_only_the_pure_python_library_beside_it(
    wheel: Path, tmp_path: Path
) -> None:
    """A court's offline machine: nothing compiled, nothing but the wheel and `ecdsa`."""
    venv.create(tmp_path / "court", with_pip=False, symlinks=True)
    [packages] = (tmp_path / "court").glob("lib/python3.*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    for name in ("ecdsa", "six"):
        for file in metadata.files(name) or []:
            if file.parts[0] != ".." and file.suffix != ".pyc":
                target = packages / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    key = ec.generate_private_key(ec.SECP256R1())
    numbers = key.public_key().public_numbers()
    r, s = utils.decode_dss_signature(key.sign(b"record", ec.ECDSA(hashes.SHA256())))
    check = f"""
import sys
import node.core.verify
from node.core.errors import InvalidSignature
from node.core.signatures import PublicJwk, load_backend

backend = load_backend()
key = PublicJwk({numbers.x:#x}.to_bytes(32, "big"), {numbers.y:#x}.to_bytes(32, "big"))
signature = {r:#x}.to_bytes(32, "big") + {s:#x}.to_bytes(32, "big")
backend.verify_es256(key, b"record", signature)
try:
    backend.verify_es256(key, b"another", signature)
except InvalidSignature:
    print(backend.name, *{{"cryptography", "httpx", "msgspec", "plyvel"}} & set(sys.modules))
"""
    python = tmp_path / "court" / "bin" / "python"
    run = subprocess.run(
        [python, "-I", "-c", check], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert (run.returncode, run.stdout.split()) == (0, ["ecdsa"]), run.stderr


def shell(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    return subprocess.run(
        command, cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False
    )


def test_make_alone_prints_every_target() -> None:
    listing = shell("make").stdout
    assert listing == shell("make", "help").stdout
    for target in ("demo", "test", "lint", "bench", "clean", "help", "lock"):
        assert re.search(rf"^make {target}\s+\S", listing, re.MULTILINE), target


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench", "lock"])
def test_make_sets_the_environment_up_before_the_target_needs_it(target: str) -> None:
    planned = shell("make", "--dry-run", target).stdout.splitlines()
    assert planned[0] == "scripts/setup"


def test_scripts_are_executable_and_well_formed() -> None:
    scripts = [ROOT / ".ci" / "run", *(ROOT / "scripts").iterdir()]
    for path in scripts:
        if path.is_file() and path.read_bytes().startswith(b"#!/usr/bin/env bash"):
            assert os.access(path, os.X_OK), path
            assert shell("bash", "-n", str(path)).returncode == 0, path


def test_debian_packages_are_listed_once_each_with_a_purpose_and_a_reason() -> None:
    lines = (ROOT / "scripts" / "debian-packages").read_text().splitlines()
    rows = [line.split(maxsplit=2) for line in lines if line and not line.startswith("#")]
    assert all(len(row) == 3 for row in rows)
    assert {row[1] for row in rows} <= {"setup", "build", "test", "bench"}
    assert len({row[0] for row in rows}) == len(rows)


def test_mirror_that_pip_was_told_of_holds_for_uv(tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = https://mirror.invalid/simple\ncert = /ca.pem\n"
        "[install]\ntrusted-host = a.invalid\n\tb.invalid\n"
    )
    script = [sys.executable, str(ROOT / "scripts" / "pip_settings.py")]
    asked = {"PIP_CONFIG_FILE": str(tmp_path / "pip.conf")}
    assert set(shell(*script, **asked).stdout.splitlines()) == {
        "export UV_DEFAULT_INDEX=https://mirror.invalid/simple",
        "export SSL_CERT_FILE=/ca.pem",
        "export UV_INSECURE_HOST='a.invalid b.invalid'",
    }
    own = shell(*script, **asked, UV_INDEX_URL="https://own.invalid", SSL_CERT_FILE="/own.pem")
    assert own.stdout.splitlines() == ["export UV_INSECURE_HOST='a.invalid b.invalid'"]
    over = shell(*script, **asked, PIP_INDEX_URL="https://first.invalid/$(id)")
    assert "export UV_DEFAULT_INDEX='https://first.invalid/$(id)'" in over.stdout.splitlines()


def test_top_level_folders_keep_the_names_they_were_given() -> None:
    for name in ("node", "contracts", "chaincode_adapters", "scripts", "config", "tests"):
        assert (ROOT / name).is_dir(), name
    for name in ("contracts", "chaincode_adapters"):
        assert (ROOT / name / "README.md").read_text().strip()
