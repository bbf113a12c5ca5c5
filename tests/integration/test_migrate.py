"""``evidence-node migrate``: a home goes on as another chain, wherever the command is cut off.

The chain that follows has one validator too, so that no engine is needed; `test_migrate_net` has
four.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.commands import Cli, in_process
from builders.home import OPERATOR, Home, make_home, steady_clock
from builders.second_opinion import both
from builders.story import STORY_TIME, Teller, Told

from node.cli import home_migration
from node.config import load_config
from node.core.encoding import canonical_json
from node.core.ended_chain import decode_ended_chain
from node.core.errors import InvalidInput
from node.core.genesis import Genesis, ed25519_jwk, encode_genesis
from node.core.trust import Trust
from node.evidence.bundle import bundle_dossier, encode_bundle
from node.ledger.rows import ENDED, KEPT, META, decode_meta, number_key
from node.storage.leveldb import open_leveldb
from node.vault.keys import create_wrapping_key
from node.wiring import EdKey, Node

NEXT = "four-institutions"
CASE = "case:platform-a:0001"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    return in_process(capsys, monkeypatch)


def record(home: Home, told: list[Told], now: Callable[[], int]) -> list[str | None]:
    """Run the home's node and submit; how each was found: new is None."""
    node = Node(home.config, now=now)
    node.start()
    try:
        found = []
        for item in told:
            group = node.submission.submit([item.encode()])
            assert node.submission.wait(group, 30)
            (ticket,) = group.tickets
            assert ticket.flaw is None, ticket.flaw
            assert ticket.known or ticket.rejection == 0
            found.append(ticket.known)
        return found
    finally:
        node.stop()


def bundle_of(home: Home, subject: str = CASE) -> tuple[bytes, bytes]:
    """The dossier's bundle as the home has it, and its chain's trust file."""
    node = Node(home.config)
    try:
        with node.reader() as reader:
            bundle = encode_bundle(bundle_dossier(reader, subject))
        trust = Trust(node.genesis.chain_id, node.genesis.hash).to_json()
    finally:
        node.stores.close()
    return bundle, canonical_json(trust)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A solo node's home with a seal and the beginning of a signing. Not to be changed."""
    home = make_home(tmp_path_factory.mktemp("made") / "node")
    record(home, [*teller_of(home).seal(), *teller_of(home).case()[:3]], steady_clock())
    return home


def teller_of(home: Home) -> Teller:
    """Tells the old chain's story, the same whenever it is told."""
    return Teller(home, STORY_TIME)


def copied(home: Home, path: Path) -> Home:
    shutil.copytree(home.path, path)
    return replace(home, path=path, config=load_config(path))


@pytest.fixture
def home(made: Home, tmp_path: Path) -> Home:
    return copied(made, tmp_path / "node")


def successor(home: Home, told: Mapping[str, Any], path: Path, **changes: Any) -> Genesis:
    """The new chain's genesis, from what `prepare` wrote, with the same members and validator."""
    value = json.loads((home.path / "genesis.json").read_bytes())
    genesis = encode_genesis(
        {
            **value,
            "chain_id": NEXT,
            "genesis_time": told["genesis_time_after"] + 1000,
            "initial_height": told["initial_height"],
            "predecessor": told["predecessor"],
            **changes,
        }
    )
    path.write_bytes(genesis.document)
    return genesis


def ended(cli: Cli, home: Home, path: Path) -> Genesis:
    done = cli("migrate", "prepare", "--home", home.path, "--json")
    assert done.code == 0, done.err
    return successor(home, done.document, path)


def later_clock(genesis: Genesis) -> Callable[[], int]:
    return steady_clock(genesis.genesis_time + 5_000)


