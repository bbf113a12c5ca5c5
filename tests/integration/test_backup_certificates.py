"""Backups and the copies of certificates: what they hold of them, and that they come back whole."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.commands import Cli, in_process
from builders.home import OPERATOR, Home, make_home, steady_clock
from builders.issuing import code_of, issuing_home, make_seal, order, post_order, serving
from builders.served import ServedNode

from node.api.admin import create_admin
from node.api.backup import BACKUP_FORMAT, FIRST_BACKUP_FORMAT, MANIFEST, write_backup
from node.cli.exit_codes import ExitCode
from node.cli.home_restore import UNVERIFIED
from node.cli.homes import opened_stores
from node.config import load_config
from node.evidence.certificates.errors import CopyLost
from node.evidence.certificates.keeping import COPIES, Kept, KeptCertificates
from node.storage.file_copies import measure_files
from node.vault.opening import open_vault
from node.wiring import Node, Stores
from node.wiring_certificates import VaultKeys

NUMBERS = ("ZS2026103112345678901", "ZS2026112312345678906", "ZS2026112912345678902")
LATER = "ZS2026113012345678903"
CASE = "case:platform-a:0001"
NOW = 1_790_000_000_000
Change = Callable[[Path], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home of a node that has run and keeps three certificates; not to be changed."""
    home = make_home(tmp_path_factory.mktemp("made") / "node")
    node = Node(home.config, now=steady_clock())
    node.start()
    node.stop()
    with copies(home.path) as (_, kept):
        for number in NUMBERS:
            keep(kept, number)
    return home


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    shutil.copytree(made.path, tmp_path / "node")
    return tmp_path / "node"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return in_process(capsys, monkeypatch)


@contextmanager
def copies(home: Path) -> Iterator[tuple[Stores, KeptCertificates]]:
    """The stores of a node that does not run, and its certificates under keys in its vault."""
    config = load_config(home)
    with opened_stores(config) as stores:
        vault = open_vault(stores.local, config.path("keys"))
        keys = VaultKeys(vault, OPERATOR, lambda: NOW)
        yield stores, KeptCertificates(stores.local, config.path(COPIES), keys)


def pdf(number: str) -> bytes:
    return b"%PDF-1.7 " + number.encode() * 5000


def keep(kept: KeptCertificates, number: str) -> Kept:
    report_hash = hashlib.sha256(pdf(number)).hexdigest()
    one = Kept(
        *(number, "CZ0034133234711", CASE, f"record:{OPERATOR}:{number}", "", report_hash, b""),
        *(NOW, NOW + 60_000, 1, "court-a", b"", number.encode(), False),
    )
    return kept.keep(one, pdf(number), b"the record")


def read(home: Path, number: str) -> bytes:
    with copies(home) as (_, kept):
        found = kept.find(number)
        assert found is not None
        return kept.read(found)


def files(home: Path) -> dict[str, bytes]:
    folder = home / COPIES
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.name.split(".")[0]: path.read_bytes() for path in found}


def file_of(home: Path, number: str) -> Path:
    return home / COPIES / number[2:8] / f"{number}.pdf.enc"


def backed_up(home: Path, target: Path, told: Callable[[str, int, int], None]) -> dict[str, Any]:
    with copies(home) as (stores, _):
        parts = {"keys": True, "certificates": True}
        return write_backup(stores, home, target, **parts, now=NOW, progress=told)


def test_a_backup_holds_every_copy_and_restore_puts_it_in_place(
    cli: Cli, home: Path, tmp_path: Path
) -> None:
    (home / COPIES / "202611" / f"{LATER}.pdf.part").write_bytes(b"half")
    ended = cli("backup", "--home", home, "--to", tmp_path / "b", "--keys", "--json")
    assert ended.code == ExitCode.OK
    manifest = ended.document
    assert (manifest["format"], manifest["certificates"]) == (BACKUP_FORMAT, "included")
    assert manifest["certificates_missing"] == 0
    assert tuple(sorted(files(tmp_path / "b"))) == NUMBERS
    counted = measure_files(tmp_path / "b" / COPIES)
    assert manifest["parts"][COPIES] == {
        "bytes": sum(len(content) for content in files(tmp_path / "b").values()),
        "count": 3,
        "sha256": counted.sha256.hex(),
    }
    restored = cli("restore", "--from", tmp_path / "b", "--home", tmp_path / "r", "--json")
    assert restored.code == ExitCode.OK, restored.out
    assert restored.document["certificates"] == "there"
    for number in NUMBERS:
        assert read(tmp_path / "r", number) == pdf(number)
        assert stat.S_IMODE(file_of(tmp_path / "r", number).stat().st_mode) == 0o600


