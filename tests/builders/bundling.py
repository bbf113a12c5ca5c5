"""Bundles and trust files of a test's chain, as the JSON objects that they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from builders.chain import Chain, Placed, state_proof
from builders.signing import validator_set

from node.core.bundle import BUNDLE_FORMAT, commit_json, header_json, validator_set_json
from node.core.disclosure import Disclosure
from node.core.encoding import canonical_json
from node.core.merkle import consistency_proof, inclusion_path
from node.core.trust import Trust, TrustedCheckpoint


def trust_of(chain: Chain, known_at: int | None = None, **changes: Any) -> bytes:
    """The trust file, its checkpoint what was after the block at ``known_at``.

    ``changes`` replace members of the file.
    """
    trust = Trust(chain.genesis.chain_id, chain.genesis.hash)
    if known_at is not None:
        point = chain.points[known_at]
        trust = replace(trust, checkpoint=TrustedCheckpoint(point.size, point.root))
    return canonical_json({**trust.to_json(), **changes})


def bundle_of(
    chain: Chain,
    sub: str,
    *,
    ordinals: Sequence[int] | None = None,
    scope: str = "dossier",
    as_of: int | None = None,
    disclosures: Iterable[Disclosure] = (),
    extra_keys: Iterable[str] = (),
    consistency_from: Sequence[int] = (),
) -> dict[str, Any]:
    """The bundle of a dossier (or of some of its records), as the JSON object that it is."""
    as_of = chain.height - 1 if as_of is None else as_of
    mine = [item for item in chain.records if item.transaction.sub == sub and item.height <= as_of]
    chosen = mine if ordinals is None else [mine[ordinal - 1] for ordinal in ordinals]
    keys = {f"key/{item.transaction.kid}" for item in chosen} | set(extra_keys)
    if scope == "dossier":
        keys.add(f"dossier/{sub}")
    newest = chain.points[as_of]
    heights = [item.height for item in chosen]
    past = lineage(chain)[:-1]
    return {
        "anchors": [],
        "as_of": as_of,
        "chain": chain_part(chain, of_chain(chain, heights), as_of),
        "consistency": [
            consistency_json(chain, height, as_of)
            for height in [*(one.height for one in past), *consistency_from]
        ],
        "entries": entries_json(chain, chosen, disclosures, newest.size),
        "format": BUNDLE_FORMAT,
        "predecessors": [
            chain_part(one, of_chain(one, heights), one.height - 1, chain, newest.size)
            for one in past
        ],
        "scope": scope,
        "state": [state_proof(newest.state, key).to_json() for key in sorted(keys)],
    }


def lineage(chain: Chain) -> list[Chain]:
    """The chain and all before it, oldest first."""
    return [*(lineage(chain.after) if chain.after else []), chain]


def of_chain(chain: Chain, heights: Iterable[int]) -> list[int]:
    """Those of ``heights`` at which ``chain`` has blocks."""
    return [height for height in heights if height in chain.headers]


def chain_part(
    chain: Chain,
    heights: Iterable[int],
    as_of: int,
    newest_chain: Chain | None = None,
    size: int | None = None,
) -> dict[str, Any]:
    """What a bundle of records at ``heights`` shows of the chain, up to ``as_of``.

    Of a predecessor ``newest_chain`` and ``size`` are the log that the bundle shows.
    """
    wanted = sorted({*heights, as_of})
    changes = [
        height
        for height, header in chain.headers.items()
        if header.validators_hash != header.next_validators_hash and height <= as_of
    ]
    committed = sorted({*(height + 1 for height in wanted), *changes})
    shown = sorted({*wanted, *committed} - {0})
    sets = {
        validator_set(chain.sets[height]).hash(): validator_set(chain.sets[height])
        for height in committed
    }
    size = chain.points[as_of].size if size is None else size
    return {
        "commits": [commit_json(chain.commits[height]) for height in committed],
        "genesis": chain.genesis.document.decode(),
        "genesis_path": path_json(newest_chain or chain, chain.genesis.index, size),
        "headers": [header_json(chain.headers[height]) for height in shown],
        "roots": [roots_json(chain, height) for height in wanted],
        "validator_sets": [validator_set_json(item) for item in sets.values()],
    }


def roots_json(chain: Chain, height: int) -> dict[str, Any]:
    point = chain.points[height]
    return {
        "height": height,
        "root": point.root.hex(),
        "size": point.size,
        "state_root": point.state_root.hex(),
    }


def entries_json(
    chain: Chain, chosen: Iterable[Placed], disclosures: Iterable[Disclosure], size: int
) -> list[dict[str, Any]]:
    """The entries of a log of ``size``, each disclosure beside the first that names it."""
    left = list(disclosures)
    entries = []
    for item in chosen:
        own = [one for one in left if one.digest in item.transaction.digests]
        left = [one for one in left if one not in own]
        entries.append(entry_json(chain, item, size, [one.encoded for one in own]))
    assert not left, "no record names one of the disclosures"
    return entries


def entry_json(
    chain: Chain, item: Placed, size: int, disclosures: Sequence[str] = ()
) -> dict[str, Any]:
    """An entry with its paths in the log after its block and in that of ``size``."""
    return {
        "disclosures": list(disclosures),
        "entry": item.text.decode(),
        "index": item.index,
        "path": path_json(chain, item.index, chain.points[item.height].size),
        "path_as_of": path_json(chain, item.index, size),
    }


def path_json(chain: Chain, index: int, size: int) -> list[str]:
    return [step.hex() for step in inclusion_path(index, size, chain.read_hash)]


def consistency_json(chain: Chain, first: int, second: int) -> dict[str, Any]:
    old, new = chain.points[first], chain.points[second]
    proof = consistency_proof(old.size, new.size, chain.read_hash)
    return {
        "first": old.size,
        "first_root": old.root.hex(),
        "proof": [node.hex() for node in proof],
        "second": new.size,
        "second_root": new.root.hex(),
    }
