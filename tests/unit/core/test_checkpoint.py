from __future__ import annotations

import base64
from itertools import permutations

import pytest
from builders.curves import ED_TORSION, ed_encode
from builders.signing import BlockSigner, seeded

from node.core.checkpoint import (
    Checkpoint,
    NoteKey,
    checkpoint_origin,
    decode_checkpoint,
    note_signature_line,
    open_note,
    parse_verifier_key,
)
from node.core.errors import InvalidEncoding, InvalidInput, InvalidSignature
from node.core.signatures import Backend, load_backend

CHECKPOINT = Checkpoint("evidence-ledger/seal-test", 258, seeded("root"), seeded("state"), 7)
SIGNER = BlockSigner("checkpoint")
KEY = NoteKey("evidence-ledger/seal-test", SIGNER.validator.public_key)
ANY = load_backend()


def note(text: str, *lines: str) -> bytes:
    return f"{text}\n{''.join(lines)}".encode()


def signed(text: str, key: NoteKey = KEY, signer: BlockSigner = SIGNER) -> str:
    return note_signature_line(key, signer.sign(text.encode()))


def test_text_by_hand() -> None:
    root = base64.b64encode(seeded("root")).decode()
    assert CHECKPOINT.text() == (
        f"evidence-ledger/seal-test\n258\n{root}\nstate-root {seeded('state').hex()}\nheight 7\n"
    )
    assert checkpoint_origin("seal-test") == CHECKPOINT.origin


def test_round_trip(backend: Backend) -> None:
    text = CHECKPOINT.text()
    assert decode_checkpoint(text) == CHECKPOINT
    assert open_note(note(text, signed(text)), KEY, backend) == text
    empty = Checkpoint("o", 0, bytes(32), bytes(32), 0)
    assert decode_checkpoint(empty.text()) == empty


GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
)
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotp"
    "RZb6KE6RyyBwJnAM=\n"
)


def test_the_note_of_gos_own_example(backend: Backend) -> None:
    """The example of golang.org/x/mod/sumdb/note, whose format C2SP signed-note describes."""
    key = parse_verifier_key(GO_KEY)
    assert key.name == "PeterNeumann"
    assert key.verifier_key() == GO_KEY
    assert open_note(note(GO_TEXT, GO_LINE), key, backend) == GO_TEXT
    with pytest.raises(InvalidSignature, match="does not hold"):
        open_note(note(GO_TEXT.replace("think", "know"), GO_LINE), key, backend)


def test_other_signers_lines_are_passed_over() -> None:
    text = CHECKPOINT.text()
    other = BlockSigner("other")
    stranger = NoteKey("witness.example", other.validator.public_key)
    namesake = NoteKey(KEY.name, other.validator.public_key)
    lines = [signed(text, stranger, other), signed(text, namesake, other), signed(text)]
    assert open_note(note(text, *lines), KEY, ANY) == text
    with pytest.raises(InvalidSignature, match="has not signed it"):
        open_note(note(text, *lines[:2]), KEY, ANY)


def test_the_order_of_lines_says_nothing() -> None:
    text = CHECKPOINT.text()
    good, other = signed(text), "— witness.example AAAAAAAA\n"
    bad = note_signature_line(KEY, bytes(64))
    for lines in permutations((good, other, good)):
        assert open_note(note(text, *lines), KEY, ANY) == text
    for lines in permutations((good, other, bad)):
        with pytest.raises(InvalidSignature, match=f"signature of {KEY.name}"):
            open_note(note(text, *lines), KEY, ANY)


def test_a_signature_by_another_under_this_keys_id_is_refused(backend: Backend) -> None:
    text = CHECKPOINT.text()
    forged = note_signature_line(KEY, BlockSigner("other").sign(text.encode()))
    with pytest.raises(InvalidSignature) as refused:
        open_note(note(text, forged), KEY, backend)
    assert refused.value.place == "note"


@pytest.mark.parametrize("length", [0, 1, 63, 65])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    text = CHECKPOINT.text()
    line = note_signature_line(KEY, (SIGNER.sign(text.encode()) + b"x")[:length])
    with pytest.raises(InvalidSignature if length else InvalidEncoding):
        open_note(note(text, line), KEY, ANY)


def test_a_key_of_small_order_signs_nothing() -> None:
    weak = NoteKey("weak", ed_encode(ED_TORSION[0]))
    line = note_signature_line(weak, ed_encode(ED_TORSION[0]) + bytes(32))
    with pytest.raises(InvalidSignature):
        open_note(note("text\n", line), weak, ANY)


