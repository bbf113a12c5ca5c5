"""Certificates whose seal, statement or time-stamps are not what they pretend to be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from asn1crypto import cms
from builders.certificate_pdfs import (
    ODD_KEYS,
    Office,
    certificate_of,
    files_of,
    seal,
    seal_extensions,
    statement_of,
    typeset,
)
from builders.certificates import Held, issue, self_signed
from builders.signing import MemberKey

from node.core.pdf.certificate_file import read_certificate

__all__ = ["Forged", "forged_seals", "somebody"]

_FORM = ("certificate.form",)
_SIGNATURE = ("certificate.signature",)
_STATEMENT = ("certificate.statement",)


@dataclass(frozen=True)
class Forged:
    """A file, what it is, and the steps that must fail: none of a genuine one's."""

    name: str
    what: str
    pdf: bytes
    fails: tuple[str, ...] = ()


def forged_seals(made: Office, plain: bytes, sealed: bytes) -> Iterator[Forged]:
    """All of them, of a certificate before and after it was sealed."""
    yield from _signatures(made, plain, sealed)
    yield from _byte_ranges(sealed)
    yield from _signers(made)
    yield from _statements(made)
    yield from _contents_stated(made)
    yield from _stamps(made, plain)


def somebody() -> Held:
    """The seal of an institution that nobody knows."""
    root = self_signed("Somebody's root", days=(0, 3650))
    return issue("Somebody", root, seal_extensions(), days=(0, 3650))


def _signatures(made: Office, plain: bytes, sealed: bytes) -> Iterator[Forged]:
    """Seals that are not the one that they pretend to be."""
    yield Forged("seal-stripped", "the seal was taken away", plain, _SIGNATURE)
    yield Forged(
        "resealed",
        "somebody else sealed the same pages and attachments",
        seal(plain, replace(made, seal=somebody()), level="b-b"),
        (*_SIGNATURE,),
    )
    other = seal(certificate_of(made, certificate_no="CZS-OTHER"), made, level="b-b")
    yield Forged(
        "seal-of-another-certificate",
        "the signature of another certificate of the same institution",
        _contents_of(sealed, other),
        _SIGNATURE,
    )


def _byte_ranges(sealed: bytes) -> Iterator[Forged]:
    """Signatures wrapped around something."""
    span = read_certificate(sealed).seal
    assert span is not None
    (_, first), (second, end) = span.covered
    numbers = b"/ByteRange [0 %d %d %d]" % (first, second, end - second)
    for name, what, to in (
        ("gap", "a hole larger than the signature", (0, first - 9, second, end - second)),
        ("short", "an end before the end of the revision", (0, first, second, end - second - 9)),
        ("start", "a beginning behind the file's beginning", (1, first, second, end - second)),
    ):
        text = b"/ByteRange [%d %d %d %d]" % to
        changed = sealed.replace(numbers, text + b" " * (len(numbers) - len(text)))
        yield Forged(f"byte-range-{name}", f"its ByteRange leaves {what}", changed, _FORM)
    filled = bytearray(sealed)
    filled[second - 2] = 0x31
    yield Forged(
        "behind-the-cms", "something stands where zeros fill the seal's place", bytes(filled), _FORM
    )


def _signers(made: Office) -> Iterator[Forged]:
    """Seals whose certificates are not good for it."""
    stranger = replace(made, seal=somebody())
    yield Forged(
        "seal-of-another-root",
        "issued with a seal whose certificate leads to none of the trust file's roots",
        seal(certificate_of(stranger, files_of(made)), stranger, level="b-b"),
        ("certificate.signer",),
    )
    expired = issue("南京市公证处", None, seal_extensions(), days=(0, 30))
    ended = replace(made, seal=expired)
    yield Forged(
        "seal-expired",
        "issued with a seal whose certificate had expired",
        seal(certificate_of(ended, files_of(made)), ended, level="b-b"),
        ("certificate.signer",),
    )


def _contents_of(pdf: bytes, other: bytes) -> bytes:
    """``pdf`` with the signature of ``other`` in its place."""
    mine, theirs = read_certificate(pdf).seal, read_certificate(other).seal
    assert mine is not None
    assert theirs is not None
    return _with_contents(pdf, theirs.contents, 0)


