"""Sealed certificates, as pyHanko, poppler and openssl see them; keys in files and tokens."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from asn1crypto import cms
from asn1crypto import x509 as asn1
from builders.certificates import Held, issue, pem_key, tsa_extensions
from builders.issuing import Seal, authority, make_seal
from builders.revocation import RevokingAuthority, revoking_authority
from builders.sealed_pdfs import (
    SPACE,
    LastingStatus,
    der,
    document_token_of,
    lasting_status,
    pdfsig,
    token_of,
    tokens_in,
    unsealed_pdf,
)
from builders.softhsm import PIN, SoftToken, make_token
from builders.time_stamping import openssl_tsa, openssl_verify
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader

from node.demo.tsa import TsaFiles
from node.evidence.certificates.errors import KeyUnusable, SealingFailed, TimeStampFailed
from node.evidence.certificates.keys import FileKey, SealChain, TokenKey, check_key
from node.evidence.certificates.port import SealSpace
from node.evidence.certificates.sealing import (
    FIELD_NAME,
    TIME_STAMP_FIELD,
    OpenedSeal,
    SealSettings,
)
from node.evidence.certificates.time_stamps import TsaSettings
from node.evidence.imprints.imprint import draw_imprint

NOW = time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    return make_seal(tmp_path_factory.mktemp("seal"))


@pytest.fixture(scope="module")
def stamped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TsaSettings, TsaFiles]]:
    with authority(tmp_path_factory.mktemp("tsa")) as (url, files):
        root = x509.load_pem_x509_certificate(files.root.read_bytes())
        yield TsaSettings(url, "演示时间戳", (der(root),)), files


@pytest.fixture(scope="module")
def imprint() -> bytes:
    return draw_imprint("示例公证处出证专用章", "3701020000001").pdf


@pytest.fixture(scope="module")
def lasting(seal: Seal, imprint: bytes, stamped: tuple[TsaSettings, TsaFiles]) -> bytes:
    """A PDF sealed as PAdES B-LTA."""
    opened = OpenedSeal(SealSettings(seal.chain, seal.key, imprint, "出具存证证书", stamped[0]))
    try:
        return opened.seal(unsealed_pdf(), SPACE, NOW)
    finally:
        opened.close()


@dataclass(frozen=True)
class Revocable:
    """A seal whose certificates name revocation lists, and its time-stamp authority."""

    authority: RevokingAuthority
    settings: SealSettings

    @property
    def root(self) -> bytes:
        return self.settings.chain.root

    def opened(self) -> OpenedSeal:
        return OpenedSeal(self.settings)

    def seal(self) -> bytes:
        opened = self.opened()
        try:
            return opened.seal(unsealed_pdf(), SPACE, NOW)
        finally:
            opened.close()


@pytest.fixture(scope="module")
def revocable(imprint: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Revocable]:
    folder = tmp_path_factory.mktemp("revocable")
    with revoking_authority() as held, openssl_tsa(folder, held.tsa) as url:
        key = folder / "seal.pem"
        key.touch(mode=0o600)
        key.write_bytes(pem_key(held.signer.key))
        chain = SealChain(held.signer.der, (held.issuing.der, held.root.der))
        tsa = TsaSettings(url, "Stamps", (held.root.der,))
        yield Revocable(held, SealSettings(chain, FileKey(str(key)), imprint, "r", tsa))


def test_without_an_authority_it_is_one_signature_and_no_more(seal: Seal, imprint: bytes) -> None:
    opened = OpenedSeal(SealSettings(seal.chain, seal.key, imprint, "出具存证证书"))
    pdf = opened.seal(unsealed_pdf(), SPACE, NOW)
    reader = PdfFileReader(io.BytesIO(pdf))
    (signature,) = reader.embedded_signatures
    assert signature.field_name == FIELD_NAME
    assert signature.sig_object["/SubFilter"] == "/ETSI.CAdES.detached"
    assert tokens_in(signature) == []
    assert "/DSS" not in reader.root
    assert signature.self_reported_timestamp is not None
    assert abs(signature.self_reported_timestamp.timestamp() * 1000 - NOW) < 1000


def test_the_sealed_file_begins_with_the_unsealed_one(lasting: bytes) -> None:
    assert lasting.startswith(unsealed_pdf() + b"\n")


def test_with_an_authority_it_is_stamped_stored_and_stamped_as_a_whole(lasting: bytes) -> None:
    reader = PdfFileReader(io.BytesIO(lasting))
    assert [one.field_name for one in reader.embedded_signatures] == [
        FIELD_NAME,
        TIME_STAMP_FIELD,
    ]
    assert "/DSS" in reader.root
    stamp = reader.embedded_timestamp_signatures[0]
    first, _, second, rest = stamp.byte_range
    assert (first, second + rest) == (0, len(lasting))  # nothing stands outside the last stamp


def test_the_second_and_third_of_a_seal_are_like_the_first(
    seal: Seal, imprint: bytes, stamped: tuple[TsaSettings, TsaFiles], tmp_path: Path
) -> None:
    opened = OpenedSeal(SealSettings(seal.chain, seal.key, imprint, "出具存证证书", stamped[0]))
    made = [opened.seal(unsealed_pdf(), SPACE, NOW) for _ in range(3)]
    opened.close()
    written = [tuple(_objects(pdf)) for pdf in made]
    assert written[0] == written[1] == written[2]
    roots = (seal.chain.root, *stamped[0].roots)
    for pdf in made:
        assert lasting_status(pdf, *roots, revocation="hard-fail") == LastingStatus("", "")
    assert len({token_of(pdf)[0] for pdf in made}) == 3


def _objects(pdf: bytes) -> Iterator[tuple[int, int]]:
    """Revision and number of each object that sealing has written."""
    reader = PdfFileReader(io.BytesIO(pdf))
    for revision in range(1, reader.total_revisions):
        references = reader.xrefs.explicit_refs_in_revision(revision)
        yield from sorted((revision, one.idnum) for one in references)


def test_the_document_time_stamp_comes_with_the_store_and_changes_no_metadata(
    lasting: bytes,
) -> None:
    reader = PdfFileReader(io.BytesIO(lasting))
    assert reader.total_revisions == 3
    for name, holder in (("/Metadata", reader.root), ("/Info", reader.trailer)):
        assert reader.xrefs.get_last_change(holder.raw_get(name).reference) == 1
    certificates = [bytes(one.get_object().data) for one in reader.root["/DSS"]["/Certs"]]
    # The seal's, its issuer's and root; the stamp's, and its root.
    assert len(certificates) == len(set(certificates)) == 5


def test_pyhanko_needs_nothing_that_is_not_in_the_file(revocable: Revocable) -> None:
    status = lasting_status(revocable.seal(), revocable.root, revocation="require")
    assert status == LastingStatus("", "")


def test_pyhanko_calls_a_seal_without_revocation_lists_valid_too(
    lasting: bytes, seal: Seal, stamped: tuple[TsaSettings, TsaFiles]
) -> None:
    roots = (seal.chain.root, *stamped[0].roots)
    assert lasting_status(lasting, *roots, revocation="hard-fail") == LastingStatus("", "")
    assert lasting_status(lasting, *roots, revocation="require").seal != ""


def test_the_seal_s_root_must_be_trusted_by_who_checks(
    lasting: bytes, stamped: tuple[TsaSettings, TsaFiles]
) -> None:
    assert lasting_status(lasting, *stamped[0].roots, revocation="hard-fail").seal != ""


def test_revocation_lists_are_fetched_once_in_a_while_and_stay_in_the_file(
    revocable: Revocable,
) -> None:
    revocable.authority.asked.clear()
    opened = revocable.opened()
    for _ in range(2):
        dss = PdfFileReader(io.BytesIO(opened.seal(unsealed_pdf(), SPACE, NOW))).root["/DSS"]
        assert len(dss["/CRLs"]) == 2
    assert sorted(set(revocable.authority.asked)) == ["/issuing.crl", "/root.crl"]
    assert len(revocable.authority.asked) <= 4  # none of them for the second
    opened.close()


def test_lists_that_cannot_be_had_or_revoke_the_seal_leave_it_unsealed(
    revocable: Revocable,
) -> None:
    authority = revocable.authority
    authority.silent = True
    try:
        with pytest.raises(SealingFailed):
            revocable.seal()
    finally:
        authority.silent = False
    authority.revoked.add(authority.signer.certificate.serial_number)
    try:
        with pytest.raises(SealingFailed, match="could not be validated"):
            revocable.seal()
    finally:
        authority.revoked.clear()


def _last_stamp_by(opened: OpenedSeal, other: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the time-stamp of the whole document were by another certificate of the authority."""
    stamper = opened._stamper
    assert stamper is not None
    ask, asked = stamper.async_timestamp, itertools.count(1)

    async def stamped(digest: bytes, algorithm: str) -> cms.ContentInfo:
        token = await ask(digest, algorithm)
        if next(asked) == 3:  # the first is for its certificate, the second for the signature
            certificate = asn1.Certificate.load(other.der)
            stamper.cert_registry.register(certificate)
            stamper._certs[certificate.issuer_serial] = certificate
        return token

    monkeypatch.setattr(stamper, "async_timestamp", stamped)


