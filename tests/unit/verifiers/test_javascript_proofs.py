"""Merkle proofs, state proofs, blocks and codes in JavaScript, against the core's own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.chain import Chain
from builders.javascript import JAVASCRIPT, PROBES, JavaScriptError
from builders.second_opinion import TESTS, example, load
from builders.signing import BlockSigner, validator_set

from node.core.block import (
    FLAG_ABSENT,
    FLAG_COMMIT,
    Commit,
    Header,
    Timestamp,
    Validator,
    ValidatorSet,
    verify_commit,
)
from node.core.bundle import commit_json, header_json, read_commit, validator_set_json
from node.core.errors import InvalidInput
from node.core.evidence_code import check_digit, code_digits
from node.core.merkle import (
    append_leaves,
    consistency_proof,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_of_leaves,
    verify_consistency,
    verify_inclusion,
)
from node.core.signatures import load_backend
from node.core.statemap import StateProof, verify_state_proof

blocks = load(TESTS / "unit/core/test_block.py")
SIZE = 9
LEAVES = [leaf_hash(bytes([number])) for number in range(SIZE)]
ROOTS = [root_of_leaves(LEAVES[:size]) for size in range(SIZE + 1)]
HASHES = {
    (level, first + offset): value
    for level, first, row in append_leaves(0, lambda *at: b"", LEAVES)
    for offset, value in enumerate(row)
}


def read(level: int, index: int) -> bytes:
    return HASHES[level, index]


def verdict(check: Any, *given: Any) -> str | None:
    """The place and rule that the core names, or None."""
    try:
        check(*given)
    except InvalidInput as error:
        return f"{error.place}: {error.rule}"
    return None


def said(results: list[Any]) -> list[str | None]:
    """The places and rules that JavaScript names."""
    return [
        f"{item.place}: {item.rule}" if isinstance(item, JavaScriptError) else item
        for item in results
    ]


def test_roots_of_lists_of_leaves() -> None:
    calls = [("merkle.js", "rootOfLeaves", [LEAVES[:size]]) for size in range(SIZE + 1)]
    assert JAVASCRIPT.call_each(calls) == ROOTS
    assert JAVASCRIPT.call("merkle.js", "leafHash", b"\x03") == LEAVES[3]
    assert JAVASCRIPT.call("merkle.js", "nodeHash", *LEAVES[:2]) == node_hash(*LEAVES[:2])


def inclusions() -> list[list[Any]]:
    """Every path of a small log, whole, cut, lengthened, damaged, and of other places."""
    cases: list[list[Any]] = []
    for size in range(1, SIZE + 1):
        for index in range(size):
            path = inclusion_path(index, size, read)
            others = [path[1:], path[:-1], [*path, ROOTS[1]], path[::-1]]
            for shown in (path, *others):
                cases.append([LEAVES[index], index, size, shown, ROOTS[size]])
            cases += [
                [LEAVES[index], other, size, path, ROOTS[size]] for other in range(-1, size + 1)
            ]
            cases.append([LEAVES[index - 1], index, size, path, ROOTS[size]])
            cases.append([LEAVES[index], index, size, path, ROOTS[size - 1]])
    return cases


def test_audit_paths() -> None:
    cases = inclusions()
    wanted = [verdict(verify_inclusion, *case) for case in cases]
    assert wanted.count(None) >= SIZE * (SIZE + 1) // 2
    calls = [("merkle.js", "verifyInclusion", case) for case in cases]
    assert said(JAVASCRIPT.call_each(calls)) == wanted


def test_consistency_proofs() -> None:
    cases: list[list[Any]] = []
    for second in range(1, SIZE + 1):
        for first in range(1, second + 1):
            proof = consistency_proof(first, second, read)
            for shown in (proof, proof[1:], proof[:-1], [*proof, ROOTS[1]], []):
                cases.append([first, second, shown, ROOTS[first], ROOTS[second]])
            cases.append([first, second, proof, ROOTS[second], ROOTS[second]])
            cases.append([first, second, proof, ROOTS[first], ROOTS[first]])
            cases.append([second, first, proof, ROOTS[second], ROOTS[first]])
            cases.append([0, second, proof, ROOTS[0], ROOTS[second]])
    wanted = [verdict(verify_consistency, *case) is None for case in cases]
    calls = [("merkle.js", "verifyConsistency", case) for case in cases]
    assert [item is None for item in JAVASCRIPT.call_each(calls)] == wanted


def test_an_inner_node_is_no_leaf(vectors: Path) -> None:
    vector = json.loads((vectors / "merkletools-1.0.3-inner-node-as-leaf.json").read_bytes())
    document = bytes.fromhex(vector["forged_document"])
    left, right = document[:32], document[32:64]
    assert JAVASCRIPT.call("merkle.js", "leafHash", document) != JAVASCRIPT.call(
        "merkle.js", "nodeHash", left, right
    )


def state_cases() -> list[tuple[dict[str, Any], bytes]]:
    """The example's proofs, and each with every part changed."""
    found = example("state-map.json")
    root = bytes.fromhex(found["root"])
    cases = []
    for proof in found["proofs"].values():
        cases += [(proof, root), (proof, bytes(32)), ({**proof, "path": []}, root)]
        for name in ("value", "other"):
            cases.append(({key: item for key, item in proof.items() if key != name}, root))
        for position, step in enumerate(proof["path"]):
            for changes in (
                {"bitmap": step["bitmap"] ^ 1},
                {"bitmap": 65_535},
                {"siblings": step["siblings"][1:]},
                {"siblings": step["siblings"][::-1]},
                {"siblings": [*step["siblings"], "00" * 32]},
            ):
                path = [*proof["path"]]
                path[position] = {**step, **changes}
                cases.append(({**proof, "path": path}, root))
    return cases


