from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from node.vault import keys
from node.vault.errors import KeyFileRefused, VaultDamaged
from node.vault.keys import (
    WrappingKey,
    create_wrapping_key,
    read_wrapping_key,
    replace_wrapping_key,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "wrapping.key"


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_new_key_file_is_for_its_owner_alone_whatever_the_umask(path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        key = create_wrapping_key(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes() == key.secret
    assert len(key.secret) == 32
    assert read_wrapping_key(path) == key
    assert os.listdir(path.parent) == ["wrapping.key"]


def test_keys_differ(tmp_path: Path) -> None:
    made = [create_wrapping_key(tmp_path / str(number)) for number in range(8)]
    assert len({key.secret for key in made}) == 8
    assert len({key.id for key in made}) == 8


def test_a_key_is_created_once(path: Path) -> None:
    create_wrapping_key(path)
    before = path.read_bytes()
    with pytest.raises(KeyFileRefused, match="exists already and is not overwritten"):
        create_wrapping_key(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["wrapping.key"]


def test_a_dangling_link_counts_as_a_key_that_exists(path: Path, tmp_path: Path) -> None:
    path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(KeyFileRefused, match="exists already"):
        create_wrapping_key(path)
    assert not (tmp_path / "nowhere").exists()


def test_nothing_is_left_when_the_disk_is_full(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keys.os, "fsync", full)
    with pytest.raises(KeyFileRefused, match="cannot be made: No space left on device"):
        create_wrapping_key(path)
    assert os.listdir(path.parent) == []


def test_no_key_is_made_in_a_directory_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(KeyFileRefused, match="cannot be made: No such file"):
        create_wrapping_key(tmp_path / "missing" / "wrapping.key")


@pytest.mark.parametrize("bit", [0o040, 0o020, 0o010, 0o004, 0o002, 0o001])
def test_a_file_open_to_others_in_any_way_is_refused(path: Path, bit: int) -> None:
    create_wrapping_key(path)
    path.chmod(0o600 | bit)
    with pytest.raises(KeyFileRefused, match=f"mode 0{0o600 | bit:o} is open to others: chmod 600"):
        read_wrapping_key(path)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_for_its_owner_alone_is_read(path: Path, mode: int) -> None:
    key = create_wrapping_key(path)
    path.chmod(mode)
    assert read_wrapping_key(path).id == key.id


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to another user needs root")
def test_another_users_file_is_refused(path: Path) -> None:
    create_wrapping_key(path)
    os.chown(path, 12345, -1)
    with pytest.raises(KeyFileRefused, match="belongs to user 12345"):
        read_wrapping_key(path)


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64, 4096])
def test_a_file_of_another_size_is_refused(path: Path, size: int) -> None:
    path.touch(mode=0o600)
    path.write_bytes(bytes(size))
    with pytest.raises(KeyFileRefused, match=f"holds {size} bytes where 32 are due"):
        read_wrapping_key(path)


def test_a_missing_file_says_what_to_do(path: Path) -> None:
    with pytest.raises(KeyFileRefused, match="restore it from its backup") as caught:
        read_wrapping_key(path)
    assert caught.value.path == str(path)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_directory_or_pipe_is_no_key_and_nothing_waits_for_it(path: Path, tmp_path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(KeyFileRefused, match="is no plain file"):
        read_wrapping_key(path)
    with pytest.raises(KeyFileRefused, match="is no plain file"):
        read_wrapping_key(tmp_path)


def test_refusals_leave_no_descriptor_open(path: Path) -> None:
    create_wrapping_key(path)
    path.chmod(0o644)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(KeyFileRefused):
            read_wrapping_key(path)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_successor_takes_the_place_of_the_old_key(path: Path, tmp_path: Path) -> None:
    create_wrapping_key(path)
    successor = create_wrapping_key(tmp_path / "next.key")
    assert replace_wrapping_key(tmp_path / "next.key", path) == successor
    assert read_wrapping_key(path) == successor
    assert os.listdir(tmp_path) == ["wrapping.key"]


def test_a_bad_successor_leaves_the_old_key(path: Path, tmp_path: Path) -> None:
    old = create_wrapping_key(path)
    (tmp_path / "next.key").write_bytes(b"short")
    (tmp_path / "next.key").chmod(0o600)
    with pytest.raises(KeyFileRefused, match="holds 5 bytes"):
        replace_wrapping_key(tmp_path / "next.key", path)
    assert read_wrapping_key(path) == old


def test_a_successor_that_cannot_be_moved_leaves_both(path: Path, tmp_path: Path) -> None:
    successor = create_wrapping_key(path)
    with pytest.raises(KeyFileRefused, match="cannot be replaced"):
        replace_wrapping_key(path, tmp_path / "missing" / "wrapping.key")
    assert read_wrapping_key(path) == successor


@pytest.mark.parametrize("size", [0, 16, 31, 33])
def test_a_key_has_32_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        WrappingKey(bytes(size))


def test_a_key_never_shows_its_secret() -> None:
    key = WrappingKey(b"0123456789abcdef0123456789abcdef")
    shown = repr(key) + str(key)
    assert key.id in shown
    assert "0123456789abcdef" not in shown
    assert key.secret.hex() not in shown
    assert key.id not in key.secret.hex()


def test_unwrapping_gives_back_what_was_wrapped() -> None:
    key = WrappingKey(bytes(32))
    wrapped = key.wrap(b"d" * 32, b"row")
    assert key.unwrap(wrapped, b"row") == b"d" * 32
    assert wrapped != key.wrap(b"d" * 32, b"row"), "a nonce was used twice"


def test_a_wrapped_key_opens_under_its_own_row_and_key_only() -> None:
    key = WrappingKey(bytes(32))
    wrapped = key.wrap(b"d" * 32, b"v/k/row")
    with pytest.raises(VaultDamaged, match="v/k/other: the wrapped key was altered"):
        key.unwrap(wrapped, b"v/k/other")
    with pytest.raises(VaultDamaged):
        WrappingKey(b"x" * 32).unwrap(wrapped, b"v/k/row")


def test_any_flipped_bit_or_missing_byte_of_a_wrapped_key_is_noticed() -> None:
    key = WrappingKey(bytes(32))
    wrapped = key.wrap(b"d" * 32, b"row")
    for position in range(8 * len(wrapped)):
        altered = bytearray(wrapped)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(VaultDamaged):
            key.unwrap(bytes(altered), b"row")
    for length in (*range(len(wrapped)), len(wrapped) + 1):
        with pytest.raises(VaultDamaged, match=f"a wrapped key of {length} bytes"):
            key.unwrap((wrapped + b"\0")[:length], b"row")
