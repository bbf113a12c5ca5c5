"""Routes of the log as C2SP tlog-tiles has them, under /v1/log, and Merkle proofs (RFC 9162).

Hash tiles and checkpoints are public; entry bundles are for members. Entry 0 is the genesis,
and a chain that continues another has its own further on.
"""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from node.api import models
from node.api.convertors import rest
from node.api.description import answers, content_of
from node.api.problems import Problem, malformed
from node.api.requests import Caller
from node.api.responses import FOR_EVER, bytes_answer, json_answer
from node.api.service import Served
from node.api.standing import Recorded, standing_of
from node.core.encoding import MAX_INTEGER
from node.ledger.reader import LedgerReader

__all__ = ["parse_tile", "routes"]

routes = APIRouter(tags=["log"])

_WIDTH = 256
_TILE = re.compile(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
_LEVEL = re.compile(r"[0-9]|[1-5][0-9]|6[0-3]", re.ASCII)
_PRIVATE_FOR_EVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_MAX_ENTRY = 0xFFFF

Size = Annotated[int | None, Query(ge=1, le=MAX_INTEGER, description="A size of the log")]


def parse_tile(text: str) -> tuple[int, int] | None:
    """Index and width of a tile's path, such as ``x001/234.p/7``; None where it is none.

    The index is written in groups of three digits, all but the last with an ``x`` before them, and
    with no more groups than it needs (C2SP tlog-tiles).
    """
    match = _TILE.fullmatch(text)
    if match is None or len(text) > 40:
        return None
    groups = match[1].replace("x", "").split("/")
    width = _WIDTH if match[2] is None else int(match[2])
    if (len(groups) > 1 and groups[0] == "000") or (match[2] is not None and width >= _WIDTH):
        return None
    return int("".join(groups)), width


def _need_tile(text: str) -> tuple[int, int]:
    parsed = parse_tile(text)
    if parsed is None:
        raise Problem("not-found", "this is no tile's path (C2SP tlog-tiles)", "不是有效的瓦片路径")
    return parsed


@routes.get(
    "/v1/log/checkpoint",
    summary="Checkpoint of the log 日志检查点",
    response_class=Response,
    responses=content_of("text/plain", "A signed note (C2SP tlog-checkpoint)", "string"),
)
def get_checkpoint(service: Served) -> Response:
    """Size and root of the log, root of the state map and height, signed by this node's key (see
    /v1/node)."""
    with service.node.reader() as reader:
        note = service.node.checkpoint(reader)
    return bytes_answer(note, "text/plain; charset=utf-8")


@routes.get(
    "/v1/log/tile/entries/" + rest("index"),
    summary="A bundle of entries 条目包",
    response_class=Response,
    responses=content_of(
        "application/octet-stream",
        "For each entry its length (u16, big-endian) and its bytes",
        "binary",
        401,
        403,
        404,
    ),
)
def get_entries(
    service: Served,
    caller: Caller,
    index: Annotated[str, Path(description="Tile index, such as 000.p/1", examples=["000.p/1"])],
) -> Response:
    """The entries whose hashes are in the level-0 tile of that index. Entry 0 is the genesis, and a
    chain that continues another has its own further on. For members."""
    number, width = _need_tile(index)
    first = number * _WIDTH
    with service.node.reader() as reader:
        if first + width > reader.meta.size:
            raise _beyond(reader)
        wanted = range(first, first + width)
        geneses = {at: text for at, text in reader.genesis_documents().items() if at in wanted}
        found = reader.entries(at for at in wanted if at not in geneses)
        texts = {**geneses, **{entry.index: entry.text for entry in found}}
    entries = [texts[at] for at in wanted]
    for at, text in geneses.items():
        if len(text) > _MAX_ENTRY:
            raise Problem(
                "not-found",
                f"entry {at}, a genesis, has {len(text)} bytes; an entry bundle holds at most "
                f"{_MAX_ENTRY} an entry: take it from /v1/genesis and the others one by one",
                "创世文件过长，无法放入条目包，请从 /v1/genesis 获取。",
            )
    content = b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)
    return bytes_answer(content, "application/octet-stream", _PRIVATE_FOR_EVER)