def _with_contents(pdf: bytes, contents: bytes, which: int) -> bytes:
    """``pdf`` with other DER in the place of its seal (0) or its first time-stamp (1)."""
    read = read_certificate(pdf)
    signatures = [one for one in (read.seal, *read.time_stamps) if one is not None]
    (_, first), (second, _) = signatures[which].covered
    digits = contents.hex().encode()
    return pdf[: first + 1] + digits.ljust(second - first - 2, b"0") + pdf[second - 1 :]


def _sealed(made: Office, files: dict[str, bytes], **statement: Any) -> bytes:
    return seal(certificate_of(made, files, **statement), made, level="b-b")


def _statements(made: Office) -> Iterator[Forged]:
    """Statements that their member did not make, or could not."""
    given = files_of(made)
    court = made.chain.keys["court-a"]
    with_court = {**given, "bundle.json": made.bundle(f"key/{court.kid}")}
    yield Forged(
        "statement-by-another-member",
        "the statement is signed with another member's key",
        _sealed(made, with_court, key=court),
        _STATEMENT,
    )
    yield Forged(
        "statement-by-an-unknown-key",
        "the statement is signed with a key of which the bundle proves nothing",
        _sealed(made, given, key=MemberKey("nobody")),
        _STATEMENT,
    )
    for name in ODD_KEYS:
        key = MemberKey(name)
        files = {**given, "bundle.json": made.bundle(f"key/{key.kid}")}
        yield Forged(
            f"statement-key-{name}",
            f"the statement is signed with a key of its member that is {name}",
            _sealed(made, files, key=key),
            _STATEMENT,
        )


def _contents_stated(made: Office) -> Iterator[Forged]:
    """Statements of something else than what is attached."""
    given = files_of(made)
    for name, what, changes in (
        ("chain", "names another chain", {"chain_id": "other-chain"}),
        ("code", "is of another dossier", {"code": "CZ0034133234711"}),
        ("record", "is of one record, and the bundle of the dossier", {"code": _record(made)}),
        ("member", "names a member that is none", {"iss": "nobody"}),
    ):
        yield Forged(
            f"statement-of-another-{name}",
            f"the statement {what}",
            _sealed(made, given, **changes),
            _STATEMENT,
        )
    swapped = {**given, "trust.json": made.trust.replace(b'"anchors":[]', b'"anchors":[ ]')}
    statement = statement_of(made, given)
    yield Forged(
        "statement-of-other-files",
        "sealed with another file than the statement has the hash of",
        seal(typeset({**swapped, "statement.jwt": statement}), made, level="b-b"),
        _STATEMENT,
    )
    flipped = bytearray(statement)
    flipped[-20] ^= 1
    yield Forged(
        "statement-flipped",
        "one bit of the statement's signature is another",
        seal(typeset({**given, "statement.jwt": bytes(flipped)}), made, level="b-b"),
        _STATEMENT,
    )


def _record(made: Office) -> str:
    return str(made.chain.records[0].text.split(b'"code":"')[1].split(b'"')[0].decode())


def _stamps(made: Office, plain: bytes) -> Iterator[Forged]:
    """Time-stamps of something else."""
    whole, other = seal(plain, made), seal(plain, made)
    theirs = read_certificate(other).time_stamps[0].contents
    yield Forged(
        "time-stamp-of-another-document",
        "the document time-stamp of another file",
        _with_contents(whole, theirs, 1),
        ("certificate.time",),
    )
    first, second = (seal(plain, made, level="b-t") for _ in range(2))
    signatures = [read_certificate(one).seal for one in (first, second)]
    contents = [cms.ContentInfo.load(one.contents) for one in signatures if one is not None]
    signers = [one["content"]["signer_infos"][0] for one in contents]
    signers[0]["unsigned_attrs"] = signers[1]["unsigned_attrs"]
    yield Forged(
        "time-stamp-of-another-signature",
        "the signature time-stamp of another signature",
        _with_contents(first, contents[0].dump(force=True), 0),
        ("certificate.time",),
    )
