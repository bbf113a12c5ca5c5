"""Routes that describe the node and the language it speaks."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from node import __version__
from node.api import models
from node.api.anchor_standing import anchor_alarms
from node.api.description import answers
from node.api.responses import json_answer
from node.api.service import Served
from node.api.verification import own_trust
from node.api.views import Views
from node.ledger.statistics import Statistics
from node.rules.events import EVENTS
from node.rules.rejections import REJECTIONS

__all__ = ["routes"]

routes = APIRouter(tags=["node"])


@routes.get(
    "/v1/node",
    summary="Who answers 节点信息",
    response_class=Response,
    responses=answers(models.NodeInfo),
)
def get_node(service: Served) -> Response:
    """Version, chain, the member that runs the node, the key that signs checkpoints, and how far
    the log has come. What a node says of itself is no proof: compare it elsewhere."""
    node = service.node
    with node.reader() as reader:
        content: dict[str, Any] = {
            "software": "evidence-ledger-node",
            "version": __version__,
            "chain_id": node.genesis.chain_id,
            "genesis_hash": node.genesis.hash.hex(),
            "rules_version": node.genesis.rules_version,
            "trust_fingerprint": own_trust(node).fingerprint.hex(),
            "member": Views(reader, node.now()).member(node.member),
            "audience": node.audience,
            "verifier_key": node.note_key.verifier_key(),
            "validators": len(node.genesis.validators),
            "public_url": node.config.api.public_url,
            "height": reader.meta.height,
            "time": reader.meta.time,
            "size": reader.meta.size,
            "root": reader.meta.root.hex(),
            "state_root": reader.meta.state_root.hex(),
            "alarms": [alarm.text for alarm in anchor_alarms(node)],
        }
    return json_answer(content)


@routes.get(
    "/v1/statistics",
    summary="Counts 统计",
    response_class=Response,
    responses=answers(models.Statistics),
)
def get_statistics(service: Served) -> Response:
    """Dossiers by kind, records by type, refusals by name, as of the last block."""
    with service.node.reader() as reader:
        content = {
            **Statistics.load(reader.rows).to_json(),
            "height": reader.meta.height,
            "size": reader.meta.size,
        }
    return json_answer(content)


@routes.get(
    "/v1/rejections",
    summary="Registry of refusals 拒绝原因表",
    response_class=Response,
    responses=answers(models.Rejections),
)
async def get_rejections() -> Response:
    """Every reason for which a rule refuses a record, with its code in a block's results."""
    return json_answer(
        {
            "rejections": [
                {
                    "code": item.code,
                    "name": item.name,
                    "text": item.text,
                    "text_zh": item.text_zh,
                    "remembered": item.remembered,
                }
                for item in REJECTIONS.values()
            ]
        }
    )


@routes.get(
    "/v1/event-types",
    summary="Event types and their fields 事件类型",
    response_class=Response,
    responses=answers(models.EventTypes),
)
async def get_event_types() -> Response:
    """What can be recorded: who may, in which kind of dossier, the public fields as JSON Schema,
    and the names of the private ones, which may only stand in disclosures."""
    return json_answer(
        {
            "event_types": [
                {
                    "type": event.name,
                    "title_zh": event.title_zh,
                    "roles": sorted(event.roles),
                    "kind": event.kind,
                    "opens": event.opens,
                    "private": list(event.private),
                    "data": event.data.describe(),
                }
                for event in EVENTS.values()
            ]
        }
    )