def _beyond(reader: LedgerReader) -> Problem:
    return Problem(
        "not-found",
        f"the log does not reach so far: it has {reader.meta.size} entries",
        f"超出日志范围：当前共 {reader.meta.size} 条",
    )


@routes.get(
    "/v1/log/tile/{level}/" + rest("index"),
    summary="A tile of hashes 哈希瓦片",
    response_class=Response,
    responses=content_of("application/octet-stream", "Up to 256 hashes", "binary", 404),
)
def get_tile(
    service: Served,
    level: Annotated[str, Path(description="0 for leaves, 1 for the level above", examples=["0"])],
    index: Annotated[str, Path(description="Tile index, such as 000.p/1", examples=["000.p/1"])],
) -> Response:
    """256 hashes of one level of the log's tree, or as many as the path's `.p/<width>` says. A full
    tile never changes."""
    number, width = _need_tile(index)
    if _LEVEL.fullmatch(level) is None:
        raise Problem("not-found", "a level is a number from 0 to 63", "层级应为 0 至 63")
    with service.node.reader() as reader:
        hashes = reader.tile(int(level), number, width)
        if hashes is None or len(hashes) != 32 * width:
            raise _beyond(reader)
    return bytes_answer(hashes, "application/octet-stream", FOR_EVER if width == _WIDTH else None)


@routes.get(
    "/v1/log/proofs/inclusion",
    tags=["proofs"],
    summary="Proof that an entry is in the log 包含证明",
    response_class=Response,
    responses=answers(models.Inclusion, 400, 404),
)
def get_inclusion(
    service: Served,
    index: Annotated[
        int | None, Query(ge=0, le=MAX_INTEGER, description="Index of the entry", examples=[0])
    ] = None,
    transaction: Annotated[
        str | None, Query(pattern="^[0-9a-f]{64}$", description="Or its transaction's id")
    ] = None,
    size: Size = None,
) -> Response:
    """Audit path from an entry to the root of the log's first `size` entries (RFC 9162 §2.1.3), by
    default all. Name the entry by `index` or by `transaction`."""
    if (index is None) == (transaction is None):
        raise malformed("query", "give either index or transaction")
    with service.node.reader() as reader:
        if transaction is not None:
            standing = standing_of(reader, bytes.fromhex(transaction))
            if not isinstance(standing, Recorded):
                raise Problem(
                    "not-found",
                    f"no entry of the log has the transaction {transaction}",
                    "日志中没有该交易",
                )
            index = standing.entry.index
        assert index is not None
        wanted = reader.meta.size if size is None else size
        content = {
            "index": index,
            "size": wanted,
            "path": [step.hex() for step in reader.inclusion(index, wanted)],
            "leaf_hash": reader.leaf(index).hex(),
            "root": reader.root(wanted).hex(),
        }
    return json_answer(content)


@routes.get(
    "/v1/log/proofs/consistency",
    tags=["proofs"],
    summary="Proof that one log is a prefix of another 一致性证明",
    response_class=Response,
    responses=answers(models.Consistency, 400),
)
def get_consistency(
    service: Served,
    first: Annotated[
        int, Query(ge=1, le=MAX_INTEGER, description="The smaller size", examples=[1])
    ],
    second: Size = None,
) -> Response:
    """That the first `first` entries of the log are those of the log of `second` (RFC 9162 §2.1.4),
    by default all."""
    with service.node.reader() as reader:
        larger = reader.meta.size if second is None else second
        if first > larger:
            raise malformed("query.first", f"must be at most {larger}, the second size")
        content = {
            "first": first,
            "second": larger,
            "proof": [step.hex() for step in reader.consistency(first, larger)],
            "first_root": reader.root(first).hex(),
            "second_root": reader.root(larger).hex(),
        }
    return json_answer(content)
