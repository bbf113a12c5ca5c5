from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from builders.bundling import bundle_of, trust_of
from builders.chain import Chain
from builders.commands import SUBJECT, Cli, Evidence

import node.cli.verify
from node.cli.exit_codes import ExitCode
from node.core.encoding import canonical_json
from node.core.trust import decode_trust
from node.core.verify import STEPS


def fingerprint(evidence: Evidence) -> str:
    return decode_trust(evidence.trust_path.read_bytes()).fingerprint.hex()


def written(folder: Path, content: bytes, name: str = "altered.json") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_good_bundle_is_told_step_by_step(cli: Cli, evidence: Evidence) -> None:
    ended = cli("verify", evidence.bundle_path, "--trust", evidence.trust_path)
    assert ended.code == ExitCode.OK
    lines = ended.out.splitlines()
    steps = [line for line in lines if re.match(r" ?\d+ [✓✗–] ", line)]
    assert [int(line.split()[0]) for line in steps] == list(range(1, len(STEPS) + 1))
    assert " 1 ✓ Form of the bundle: evidence-bundle/1, scope dossier, 2 record(s)" in lines
    assert any(line.startswith("15 – Known checkpoint of the log: not checked: ") for line in lines)
    assert any(line.startswith("17 – ") and "one operator" in line for line in lines)
    assert "✗" not in ended.out
    assert "Nothing failed: 13 passed, 4 not checked." in lines


def test_fingerprint_stands_there_in_groups(cli: Cli, evidence: Evidence) -> None:
    ended = cli("verify", evidence.bundle_path, "--trust", evidence.trust_path)
    groups = re.findall(r"^ {4}((?:[0-9a-f]{4} ?){8})$", ended.out, re.MULTILINE)
    assert "".join(groups).replace(" ", "") == fingerprint(evidence)


def test_chinese_is_whole(cli: Cli, evidence: Evidence) -> None:
    ended = cli("verify", evidence.bundle_path, "--trust", evidence.trust_path, "--lang", "zh")
    assert ended.code == ExitCode.OK
    assert " 1 ✓ 证据包格式：evidence-bundle/1，范围 dossier，2 条记录" in ended.out
    assert "未核验：单一运营方（operator-0）" in ended.out
    assert "无不通过项：通过 13 项，未核验 4 项。" in ended.out
    assert "not checked" not in ended.out


def test_altered_bundle_is_refused_and_the_step_named(
    cli: Cli, evidence: Evidence, tmp_path: Path
) -> None:
    [commit, *others] = evidence.bundle["chain"]["commits"]
    [vote] = commit["signatures"]
    forged = {**commit, "signatures": [{**vote, "signature": "00" * 64}]}
    chain = {**evidence.bundle["chain"], "commits": [forged, *others]}
    path = written(tmp_path, canonical_json({**evidence.bundle, "chain": chain}))
    ended = cli("verify", path, "--trust", evidence.trust_path)
    assert ended.code == ExitCode.REFUSED
    assert " 3 ✗ Signatures of the validators: FAILED: " in ended.out
    assert "4 – Block headers and roots: not checked: rests on chain.commits" in ended.out
    assert re.search(r"^NOT ACCEPTED: 1 failed, \d+ passed, \d+ not checked\.$", ended.out, re.M)
    ended = cli("verify", path, "--trust", evidence.trust_path, "--lang", "zh")
    assert re.search(r"^ 3 ✗ 验证节点签名：不通过：(?!不通过)", ended.out, re.M)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"\xff\xfe",
        b"[" * 10_000,
        b"[" * 100_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"a":1,"a":2}',
        b'{"a":1.5}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":"\\ud800"}',
        b"{}{}",
        b"{}x",
    ],
)
def test_bytes_that_are_no_bundle_fail_in_the_first_step(
    cli: Cli, evidence: Evidence, tmp_path: Path, content: bytes
) -> None:
    ended = cli("verify", written(tmp_path, content), "--trust", evidence.trust_path)
    assert ended.code == ExitCode.REFUSED
    assert " 1 ✗ Form of the bundle: FAILED: bundle" in ended.out
    assert ended.err == ""


