"""Two real time-stamp authorities, and two other implementations that check what they gave."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import rfc3161_client
from asn1crypto import cms
from asn1crypto import x509 as asn1_x509
from builders.certificates import (
    BEGIN,
    TIME_STAMPING,
    Held,
    ca_extensions,
    issue,
    new_key,
    self_signed,
    tsa_extensions,
)
from builders.time_stamping import (
    POINT,
    adapter_of,
    go_tsa,
    missing,
    openssl_tsa,
    openssl_verify,
)
from builders.tokens import answer_of
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko_certvalidator import ValidationContext

from chaincode_adapters.errors import Refused
from chaincode_adapters.port import Missing, Receipt
from chaincode_adapters.rfc3161.adapter import TsaAdapter
from chaincode_adapters.rfc3161.messages import decode_answer
from chaincode_adapters.rfc3161.trimming import embedded_certificates, trim_token
from node.core.anchors.rfc3161 import decode_token, verify_rfc3161
from node.core.errors import InvalidEncoding
from node.core.signatures import load_backend
from node.core.trust import Trust

REPOSITORY = Path(__file__).parents[2]
NOW = (datetime.now(UTC) - BEGIN).total_seconds() / 86_400
"""Days since the test certificates' first one."""


def authority(key: str, name: str = "Test root") -> Held:
    """Root, an authority below it, and the signer, with keys of one kind."""
    root = self_signed(name, key=new_key(key, 1))
    middle = issue("Middle", root, ca_extensions(0, TIME_STAMPING), key=new_key(key, 2))
    return issue("TSA", middle, tsa_extensions(), key=new_key(key, 3))


@dataclass(frozen=True)
class Running:
    """An authority that runs."""

    name: str
    url: str
    held: Held
    folder: Path

    def adapter(self) -> TsaAdapter:
        return adapter_of(self.url, self.folder, self.held.root_pem)


OPTIONS = {
    "openssl-P-256": "",
    "openssl-RSA-2048": "tsa_name = yes\ness_cert_id_chain = yes\nordering = yes",
}


@pytest.fixture(
    scope="module",
    params=["openssl-P-256", "openssl-RSA-2048", "go-P-256", "go-P-384", "go-RSA-2048"],
)
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    name, _, key = request.param.partition("-")
    held, folder = authority(key), tmp_path_factory.mktemp("tsa")
    if name == "openssl":
        with openssl_tsa(folder, held, more=OPTIONS[request.param]) as url:
            yield Running(name, url, held, folder)
    else:
        digest = "sha384" if key == "P-384" else "sha256"
        with go_tsa(folder, held, "-hash", digest) as url:
            yield Running(name, url, held, folder)


def anchored(adapter: TsaAdapter) -> Receipt:
    """Through all steps of the port."""
    adapter.open()
    try:
        signed = adapter.sign(POINT, [])
        assert adapter.look_up(POINT, [signed], b"") == Missing()
        answer = adapter.send(POINT, signed)
        final = adapter.look_up(POINT, [signed], answer)
        return adapter.receipt(POINT, [signed], answer, final)  # type: ignore[arg-type]
    finally:
        adapter.close()


def trust_of(adapter: TsaAdapter) -> Trust:
    roots = [base64.b64decode(root) for root in adapter.trust_entry()["tsa_roots"]]
    return Trust("chain-1", bytes(32), tsa_roots=tuple(roots))


def test_a_point_is_stamped_and_verifies_offline(running: Running) -> None:
    adapter = running.adapter()
    receipt = anchored(adapter)
    for name in ("cryptography", "ecdsa"):
        found = verify_rfc3161(
            receipt.content, POINT, trust_of(adapter), load_backend(name), "receipt"
        )
        assert found.by == "TSA (Test root)"
        assert found.time == receipt.time
        assert abs(found.time - datetime.now(UTC).timestamp() * 1000) < 300_000
    assert receipt.height is None
    assert adapter.chain == "rfc3161:" + running.url.split("://")[1].rstrip("/")


def test_others_accept_the_receipts_token(running: Running, tmp_path: Path) -> None:
    """`openssl ts -verify`, rfc3161-client (strict DER) and pyHanko, each by its own rules."""
    token = base64.b64decode(anchored(running.adapter()).content["token"])
    at = decode_token(token, "token").info.time // 10**9
    assert openssl_verify(token, POINT.digest(), running.held.root_pem, at, tmp_path) == ""
    answer = rfc3161_client.decode_timestamp_response(answer_of(token))
    verifier = rfc3161_client.VerifierBuilder(roots=[running.held.root]).build()
    assert verifier.verify(answer, POINT.digest())
    assert pyhanko_holds(token, running.held.root, at)