def test_they_can_be_left_out_of_a_backup(cli: Cli, home: Path, tmp_path: Path) -> None:
    to = ("--to", tmp_path / "b", "--no-certificates")
    manifest = cli("backup", "--home", home, *to, "--keys", "--json").document
    assert manifest["certificates"] == "left out"
    assert COPIES not in manifest["parts"]
    assert not (tmp_path / "b" / COPIES).exists()
    restored = cli("restore", "--from", tmp_path / "b", "--home", tmp_path / "r", "--json")
    assert restored.code == ExitCode.OK
    assert restored.document["certificates"] == "none"
    with pytest.raises(CopyLost, match="gone"):
        read(tmp_path / "r", NUMBERS[0])


def test_a_node_without_certificates_is_backed_up_as_ever(cli: Cli, tmp_path: Path) -> None:
    plain = make_home(tmp_path / "node")
    node = Node(plain.config, now=steady_clock())
    node.start()
    node.stop()
    manifest = cli("backup", "--home", plain.path, "--to", tmp_path / "b", "--json").document
    assert manifest["parts"][COPIES]["count"] == 0
    assert not (tmp_path / "b" / COPIES).exists()
    assert "certificates, 0" in cli("backup", "--home", plain.path, "--to", tmp_path / "c").out
    assert cli("restore", "--from", tmp_path / "b", "--home", tmp_path / "r").code == ExitCode.OK


def altered(backup: Path) -> None:
    path = file_of(backup, NUMBERS[1])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def removed(backup: Path) -> None:
    file_of(backup, NUMBERS[1]).unlink()


def added(backup: Path) -> None:
    shutil.copy(file_of(backup, NUMBERS[1]), file_of(backup, NUMBERS[1]).with_name("more"))


def exchanged(backup: Path) -> None:
    one, other = file_of(backup, NUMBERS[1]), file_of(backup, NUMBERS[2])
    one.rename(backup / "aside")
    other.rename(one)
    (backup / "aside").rename(other)


def all_gone(backup: Path) -> None:
    shutil.rmtree(backup / COPIES)


@pytest.mark.parametrize("change", [altered, removed, added, exchanged, all_gone])
def test_what_is_not_as_it_was_copied_is_told_and_can_be_left_out(
    cli: Cli, home: Path, tmp_path: Path, change: Change
) -> None:
    backup = tmp_path / "b"
    cli("backup", "--home", home, "--to", backup)
    change(backup)
    ended = cli("restore", "--from", backup, "--home", tmp_path / "r", "--json")
    assert ended.code == ExitCode.FAULT
    (finding,) = ended.document["findings"]
    assert finding["where"] == str(backup / COPIES)
    assert "--no-certificates" in finding["what"]
    assert {path.name for path in (tmp_path / "r").iterdir()} == {UNVERIFIED}
    told = cli("restore", "--from", backup, "--home", tmp_path / "s", "--no-certificates")
    assert told.code == ExitCode.OK
    assert not (tmp_path / "s" / COPIES).exists()


def of_first_format(backup: Path) -> None:
    manifest = json.loads((backup / MANIFEST).read_bytes())
    del manifest["certificates"], manifest["parts"][COPIES]
    (backup / MANIFEST).write_text(json.dumps({**manifest, "format": FIRST_BACKUP_FORMAT}))


