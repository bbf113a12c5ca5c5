"""Routes of what a verifier needs: the check itself, trust file, genesis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from node.api import models
from node.api.description import answers, body_of, content_of
from node.api.problems import Problem, malformed
from node.api.responses import FOR_EVER, bytes_answer, json_answer
from node.api.service import Served, Service
from node.core.bundle import MAX_BUNDLE_BYTES, decode_bundle
from node.core.encoding import canonical_json, decode_json_object
from node.core.errors import InvalidEncoding, InvalidInput
from node.core.genesis import Genesis
from node.core.pdf.certificate_file import read_certificate
from node.core.signatures import Backend, PublicJwk, load_backend
from node.core.trust import MAX_TRUST_BYTES, Trust, decode_trust
from node.core.verify import FAILED, Report, verify_bundle
from node.core.verify_certificate import CertificateReport, verify_certificate

if TYPE_CHECKING:
    from node.wiring import Node

__all__ = [
    "MAX_CASE_BYTES",
    "checking",
    "own_trust",
    "read_case",
    "routes",
    "verify_by_own",
    "verify_certificate_by_own",
]

routes = APIRouter(tags=["verification"])

MAX_CASE_BYTES = MAX_BUNDLE_BYTES + MAX_TRUST_BYTES
"""Bytes of a bundle and a trust file, as they are sent to be checked."""
_MOST_AT_ONCE = 2
"""Bundles checked at a time: decoding one takes many times its bytes of memory."""
_MOST_SECONDS = 60.0
"""Until the check of a bundle is given up. Receipts and a trust file that are sent together can be
made so that checking them takes hours."""
_FEW_VALUES = 10_000
_BYTES_A_VALUE = 12
"""A bundle has about 46 bytes for each comma and bracket in it."""

_OWN = (
    "checked by the node that was asked, against its own trust file: this shows that the bundle is "
    "whole, not that this node's chain is the one you mean. Check it offline, against a trust file "
    "whose fingerprint you have from elsewhere"
)
_OWN_ZH = (
    "本结果由被询问的节点以其自带信任文件核验：只说明证据包自身完整，不能证明该链就是您所指的链。"
    "请用从其他渠道核对过指纹的信任文件离线核验。"
)
_GIVEN = "checked by the node that was asked; an offline check depends on no node"
_GIVEN_ZH = "本结果由被询问的节点核验；离线核验则不依赖任何节点。"


def own_trust(node: Node) -> Trust:
    """The trust file that this node hands out: its chain's id and genesis."""
    return Trust(node.genesis.chain_id, node.genesis.hash)


def read_case(body: bytes) -> tuple[bytes, bytes | None]:
    """The bundle, and the trust file if there is one, in a request's body.

    That is the bundle file itself, or ``{"bundle": …, "trust"?: …}`` with each as an object or as
    its file's text. What is neither goes to the verifier as it is, which says what is wrong.

    Raises:
        InvalidInput: the trust file is not of its format.
    """
    try:
        value = decode_json_object(body, place="body", max_bytes=MAX_CASE_BYTES, max_depth=17)
    except InvalidInput:
        return body, None
    if "bundle" not in value or not set(value) <= {"bundle", "trust"}:
        return body, None
    trust = _file(value["trust"], "body.trust") if "trust" in value else None
    if trust is not None:
        decode_trust(trust)
    return _file(value["bundle"], "body.bundle"), trust


def _file(value: Any, place: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, dict):
        return canonical_json(value)
    raise InvalidEncoding(place, "must be an object, or a file's text")


@routes.post(
    "/v1/verify",
    summary="Check an evidence bundle 核验证据包",
    response_class=Response,
    responses=answers(models.Verification, 400, 408, 413, 503),
    openapi_extra=body_of("application/json", models.Case, {"bundle": {"format": "none"}}),
)
async def post_verify(service: Served, request: Request) -> Response:
    """Takes a bundle file as it is, or `{"bundle": …, "trust": …}`, and answers the verifier's
    numbered steps. Without a trust file the node's own is used (for a bundle made before its chain
    continued another, that of the chain then, if the node's log and state were as the bundle shows
    them), and the answer says how little that proves. A few
    bundles are checked at a time: beyond that the answer is 503 before anything is read. A body has
    30 s to arrive, and is at most 8 MiB unless the node is configured otherwise; a larger bundle is
    checked offline, and so is one that takes longer than a minute."""
    with checking(service):
        body = await request.body()
        return await run_in_threadpool(_verify, service, body)


@contextmanager
def checking(service: Service) -> Iterator[None]:
    """Count a check of a bundle from before it is read until its end.

    Raises:
        Problem: a few are being checked already.
    """
    if service.checking >= _MOST_AT_ONCE:
        raise Problem(
            "busy",
            "other bundles are being checked; an offline check needs no node",
            "正在核验其他证据包，请稍后重试或离线核验。",
            {"retry_after": 5},
        )
    service.checking += 1
    try:
        yield
    finally:
        service.checking -= 1


