"""Commands on the home of a node that does not run: audit, reindex, backup, restore, status."""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from builders.commands import Cli, in_process
from builders.home import Home, make_home, steady_clock
from builders.story import HOLDER_ID_NO, Teller

from node.cli.exit_codes import ExitCode
from node.cli.home_restore import UNVERIFIED
from node.cli.homes import opened_stores, read_home
from node.config import load_config
from node.ledger.rows import (
    ENTRIES,
    GENESIS,
    INDEX,
    KEPT,
    META,
    STATISTICS,
    TILE,
    VALUE,
    number_key,
)
from node.storage.leveldb import open_leveldb
from node.storage.segments import FileSegments
from node.vault.access_log import AccessRecord
from node.wiring import Node

CLOCK = steady_clock()
RECORDS = 8


def record(home: Home, *names: str) -> None:
    """Run the home's node and record seal and case of each name."""
    node = Node(home.config, now=CLOCK)
    node.start()
    try:
        teller = Teller(home, CLOCK())
        for name in names:
            for told in (*teller.seal(name), *teller.case(name, seal=f"ES-{name}")):
                group = node.submission.submit([told.encode()])
                assert node.submission.wait(group, 30)
                assert group.tickets[0].rejection == 0
        node.access_log.append(
            AccessRecord(1, "court-a", "k", "case:platform-a:0001", "审理", "", "granted", "r", ())
        )
    finally:
        node.stop()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a seal and a signing; not to be changed."""
    home = make_home(tmp_path_factory.mktemp("made") / "node")
    record(home, "0001")
    return home


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    """A copy of it that may be changed."""
    path = tmp_path / "node"
    shutil.copytree(made.path, path)
    return Home(path, made.chain_id, made.keys, made.future_key, load_config(path))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return in_process(capsys, monkeypatch)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def rows(home: Home, prefix: bytes = b"\x01") -> dict[bytes, bytes]:
    stop = b"\xff" * 64 if prefix == b"\x01" else prefix + b"\xff" * 64
    with open_leveldb(home.path / "ledger", kind="ledger", create=False) as store:
        return dict(store.scan(prefix, stop))


def put(home: Home, key: bytes, value: bytes | None, store: str = "ledger") -> None:
    """Alter a row with its checksum, as whoever holds the node could."""
    with open_leveldb(home.path / store, kind=store, create=False) as opened:
        batch = opened.batch()
        if value is None:
            batch.delete(key)
        else:
            batch.put(key, value)
        opened.write(batch, sync=True)


def flip(path: Path, offset: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.write_bytes(raw)


# Audit


def test_clean_home_is_found_clean(cli: Cli, home: Home) -> None:
    before = names(home.path)
    ended = cli("audit", "--home", home.path, "--json")
    assert ended.code == ExitCode.OK, ended.out
    told = ended.document
    assert told["findings"] == []
    assert told["unchecked"] == []
    assert told["signatures"] == RECORDS
    assert told["ledger"]["size"] == RECORDS + 1
    assert told["ledger"]["chain_id"] == home.chain_id
    assert names(home.path) == before
    assert "Nothing is wrong." in cli("audit", "--home", home.path).out


def test_audit_after_a_crash_is_clean(cli: Cli, made: Home, tmp_path: Path) -> None:
    """A node that was killed leaves nodes of the state map that were not written yet."""
    path = tmp_path / "crashed"
    home = make_home(path)
    node = Node(home.config, now=CLOCK)
    node.start()
    teller = Teller(home, CLOCK())
    for told in teller.seal("0001"):
        assert node.submission.wait(node.submission.submit([told.encode()]), 30)
    copy = tmp_path / "copy"
    shutil.copytree(path, copy)  # what a killed process leaves
    node.stop()
    ended = cli("audit", "--home", copy)
    assert ended.code == ExitCode.OK, ended.out


def altered_value(home: Home) -> str:
    key, value = next(
        (key, value) for key, value in rows(home, VALUE).items() if b'"status":"active"' in value
    )
    put(home, key, value.replace(b'"status":"active"', b'"status":"revoke"'))
    return key.hex()


def altered_tile(home: Home) -> str:
    key, value = next(iter(rows(home, TILE).items()))
    put(home, key, value[:-1] + bytes([value[-1] ^ 1]))
    return key.hex()


def missing_index(home: Home) -> str:
    key = next(iter(rows(home, INDEX)))
    put(home, key, None)
    return key.hex()


def further_index(home: Home) -> str:
    key = INDEX + b"aCZ0034133234712-2\0" + bytes(6)
    put(home, key, b"")
    return key.hex()


def altered_statistics(home: Home) -> str:
    put(home, STATISTICS, b"\x93\x80\x80\x90")
    return STATISTICS.hex()


def foreign_row(home: Home) -> str:
    put(home, b"zz", b"what is this")
    return b"zz".hex()


def garbage_meta(home: Home) -> str:
    put(home, META, b"garbage")
    return "ledger"


def missing_meta(home: Home) -> str:
    put(home, META, None)
    return "ledger"


def garbage_genesis(home: Home) -> str:
    put(home, GENESIS, b"{}")
    return "genesis"


def garbage_header(home: Home) -> str:
    put(home, number_key(KEPT, 3), b"\x93\x01\x02\x03")
    return "height 3"


def missing_header(home: Home) -> str:
    put(home, number_key(KEPT, 5), None)
    return "height 5"


def garbage_entries(home: Home) -> str:
    key = next(iter(rows(home, ENTRIES)))
    put(home, key, b"")
    return "entry 1"


def flipped_block(home: Home) -> str:
    [segment] = (home.path / "blocks").glob("*.seg")
    flip(segment, segment.stat().st_size // 2)
    return segment.name


def flipped_table(home: Home) -> str:
    rows(home)  # opening the store writes its log into a table
    table = max((home.path / "ledger").glob("*.ldb"), key=lambda path: path.stat().st_size)
    flip(table, table.stat().st_size // 3)
    return "ledger"


def damaged_catalogue(home: Home) -> str:
    (home.path / "ledger" / "CURRENT").write_text("MANIFEST-999999\n")
    return "ledger"


def other_genesis(home: Home) -> str:
    path = home.path / "genesis.json"
    path.write_bytes(path.read_bytes().replace("示例公证处".encode(), "别处公证处".encode()))
    return "genesis.json"


def swapped_disclosure(home: Home) -> str:
    with open_leveldb(home.path / "local", kind="local", create=False) as store:
        held = [(key, value) for key, value in store.scan(b"v/d/", b"v/d0")]
    put(home, held[0][0], held[1][1], "local")
    return "local"


def altered_access_log(home: Home) -> str:
    with open_leveldb(home.path / "local", kind="local", create=False) as store:
        [(key, value)] = store.scan(b"v/a/", b"v/a0")
    put(home, key, value.replace(b"court-a", b"court-b"), "local")
    return "access log, record 1"


def flipped_journal(home: Home) -> str:
    journal = FileSegments(home.path / "journal")
    journal.append(bytes(100))
    journal.close()
    segment = sorted((home.path / "journal").glob("*.seg"))[0]
    flip(segment, 40)
    return segment.name


DAMAGES = (
    altered_value,
    altered_tile,
    missing_index,
    further_index,
    altered_statistics,
    foreign_row,
    garbage_meta,
    missing_meta,
    garbage_genesis,
    garbage_header,
    missing_header,
    garbage_entries,
    flipped_block,
    flipped_table,
    damaged_catalogue,
    other_genesis,
    swapped_disclosure,
    altered_access_log,
    flipped_journal,
)


@pytest.mark.parametrize("damage", DAMAGES)
def test_audit_says_where_what_is_wrong(
    cli: Cli, home: Home, damage: Callable[[Home], str]
) -> None:
    place = damage(home)
    before = names(home.path)
    ended = cli("audit", "--home", home.path, "--json")
    assert ended.code == ExitCode.FAULT
    findings = ended.document["findings"]
    assert any(place in item["where"] + item["what"] for item in findings), findings
    assert HOLDER_ID_NO not in ended.out
    assert names(home.path) == before
    told = cli("audit", "--home", home.path).out
    assert "WRONG:" in told
    assert "Nothing is wrong" not in told


def test_what_was_not_checked_is_said(cli: Cli, home: Home) -> None:
    shutil.rmtree(home.path / "keys")
    ended = cli("audit", "--home", home.path, "--json")
    assert ended.code == ExitCode.OK
    assert ended.document["unchecked"] == ["private data: keys/wrapping.key is not here"]
    shutil.rmtree(home.path / "local")
    shutil.rmtree(home.path / "journal")
    assert len(cli("audit", "--home", home.path, "--json").document["unchecked"]) == 2


def test_audit_works_elsewhere_when_told(cli: Cli, home: Home, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ended = cli("audit", "--home", home.path, "--scratch", scratch)
    assert ended.code == ExitCode.OK
    assert names(scratch) == set()
    missing = cli("audit", "--home", home.path, "--scratch", tmp_path / "nowhere")
    assert missing.code == ExitCode.INPUT_OUTPUT


@pytest.mark.parametrize("command", ["audit", "reindex", "backup", "status"])
def test_home_in_use_is_left_alone(cli: Cli, home: Home, tmp_path: Path, command: str) -> None:
    more = ["--to", tmp_path / "backup"] if command == "backup" else []
    with opened_stores(read_home(home.path)):
        ended = cli(command, "--home", home.path, *more, "--json")
    assert ended.code == ended.error["code"] == ExitCode.UNREACHABLE
    assert str(os.getpid()) in ended.error["message"]


@pytest.mark.parametrize("command", ["audit", "reindex", "backup", "status"])
def test_what_is_no_home_is_told(cli: Cli, tmp_path: Path, command: str) -> None:
    more = ["--to", tmp_path / "backup"] if command == "backup" else []
    ended = cli(command, "--home", tmp_path, *more)
    assert ended.code == ExitCode.BAD_INPUT
    assert "is no node's home" in ended.err
    (tmp_path / "genesis.json").write_text("{}")
    fresh = cli(command, "--home", tmp_path, *more)
    assert fresh.code == ExitCode.BAD_INPUT
    assert "its node has never run" in fresh.err


@pytest.mark.parametrize("command", ["status", "reindex", "backup"])
def test_garbage_is_told_as_a_fault_of_the_ledger(
    cli: Cli, home: Home, tmp_path: Path, command: str
) -> None:
    garbage_meta(home)
    more = ["--to", tmp_path / "backup"] if command == "backup" else []
    ended = cli(command, "--home", home.path, *more)
    assert ended.code == ExitCode.FAULT
    assert "a fault of the program" not in ended.err
    assert names(tmp_path) == {"node"}


# Reindex


def test_reindex_makes_what_was_lost_and_altered_anew(cli: Cli, home: Home) -> None:
    for damage in (altered_value, altered_tile, missing_index, further_index, foreign_row):
        damage(home)
    ended = cli("reindex", "--home", home.path, "--json")
    assert ended.code == ExitCode.OK
    assert ended.document["size"] == RECORDS + 1
    assert cli("audit", "--home", home.path).code == ExitCode.OK
    assert not {"ledger.new", "ledger.before"} & names(home.path)


def test_node_goes_on_after_a_reindex(cli: Cli, home: Home) -> None:
    cli("reindex", "--home", home.path)
    record(home, "0002")
    audited = cli("audit", "--home", home.path, "--json")
    assert audited.code == ExitCode.OK, audited.out
    assert audited.document["ledger"]["size"] == 2 * RECORDS + 1


def test_reindex_from_damaged_blocks_changes_nothing(cli: Cli, home: Home) -> None:
    flipped_block(home)
    before = rows(home)
    ended = cli("reindex", "--home", home.path)
    assert ended.code == ExitCode.FAULT
    assert rows(home) == before
    assert not {"ledger.new", "ledger.before"} & names(home.path)


def test_reindex_refuses_blocks_that_lead_elsewhere(cli: Cli, home: Home) -> None:
    meta = rows(home)[META]
    digest = cli("status", "--home", home.path, "--json").document["app_hash"]
    altered = bytes.fromhex(digest)[:-1] + b"\0"
    put(home, META, meta.replace(bytes.fromhex(digest), altered))
    ended = cli("reindex", "--home", home.path)
    assert ended.code == ExitCode.FAULT
    assert "another app_hash" in ended.err
    assert not {"ledger.new", "ledger.before"} & names(home.path)


def test_exchange_that_was_cut_off_is_brought_to_its_end(cli: Cli, home: Home) -> None:
    (home.path / "ledger").rename(home.path / "ledger.before")
    assert cli("reindex", "--home", home.path).code == ExitCode.OK
    assert cli("audit", "--home", home.path).code == ExitCode.OK


# Backup and restore


def test_backup_is_restored_to_the_same_ledger(cli: Cli, home: Home, tmp_path: Path) -> None:
    backup, restored = tmp_path / "backup", tmp_path / "deep" / "restored"
    manifest = cli("backup", "--home", home.path, "--to", backup, "--json").document
    assert manifest["height"] == cli("status", "--home", home.path, "--json").document["height"]
    assert names(backup) == {
        *("backup.json", "blocks", "genesis.json", "journal", "ledger", "local", "node.toml")
    }
    before = content(backup)
    ended = cli("restore", "--from", backup, "--home", restored, "--json")
    assert ended.code == ExitCode.OK
    assert ended.document["clean"] is True
    assert ended.document["keys"] == "missing"
    assert ended.document["ledger"]["app_hash"] == manifest["app_hash"]
    assert content(backup) == before
    assert names(restored) == names(home.path) - {"keys"}
    again = Home(restored, home.chain_id, home.keys, home.future_key, load_config(restored))
    assert rows(again) == rows(home)


def test_restored_node_goes_on(cli: Cli, home: Home, tmp_path: Path) -> None:
    backup, restored = tmp_path / "backup", tmp_path / "restored"
    assert cli("backup", "--home", home.path, "--to", backup, "--keys").code == ExitCode.OK
    assert stat.S_IMODE((backup / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (backup / "keys").iterdir()} == {0o600}
    assert cli("restore", "--from", backup, "--home", restored).code == ExitCode.OK
    assert names(restored / "keys") == names(home.path / "keys")
    assert {stat.S_IMODE(p.stat().st_mode) for p in (restored / "keys").iterdir()} == {0o600}
    again = Home(restored, home.chain_id, home.keys, home.future_key, load_config(restored))
    record(again, "0002")
    audited = cli("audit", "--home", restored, "--json")
    assert audited.document["ledger"]["size"] == 2 * RECORDS + 1
    assert audited.document["findings"] == []


def test_backup_can_be_audited_where_it_lies(cli: Cli, home: Home, tmp_path: Path) -> None:
    cli("backup", "--home", home.path, "--to", tmp_path / "backup")
    assert cli("audit", "--home", tmp_path / "backup").code == ExitCode.OK
    assert cli("restore", "--from", tmp_path / "backup", "--home", tmp_path / "r").code == 0


def test_backup_overwrites_nothing(cli: Cli, home: Home, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    target.mkdir()
    ended = cli("backup", "--home", home.path, "--to", target)
    assert ended.code == ExitCode.BAD_INPUT
    assert names(target) == set()


def test_unfinished_backup_does_not_bear_the_name(cli: Cli, home: Home, tmp_path: Path) -> None:
    (tmp_path / "backup.unfinished").mkdir()
    (tmp_path / "backup.unfinished" / "rest").write_text("of an interrupted one")
    flipped_block(home)
    ended = cli("backup", "--home", home.path, "--to", tmp_path / "backup")
    assert ended.code == ExitCode.FAULT
    assert not {"backup", "backup.unfinished"} & names(tmp_path)


def test_restore_refuses_a_home_that_is_not_empty(cli: Cli, home: Home, tmp_path: Path) -> None:
    cli("backup", "--home", home.path, "--to", tmp_path / "backup")
    target = tmp_path / "restored"
    target.mkdir()
    (target / "mine").write_text("mine")
    ended = cli("restore", "--from", tmp_path / "backup", "--home", target)
    assert ended.code == ExitCode.BAD_INPUT
    assert content(target) == {"mine": b"mine"}


def test_restore_refuses_what_is_no_backup(cli: Cli, tmp_path: Path) -> None:
    ended = cli("restore", "--from", tmp_path, "--home", tmp_path / "restored")
    assert ended.code == ExitCode.BAD_INPUT
    assert not (tmp_path / "restored").exists()


@pytest.mark.parametrize("place", ["blocks/secret", "keys/deep/secret", "journal", "node.toml"])
def test_restore_follows_no_links(cli: Cli, home: Home, tmp_path: Path, place: str) -> None:
    """A backup that somebody else made brings nothing of this machine into the home."""
    backup, target = tmp_path / "backup", tmp_path / "restored"
    cli("backup", "--home", home.path, "--to", backup)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = backup / place
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    ended = cli("restore", "--from", backup, "--home", target)
    assert ended.code == ExitCode.BAD_INPUT
    assert f"{link}: is neither a file nor a directory" in ended.err
    assert not target.exists()


@pytest.mark.parametrize("damage", [altered_value, flipped_block, other_genesis])
def test_damaged_backup_does_not_become_a_home(
    cli: Cli, home: Home, tmp_path: Path, damage: Callable[[Home], str]
) -> None:
    backup, target = tmp_path / "backup", tmp_path / "restored"
    cli("backup", "--home", home.path, "--to", backup)
    damage(Home(backup, home.chain_id, home.keys, home.future_key, home.config))
    ended = cli("restore", "--from", backup, "--home", target)
    assert ended.code == ExitCode.FAULT
    assert "Not restored." in ended.out
    assert names(target) == {UNVERIFIED}


def test_backup_of_another_ledger_under_this_name_is_noticed(
    cli: Cli, home: Home, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    cli("backup", "--home", home.path, "--to", backup)
    path = backup / "backup.json"
    manifest = json.loads(path.read_bytes())
    path.write_text(json.dumps({**manifest, "app_hash": "00" * 32}))
    ended = cli("restore", "--from", backup, "--home", tmp_path / "restored", "--json")
    assert ended.code == ExitCode.FAULT
    assert ended.document["findings"][0]["where"] == str(path)


# Status


def test_status_of_a_stopped_node_is_read_from_its_stores(cli: Cli, home: Home) -> None:
    told = cli("status", "--home", home.path, "--json").document
    assert told["running"] is False
    assert (told["chain_id"], told["size"]) == (home.chain_id, RECORDS + 1)
    assert told["records"]["signing.completed"] == 1
    text = cli("status", "--home", home.path).out
    assert "records, signing.identity_verified" in text