@pytest.mark.parametrize("beside", [False, True])
def test_a_backup_of_the_first_format_is_restored(
    cli: Cli, home: Path, tmp_path: Path, beside: bool
) -> None:
    """It never held certificates; who laid the folder there gets it back, told as unchecked."""
    cli("backup", "--home", home, "--to", tmp_path / "b", "--keys")
    of_first_format(tmp_path / "b")
    if not beside:
        all_gone(tmp_path / "b")
    ended = cli("restore", "--from", tmp_path / "b", "--home", tmp_path / "r", "--json")
    assert ended.code == ExitCode.OK
    assert [text.split(":")[0] for text in ended.document["unchecked"]] == (
        ["copies of certificates"] if beside else []
    )
    if beside:
        assert read(tmp_path / "r", NUMBERS[0]) == pdf(NUMBERS[0])


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"format": "evidence-backup/3"}, "format"),
        ({"certificates": "some"}, "certificates"),
        ({"certificates": None}, "certificates"),
        ({"parts": {}}, "parts.certificates"),
        ({"parts": {COPIES: {"bytes": 0, "count": -1, "sha256": "00" * 32}}}, "count"),
        ({"parts": {COPIES: {"bytes": 0, "count": 0, "sha256": "00"}}}, "sha256"),
    ],
)
def test_a_manifest_that_does_not_say_what_it_must_is_told(
    cli: Cli, home: Path, tmp_path: Path, change: dict[str, Any], place: str
) -> None:
    cli("backup", "--home", home, "--to", tmp_path / "b")
    path = tmp_path / "b" / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))
    ended = cli("restore", "--from", tmp_path / "b", "--home", tmp_path / "r", "--json")
    assert ended.code == ExitCode.FAULT
    (finding,) = ended.document["findings"]
    assert finding["where"] == str(path)
    assert place in finding["what"]


def test_what_is_issued_and_dropped_while_the_backup_is_made(home: Path, tmp_path: Path) -> None:
    """The moment is that of `local`; a file that has gone since is missing, and nothing else is."""
    told: list[tuple[str, int, int]] = []
    with copies(home) as (stores, kept):
        held = [kept.find(number) for number in NUMBERS]

        def progress(part: str, done: int, total: int) -> None:
            told.append((part, done, total))
            if part == "local" and kept.find(LATER) is None:
                keep(kept, LATER)
                assert held[1] is not None
                kept.drop(held[1], "erased before its file was copied")
            elif (part, done) == (COPIES, 1):
                assert held[0] is not None
                kept.drop(held[0], "erased after its file was copied")

        parts = {"keys": True, "certificates": True}
        made = write_backup(stores, home, tmp_path / "b", **parts, now=NOW, progress=progress)
    assert [one for one in told if one[0] == COPIES] == [(COPIES, 1, 0), (COPIES, 2, 0)]
    assert (made["parts"][COPIES]["count"], made["certificates_missing"]) == (2, 1)
    assert set(files(home)) == {NUMBERS[2], LATER}
    assert set(files(tmp_path / "b")) == {NUMBERS[0], NUMBERS[2]}
    assert read(tmp_path / "b", NUMBERS[0]) == pdf(NUMBERS[0])
    with pytest.raises(CopyLost, match="gone"):
        read(tmp_path / "b", NUMBERS[1])
    with copies(tmp_path / "b") as (_, kept):
        assert kept.find(LATER) is None


def test_a_copy_that_is_lost_is_counted_and_told(cli: Cli, home: Path, tmp_path: Path) -> None:
    file_of(home, NUMBERS[1]).unlink()
    ended = cli("backup", "--home", home, "--to", tmp_path / "b", "--keys")
    assert ended.code == ExitCode.OK
    assert "certificates, 2; the files of 1 more are missing" in ended.out
    assert json.loads((tmp_path / "b" / MANIFEST).read_bytes())["certificates_missing"] == 1
    assert cli("restore", "--from", tmp_path / "b", "--home", tmp_path / "r").code == ExitCode.OK


def test_what_was_dropped_before_is_not_copied_even_where_its_file_was_left(
    home: Path, tmp_path: Path
) -> None:
    path = file_of(home, NUMBERS[0])
    content = path.read_bytes()
    with copies(home) as (_, kept):
        one = kept.find(NUMBERS[0])
        assert one is not None
        kept.drop(one, "erased")
    path.write_bytes(content)  # as a crash before its removal leaves it
    backed_up(home, tmp_path / "b", lambda *_: None)
    assert set(files(tmp_path / "b")) == set(NUMBERS[1:])


