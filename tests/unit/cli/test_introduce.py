from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.cli.main import main

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs/spec/examples"
SAID = """
[platform]
name = "电子印章存证联盟"
operator = "大数据局"
[[platform.filings]]
kind = "区块链信息服务备案"
number = "鲁1号"
authority = "国家网信办"
[[members]]
id = "court-a"
legal_name = "甲法院"
runs_node = "yes"
"""


def draft(tmp_path: Path, said: str = SAID) -> int:
    (tmp_path / "said.toml").write_text(said, encoding="utf-8")
    trust = str(EXAMPLES / "trust-file.json")
    out = str(tmp_path / "draft.json")
    return main(["introduce", "draft", str(tmp_path / "said.toml"), "--trust", trust, "--out", out])


def test_a_signature_is_added_and_a_strangers_key_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert draft(tmp_path) == 0
    drafted = json.loads((tmp_path / "draft.json").read_bytes())
    assert drafted["chain_id"] == "spec-example"
    assert drafted["signatures"] == []
    key, out = str(tmp_path / "key.pem"), str(tmp_path / "signed.json")
    assert main(["keys", "new", "--out", key]) == 0
    signing = ["introduce", "sign", str(tmp_path / "draft.json"), "--key", key]
    assert main([*signing, "--member", "court-a", "--out", out]) == 0
    bundle = json.loads((EXAMPLES / "bundle-dossier.json").read_bytes())
    genesis = tmp_path / "genesis.json"
    genesis.write_text(bundle["chain"]["genesis"], encoding="utf-8")
    assert json.loads(Path(out).read_bytes())["signatures"][0]["member"] == "court-a"
    capsys.readouterr()
    assert main(["introduce", "check", out, "--genesis", str(genesis)]) != 0
    assert "is no signing key of that member" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("= 1", "no TOML"),
        ("[owner]\nname='x'", "must be one of environment, members, platform"),
        (SAID.replace('"yes"', "true"), "true and false are not used"),
        (SAID + "phone = '1'", "consortium.members[0].phone"),
    ],
)
def test_what_is_said_wrong_is_named(
    said: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert draft(tmp_path, said) != 0
    assert told in capsys.readouterr().err
    assert not (tmp_path / "draft.json").exists()
