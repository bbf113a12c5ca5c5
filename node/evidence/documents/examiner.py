"""The process that examines one file: ``python -m node.evidence.documents.examiner <descriptor>``.

The file is the open descriptor of that number, its settings come in JSON on standard input, the
findings go as JSON to standard output. Before it reads anything of the file it bounds its memory
and time, and gives up the right to open anything: neither a file nor a connection can be had any
more, whatever the file makes the libraries do.
"""

from __future__ import annotations

import asyncio
import codecs
import importlib
import logging
import resource
import signal
import sys
from contextlib import suppress
from mmap import ACCESS_READ

import msgspec

from node.evidence.documents.examining import examine
from node.evidence.documents.findings import encode_findings
from node.evidence.documents.mapped_file import MappedFile
from node.evidence.documents.outcomes import outcome
from node.evidence.documents.settings import DocumentSettings

__all__ = ["main"]

_MOST_SETTINGS = 4 << 20
_CODECS = (
    "ascii",
    "idna",
    "latin-1",
    "punycode",
    "utf-8",
    "utf-16",
    "utf-16-be",
    "utf-16-le",
    "utf-32-be",
    "unicode_escape",
)
_LATE = (
    "cryptography.hazmat.backends.openssl.backend",
    "cryptography.hazmat.primitives.asymmetric.dsa",
    "cryptography.hazmat.primitives.asymmetric.ed448",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.asymmetric.padding",
    "cryptography.hazmat.primitives.ciphers.algorithms",
    "cryptography.hazmat.primitives.serialization",
    "dateutil.parser",
    "linecache",
    "lxml.etree",
    "pyhanko.pdf_utils.crypt.pdfmac",
    "pyhanko.pdf_utils.filters",
    "pyhanko.pdf_utils.metadata.xmp_xml",
    "traceback",
)


def main(arguments: list[str]) -> int:
    """Examine the file; 0 once the findings are written."""
    descriptor = int(arguments[0])
    settings = msgspec.json.decode(sys.stdin.buffer.read(_MOST_SETTINGS), type=DocumentSettings)
    logging.disable(logging.CRITICAL)  # the library logs parts of the file
    _import_what_comes_late()
    loop = asyncio.new_event_loop()
    data = _map(descriptor)
    _bound(settings)
    findings = outcome("empty") if data is None else examine(data, settings, loop)
    sys.stdout.buffer.write(encode_findings(findings))
    sys.stdout.buffer.flush()
    return 0


def _map(descriptor: int) -> MappedFile | None:
    try:
        return MappedFile(descriptor, 0, access=ACCESS_READ)
    except ValueError:  # nothing can be mapped of a file without bytes
        return None


def _import_what_comes_late() -> None:
    """Load what the libraries would load only when it is first used; then nothing can be opened."""
    for module in _LATE:
        with suppress(ImportError):  # not all of what the libraries can use has to be there
            importlib.import_module(module)
    for codec in _CODECS:
        codecs.lookup(codec)


def _bound(settings: DocumentSettings) -> None:
    """Bound what this process may use from here on, for good."""
    memory = settings.memory_megabytes << 20
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, settings.cpu_seconds),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(settings.seconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