def pyhanko_holds(token: bytes, root: x509.Certificate, at: int) -> bool:
    signed = cms.ContentInfo.load(token)["content"]
    der = root.public_bytes(Encoding.DER)
    others = [one.chosen for one in signed["certificates"]]
    context = ValidationContext(
        trust_roots=[asn1_x509.Certificate.load(der)],
        moment=datetime.fromtimestamp(at, UTC),
        other_certs=others,
        allow_fetching=False,
        revocation_mode="soft-fail",
    )
    told = asyncio.run(validate_tst_signed_data(signed, context, lambda _: POINT.digest()))
    return bool(told["intact"] and told["valid"] and told["trust_problem_indic"] is None)


def test_tokens_as_they_come(running: Running) -> None:
    """Both embed the whole path with the root; in receipts they stand less the root and in DER's
    order, and what is signed stays as it came. They would hold as they are, but where an RSA
    authority names its algorithm sha256WithRSAEncryption: receipts have one name for it."""
    request = running.adapter().sign(POINT, []).payload
    headers = {"content-type": "application/timestamp-query"}
    answer = httpx.post(running.url, content=request, headers=headers, timeout=20)
    raw = decode_answer(answer.content, "answer").token
    data = {"token": base64.b64encode(raw).decode()}
    trust = trust_of(running.adapter())
    if running.name == "go" and isinstance(running.held.key, rsa.RSAPrivateKey):
        with pytest.raises(InvalidEncoding, match="signatureAlgorithm"):
            verify_rfc3161(data, POINT, trust, load_backend(), "receipt")
    else:
        verify_rfc3161(data, POINT, trust, load_backend(), "receipt")
    signer, others = embedded_certificates(raw, "token")
    assert len(others) == 2
    kept = trim_token(raw, (signer, *(one for one in others if one.subject != one.issuer)), "token")
    before, after = cms.ContentInfo.load(raw)["content"], cms.ContentInfo.load(kept)["content"]
    assert len(after["certificates"]) == 2
    assert before["encap_content_info"].dump() == after["encap_content_info"].dump()
    [one], [other] = before["signer_infos"], after["signer_infos"]
    for field in ("sid", "signed_attrs", "signature"):
        assert one[field].dump() == other[field].dump()


def test_several_authorities_at_once(tmp_path: Path) -> None:
    """Each knows its own root alone."""
    one, other = authority("P-256"), authority("P-256", "Another root")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with openssl_tsa(tmp_path / "a", one) as first, openssl_tsa(tmp_path / "b", other) as second:
        adapters = [
            adapter_of(first, tmp_path / "a", one.root_pem),
            adapter_of(second, tmp_path / "b", other.root_pem),
        ]
        receipts = [anchored(adapter) for adapter in adapters]
        both = Trust(
            "chain-1",
            bytes(32),
            tsa_roots=tuple(root for adapter in adapters for root in trust_of(adapter).tsa_roots),
        )
        for receipt in receipts:
            verify_rfc3161(receipt.content, POINT, both, load_backend(), "receipt")
        with pytest.raises(Refused, match="leads to none of the configured roots"):
            anchored(adapter_of(first, tmp_path / "a", other.root_pem))


def test_a_policy_that_the_authority_does_not_have_is_refused_by_it(tmp_path: Path) -> None:
    held = authority("P-256")
    with openssl_tsa(tmp_path, held) as url, pytest.raises(Refused, match="unacceptedPolicy"):
        anchored(adapter_of(url, tmp_path, held.root_pem, policy="1.2.3.4.9"))


@pytest.mark.parametrize(
    ("days", "holds"), [((NOW - 3, NOW - 1), False), ((NOW - 3, NOW + 1), True)]
)
def test_an_authority_whose_certificate_has_expired_is_refused(
    days: tuple[float, float], holds: bool, tmp_path: Path
) -> None:
    """`openssl ts` signs on; rejected is what it made after its certificate's end."""
    root = self_signed()
    held = issue("TSA", root, tsa_extensions(), days=days)
    with openssl_tsa(tmp_path, held) as url:
        adapter = adapter_of(url, tmp_path, root.pem)
        if holds:
            anchored(adapter)
        else:
            with pytest.raises(Refused, match="is not valid at"):
                anchored(adapter)


def test_the_second_authority_is_built_once_and_as_it_is_published() -> None:
    script = [str(REPOSITORY / "scripts/build-timestamp-authority")]
    folder = REPOSITORY / "tests/tools/timestamp-authority"
    first = subprocess.run(script, capture_output=True, text=True, check=False)
    if first.returncode:
        missing(f"sigstore's timestamp-authority (Go) cannot be built: {first.stderr[-500:]}")
    again = subprocess.run(
        script, capture_output=True, text=True, check=True, env={**os.environ, "GO": "/nonexistent"}
    )
    assert (again.stdout, again.stderr) == (first.stdout, "")
    assert not Path(first.stdout.strip()).is_relative_to(REPOSITORY)
    assert {path.name for path in folder.iterdir()} == {"go.mod", "go.sum", "main.go"}
    modules = (folder / "go.mod").read_text(encoding="utf-8").splitlines()
    assert "\tgithub.com/sigstore/timestamp-authority/v2 v2.1.3" in modules
    assert not [line for line in modules if line.startswith(("replace", "exclude"))]