def test_a_copy_whose_key_was_erased_before_is_useless_in_the_backup(
    home: Path, tmp_path: Path
) -> None:
    with copies(home) as (stores, kept):
        one = kept.find(NUMBERS[0])
        assert one is not None
        vault = open_vault(stores.local, home / "keys")
        batch = stores.local.batch()
        vault.erase(batch, one.record, [one.key], at_ms=NOW, by=OPERATOR, why="retention over")
        stores.local.write(batch, sync=True)
        vault.purge(one.record)
    backed_up(home, tmp_path / "b", lambda *_: None)
    with pytest.raises(CopyLost, match="erased"):
        read(tmp_path / "b", NUMBERS[0])
    assert read(tmp_path / "b", NUMBERS[1]) == pdf(NUMBERS[1])


def test_a_copy_that_cannot_be_read_fails_the_backup_and_leaves_nothing(
    cli: Cli, home: Path, tmp_path: Path
) -> None:
    path = file_of(home, NUMBERS[1])
    path.unlink()
    path.mkdir()
    ended = cli("backup", "--home", home, "--to", tmp_path / "b")
    assert ended.code == ExitCode.INPUT_OUTPUT
    assert str(path) in ended.err
    assert {one.name for one in tmp_path.iterdir()} == {"node"}
    to = ("--to", tmp_path / "b", "--no-certificates")
    assert cli("backup", "--home", home, *to).code == ExitCode.OK


def ask_backup(node: ServedNode, body: dict[str, Any]) -> httpx.Response:
    """Ask a running node for a backup, as over its socket."""

    async def ask() -> httpx.Response:
        app = create_admin(node.app.state.service, lambda: None)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            return await http.post("/admin/backup", json=body, timeout=60)

    return asyncio.run(ask())


def test_a_restored_node_hands_out_the_same_bytes(cli: Cli, tmp_path: Path) -> None:
    home = issuing_home(tmp_path / "node", make_seal(tmp_path / "seal"))
    target, without = tmp_path / "b", tmp_path / "without"
    with serving(home) as node:
        node.submit(*node.teller.seal(), *node.teller.case())
        answer = post_order(node, order(codes=[code_of(node, CASE)]))
        assert answer.status_code == 201, answer.text
        (one,) = answer.json()["certificates"]
        path = f"/v1/certificates/{one['certificate_no']}.pdf"
        content = node.get(path, "court-a").content
        assert hashlib.sha256(content).hexdigest() == one["report_hash"]
        told = ask_backup(node, {"target": str(target), "keys": True})
        done = [json.loads(line) for line in told.text.splitlines()]
        assert done[-1]["manifest"]["parts"][COPIES]["count"] == 1
        left_out = {"target": str(without), "certificates": False}
        last = json.loads(ask_backup(node, left_out).text.splitlines()[-1])
        assert last["manifest"]["certificates"] == "left out"
        wrong = {"target": str(tmp_path / "w"), "certificates": "no"}
        assert ask_backup(node, wrong).json()["place"] == "body.certificates"
    assert {part["part"] for part in done[:-1]} <= {"journal", "blocks", "ledger", "local", COPIES}
    assert cli("restore", "--from", target, "--home", tmp_path / "r").code == ExitCode.OK
    config = load_config(tmp_path / "r")
    again = Home(tmp_path / "r", home.chain_id, home.keys, home.future_key, config)
    with serving(again) as node:
        answer = node.get(path, "court-a")
        assert (answer.status_code, answer.content) == (200, content)
    altered_one = file_of(target, one["certificate_no"])
    altered_one.write_bytes(altered_one.read_bytes()[:-1] + b"\0\0")
    ended = cli("restore", "--from", target, "--home", tmp_path / "s", "--json")
    assert ended.code == ExitCode.FAULT
    (finding,) = ended.document["findings"]
    assert finding["where"] == str(target / COPIES)
