"""Issues certificates: composed from the ledger, stated, typeset, sealed, kept, recorded.

Nothing is handed out before its record is on the chain, and no record is submitted before the copy
is on disk. What a crash leaves between the two is finished at the next start with the very bytes
that were signed, or, where no block takes them any more, dropped: nobody has seen it.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Protocol

from node.client.keys import SigningKey
from node.client.records import Submission
from node.core.errors import EvidenceError, InvalidInput
from node.core.trust import Trust
from node.evidence.bundle import Receipts, Shown
from node.evidence.certificates.errors import (
    CopyLost,
    IssuingBusy,
    KeyUnusable,
    SealingFailed,
    TokenReused,
)
from node.evidence.certificates.finishing import Finisher, Ledger, Recorder, certificate_record
from node.evidence.certificates.keeping import Kept, KeptCertificates
from node.evidence.certificates.numbering import new_certificate_no
from node.evidence.certificates.port import Draft, Issuer, Order
from node.evidence.certificates.requests import Asked, Issued, Wanted
from node.evidence.certificates.statement import make_statement
from node.evidence.certificates.tally import Tally
from node.evidence.certificates.workers import Made
from node.ledger.reader import LedgerReader, LogEntry

__all__ = ["CertificateIssuer", "Compose", "Makes"]

_EVENT = "certificate.issued"
_STOPPING_SECONDS = 60
_THREADS = 16
"""Certificates that are composed, sealed or recorded at a time; the others wait for a thread."""


class Compose(Protocol):
    """Answers every section of a certificate from the ledger; `composing.Composer` does."""

    def __call__(
        self,
        reader: LedgerReader,
        order: Order,
        issuer: Issuer,
        *,
        certificate_no: str,
        issued_at: int,
        anchors: Receipts,
        trust: Trust,
        kid: str,
    ) -> Draft:
        """The draft, without the statement.

        Raises:
            InvalidInput: there is no such dossier or record, or something cannot be typeset.
        """


class Makes(Protocol):
    """Typesets and seals; `workers.SealingWorkers` does."""

    def make(self, draft: Draft, signed_at: int) -> Made:
        """The sealed certificate. Raises CertificateError, InvalidInput."""

    def stop(self) -> None:
        """End what runs."""


class CertificateIssuer:
    """One institution's issuing of certificates. Safe for threads.

    ``issuer`` says who issues, ``key`` is its member's ledger key, ``most`` how many certificates
    may be under way. ``erased`` says whether any of these private fields of a dossier has been
    erased here. ``threads`` is where `issue` is to be called by who must not wait.
    """

    def __init__(
        self,
        issuer: Issuer,
        key: SigningKey,
        ledger: Ledger,
        compose: Compose,
        workers: Makes,
        kept: KeptCertificates,
        recorder: Recorder,
        erased: Callable[[str, Sequence[Shown]], bool],
        *,
        most: int = 64,
    ) -> None:
        self.issuer, self.kept = issuer, kept
        self.tally = Tally()
        self._key, self._ledger, self._compose = key, ledger, compose
        self._workers, self._recorder, self._most = workers, recorder, most
        self._erased = erased
        self._changed = threading.Condition()
        self._composing = threading.Lock()
        self._under_way = 0
        self.threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="certificate")
        self._tokens: set[bytes] = set()
        self._numbers: set[str] = set()
        self._stopping = threading.Event()
        self._finisher = Finisher(kept, ledger, recorder)

    # -- issuing --------------------------------------------------------------------------------

    @contextmanager
    def admitted(self, count: int) -> Iterator[None]:
        """Hold the room that ``count`` certificates take while they are made.

        Raises:
            InvalidInput: they are more than there ever is room for.
            IssuingBusy: there is no room for them.
        """
        if count > self._most:
            raise InvalidInput(
                "body", f"asks for {count} certificates; at most {self._most} are made at a time"
            )
        with self._changed:
            if self._stopping.is_set():
                raise SealingFailed("the node is stopping")
            if self._under_way + count > self._most:
                raise IssuingBusy(
                    f"{self._under_way} certificates are under way, {count} more are asked for, "
                    f"and at most {self._most} may be"
                )
            self._under_way += count
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= count
                self._changed.notify_all()

    @property
    def trust(self) -> Trust:
        """The trust file that certificates carry."""
        return self._ledger.trust

    @property
    def under_way(self) -> int:
        """Certificates in the making."""
        return self._under_way

    def earlier(self, wanted: Wanted, asked: Asked) -> Issued | None:
        """What was issued before for the same token, None where nothing was.

        Raises:
            TokenReused: something else was asked for with it.
        """
        token = _token_of(asked, wanted)
        with self._alone(token):  # what is being made for it is waited for
            return self._earlier(token, _request_of(wanted))

    def issue(self, wanted: Wanted, asked: Asked) -> Issued:
        """Issue a certificate, or give the one that was issued for the same token.

        Raises:
            CertificateError: it is not issued; the class says why.
            InvalidInput: the order is not of its form, or something of it cannot be typeset.
            NotProven: no block shows the state yet.
            EvidenceError: the record could not be submitted, or the copy not be kept.
        """
        token, request = _token_of(asked, wanted), _request_of(wanted)
        began = time.perf_counter()
        try:
            with self._alone(token):
                issued = self._earlier(token, request) or self._issue(wanted, asked, token, request)
        except EvidenceError as error:
            self.tally.failed(type(error).__name__)
            raise
        if not issued.again:
            self.tally.issued(time.perf_counter() - began)
        return issued

    @contextmanager
    def _alone(self, token: bytes) -> Iterator[None]:
        """Let only one request of a token on at a time."""
        if not token:
            yield
            return
        with self._changed:
            while token in self._tokens:
                self._changed.wait()
            self._tokens.add(token)
        try:
            yield
        finally:
            with self._changed:
                self._tokens.discard(token)
                self._changed.notify_all()

    def _earlier(self, token: bytes, request: bytes) -> Issued | None:
        kept = self.kept.by_token(token) if token else None
        if kept is None:
            return None
        if kept.request != request:
            raise TokenReused(f"this token was used for another request, of {kept.code}")
        record = self._finisher.finish(kept)
        return None if record is None else _issued(kept, record, again=True)

    def _issue(self, wanted: Wanted, asked: Asked, token: bytes, request: bytes) -> Issued:
        self._check_seal()
        with ExitStack() as held:
            draft = self._draft(wanted, held)
            number = draft.certificate_no
            made = self._workers.make(draft, draft.issued_at)
            report_hash = hashlib.sha256(made.pdf).hexdigest()
            signed = self._sign(wanted, number, report_hash)
            transaction, submission = signed.transaction, signed.encode()
            kept = self.kept.keep(
                Kept(
                    number=number,
                    code=wanted.code,
                    about=wanted.order.subject,
                    record=transaction.sub,
                    key="",
                    report_hash=report_hash,
                    submission=b"",
                    issued_at=draft.issued_at,
                    expires=transaction.exp * 1000,
                    pages=made.pages,
                    member=asked.member,
                    request=request,
                    token=token,
                    disclosed=wanted.disclosed,
                ),
                made.pdf,
                submission,
            )
        self._check_disclosed(kept, wanted.order)
        return _issued(kept, self._finisher.record(kept, submission))

    def _check_disclosed(self, kept: Kept, order: Order) -> None:
        """An erasure drops the copies that it finds; this one may have come too late for that."""
        if order.disclosures and self._erased(order.subject, order.disclosures):
            self.kept.drop(kept, "its private fields were erased while it was made")
            raise CopyLost(f"{kept.number}: private fields were erased while it was made")

    def _check_seal(self) -> None:
        sealing, now = self.issuer.sealing, self._ledger.now()
        if sealing is not None and not sealing.valid_from <= now <= sealing.valid_to:
            raise KeyUnusable("the seal's certificate is not in force: it has ended, or not begun")

    @contextmanager
    def _number(self, issued_at: int, reader: LedgerReader) -> Iterator[str]:
        """A number that no record, no copy and no other certificate under way has."""
        with self._changed:
            number = new_certificate_no(
                issued_at,
                lambda given: (
                    given in self._numbers
                    or certificate_record(reader, given) is not None
                    or self.kept.find(given) is not None
                ),
            )
            self._numbers.add(number)
        try:
            yield number
        finally:
            with self._changed:
                self._numbers.discard(number)

    def _draft(self, wanted: Wanted, held: ExitStack) -> Draft:
        """What the certificate says. Its number is taken as long as ``held`` is open."""
        ledger, order = self._ledger, wanted.order
        # One at a time runs anyway: so the first is done first, and the others wait for nothing.
        with self._composing, ledger.read() as reader:
            # Not before: whoever has waited would be issued before the state that it speaks of.
            issued_at = ledger.now()
            number = held.enter_context(self._number(issued_at, reader))
            draft = self._compose(
                reader,
                order,
                self.issuer,
                certificate_no=number,
                issued_at=issued_at,
                anchors=ledger.anchors,
                trust=ledger.trust,
                kid=self._key.kid,
            )
        statement = make_statement(
            self._key,
            self.issuer,
            certificate_no=number,
            chain_id=ledger.chain_id,
            code=wanted.code,
            language=order.language,
            issued_at=issued_at,
            files=draft.attachments,
        )
        return replace(draft, attachments=(*draft.attachments, statement))

    def _sign(self, wanted: Wanted, number: str, report_hash: str) -> Submission:
        order = wanted.order
        return self._recorder.sign(
            _EVENT,
            {
                "certificate_no": number,
                "code": wanted.code,
                "purpose": order.purpose,
                "report_hash": report_hash,
            },
            {"applicant": order.applicant} if order.applicant else {},
        )

    def start(self) -> None:
        """Begin to finish what an earlier run left."""
        self._finisher.start()

    def wait_until_settled(self, timeout: float) -> bool:
        """Wait until all that an earlier run left is finished or dropped; whether it came to that
        within ``timeout`` seconds."""
        return self._finisher.wait(timeout)

    def stop(self) -> None:
        """Take nothing more, wait for what is under way, end the processes."""
        self._stopping.set()
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, timeout=_STOPPING_SECONDS)
        self.threads.shutdown(wait=False, cancel_futures=True)
        self._workers.stop()
        self.threads.shutdown(wait=True)
        self._finisher.stop()

    # -- handing out ----------------------------------------------------------------------------

    def copy_of(self, kept: Kept, entry: LogEntry) -> bytes:
        """The PDF, which is the file that ``entry``, the certificate's record, names.

        Raises:
            CopyLost: it is gone, was erased, or is not that file.
        """
        if entry.transaction.data["report_hash"] != kept.report_hash:
            raise CopyLost(f"the copy of {kept.number} is not the file that is on record")
        return self.kept.read(kept)

    def forget_disclosed(self, about: str, why: str) -> list[str]:
        """Remove the copies that show private fields of a dossier, whose fields are being erased.

        Returns:
            Their numbers. What was handed out is beyond anybody's reach.
        """
        gone = []
        for kept in self.kept.disclosing(about):
            self.kept.drop(kept, why)
            gone.append(kept.number)
        return gone


def _issued(kept: Kept, record: str, *, again: bool = False) -> Issued:
    return Issued(
        kept.number, kept.code, kept.report_hash, kept.issued_at, record, kept.pages, again
    )


def _token_of(asked: Asked, wanted: Wanted) -> bytes:
    if not asked.token:
        return b""
    if len(asked.token) > 128 or not asked.token.isprintable():
        raise InvalidInput("token", "must be 1 to 128 printable characters")
    text = "\0".join((asked.member, asked.token, wanted.code))
    return hashlib.sha256(text.encode("utf-8")).digest()


def _request_of(wanted: Wanted) -> bytes:
    """What was asked for, apart from what the ledger adds to it."""
    order = wanted.order
    pictures = sorted(order.pictures)
    parts = (
        *(wanted.code, order.applicant, order.purpose, order.case_no, order.language),
        *("disclosed" if wanted.disclosed else "masked", *pictures),
    )
    return hashlib.sha256("\0".join(parts).encode("utf-8")).digest()
