"""Bundles changed in one or two places, by the hundred thousand, for all three verifiers.

A mutant is a base bundle and edits of its text, so that little has to be sent to the processes that
judge it: JavaScript in Node, and the Python archive. What an accepted one says must be what its
base says, or less (`meaning`).
"""

from __future__ import annotations

import base64
import itertools
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from builders.corpus import Held

from node.core.bundle import decode_bundle
from node.core.signatures import Backend, PublicJwk
from node.core.verify import PASSED, Report

__all__ = ["Edit", "Mutant", "Remembering", "check_meaning", "mutants", "spans"]

Edit = tuple[int, int, bytes]
"""Bytes from, up to but not including, and what stands there instead."""
Span = tuple[int, int, str]
"""From, to, and what: a member's name, a number, text, object or array, or an item of one."""

_DIGITS = b"0123456789abcdef"
_SIGNS = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+|[{}\[\]:,]')


@dataclass(frozen=True)
class Mutant:
    """``edits`` in order of their places, none over another."""

    base: int
    edits: tuple[Edit, ...]

    def text(self, bases: list[bytes]) -> bytes:
        """The mutant itself."""
        out, at = [], 0
        for start, stop, instead in self.edits:
            out += [bases[self.base][at:start], instead]
            at = stop
        return b"".join([*out, bases[self.base][at:]])

    def line(self) -> str:
        """As the processes are told it."""
        edits = [[a, b, base64.b64encode(text).decode()] for a, b, text in self.edits]
        return json.dumps([self.base, edits])


def spans(text: bytes) -> list[Span]:
    """Where the values and members of a JSON text of ASCII or UTF-8 stand, in bytes."""
    found: list[Span] = []
    starts: list[tuple[int, str]] = []
    item = [0]
    # Latin-1 keeps a character for each byte.
    for sign in _SIGNS.finditer(text.decode("latin-1")):
        word, start, stop = sign.group(), sign.start(), sign.end()
        if word in "{[":
            starts.append((start, word))
            item.append(stop)
        elif word in "}]":
            opened, kind = starts.pop()
            first = item.pop()
            if first < start:
                found.append((first, start, "item"))
            found.append((opened, stop, "object" if kind == "{" else "array"))
        elif word == ",":
            found.append((item[-1], start, "item"))
            item[-1] = stop
        elif word == ":":
            start, stop, _ = found.pop()
            found.append((start, stop, "name"))
        else:
            found.append((start, stop, "text" if word[0] == '"' else "number"))
    return found


def mutants(bases: list[bytes], count: int, seed: int) -> Iterator[Mutant]:
    """So many mutants; the same seed gives the same."""
    chance = random.Random(seed)
    known = [spans(base) for base in bases]
    while count:
        base = chance.randrange(len(bases))
        edits = sorted(
            _edit(chance, bases, known, base) for _ in range(1 if chance.random() < 0.9 else 2)
        )
        if any(before[1] > after[0] for before, after in itertools.pairwise(edits)):
            continue
        mutant = Mutant(base, tuple(edits))
        if mutant.text(bases) != bases[base]:
            yield mutant
            count -= 1


def _edit(chance: random.Random, bases: list[bytes], known: list[list[Span]], base: int) -> Edit:
    text = bases[base]
    if chance.random() < 0.15:
        return _byte(chance, text)
    start, stop, kind = chance.choice(known[base])
    if kind in ("item", "name") and chance.random() < 0.8:  # most of those change the form alone
        start, stop, kind = chance.choice([span for span in known[base] if span[2] == "text"])
    if kind == "number":
        return start, stop, _number(chance, text[start:stop])
    if kind == "name" or (kind == "text" and chance.random() < 0.8):
        return _character(chance, text, start, stop)
    if kind == "item":
        return _item(chance, text, start, stop)
    other = chance.randrange(len(bases))
    whole = (0, len(bases[other]), "object")  # another good bundle, and no forgery
    same = [one for one in chance.sample(known[other], 40) if one[2] == kind and one != whole]
    if not same:
        return start, stop, chance.choice([b"[]", b"{}", b'""', b"0"])
    from_, to, _ = chance.choice(same)
    return start, stop, bases[other][from_:to]


def _byte(chance: random.Random, text: bytes) -> Edit:
    at = chance.randrange(len(text))
    way = chance.randrange(4)
    if way == 0:
        return at, at + 1, bytes([text[at] ^ 1 << chance.randrange(8)])
    if way == 1:
        return at, at + 1, b""
    if way == 2:
        return at, at, bytes([chance.randrange(256)])
    return at, len(text), b""


