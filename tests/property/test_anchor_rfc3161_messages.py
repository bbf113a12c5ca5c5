"""Requests, answers and trimmed tokens: whatever comes back, and what is made of it."""

from __future__ import annotations

import pytest
from asn1crypto import tsp
from builders.certificates import ca_extensions, issue, self_signed, tsa_extensions
from builders.time_stamping import POINT
from builders.tokens import Token, answer_of
from hypothesis import given, settings
from hypothesis import strategies as st

from chaincode_adapters.rfc3161.messages import decode_answer, encode_request
from chaincode_adapters.rfc3161.trimming import embedded_certificates, trim_token
from node.core.anchors.der import CONTEXT_CONSTRUCTED, SEQUENCE, encode_der, encode_oid, encode_set
from node.core.anchors.rfc3161 import check_token, decode_token
from node.core.anchors.x509 import decode_certificate
from node.core.errors import InvalidEncoding, InvalidInput
from node.core.signatures import load_backend

ROOT = self_signed()
MIDDLE = issue("Middle", ROOT, ca_extensions(0))
TSA = issue("TSA", MIDDLE, tsa_extensions())
OTHERS = [self_signed(f"Other {number}").der for number in range(3)]
ROOTS = [decode_certificate(ROOT.der, "root")]
ATTRIBUTE = encode_der(SEQUENCE, encode_oid("1.2.3"), encode_set(b"\x05\x00"))
UNSIGNED = encode_der(CONTEXT_CONSTRUCTED + 1, ATTRIBUTE)


@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**64), st.sampled_from(["", "1.2.3"]))
def test_a_request_is_read_by_another_implementation(
    digest: bytes, nonce: int, policy: str
) -> None:
    request = tsp.TimeStampReq.load(encode_request(digest, nonce, policy), strict=True).native
    assert request["message_imprint"]["hashed_message"] == digest
    assert request["message_imprint"]["hash_algorithm"]["algorithm"] == "sha256"
    assert (request["nonce"], request["cert_req"]) == (nonce, True)
    assert request["req_policy"] == (policy or None)


@given(st.integers(0, 5), st.text(max_size=20), st.none() | st.integers(0, 25), st.booleans())
def test_an_answer_says_what_it_was_made_to_say(
    status: int, text: str, failure: int | None, granted: bool
) -> None:
    token = b"\x30\x00" if granted else b""
    data = answer_of(token, status=status, text=text, failure=failure)
    if granted != (status < 2):
        with pytest.raises(InvalidEncoding):
            decode_answer(data, "answer")
        return
    answer = decode_answer(data, "answer")
    assert (answer.token, len(answer.failures)) == (token, failure is not None)
    assert answer.text.isprintable()
    assert len(answer.text) == len(text)
    assert "\n" not in answer.reason


@given(st.binary(max_size=80))
def test_whatever_comes_back_is_an_answer_or_refused(data: bytes) -> None:
    for encoded in (
        data,
        encode_der(SEQUENCE, data),
        encode_der(SEQUENCE, encode_der(SEQUENCE, data)),
    ):
        try:
            decode_answer(encoded, "answer")
        except InvalidEncoding:
            pass


@given(
    st.permutations([TSA.der, MIDDLE.der, ROOT.der, *OTHERS]),
    st.sampled_from([b"", UNSIGNED]),
    st.sampled_from([b"", UNSIGNED]),
    st.integers(0, 2**64),
)
@settings(max_examples=40)
def test_trimming_leaves_one_form_that_holds(
    certificates: list[bytes], crls: bytes, unsigned: bytes, nonce: int
) -> None:
    """However it came, the same token; and trimmed again it stays as it is."""
    parts = {"crls": crls, "unsigned": unsigned}
    made = Token(TSA, POINT.digest(), nonce=nonce, certificates=certificates, parts=parts)
    data = made.encode()
    signer, others = embedded_certificates(data, "t")
    assert {one.encoded for one in (signer, *others)} == set(certificates)
    kept = tuple(one for one in others if one.encoded == MIDDLE.der)
    trimmed = trim_token(data, (signer, *kept), "t")
    stamp = decode_token(trimmed, "t")
    assert check_token(stamp, POINT.digest(), ROOTS, load_backend()).root is not None
    assert trim_token(trimmed, (signer, *kept), "t") == trimmed
    assert stamp.signed.content == made.info()


@given(st.floats(0, 1, exclude_max=True), st.binary(max_size=3), st.booleans())
@settings(max_examples=200)
def test_a_damaged_token_is_refused_or_read(where: float, new: bytes, cut: bool) -> None:
    """No other error comes out of it than the one that the adapter knows."""
    data = Token(TSA, POINT.digest()).encode()
    place = int(where * len(data))
    data = data[:place] + new + (b"" if cut else data[place + len(new) :])
    try:
        signer, others = embedded_certificates(data, "t")
        decode_token(trim_token(data, (signer, *others), "t"), "t")
    except InvalidInput:
        pass