def test_proofs_of_the_state_map() -> None:
    cases = state_cases()
    wanted = [verdict(check_state, *case) for case in cases]
    assert wanted.count(None) >= 3
    calls = [(PROBES, "checkState", list(case)) for case in cases]
    assert said(JAVASCRIPT.call_each(calls)) == wanted


def check_state(proof: dict[str, Any], root: bytes) -> None:
    verify_state_proof(StateProof.from_json(proof, place="proof"), root)


def test_headers_and_commits_of_a_real_chain(cometbft_heights: list[dict[str, Any]]) -> None:
    for height in cometbft_heights:
        header, commit, found = blocks.signed(height)
        shown, validators = header_json(header), validator_set_json(found)
        assert JAVASCRIPT.call(PROBES, "headerHash", shown) == header.hash()
        assert JAVASCRIPT.call(PROBES, "setHash", validators[::-1]) == found.hash()
        JAVASCRIPT.call(PROBES, "checkCommit", shown, commit_json(commit), validators)


@pytest.mark.parametrize(
    ("seconds", "nanos", "round_"),
    [(0, 0, 0), (1, 999_999_999, 1), (-1, 5, 2**31 - 1), (-62_135_596_800, 0, 300)],
)
def test_what_validators_sign(seconds: int, nanos: int, round_: int) -> None:
    block = example("block.json")
    shown = {**block["commit"], "round": round_}
    said = JAVASCRIPT.call(PROBES, "signBytes", shown, "链-𠮷", seconds, nanos)
    commit = read_commit(shown, "commit")
    assert said == commit.sign_bytes("链-𠮷", Timestamp(seconds, nanos))


def test_the_example_block() -> None:
    block = example("block.json")
    assert JAVASCRIPT.call(PROBES, "headerHash", block["header"]).hex() == block["header_hash"]
    roots = block["app_hash"]
    given = [bytes.fromhex(roots[name]) for name in ("root", "state_root")]
    assert JAVASCRIPT.call("block.js", "appHash", roots["size"], *given).hex() == roots["hash"]


def test_powers_beyond_2_to_the_53_are_summed_exactly() -> None:
    """Two thirds to the last unit are too little; one validator with a unit more is enough."""
    for least, holds in ((2**53 - 1, False), (2**53 - 2, True)):
        powers = (2**53 - 1, 2**53 - 1, least)
        signers = [BlockSigner(f"v-{number}", power=power) for number, power in enumerate(powers)]
        found = validator_set(signers)
        header, commit = signed_by(signers, 2)
        given = (header_json(header), commit_json(commit), validator_set_json(found))
        results = JAVASCRIPT.call_each([(PROBES, "checkCommit", list(given))])
        assert (results == [None]) == holds
        assert (verdict(verify_commit, header, commit, found, load_backend()) is None) == holds


def signed_by(signers: list[BlockSigner], signing: int) -> tuple[Header, Commit]:
    """A header of these validators, with a commit that the first ``signing`` of them signed."""
    grown = Chain(validators=1)
    grown.commit_block()
    found = validator_set(signers)
    header = replace(grown.headers[1], validators_hash=found.hash())
    commit = replace(
        grown.commits[1],
        block_id=replace(grown.commits[1].block_id, hash=header.hash()),
    )
    votes = []
    by_key = {signer.validator.public_key: signer for signer in signers}
    for position, validator in enumerate(found.validators):
        vote = commit.signatures[0]
        message = commit.sign_bytes(header.chain_id, vote.time)
        votes.append(
            replace(
                vote,
                flag=FLAG_COMMIT if position < signing else FLAG_ABSENT,
                address=validator.address,
                signature=by_key[validator.public_key].sign(message),
            )
        )
    return header, replace(commit, signatures=tuple(votes))


def test_order_of_validators() -> None:
    signers = [BlockSigner(f"v-{number}", power=power) for number, power in enumerate((5, 5, 9))]
    shown = validator_set_json(validator_set(signers))
    assert JAVASCRIPT.call(PROBES, "isInOrder", shown) is True
    assert JAVASCRIPT.call(PROBES, "isInOrder", [shown[0], shown[0]]) is True
    assert JAVASCRIPT.call(PROBES, "isInOrder", shown[::-1]) is False
    assert JAVASCRIPT.call(PROBES, "isInOrder", [shown[0], shown[2], shown[1]]) is False


@pytest.mark.parametrize("power", [1, 127, 128, 2**31, 2**32 + 1, 2**53 - 1])
def test_hash_of_a_set_of_any_power(power: int) -> None:
    found = ValidatorSet((Validator(BlockSigner("v").validator.public_key, power),))
    assert JAVASCRIPT.call(PROBES, "setHash", validator_set_json(found)) == found.hash()


def test_evidence_codes() -> None:
    code = example("entry.json")["code"]
    first = bytes.fromhex(code["first_transaction"])
    for counter in (0, 1, 2**31, 2**32 - 1):
        wanted = code_digits(code["chain_id"], first, counter)
        given = (code["chain_id"], first, counter)
        assert JAVASCRIPT.call("evidence_code.js", "codeDigits", *given) == wanted
    for digits in ("000000000000", "999999999999", "123456789012"):
        assert JAVASCRIPT.call("evidence_code.js", "checkDigit", digits) == check_digit(digits)
    assert JAVASCRIPT.call("evidence_code.js", "parseCode", code["code"]) == {
        "digits": code["digits"],
        "ordinal": 1,
    }
