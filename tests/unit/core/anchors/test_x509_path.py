from __future__ import annotations

from typing import Any

import pytest
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
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from node.core.anchors.x509 import Certificate, decode_certificate
from node.core.anchors.x509_path import Path, find_path
from node.core.errors import InvalidInput, InvalidProof
from node.core.signatures import Backend, load_backend

DAY = 86_400_000
START = int(BEGIN.timestamp()) * 1000
ROOT = self_signed()
MIDDLE = issue("Middle", ROOT, ca_extensions())
LOWER = issue("Lower", MIDDLE, ca_extensions(0))
LEAF = issue("Leaf", LOWER, tsa_extensions())


@pytest.fixture(params=["cryptography", "ecdsa"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return load_backend(request.param)


def read(held: Held, place: str = "cert") -> Certificate:
    return decode_certificate(held.der, place)


def path(
    leaf: Held, others: list[Held], roots: list[Held], at: int = START + DAY, **options: Any
) -> Path:
    return find_path(
        read(leaf, "leaf"),
        [read(other, f"others[{place}]") for place, other in enumerate(others)],
        [read(root, f"roots[{place}]") for place, root in enumerate(roots)],
        at,
        options.pop("backend", load_backend()),
        **options,
    )


def ders(found: Path) -> list[bytes]:
    return [one.encoded for one in found.certificates]


@pytest.mark.parametrize("others", [[MIDDLE, LOWER], [LOWER, MIDDLE], [ROOT, LEAF, MIDDLE, LOWER]])
def test_a_path_is_found_in_any_order(others: list[Held], backend: Backend) -> None:
    found = path(LEAF, others, [self_signed("Another"), ROOT], backend=backend)
    assert ders(found) == [LEAF.der, LOWER.der, MIDDLE.der]
    assert found.root is not None
    assert found.root.place == "roots[1]"


def test_a_path_may_end_below_the_topmost_root() -> None:
    found = path(LEAF, [LOWER, MIDDLE, ROOT], [MIDDLE])
    assert ders(found) == [LEAF.der, LOWER.der]


def test_a_trusted_certificate_needs_no_path() -> None:
    found = path(LEAF, [], [LEAF])
    assert ders(found) == [LEAF.der]
    assert found.root is not None
    assert found.root.encoded == LEAF.der


def test_without_a_root_the_longest_way_is_told() -> None:
    for roots in ([], [self_signed("Another")]):
        found = path(LEAF, [MIDDLE, LOWER], roots)
        assert found.root is None
        assert ders(found) == [LEAF.der, LOWER.der, MIDDLE.der]


def test_a_root_of_the_same_name_and_another_key_is_no_root() -> None:
    with pytest.raises(InvalidInput, match="does not hold"):
        path(LEAF, [LOWER, MIDDLE], [self_signed()])
    found = path(LEAF, [LOWER, MIDDLE], [self_signed(), ROOT])
    assert found.root is not None
    assert found.root.place == "roots[1]"


def test_a_dead_end_does_not_hide_another_way() -> None:
    """A cross certificate: the same name and key, issued by two."""
    key, foreign = new_key(), self_signed("Foreign")
    by_foreign = issue("CA", foreign, ca_extensions(), key=key)
    by_root = issue("CA", ROOT, ca_extensions(), key=key)
    leaf = issue("Leaf", by_root, tsa_extensions())
    found = path(leaf, [by_foreign, by_root], [ROOT])
    assert ders(found) == [leaf.der, by_root.der]


@pytest.mark.parametrize(
    ("days", "which"), [((2, 9), "leaf"), ((-9, 0.5), "leaf"), ((2, 9), "ca"), ((-9, 0.5), "ca")]
)
def test_everything_must_be_valid_at_that_time(days: tuple[float, float], which: str) -> None:
    ca = issue("CA", ROOT, ca_extensions(), days=days if which == "ca" else (0, 9))
    leaf = issue("Leaf", ca, tsa_extensions(), days=days if which == "leaf" else (0, 9))
    with pytest.raises(InvalidProof, match="is not valid at 2026-01-02T00:00:00Z") as caught:
        path(leaf, [ca], [ROOT])
    assert caught.value.place == ("leaf" if which == "leaf" else "others[0]")
    path(leaf, [ca], [ROOT], at=START + round((0.25 if days[0] < 0 else 3) * DAY))


def test_the_root_too_must_be_valid() -> None:
    root = self_signed(days=(0, 1))
    leaf = issue("Leaf", root, tsa_extensions(), days=(0, 9))
    path(leaf, [], [root])
    with pytest.raises(InvalidProof, match=r"roots\[0\]: is not valid"):
        path(leaf, [], [root], at=START + 2 * DAY)


def test_who_is_no_authority_issues_nothing() -> None:
    signing = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    for extensions in (
        tsa_extensions(),
        [],
        [(x509.BasicConstraints(True, None), True), (signing, True)],
    ):
        false_ca = issue("False", ROOT, extensions)
        with pytest.raises(InvalidProof, match="is not that of a certificate authority"):
            path(issue("Leaf", false_ca, tsa_extensions()), [false_ca], [ROOT])


def test_an_authority_without_key_usage_may_issue() -> None:
    ca = issue("CA", ROOT, [(x509.BasicConstraints(True, None), True)])
    path(issue("Leaf", ca, tsa_extensions()), [ca], [ROOT])


def test_path_lengths_are_kept() -> None:
    root = issue("Short root", None, ca_extensions(1))
    middle = issue("Middle", root, ca_extensions())
    lower = issue("Lower", middle, ca_extensions())
    path(issue("Leaf", middle, tsa_extensions()), [middle], [root])
    with pytest.raises(InvalidProof, match=r"roots\[0\]: allows fewer"):
        path(issue("Leaf", lower, tsa_extensions()), [middle, lower], [root])


def test_authorities_limited_to_purposes_serve_these_alone() -> None:
    code, anything = ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
    purpose = TIME_STAMPING.dotted_string
    for purposes, fits in (([TIME_STAMPING], True), ([anything], True), ([code], False)):
        ca = issue("CA", ROOT, ca_extensions(None, *purposes))
        leaf = issue("Leaf", ca, tsa_extensions())
        path(leaf, [ca], [ROOT])
        if fits:
            path(leaf, [ca], [ROOT], purpose=purpose)
        else:
            with pytest.raises(InvalidProof, match="does not serve this purpose"):
                path(leaf, [ca], [ROOT], purpose=purpose)


def test_a_forged_signature_in_the_middle_is_found() -> None:
    stranger = issue("Middle", self_signed("Stranger"), ca_extensions(), key=MIDDLE.key)
    with pytest.raises(InvalidInput, match="signatureValue"):
        path(
            issue("Leaf", issue("Middle", ROOT, ca_extensions()), tsa_extensions()),
            [MIDDLE],
            [ROOT],
        )
    assert path(LEAF, [LOWER, stranger], [ROOT]).root is None


def test_many_certificates_of_one_name_end_the_search_soon() -> None:
    """Each may have issued each: without a bound the ways are as many as their orders."""
    key = new_key()
    first = issue("Loop", None, ca_extensions(), key=key)
    loop = [issue("Loop", first, ca_extensions(), key=key) for _ in range(10)]
    leaf = issue("Leaf", first, tsa_extensions())
    asked = 0

    class Counting:
        name = "counting"

        def verify_ecdsa(self, *args: Any) -> None:
            nonlocal asked
            asked += 1
            load_backend().verify_ecdsa(*args)

    found = path(leaf, loop, [ROOT], backend=Counting())
    assert found.root is None
    assert asked <= 10


class _Counted:
    """A backend that counts what it is asked."""

    name = "counted"

    def __init__(self) -> None:
        self.asked = 0

    def verify_ecdsa(self, *asked: Any) -> None:
        self.asked += 1
        load_backend().verify_ecdsa(*asked)


def test_a_crowd_of_issuers_of_one_name_is_not_tried_to_the_end() -> None:
    """Each certificate of a receipt could otherwise be compared with every other of its name."""
    crowd = [issue("Lower", ROOT, ca_extensions(), key=new_key(number=n)) for n in range(30)]
    counted = _Counted()
    with pytest.raises(InvalidInput):
        path(LEAF, crowd, [ROOT], backend=counted)
    assert counted.asked <= 16
