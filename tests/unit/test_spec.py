"""The specification in docs/spec: its examples, its numbers, its tables and its links.

What the documents print comes from `scripts/make-spec-examples`, which asks the code; tables and
patterns are compared with the code here. So neither can drift away from the other.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from node.core import (
    block,
    bundle,
    disclosure,
    entry,
    fields,
    frame,
    genesis,
    genesis_signature,
    member_description,
    request_token,
    transaction,
    trust,
    verify,
)
from node.core.apphash import APP_HASH_TAG
from node.core.errors import InvalidInput
from node.core.evidence_code import parse_code
from node.rules.judgement import Misbehaviour

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "docs" / "spec"
ADR = ROOT / "docs" / "adr"
EXAMPLES = {path.name: json.loads(path.read_bytes()) for path in (SPEC / "examples").iterdir()}
OWN = [
    "README", "anchor-evm", "anchor-fabric", "anchor-rekor", "anchor-rest", "anchor-rfc3161",
    "anchors", "block", "bundle", "ceremony", "consortium-description", "disclosure", "encodings",
    "entry", "frame", "genesis", "limits", "log", "request-token", "seal-status", "signatures",
    "snapshot", "state-map", "transaction", "trust",
]  # fmt: skip
DOCUMENTS = {name: (SPEC / f"{name}.md").read_text(encoding="utf-8") for name in OWN}


def script() -> ModuleType:
    path = ROOT / "scripts" / "make-spec-examples"
    loader = importlib.machinery.SourceFileLoader("make_spec_examples", str(path))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


# --- what is committed is what the script makes ---------------------------------------------------


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    return script()


def test_examples_and_documents_are_what_the_code_gives(maker: ModuleType) -> None:
    changed = [
        path.name
        for path, content in maker.outputs()
        if not path.exists() or path.read_text(encoding="utf-8") != content
    ]
    assert not changed, "run scripts/make-spec-examples, and look at what changed and why"


def test_the_script_runs_by_itself(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "scripts" / "make-spec-examples"), "--check"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_no_example_is_left_over(maker: ModuleType) -> None:
    made = {path.name for path, _ in maker.outputs() if path.suffix == ".json"}
    assert made == set(EXAMPLES)


def test_every_fenced_block_is_marked_or_shows_a_layout() -> None:
    for name, text in DOCUMENTS.items():
        fences = re.findall(r"^```(.*)$", text, re.MULTILINE)
        # Examples of receipts are checked by core/anchors/test_anchor_examples.py.
        plain = ("json",) if name.startswith("anchor-") else ()
        unmarked = {mark for mark in fences[::2] if ".json#" not in mark}
        assert unmarked <= set(plain), name


# --- tables ---------------------------------------------------------------------------------------


def rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    text = DOCUMENTS[document]
    text = text[text.index(f"\n{heading}\n") :]
    table = re.search(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert table is not None
    lines = table[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def names_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_steps_are_those_of_the_verifier() -> None:
    told = [
        (int(number), names_in(step)[0], tuple(names_in(needs)))
        for number, step, needs, _ in rows("bundle", "## Verification")
    ]
    assert told == [(n, step.id, step.needs) for n, step in enumerate(verify.STEPS, 1)]
    headings = re.findall(r"^### (\d+) (\S+)$", DOCUMENTS["bundle"], re.MULTILINE)
    assert [(int(n), name) for n, name in headings] == [(n, name) for n, name, _ in told]


def test_payload_members_are_those_of_the_code() -> None:
    told = [name for row in rows("transaction", "## Payload") for name in names_in(row[0])]
    assert sorted(told) == sorted(transaction.PAYLOAD_MEMBERS)
    optional = {name for row in rows("transaction", "## Payload") for name in names_in(row[0])
                if "optional" in row[0] or "neither" in row[0]}  # fmt: skip
    assert optional == {"_sd", "_sd_alg", "collected_at"}
    kinds = re.search(r"\((anchor[\w|\\]*)\)", DOCUMENTS["encodings"])
    assert kinds is not None
    assert tuple(kinds[1].split("\\|")) == transaction.DOSSIER_KINDS


def test_versions_are_those_of_the_code() -> None:
    told = [names_in(row[1]) or [row[1]] for row in rows("README", "## Versions")]
    assert [cell[0] for cell in told] == [
        transaction.TYP,
        str(entry.ENTRY_VERSION),
        f"0x{frame.FRAME_VERSION:02x}",
        APP_HASH_TAG.decode(),
        genesis.GENESIS_FORMAT,
        trust.TRUST_FORMAT,
        bundle.BUNDLE_FORMAT,
        request_token.REQUEST_TYP,
        member_description.DESCRIPTION_FORMAT,
        genesis_signature.GENESIS_SIGNATURE_FORMAT,
        f"block protocol {block.BLOCK_PROTOCOL} (CometBFT 0.38)",
        str(block.RULES_VERSION),
    ]


def test_roles_and_parameters_are_those_of_the_code() -> None:
    lines = DOCUMENTS["genesis"].splitlines()
    roles = next(line for line in lines if line.startswith("| `roles`"))
    assert tuple(names_in(roles)[1:]) == genesis.ROLES
    table = lines[lines.index("| Parameter | Value |") + 2 :]
    told = [names_in(line)[0] for line in table[: table.index("")]]
    assert sorted(told) == sorted(genesis.DEFAULT_PARAMETERS)


STATE_SECTIONS = (
    "member", "key", "validator", "parameter", "consortium", "misbehaviour", "anchor", "code",
    "dossier", "seal", "filing", "refused",
)  # fmt: skip


def documented_members(section: str) -> set[str]:
    """Member names that the section about a kind of key mentions."""
    text = DOCUMENTS["state-map"]
    start = text.index(f"\n### {section}\n")
    end = re.search(r"^##", text[start + 5 :], re.MULTILINE)
    assert end is not None
    part = text[start : start + 5 + end.start()]
    told = {
        name
        for line in part.splitlines()
        if line.startswith("| `")
        for name in names_in(line.split("|")[1])
    }
    return told | set(re.findall(r'"(\w+)":', part))


def test_every_value_of_a_chain_is_documented() -> None:
    values = EXAMPLES["state-map.json"]["values"]
    values = {**values, **dict([Misbehaviour("duplicate_vote", b"", 1, 1, 1, 1).state(1)])}
    assert {key.split("/")[0] for key in values} == set(STATE_SECTIONS)
    headings = re.findall(r"^### (\w+)$", DOCUMENTS["state-map"], re.MULTILINE)
    assert tuple(headings) == STATE_SECTIONS
    for key, value in values.items():
        assert set(value) <= documented_members(key.split("/")[0]), key


def tried_in_payload(name: str) -> Callable[[str], object]:
    return lambda text: transaction.check_payload(
        {**EXAMPLES["transaction.json"]["payload"], name: text}
    )


IDENTIFIERS: dict[str, Callable[[str], object]] = {
    "chain id": tried_in_payload("cid"),
    "member id": tried_in_payload("iss"),
    "event id (`jti`)": tried_in_payload("jti"),
    "event type": tried_in_payload("type"),
    "dossier (`sub`)": tried_in_payload("sub"),
    "source method": lambda text: transaction.check_payload(
        {**EXAMPLES["transaction.json"]["payload"], "source": {"method": text, "system": "x"}}
    ),
    "disclosure's name": lambda text: disclosure.encode_disclosure("s" * 22, text, 1),
    "kind of an anchor": lambda text: fields.read_kind({"kind": text}, "anchor"),
    "evidence code": lambda text: None if "-" in text else parse_code(text),
    "thumbprint, digest": lambda text: transaction.check_header(
        {"alg": "ES256", "kid": text, "typ": transaction.TYP}
    ),
}
LENGTHS = (1, 2, 24, 25, 39, 40, 41, 43, 50, 51, 64, 65, 128, 129)
SAMPLES = [
    *(letter * count for letter in "aA0-_.~:" for count in LENGTHS),
    *("", "a-b", "a-", "-a", "a.b", "a.b_c", "A.b", "a.b.c", "a.b\n", "a\n", "\uff11", "\u0661"),
    *("a" * 24 + "." + "b" * 32, "a" * 25 + ".b", "a." + "b" * 33, "a" * 42 + "B", "a" * 42 + "A"),
    *("CZ0034133234711", "CZ0034133234712", "cz0034133234711", "CZ\u0661034133234711"),
    *("CZ003413323471", "case:a:b", "case:a:", "case::b", "case:a:" + "b" * 64),
    *("case:a:" + "b" * 65, "case:A:b", "Case:a:b", "case:a:b:c", "seal:-:x", "paper:a:b"),
    *("record:" + "a" * 40 + ":b", "anchor:" + "a" * 41 + ":b", "case:a:b\n"),
]


@pytest.mark.parametrize("row", rows("encodings", "## Identifiers"), ids=lambda row: row[0])
def test_patterns_are_those_of_the_code(row: list[str]) -> None:
    name, cell = row
    pattern = re.compile(cell.strip("`").replace("\\|", "|"), re.ASCII)
    seen = set()
    for text in SAMPLES:
        try:
            IDENTIFIERS[name](text)
            accepted = True
        except InvalidInput as error:
            accepted = "check digit" in error.rule
        if name == "evidence code" and "-" in text:
            continue
        assert accepted == (pattern.fullmatch(text) is not None), text
        seen.add(accepted)
    assert seen == {True, False}


# --- links and decisions --------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """The anchors that GitHub and others make of headings, and those that are written out."""
    told = set(re.findall(r'<a id="([\w-]+)">', text))
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        told.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return told


@pytest.mark.parametrize(
    "path", [*SPEC.glob("*.md"), *ADR.glob("*.md")], ids=lambda path: path.name
)
def test_links_lead_somewhere(path: Path) -> None:
    text = re.sub(r"(?s)^```.*?^```$|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.M)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        goal = path.parent / file if file else path
        assert goal.exists(), target
        if anchor:
            assert anchor in anchors(goal.read_text(encoding="utf-8")), target


def test_every_document_is_listed() -> None:
    listed = set(re.findall(r"^\| \[([\w-]+)\.md\]", DOCUMENTS["README"], re.MULTILINE))
    assert listed | {"README"} == {*OWN, "events"}


def test_decisions_are_numbered_and_listed() -> None:
    files = sorted(path.name for path in ADR.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))
    listed = re.findall(
        r"\]\((\d{4}-[\w-]+\.md)\)", (ADR / "README.md").read_text(encoding="utf-8")
    )
    assert listed == files
    for name in files:
        text = (ADR / name).read_text(encoding="utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
            "Context",
            "Decision",
            "Consequences",
        ]
