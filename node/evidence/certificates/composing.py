"""From an order to a draft: the bundle is made, verified, and every section answered from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import segno

from node.core.encoding import canonical_json
from node.core.errors import InvalidInput
from node.core.trust import Trust
from node.evidence.bundle import Receipts, bundle_dossier, bundle_record, encode_bundle
from node.evidence.certificates.port import Attachment, Draft, Issuer, Order
from node.evidence.certificates.proven import Proven, prove
from node.evidence.certificates.section_chain import anchor_section, chain_section, time_section
from node.evidence.certificates.section_documents import document_section, signature_section
from node.evidence.certificates.section_events import party_section, timeline_section
from node.evidence.certificates.section_frame import (
    applicant_section,
    cover,
    issuer_section,
    statement_section,
)
from node.evidence.certificates.section_limits import (
    attachment_section,
    limits_section,
    seal_page,
)
from node.evidence.certificates.section_origin import environment_section, origin_section
from node.evidence.certificates.section_seals import named_seals, seal_section
from node.evidence.certificates.section_verification import verification_section
from node.evidence.certificates.setting import Setting
from node.evidence.certificates.wording import Wording, breakable, show_unprintable
from node.ledger.reader import LedgerReader

__all__ = ["MAX_CERTIFIED_RECORDS", "compose"]

MAX_CERTIFIED_RECORDS = 200
"""Records of one certificate; of a longer dossier they are certified one by one."""
_ALSO = ("parameter/custodians", "parameter/late_after_ms")
_MOST_SEALS = 12
"""Seals whose own bundles are attached to a case's certificate."""


def compose(
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
    statement can be checked. Everything that is said of records is read from the bundle after it
    passed the verifier.

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
        InvalidInput: there is no such dossier or record, it has too many records, a disclosure is
            of none of them, or the bundle does not verify under the trust file.
    """
    trust_file = canonical_json(trust.to_json())
    also = (f"member/{issuer.member}", f"key/{kid}", *_ALSO, *_of_seal(reader, order.subject))
    bundle = _bundle(reader, order, anchors, also)
    proven = prove(bundle, trust_file)
    _check_key(proven, issuer.member, kid)
    seals = _seal_bundles(reader, proven)
    setting = Setting(
        order=order,
        issuer=issuer,
        kid=kid,
        certificate_no=certificate_no,
        issued_at=issued_at,
        trust=trust,
        proven=proven,
        words=Wording(order.language),
        seals={es_id: prove(file, trust_file) for es_id, file in seals.items()},
    )
    attachments = _attachments(setting, bundle, trust_file, seals)
    content = json.dumps(_content(setting, attachments), ensure_ascii=False, separators=(",", ":"))
    return Draft(certificate_no, issued_at, order.language, content, attachments)


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


def _seal_bundles(reader: LedgerReader, proven: Proven) -> dict[str, bytes]:
    """Bundles of the dossiers of the seals that a case names, by the seal's id."""
    found: dict[str, bytes] = {}
    if proven.kind != "case":
        return found
    for es_id in named_seals(proven):
        subject = (proven.state.get(f"seal/{es_id}") or {}).get("dossier")
        if not isinstance(subject, str) or len(found) == _MOST_SEALS:
            continue
        if reader.dossier_count(subject) <= MAX_CERTIFIED_RECORDS:
            found[es_id] = encode_bundle(bundle_dossier(reader, subject))
    return found


def _check_key(proven: Proven, member: str, kid: str) -> None:
    """The certificate's statement has to hold under a key that the bundle shows to be its issuer's."""
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


def _content(setting: Setting, attachments: tuple[Attachment, ...]) -> Any:
    say = setting.words.say
    title = say("区块链电子存证证书", "Certificate of Evidence")
    shown = _shown(
        {
            "subtitle": say("（出证报告）", "of records on an evidence ledger"),
            "labels": {
                "certificate_no": say("证书编号", "Certificate No."),
                "contents": say("目　录", "Contents"),
                "page": [say("第 ", "page "), say(" 页，共 ", " of "), say(" 页", "")],
            },
            "certificate_no": setting.certificate_no,
            "cover": cover(setting),
            "sections": _headed(
                setting,
                [
                    statement_section(setting),
                    issuer_section(setting),
                    applicant_section(setting),
                    party_section(setting),
                    seal_section(setting),
                    timeline_section(setting),
                    document_section(setting),
                    signature_section(setting),
                    time_section(setting),
                    chain_section(setting),
                    anchor_section(setting),
                    origin_section(setting),
                    environment_section(setting),
                    verification_section(setting),
                    limits_section(setting),
                    attachment_section(setting, attachments),
                ],
            ),
            "seal_page": seal_page(setting),
        }
    )
    return {
        **shown,
        "language": setting.words.language,
        "title": title,
        "document": {
            "title": f"{title} {setting.certificate_no}",
            "author": show_unprintable(setting.issuer_name),
        },
        "qr": _qr(setting),
    }


def _headed(setting: Setting, sections: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each section with the heading that it gets: its number and its title."""
    for place, item in enumerate(sections, 1):
        number = setting.words.say(f"{item['number']}、", f"{place}. ")
        item["heading"] = number + item["title"]
    return sections


def _qr(setting: Setting) -> str:
    """The QR code's content is text, a line each: certificate number, evidence code, fingerprint."""
    lines = (
        setting.certificate_no,
        setting.proven.code,
        setting.proven.report.trust_fingerprint,
    )
    # To look for the best mask takes longer than to make the code; any of them can be read.
    code = segno.make("\n".join(lines), error="m", micro=False, mask=2)
    return code.svg_inline(border=2, dark="#000", light=None)


def _shown(value: Any) -> Any:
    """The content with what prints nothing made visible, and long runs in pieces."""
    if isinstance(value, str):
        text = breakable(show_unprintable(value))
        return text if isinstance(text, str) else {"w": text}
    if isinstance(value, dict):
        return value if "s" in value else {name: _shown(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_shown(item) for item in value]
    return value
