"""Receipts of rekor logs: entry, inclusion, checkpoint, witnesses; made here, by hand.

The real server is in tests/integration/test_anchor_rekor.py.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest
from builders.judicial_setup import point_of
from builders.rekor import WitnessServer
from builders.rest_receipts import trusting
from builders.small_log import ORIGIN, SmallLog, entry_text, submitter_spki
from cryptography.hazmat.primitives.asymmetric import ed25519

from node.core.anchors.log_notes import (
    check_log_signature,
    note_of,
    parse_log_key,
    read_log_note,
)
from node.core.anchors.rekor import decode_trusted_log, spki_fingerprint, verify_rekor
from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidInput, InvalidProof, InvalidSignature
from node.core.merkle import leaf_hash
from node.core.signatures import Backend, load_backend
from node.core.verify_case import NotChecked

SEEN_AT = 1_795_422_846


def a_witness(name: str = "witness.example", seed: int = 9, at: int = SEEN_AT) -> WitnessServer:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return WitnessServer(name, key, clock=at)


def trusted(witness: WitnessServer, operator: str = "见证方") -> dict[str, str]:
    return {"key": witness.key, "operator": operator}


@pytest.fixture(params=["cryptography", "ecdsa"])
def backend(request: pytest.FixtureRequest) -> Backend:
    return load_backend(request.param)


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize(("size", "index"), [(1, 0), (2, 1), (7, 3), (7, 6), (260, 259)])
def test_a_cosigned_entry_vouches(kind: int, size: int, index: int, backend: Backend) -> None:
    log, witness = SmallLog(size, index, kind), a_witness()
    receipt = log.receipt(witness.cosign(log.text()))
    trust = trusting(log.trust_entry(witnesses=[trusted(witness)]))
    vouched = verify_rekor(receipt, point_of(), trust, backend, "receipt")
    assert (vouched.by, vouched.time) == ("见证方", SEEN_AT * 1000 + 999)
    assert vouched.where == f"{ORIGIN}, entry {index} of {size}"
    assert "its own word" in vouched.how
    key = decode_trusted_log(
        log.trust_entry(submitters=[base64.b64encode(submitter_spki()).decode()]), "x"
    ).submitters[0]
    assert vouched.details[-1].endswith(spki_fingerprint(key))


def test_the_earliest_witness_vouches(backend: Backend) -> None:
    log = SmallLog()
    early, late = a_witness("early", 1, SEEN_AT - 100), a_witness("late", 2)
    receipt = log.receipt(late.cosign(log.text()), early.cosign(log.text()))
    witnesses = [trusted(late, "L"), trusted(early, "E")]
    trust = trusting(log.trust_entry(witnesses=witnesses))
    vouched = verify_rekor(receipt, point_of(), trust, backend, "receipt")
    assert (vouched.by, vouched.time) == ("E", (SEEN_AT - 100) * 1000 + 999)
    assert [line.split()[2] for line in vouched.details[:2]] == ["L", "E"]


def test_without_a_witness_no_time_is_told(backend: Backend) -> None:
    log = SmallLog()
    with pytest.raises(NotChecked, match="whose checkpoints hold no time") as caught:
        verify_rekor(log.receipt(), point_of(), trusting(log.trust_entry()), backend, "receipt")
    assert "entry 3 of 7" in str(caught.value)
    assert "日志检查点不含时间" in caught.value.told.text_zh


def test_a_log_that_the_trust_file_does_not_name_is_not_checked(backend: Backend) -> None:
    log, other = SmallLog(), SmallLog(kind=1)
    for trust in (trusting(), trusting(other.trust_entry()), trusting({"kind": "rest"})):
        with pytest.raises(NotChecked, match="whose key the trust file does not name"):
            verify_rekor(log.receipt(), point_of(), trust, backend, "receipt")
    # But only what holds by itself gets there.
    with pytest.raises(InvalidProof, match="not of this point's digest"):
        verify_rekor(log.receipt(), point_of(2), trusting(), backend, "receipt")


@pytest.mark.parametrize("kind", [1, 2])
def test_no_receipt_with_a_byte_changed_is_accepted(kind: int) -> None:
    log, witness = SmallLog(kind=kind), a_witness()
    trust = trusting(log.trust_entry(witnesses=[trusted(witness)]))
    data = canonical_json(log.receipt(witness.cosign(log.text())))
    backend = load_backend("cryptography")

    def check(raw: bytes) -> None:
        value = decode_json_object(raw, place="receipt", max_bytes=1 << 20)
        verify_rekor(value, point_of(), trust, backend, "receipt")

    check(data)
    for position in range(len(data)):
        for flip in (0x01, 0x20, 0x80):
            bad = bytearray(data)
            bad[position] ^= flip
            with pytest.raises((InvalidInput, NotChecked)):
                check(bytes(bad))


def test_a_signature_of_somebody_unknown_is_refused(backend: Backend) -> None:
    """What cannot be checked has no place in a receipt: its bytes could be anything."""
    log, witness, unknown = SmallLog(), a_witness(), a_witness("unknown", 3)
    trust = trusting(log.trust_entry(witnesses=[trusted(witness)]))
    receipt = log.receipt(witness.cosign(log.text()), unknown.cosign(log.text()))
    with pytest.raises(InvalidProof, match=r"receipt\.checkpoint: is signed by unknown"):
        verify_rekor(receipt, point_of(), trust, backend, "receipt")


def test_a_witness_time_is_under_its_signature(backend: Backend) -> None:
    log, witness = SmallLog(), a_witness()
    line = witness.cosign(log.text())
    raw = bytearray(base64.b64decode(line.split(" ")[2]))
    raw[11] -= 1  # the last byte of the time
    earlier = f"\u2014 {witness.name} {base64.b64encode(bytes(raw)).decode()}\n"
    trust = trusting(log.trust_entry(witnesses=[trusted(witness)]))
    with pytest.raises(InvalidSignature, match=r"cosignature of witness\.example: does not hold"):
        verify_rekor(log.receipt(earlier), point_of(), trust, backend, "receipt")
    never = log.receipt(a_witness(at=0).cosign(log.text()))
    with pytest.raises(InvalidSignature, match="names no time"):
        verify_rekor(never, point_of(), trust, backend, "receipt")


def test_an_entry_that_its_submitter_did_not_sign_is_refused(backend: Backend) -> None:
    log = SmallLog()
    log.entry = entry_text(point_of().document(), signed=b"something else")
    log.leaves[log.index] = leaf_hash(log.entry.encode())
    with pytest.raises(InvalidSignature, match=r"^receipt\.entry\.signature"):
        verify_rekor(log.receipt(), point_of(), trusting(log.trust_entry()), backend, "receipt")


def test_only_named_submitters_count_where_any_are_named(backend: Backend) -> None:
    log, witness = SmallLog(), a_witness()
    receipt = log.receipt(witness.cosign(log.text()))
    own = base64.b64encode(submitter_spki()).decode()
    other = log.key.split("+")[2]
    other = base64.b64encode(base64.b64decode(other)[1:]).decode()
    more = {"witnesses": [trusted(witness)]}
    trust = trusting(log.trust_entry(submitters=[other, own], **more))
    verify_rekor(receipt, point_of(), trust, backend, "receipt")
    trust = trusting(log.trust_entry(submitters=[other], **more))
    with pytest.raises(InvalidProof, match="submitter that the trust file does not name"):
        verify_rekor(receipt, point_of(), trust, backend, "receipt")


@pytest.mark.parametrize("member", ["path", "index", "checkpoint", "entry"])
def test_parts_of_another_tree_are_refused(member: str, backend: Backend) -> None:
    log, other = SmallLog(7, 3), SmallLog(9, 5)
    receipt = {**log.receipt(), member: other.receipt()[member]}
    if member == "entry":
        receipt["entry"] = entry_text(point_of(2).document())
    with pytest.raises(InvalidInput):
        verify_rekor(receipt, point_of(), trusting(log.trust_entry()), backend, "receipt")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("0.0.2", "0.0.1"),
        lambda text: text.replace("hashedrekord", "dsse", 1),
        lambda text: text.replace("SHA2_256", "SHA2_512"),
        lambda text: text.replace("P256_SHA_256", "P384_SHA_384"),
        lambda text: text.replace('"kind"', '"extra":1,"kind"'),
        lambda text: text.replace(",", ", ", 1),
        lambda text: text + " ",
    ],
)
def test_another_form_of_entry_is_refused(change: Any) -> None:
    log = SmallLog()
    log.entry = change(log.entry)
    log.leaves[log.index] = leaf_hash(log.entry.encode())
    with pytest.raises(InvalidInput, match=r"^receipt\.entry"):
        verify_rekor(
            log.receipt(), point_of(), trusting(log.trust_entry()), load_backend(), "receipt"
        )


def test_a_key_of_another_log_does_not_pass() -> None:
    """Of one name, but another key: its id is another, so that nothing is signed by it."""
    log = SmallLog()
    checkpoint = read_log_note(log.note().encode(), "note")
    with pytest.raises(InvalidSignature, match="has not signed it"):
        check_log_signature(
            checkpoint, parse_log_key(SmallLog(kind=1).key, "k"), load_backend(), "note"
        )


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda note: note.replace("\n7\n", "\n07\n"), "its origin or its size"),
        (lambda note: note.replace("\n7\n", "\n0\n"), "its origin or its size"),
        (lambda note: note.replace("\n7\n", "\n7\nextension\n"), "three lines"),
        (lambda note: note + note.split("\n\n")[1], "signed it twice"),
        (lambda note: note[:-1], "must be text"),
        (lambda note: note.replace("=\n\n", "\n\n"), "base64"),
        (lambda note: note.replace("\u2014 ", "- "), "signature line"),
        (lambda note: note.encode("utf-16").decode("latin-1"), "must be text"),
    ],
)
def test_malformed_checkpoints_are_refused(change: Any, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule):
        read_log_note(change(SmallLog().note()).encode(), "note")


def test_a_note_is_cut_down_to_the_lines_of_known_keys() -> None:
    log, witness, other = SmallLog(), a_witness(), a_witness("other", 4)
    note = log.note(other.cosign(log.text()), witness.cosign(log.text()))
    keys = (parse_log_key(log.key, "k"), parse_log_key(witness.key, "k"))
    lines = note_of(read_log_note(note.encode(), "n"), keys).split("\n\n")[1].splitlines()
    assert [line.split(" ")[1] for line in lines] == [ORIGIN, witness.name]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a", "must be <name>"),
        ("a+00000000+!", "must be base64"),
        ("a b+00000000+AQ==", "must be <name>"),
        (f"{ORIGIN}+00000000+{SmallLog().key.split('+')[2]}", "key id"),
        ("a+00000000+A" + "A" * 43, "Ed25519, ECDSA"),
        ("a+00000000+" + base64.b64encode(b"\x01" + bytes(32)).decode(), "small order"),
    ],
)
def test_malformed_verifier_keys_are_refused(text: str, rule: str) -> None:
    with pytest.raises(InvalidInput, match=rule):
        parse_log_key(text, "key")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"log_key": 1}, "e.log_key: must be text"),
        ({"log_key": a_witness().key}, "e.log_key: must be a log's key"),
        ({"witnesses": [{"key": SmallLog(kind=1).key, "operator": "x"}]}, "e.witnesses[0].key"),
        ({"witnesses": [{"key": a_witness().key}]}, "e.witnesses[0].operator: is missing"),
        ({"submitters": ["AA=="]}, "e.submitters[0]: must be the SubjectPublicKeyInfo"),
        ({"more": 1}, "e.more: is not a member"),
        ({"operator": ""}, "e.operator: must be text"),
    ],
)
def test_a_malformed_entry_is_refused_by_place(changes: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode_trusted_log({**SmallLog().trust_entry(), **changes}, "e")
    assert str(caught.value).startswith(place)
