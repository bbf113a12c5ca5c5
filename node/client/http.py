"""A node over HTTP: submit records, wait for them, fetch evidence. Synchronous, safe for threads.

A submission may be sent any number of times: the same bytes get the same receipt, for ever. So what
fails for want of an answer is sent again here, until ``patience`` seconds have passed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import TracebackType
from urllib.parse import quote

import httpx

from node.client.connection import Json, NodeConnection
from node.client.errors import NodeBusy, NodeUnreachable
from node.client.keys import SigningKey
from node.client.records import Submission
from node.core.seal_status import SealStatusStatement, verify_seal_status
from node.core.signatures import load_backend
from node.core.trust import Trust

__all__ = ["NodeClient"]

_LINES = 256
_LINE_BYTES = 1 << 20
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
_GRACE_SECONDS = 15.0
_SD_JWT, _JSON_LINES, _JSON = "application/sd-jwt", "application/x-ndjson", "application/json"


class NodeClient:
    """One node. What only members may ask needs ``key``, ``member``, ``chain_id``, ``operator``.

    Requests are signed for the node that the member ``operator`` runs on the chain ``chain_id``.
    Take both from elsewhere (the genesis or trust file; the contract with the operator) and not
    from the node itself, which could name others and use the signature there.
    """

    def __init__(
        self,
        url: str,
        *,
        key: SigningKey | None = None,
        member: str = "",
        chain_id: str = "",
        operator: str = "",
        timeout: float = 60.0,
        patience: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        now: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._patience = patience
        self._now = now
        self._connection = NodeConnection(
            url,
            key=key,
            member=member,
            chain_id=chain_id,
            operator=operator,
            timeout=timeout,
            patience=patience,
            transport=transport,
            now=now,
        )

    def __enter__(self) -> NodeClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._connection.close()

    # -- submitting -----------------------------------------------------------------------------

    def submit(
        self, submission: Submission | bytes, *, wait: str = "commit", timeout: float = 30.0
    ) -> Json:
        """Submit a record.

        Args:
            submission: what `build_submission` gave, or the SD-JWT's bytes.
            wait: ``commit`` for the receipt, ``none`` to be answered once it is on the node's disk.
            timeout: seconds that the node waits for the commit before it answers "pending".

        Returns:
            The receipt (``status`` "recorded"), or ``status`` "pending" with the id to ask for.

        Raises:
            RecordRefused: a rule refuses it.
            NodeError: nobody answered, or not in time, or the bytes are no record.
        """
        connection = self._connection
        return connection.patiently(
            lambda: connection.json(
                "POST",
                "/v1/submissions",
                {"wait": wait, "timeout": f"{timeout:g}"},
                _encoded(submission),
                _SD_JWT,
                timeout=timeout + _GRACE_SECONDS,
            )
        )

    def submit_many(
        self,
        submissions: Iterable[Submission | bytes],
        *,
        wait: str = "commit",
        timeout: float = 30.0,
    ) -> Iterator[Json]:
        """Submit many records; yields an answer for each, in order, as `submit` would give it.

        Answers of refused and malformed ones are problem documents. Every answer has its
        ``status_code``. What the node was too busy for is sent again.

        Raises:
            NodeError: nobody answered, or the node would not take a batch at all.
        """
        lines: list[bytes] = []
        size = 0
        for submission in submissions:
            line = json.dumps(_encoded(submission).decode("ascii")).encode("ascii") + b"\n"
            if lines and (len(lines) >= _LINES or size + len(line) > _LINE_BYTES):
                yield from self._submit_lines(lines, wait, timeout)
                lines, size = [], 0
            lines.append(line)
            size += len(line)
        if lines:
            yield from self._submit_lines(lines, wait, timeout)

    def _submit_lines(self, lines: list[bytes], wait: str, timeout: float) -> list[Json]:
        """The answers to a few lines, small enough to be sent before any answer is read."""
        answers: dict[int, Json] = {}
        left = list(range(len(lines)))
        give_up = time.monotonic() + self._patience
        query = {"wait": wait, "timeout": f"{timeout:g}"}
        while left:
            post = partial(
                self._connection.raw,
                "POST",
                "/v1/submissions/batch",
                query,
                b"".join(lines[position] for position in left),
                _JSON_LINES,
                timeout=timeout + _GRACE_SECONDS,
            )
            raw = self._connection.patiently(post)
            got = [json.loads(line) for line in raw.content.splitlines()]
            if len(got) != len(left):
                raise NodeUnreachable(str(raw.url), "the answer to a batch was cut off")
            answers.update(zip(left, got))
            left = [position for position in left if answers[position]["status_code"] == 503]
            if left and time.monotonic() >= give_up:
                break
            if left:
                time.sleep(min(answers[left[0]].get("retry_after", 1), self._patience))
        return [answers[position] for position in range(len(lines))]

    def wait(self, identifier: str, timeout: float = 60.0) -> Json:
        """Wait until a transaction is recorded or refused, and return what `transaction` says.

        After ``timeout`` seconds it returns what is said then, which may be "pending".

        Raises:
            NodeProblem: 404 where the node has never heard of it.
        """
        give_up = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while True:
            found = self.transaction(identifier)
            left = give_up - time.monotonic()
            if found["status"] != "pending" or left <= 0:
                return found
            time.sleep(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)

    # -- reading --------------------------------------------------------------------------------

    def transaction(self, identifier: str) -> Json:
        """What became of a transaction, with its proof. Raises NodeProblem (404: unknown)."""
        return self._connection.json("GET", f"/v1/transactions/{_path(identifier)}")

    def record_bundle(self, identifier: str, *, from_size: int | None = None) -> bytes:
        """The evidence bundle of one record, as a file. For members."""
        query = None if from_size is None else {"from_size": str(from_size)}
        return self._connection.raw(
            "GET", f"/v1/transactions/{_path(identifier)}/bundle", query, signed=True
        ).content

    def lookup(self, text: str) -> Json:
        """Find dossiers by whatever is at hand: a code, an alias, a number, a hash."""
        return self._connection.json("GET", "/v1/lookup", {"q": text})

    def dossier(self, subject: str) -> Json:
        """A dossier with all its records: whole for a member, what may be public without a key.

        Raises:
            NodeError: nobody answered, there is no such dossier, or records are missing.
        """
        found = self._dossier_part(subject, 1)
        entries, records = list(found["entries"]), found["records"]
        while len(entries) < records:
            part = self._dossier_part(subject, len(entries) + 1)["entries"]
            if not part:
                raise NodeUnreachable(subject, f"of {records} records {len(entries)} were answered")
            entries += part
        return {**found, "entries": entries[:records]}

    def _dossier_part(self, subject: str, first: int) -> Json:
        """As many records as the node gives at once, from the one with the ordinal ``first``."""
        query = {"first": str(first)} if first > 1 else None
        return self._connection.json(
            "GET", f"/v1/dossiers/{_path(subject)}", query, signed=self._connection.signs
        )

    def bundle(
        self,
        subject: str,
        *,
        disclosures: str = "none",
        purpose: str = "",
        case_no: str = "",
        from_size: int | None = None,
    ) -> bytes:
        """The evidence bundle of a dossier, as a file. For members.

        With ``disclosures`` "all" it holds the private fields, which is decided, logged and
        recorded as `disclosures` says. With ``from_size`` it shows that the log continues the one
        of that size; a trust file that names a checkpoint asks for it.
        """
        query = {"disclosures": disclosures, **_purpose(purpose, case_no)}
        if from_size is not None:
            query["from_size"] = str(from_size)
        return self._connection.raw(
            "GET", f"/v1/dossiers/{_path(subject)}/bundle", query, signed=True
        ).content

    def disclosures(self, subject: str, *, purpose: str = "", case_no: str = "") -> Json:
        """A dossier's private fields. For members that may see them; each request is logged.

        Raises:
            NodeProblem: 403 where they are refused, and why.
        """
        path = f"/v1/dossiers/{_path(subject)}/disclosures"
        return self._connection.json("GET", path, _purpose(purpose, case_no), signed=True)

    def erase(
        self, subject: str, reason: str, *, digests: Iterable[str] | None = None, case_no: str = ""
    ) -> Json:
        """Erase a dossier's private fields on this node, all or those of ``digests``, for good.

        For the node's operator alone. ``reason`` is kept for ever and must name nobody.
        """
        content: Json = {"digests": "all" if digests is None else sorted(digests), "reason": reason}
        if case_no:
            content["case_no"] = case_no
        body = json.dumps(content).encode("utf-8")
        path = f"/v1/dossiers/{_path(subject)}/erasure"
        return self._connection.json("POST", path, None, body, _JSON, signed=True)

    def seal_status(self, es_id: str, at: int | str | None = None) -> Json:
        """The status of a seal at a time (ms, or RFC 3339), by default now."""
        query = None if at is None else {"at": str(at)}
        return self._connection.json("GET", f"/v1/seals/{_path(es_id)}/status", query)

    def signed_seal_status(self, es_id: str) -> bytes:
        """The signed and proven status of a seal, as a file for `verify_seal_status`."""
        return self._connection.raw("GET", f"/v1/seals/{_path(es_id)}/signed-status").content

    def verify_seal_status(
        self, es_id: str, trust: Trust, *, max_age_ms: int = 600_000
    ) -> SealStatusStatement:
        """Ask for a seal's status and check it whole: signature, proof, validators, age.

        Raises:
            StaleStatus: the node has nothing new enough.
            InvalidInput: what it answers does not hold.
        """
        return verify_seal_status(
            self.signed_seal_status(es_id),
            trust,
            es_id=es_id,
            now=self._now(),
            max_age_ms=max_age_ms,
            backend=load_backend(),
        )

    def status_list(self, number: int) -> bytes:
        """A Token Status List of seals, a JWT for `node.core.status_list.verify_status_list`."""
        return self._connection.raw("GET", f"/v1/seals/status-lists/{number}").content

    def consortium(self) -> Json:
        """Members, validators and parameters as they are in force."""
        return self._connection.json("GET", "/v1/consortium")

    def proposals(self, *, every: bool = False) -> Json:
        """Proposals that can be voted on, or every one there was; oldest first."""
        query = {"status": "all"} if every else None
        return self._connection.json("GET", "/v1/proposals", query)

    def proposal(self, subject: str) -> Json:
        """A proposal and its votes. Raises NodeProblem (404: there is none)."""
        return self._connection.json("GET", f"/v1/proposals/{_path(subject)}")

    def document(self, sha256: str) -> Json:
        """The records that name a document by its SHA-256."""
        return self._connection.json("GET", f"/v1/documents/{_path(sha256)}")

    def block(self, height: int | str = "latest") -> Json:
        """A block: header, commit, results, roots."""
        return self._connection.json("GET", f"/v1/blocks/{height}")

    def checkpoint(self) -> bytes:
        """The log's checkpoint, a signed note (C2SP tlog-checkpoint)."""
        return self._connection.raw("GET", "/v1/log/checkpoint").content

    def state(self, key: str) -> Json:
        """Proof of what a key of the state map holds, or that it is absent."""
        return self._connection.json(
            "GET", f"/v1/state/{quote(key, safe='/:')}", signed=key.startswith("dossier/")
        )

    def genesis(self) -> bytes:
        """The chain's genesis document."""
        return self._connection.raw("GET", "/v1/genesis").content

    def trust(self) -> bytes:
        """The trust file that this node would hand out; compare its fingerprint elsewhere."""
        return self._connection.raw("GET", "/v1/trust").content

    def node(self) -> Json:
        """Who answers: version, chain, member, keys, how far the log has come."""
        return self._connection.json("GET", "/v1/node")

    def anchors(self) -> Json:
        """Newest anchor points, how the node's adapters stand, and conflicts."""
        return self._connection.json("GET", "/v1/anchors")

    def statistics(self) -> Json:
        """Counts of records, dossiers and refusals."""
        return self._connection.json("GET", "/v1/statistics")

    def status(self) -> Json:
        """Whether the node takes records now, and why not. Raises NodeUnreachable alone."""
        try:
            return self._connection.json("GET", "/readyz")
        except NodeBusy as busy:
            return busy.problem

    def verify(self, bundle: bytes, trust: bytes | None = None) -> Json:
        """Have the node check a bundle. To convince a third party, use `evidence-node verify`."""
        body = bundle
        if trust is not None:
            body = b'{"bundle":%b,"trust":%b}' % (bundle.strip(), trust.strip())
        return self._connection.json("POST", "/v1/verify", None, body, _JSON)


def _encoded(submission: Submission | bytes) -> bytes:
    return submission.encode() if isinstance(submission, Submission) else submission


def _path(text: str) -> str:
    return quote(text, safe=":")


def _purpose(purpose: str, case_no: str) -> dict[str, str]:
    given = {"purpose": purpose, "case_no": case_no}
    return {name: text for name, text in given.items() if text}
