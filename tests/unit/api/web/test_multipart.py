"""node.api.web.multipart: exactly the form that a browser sends for this node's page."""

from __future__ import annotations

import io
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.api.web.multipart import boundary_of, copy_file
from node.core.errors import InvalidEncoding

BOUNDARY = b"----WebKitFormBoundaryAbC123"
HEAD = b'Content-Disposition: form-data; name="document"; filename="a.pdf"\r\n'
TYPE = b"Content-Type: application/pdf\r\n"


def form(content: bytes, head: bytes = HEAD + TYPE, tail: bytes = b"--\r\n") -> bytes:
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n" + content + b"\r\n--" + BOUNDARY + tail


def copied(body: bytes) -> bytes:
    to = io.BytesIO()
    with tempfile.TemporaryFile() as file:
        file.write(body)
        assert copy_file(file, BOUNDARY, to) == len(to.getvalue())
    return to.getvalue()


@given(st.binary(max_size=3000))
def test_what_is_sent_comes_out(content: bytes) -> None:
    assert copied(form(content)) == content


@pytest.mark.parametrize("content", [b"", b"\r\n", b"\r\n--", b"--" + BOUNDARY, b"x" * (3 << 20)])
def test_contents_that_look_like_the_form(content: bytes) -> None:
    assert copied(form(content)) == content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        form(b"a")[:-6],
        form(b"a") + b"more",
        form(b"a", tail=b"\r\n" + HEAD + b"\r\nb\r\n--" + BOUNDARY + b"--\r\n"),
        form(b"a", head=HEAD.replace(b"document", b"other")),
        form(b"a", head=b""),
        form(b"a", head=b"X: " + b"y" * 5000 + b"\r\n" + HEAD),
        b"preamble\r\n" + form(b"a"),
    ],
)
def test_another_form_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEncoding, match="body"):
        copied(body)


@given(st.binary(max_size=300))
def test_no_bytes_do_more_than_be_refused(body: bytes) -> None:
    try:
        copied(b"--" + BOUNDARY + b"\r\n" + body)
    except InvalidEncoding:
        pass


@pytest.mark.parametrize(
    ("given_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/form-data; boundary="a b:c"', b"a b:c"),
    ],
)
def test_the_boundary(given_type: str, boundary: bytes) -> None:
    assert boundary_of({"content-type": given_type}) == boundary


@pytest.mark.parametrize(
    "given_type",
    ["", "application/pdf", "multipart/form-data", "multipart/form-data; boundary=a\nb",
     "multipart/form-data; boundary=" + "a" * 71],
)  # fmt: skip
def test_no_boundary(given_type: str) -> None:
    with pytest.raises(InvalidEncoding):
        boundary_of({"content-type": given_type})
