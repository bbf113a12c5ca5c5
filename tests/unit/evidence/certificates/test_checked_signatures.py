"""What held once is not checked again; whatever else there is, is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from node.core.errors import InvalidSignature
from node.core.signatures import PublicJwk
from node.evidence.certificates import checked_signatures
from node.evidence.certificates.checked_signatures import CheckedSignatures

KEY = PublicJwk(bytes(32), b"\1" * 32)
OTHER = PublicJwk(b"\1" * 32, bytes(32))


class Asked:
    """A backend that says what it was asked, and refuses the signature ``bad``."""

    name = "asked"

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def verify_es256(self, key: PublicJwk, message: bytes, signature: bytes) -> None:
        self._check("es256", key, message, signature)

    def verify_ed25519(self, key: bytes, message: bytes, signature: bytes) -> None:
        self._check("ed25519", key, message, signature)

    def verify_ecdsa(
        self, curve: str, point: bytes, digest: str, message: bytes, signature: bytes
    ) -> None:
        self._check("ecdsa", curve, point, digest, message, signature)

    def _check(self, *call: object) -> None:
        self.calls.append(call)
        if call[-1] == b"bad":
            raise InvalidSignature("signature", "does not hold")


@pytest.fixture
def asked() -> Asked:
    return Asked()


CALLS: list[Callable[[CheckedSignatures], None]] = [
    lambda checked: checked.verify_es256(KEY, b"m", b"s"),
    lambda checked: checked.verify_es256(OTHER, b"m", b"s"),
    lambda checked: checked.verify_es256(KEY, b"ms", b""),
    lambda checked: checked.verify_es256(KEY, b"", b"ms"),
    lambda checked: checked.verify_ed25519(bytes(32), b"m", b"s"),
    lambda checked: checked.verify_ed25519(bytes(31), b"\0m", b"s"),
    lambda checked: checked.verify_ecdsa("P-256", bytes(32), "sha256", b"m", b"s"),
    lambda checked: checked.verify_ecdsa("P-384", bytes(32), "sha256", b"m", b"s"),
    lambda checked: checked.verify_ecdsa("P-256", bytes(32), "sha384", b"m", b"s"),
]


def test_each_is_checked_once_and_none_stands_for_another(asked: Asked) -> None:
    checked = CheckedSignatures(asked)
    for _ in range(3):
        for call in CALLS:
            call(checked)
    assert len(asked.calls) == len(set(asked.calls)) == len(CALLS)
    assert checked.name == "asked"


def test_what_does_not_hold_is_refused_each_time(asked: Asked) -> None:
    checked = CheckedSignatures(asked)
    checked.verify_es256(KEY, b"m", b"s")
    for _ in range(2):
        with pytest.raises(InvalidSignature):
            checked.verify_es256(KEY, b"m", b"bad")
    assert len(asked.calls) == 3


def test_those_not_seen_for_longest_are_forgotten(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_signatures, "_MOST", 2)
    checked = CheckedSignatures(asked)
    for signature in (b"1", b"2", b"1", b"3", b"1", b"2"):
        checked.verify_ed25519(bytes(32), b"m", signature)
    assert [call[-1] for call in asked.calls] == [b"1", b"2", b"3", b"2"]