def test_trailing_bytes_after_a_good_bundle_are_refused(
    cli: Cli, evidence: Evidence, tmp_path: Path
) -> None:
    content = evidence.bundle_path.read_bytes()
    assert cli("verify", written(tmp_path, content), "--trust", evidence.trust_path).code == 0
    for more in (b"x", b"{}", b"\x00", content):
        ended = cli("verify", written(tmp_path, content + more), "--trust", evidence.trust_path)
        assert ended.code == ExitCode.REFUSED
        assert " 1 ✗ Form of the bundle: FAILED: bundle: not JSON" in ended.out


def test_bundle_of_another_chain_is_refused(cli: Cli, evidence: Evidence, tmp_path: Path) -> None:
    other = Chain(chain_id="seal-other")
    path = written(tmp_path, trust_of(other), "trust.json")
    ended = cli("verify", evidence.bundle_path, "--trust", path)
    assert ended.code == ExitCode.REFUSED
    assert " 2 ✗ Chain and genesis: FAILED: " in ended.out


def test_json_holds_every_step_in_both_languages(cli: Cli, evidence: Evidence) -> None:
    ended = cli("verify", evidence.bundle_path, "--trust", evidence.trust_path, "--json")
    told = ended.document
    assert told["accepted"] is True
    assert told["trust_fingerprint"] == fingerprint(evidence)
    assert [step["id"] for step in told["steps"]] == [step.id for step in STEPS]
    assert {step["status"] for step in told["steps"]} == {"passed", "not checked"}
    assert told["steps"][0]["title_zh"] == "证据包格式"
    assert len(ended.out.splitlines()) == 1


def test_json_says_that_it_is_not_accepted(cli: Cli, evidence: Evidence, tmp_path: Path) -> None:
    path = written(tmp_path, b"{}")
    ended = cli("verify", path, "--trust", evidence.trust_path, "--json")
    assert ended.code == ExitCode.REFUSED
    assert ended.document["accepted"] is False


@pytest.mark.parametrize("backend", ["cryptography", "ecdsa"])
def test_backend_is_the_one_asked_for(cli: Cli, evidence: Evidence, backend: str) -> None:
    arguments = ("verify", evidence.bundle_path, "--trust", evidence.trust_path)
    ended = cli(*arguments, "--backend", backend, "--json")
    assert (ended.code, ended.document["backend"]) == (ExitCode.OK, backend)


