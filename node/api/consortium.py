"""Routes of the consortium: members, validators, parameters, and the proposals about them."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from node.api import models
from node.api.description import answers
from node.api.dossiers import need_dossier
from node.api.problems import Problem
from node.api.responses import json_answer
from node.api.service import Served
from node.api.views import PROPOSAL_STATUSES_ZH, Views, as_of
from node.core.errors import LedgerFault
from node.core.genesis import DEFAULT_PARAMETERS
from node.ledger.indexes import find
from node.ledger.reader import LedgerReader
from node.rules.changes import voting_members
from node.rules.governance import proposal_status
from node.rules.judgement import State, in_force

__all__ = ["routes"]

routes = APIRouter(tags=["consortium"])

_MOST_PROPOSALS = 1000
_ALL = 1 << 48

ProposalSubject = Annotated[
    str,
    Path(
        description="The proposal's dossier 提案卷宗标识",
        pattern=r"^consortium:[a-z0-9-]{1,40}:[A-Za-z0-9._-]{1,64}$",
        examples=["consortium:court-a:example"],
    ),
]


class _AsOf:
    """What a reader sees, as the rules ask for it."""

    def __init__(self, reader: LedgerReader) -> None:
        self.get = reader.state
        self.height = reader.meta.height

    def need(self, key: str) -> State:
        """The value of a key that every chain has."""
        value = self.get(key)
        if value is None:
            raise LedgerFault(f"state map: {key} is missing")
        return value


@routes.get(
    "/v1/consortium",
    summary="Members, validators and parameters 联盟成员与参数",
    response_class=Response,
    responses=answers(models.Consortium),
)
def get_consortium(service: Served) -> Response:
    """As they are in force at the height of `as_of`; `next` is what has been decided, and from
    which height on it holds."""
    node = service.node
    with node.reader() as reader:
        view = _AsOf(reader)
        addresses = view.need("consortium/validators")["addresses"]
        names = (*DEFAULT_PARAMETERS, "rules_version")
        content = {
            "chain_id": reader.meta.chain_id,
            "members": [_member(view, item) for item in view.need("consortium/members")["ids"]],
            "validators": [_validator(view, address) for address in addresses],
            "parameters": {name: _settled(view, f"parameter/{name}") for name in sorted(names)},
            "voting_members": voting_members(view),
            "as_of": as_of(reader, node.config.engine.empty_block_ms),
        }
    return json_answer(content)


def _settled(view: _AsOf, key: str) -> dict[str, Any]:
    """A value as it is in force, with what comes next."""
    value = view.need(key)
    shown = dict(in_force(value, view.height))
    held = value.get("next", {})
    coming = {name: item for name, item in held.items() if view.height < item["from"]}
    if coming:
        shown["next"] = coming
    return shown


def _member(view: _AsOf, member: str) -> dict[str, Any]:
    return {"id": member, **_settled(view, f"member/{member}")}


def _validator(view: _AsOf, address: str) -> dict[str, Any]:
    return {"address": address, **_settled(view, f"validator/{address}")}


@routes.get(
    "/v1/proposals",
    summary="Proposals of the members 提案列表",
    response_class=Response,
    responses=answers(models.Proposals, 400),
)
def get_proposals(
    service: Served,
    status: Annotated[
        Literal["open", "all"], Query(description="Only those that can be voted on, or all")
    ] = "open",
) -> Response:
    """Oldest first; of all that there were the newest 1000. Open ones wait for the votes of the
    members in `waiting_for`."""
    node = service.node
    with node.reader() as reader:
        view = _AsOf(reader)
        shown = []
        for subject in _subjects(reader, view, status):
            dossier = need_dossier(reader, subject)
            if status == "all" or proposal_status(dossier, node.now()) == "open":
                shown.append(_proposal(reader, view, subject, dossier, node.now()))
        content = {
            "proposals": shown,
            "as_of": as_of(reader, node.config.engine.empty_block_ms),
        }
    return json_answer(content)


def _subjects(reader: LedgerReader, view: _AsOf, status: str) -> list[str]:
    if status == "open":
        return list((view.get("consortium/open") or {"subs": []})["subs"])
    indexes = deque(find(reader.rows, "proposal", "", limit=_ALL), maxlen=_MOST_PROPOSALS)
    return [entry.transaction.sub for entry in reader.entries(indexes)]


@routes.get(
    "/v1/proposals/{sub}",
    summary="A proposal and its votes 提案详情",
    response_class=Response,
    responses=answers(models.Proposal, 400, 404),
)
def get_proposal(service: Served, sub: ProposalSubject) -> Response:
    """What it would change, who has voted how, and what became of it."""
    node = service.node
    with node.reader() as reader:
        dossier = need_dossier(reader, sub)
        if "change" not in dossier:
            raise Problem("not-found", f"{sub} is no proposal", f"{sub} 不是提案")
        content = _proposal(reader, _AsOf(reader), sub, dossier, node.now())
    return json_answer(content)


def _proposal(
    reader: LedgerReader, view: _AsOf, subject: str, dossier: State, now: int
) -> dict[str, Any]:
    status = proposal_status(dossier, now)
    votes = dossier["votes"]
    waiting = [m for m in voting_members(view) if m not in votes] if status == "open" else []
    shown = {
        "sub": subject,
        "code": f"CZ{dossier['code']}",
        "proposer": Views(reader, now).member(dossier["opener"]),
        "status": status,
        "status_zh": PROPOSAL_STATUSES_ZH[status],
        "change": dossier["change"],
        "closes_at": dossier["closes_at"],
        "votes": votes,
        "waiting_for": waiting,
    }
    for name in ("from", "in_force_from"):
        if name in dossier:
            shown[name] = dossier[name]
    return shown