def test_a_solo_chain_is_continued_in_its_home(cli: Cli, home: Home, tmp_path: Path) -> None:
    before = bundle_of(home)
    file = tmp_path / "predecessor.json"
    done = cli("migrate", "prepare", "--home", home.path, "--out", file)
    assert done.code == 0, done.err
    told = json.loads(file.read_bytes())
    assert decode_ended_chain(file.read_bytes()).initial_height == told["initial_height"]
    assert f"Continues at:  initial_height {told['initial_height']}" in done.out
    genesis = successor(home, told, tmp_path / "genesis.json")
    done = cli("migrate", "apply", "--home", home.path, "--genesis", tmp_path / "genesis.json")
    assert done.code == 0, done.err
    assert f"Chain:         {NEXT}, continues {home.chain_id}" in done.out
    moved, clock = replace(home, chain_id=NEXT), later_clock(genesis)
    assert record(moved, Teller(moved, clock()).case()[3:], clock) == [None, None]
    after = bundle_of(home)
    assert len(json.loads(after[0])["entries"]) == 5
    assert len(json.loads(after[0])["predecessors"]) == 1
    assert both(*after).accepted
    assert both(*before).accepted, "what was made before stays good"
    assert not both(after[0], before[1]).accepted
    audit = cli("audit", "--home", home.path)
    assert audit.code == 0, audit.out
    assert cli("reindex", "--home", home.path).code == 0
    assert both(*bundle_of(home)).accepted


def test_a_home_made_from_a_backup(cli: Cli, home: Home, tmp_path: Path) -> None:
    genesis = ended(cli, home, tmp_path / "genesis.json")
    backup, new = tmp_path / "backup", tmp_path / "court"
    assert cli("backup", "--home", home.path, "--to", backup).code == 0
    (new / "keys").mkdir(parents=True)
    shutil.copy(home.path / "keys/validator.pem", new / "keys")
    EdKey.generate(new / "keys/checkpoint.pem")
    create_wrapping_key(new / "keys/wrapping.key")
    shutil.copy(tmp_path / "genesis.json", new)
    (new / "node.toml").write_text("[api]\nport = 0\n[submission]\nworkers = 1\n")
    arguments = ("--home", new, "--genesis", tmp_path / "genesis.json", "--backup", backup)
    done = cli("migrate", "apply", *arguments, "--json")
    assert done.code == 0, done.err
    assert done.document["genesis_hash"] == genesis.hash.hex()
    assert sorted(path.name for path in new.iterdir()) == [
        *("blocks", "genesis.json", "keys", "ledger", "node.toml")
    ]
    moved = replace(home, path=new, chain_id=NEXT, config=load_config(new))
    clock = later_clock(genesis)
    assert record(moved, Teller(moved, clock()).case()[3:], clock) == [None, None]
    assert both(*bundle_of(moved)).accepted
    again = cli("migrate", "apply", *arguments)
    assert again.code == 0, "done already, and says so"


def test_what_was_recorded_before_may_be_handed_in_again(
    cli: Cli, home: Home, tmp_path: Path
) -> None:
    """A client whose receipt was lost: the same bytes are the same record, on either chain. What
    was signed for the old chain and never recorded is not taken any more."""
    told = Teller(home, steady_clock()()).case()
    genesis = ended(cli, home, tmp_path / "genesis.json")
    done = cli("migrate", "apply", "--home", home.path, "--genesis", tmp_path / "genesis.json")
    assert done.code == 0, done.err
    clock = later_clock(genesis)
    again = teller_of(home).case()[:3]
    assert record(home, again, clock) == ["recorded"] * 3
    node = Node(home.config, now=clock)
    node.start()
    try:
        group = node.submission.submit([told[4].encode()])
        assert node.submission.wait(group, 30)
        assert group.tickets[0].flaw == (
            *("InvalidTransaction", "payload.cid", f"must be {NEXT}, this node's chain", ""),
        )
        with node.reader() as reader:
            assert reader.chain_id_at(1) == home.chain_id
            assert reader.chain_id_at(reader.meta.height) == NEXT
    finally:
        node.stop()


