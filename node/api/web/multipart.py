"""The one file of a form that was sent as multipart/form-data (RFC 7578), out of a file on disk.

It takes exactly what a browser sends for this node's own form: one part, with a file. Anything else
is refused; the file itself is never held in memory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from mmap import ACCESS_READ, mmap
from typing import IO

from node.core.errors import InvalidEncoding

__all__ = ["boundary_of", "copy_file"]

_TYPE = re.compile(
    r"multipart/form-data; *boundary="
    r"""(?:"([A-Za-z0-9'()+_,./:=? -]{1,70})"|([A-Za-z0-9_.-]{1,70}))""",
    re.ASCII,
)
_MOST_HEADER = 4096
_PART = 1 << 20
_NAMED = re.compile(rb'form-data;(?: *[a-z*]+="[^"]*";)* *name="document"(?:;.*)?', re.DOTALL)


def boundary_of(headers: Mapping[str, str]) -> bytes:
    """The boundary that a request's content type names.

    Raises:
        InvalidEncoding: it is no form with a file.
    """
    found = _TYPE.fullmatch(headers.get("content-type", ""))
    if found is None:
        raise InvalidEncoding("header.content-type", "must be multipart/form-data with a boundary")
    return (found[1] or found[2]).encode("ascii")


def copy_file(body: IO[bytes], boundary: bytes, to: IO[bytes]) -> int:
    """Copy the file in the form ``body`` to ``to``; how many bytes it has.

    Raises:
        InvalidEncoding: the form is not of the form that this node's page has.
    """
    body.flush()
    if not body.seek(0, 2):
        raise _malformed("must not be empty")
    with mmap(body.fileno(), 0, access=ACCESS_READ) as form:
        start = _start(form, b"--" + boundary + b"\r\n")
        end_mark = b"\r\n--" + boundary + b"--"
        end = form.rfind(end_mark, start)
        if end < 0 or form[end + len(end_mark) :] not in (b"", b"\r\n"):
            raise _malformed("must end with its boundary")
        if form.find(b"\r\n--" + boundary, start) != end:
            raise _malformed("must have one part, the file")
        for at in range(start, end, _PART):
            to.write(form[at : min(at + _PART, end)])
        return end - start


def _start(form: mmap, mark: bytes) -> int:
    """Where the file begins."""
    if form[: len(mark)] != mark:
        raise _malformed("must begin with its boundary")
    # The line end of the boundary is the one before an empty header too.
    end = form.find(b"\r\n\r\n", len(mark) - 2, len(mark) + _MOST_HEADER)
    if end < 0:
        raise _malformed("must have short headers before the file")
    headers = form[len(mark) : max(end, len(mark))].split(b"\r\n")
    for line in headers:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-disposition" and _NAMED.fullmatch(value.strip()):
            return end + 4
    raise _malformed("must have the file in a part called document")


def _malformed(rule: str) -> InvalidEncoding:
    return InvalidEncoding("body", rule)
