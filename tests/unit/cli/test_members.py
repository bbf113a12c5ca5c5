from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.cli.members import read_founding
from node.client.keys import SigningKey
from node.core.errors import InvalidInput

KEY = SigningKey.generate()


def written(folder: Path, **changes: str) -> str:
    """A file of one member; ``changes`` replace lines, or remove them when empty."""
    inline = ", ".join(f'{name} = "{value}"' for name, value in KEY.jwk.to_json().items())
    lines = {
        "id": '"maker-a"',
        "name": '"示例制章单位"',
        "roles": '["seal_maker"]',
        "key": f"{{ {inline} }}",
        "recovery_key": f"{{ {inline} }}",
        **changes,
    }
    text = "[[member]]\n" + "".join(f"{name} = {line}\n" for name, line in lines.items() if line)
    path = folder / "members.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_key_may_stand_in_the_file_or_beside_it(tmp_path: Path) -> None:
    (tmp_path / "public.jwk").write_text(json.dumps(KEY.jwk.to_json()))
    [member] = read_founding(written(tmp_path, recovery_key='"public.jwk"')).members
    assert member.key == member.recovery_key == KEY.jwk


def test_roles_are_sorted_and_each_once(tmp_path: Path) -> None:
    path = written(tmp_path, roles='["platform", "operator", "platform"]')
    assert read_founding(path).members[0].roles == ("operator", "platform")


def test_division_of_everywhere_is_power(tmp_path: Path) -> None:
    everywhere = read_founding(written(tmp_path, roles='["police"]', divisions='[""]')).members[0]
    nowhere = read_founding(written(tmp_path, roles='["police"]')).members[0]
    assert not everywhere.powerless
    assert nowhere.powerless


@pytest.mark.parametrize(
    ("changes", "place", "rule"),
    [
        ({"id": ""}, "member[0].id", "is missing"),
        ({"id": "7"}, "member[0].id", "must be text"),
        ({"roles": '["king"]'}, "member[0].roles", "'king' is none of auditor"),
        ({"roles": "[]"}, "member[0].roles", "1 to"),
        ({"colour": '"red"'}, "member[0].colour", "is not a member of this format"),
        ({"recovery_key": ""}, "member[0].recovery_key", "is missing"),
        ({"key": "7"}, "member[0].key", "must be an object"),
        ({"key": '{ kty = "RSA" }'}, "member[0].key", "must be a JWK"),
        ({"divisions": '"3701"'}, "member[0].divisions", "must be an array"),
    ],
)
def test_errors_name_the_place_and_the_rule(
    tmp_path: Path, changes: dict[str, str], place: str, rule: str
) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(InvalidInput) as caught:
        read_founding(path)
    assert caught.value.place == f"{path}: {place}"
    assert rule in caught.value.rule


def test_key_file_that_is_none_is_named_with_the_member(tmp_path: Path) -> None:
    (tmp_path / "public.jwk").write_text("{}")
    path = written(tmp_path, key='"public.jwk"')
    with pytest.raises(InvalidInput) as caught:
        read_founding(path)
    assert caught.value.place == f"{path}: member[0].key"
    assert str(tmp_path / "public.jwk") in caught.value.rule


def test_key_file_that_is_missing_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jwk"):
        read_founding(written(tmp_path, key='"nowhere.jwk"'))


@pytest.mark.parametrize("content", [b"", b"[[member]\n", b"\xff", b"member = []\n", b"a = 1\n"])
def test_what_is_no_members_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "members.toml"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as caught:
        read_founding(str(path))
    assert str(path) in caught.value.place


def test_unknown_parameter_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    with Path(path).open("a") as file:
        file.write("[parameters]\nspeed = 9\n")
    with pytest.raises(InvalidInput, match=r"parameters\.speed"):
        read_founding(path)
