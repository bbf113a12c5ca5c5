"""Service files: what is taken, and what is refused with the member's name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from builders.judicial_setup import EXAMPLES

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.rest.checking import check_service, service_trust_entry
from chaincode_adapters.rest.service import decode_service, read_service
from node.core.anchors.rest_entry import PUBLIC_ALGORITHMS, decode_service_entry

SIGNED = (EXAMPLES / "signed-answers.toml").read_text()
ACCOUNT = ("app_id",)


def checked(text: str, account: tuple[str, ...] = ACCOUNT) -> None:
    check_service(decode_service(text.encode(), "file"), account)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_examples_are_whole(path: Path) -> None:
    service = read_service(path)
    used = set(
        re.findall(r"\{(?:url:)?(app_id|access_key|device_id|transaction_id)\}", path.read_text())
    )
    check_service(service, used)
    entry = decode_service_entry(service_trust_entry(service, "operator"), "entry")
    assert (entry.text is not None) == (service.proof.algorithm in PUBLIC_ALGORITHMS)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.toml: No such file"):
        read_service(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "signed-answers"', 'name = "Signed"', "`$.name`"),
        ('format = "evidence-rest-service/1"', 'format = "2"', "`$.format`"),
        ('outcome = "duplicate"', 'outcome = "fine"', "`$.submit.answers[1].outcome`"),
        ('path = "/api/v1/evidence"', 'path = "api"', "`$.submit.path`"),
        ('algorithm = "ecdsa-p256-sha256"\nencoding', 'algorithm = "rsa"\nencoding', "`$.signer."),
        ('separator = "&"', 'seperator = "&"', "unknown field `seperator` - at `$.proof.signed`"),
        ("clock_skew_ms = 900_000", "clock_skew_ms = 1", "`$.clock_skew_ms`"),
        ("pending_ms = 600_000", "pending_ms = 600_000\npending_ms = 1", "file: "),
    ],
)
def test_a_file_of_another_form_is_refused(old: str, new: str, told: str) -> None:
    assert old in SIGNED
    with pytest.raises(Misconfigured) as caught:
        checked(SIGNED.replace(old, new, 1))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"{app_id}", "{time_ms}"', '"{appid}", "{time_ms}"', "submit.sign[2]: {appid} is not"),
        ('X-Time = "{time_ms}"', 'X-Time = "{time}"', "submit.headers.X-Time: {time} is not known"),
        ('hash = "{digest}"', 'hash = "{digest"', "submit.body.hash: a brace that is none of"),
        ('hash = "{digest}"', 'hash = "{signature}"', "submit.sign: signs the body"),
        ('hash = "{digest}"', 'hash = "{body_sha256}"', "submit.body: {body} and {query}"),
        ('"{body_sha256}"]', '"{signature}"]', "submit.sign[5]: {signature} is not known yet"),
        ('path = "/api/v1/evidence"', 'path = "/{body_sm3}"', "submit.path: {body_sm3} is not"),
        ('outcome = "retry"', 'outcome = "unknown"', "submit.answers[3]: unknown is an answer"),
        ('digest = "hash"', 'digest = "hsh"', "proof.digest.field: names a field"),
        ('request_id = "request_id"', 'request_id = "rid"', "proof.request_id: is not one of"),
        ('separator = "&"', 'separator = ""', "proof.signed.separator: must not be empty"),
        ('signature = "/data/signature"', 'signature = ""', "proof.signature: must be given"),
        ('"hash={hash}"', '"hash={hash}{time}"', "proof.signed.parts[3]: must hold at most one"),
        ('text = "parts"\n', 'text = "member"\n', "proof.signed.at: is where"),
        ('text = "parts"\n', 'text = "body"\n', "proof.signed.parts: are asked for"),
        ('public_key = "', 'public_key = ""  # "', "proof.public_key: is of"),
        ("expects = { state", "expects = { stat", "proof.expects: names a field"),
        ('request_id = "hex32"', 'request_id = "hex32"\n[values]', "unknown field"),
    ],
)
def test_a_file_that_cannot_work_is_refused(old: str, new: str, told: str) -> None:
    assert old in SIGNED
    with pytest.raises(Misconfigured) as caught:
        checked(SIGNED.replace(old, new, 1))
    assert told in str(caught.value)


def test_pending_needs_a_poll() -> None:
    without = re.sub(r"\[poll\].*?(?=\[proof\])", "", SIGNED, flags=re.DOTALL)
    without = re.sub(r"\[\[poll\.answers\]\].*?(?=\[proof\])", "", without, flags=re.DOTALL)
    with pytest.raises(Misconfigured, match=r"submit\.answers\[0\]: pending asks for a \[poll\]"):
        checked(without)


def test_signing_needs_a_signer() -> None:
    without = re.sub(r"\[signer\].*?(?=\[submit\])", "", SIGNED, flags=re.DOTALL)
    with pytest.raises(Misconfigured, match=r"submit\.sign: there is no \[signer\]"):
        checked(without)


def test_an_account_value_may_not_hide_a_built_in_one() -> None:
    with pytest.raises(Misconfigured, match=r"values\.digest: is the name of a built-in"):
        checked(SIGNED, ("app_id", "digest"))


def test_an_unsigned_service_is_read_whole() -> None:
    text = (EXAMPLES / "notary-office.toml").read_text()
    with pytest.raises(Misconfigured, match=r'proof\.signed\.text: must be "body"'):
        checked(text.replace('text = "body"', 'text = "parts"\nparts = ["{hash}{time}"]'))


def test_a_file_that_is_too_large_is_refused() -> None:
    with pytest.raises(Misconfigured, match="262144"):
        decode_service(b"#" * 300_000, "file")
