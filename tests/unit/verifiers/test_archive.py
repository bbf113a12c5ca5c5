"""evidence-verify.pyz on every Python that is here, with nothing installed beside it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from builders.certificate_pdfs import certificate_of, office, seal
from builders.commands import Evidence, write_evidence
from builders.pythons import VERSIONS, python_of

from node.cli.exit_codes import ExitCode
from node.core.encoding import canonical_json
from node.verifiers.archive import build_pyz

Ran = subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pyz") / "evidence-verify.pyz"
    path.write_bytes(build_pyz())
    return path


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return write_evidence(tmp_path_factory.mktemp("evidence"))


def run(pyz: Path, *arguments: object, python: str = sys.executable, options: str = "") -> Ran:
    """Run it without site-packages, in an empty environment."""
    command = [python, "-I", "-S", "-B", *options.split(), str(pyz), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, env={}, cwd=pyz.parent, check=False)


@pytest.mark.parametrize("version", VERSIONS)
def test_bundles_are_verified_on_every_python(
    version: str, pyz: Path, evidence: Evidence, tmp_path: Path
) -> None:
    python = python_of(version)
    given = (evidence.bundle_path, "--trust", evidence.trust_path)
    good = run(pyz, *given, "--lang", "zh", "--show", python=python, options="-X utf8")
    assert good.returncode == ExitCode.OK, good.stderr.decode()
    told = good.stdout.decode("utf-8")
    assert "无不通过项：通过 13 项，未核验 4 项。" in told
    assert f"Python {version}." in told
    assert ", ecdsa\n" in told
    assert "发起签约" in told
    path = tmp_path / "altered.json"
    path.write_bytes(canonical_json({**evidence.bundle, "entries": evidence.bundle["entries"][:1]}))
    bad = run(pyz, path, "--trust", evidence.trust_path, "--json", python=python)
    assert bad.returncode == ExitCode.REFUSED, bad.stderr.decode()
    failed = [step for step in json.loads(bad.stdout)["steps"] if step["status"] == "failed"]
    assert [step["id"] for step in failed] == ["dossier.head"]


@pytest.mark.parametrize("version", ["3.8", "3.11"])
def test_certificate_is_verified(version: str, pyz: Path, tmp_path: Path) -> None:
    python = python_of(version)
    made = office(tmp_path)
    pdf, trust = tmp_path / "certificate.pdf", tmp_path / "trust.json"
    pdf.write_bytes(seal(certificate_of(made), made, level="b-b"))
    trust.write_bytes(made.trust)
    good = run(pyz, pdf, "--trust", trust, python=python)
    assert good.returncode == ExitCode.OK, good.stderr.decode() + good.stdout.decode()
    assert b"P1 " in good.stdout
    other = pdf.read_bytes().replace(b"/Title", b"/Titel", 1)
    assert other != pdf.read_bytes()
    pdf.write_bytes(other)
    assert run(pyz, pdf, "--trust", trust, python=python).returncode == ExitCode.REFUSED


def test_output_is_that_of_the_command(pyz: Path, evidence: Evidence) -> None:
    given = [str(evidence.bundle_path), "--trust", str(evidence.trust_path), "--backend", "ecdsa"]
    for language in ("en", "zh"):
        arguments = [*given, "--lang", language, "--show"]
        code = "import sys; from node.cli.main import main; sys.exit(main(sys.argv[1:]))"
        command = [sys.executable, "-X", "utf8", "-c", code, "verify", *arguments]
        whole = subprocess.run(command, capture_output=True, check=False)
        alone = run(pyz, *arguments, options="-X utf8")
        assert (alone.returncode, alone.stdout) == (whole.returncode, whole.stdout)


def test_it_loads_nothing_but_itself_and_never_the_network(pyz: Path, evidence: Evidence) -> None:
    ran = run(
        pyz,
        *(evidence.bundle_path, "--trust", evidence.trust_path),
        options="-X importtime",
    )
    assert ran.returncode == ExitCode.OK
    loaded = {line.rpartition(b"|")[2].strip().decode() for line in ran.stderr.splitlines()}
    tops = {name.partition(".")[0] for name in loaded}
    asked_for_in_vain = {
        "org",
        "gmpy",
        "gmpy2",
    }  # by `copy`, for Jython; by `ecdsa`, hidden from it
    others = tops - set(sys.stdlib_module_names) - asked_for_in_vain - {"imported package"}
    assert others == {"node", "ecdsa", "six"}
    assert not {"_socket", "socket", "ssl", "urllib.request", "http.client"} & loaded


@pytest.mark.parametrize("language", ["en", "zh"])
def test_terminal_without_chinese_is_no_crash(pyz: Path, evidence: Evidence, language: str) -> None:
    command = [sys.executable, "-I", "-S", "-X", "utf8=0", str(pyz), str(evidence.bundle_path)]
    ran = subprocess.run(
        [*command, "--trust", str(evidence.trust_path), "--lang", language, "--show"],
        capture_output=True,
        env={"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
        check=False,
    )
    assert ran.returncode == ExitCode.OK, ran.stderr
    ran.stdout.decode("ascii")
    assert (b"cannot show Chinese" in ran.stderr) == (language == "zh")


def test_faults_are_told_as_by_the_command(pyz: Path, evidence: Evidence, tmp_path: Path) -> None:
    trust = ("--trust", evidence.trust_path)
    (tmp_path / "none.json").write_bytes(b"{}")
    assert run(pyz).returncode == ExitCode.USAGE
    assert run(pyz, evidence.bundle_path).returncode == ExitCode.USAGE
    assert run(pyz, "nowhere.json", *trust).returncode == ExitCode.INPUT_OUTPUT
    bad_trust = run(pyz, evidence.bundle_path, "--trust", tmp_path / "none.json", "--json")
    assert bad_trust.returncode == ExitCode.BAD_INPUT
    assert json.loads(bad_trust.stderr)["error"]["place"] == "trust.anchors"
    native = run(pyz, evidence.bundle_path, *trust, "--backend", "cryptography")
    assert native.returncode == ExitCode.USAGE
    assert b"Traceback" not in native.stderr
    assert b"bundle.json --trust trust.json" in run(pyz, "--help").stdout


def test_bytes_follow_from_the_sources_alone() -> None:
    built = build_pyz()
    assert built == build_pyz()
    archive = zipfile.ZipFile(io.BytesIO(built))
    names = archive.namelist()
    assert names == sorted(names)
    assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}


def test_it_holds_what_it_needs_and_the_licences() -> None:
    archive = zipfile.ZipFile(io.BytesIO(build_pyz()))
    names = set(archive.namelist())
    assert {"LICENSE", "LICENSE-ecdsa", "LICENSE-six", "node/core/verify.py"} <= names
    assert b"Apache License" in archive.read("LICENSE")
    assert {name.partition("/")[0] for name in names if "/" in name} == {"node", "ecdsa"}
    packages = {"/".join(name.split("/")[:2]) for name in names if name.startswith("node/")}
    assert packages == {"node/__init__.py", "node/cli", "node/core"}
    assert not any(name.startswith("ecdsa/test_") for name in names)
