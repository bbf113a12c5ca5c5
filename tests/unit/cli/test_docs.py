"""docs/cli.md says what the commands say."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from node.cli.command_table import COMMANDS
from node.cli.exit_codes import MEANINGS
from node.cli.members import read_founding
from node.client.keys import SigningKey

TEXT = (Path(__file__).parents[3] / "docs" / "cli.md").read_text("utf-8")


def rows(pattern: str) -> dict[str, str]:
    return dict(re.findall(pattern, TEXT, re.MULTILINE))


def test_every_command_stands_there_as_in_the_help() -> None:
    assert rows(r"^\| `([a-z-]+)` \| (.+?) \| ") == COMMANDS


def test_every_exit_code_stands_there_as_in_the_help() -> None:
    codes = {str(int(code)): meaning for code, meaning in MEANINGS.items()}
    assert rows(r"^\| (\d+) \| (.+?) \|$") == codes


def test_example_of_members_is_one(tmp_path: Path) -> None:
    [example] = re.findall(r"```toml\n(.+?)```", TEXT, re.DOTALL)
    keys = [SigningKey.generate().jwk.to_json() for _ in range(4)]
    (tmp_path / "keys").mkdir()
    for name, jwk in zip(("maker-a", "police-3701", "police-3701.recovery"), keys):
        (tmp_path / "keys" / f"{name}.jwk").write_text(str(jwk).replace("'", '"'))
    for name in ("x", "y"):
        example = example.replace(f'{name} = "…"', f'{name} = "{keys[3][name]}"')
    path = tmp_path / "members.toml"
    path.write_text(example, "utf-8")
    founding = read_founding(str(path))
    assert [member.id for member in founding.members] == ["maker-a", "police-3701"]
    assert founding.parameters["custodians"] == ["maker-a"]
    assert tomllib.loads(example)["member"][1]["divisions"] == ["3701"]


@pytest.mark.parametrize("path", ["config/node.example.toml"])
def test_files_it_names_exist(path: str) -> None:
    assert path in TEXT
    assert (Path(__file__).parents[3] / path).is_file()