def test_an_ended_chain_makes_no_more_blocks_until_the_end_is_taken_back(
    cli: Cli, home: Home, tmp_path: Path
) -> None:
    first = cli("migrate", "prepare", "--home", home.path, "--json")
    assert cli("migrate", "prepare", "--home", home.path, "--json").document == first.document
    with pytest.raises(InvalidInput, match="has been ended by `evidence-node migrate prepare`"):
        Node(home.config)
    assert cli("run", "--home", home.path).code == 65
    assert cli("reindex", "--home", home.path).code == 0
    assert cli("run", "--home", home.path).code == 65, "reindexing does not take it back"
    assert cli("audit", "--home", home.path).code == 0
    undone = cli("migrate", "prepare", "--home", home.path, "--undo", "--json")
    assert undone.document == {"reopened": True}
    clock = steady_clock(later(home))
    record(home, Teller(home, clock()).case()[3:], clock)
    genesis = successor(home, first.document, tmp_path / "genesis.json")
    done = cli("migrate", "apply", "--home", home.path, "--genesis", tmp_path / "genesis.json")
    assert done.code == 65, "the chain went on after that end"
    assert "genesis.predecessor." in done.err
    assert genesis.predecessor is not None


def later(home: Home) -> int:
    with open_leveldb(home.path / "ledger", kind="ledger", create=False) as store:
        raw = store.get(META)
    assert raw is not None
    return decode_meta(raw).time + 5_000


def test_what_was_acknowledged_must_be_on_the_chain_first(cli: Cli, home: Home) -> None:
    """A journal with a submission that no block has: its node was killed before the next one."""
    from node.cli.homes import opened_stores
    from node.core.frame import encode_frame

    told = Teller(home, steady_clock()()).imported("0009")
    with opened_stores(home.config) as stores:
        stores.journal.append(encode_frame([told.jwt]))
        stores.journal.sync()
    done = cli("migrate", "prepare", "--home", home.path)
    assert done.code == 75
    assert "1 submissions that the node has acknowledged are not on the chain yet" in done.err
    assert rows(home, ENDED) == {}
    clock = steady_clock(later(home))
    record(home, [Teller(home, clock()).imported("0010")], clock)
    assert cli("migrate", "prepare", "--home", home.path).code == 0


def rows(home: Home, prefix: bytes) -> dict[bytes, bytes]:
    with open_leveldb(home.path / "ledger", kind="ledger", create=False) as store:
        return dict(store.scan(prefix, prefix + b"\xff" * 8))


def test_a_chain_without_a_block_does_not_end(cli: Cli, tmp_path: Path) -> None:
    home = make_home(tmp_path / "node")
    Node(home.config).stores.close()
    done = cli("migrate", "prepare", "--home", home.path)
    assert done.code == 65
    assert "cannot end at height 0" in done.err


def test_no_member_of_a_consortium_ends_its_chain(cli: Cli, home: Home) -> None:
    with (home.path / "node.toml").open("a") as file:
        file.write('[engine]\nkind = "cometbft"\n')
    done = cli("migrate", "prepare", "--home", home.path)
    assert done.code == 1
    assert "is the home of a consortium's node" in done.err


def test_an_altered_ledger_is_not_continued(cli: Cli, home: Home, tmp_path: Path) -> None:
    ended(cli, home, tmp_path / "genesis.json")
    with open_leveldb(home.path / "ledger", kind="ledger", create=False) as store:
        batch = store.batch()
        batch.delete(number_key(KEPT, 1))
        store.write(batch, sync=True)
    done = cli("migrate", "apply", "--home", home.path, "--genesis", tmp_path / "genesis.json")
    assert done.code == 70
    assert "height 1: its header is missing" in done.out
    assert "Nothing was changed" in done.out
    assert rows(home, ENDED)


def test_a_home_whose_ledger_is_not_here_yet_does_not_start(
    cli: Cli, home: Home, tmp_path: Path
) -> None:
    """Started too early it leaves empty stores, which are no obstacle afterwards."""
    ended(cli, home, tmp_path / "genesis.json")
    assert cli("backup", "--home", home.path, "--to", tmp_path / "backup", "--keys").code == 0
    early = tmp_path / "early"
    early.mkdir()
    shutil.copytree(home.path / "keys", early / "keys")
    shutil.copy(tmp_path / "genesis.json", early)
    assert "`evidence-node migrate apply` continues it" in cli("run", "--home", early).err
    genesis = ("--genesis", tmp_path / "genesis.json")
    assert "--backup names the directory" in cli("migrate", "apply", "--home", early, *genesis).err
    done = cli("migrate", "apply", "--home", early, *genesis, "--backup", tmp_path / "backup")
    assert done.code == 0, done.err
    assert cli("audit", "--home", early).code == 0