LINE = signed("text\n")
NOTES = {
    "empty": b"",
    "no signature": b"text\n",
    "no empty line": b"text\n" + LINE.encode(),
    "no line end": note("text\n", LINE)[:-1],
    "no signature lines": b"text\n\n",
    "hyphen for the dash": note("text\n", "-" + LINE[1:]),
    "no dash": note("text\n", LINE[2:]),
    "no blank": note("text\n", "—" + LINE[2:]),
    "text behind": note("text\n", LINE) + b"more\n",
    "empty line behind": note("text\n", LINE) + b"\n",
    "not base64": note("text\n", "— x !!!\n"),
    "not base64 behind a good line": note("text\n", LINE, "— x !!!\n"),
    "not base64 before a good line": note("text\n", "— x !!!\n", LINE),
    "base64 with loose bits": note("text\n", LINE, "— x AAAAAAB=\n"),
    "base64 without padding": note("text\n", LINE, "— x AAAAAAA\n"),
    "four bytes": note("text\n", LINE, "— x AAAAAA==\n"),
    "no base64": note("text\n", LINE, "— x\n"),
    "no name": note("text\n", LINE, "—  AAAAAAAA\n"),
    "name with a plus": note("text\n", LINE, "— a+b AAAAAAAA\n"),
    "two blanks": note("text\n", LINE, "— x  AAAAAAAA\n"),
    "a word behind": note("text\n", LINE, "— x AAAAAAAA x\n"),
    "not UTF-8": b"\xff\n\n" + LINE.encode(),
    "large": b"x" * 65_537,
}


@pytest.mark.parametrize("data", NOTES.values(), ids=NOTES)
def test_malformed_notes_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        open_note(data, KEY, ANY)
    assert refused.value.place == "note"


def test_every_flipped_byte_of_a_note_is_refused() -> None:
    text = CHECKPOINT.text()
    data = note(text, signed(text))
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(InvalidInput):
            decode_checkpoint(open_note(bytes(changed), KEY, ANY))


GOOD = CHECKPOINT.text().split("\n")


def with_line(number: int, line: str) -> str:
    return "\n".join([*GOOD[:number], line, *GOOD[number + 1 :]])


TEXTS = {
    "empty": "",
    "four lines": "\n".join(GOOD[:4]) + "\n",
    "six lines": CHECKPOINT.text() + "more\n",
    "no line end": CHECKPOINT.text()[:-1],
    "origin empty": with_line(0, ""),
    "origin with a blank": with_line(0, "a b"),
    "origin with a plus": with_line(0, "a+b"),
    "size text": with_line(1, "x"),
    "size negative": with_line(1, "-1"),
    "size with a zero in front": with_line(1, "0258"),
    "size with a plus": with_line(1, "+258"),
    "size full width": with_line(1, "２５８"),
    "size of 17 digits": with_line(1, "1" * 17),
    "root short": with_line(2, base64.b64encode(bytes(31)).decode()),
    "root not base64": with_line(2, "!" * 44),
    "root with loose bits": with_line(2, base64.b64encode(bytes(32)).decode()[:-2] + "B="),
    "root outside ASCII": with_line(2, "印章"),
    "state root short": with_line(3, "state-root " + "00" * 31),
    "state root in capitals": with_line(3, "state-root " + "AB" * 32),
    "state root with blanks": with_line(3, "state-root " + "00 " * 32),
    "state root of another name": with_line(3, "state-roof " + "00" * 32),
    "height of another name": with_line(4, "weight 7"),
    "height text": with_line(4, "height x"),
    "height with a blank": with_line(4, "height  7"),
    "carriage returns": CHECKPOINT.text().replace("\n", "\r\n"),
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        decode_checkpoint(text)
    assert refused.value.place.startswith("checkpoint")


KEYS = {
    "empty": "",
    "name alone": "PeterNeumann",
    "no key": "PeterNeumann+c74f20a3",
    "no name": GO_KEY.removeprefix("PeterNeumann"),
    "another id": GO_KEY.replace("c74f20a3", "c74f20a4"),
    "id in capitals": GO_KEY.replace("c74f20a3", "C74F20A3"),
    "another name": "Peter" + GO_KEY.removeprefix("PeterNeumann"),
    "not base64": "PeterNeumann+c74f20a3+!!!!",
    "outside ASCII": "PeterNeumann+c74f20a3+印",
    "short": "PeterNeumann+c74f20a3+" + base64.b64encode(b"\x01" + bytes(31)).decode(),
    "another kind": "PeterNeumann+c74f20a3+" + base64.b64encode(b"\x02" + bytes(32)).decode(),
    "blank behind": GO_KEY + " ",
    "name with a blank": NoteKey("Peter Neumann", bytes(32)).verifier_key(),
    "name with a line end": NoteKey("Peter\nNeumann", bytes(32)).verifier_key(),
    "empty name": NoteKey("", bytes(32)).verifier_key(),
    "surrogate": "\udcff+c74f20a3+" + GO_KEY.rpartition("+")[2],
}


@pytest.mark.parametrize("text", KEYS.values(), ids=list(KEYS))
def test_malformed_verifier_keys_are_refused(text: str) -> None:
    with pytest.raises(InvalidEncoding) as refused:
        parse_verifier_key(text)
    assert refused.value.place == "verifier key"
