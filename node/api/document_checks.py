"""Checks of documents under way in a node: a bounded number, on files that are never kept.

An upload takes a place before its first byte is read. Once it is whole it waits for its turn: few
are examined at a time, since each takes a processor and much memory.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from node.api.problems import Problem
from node.config import NodeConfig
from node.core.errors import InvalidInput
from node.evidence.documents.checking import check_file
from node.evidence.documents.findings import DocumentFindings
from node.evidence.documents.settings import DocumentSettings

__all__ = ["UPLOAD_SECONDS", "DocumentChecks"]

UPLOAD_SECONDS = 300.0
"""In which the whole of a document has to arrive."""
_WAITING = 4
"""Uploads for each check that is made at a time: those arrive or wait."""


class DocumentChecks:
    """What a node needs to check documents; made once.

    Raises:
        InvalidInput: a file of root certificates cannot be read, or holds none.
    """

    def __init__(self, config: NodeConfig) -> None:
        documents = config.documents
        self._settings = DocumentSettings(
            now=0,
            roots=_read_roots(config, "roots", documents.roots),
            tsa_roots=_read_roots(config, "tsa_roots", documents.tsa_roots),
            max_bytes=documents.max_megabytes << 20,
            memory_megabytes=documents.memory_megabytes,
            cpu_seconds=documents.seconds,
            seconds=documents.seconds,
        )
        self._places = documents.at_once * _WAITING
        self._turns = asyncio.Semaphore(documents.at_once)

    @property
    def max_bytes(self) -> int:
        """Bytes of a document that are taken."""
        return self._settings.max_bytes

    @contextmanager
    def place(self) -> Iterator[IO[bytes]]:
        """A file without a name for an upload; it is gone at the end of the context.

        Raises:
            Problem: 503 where as many uploads as may be are under way.
        """
        if self._places < 1:
            raise Problem(
                "busy",
                "other documents are being checked; the look-up by hash needs no upload",
                "正在核验其他文件，请稍后重试；按哈希查询无需上传文件。",
                {"retry_after": 10},
            )
        self._places -= 1
        try:
            with tempfile.TemporaryFile() as file:
                yield file
        finally:
            self._places += 1

    async def check(self, file: IO[bytes], now: int) -> DocumentFindings:
        """What is found about the file, as of ``now`` (ms), when its turn has come."""
        given = {name: getattr(self._settings, name) for name in self._settings.__struct_fields__}
        settings = DocumentSettings(**{**given, "now": now})
        async with self._turns:
            return await asyncio.to_thread(check_file, file, settings)


def _read_roots(config: NodeConfig, name: str, paths: list[str]) -> tuple[bytes, ...]:
    found: list[bytes] = []
    for path in paths:
        found += _read_certificates(config.path(path), f"node.toml, documents.{name}")
    return tuple(found)


def _read_certificates(path: Path, place: str) -> list[bytes]:
    try:
        content = path.read_bytes()
        if b"-----BEGIN" in content:
            certificates = x509.load_pem_x509_certificates(content)
        else:
            certificates = [x509.load_der_x509_certificate(content)]
        return [one.public_bytes(Encoding.DER) for one in certificates]
    except (OSError, ValueError) as error:
        raise InvalidInput(place, f"{path} holds no certificates: {error}") from error
