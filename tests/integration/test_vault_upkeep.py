"""What a running node does for its vault: erasures are completed, a changed key is put in use."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.home import OPERATOR, Home, make_home
from builders.served import ServedNode, served
from builders.vault import StoreBroke

from node.api import admin
from node.api.admin import create_admin
from node.vault.keys import create_wrapping_key, read_wrapping_key
from node.vault.rotation import Rotation

CASE = "case:platform-a:0001"


def recorded(node: ServedNode) -> int:
    """Tell the story; how many private fields of the case the node holds."""
    node.submit(*node.teller.seal(), *node.teller.case())
    return node.node.vault.count(CASE)


def erase(node: ServedNode) -> dict[str, Any]:
    with node.client(OPERATOR) as client:
        return client.erase(CASE, "retention over")


def files_with(home: Home, needle: bytes) -> list[str]:
    return [
        path.name
        for path in (home.path / "local").rglob("*")
        if path.is_file() and needle in path.read_bytes()
    ]


def sealed_texts(node: ServedNode) -> list[bytes]:
    """The ends of the encrypted fields of the case, as they stand in the store's files."""
    prefix = f"v/d/{CASE}/".encode()
    rows = node.node.stores.local.scan(prefix, prefix[:-1] + b"0")
    return [value[-40:] for _, value in rows]


def test_an_erasure_is_complete_when_it_is_answered(own_node: ServedNode) -> None:
    assert recorded(own_node) == 14
    texts = sealed_texts(own_node)
    assert all(files_with(own_node.home, text) for text in texts)
    answer = erase(own_node)
    assert (len(answer["erased"]), answer["purged"]) == (14, True)
    assert not any(files_with(own_node.home, text) for text in texts)
    assert own_node.node.vault.purges_due() == []


def test_an_erasure_during_a_backup_is_completed_after_it(
    own_node: ServedNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The backup reads the store as it was, so the bytes stay in the files until it has ended."""
    node = own_node
    recorded(node)
    texts = sealed_texts(node)
    reading, go_on = threading.Event(), threading.Event()
    write_backup = admin.write_backup

    def slow(stores: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        with stores.local.snapshot():
            reading.set()
            assert go_on.wait(30)
            return write_backup(stores, *args, **kwargs)

    monkeypatch.setattr(admin, "write_backup", slow)
    answers: list[httpx.Response] = []

    def back_up() -> None:
        async def ask() -> None:
            app = create_admin(node.app.state.service, lambda: None)
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
                body = {"target": str(tmp_path / "backup")}
                answers.append(await http.post("/admin/backup", json=body, timeout=60))

        asyncio.run(ask())

    backing_up = threading.Thread(target=back_up)
    backing_up.start()
    try:
        assert reading.wait(30)
        assert erase(node)["purged"] is False
        assert all(files_with(node.home, text) for text in texts)
        assert node.node.vault.purges_due() == [CASE]
    finally:
        go_on.set()
        backing_up.join(60)
    assert json.loads(answers[0].content.split(b"\n")[-2])["event"] == "done"
    assert node.node.vault.purges_due() == []
    assert not any(files_with(node.home, text) for text in texts)


def test_an_erasure_that_was_cut_off_is_completed_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path / "home")
    with served(home) as node, monkeypatch.context() as broken:
        recorded(node)
        texts = sealed_texts(node)
        broken.setattr(node.node.vault, "purge", lambda *_: False)
        erase(node)
        assert any(files_with(home, text) for text in texts)
    with served(home) as again:
        assert again.node.vault.purges_due() == []
        assert again.node.vault.count(CASE) == 0
        assert not any(files_with(home, text) for text in texts)


def test_a_new_wrapping_key_is_in_use_after_the_next_start(tmp_path: Path) -> None:
    home = make_home(tmp_path / "home")
    keys = home.path / "keys"
    with served(home) as node:
        held = recorded(node)
        former = node.node.vault.wrapping_key_id
    successor = create_wrapping_key(keys / "wrapping.next.key")
    for _ in range(2):
        with served(home) as again:
            assert again.node.vault.wrapping_key_id == successor.id != former
            assert not again.node.vault.rotation_pending
            with again.client("platform-a") as client:
                assert len(client.disclosures(CASE)["disclosures"]) == held
        assert not (keys / "wrapping.next.key").exists()
        assert read_wrapping_key(keys / "wrapping.key").id == successor.id


def test_a_change_of_the_wrapping_key_that_was_cut_off_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store names both keys then, so the node must be given both to open it at all."""
    home = make_home(tmp_path / "home")
    successor = create_wrapping_key(home.path / "keys" / "wrapping.next.key")
    (home.path / "keys" / "wrapping.next.key").rename(tmp_path / "later.key")
    with served(home) as node:
        held = recorded(node)
        vault = node.node.vault

        def cut_off(*_: object) -> Rotation:
            raise StoreBroke

        with monkeypatch.context() as broken:
            broken.setattr("node.vault.rotation._rewrap", cut_off)
            with pytest.raises(StoreBroke):
                vault.rewrap(successor)
        assert vault.rotation_pending
    (tmp_path / "later.key").rename(home.path / "keys" / "wrapping.next.key")
    with served(home) as again:
        assert not again.node.vault.rotation_pending
        assert again.node.vault.wrapping_key_id == successor.id
        assert again.node.vault.count(CASE) == held
        again.node.vault.verify()
