"""Time-stamp tokens: whatever is in them, and what others say of the same ones."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rfc3161_client
from builders.certificates import ca_extensions, issue, moment, new_key, self_signed, tsa_extensions
from builders.time_stamping import POINT, need_openssl, openssl_verify
from builders.tokens import MICROS, MILLIS, Token, answer_of
from hypothesis import given, settings
from hypothesis import strategies as st

from node.core.anchors.rfc3161 import decode_token, verify_rfc3161
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.core.verify_case import NotChecked

ROOT = self_signed()
MIDDLE = issue("Middle", ROOT, ca_extensions(0))
LIFE = (10, 40)
SIGNERS = [
    issue("EC", MIDDLE, tsa_extensions(), days=LIFE),
    issue("EC 384", ROOT, tsa_extensions(), days=LIFE, key=new_key("P-384")),
    issue("RSA", MIDDLE, tsa_extensions(), days=LIFE, key=new_key("RSA-2048")),
]
TRUST = Trust("chain-1", bytes(32), tsa_roots=(ROOT.der,))
BACKEND = load_backend()

accuracies = st.fixed_dictionaries(
    {},
    optional={2: st.integers(0, 3600), MILLIS: st.integers(1, 999), MICROS: st.integers(1, 999)},
)
tokens = st.builds(
    Token,
    held=st.sampled_from(SIGNERS),
    digest=st.sampled_from([POINT.digest()] * 4 + [bytes(32)]),
    at=st.integers(9 * 86_400, 41 * 86_400).map(lambda s: moment() + timedelta(seconds=s)),
    fraction=st.sampled_from(["", ".1", ".000001", ".999999999"]),
    policy=st.sampled_from(["1.2.3", "2.999.1", "1.3.6.1.4.1.57264.2"]),
    serial=st.integers(0, 2**159),
    nonce=st.none() | st.integers(0, 2**64),
    accuracy=accuracies.map(lambda found: tuple(sorted(found.items()))),
    signed_with=st.sampled_from(["sha256", "sha384", "sha512"]),
)


def accepted(data: bytes) -> bool:
    receipt = {"token": base64.b64encode(data).decode()}
    try:
        verify_rfc3161(receipt, POINT, TRUST, BACKEND, "receipt")
    except (InvalidInput, NotChecked):
        return False
    return True


@given(tokens)
@settings(max_examples=60)
def test_a_token_is_read_as_it_was_written(token: Token) -> None:
    info = decode_token(token.encode(), "t").info
    written = (token.policy, token.serial, token.nonce, token.digest)
    assert (info.policy, info.serial, info.nonce, info.imprint) == written
    ns = int(token.at.timestamp()) * 10**9 + int(token.fraction[1:].ljust(9, "0") or 0)
    assert info.time == ns
    units = {2: 10**9, MILLIS: 10**6, MICROS: 1000}
    ns += sum(units[tag] * value for tag, value in token.accuracy)
    if not token.accuracy and ns % 10**9 == 0:
        ns += 999 * 10**6  # to the end of its second
    assert info.latest * 10**6 >= ns > (info.latest - 1) * 10**6


@given(tokens)
@settings(max_examples=40)
def test_it_is_accepted_for_its_point_and_within_the_certificates_life(token: Token) -> None:
    inside = moment(LIFE[0]) <= token.at <= moment(LIFE[1])
    assert accepted(token.encode()) == (inside and token.digest == POINT.digest())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_openssl()
    return tmp_path_factory.mktemp("openssl")


def openssl_accepts(token: Token, data: bytes, folder: Path) -> bool:
    at = int(token.at.timestamp())
    return openssl_verify(data, POINT.digest(), ROOT.pem, at, folder) == ""


def client_accepts(data: bytes) -> bool:
    """rfc3161-client; it raises errors of several kinds."""
    try:
        answer = rfc3161_client.decode_timestamp_response(answer_of(data))
        verifier = rfc3161_client.VerifierBuilder(roots=[ROOT.certificate]).build()
        return bool(verifier.verify(answer, POINT.digest()))
    except (ValueError, rfc3161_client.VerificationError):
        return False


@given(tokens)
@settings(max_examples=25)
def test_openssl_and_another_verifier_agree(folder: Path, token: Token) -> None:
    data = Token(**{**vars(token), "certificates": sorted(token.chain())}).encode()
    ours = accepted(data)
    assert openssl_accepts(token, data, folder) == ours
    assert client_accepts(data) == ours


CHANGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from("rid"), st.binary(max_size=3)),
    min_size=1,
    max_size=3,
)


def changed(data: bytes, changes: list[tuple[float, str, bytes]]) -> bytes:
    """Some bytes replaced, put in or taken out."""
    for where, how, new in changes:
        place = int(where * len(data))
        after = {"r": place + len(new), "i": place, "d": place + 1 + len(new)}[how]
        data = data[:place] + (b"" if how == "d" else new) + data[after:]
    return data


@given(tokens, CHANGES)
@settings(max_examples=300)
def test_no_changed_token_is_accepted(token: Token, changes: Any) -> None:
    """And none raises anything but the two errors that the port knows."""
    data = token.encode()
    wrong = changed(data, changes)
    if wrong != data:
        assert not accepted(wrong)


@given(st.binary(max_size=60) | st.text(max_size=20) | st.integers() | st.lists(st.integers()))
def test_what_is_no_receipt_is_refused(value: Any) -> None:
    token = base64.b64encode(value).decode() if isinstance(value, bytes) else value
    for receipt in ({"token": token}, value):
        with pytest.raises(InvalidInput):
            verify_rfc3161(receipt, POINT, TRUST, BACKEND, "receipt")