def test_without_any_backend_it_says_what_to_install(
    cli: Cli, evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_backend(name: str | None) -> None:
        raise ImportError("No module named 'ecdsa'")

    monkeypatch.setattr(node.cli.verify, "load_backend", no_backend)
    ended = cli("verify", evidence.bundle_path, "--trust", evidence.trust_path)
    assert ended.code == ExitCode.USAGE
    assert "pip install ecdsa" in ended.err


def test_bundle_is_read_from_standard_input(cli: Cli, evidence: Evidence) -> None:
    content = evidence.bundle_path.read_bytes()
    ended = cli("verify", "-", "--trust", evidence.trust_path, stdin=content)
    assert ended.code == ExitCode.OK


def test_bundle_without_a_trust_file_is_not_checked(cli: Cli, evidence: Evidence) -> None:
    ended = cli("verify", evidence.bundle_path, "--json")
    assert ended.code == ended.error["code"] == ExitCode.USAGE
    assert "--trust" in ended.error["message"]


def test_standard_input_cannot_be_both(cli: Cli) -> None:
    assert cli("verify", "-", "--trust", "-").code == ExitCode.USAGE


def test_published_fingerprint_is_compared(cli: Cli, evidence: Evidence) -> None:
    arguments = ("verify", evidence.bundle_path, "--trust", evidence.trust_path, "--fingerprint")
    right = fingerprint(evidence).upper()
    spaced = " ".join(right[at : at + 4] for at in range(0, 64, 4))
    assert cli(*arguments, spaced).code == ExitCode.OK
    other = cli(*arguments, "0" * 64)
    assert other.code == ExitCode.REFUSED
    assert fingerprint(evidence) in other.err
    assert other.out == ""
    assert cli(*arguments, right[:60]).code == ExitCode.USAGE


def test_trust_file_that_is_none_is_bad_input(cli: Cli, evidence: Evidence, tmp_path: Path) -> None:
    path = written(tmp_path, b'{"format":"evidence-trust/1"}')
    ended = cli("verify", evidence.bundle_path, "--trust", path, "--json")
    assert ended.code == ended.error["code"] == ExitCode.BAD_INPUT
    assert ended.error["place"] == "trust.anchors"
    assert ended.error["rule"] == "is missing"


def test_missing_file_is_named(cli: Cli, evidence: Evidence) -> None:
    ended = cli("verify", "/nowhere/bundle.json", "--trust", evidence.trust_path)
    assert ended.code == ExitCode.INPUT_OUTPUT
    assert ended.err == ("evidence-node verify: /nowhere/bundle.json: No such file or directory\n")


def test_oversize_bundle_is_refused_before_it_is_read_whole(
    cli: Cli, evidence: Evidence, tmp_path: Path
) -> None:
    path = written(tmp_path, b"")
    os.truncate(path, 1 << 40)  # sparse
    ended = cli("verify", path, "--trust", evidence.trust_path)
    assert ended.code == ExitCode.BAD_INPUT
    assert "at most 67108864 bytes" in ended.err


def test_text_of_a_bundle_cannot_play_tricks_on_the_terminal(
    cli: Cli, evidence: Evidence, tmp_path: Path
) -> None:
    trick = "\x1b[2K\r 1 v Form of the bundle: fine\n\x7f"
    path = written(tmp_path, json.dumps({**evidence.bundle, trick: 1}).encode())
    ended = cli("verify", path, "--trust", evidence.trust_path)
    assert ended.code == ExitCode.REFUSED
    assert not {"\x1b", "\r", "\x7f"} & set(ended.out)
    assert "\\x1b[2K\\r 1 v Form of the bundle: fine\\n\\x7f" in ended.out
    assert len([line for line in ended.out.splitlines() if line.startswith(" 1 ")]) == 1


def test_braces_in_a_detail_are_shown_as_they_are(cli: Cli, tmp_path: Path) -> None:
    chain = Chain()
    chain.put("seal/ES-0", {"status": "{active}", "status_version": 1})
    chain.commit_block(chain.jwt())
    chain.commit_block()
    bundle: dict[str, Any] = bundle_of(chain, SUBJECT, extra_keys=["seal/ES-0"])
    path = written(tmp_path, canonical_json(bundle))
    trust = written(tmp_path, trust_of(chain), "trust.json")
    ended = cli("verify", path, "--trust", trust)
    assert ended.code == ExitCode.OK
    assert "     seal/ES-0: {active} (version 1)" in ended.out.splitlines()


def test_a_trust_file_that_is_none_is_refused_in_the_language_asked_for(
    cli: Cli, evidence: Evidence, tmp_path: Path
) -> None:
    path = written(tmp_path, canonical_json({"format": "another"}), "trust.json")
    ended = cli("verify", evidence.bundle_path, "--trust", path)
    assert ended.code == ExitCode.BAD_INPUT
    assert "trust." in ended.err
    ended_zh = cli("verify", evidence.bundle_path, "--trust", path, "--lang", "zh")
    assert ended_zh.code == ended.code
    assert "信任文件不符合规定的格式（缺失）。错误位置：“trust." in ended_zh.err
    told = cli("verify", evidence.bundle_path, "--trust", path, "--lang", "zh", "--json")
    assert json.loads(told.err)["error"]["rule"] == "is missing"
