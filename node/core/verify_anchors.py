"""The verifier's step about anchors: each receipt a step of its own, named by who vouches."""

from __future__ import annotations

from node.core.anchors.receipts import AnchorReceipt, read_anchor_receipt, verify_receipt
from node.core.anchors.vouching import Vouched
from node.core.chinese.failures import part_failure_zh
from node.core.encoding import rfc3339
from node.core.errors import InvalidInput, InvalidProof
from node.core.verify_case import FAILED, NOT_CHECKED, PASSED, Case, NotChecked, Part, Told
from node.core.verify_log import prove_roots

__all__ = ["check_anchors"]


_CLOCKS_APART = 60_000
_TITLES = {
    "evm": ("EVM chain", "EVM 链"),
    "fabric": ("Fabric channel", "Fabric 通道"),
    "rekor": ("Transparency log", "透明日志"),
    "rest": ("REST service", "存证服务接口"),
    "rfc3161": ("Time-stamp authority", "时间戳机构"),
}


def check_anchors(case: Case) -> Told:
    """Every receipt must be of a point that the log shown continues, and vouch for it.

    What came of each is put into ``case.parts``. The whole passes when one of them vouches for a
    record and none fails.
    """
    items = case.need_bundle().anchors
    if not items:
        raise NotChecked(
            "the bundle holds no receipt of an outside chain or time-stamp authority",
            "证据包不含第三方链或时间戳机构的回执",
        )
    roots = prove_roots(case)
    vouched = [_check_one(case, roots, value, place) for place, value in enumerate(items)]
    failed = [part for part in case.parts if part.status == FAILED]
    if failed:
        first, [short, *_] = failed[0], failed[0].told.text_zh.split("。错误位置")
        rule = f"{first.title}: {first.told.text}"
        raise InvalidProof("anchors", rule, f"{first.title_zh}：{short}")
    found = [item for item in vouched if item is not None]
    if not found:
        raise NotChecked(
            f"{len(items)} receipt(s), and none leads to what the trust file names",
            f"共 {len(items)} 份回执，均未指向信任文件所列机构",
        )
    case.anchored = sorted(
        vouched.time for item, vouched in found if _covered(case, item.point.size)
    )
    if not case.anchored:
        raise NotChecked(
            f"{len(found)} receipt(s) hold, and none is of a log that had one of the records",
            f"{len(found)} 份回执成立，但所涉日志均不含本证据包的记录",
        )
    return _summary(case, found)


def _check_one(
    case: Case, roots: set[tuple[int, bytes]], value: object, position: int
) -> tuple[AnchorReceipt, Vouched] | None:
    place = f"bundle.anchors[{position}]"
    title, title_zh = _title(case.need_bundle().anchors[position]["kind"])
    try:
        item = read_anchor_receipt(value, place)
        _check_point(case, roots, item, place)
        vouched = verify_receipt(item, case.trust, case.backend, place)
    except NotChecked as reason:
        case.parts.append(Part(NOT_CHECKED, title, title_zh, reason.told))
        return None
    except InvalidInput as error:
        told = Told(str(error), part_failure_zh(error, "回执不符合其格式或不成立"))
        case.parts.append(Part(FAILED, title, title_zh, told))
        return None
    case.parts.append(Part(PASSED, vouched.by, vouched.by, _told(case, item, vouched)))
    return item, vouched


def _title(kind: str) -> tuple[str, str]:
    """What a receipt is called whose signer's name nothing vouches for."""
    return _TITLES.get(kind, (f"Receipt of the kind {kind}", f"{kind} 类回执"))


def _check_point(
    case: Case, roots: set[tuple[int, bytes]], item: AnchorReceipt, place: str
) -> None:
    """The point must be one of the log, the state map and the headers that the bundle shows."""
    point, place = item.point, f"{place}.point"
    if point.chain_id != case.genesis_at(point.height).chain_id:
        raise InvalidProof(f"{place}.chain_id", "is not that of the chain of its height")
    if (point.size, point.root) not in roots:
        raise InvalidProof(
            place, f"the bundle does not show that its log continues the one of size {point.size}"
        )
    header = case.headers.get(point.height + 1)
    if header is not None and header.hash() != point.header:
        raise InvalidProof(f"{place}.header", "is not the hash of the header in the bundle")
    shown = case.roots.get(point.height)
    if shown is not None and (shown.size, shown.root, shown.state_root) != (
        point.size,
        point.root,
        point.state_root,
    ):
        raise InvalidProof(place, f"height {point.height} has other roots in the bundle")


def _covered(case: Case, size: int) -> int:
    return sum(record.bundled.index < size for record in case.records)


def _told(case: Case, item: AnchorReceipt, vouched: Vouched) -> Told:
    when, size = rfc3339(vouched.time), item.point.size
    records, all_records = _covered(case, size), len(case.records)
    doubt, doubt_zh = _doubt(case, size, vouched.time)
    return Told(
        f"the log of size {size} existed no later than {when}, and with it {records} of "
        f"{all_records} record(s): {vouched.how}{doubt}",
        f"大小为 {size} 的日志不晚于 {when} 已存在，其中含本证据包 {all_records} 条记录中的 "
        f"{records} 条：{vouched.how_zh}{doubt_zh}",
        (f"at {vouched.where}", *vouched.details),
    )


def _doubt(case: Case, size: int, time: int) -> tuple[str, str]:
    """What is said where a record bears a time, by its block, behind that at which it was there."""
    heights = [record.entry.height for record in case.records if record.bundled.index < size]
    later = max(
        (case.headers[height].time.milliseconds for height in heights if height in case.headers),
        default=time,
    )
    if later <= time + _CLOCKS_APART:
        return "", ""
    return (
        f"; BUT a record in it is of {rfc3339(later)} by its block: one of the two clocks is wrong",
        f"；但其中有记录的区块时间为 {rfc3339(later)}：两者之一的时钟有误",
    )


def _summary(case: Case, found: list[tuple[AnchorReceipt, Vouched]]) -> Told:
    """From when on all records shown are vouched for, and by whom; or how many are not."""
    count = len(case.records)
    whole = [(vouched.time, vouched.by) for item, vouched in found if _covers_all(case, item)]
    names = ", ".join(sorted({vouched.by for _, vouched in found}))
    if not whole:
        most = max(_covered(case, item.point.size) for item, _ in found)
        return Told(
            f"{most} of {count} record(s) vouched for by {names}; the bundle holds no receipt for "
            "what came later",
            f"{count} 条记录中的 {most} 条由 {names} 佐证；其后的记录，本证据包未附回执",
        )
    time, by = min(whole)
    doubt, doubt_zh = _doubt(case, max(item.point.size for item, _ in found), time)
    return Told(
        f"all {count} record(s) existed no later than {rfc3339(time)}, by {by}; vouched for by "
        f"{names}{doubt}",
        f"全部 {count} 条记录不晚于 {rfc3339(time)} 已存在（{by}）；佐证方：{names}{doubt_zh}",
    )


def _covers_all(case: Case, item: AnchorReceipt) -> bool:
    return _covered(case, item.point.size) == len(case.records)
