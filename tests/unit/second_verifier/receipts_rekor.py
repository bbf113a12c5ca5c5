"""A second opinion on receipts of transparency logs (anchor-rekor.md), with cryptography."""

from __future__ import annotations

import base64
import re

from second_receipts_forms import (
    MOST,
    Bad,
    NothingTrusted,
    array,
    canonical,
    digest_of,
    document_of,
    exactly,
    from_base64,
    from_hex,
    integer,
    loads,
    merkle_root,
    need,
    p256_holds,
    p256_key,
    sha256,
    text,
)

__all__ = ["read_trusted", "verify"]

NAME = r"[^\s+\x00-\x1f]"
LINE = re.compile(f"\u2014 ({NAME}+) ([A-Za-z0-9+/=]+)")
check_ed25519 = verify_ed25519 = None
"""Those of verifier.py, which is loaded after this."""


def read_trusted(entry):
    """Raises Bad where an entry of the trust file is not of its form."""
    exactly(entry, "kind name operator log_key", "witnesses submitters")
    text(entry["name"], 40)
    text(entry["operator"], 200)
    read_verifier(entry["log_key"], (1, 2))
    for witness in array(entry.get("witnesses", []), 32):
        exactly(witness, "operator key")
        text(witness["operator"], 200)
        read_verifier(witness["key"], (4,))
    for key in array(entry.get("submitters", []), 1000):
        p256_key(from_base64(key, 91))


def read_verifier(value, kinds):
    """Name, key id, type, key."""
    need(isinstance(value, str) and value.count("+") >= 2, "no verifier key")
    name, identity, encoded = value.split("+", 2)
    need(re.fullmatch(f"{NAME}{{1,200}}", name), "name of a verifier key")
    identity, material = from_hex(identity, 4, 4), from_base64(encoded, 1000)
    need(material and material[0] in kinds, "type of a verifier key")
    kind, key = material[0], material[1:]
    if kind == 2:
        need(sha256(key)[:4] == identity, "key id")
        return name, identity, kind, p256_key(key)
    need(len(key) == 32, "an Ed25519 key has 32 bytes")
    check_ed25519(key)
    need(sha256(name.encode() + b"\n" + material)[:4] == identity, "key id")
    return name, identity, kind, key


class Note:
    """A checkpoint: origin, size, root, and the signatures by name and key id."""

    def __init__(self, value):
        body, empty, lines = text(value, 16_384).partition("\n\n")
        need(empty and lines.endswith("\n"), "no note")
        self.text = body.encode() + b"\n"
        parts = body.split("\n")
        need(len(parts) == 3, "three lines")
        need(re.fullmatch(f"{NAME}{{1,200}}", parts[0]), "origin")
        self.origin = parts[0]
        need(re.fullmatch("[1-9][0-9]{0,18}", parts[1]), "size")
        self.size, self.root = int(parts[1]), from_base64(parts[2], 32)
        need(self.size <= MOST and len(self.root) == 32, "size or root")
        self.lines = {}
        for line in lines[:-1].split("\n"):
            found = LINE.fullmatch(line)
            need(found, "no signature line")
            raw = from_base64(found[2], 16_384)
            need(len(raw) > 4 and (found[1], raw[:4]) not in self.lines, "signature line")
            self.lines[found[1], raw[:4]] = raw[4:]


class Entry:
    """The log's entry of a digest."""

    def __init__(self, value):
        data = text(value, 16_384).encode()
        made = exactly(loads(data), "apiVersion kind spec")
        need(canonical(made) == data, "an entry that is not canonical")
        need((made["apiVersion"], made["kind"]) == ("0.0.2", "hashedrekord"), "kind of the entry")
        inner = exactly(exactly(made["spec"], "hashedRekordV002")["hashedRekordV002"], WITHIN)
        hashed = exactly(inner["data"], "algorithm digest")
        need(hashed["algorithm"] == "SHA2_256", "algorithm")
        self.digest = from_base64(hashed["digest"], 32)
        signature = exactly(inner["signature"], "content verifier")
        verifier = exactly(signature["verifier"], "keyDetails publicKey")
        need(verifier["keyDetails"] == "PKIX_ECDSA_P256_SHA_256", "keyDetails")
        self.spki = from_base64(exactly(verifier["publicKey"], "rawBytes")["rawBytes"], 91)
        self.key, self.signature = p256_key(self.spki), from_base64(signature["content"], 100)
        self.leaf = sha256(b"\x00" + data)


WITHIN = "data signature"


def verify(receipt, point, trust):
    exactly(receipt, "entry index path checkpoint")
    entry, note = Entry(receipt["entry"]), Note(receipt["checkpoint"])
    path = [from_hex(item, 32, 32) for item in array(receipt["path"], 64)]
    need(entry.digest == digest_of(point), "of another point")
    p256_holds(entry.key, document_of(point), entry.signature)
    root = merkle_root(entry.leaf, integer(receipt["index"]), note.size, path)
    need(root == note.root, "the path leads elsewhere")
    for item in trust["anchors"]:
        if item["kind"] == "rekor":
            log = read_verifier(item["log_key"], (1, 2))
            if log[0] == note.origin and log[:2] in note.lines:
                break
    else:
        raise NothingTrusted("the log is not named")
    check_log(log, note)
    if item.get("submitters"):
        need(base64.b64encode(entry.spki).decode() in item["submitters"], "another submitter")
    others = {line: raw for line, raw in note.lines.items() if line != log[:2]}
    keys = {one[:2]: one[3] for one in map(witness_key, item.get("witnesses", []))}
    for line, raw in others.items():
        need(line in keys, "a line of nobody who is named")
        check_cosignature(keys[line], note, raw)
    if not others:
        raise NothingTrusted("no witness signed")


def witness_key(witness):
    return read_verifier(witness["key"], (4,))


def check_log(log, note):
    signature = note.lines[log[:2]]
    if log[2] == 2:
        p256_holds(log[3], note.text, signature)
    else:
        check_plain(log[3], note.text, signature)


def check_cosignature(key, note, raw):
    need(len(raw) == 72, "a cosignature has 72 bytes")
    time = int.from_bytes(raw[:8], "big")
    need(time >= 1, "time of a cosignature")
    check_plain(key, f"cosignature/v1\ntime {time}\n".encode() + note.text, raw[8:])


def check_plain(key, message, signature):
    if len(signature) != 64:
        raise Bad("an Ed25519 signature has 64 bytes")
    verify_ed25519(key, message, signature)
