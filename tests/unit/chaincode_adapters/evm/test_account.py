"""Account keys: where they may come from, and that they get nowhere."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.evm.account import load_account, new_account

SECRET = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"


def kept(folder: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "account.key"
    path.touch(0o600)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def pem(form: PrivateFormat, curve: ec.EllipticCurve | None = None, password: bytes = b"") -> bytes:
    key = ec.derive_private_key(int(SECRET, 16), curve or ec.SECP256K1())
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, form, encryption)


@pytest.mark.parametrize(
    "content",
    [
        SECRET,
        f"0x{SECRET}\n",
        f"  {SECRET.upper()}\r\n",
        pem(PrivateFormat.PKCS8),
        pem(PrivateFormat.TraditionalOpenSSL),
    ],
    ids=["hex", "0x", "spaces", "pkcs8", "sec1"],
)
def test_a_key_in_every_form_gives_the_same_account(tmp_path: Path, content: str | bytes) -> None:
    assert load_account(kept(tmp_path, content)).address.hex() == ADDRESS


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("", "neither 64 characters of hex nor"),
        (SECRET[:-1], "neither 64 characters of hex nor"),
        (f"{SECRET}00", "neither 64 characters of hex nor"),
        (f"key={SECRET}", "neither 64 characters of hex nor"),
        ("00" * 32, "no key of secp256k1"),
        ("ff" * 32, "no key of secp256k1"),
        (pem(PrivateFormat.PKCS8, ec.SECP256R1()), "on the curve secp256k1"),
        (pem(PrivateFormat.PKCS8, password=b"secret"), "neither 64 characters of hex nor"),
        (
            ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(SECRET)).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "on the curve secp256k1",
        ),
        (f"{SECRET} " + " " * 5000, "longer than 4096"),
    ],
)
def test_what_is_no_key_is_refused_without_being_told(
    tmp_path: Path, content: str | bytes, rule: str
) -> None:
    with pytest.raises(Misconfigured, match=rule) as caught:
        load_account(kept(tmp_path, content))
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET[:16] not in told.lower()
    assert "ff" * 16 not in told.lower()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(Misconfigured, match="chmod 600"):
        load_account(kept(tmp_path, SECRET, mode))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="none cannot be read: No such file"):
        load_account(tmp_path / "none")


def test_a_new_key_is_kept_for_its_owner_alone_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "account.key"
    account = new_account(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_account(path).address == account.address
    with pytest.raises(FileExistsError):
        new_account(path)
    assert new_account(tmp_path / "other.key").address != account.address


def test_an_account_does_not_tell_its_key(tmp_path: Path) -> None:
    account = load_account(kept(tmp_path, SECRET))
    txid, raw = account.sign(
        {
            "chainId": 1,
            "to": bytes(20),
            "value": 0,
            "gas": 21_000,
            "gasPrice": 1,
            "nonce": 0,
        }
    )
    for text in (repr(account), str(account), repr(vars(account)), txid, raw.hex()):
        assert SECRET not in text.lower()
        assert str(int(SECRET, 16)) not in text
        assert str(bytes.fromhex(SECRET)) not in text
