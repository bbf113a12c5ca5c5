"""`evidence-node certificate` and `doctor` against a node that issues certificates."""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.commands import Cli, in_process
from builders.home import OPERATOR
from builders.issuing import (
    APPLICANT,
    PURPOSE,
    authority,
    code_of,
    issuing_home,
    make_seal,
    serving,
    tsa_table,
)
from builders.served import ServedNode
from builders.time_stamping import need_openssl

from node.cli.exit_codes import ExitCode
from node.client.http import NodeClient
from node.core.encoding import canonical_json

CASE = "case:platform-a:0001"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedNode]:
    need_openssl()
    folder = tmp_path_factory.mktemp("cli")
    with authority(folder / "tsa") as (url, files):
        home = issuing_home(folder / "home", make_seal(folder / "seal"), tsa=tsa_table(url, files))
        with serving(home) as running:
            running.submit(*running.teller.seal(), *running.teller.case())
            yield running


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return in_process(capsys, monkeypatch)


def trust_of(node: ServedNode, folder: Path) -> Path:
    """The trust file that the node's certificates carry, as members would publish it."""
    assert node.node.certificates is not None
    path = folder / "trust.json"
    path.write_bytes(canonical_json(node.node.certificates.trust.to_json()))
    return path


def arguments(node: ServedNode, folder: Path, member: str = "court-a") -> list[object]:
    key = folder / f"{member}.pem"
    if not key.exists():
        node.home.member_key(member).save(key)
    return [
        *("--url", node.url, "--key", key, "--member", member, "--operator", OPERATOR),
        *("--applicant", APPLICANT, "--purpose", PURPOSE, "--out", folder / "out"),
    ]


def test_certificates_are_saved_and_checked_at_once(
    node: ServedNode, cli: Cli, tmp_path: Path
) -> None:
    code = code_of(node, CASE)
    trust = trust_of(node, tmp_path)
    ended = cli(
        "certificate", code, *arguments(node, tmp_path), "--trust", trust, "--with-seals", "--json"
    )
    assert ended.code == ExitCode.OK, ended.err
    told = ended.document["certificates"]
    assert [item["accepted"] for item in told] == [True, True]
    for item in told:
        path = Path(item["file"])
        assert path.name == f"{item['certificate_no']}.pdf"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        checked = cli("verify", path, "--trust", trust, "--json")
        assert checked.code == ExitCode.OK, checked.out


def test_a_certificate_of_another_chain_s_trust_file_is_saved_and_not_accepted(
    node: ServedNode, cli: Cli, tmp_path: Path
) -> None:
    path = trust_of(node, tmp_path)
    trust = json.loads(path.read_bytes())
    trust["genesis_hash"] = "00" * 32
    path.write_bytes(canonical_json(trust))
    ended = cli("certificate", code_of(node, CASE), *arguments(node, tmp_path), "--trust", path)
    assert ended.code == ExitCode.REFUSED
    assert "NOT ACCEPTED" in ended.out
    assert "chain.identity" in ended.out
    assert len(list((tmp_path / "out").glob("ZS*.pdf"))) == 1


def test_one_wrong_code_spoils_no_other(node: ServedNode, cli: Cli, tmp_path: Path) -> None:
    ended = cli(
        *("certificate", code_of(node, CASE), "CZ0034133234711"),
        *(*arguments(node, tmp_path), "--chain-id", node.home.chain_id),
    )
    assert ended.code == ExitCode.REFUSED
    assert "CZ0034133234711  NOT ISSUED" in ended.out
    assert len(list((tmp_path / "out").glob("ZS*.pdf"))) == 1


def test_who_may_not_ask_is_told_why(node: ServedNode, cli: Cli, tmp_path: Path) -> None:
    ended = cli(
        *("certificate", code_of(node, CASE)),
        *(*arguments(node, tmp_path, "platform-b"), "--chain-id", node.home.chain_id),
    )
    assert ended.code == ExitCode.REFUSED
    assert "courts, notaries, operators" in ended.err


def test_doctor_looks_at_seal_key_and_authority(node: ServedNode, cli: Cli) -> None:
    found = _certificates(cli, node)
    assert found["status"] == "ok", found
    texts = " ".join(item["text"] for item in found["findings"])
    for words in ("valid until", "the seal's key signs", "answers with a token that holds"):
        assert words in texts


def test_doctor_says_what_is_wrong(cli: Cli, tmp_path: Path) -> None:
    seal = make_seal(tmp_path / "seal")
    tsa = {
        "url": "http://127.0.0.1:9/",
        "name": "away",
        "roots": [str(seal.root_file)],
        "attempts": 1,
    }
    home = issuing_home(tmp_path / "home", seal, tsa=tsa)
    found = _certificates(cli, home)
    assert found["status"] == "failed"
    assert "cannot be reached" in json.dumps(found)
    make_seal(tmp_path / "seal2").key_file.replace(seal.key_file)
    assert "is not the key of the seal's certificate" in json.dumps(_certificates(cli, home))


def _certificates(cli: Cli, subject: object) -> dict[str, object]:
    path = getattr(subject, "home", subject)
    ended = cli("doctor", "--home", path.path, "--json", "--wait", "1")  # type: ignore[attr-defined]
    (found,) = (item for item in ended.document["checks"] if item["id"] == "certificates")
    return dict(found)


@pytest.mark.parametrize("number", ["../../escaped", "/tmp/escaped", "ZS2026112312345678907", ""])
def test_a_lying_node_names_no_file_outside_the_folder(
    cli: Cli, node: ServedNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str
) -> None:
    content = b"what the node would have on this disk"
    told = {
        "code": "CZ0034133234711",
        "status": "issued",
        "certificate_no": number,
        "report_hash": hashlib.sha256(content).hexdigest(),
        "record": "CZ0034133234711-1",
        "pages": 1,
    }
    monkeypatch.setattr(NodeClient, "order_certificates", lambda *_: {"certificates": [told]})
    monkeypatch.setattr(NodeClient, "certificate_pdf", lambda *_: content)
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    chain = ("--chain-id", node.home.chain_id)
    result = cli("certificate", "CZ0034133234711", *arguments(node, folder), *chain)
    assert result.code == ExitCode.BAD_INPUT, result
    assert [path for path in tmp_path.rglob("*") if path.suffix == ".pdf"] == []
    assert not Path("/tmp/escaped.pdf").exists()
