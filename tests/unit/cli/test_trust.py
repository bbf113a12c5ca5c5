from __future__ import annotations

import base64
from pathlib import Path

import pytest
from builders.commands import Cli, Evidence

from node.cli.exit_codes import ExitCode
from node.core.trust import decode_trust

ROOT = "6ca13d52ca70c883e0f0bb101e425a89e8624de51db2d2392593af6a84118090"
CERTIFICATE = b"\x30\x82\x01\x00" + bytes(256)
"""The form of a certificate is all that is looked at."""


def pem(der: bytes) -> bytes:
    text = base64.encodebytes(der)
    return b"-----BEGIN CERTIFICATE-----\n" + text + b"-----END CERTIFICATE-----\n"


def test_made_file_names_chain_and_genesis(cli: Cli, evidence: Evidence, tmp_path: Path) -> None:
    out = tmp_path / "trust.json"
    ended = cli("trust", "make", "--genesis", evidence.genesis_path, "--out", out, "--json")
    assert ended.code == ExitCode.OK
    trust = decode_trust(out.read_bytes())
    assert trust.genesis_hash == evidence.chain.genesis.hash
    assert trust.chain_id == evidence.chain.genesis.chain_id
    assert ended.document["fingerprint"] == trust.fingerprint.hex()
    verified = cli("verify", evidence.bundle_path, "--trust", out)
    assert verified.code == ExitCode.OK


def test_without_out_the_file_goes_to_standard_output(cli: Cli, evidence: Evidence) -> None:
    ended = cli("trust", "make", "--genesis", evidence.genesis_path)
    assert decode_trust(ended.out.encode()).genesis_hash == evidence.chain.genesis.hash


def test_file_that_is_there_is_not_overwritten(
    cli: Cli, evidence: Evidence, tmp_path: Path
) -> None:
    out = tmp_path / "trust.json"
    out.write_bytes(b"mine")
    ended = cli("trust", "make", "--genesis", evidence.genesis_path, "--out", out)
    assert ended.code == ExitCode.BAD_INPUT
    assert out.read_bytes() == b"mine"


def test_checkpoint_time_stamp_roots_and_anchors_are_taken_up(
    cli: Cli, evidence: Evidence, tmp_path: Path
) -> None:
    (tmp_path / "root.pem").write_bytes(pem(CERTIFICATE))
    (tmp_path / "root.der").write_bytes(CERTIFICATE + b"\x01")
    (tmp_path / "anchor.json").write_bytes(b'{"kind":"evm","contract":"0xabc"}')
    out = tmp_path / "trust.json"
    ended = cli(
        *("trust", "make", "--genesis", evidence.genesis_path, "--out", out),
        *("--checkpoint", f"1052:{ROOT}", "--anchor", tmp_path / "anchor.json"),
        *("--tsa-root", tmp_path / "root.pem", "--tsa-root", tmp_path / "root.der"),
    )
    assert ended.code == ExitCode.OK
    trust = decode_trust(out.read_bytes())
    assert trust.checkpoint is not None
    assert (trust.checkpoint.size, trust.checkpoint.root.hex()) == (1052, ROOT)
    assert trust.tsa_roots == (CERTIFICATE, CERTIFICATE + b"\x01")
    assert trust.anchors == ({"kind": "evm", "contract": "0xabc"},)
    assert "1052 entries" in ended.out


@pytest.mark.parametrize("text", ["", "1052", "0:" + ROOT, "01:" + ROOT, "1:" + ROOT[:-1], "1:XY"])
def test_malformed_checkpoint_is_wrong_usage(cli: Cli, evidence: Evidence, text: str) -> None:
    ended = cli("trust", "make", "--genesis", evidence.genesis_path, "--checkpoint", text)
    assert ended.code == ExitCode.USAGE
    assert ended.out == ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        pem(CERTIFICATE) * 2,
        b"-----BEGIN CERTIFICATE-----\nMIIB=AAA\n-----END CERTIFICATE-----",
        b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
    ],
)
def test_what_is_no_certificate_is_refused(
    cli: Cli, evidence: Evidence, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "root.pem"
    path.write_bytes(content)
    ended = cli("trust", "make", "--genesis", evidence.genesis_path, "--tsa-root", path)
    assert ended.code == ExitCode.BAD_INPUT
    assert str(path) in ended.err
    assert ended.out == ""


def test_what_is_no_genesis_is_refused(cli: Cli, evidence: Evidence, tmp_path: Path) -> None:
    path = tmp_path / "genesis.json"
    path.write_bytes(evidence.genesis_path.read_bytes() + b"\n")
    ended = cli("trust", "make", "--genesis", path, "--json")
    assert ended.code == ended.error["code"] == ExitCode.BAD_INPUT
    assert ended.error["place"] == "genesis"


def test_show_tells_the_fingerprint_in_groups(cli: Cli, evidence: Evidence) -> None:
    trust = decode_trust(evidence.trust_path.read_bytes())
    ended = cli("trust", "show", evidence.trust_path)
    assert ended.code == ExitCode.OK
    shown = ended.out.partition("Fingerprint:")[2].replace(" ", "").replace("\n", "")
    assert shown == trust.fingerprint.hex()
    assert trust.genesis_hash.hex() in ended.out


def test_show_reads_standard_input(cli: Cli, evidence: Evidence) -> None:
    content = evidence.trust_path.read_bytes()
    ended = cli("trust", "show", "-", "--json", stdin=content)
    assert ended.document["fingerprint"] == decode_trust(content).fingerprint.hex()
    assert ended.document["trust"]["format"] == "evidence-trust/1"


def test_show_refuses_what_is_no_trust_file(cli: Cli, evidence: Evidence) -> None:
    ended = cli("trust", "show", evidence.genesis_path)
    assert ended.code == ExitCode.BAD_INPUT
    assert "trust" in ended.err
