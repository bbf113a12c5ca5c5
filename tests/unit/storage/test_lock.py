"""The lock on a directory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from node.storage.errors import StoreLocked, StoreUnavailable
from node.storage.lock import LOCK_NAME, DirectoryLock


def test_it_names_its_process_and_can_be_had_again(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    assert (tmp_path / LOCK_NAME).read_text() == f"{os.getpid()}\n"
    with pytest.raises(StoreLocked) as raised:
        DirectoryLock(tmp_path)
    assert raised.value.pid == os.getpid()
    lock.release()
    lock.release()
    DirectoryLock(tmp_path).release()


def test_releasing_twice_does_not_release_somebody_elses(tmp_path: Path) -> None:
    first = DirectoryLock(tmp_path)
    first.release()
    second = DirectoryLock(tmp_path)
    first.release()
    with pytest.raises(StoreLocked):
        DirectoryLock(tmp_path)
    second.release()


def test_only_one_of_many_threads_gets_it(tmp_path: Path) -> None:
    got: list[DirectoryLock] = []
    refused: list[StoreLocked] = []
    together = threading.Barrier(8)

    def take() -> None:
        together.wait()
        try:
            got.append(DirectoryLock(tmp_path))
        except StoreLocked as error:
            refused.append(error)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (1, 7)
    got[0].release()


def test_forked_children_do_not_keep_it(tmp_path: Path) -> None:
    # The first child takes the lock, forks a second that outlives it, and ends without a word.
    ready, tell = os.pipe()
    stop, end = os.pipe()
    first = os.fork()
    if first == 0:
        DirectoryLock(tmp_path)
        if os.fork() == 0:
            os.close(end)
            os.read(stop, 1)
        else:
            os.write(tell, b"%d" % os.getpid())
        os._exit(0)
    os.waitpid(first, 0)
    assert os.read(ready, 20) == b"%d" % first
    DirectoryLock(tmp_path).release()
    for descriptor in (ready, tell, stop, end):
        os.close(descriptor)


HOLDER = """
import sys
from pathlib import Path
from node.storage.lock import DirectoryLock
lock = DirectoryLock(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.readline()
"""


def test_being_refused_does_not_free_it(tmp_path: Path, run_python: Callable[..., object]) -> None:
    process = run_python(HOLDER, tmp_path)
    assert process.stdout.readline() == "locked\n"
    for _ in range(3):
        with pytest.raises(StoreLocked, match=f"process {process.pid};"):
            DirectoryLock(tmp_path)
    process.communicate("\n")
    DirectoryLock(tmp_path).release()


def test_a_lock_file_without_a_number_names_nobody(
    tmp_path: Path, run_python: Callable[..., object]
) -> None:
    process = run_python(HOLDER, tmp_path)
    assert process.stdout.readline() == "locked\n"
    (tmp_path / LOCK_NAME).write_text("?")
    with pytest.raises(StoreLocked, match="another process") as raised:
        DirectoryLock(tmp_path)
    assert raised.value.pid is None


def test_a_directory_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="opening the lock file: No such file"):
        DirectoryLock(tmp_path / "nowhere")