def _check_density(body: bytes) -> None:
    """Refuse what would take many times a bundle's memory once decoded, such as ``[{},{},…``."""
    most = max(_FEW_VALUES, len(body) // _BYTES_A_VALUE)
    if sum(map(body.count, (b",", b"{", b"["))) > most:
        raise malformed("body", f"holds more than {most} values, which no bundle of its size does")


class _Impatient:
    """A backend that gives up at a time."""

    def __init__(self, backend: Backend) -> None:
        self.name = backend.name
        self._backend = backend
        self._until = time.monotonic() + _MOST_SECONDS

    def verify_es256(self, key: PublicJwk, message: bytes, signature: bytes) -> None:
        """See Backend."""
        self._check()
        self._backend.verify_es256(key, message, signature)

    def verify_ed25519(self, key: bytes, message: bytes, signature: bytes) -> None:
        """See Backend."""
        self._check()
        self._backend.verify_ed25519(key, message, signature)

    def verify_ecdsa(
        self, curve: str, point: bytes, digest: str, message: bytes, signature: bytes
    ) -> None:
        """See Backend."""
        self._check()
        self._backend.verify_ecdsa(curve, point, digest, message, signature)

    def _check(self) -> None:
        if time.monotonic() > self._until:
            raise Problem(
                "too-large",
                f"takes longer than the {_MOST_SECONDS:.0f} s that a node gives to a check; "
                "check it offline",
                f"核验超过节点所限的 {_MOST_SECONDS:.0f} 秒，请离线核验。",
            )


def _verify(service: Service, body: bytes) -> Response:
    _check_density(body)
    bundle, trust = read_case(body)
    backend = _Impatient(load_backend())
    if trust is None:
        return json_answer(_report_json(_verify_by_own(service.node, bundle, backend), own=True))
    return json_answer(_report_json(verify_bundle(bundle, trust, backend), own=False))


def verify_by_own(service: Service, bundle: bytes) -> Report:
    """The report on a bundle's file under the node's own trust file.

    Raises:
        Problem: it would take too much memory, or takes too long.
    """
    _check_density(bundle)
    return _verify_by_own(service.node, bundle, _Impatient(load_backend()))


def verify_certificate_by_own(service: Service, pdf: bytes) -> CertificateReport:
    """The report on a certificate's PDF under the node's own trust file. Raises as
    `verify_by_own`."""
    try:
        attached = read_certificate(pdf).attachments
    except InvalidInput:
        attached = {}  # the report says what is wrong
    for content in attached.values():
        _check_density(content)
    trust = canonical_json(own_trust(service.node).to_json())
    return verify_certificate(pdf, trust, _Impatient(load_backend()))


def _verify_by_own(node: Node, bundle: bytes, backend: Backend) -> Report:
    """The report under the node's own trust file, or, of a bundle made before its chain began,
    under that of the chain then, if it shows log and state as this node has them."""
    report = verify_bundle(bundle, canonical_json(own_trust(node).to_json()), backend)
    if _is_of_another(report):
        with node.reader() as reader:
            geneses = reader.geneses() if len(reader.genesis_documents()) > 1 else []
        for genesis, after in reversed(list(pairwise(geneses))):
            trust = Trust(genesis.chain_id, genesis.hash)
            older = verify_bundle(bundle, canonical_json(trust.to_json()), backend)
            if not _is_of_another(older):
                return older if not older.accepted or _is_held(node, bundle, after) else report
    return report


def _is_held(node: Node, bundle: bytes, after: Genesis) -> bool:
    """Whether this node's ledger has what an accepted bundle of the chain before ``after`` shows.

    Whoever has that chain's validators' keys can still go on with it, or write it anew.
    """
    shown = decode_bundle(bundle).chain.roots[-1]
    with node.reader() as reader:
        held = reader.block(shown.height) if shown.height < after.initial_height - 2 else None
    return held is not None and (held.size, held.root, held.state_root) == (
        shown.size,
        shown.root,
        shown.state_root,
    )


def _is_of_another(report: Report) -> bool:
    return any(step.id == "chain.identity" and step.status == FAILED for step in report.steps)


def _report_json(report: Report, *, own: bool) -> dict[str, Any]:
    return {
        "accepted": report.accepted,
        "trust": "node" if own else "given",
        "trust_fingerprint": report.trust_fingerprint,
        "notice": _OWN if own else _GIVEN,
        "notice_zh": _OWN_ZH if own else _GIVEN_ZH,
        "backend": report.backend,
        "steps": [
            {
                "number": step.number,
                "part": step.part,
                "id": step.id,
                "title": step.title,
                "title_zh": step.title_zh,
                "status": step.status,
                "text": step.text,
                "text_zh": step.text_zh,
                "details": list(step.details),
            }
            for step in report.steps
        ],
    }


@routes.get(
    "/v1/trust",
    summary="Trust file of this chain 信任文件",
    response_class=Response,
    responses=answers(models.TrustFile),
)
def get_trust(service: Served) -> Response:
    """Chain id and genesis hash, as a file for the verifier. Compare its fingerprint (/v1/node)
    with the one that the members publish, and that certificates bear."""
    content = canonical_json(own_trust(service.node).to_json()) + b"\n"
    return bytes_answer(content, "application/json")


@routes.get(
    "/v1/genesis",
    summary="Genesis of this chain 创世文件",
    response_class=Response,
    responses=content_of("application/json", "The genesis document, an entry of the log", "object"),
)
def get_genesis(service: Served) -> Response:
    """The exact bytes whose SHA-256 trust files name. They are the log's first entry, or, where the
    chain continues another, the one behind the last of that."""
    return bytes_answer(service.node.genesis.document, "application/json", FOR_EVER)