class Killed(BaseException):
    """The process ends here."""


def cuts(backup: bool) -> Iterator[str]:
    yield from ("_write_genesis", "audit_home", "read_meta")
    if backup:
        yield from ("_copy_folder", "_name_copy")


@pytest.mark.parametrize(
    ("name", "backup"), [(name, backup) for backup in (False, True) for name in cuts(backup)]
)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_cut_off_anywhere_it_is_run_again(
    cli: Cli,
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    backup: bool,
    moment: str,
) -> None:
    ended(cli, home, tmp_path / "genesis.json")
    target = home.path
    arguments: list[object] = ["--genesis", tmp_path / "genesis.json"]
    if backup:
        assert cli("backup", "--home", home.path, "--to", tmp_path / "backup").code == 0
        target = tmp_path / "new"
        target.mkdir()
        arguments += ["--backup", tmp_path / "backup"]
    whole = getattr(home_migration, name)

    def cut(*given: Any) -> Any:
        if moment == "after":
            whole(*given)
        raise Killed

    monkeypatch.setattr(home_migration, name, cut)
    with pytest.raises(Killed):
        cli("migrate", "apply", "--home", target, *arguments)
    monkeypatch.undo()
    if backup and (target / "ledger").exists():
        arguments = arguments[:2]
    done = cli("migrate", "apply", "--home", target, *arguments, "--json")
    assert done.code == 0, done.err
    assert done.document["chain_id"] == NEXT
    assert (target / "genesis.json").read_bytes() == (tmp_path / "genesis.json").read_bytes()
    assert not {".migrating", ".migrated"} & {path.name for path in target.iterdir()}
    assert cli("audit", "--home", target).code == 0


def test_cut_off_between_the_two_names(
    cli: Cli, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks are in place, the ledger is not: the home has no chain yet."""
    ended(cli, home, tmp_path / "genesis.json")
    assert cli("backup", "--home", home.path, "--to", tmp_path / "backup").code == 0
    new = tmp_path / "new"
    new.mkdir()
    rename = Path.rename

    def once(self: Path, target: Path) -> Path:
        if self.name == "ledger" and self.parent.name == ".migrated":
            raise Killed
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", once)
    arguments = ("--genesis", tmp_path / "genesis.json", "--backup", tmp_path / "backup")
    with pytest.raises(Killed):
        cli("migrate", "apply", "--home", new, *arguments)
    monkeypatch.undo()
    assert (new / "blocks").is_dir()
    assert not (new / "ledger").exists()
    done = cli("migrate", "apply", "--home", new, *arguments)
    assert done.code == 0, done.err
    assert cli("audit", "--home", new).code == 0


def test_applied_twice_it_says_the_same(cli: Cli, home: Home, tmp_path: Path) -> None:
    ended(cli, home, tmp_path / "genesis.json")
    arguments = ("--home", home.path, "--genesis", tmp_path / "genesis.json", "--json")
    first = cli("migrate", "apply", *arguments)
    assert cli("migrate", "apply", *arguments).document == first.document


def test_a_genesis_without_a_past_is_refused(cli: Cli, home: Home) -> None:
    done = cli("migrate", "apply", "--home", home.path, "--genesis", home.path / "genesis.json")
    assert done.code == 65
    assert "genesis.predecessor: is missing" in done.err


def test_other_members_and_validators(cli: Cli, home: Home, tmp_path: Path) -> None:
    """The old node's key is no validator any more: a solo node refuses to go on with it."""
    done = cli("migrate", "prepare", "--home", home.path, "--json")
    other = EdKey.generate(tmp_path / "validator.pem")
    validators = [{"member": OPERATOR, "power": 10, "public_key": ed25519_jwk(other.public_key)}]
    successor(home, done.document, tmp_path / "genesis.json", validators=validators)
    assert (
        cli("migrate", "apply", "--home", home.path, "--genesis", tmp_path / "genesis.json").code
        == 0
    )
    assert "names other validators" in cli("run", "--home", home.path).err
