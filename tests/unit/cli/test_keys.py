from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from builders.commands import Cli
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from node.cli.exit_codes import ExitCode
from node.client.keys import SigningKey
from node.core.signatures import PublicJwk
from node.vault.keys import create_wrapping_key, read_wrapping_key

# RFC 7517, appendix A.1, and its thumbprint as computed by RFC 7638 §3.
RFC_JWK = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
}


def new(cli: Cli, folder: Path, *more: object) -> Path:
    path = folder / "signing.pem"
    assert cli("keys", "new", "--out", path, *more).code == ExitCode.OK
    return path


def test_new_key_signs_and_is_for_its_owner_alone(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    public = tmp_path / "signing.jwk"
    ended = cli("keys", "new", "--out", path, "--public", public, "--json")
    key = SigningKey.load(path)
    assert ended.document["kid"] == key.kid
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PublicJwk.from_json(json.loads(public.read_bytes()), place="public") == key.jwk


def test_private_key_is_never_shown(cli: Cli, tmp_path: Path) -> None:
    path = new(cli, tmp_path)
    loaded = serialization.load_pem_private_key(path.read_bytes(), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    scalar = loaded.private_numbers().private_value
    for action in ("show", "public", "thumbprint"):
        ended = cli("keys", action, path)
        assert "PRIVATE" not in ended.out
        assert f"{scalar:x}" not in ended.out
        assert '"d"' not in ended.out


@pytest.mark.parametrize("taken", ["signing.pem", "signing.jwk"])
def test_nothing_is_overwritten_nor_half_made(cli: Cli, tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    private, public = tmp_path / "signing.pem", tmp_path / "signing.jwk"
    ended = cli("keys", "new", "--out", private, "--public", public)
    assert ended.code == ExitCode.BAD_INPUT
    assert taken in ended.err
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "mine"


def test_password_protects_the_key(cli: Cli, tmp_path: Path) -> None:
    password = tmp_path / "password.txt"
    password.write_bytes("密码 one\r\nsecond line".encode())
    path = new(cli, tmp_path, "--password-file", password)
    key = SigningKey.load(path, "密码 one".encode())
    ended = cli("keys", "thumbprint", path, "--password-file", password)
    assert ended.out == key.kid + "\n"


def test_missing_and_wrong_passwords_are_told_with_the_way_on(cli: Cli, tmp_path: Path) -> None:
    password = tmp_path / "password.txt"
    password.write_text("right\n")
    path = new(cli, tmp_path, "--password-file", password)
    without = cli("keys", "show", path)
    assert without.code == ExitCode.BAD_INPUT
    assert "is encrypted" in without.err
    assert "--password-file" in without.err
    password.write_text("wrong\n")
    wrong = cli("keys", "show", path, "--password-file", password)
    assert wrong.code == ExitCode.BAD_INPUT
    assert "password is wrong" in wrong.err


def test_empty_password_is_refused(cli: Cli, tmp_path: Path) -> None:
    password = tmp_path / "password.txt"
    password.write_text("\nsecond\n")
    ended = cli("keys", "new", "--out", tmp_path / "a.pem", "--password-file", password)
    assert ended.code == ExitCode.BAD_INPUT
    assert not (tmp_path / "a.pem").exists()


def test_public_key_of_the_private_one_is_the_jwk(cli: Cli, tmp_path: Path) -> None:
    path = new(cli, tmp_path)
    jwk = cli("keys", "public", path)
    assert jwk.document == SigningKey.load(path).jwk.to_json()
    again = cli("keys", "show", "-", "--json", stdin=jwk.out.encode())
    assert again.document["kid"] == SigningKey.load(path).kid


def test_thumbprint_of_a_jwk_follows_rfc_7638(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "rfc.jwk"
    path.write_text(json.dumps(RFC_JWK, indent=2))
    ended = cli("keys", "thumbprint", path)
    assert ended.out == "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"{}",
        json.dumps({**RFC_JWK, "d": "AAAA"}).encode(),  # a private key must not pass as public
        json.dumps({**RFC_JWK, "x": RFC_JWK["y"]}).encode(),
    ],
)
def test_what_is_no_key_is_refused_with_its_file(cli: Cli, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.key"
    path.write_bytes(content)
    ended = cli("keys", "show", path)
    assert ended.code == ExitCode.BAD_INPUT
    assert str(path) in ended.err


def home_with_key(tmp_path: Path) -> Path:
    folder = tmp_path / "home" / "keys"
    folder.mkdir(parents=True)
    create_wrapping_key(folder / "wrapping.key")
    return folder


def test_next_wrapping_key_is_made_beside_the_one_in_use(cli: Cli, tmp_path: Path) -> None:
    folder = home_with_key(tmp_path)
    before = (folder / "wrapping.key").read_bytes()
    told = cli("keys", "wrapping", "--home", folder.parent, "--json").document
    assert told["key"] == read_wrapping_key(folder / "wrapping.next.key").id
    assert told["former"] == read_wrapping_key(folder / "wrapping.key").id != told["key"]
    assert (folder / "wrapping.key").read_bytes() == before
    assert stat.S_IMODE((folder / "wrapping.next.key").stat().st_mode) == 0o600


def test_wrapping_key_that_is_on_its_way_is_not_replaced(cli: Cli, tmp_path: Path) -> None:
    folder = home_with_key(tmp_path)
    assert cli("keys", "wrapping", "--home", folder.parent).code == ExitCode.OK
    before = (folder / "wrapping.next.key").read_bytes()
    ended = cli("keys", "wrapping", "--home", folder.parent)
    assert ended.code == ExitCode.REFUSED
    assert "start the node" in ended.err
    assert (folder / "wrapping.next.key").read_bytes() == before


def test_without_a_wrapping_key_there_is_no_next_one(cli: Cli, tmp_path: Path) -> None:
    ended = cli("keys", "wrapping", "--home", tmp_path)
    assert ended.code == ExitCode.BAD_INPUT
    assert "wrapping.key" in ended.err
    assert not (tmp_path / "keys").exists()


def test_key_of_another_kind_is_refused(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "validator.pem"
    path.write_bytes(
        ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    ended = cli("keys", "show", path)
    assert ended.code == ExitCode.BAD_INPUT
    assert "P-256" in ended.err
