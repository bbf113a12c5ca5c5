"""The verifier's steps about the records: entries, order, completeness, keys, signatures, times."""

from __future__ import annotations

from collections.abc import Sequence

from node.core.bundle import Roots
from node.core.disclosure import match_disclosures
from node.core.encoding import rfc3339
from node.core.entry import decode_entry
from node.core.errors import InvalidInput, InvalidProof, InvalidTransaction
from node.core.evidence_code import code_digits, parse_code
from node.core.merkle import leaf_hash, verify_inclusion
from node.core.signatures import PublicJwk
from node.core.transaction import decode_transaction, verify_transaction
from node.core.verify_case import Case, NotChecked, Record, Told

__all__ = [
    "check_disclosures",
    "check_form",
    "check_head",
    "check_inclusion",
    "check_keys",
    "check_order",
    "check_signatures",
    "check_times",
]


_BY_RECOVERY_KEY = ("key.compromised", "key.rotated")


def check_form(case: Case) -> Told:
    """Entries and transactions must be of their formats, and of one dossier."""
    bundle = case.need_bundle()
    records = []
    for position, bundled in enumerate(bundle.entries):
        place = f"bundle.entries[{position}]"
        entry = decode_entry(bundled.text, place=f"{place}.entry")
        try:
            transaction = decode_transaction(entry.tx.encode("ascii"))
        except InvalidInput as error:
            raise error.under(f"{place}.entry.tx") from error
        # Of several chains it is that of the record's height, which `check_inclusion` looks at.
        if transaction.cid != case.trust.chain_id and not bundle.predecessors:
            raise InvalidTransaction(f"{place}.entry.tx.payload.cid", "is another chain")
        records.append(Record(place, bundled, entry, transaction))
    subjects = {record.transaction.sub for record in records}
    if len(subjects) != 1:
        raise InvalidProof("bundle.entries", "are of more than one dossier")
    if bundle.scope == "record" and len(records) != 1:
        raise InvalidProof("bundle.entries", "scope record has exactly one")
    case.records = records
    subject = subjects.pop()
    lines = [
        f"{record.entry.code}  {record.transaction.type}  by {record.transaction.iss}"
        for record in records
    ]
    return Told(f"dossier {subject}", f"卷宗 {subject}", tuple(lines))


def check_inclusion(case: Case) -> Told:
    """Each entry must be in the log as it was after its block, and in the bundle's newest log.

    The newest log is the one that a checkpoint is compared with. Roots after older blocks are the
    validators' word alone, and nothing else ties them to it.
    """
    newest = case.roots[case.need_bundle().as_of]
    for record in case.records:
        roots = case.roots.get(record.entry.height)
        if roots is None:
            raise InvalidProof(record.place, "the roots after its block are not in the bundle")
        if record.transaction.cid != case.genesis_at(roots.height).chain_id:
            raise InvalidProof(
                f"{record.place}.entry.tx.payload.cid", "is another chain than its height's"
            )
        bundled = record.bundled
        _check_in_log(record, "path", bundled.path, roots)
        _check_in_log(record, "path_as_of", bundled.path_as_of, newest)
    count = len(case.records)
    return Told(f"{count} entries are in the log", f"{count} 条均在日志中")


def _check_in_log(record: Record, name: str, path: Sequence[bytes], roots: Roots) -> None:
    try:
        verify_inclusion(
            leaf_hash(record.bundled.text), record.bundled.index, roots.size, path, roots.root
        )
    except InvalidProof as error:
        place = error.place.replace("path", name, 1)
        raise InvalidProof(f"{record.place}.{place}", error.rule) from error


def check_order(case: Case) -> Told:
    """Codes must count up from 1, and each entry must name the one before it."""
    if case.need_bundle().scope == "record":
        raise NotChecked(
            "a single record: its place among the others is not shown",
            "仅单条记录，未展示其在卷宗中的前后关系",
        )
    digits = parse_code(case.records[0].entry.code).digits
    before = b""
    for ordinal, record in enumerate(case.records, 1):
        place = f"{record.place}.entry"
        if record.entry.code != f"CZ{digits}-{ordinal}":
            raise InvalidProof(f"{place}.code", f"must be CZ{digits}-{ordinal}")
        if record.entry.prev != before:
            raise InvalidProof(f"{place}.prev", "does not name the record before it")
        before = leaf_hash(record.bundled.text)
    return Told(
        f"CZ{digits}-1 to -{len(case.records)}, each naming the one before",
        f"CZ{digits}-1 至 -{len(case.records)}，逐条链接",
    )