def test_a_certificate_that_only_the_last_stamp_is_by_is_checked_and_kept_too(
    revocable: Revocable, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = revocable.authority
    listed = authority.tsa.certificate.extensions.get_extension_for_class(
        x509.CRLDistributionPoints
    )
    other = issue("Last stamps", authority.root, [*tsa_extensions(), (listed.value, False)])
    opened = revocable.opened()
    _last_stamp_by(opened, other, monkeypatch)
    reader = PdfFileReader(io.BytesIO(opened.seal(unsealed_pdf(), SPACE, NOW)))
    assert other.der in [bytes(one.get_object().data) for one in reader.root["/DSS"]["/Certs"]]
    assert len(reader.embedded_signatures) == 2
    opened.close()
    opened = revocable.opened()
    _last_stamp_by(opened, other, monkeypatch)
    authority.revoked.add(other.certificate.serial_number)
    try:
        with pytest.raises(SealingFailed, match="could not be validated"):
            opened.seal(unsealed_pdf(), SPACE, NOW)
    finally:
        authority.revoked.clear()
        opened.close()


def test_poppler_calls_the_signature_valid_and_the_certificate_trusted(
    lasting: bytes, seal: Seal, tmp_path: Path
) -> None:
    report = pdfsig(lasting, seal.root_file, tmp_path)
    assert "Signature Validation: Signature is Valid." in report
    assert "Certificate Validation: Certificate is Trusted." in report
    assert "Total document signed" in report


def test_openssl_verifies_both_tokens(
    lasting: bytes, stamped: tuple[TsaSettings, TsaFiles], tmp_path: Path
) -> None:
    root = stamped[1].root.read_bytes()
    for token, over in (token_of(lasting), document_token_of(lasting)):
        digest = hashlib.sha256(over).digest()
        assert openssl_verify(token, digest, root, NOW // 1000 + 60, tmp_path) == ""
        wrong = hashlib.sha256(over + b"x").digest()
        assert openssl_verify(token, wrong, root, NOW // 1000 + 60, tmp_path) != ""


def test_a_changed_byte_shows(
    lasting: bytes, seal: Seal, stamped: tuple[TsaSettings, TsaFiles], tmp_path: Path
) -> None:
    changed = bytearray(lasting)
    place = unsealed_pdf().index(b"/Producer") + 12 if b"/Producer" in unsealed_pdf() else 900
    changed[place] ^= 1
    report = pdfsig(bytes(changed), seal.root_file, tmp_path)
    assert "Signature is Valid" not in report


def test_a_page_that_is_not_there_is_an_error_of_sealing(seal: Seal, imprint: bytes) -> None:
    opened = OpenedSeal(SealSettings(seal.chain, seal.key, imprint, "r"))
    with pytest.raises(SealingFailed):
        opened.seal(unsealed_pdf(), SealSpace(7, SPACE.box), NOW)
    with pytest.raises(SealingFailed):
        opened.seal(b"no PDF", SPACE, NOW)


def test_an_authority_that_is_away_leaves_nothing_half_sealed(seal: Seal, imprint: bytes) -> None:
    tsa = TsaSettings("http://127.0.0.1:9/", "演示", (seal.chain.root,), attempts=1)
    opened = OpenedSeal(SealSettings(seal.chain, seal.key, imprint, "r", tsa))
    with pytest.raises(TimeStampFailed, match="cannot be reached"):
        opened.seal(unsealed_pdf(), SPACE, NOW)


# -- keys ------------------------------------------------------------------------------------------


def test_a_key_that_others_can_read_is_refused(seal: Seal, tmp_path: Path) -> None:
    path = tmp_path / "seal.pem"
    path.write_bytes(seal.key_file.read_bytes())
    path.chmod(0o640)
    with pytest.raises(KeyUnusable, match="can be read by others"):
        check_key(FileKey(str(path)), seal.chain)


def test_a_key_of_another_certificate_is_refused(seal: Seal, tmp_path: Path) -> None:
    other = make_seal(tmp_path)
    with pytest.raises(KeyUnusable, match="not the key of the seal's certificate"):
        check_key(other.key, seal.chain)


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_without_a_key_is_named(seal: Seal, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "seal.pem"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyUnusable, match=r"seal\.pem: holds no private key"):
        check_key(FileKey(str(path)), seal.chain)
    with pytest.raises(KeyUnusable, match="No such file"):
        check_key(FileKey(str(tmp_path / "none.pem")), seal.chain)


# A process loads one configuration of SoftHSM2, so each of these has a process of its own.
_IN_TOKEN = """
import json, sys
from node.evidence.certificates.errors import KeyUnusable
from node.evidence.certificates.keys import SealChain, TokenKey, check_key
from node.evidence.certificates.sealing import OpenedSeal, SealSettings
from node.evidence.certificates.port import SealSpace
from pathlib import Path
given = json.loads(sys.stdin.read())
chain = SealChain(
    bytes.fromhex(given["certificate"]), tuple(map(bytes.fromhex, given["above"]))
)
for members in given["keys"]:
    key = TokenKey(**members)
    try:
        check_key(key, chain)
        opened = OpenedSeal(SealSettings(chain, key, bytes.fromhex(given["imprint"]), "r"))
        pdf = opened.seal(
            bytes.fromhex(given["pdf"]), SealSpace(0, (300, 100, 420, 220)), given["now"]
        )
        opened.close()
    except KeyUnusable as error:
        print(json.dumps({"error": str(error), "shown": repr(key)}))
    else:
        print(json.dumps({"pdf": pdf.hex(), "shown": repr(key)}))
"""


def in_token(
    token: SoftToken, seal: Seal, imprint: bytes, *keys: TokenKey, **env: str
) -> list[dict[str, str]]:
    """Seal with keys in a token, in a process of its own."""
    given = {
        "above": [one.hex() for one in seal.chain.above],
        "certificate": seal.chain.certificate.hex(),
        "imprint": imprint.hex(),
        "keys": [asdict(key) for key in keys],
        "now": NOW,
        "pdf": unsealed_pdf().hex(),
    }
    done = subprocess.run(
        [sys.executable, "-c", _IN_TOKEN],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        env={**token.environment, **env},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert PIN not in done.stdout + done.stderr
    return [dict(json.loads(line)) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def token(seal: Seal, tmp_path_factory: pytest.TempPathFactory) -> SoftToken:
    return make_token(tmp_path_factory.mktemp("token"), seal)


def test_a_key_in_a_token_seals_by_label_or_id_with_a_pin_from_file_or_environment(
    token: SoftToken, seal: Seal, imprint: bytes, tmp_path: Path
) -> None:
    by_id = token.key(pin_file="", pin_env="SEAL_PIN", key_label="", key_id="a1")
    first, second = in_token(token, seal, imprint, token.key(), by_id, SEAL_PIN=PIN)
    report = pdfsig(bytes.fromhex(first["pdf"]), seal.root_file, tmp_path)
    assert "Signature Validation: Signature is Valid." in report
    assert "Total document signed" in report
    assert "pdf" in second


def test_what_is_wrong_with_a_token_is_named_and_the_pin_is_not(
    token: SoftToken, seal: Seal, imprint: bytes, tmp_path: Path
) -> None:
    wrong, open_to_all = tmp_path / "wrong", tmp_path / "open"
    wrong.touch(mode=0o600)
    wrong.write_text("99999999")
    open_to_all.write_text(PIN)
    open_to_all.chmod(0o644)
    cases = (
        ({"pin_file": str(wrong)}, "cannot be opened"),
        ({"pin_file": str(tmp_path / "none")}, "No such file"),
        ({"pin_file": str(open_to_all)}, "can be read by others"),
        ({"pin_file": "", "pin_env": "SEAL_PIN"}, "SEAL_PIN"),
        ({"token": "another"}, "cannot be opened"),
        ({"library": str(tmp_path / "none.so")}, "cannot be opened"),
        ({"key_label": "another"}, "does not sign"),
    )
    keys = [token.key(**changes) for changes, _ in cases]
    told = in_token(token, seal, imprint, *keys, token.key())
    for (_, words), one in zip(cases, told):
        assert words in one["error"]
        assert "99999999" not in one["error"] + one["shown"]
    assert "pdf" in told[-1]  # and the right one still does after all that


def test_a_token_with_another_key_is_not_the_certificate_s(
    token: SoftToken, imprint: bytes, tmp_path: Path
) -> None:
    (told,) = in_token(token, make_seal(tmp_path), imprint, token.key())
    assert "not that of its certificate" in told["error"]