def _number(chance: random.Random, number: bytes) -> bytes:
    value = int(number)
    return str(
        chance.choice([value + 1, value - 1, -value, 0, 2**53 - 1, 2**53, value * 10, 2**32])
    ).encode()


def _character(chance: random.Random, text: bytes, start: int, stop: int) -> Edit:
    """One character of a text for another of its class, so that the form still fits."""
    if stop - start < 3:
        return start, stop, b'"x"'
    at = chance.randrange(start + 1, stop - 1)
    held = text[at : at + 1]
    if held in _DIGITS:
        return at, at + 1, bytes([chance.choice(_DIGITS)])
    if held.isalnum():
        letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        return at, at + 1, bytes([chance.choice(letters)])
    return at, at + 1, bytes([chance.randrange(256)])


def _item(chance: random.Random, text: bytes, start: int, stop: int) -> Edit:
    """A member or item dropped, doubled, or exchanged with the one behind it."""
    comma = text[stop : stop + 1] == b","
    way = chance.randrange(3)
    if way == 0:
        if comma:
            return start, stop + 1, b""
        return start - (text[start - 1 : start] == b","), stop, b""
    if way == 1 or not comma:
        return stop, stop, b"," + text[start:stop]
    depth, end = 0, stop + 1
    quoted = False
    while end < len(text):
        sign = text[end : end + 1]
        if sign == b"\\":
            end += 1
        elif sign == b'"':
            quoted = not quoted
        elif not quoted and sign in b"{[":
            depth += 1
        elif not quoted and sign in b"}]":
            depth -= 1
        if depth < 0 or (depth == 0 and not quoted and sign == b","):
            break
        end += 1
    return start, end, text[stop + 1 : end] + b"," + text[start:stop]


# -- what an accepted one may say -----------------------------------------------------------------


def check_meaning(base: Held, mutant: bytes, report: Report) -> None:
    """An accepted mutant must show the records of its base, and nothing that the base does not.

    It may show less: a disclosure, a receipt, a proof of the state map or of consistency that
    nothing needs can be left out, and whoever makes a bundle chooses them. A receipt of a kind that
    nobody knows is told as not checked.
    """
    was, now = _claims(base.bundle), _claims(mutant)
    passed = [step.part for step in report.steps if step.part and step.status == PASSED]
    assert {now["receipts"][part - 1] for part in passed} <= set(was["receipts"])
    if now["scope"] != was["scope"]:
        assert now["scope"] == "record"
        assert len(now["entries"]) == 1
        assert set(now["entries"]) <= set(was["entries"])
    else:
        assert now["entries"] == was["entries"]
    assert now["chains"] == was["chains"]
    assert now["as_of"] == was["as_of"]
    for shown in ("disclosures", "state", "headers", "consistency"):
        assert now[shown] <= was[shown], shown


@lru_cache(maxsize=64)
def _claims(text: bytes) -> dict[str, Any]:
    bundle = decode_bundle(text)
    return {
        "as_of": bundle.as_of,
        "chains": [chain.genesis for chain in bundle.chains],
        "consistency": set(bundle.consistency),
        "disclosures": {
            (entry.text, shown) for entry in bundle.entries for shown in entry.disclosures
        },
        "entries": [(entry.text, entry.index) for entry in bundle.entries],
        "headers": {header.hash() for chain in bundle.chains for header in chain.headers},
        "receipts": [json.dumps(item, sort_keys=True) for item in bundle.anchors],
        "scope": bundle.scope,
        "state": {(proof.key, proof.value) for proof in bundle.state},
    }


class Remembering:
    """A backend that checks the same signature once: most mutants leave most of them alone."""

    def __init__(self, backend: Backend) -> None:
        self.name = backend.name
        self._backend = backend
        self._known: dict[Any, Exception | None] = {}

    def _once(self, check: str, *arguments: Any) -> None:
        asked = (check, *arguments)
        if asked not in self._known:
            try:
                getattr(self._backend, check)(*arguments)
                self._known[asked] = None
            except Exception as error:
                self._known[asked] = error
        found = self._known[asked]
        if found is not None:
            raise found.with_traceback(None)

    def verify_es256(self, key: PublicJwk, message: bytes, signature: bytes) -> None:
        self._once("verify_es256", key, message, signature)

    def verify_ed25519(self, key: bytes, message: bytes, signature: bytes) -> None:
        self._once("verify_ed25519", key, message, signature)

    def verify_ecdsa(
        self, curve: str, point: bytes, digest: str, message: bytes, signature: bytes
    ) -> None:
        self._once("verify_ecdsa", curve, point, digest, message, signature)
