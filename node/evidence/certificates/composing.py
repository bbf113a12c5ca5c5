"""From an order to a draft: the bundle is made, verified, and every section answered from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import orjson

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.signatures import load_backend
from node.core.trust import Trust
from node.evidence.bundle import Receipts, bundle_dossier, bundle_record, encode_bundle
from node.evidence.certificates.checked_signatures import CheckedSignatures
from node.evidence.certificates.content import whole_content
from node.evidence.certificates.port import Attachment, Draft, Issuer, Order
from node.evidence.certificates.proven import Proven, prove
from node.evidence.certificates.seal_bundles import ProvenSeal, SealBundles
from node.evidence.certificates.section_seals import named_seals
from node.evidence.certificates.setting import Setting
from node.evidence.certificates.wording import Wording
from node.ledger.reader import LedgerReader

__all__ = ["MAX_CERTIFIED_RECORDS", "Composer"]

MAX_CERTIFIED_RECORDS = 200
"""Records of one certificate; of a longer dossier they are certified one by one."""
_ALSO = ("parameter/custodians", "parameter/late_after_ms")
_MOST_SEALS = 12
"""Seals whose own bundles are attached to a case's certificate."""


class Composer:
    """Composes certificates. What it has checked for one it need not check again for the next;
    nothing else of one gets into another. Safe for threads."""

    def __init__(self) -> None:
        self._backend = CheckedSignatures(load_backend())
        self._seals = SealBundles(self._backend)

    def compose(
        self,
        reader: LedgerReader,
        order: Order,
        issuer: Issuer,
        *,
        kid: str,
        certificate_no: str,
        issued_at: int,
        anchors: Receipts,
        trust: Trust,
    ) -> Draft:
        """What a certificate says, and the files that it carries.

        The bundle also proves the issuer's ``member/<id>`` and its key ``key/<kid>``, by which its
        statement can be checked. Everything that is said of records is read from the bundle after
        it passed the verifier.

        Args:
            reader: the ledger as of the moment that the certificate speaks of.
            order: who wants a certificate of what; its disclosures are all that is shown in clear.
            issuer: who issues it.
            kid: the ledger key that the issuer's statement is signed with.
            certificate_no: its number.
            issued_at: ms since the Unix epoch.
            anchors: gives the receipts of outside chains.
            trust: the trust file of this chain, which is attached.

        Raises:
            InvalidInput: there is no such dossier or record, it has too many records, a disclosure
                is of none of them, or the bundle does not verify under the trust file.
        """
        trust_file = canonical_json(trust.to_json())
        also = (f"member/{issuer.member}", f"key/{kid}", *_ALSO, *_of_seal(reader, order.subject))
        bundle = _bundle(reader, order, anchors, also)
        proven = prove(bundle, trust_file, self._backend)
        _check_key(proven, issuer.member, kid)
        seals = self._proven_seals(reader, proven, trust_file)
        setting = Setting(
            order, issuer, kid, certificate_no, issued_at, proven, Wording(order.language),
            {es_id: seal.proven for es_id, seal in seals.items()},
        )  # fmt: skip
        files = {es_id: seal.bundle for es_id, seal in seals.items()}
        attachments = _attachments(setting, bundle, trust_file, files)
        content = orjson.dumps(whole_content(setting, attachments)).decode("utf-8")
        return Draft(certificate_no, issued_at, order.language, content, attachments)

    def _proven_seals(
        self, reader: LedgerReader, proven: Proven, trust: bytes
    ) -> dict[str, ProvenSeal]:
        """The dossiers of the seals that a case names, by the seal's id."""
        found: dict[str, ProvenSeal] = {}
        if proven.kind != "case":
            return found
        for es_id in named_seals(proven):
            subject = (proven.state.get(f"seal/{es_id}") or {}).get("dossier")
            if not isinstance(subject, str) or len(found) == _MOST_SEALS:
                continue
            if reader.dossier_count(subject) <= MAX_CERTIFIED_RECORDS:
                found[es_id] = self._seals.of(reader, subject, trust, proven.as_of_time)
        return found


def _of_seal(reader: LedgerReader, subject: str) -> Iterable[str]:
    """Of a seal's dossier: its head, which names the seal, and the seal's present status."""
    if not subject.startswith("seal:"):
        return ()
    es_id = (reader.state(f"dossier/{subject}") or {}).get("es_id")
    head = f"dossier/{subject}"
    return (head, f"seal/{es_id}") if isinstance(es_id, str) else (head,)


def _bundle(reader: LedgerReader, order: Order, anchors: Receipts, also: Iterable[str]) -> bytes:
    count = reader.dossier_count(order.subject)
    if order.ordinal is None:
        if count > MAX_CERTIFIED_RECORDS:
            raise InvalidInput(
                "order.subject",
                f"has {count} records, a certificate at most {MAX_CERTIFIED_RECORDS}: ask for the "
                "records one by one",
            )
        made = bundle_dossier(reader, order.subject, order.disclosures, anchors=anchors, also=also)
        return encode_bundle(made)
    if not 0 < order.ordinal <= count:
        raise InvalidInput("order.ordinal", f"must be from 1 to {count}")
    index = reader.dossier_indexes(order.subject)[order.ordinal - 1]
    return encode_bundle(
        bundle_record(reader, index, order.disclosures, anchors=anchors, also=also)
    )


def _check_key(proven: Proven, member: str, kid: str) -> None:
    """The statement must hold under a key that the bundle shows to be the issuer's."""
    value = proven.state.get(f"key/{kid}")
    if value is None or value.get("member") != member:
        raise InvalidInput("kid", f"is no key of {member} on this chain")


def _attachments(
    setting: Setting, bundle: bytes, trust_file: bytes, seals: Mapping[str, bytes]
) -> tuple[Attachment, ...]:
    say = setting.words.say
    found = [
        Attachment(
            "bundle.json",
            "application/json",
            say(
                "证据包：记录、证明、披露与回执",
                "Evidence bundle: records, proofs, disclosures, receipts",
            ),
            bundle,
        ),
        Attachment("trust.json", "application/json", say("信任文件", "Trust file"), trust_file),
    ]
    if setting.issuer.description is not None:
        found.append(
            Attachment(
                "consortium.json",
                "application/json",
                say("联盟成员共同签署的说明", "The consortium's signed description of itself"),
                canonical_json(dict(setting.issuer.description)),
                "Supplement",
            )
        )
    for place, (es_id, content) in enumerate(seals.items(), 1):
        text = say(f"印章 {es_id} 的证据包", f"Evidence bundle of the seal {es_id}")
        found.append(
            Attachment(f"seal-{place}.json", "application/json", text, content, "Supplement")
        )
    return tuple(found)
