from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from builders.certificates import issue, new_key, pem_key, self_signed, tsa_extensions
from builders.time_stamping import adapter_of

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.settings import AdapterSettings

ROOT = self_signed()
PASSWORD = "hunter2 hunter2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "password").write_text(PASSWORD, encoding="utf-8")
    (tmp_path / "two-lines").write_text(f"{PASSWORD}\nmore\n", encoding="utf-8")
    (tmp_path / "binary").write_bytes(PASSWORD.encode() + b"\xff")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "endless").write_bytes(bytes((1 << 20) + 1))
    (tmp_path / "key").write_bytes(pem_key(ROOT.key))
    (tmp_path / "weak").write_bytes(
        issue("Weak", ROOT, tsa_extensions(), key=new_key("RSA-1024")).pem
    )
    (tmp_path / "client.pem").write_bytes(ROOT.pem)
    (tmp_path / "other.key").write_bytes(pem_key(new_key()))
    return tmp_path


HTTPS = "https://tsa.example/tsr"


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"url": "ftp://tsa.example/"}, "http or https"),
        ({"url": "tsa.example"}, "http or https"),
        ({"url": "http:///x"}, "http or https"),
        ({"url": "http://user:secret@tsa.example/"}, "without a user"),
        ({"url": "http://tsa.example/#x"}, "fragment"),
        ({"url": "http://tsa.example:99999/"}, "port"),
        ({"roots": ["none.pem"]}, r"none\.pem cannot be read: No such file"),
        ({"roots": ["."]}, "cannot be read"),
        ({"roots": ["password"]}, "no certificate"),
        ({"roots": ["endless"]}, "more than"),
        ({"roots": ["weak"]}, "2,048"),
        ({"user": "a"}, "belong together"),
        ({"password_file": "password"}, "belong together"),
        ({"url": "http://tsa.example/", "user": "a", "password_file": "password"}, "https alone"),
        ({"user": "a", "password_file": "two-lines"}, "one line"),
        ({"user": "a", "password_file": "binary"}, "one line"),
        ({"user": "a", "password_file": "empty"}, "one line"),
        ({"user": "a", "password_file": "none"}, "cannot be read"),
        ({"client_key": "key"}, "belong together"),
        ({"client_certificate": "client.pem"}, "belong together"),
        ({"client_certificate": "client.pem", "client_key": "other.key"}, "TLS's files"),
        ({"client_certificate": "client.pem", "client_key": "password"}, "TLS's files"),
        ({"tls_roots": "none"}, "TLS's files"),
        ({"tls_roots": "password"}, "TLS's files"),
        ({"url": "http://tsa.example/", "tls_roots": "client.pem"}, "are for https"),
    ],
)
def test_settings_that_cannot_be_right(settings: dict[str, Any], match: str, folder: Path) -> None:
    given = {"url": HTTPS, **settings}
    with pytest.raises(Misconfigured, match=match) as caught:
        adapter_of(given.pop("url"), folder, ROOT.pem, **given)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert PASSWORD.split()[0] not in repr(chain)
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    assert str(caught.value).startswith("tsa: ")


def test_files_are_of_the_nodes_home_or_absolute(folder: Path) -> None:
    (folder / "anchors").mkdir()
    (folder / "anchors" / "root.pem").write_bytes(ROOT.pem + self_signed("Next root").pem)
    for name in ("anchors/root.pem", os.fspath(folder / "anchors" / "root.pem")):
        adapter = adapter_of(HTTPS, folder, roots=[name])
        assert len(adapter.trust_entry()["tsa_roots"]) == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_a_password_may_be_sent_to_this_machine(host: str, folder: Path) -> None:
    adapter_of(f"http://{host}/", folder, ROOT.pem, user="a", password_file="password")


@pytest.mark.parametrize(
    ("url", "chain"),
    [
        ("https://tsa.example.cn:8443/tsr/", "rfc3161:tsa.example.cn:8443/tsr"),
        ("http://tsa.example/?a=b", "rfc3161:[0-9a-f]{32}"),
        (f"https://{'a' * 50}.example/tsr", "rfc3161:[0-9a-f]{32}"),
        ("https://时间戳.example/", "rfc3161:[0-9a-f]{32}"),
    ],
)
def test_the_chains_name_fits_a_record(url: str, chain: str, folder: Path) -> None:
    found = adapter_of(url, folder, ROOT.pem).chain
    assert re.fullmatch(chain, found)
    assert re.fullmatch(r"[A-Za-z0-9._:/-]{1,64}", found)


@pytest.mark.parametrize(
    "wrong",
    [
        {"roots": []},
        {"policy": "1.2."},
        {"policy": "policy"},
        {"clock_tolerance_ms": -1},
        {"certificates": "x"},
        {"timeout_ms": 0},
    ],
)
def test_settings_of_another_form_are_refused(wrong: dict[str, Any]) -> None:
    right = {"kind": "rfc3161", "name": "tsa", "operator": "甲", "url": HTTPS, "roots": ["a.pem"]}
    msgspec.convert(right, AdapterSettings)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**right, **wrong}, AdapterSettings)