def check_head(case: Case) -> Told:
    """The state map must name the bundle's last record as the dossier's last, and its code."""
    last, first = case.records[-1], case.records[0].transaction
    head = case.need_state(f"dossier/{last.transaction.sub}")
    if head.get("count") != len(case.records):
        shown, held = head.get("count"), len(case.records)
        raise InvalidProof(
            "dossier",
            f"has {shown} records, the bundle another number",
            f"链上该卷宗有 {shown} 条记录，证据包有 {held} 条",
        )
    if head.get("head") != leaf_hash(last.bundled.text).hex():
        raise InvalidProof("dossier", "its last record is another than the bundle's")
    counter = head.get("counter")
    if type(counter) is not int or not 0 <= counter < 1 << 32:
        raise InvalidProof("dossier.counter", "must be a 32-bit integer")
    digits = code_digits(first.cid, first.id, counter)
    if head.get("code") != digits or parse_code(last.entry.code).digits != digits:
        raise InvalidProof("dossier.code", "does not follow from its first transaction")
    time = rfc3339(case.headers[case.need_bundle().as_of + 1].time.milliseconds)
    text, text_zh = f"nothing recorded before {time} is missing", f"{time} 之前上链的记录无遗漏"
    if last.transaction.sub.startswith("seal:"):  # its expiry is derived, which takes its own value
        return Told(text, text_zh)
    status = head.get("status")
    return Told(f"{text}; status {status}", f"{text_zh}；状态 {status}")


def _key(case: Case, kid: str) -> tuple[PublicJwk, dict[str, object]]:
    value = case.need_state(f"key/{kid}")
    known = case.keys.get(kid)
    if known is not None:
        return known, value
    jwk = PublicJwk.from_json(value.get("jwk"), place=f"state key/{kid}.jwk")
    if jwk.thumbprint() != kid:
        raise InvalidProof(f"state key/{kid}", "is not this key's")
    case.keys[kid] = jwk
    return jwk, value


def check_keys(case: Case) -> Told:
    """Each key must have been its signer's at that height, and not be under suspicion."""
    doubts = []
    for record in case.records:
        transaction, height = record.transaction, record.entry.height
        _, value = _key(case, transaction.kid)
        place = f"{record.place}: key {transaction.kid}"
        if value.get("member") != transaction.iss:
            raise InvalidProof(place, f"is not a key of {transaction.iss}")
        _check_use(value.get("use"), transaction.type, place)
        start, end = value.get("from"), value.get("to")
        if type(start) is not int or height < start or (type(end) is int and height >= end):
            raise InvalidProof(place, f"was not valid at height {height}")
        suspect = value.get("suspect_from")
        if type(suspect) is int and record.entry.time >= suspect:
            doubts.append(
                f"{record.entry.code}: the key was reported compromised from {rfc3339(suspect)} on"
            )
    if doubts:
        raise NotChecked(
            "a key was reported compromised: that its owner signed is not shown",
            "密钥已被报告泄露：无法证明系其持有人签名",
            tuple(doubts),
        )
    return Told("each key was its signer's at that height", "密钥在相应高度均属签名者且有效")


def _check_use(use: object, event_type: str, place: str) -> None:
    """A recovery key lies in a safe, and whoever finds it must not be able to record anything."""
    if use is None or (use == "recovery" and event_type in _BY_RECOVERY_KEY):
        return
    raise InvalidProof(place, f"may not sign {event_type}")


def check_signatures(case: Case) -> Told:
    """Each transaction's ES256 signature must hold."""
    for record in case.records:
        jwk, _ = _key(case, record.transaction.kid)
        try:
            verify_transaction(record.transaction, jwk, case.backend)
        except InvalidInput as error:
            raise error.under(record.place) from error
    count = len(case.records)
    return Told(f"{count} ES256 signature(s) hold", f"{count} 个 ES256 签名有效")


def check_times(case: Case) -> Told:
    """A record is in the log no earlier than its block's header and no later than the next one."""
    lines = []
    for record in case.records:
        height = record.entry.height
        header, after = case.headers.get(height), case.headers.get(height + 1)
        if header is None or after is None:
            raise InvalidProof(record.place, "the headers that give its time are not in the bundle")
        if header.time.milliseconds != record.entry.time:
            raise InvalidProof(f"{record.place}.entry.time", "is not its block's time")
        transaction = record.transaction
        signed = rfc3339(transaction.iat * 1000, whole_seconds=True)
        lines.append(
            f"{record.entry.code}: occurred {rfc3339(transaction.occurred_at)} (said by the "
            f"submitter), signed {signed}, on the chain between "
            f"{rfc3339(header.time.milliseconds)} and {rfc3339(after.time.milliseconds)}"
        )
    return Told("the validators vouch for these times", "以下时间由验证节点签名确认", tuple(lines))


def check_disclosures(case: Case) -> Told:
    """Each disclosed field must be one that its own record's digests name."""
    total = sum(len(record.transaction.digests) for record in case.records)
    if not any(record.bundled.disclosures for record in case.records):
        raise NotChecked(
            f"none is disclosed; {total} digest(s) stand on the chain",
            f"未披露任何私密字段；链上有 {total} 个摘要",
        )
    found = []
    for record in case.records:
        try:
            genuine = match_disclosures(
                record.transaction.digests, record.bundled.disclosures, record.transaction.data
            )
        except InvalidInput as error:
            raise error.under(record.place) from error
        case.disclosed[record.place] = tuple(genuine)
        found += [f"{record.entry.code}: {disclosure.name}" for disclosure in genuine]
    return Told(
        f"{len(found)} of at most {total} private fields are disclosed and genuine",
        f"已披露 {len(found)} 项（至多 {total} 项），均与链上摘要一致",
        tuple(found),
    )
