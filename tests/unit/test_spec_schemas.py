"""The JSON Schemas of bundle, trust file and genesis against the decoders.

What a schema refuses the decoder must refuse. What the decoder refuses the schema must refuse too,
but for a few rules that JSON Schema cannot say; each of those is named here.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.bundling import bundle_of, trust_of
from builders.cases import LATER, PRIVATE, SUB, changed_validators, grown
from builders.chain import Chain
from builders.consortium import consortium_genesis
from builders.signing import digests_of, private_fields
from jsonschema import Draft202012Validator

from node.core.bundle import decode_bundle
from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.genesis import decode_genesis
from node.core.trust import decode_trust

SPEC = Path(__file__).parents[2] / "docs" / "spec"
NAMES = ("bundle", "genesis", "trust")
SCHEMAS = {
    name: json.loads((SPEC / "schemas" / f"{name}.schema.json").read_bytes()) for name in NAMES
}
VALIDATORS = {name: Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
DECODE: dict[str, Callable[[bytes], object]] = {
    "bundle": decode_bundle,
    "genesis": decode_genesis,
    "trust": decode_trust,
}
UNSAYABLE = {
    "bundle": ("must be in order: by power", "validators in all"),
    "genesis": (
        "is no member",
        "names a key twice",
        "names a member id twice",
        "must be known roles, sorted, each once",
        "the Ed25519 key ",
        "the point is not on P-256",
        "is no pattern: ",
        "at most 3 quantifiers",
        "at most 65535 are allowed",
        ".to: must be an integer from ",  # above the key's "from"
        "made under rules that are not known here",  # the format has them, this version does not
    ),
    "trust": (),
}
"""Words of the refusals that no schema can give."""


def small_bundle() -> dict[str, Any]:
    """A bundle of one record with a place for everything."""
    private = private_fields({"ip": "192.0.2.1"})
    chain = Chain(members=[("platform-a", ("platform",))])
    chain.commit_block(chain.jwt(**digests_of(private)))
    chain.commit_block()
    chain.commit_block()
    keys = [f"seal/none-{number}" for number in range(40)]
    bundle = bundle_of(chain, SUB, disclosures=private, extra_keys=keys, consistency_from=[0])
    bundle["anchors"] = [{"kind": "evm"}]
    bundle["chain"]["commits"][0]["signatures"].append({"flag": 1})
    other = next(proof for proof in bundle["state"] if "other" in proof)
    bundle["state"] = [bundle["state"][-1], other]
    return bundle


def small_genesis() -> dict[str, Any]:
    document = json.loads((SPEC / "examples" / "genesis.json").read_bytes())["document"]
    document["members"][0]["keys"][0].update({"from": 2, "to": 9})
    document["parameters"]["custodians"] = ["maker-a"]
    zero = "00" * 32
    document["predecessor"] = {
        "chain_id": "older",
        "header": zero,
        "root": zero,
        "size": 5,
        "state_root": zero,
    }
    return document


def small_trust() -> dict[str, Any]:
    trust = json.loads((SPEC / "examples" / "trust-file.json").read_bytes())
    return {
        **trust,
        "anchors": [{"kind": "evm"}],
        "tsa_roots": ["AAAA", "AAA="],
        "signer_roots": ["AA=="],
    }


SMALL = {"bundle": small_bundle(), "genesis": small_genesis(), "trust": small_trust()}


def real_ones() -> Iterator[tuple[str, Any]]:
    chain, changed = grown(), changed_validators()
    shown = [*PRIVATE, *LATER]
    keys = ["seal/none", "dossier/case:platform-a:9"]
    yield "bundle", bundle_of(chain, SUB, disclosures=shown, extra_keys=keys, consistency_from=[2])
    yield "bundle", bundle_of(chain, SUB, scope="record", ordinals=[2])
    yield "bundle", bundle_of(changed, SUB)
    for name in ("bundle-continued.json", "bundle-dossier.json", "bundle-record.json"):
        yield "bundle", json.loads((SPEC / "examples" / name).read_bytes())
    yield "trust", json.loads(trust_of(chain))
    yield "trust", json.loads(trust_of(chain, known_at=4))
    for genesis in (chain.genesis, consortium_genesis()):
        yield "genesis", json.loads(genesis.document)
    yield from SMALL.items()


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


def test_real_ones_validate() -> None:
    for name, value in real_ones():
        DECODE[name](canonical_json(value))
        VALIDATORS[name].validate(value)


def judge(name: str, value: Any) -> None:
    """Both must say the same, or the decoder alone may refuse by a rule that no schema has."""
    valid = VALIDATORS[name].is_valid(value)
    try:
        DECODE[name](canonical_json(value))
        refusal = None
    except InvalidInput as error:
        refusal = error
    if refusal is None:
        assert valid, "the schema refuses what the decoder accepts"
    elif valid:
        assert any(words in str(refusal) for words in UNSAYABLE[name]), str(refusal)


Path_ = tuple[Any, ...]


def parts(value: Any, path: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    yield path, value
    if isinstance(value, dict):
        for name, item in value.items():
            yield from parts(item, (*path, name))
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from parts(item, (*path, position))


def exchanged(value: Any, path: Path_, part: Any) -> Any:
    if not path:
        return part
    value = copy.deepcopy(value)
    at = value
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = part
    return value


WRONG: list[Any] = [
    -1,
    0,
    1,
    2,
    3,
    2**53 - 1,
    "",
    "x",
    "x\n",
    "00" * 32,
    "A" * 43,
    [],
    {},
    [1],
    {"a": 1},
]
DISTORTIONS: dict[str, Callable[[str], str]] = {
    "longer": lambda text: text + "0",
    "shorter": lambda text: text[:-1],
    "newline": lambda text: text + "\n",
    "upper": str.upper,
    "lower": str.lower,
    "space": lambda text: " " + text,
    "wide": lambda text: text[:-1] + "\uff11",
    "twice": lambda text: text + text,
}


@pytest.mark.parametrize("name", NAMES)
def test_any_part_exchanged(name: str) -> None:
    for path, _ in parts(SMALL[name]):
        for part in WRONG:
            judge(name, exchanged(SMALL[name], path, part))


@pytest.mark.parametrize("name", NAMES)
def test_texts_and_integers_distorted(name: str) -> None:
    for path, part in parts(SMALL[name]):
        if isinstance(part, str):
            for distort in DISTORTIONS.values():
                judge(name, exchanged(SMALL[name], path, distort(part)))
        elif isinstance(part, int):
            for other in (part - 1, part + 1, part * 1000, -part):
                judge(name, exchanged(SMALL[name], path, other))


@pytest.mark.parametrize("name", NAMES)
def test_members_left_out_added_and_items_repeated(name: str) -> None:
    for path, part in parts(SMALL[name]):
        if isinstance(part, dict):
            judge(name, exchanged(SMALL[name], path, {**part, "extra": 1}))
            for left_out in part:
                rest = {key: value for key, value in part.items() if key != left_out}
                judge(name, exchanged(SMALL[name], path, rest))
        elif isinstance(part, list):
            judge(name, exchanged(SMALL[name], path, []))
            judge(name, exchanged(SMALL[name], path, part * 2))


def bounds_in(schema: Any, node: Any) -> Any:
    """The schema of a part, its reference followed."""
    while "$ref" in node:
        node = schema["$defs"][node["$ref"].rpartition("/")[2]]
    return node


def arrays(schema: Any, node: Any, path: Path_, value: Any) -> Iterator[tuple[Path_, Any]]:
    """Every array of a value, with what the schema says of it."""
    node = bounds_in(schema, node)
    for option in node.get("oneOf", []):
        if Draft202012Validator({**option, "$defs": schema["$defs"]}).is_valid(value):
            node = option
    if isinstance(value, dict) and "properties" in node:
        for name, item in value.items():
            yield from arrays(schema, node["properties"][name], (*path, name), item)
    elif isinstance(value, list):
        yield path, node
        for position, item in enumerate(value):
            yield from arrays(schema, node["items"], (*path, position), item)


@pytest.mark.parametrize("name", NAMES)
def test_bounds_of_arrays_are_the_same(name: str) -> None:
    """Of an array with too many items the decoder names its bounds before it looks at any."""
    schema = SCHEMAS[name]
    for path, node in arrays(schema, schema, (), SMALL[name]):
        most, least = node["maxItems"], node.get("minItems", 0)
        with pytest.raises(InvalidInput) as refused:
            DECODE[name](canonical_json(exchanged(SMALL[name], path, [0] * (most + 1))))
        numbers = [int(number) for number in re.findall(r"\d+", refused.value.rule)]
        assert numbers in ([least, most], [most]), f"{path}: {refused.value}"
