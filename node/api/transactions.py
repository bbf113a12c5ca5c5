"""Routes of single transactions: what became of one, its proof, its bundle."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from node.api import models
from node.api.description import answers
from node.api.problems import Problem
from node.api.proofs import inclusion_json, state_json
from node.api.receipts import receipt
from node.api.requests import Caller, FromSize, Hex32
from node.api.responses import file_answer, json_answer
from node.api.service import Served
from node.api.standing import Recorded, RefusedThen, standing_of
from node.evidence.bundle import bundle_record, encode_bundle
from node.ledger.reader import LedgerReader
from node.ledger.refused import refused_key
from node.submission.tickets import Position

__all__ = ["routes"]

routes = APIRouter(tags=["transactions"])


@routes.get(
    "/v1/transactions/{id}",
    summary="What became of a transaction 查询交易",
    response_class=Response,
    responses=answers(models.Transaction, 400, 404),
)
def get_transaction(service: Served, id: Hex32) -> Response:
    """Pending, recorded (with its proof of inclusion), or refused (with the state map's proof for
    as long as the refusal is remembered there)."""
    identifier = bytes.fromhex(id)
    with service.node.reader() as reader:
        standing = standing_of(reader, identifier)
        if isinstance(standing, Recorded):
            return json_answer(_recorded(reader, identifier, standing))
        if service.node.submission.find_pending(identifier) is not None:
            return json_answer(
                {"status": "pending", "id": id, "chain_id": service.chain_id}, headers=_SOON
            )
        if isinstance(standing, RefusedThen):
            return json_answer(_refused(reader, identifier, standing))
    raise _unknown(id)


_SOON = {"Retry-After": "1"}


def _unknown(identifier: str) -> Problem:
    return Problem(
        "not-found",
        f"this node has no transaction {identifier}",
        f"本节点没有交易 {identifier}",
    )


def _recorded(reader: LedgerReader, identifier: bytes, standing: Recorded) -> dict[str, Any]:
    entry = standing.entry.entry
    position = Position(
        entry.code,
        standing.entry.index,
        entry.height,
        entry.time,
        standing.proven_time,
        entry.leaf_hash(),
    )
    return {
        **receipt(standing.entry.transaction.cid, identifier, position),
        "inclusion": inclusion_json(reader, standing.entry),
    }


def _refused(reader: LedgerReader, identifier: bytes, standing: RefusedThen) -> dict[str, Any]:
    content: dict[str, Any] = {
        "status": "refused",
        "id": identifier.hex(),
        "chain_id": reader.chain_id_at(standing.height),
        "code": standing.rejection.code,
        "name": standing.rejection.name,
        "text": standing.rejection.text,
        "text_zh": standing.rejection.text_zh,
        "height": standing.height,
    }
    key = refused_key(identifier)
    if reader.state(key) is not None:
        content["state"] = state_json(reader, key)
    return content


@routes.get(
    "/v1/transactions/{id}/bundle",
    summary="Evidence bundle of one record 单条记录证据包",
    response_class=Response,
    responses=answers(models.Bundle, 400, 401, 403, 404),
)
def get_record_bundle(
    service: Served, caller: Caller, id: Hex32, from_size: FromSize = None
) -> Response:
    """The record with its path in the log, its signer's key, and the headers that show them: to be
    checked offline. It says nothing of the dossier's other records. For members."""
    with service.node.reader() as reader:
        standing = standing_of(reader, bytes.fromhex(id))
        if not isinstance(standing, Recorded):
            raise _unknown(id)
        bundle = bundle_record(
            reader, standing.entry.index, from_size=from_size, anchors=service.node.receipts.items
        )
        code = standing.entry.entry.code
    return file_answer(encode_bundle(bundle), f"{code}.json")
