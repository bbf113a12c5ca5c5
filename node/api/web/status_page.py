"""The page of the network's status: does it work, who runs it, what vouches for it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from node import __version__
from node.api.anchor_standing import anchor_alarms, anchor_standing
from node.api.description import content_of
from node.api.health import unready_reasons
from node.api.service import Served, Service
from node.api.verification import own_trust
from node.api.views import Views, as_of
from node.api.web.layout import Language, PageLanguage, page_answer, render
from node.api.web.shown import date_time, grouped
from node.api.web.texts import ANCHOR_STATES
from node.api.web.texts_status import ROLES, TEXTS
from node.ledger.reader import LedgerReader
from node.rules.judgement import State, in_force

__all__ = ["network_state", "routes"]

routes = APIRouter(tags=["pages"])

_GOOD_ANCHORS = ("up to date", "working")


@routes.get(
    "/status",
    summary="Status of the network 网络状态页面",
    response_class=Response,
    responses=content_of("text/html", "A page", "string", 400),
)
def get_status_page(service: Served, language: PageLanguage) -> Response:
    """Height and time, validators and members, anchors, alarms, in plain words."""
    with service.node.reader() as reader:
        return page_answer(_Status(service, reader, language).render())


def network_state(service: Service) -> str:
    """How the node stands, in one word of `TEXTS`; details are for its operator (/readyz)."""
    node = service.node
    if service.damage is not None:
        return "damaged"
    if node.failure is not None:
        return "failed"
    if node.is_joining:
        return "joining"
    if not unready_reasons(service):
        return "working"
    if node.submission.stopped is not None:
        return "closed"
    caught = node.consortium is None or not node.consortium.sight.catching_up
    return "late" if caught else "catching_up"


class _Status:
    """What is shown, as one reader sees it."""

    def __init__(self, service: Service, reader: LedgerReader, language: Language) -> None:
        self._service = service
        self._node = service.node
        self._reader = reader
        self._language = language
        self._t = TEXTS[language]
        self._views = Views(reader, service.node.now())

    def render(self) -> bytes:
        """The page."""
        t, meta = self._t, self._reader.meta
        state = network_state(self._service)
        return render(
            "status.html",
            self._language,
            path="/status",
            t=t,
            claim=t["claim"].format(time=date_time(meta.time), height=meta.height),
            good=state == "working",
            state=t[state],
            told=t[f"{state}_text"],
            rows=self._rows(),
            height=meta.height,
            alarms=[alarm.chain for alarm in anchor_alarms(self._node)],
            identity=self._identity(),
            hashes=self._hashes(),
            validators=self._validators(),
            members=self._members(),
            anchors=[self._anchor(one) for one in anchor_standing(self._node)],
        )

    def _rows(self) -> list[tuple[str, str]]:
        t, node, meta = self._t, self._node, self._reader.meta
        moment = as_of(self._reader, node.config.engine.empty_block_ms)
        rows = [
            (t["time"], date_time(meta.time)),
            (t["next"], date_time(moment["next_update"])),
            (t["size"], str(meta.size)),
            (t["pending"], str(node.submission.pending)),
        ]
        if node.consortium is None:
            return [*rows, (t["peers"], t["solo"])]
        sight = node.consortium.sight
        connected = sight.peers - len(sight.missing)
        told = t["peers_text"].format(peers=sight.peers, connected=connected)
        return [*rows, (t["peers"], told)]

    def _identity(self) -> list[tuple[str, str]]:
        t, genesis = self._t, self._node.genesis
        return [
            (t["chain"], genesis.chain_id),
            (t["operator"], self._views.member(self._node.member)["name"]),
            (t["software"], f"evidence-ledger-node {__version__}"),
            (t["rules"], str(self._now("parameter/rules_version")["value"])),
        ]

    def _hashes(self) -> list[tuple[str, str]]:
        t = self._t
        return [
            (t["fingerprint"], grouped(own_trust(self._node).fingerprint.hex())),
            (t["genesis"], grouped(self._node.genesis.hash.hex())),
        ]

    def _now(self, key: str) -> State:
        state = self._reader.state(key)
        return {} if state is None else in_force(state, self._reader.meta.height)

    def _validators(self) -> list[dict[str, Any]]:
        held = self._reader.state("consortium/validators") or {"addresses": []}
        shown = [{"address": one, **self._now(f"validator/{one}")} for one in held["addresses"]]
        return [
            {
                "address": one["address"],
                "power": one["power"],
                "member": self._views.member(one["member"])["name"],
            }
            for one in shown
            if one["power"]
        ]

    def _members(self) -> list[dict[str, Any]]:
        held = self._reader.state("consortium/members") or {"ids": []}
        column = 0 if self._language == "zh" else 1
        shown = []
        for member in held["ids"]:
            state = self._now(f"member/{member}")
            roles = [ROLES[role][column] if role in ROLES else role for role in state["roles"]]
            shown.append(
                {
                    "name": state["name"],
                    "id": member,
                    "roles": ("、" if self._language == "zh" else ", ").join(roles),
                    "good": state["status"] == "active",
                    "state": self._t.get(state["status"], state["status"]),
                }
            )
        return shown

    def _anchor(self, one: dict[str, Any]) -> dict[str, Any]:
        t, newest = self._t, one["newest"]
        last = t["never"]
        if newest is not None:
            last = t["newest_text"].format(time=date_time(newest["time"]), size=newest["size"])
        words = ANCHOR_STATES.get(one["state"], (one["state"], one["state"]))
        return {
            "chain": one["chain"],
            "operator": one["operator"],
            "state": words[0 if self._language == "zh" else 1],
            "good": one["state"] in _GOOD_ANCHORS,
            "bad": one["state"] == "conflict",
            "newest": last,
            "lag": t["lag_text"].format(points=one["lag"]["points"]),
        }
