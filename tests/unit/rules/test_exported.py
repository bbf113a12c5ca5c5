"""The committed schemas and tables are what the rules give, and the prose beside them is whole."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders.consortium import MEMBERS
from builders.deciding import propose, vote
from builders.events import DAY, case_sub, data_of
from builders.world import SEAL, World

import node
from node.rules.events import EVENTS
from node.rules.rejections import REJECTIONS

SUSPENSION = {"kind": "member.suspend", "member": "platform-b"}
ROOT = Path(node.__file__).parents[1]
SPEC = ROOT / "docs" / "spec"
PROSE = re.sub(
    r"<!-- generated: .*?<!-- end -->",
    "",
    (SPEC / "events.md").read_text(encoding="utf-8"),
    flags=re.DOTALL,
)


def export(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = root / "scripts" / "export-schemas"
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_what_is_committed_is_what_the_rules_give() -> None:
    found = export(ROOT, "--check")
    assert found.stdout == ""
    assert found.returncode == 0, found.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The script and what it writes, to be changed."""
    shutil.copytree(SPEC, tmp_path / "docs" / "spec")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "export-schemas", tmp_path / "scripts")
    return tmp_path


def test_what_is_stale_is_named_and_made_anew(copy: Path) -> None:
    spec = copy / "docs" / "spec"
    changed = spec / "schemas" / "seal.filed.json"
    changed.write_text(changed.read_text().replace("filed_at", "filed_on"))
    (spec / "schemas" / "seal.forgotten.json").write_text("{}")
    (spec / "schemas" / "payload.json").unlink()
    other = spec / "schemas" / "other.schema.json"
    other.write_text("{}")
    document = spec / "events.md"
    document.write_text(document.read_text().replace("| `filed_at` |", "| `filed_on` |"))
    names = {"events.md", "seal.filed.json", "seal.forgotten.json", "payload.json"}
    found = export(copy, "--check")
    assert found.returncode == 1
    assert {Path(line.split()[0]).name for line in found.stdout.splitlines()} == names
    assert export(copy).returncode == 0
    assert export(copy, "--check").returncode == 0
    assert other.is_file()
    assert document.read_text() == (SPEC / "events.md").read_text()


def test_a_part_that_is_missing_or_unknown_is_named(copy: Path) -> None:
    document = copy / "docs" / "spec" / "events.md"
    document.write_text(document.read_text().replace("generated: private ", "generated: privy "))
    found = export(copy)
    assert found.returncode != 0
    assert "private, privy" in found.stderr


def test_there_is_a_schema_for_every_type() -> None:
    found = (path.stem for path in (SPEC / "schemas").glob("*.json"))
    names = {name for name in found if not name.endswith(".schema")}
    assert names == {*EVENTS, "payload"}
    for name in names:
        schema = json.loads((SPEC / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_prose_says_where_each_rejection_is_met() -> None:
    named = set(re.findall(r"`([a-z_]+)`", PROSE))
    assert {item.name for item in REJECTIONS.values()} <= named


def test_the_prose_has_a_section_for_every_type() -> None:
    headings = re.findall(r"^### `([a-z_.]+)` (\S+)$", PROSE, flags=re.MULTILINE)
    assert dict(headings) == {name: event.title_zh for name, event in EVENTS.items()}


def test_the_prose_names_every_fact() -> None:
    world = World()
    facts: set[str] = set()
    world.roots = {7: bytes.fromhex(data_of("anchor.confirmed")["root"])}
    facts |= set(world.record("seal.imported", "seal:maker-a:9").facts)
    world.record("seal.applied", SEAL)
    data = data_of("seal.created", es_id="x")
    facts |= set(world.record("seal.created", SEAL, data).facts)
    facts |= set(world.record("seal.filed", SEAL, data_of("seal.filed", filing_no="x")).facts)
    facts |= set(world.record("seal.certificate_renewed", SEAL).facts)
    sub = world.open_case()
    started = data_of("signing.started", es_id="x")
    facts |= set(world.record("signing.started", sub, started).facts)
    sealed = data_of("signing.sealed", es_id="x")
    facts |= set(world.record("signing.sealed", sub, sealed).facts)
    facts |= set(world.record("signing.completed", sub, occurred_at=world.time - 9 * DAY).facts)
    about = data_of("certificate.issued", code="CZ" + world.dossier(case_sub())["code"])
    facts |= set(world.record("certificate.issued", "record:operator-a:1", about).facts)
    facts |= set(world.record("anchor.confirmed", "anchor:operator-a:1").facts)
    facts |= set(world.set_status("suspended").facts)
    first, second = (propose(world, SUSPENSION) for _ in range(2))
    for member in sorted(MEMBERS):
        for proposal in (first, second):
            if member != "platform-a" and world.dossier(proposal)["status"] == "open":
                facts |= set(vote(world, proposal, member))
    facts |= set(world.record("key.rotated", "consortium:platform-a:r").facts)
    shown = data_of("validator.misbehaved")
    address = shown["address"]
    world.put(f"misbehaviour/{address}/5", kind=shown["misbehaviour"], shown_at=7)
    facts |= set(world.record("validator.misbehaved", "consortium:platform-a:m").facts)
    section = PROSE[PROSE.index("## Facts") : PROSE.index("## Private fields")]
    assert facts == {
        name
        for cell in re.findall(r"^\| (`[^|]+) \|", section, flags=re.MULTILINE)
        for name in re.findall(r"`([a-z_]+)`", cell)
    }
