from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from builders.time_stamping import POINT, adapter_of, need_openssl
from cryptography import x509

from chaincode_adapters.port import Final
from node.core.anchors.rfc3161 import decode_token
from node.demo.authority import DEMONSTRATION_MARK
from node.demo.tsa import DEMO_POLICY, OpensslTsa, TsaUnavailable, make_tsa_files, run_tsa

QUERY = {"content-type": "application/timestamp-query"}


@pytest.fixture
def authority(tmp_path: Path) -> OpensslTsa:
    need_openssl()
    return OpensslTsa(tmp_path, make_tsa_files(tmp_path, datetime.now(UTC)))


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_its_tokens_are_real_ones(kind: str, tmp_path: Path) -> None:
    need_openssl()
    files = make_tsa_files(tmp_path / "tsa", datetime.now(UTC), kind=kind)
    with run_tsa(OpensslTsa(tmp_path / "tsa", files)) as url:
        assert url.startswith("http://127.0.0.1:")
        adapter = adapter_of(url, tmp_path, files.root.read_bytes())
        attempts = [adapter.sign(POINT, []) for _ in range(2)]
        answers = [adapter.send(POINT, signed) for signed in attempts]
        assert all(
            isinstance(adapter.look_up(POINT, [signed], answer), Final)
            for signed, answer in zip(attempts, answers)
        )
    infos = [decode_token(answer, "t").info for answer in answers]
    assert {info.policy for info in infos} == {DEMO_POLICY}
    assert infos[0].serial != infos[1].serial


def test_its_certificates_say_what_they_are_and_its_key_is_its_own(tmp_path: Path) -> None:
    files = make_tsa_files(tmp_path, datetime.now(UTC))
    for path in (files.certificate, files.root):
        [unit] = x509.load_pem_x509_certificate(path.read_bytes()).subject.get_attributes_for_oid(
            x509.NameOID.ORGANIZATIONAL_UNIT_NAME
        )
        assert unit.value == DEMONSTRATION_MARK
    assert files.key.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("request_of", "status"),
    [
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415),
        ({"content": bytes(5000), "headers": QUERY}, 413),
        ({"content": iter([b"x"]), "headers": QUERY}, 413),
    ],
)
def test_other_requests_are_refused(
    request_of: dict[str, Any], status: int, authority: OpensslTsa
) -> None:
    with run_tsa(authority) as url:
        assert httpx.post(url, **request_of).status_code == status
        assert httpx.get(url).status_code == 501


def test_what_openssl_cannot_read_it_answers_or_refuses(authority: OpensslTsa) -> None:
    with run_tsa(authority) as url:
        answer = httpx.post(url, content=b"\x30\x00", headers=QUERY)
    assert answer.status_code in (200, 503)


def test_without_openssl_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = make_tsa_files(tmp_path, datetime.now(UTC))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(TsaUnavailable, match="apt-get install openssl"):
        OpensslTsa(tmp_path, files)


def test_a_key_that_does_not_fit_is_an_error(authority: OpensslTsa, tmp_path: Path) -> None:
    request = b"\x30\x00"
    (tmp_path / "tsa.key").write_bytes(b"no key")
    with pytest.raises(TsaUnavailable, match="openssl ts"):
        authority.answer(request)
    with run_tsa(authority) as url:
        assert httpx.post(url, content=request, headers=QUERY).status_code == 503
