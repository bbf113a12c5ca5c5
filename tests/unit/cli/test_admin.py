"""node.cli.admin: what a running node tells over its admin socket, read line by line."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.cli.admin import find_running
from node.cli.failures import CommandFailure

ODD = "/备份/\u2028line\u2029\u0085\x0b\x0c\x1c"
"""A path with characters that end a line for `str.splitlines` and not in NDJSON."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory whose name is short enough for a socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="admin-"))
    yield folder
    shutil.rmtree(folder)


@contextmanager
def answering(home: Path, *chunks: bytes) -> Iterator[list[bytes]]:
    """A node that answers whatever is asked with these chunks of NDJSON; what it was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(home / "admin.sock"))
        listener.listen()

        def answer() -> None:
            listener.accept()[0].close()  # `find_running` looks whether somebody is there
            peer, _ = listener.accept()
            with peer:
                for part in iter(lambda: peer.recv(65536), b""):
                    asked.append(part)
                    if b"}" in part:
                        break
                peer.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                for chunk in (*chunks, b""):
                    peer.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield asked
        thread.join(10)


def told(home: Path, *chunks: bytes) -> list[dict[str, object]]:
    with answering(home, *chunks):
        running = find_running(home)
        assert running is not None
        with running:
            return list(running.backup("/x", keys=False, certificates=True))


@pytest.mark.parametrize("cut", [1, 7, 1000])
def test_only_a_line_feed_ends_a_document(home: Path, cut: int) -> None:
    documents = [{"event": "progress", "part": ODD}, {"event": "done", "manifest": {"name": ODD}}]
    text = b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in documents)
    chunks = [text[at : at + cut] for at in range(0, len(text), cut)]
    assert told(home, *chunks) == documents


def test_empty_lines_are_passed_over_and_the_last_feed_may_be_missing(home: Path) -> None:
    assert told(home, b'\n\n{"a":1}\n', b' \n{"b":2}') == [{"a": 1}, {"b": 2}]


def test_what_is_no_json_is_told_as_no_answer(home: Path) -> None:
    with pytest.raises(CommandFailure, match="no answer from the node"):
        told(home, b'{"a":1}\nnonsense\n')


@pytest.mark.parametrize("certificates", [True, False])
def test_a_node_of_before_is_asked_as_it_was(home: Path, certificates: bool) -> None:
    """It refuses members that it does not know, and its backups hold no certificates."""
    with answering(home, b'{"a":1}\n') as asked:
        running = find_running(home)
        assert running is not None
        with running:
            list(running.backup("/x", keys=True, certificates=certificates))
    body = json.loads(b"".join(asked).split(b"\r\n\r\n", 1)[1])
    left_out = {} if certificates else {"certificates": False}
    assert body == {"keys": True, "target": "/x", **left_out}
