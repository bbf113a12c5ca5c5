"""Stores and segments to test: every contract test runs against each implementation."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.storage.leveldb import LevelStore, open_leveldb
from node.storage.memory import MemorySegments, MemoryStore
from node.storage.ports import Segments, Store
from node.storage.segments import FileSegments


@pytest.fixture(params=["leveldb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    made: Store = open_leveldb(tmp_path / "store") if request.param == "leveldb" else MemoryStore()
    yield made
    made.close()


@pytest.fixture(params=["leveldb", "memory"])
def other_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A second empty store, of each kind too."""
    made: Store = open_leveldb(tmp_path / "other") if request.param == "leveldb" else MemoryStore()
    yield made
    made.close()


@pytest.fixture(params=["files", "memory"])
def make_segments(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[..., Segments]]:
    """Makes empty segments of each kind; takes ``max_bytes``."""
    made: list[Segments] = []

    def make(max_bytes: int = 64 << 20) -> Segments:
        if request.param == "memory":
            made.append(MemorySegments(max_bytes=max_bytes))
        else:
            made.append(FileSegments(tmp_path / f"segments-{len(made)}", max_bytes=max_bytes))
        return made[-1]

    yield make
    for segments in made:
        segments.close()


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A directory in memory where there is one: for tests that open a store hundreds of times."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as path:
        yield Path(path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB. Mounting it needs rights that a workstation's user has not."""
    path = tmp_path / "small-disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "evidence-node-test", str(path)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        reason = f"a full disk needs the right to mount a tmpfs: {mounted.stderr.strip()}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def run_python() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts another Python with a script and arguments; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(script: str, *arguments: str | Path) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def fill() -> Callable[..., None]:
    """Writes pairs to a store in one synced batch."""

    def write(store: LevelStore, pairs: dict[bytes, bytes], *, sync: bool = True) -> None:
        batch = store.batch()
        for key, value in pairs.items():
            batch.put(key, value)
        store.write(batch, sync=sync)

    return write


@pytest.fixture
def copy_as_crashed() -> Callable[[Path, Path], None]:
    """Copies a store's files as they are, as a crash at this moment would leave them.

    No moment in which LevelDB moves its log into a table in the background: the copy would be of
    two moments. It is taken again until there is one log, and nothing changed meanwhile.
    """

    def files(path: Path) -> dict[str, int]:
        # LOCK is not touched: closing a descriptor of it would give up LevelDB's own lock.
        names = set(os.listdir(path)) - {"LOCK", "owner.pid"}
        return {name: (path / name).stat().st_size for name in sorted(names)}

    def copy(source: Path, target: Path) -> None:
        for _ in range(10_000):
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            with contextlib.suppress(FileNotFoundError):
                before = files(source)
                for name in before:
                    shutil.copyfile(source / name, target / name)
                logs = sum(name.endswith(".log") for name in before)
                if logs == 1 and before == files(source) == files(target):
                    return
        pytest.fail("LevelDB did not come to rest")

    return copy
