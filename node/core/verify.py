"""The offline verifier: a bundle and a trust file in, numbered steps out.

Each step passes, fails, or says that it was not checked and why. Nothing is asked of any node. The
steps run in the order in which each rests on those before it; a step whose ground failed is not
checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

from node.core import verify_anchors, verify_case, verify_chain, verify_log, verify_records
from node.core.anchors.receipts import check_trusted
from node.core.bundle import decode_bundle
from node.core.chinese.failures import failure_zh, resting_on_zh
from node.core.errors import InvalidInput
from node.core.signatures import Backend, load_backend
from node.core.trust import Trust, decode_trust
from node.core.verify_case import Case, NotChecked, Part, Told

__all__ = [
    "FAILED",
    "NOT_CHECKED",
    "PASSED",
    "STEPS",
    "AnyStep",
    "Report",
    "Step",
    "Titled",
    "check_bundle",
    "steps_of",
    "verify_bundle",
]


PASSED, FAILED, NOT_CHECKED = verify_case.PASSED, verify_case.FAILED, verify_case.NOT_CHECKED


@dataclass(frozen=True)
class Step:
    """One numbered check: what it is, how it ended, and what it found.

    A check of several things has steps of their own behind it, with the same number and ``part``
    from 1 on.
    """

    number: int
    id: str
    title: str
    title_zh: str
    status: str
    text: str
    text_zh: str
    details: tuple[str, ...] = ()
    part: int = 0

    @property
    def label(self) -> str:
        """Its number as it is printed: ``16``, or ``16.2`` for a part."""
        return f"{self.number}.{self.part}" if self.part else str(self.number)


AnyStep = TypeVar("AnyStep", bound=Step)


@dataclass(frozen=True)
class Report:
    """All steps, in order, and what was said to be believed and by which means it was checked."""

    steps: tuple[Step, ...]
    trust_fingerprint: str
    backend: str

    @property
    def accepted(self) -> bool:
        """Whether no step failed."""
        return all(step.status != FAILED for step in self.steps)


@dataclass(frozen=True)
class _Planned:
    id: str
    title: str
    title_zh: str
    needs: tuple[str, ...]
    check: Callable[[Case], Told]


STEPS = (
    _Planned("bundle.form", "Form of the bundle", "证据包格式", (), verify_chain.check_form),
    _Planned(
        "chain.identity",
        "Chain and genesis",
        "链与创世文件",
        ("bundle.form",),
        verify_chain.check_identity,
    ),
    _Planned(
        "chain.commits",
        "Signatures of the validators",
        "验证节点签名",
        ("chain.identity",),
        verify_chain.check_commits,
    ),
    _Planned(
        "chain.headers",
        "Block headers and roots",
        "区块头与根哈希",
        ("chain.commits",),
        verify_chain.check_headers,
    ),
    _Planned(
        "log.genesis",
        "Genesis in the log",
        "创世文件在日志中",
        ("chain.headers",),
        verify_log.check_genesis_leaf,
    ),
    _Planned(
        "state.proofs",
        "Proofs of the state map",
        "状态证明",
        ("chain.headers",),
        verify_chain.check_state,
    ),
    _Planned(
        "entries.form",
        "Form of entries and transactions",
        "条目与交易格式",
        ("bundle.form",),
        verify_records.check_form,
    ),
    _Planned(
        "entries.inclusion",
        "Entries in the log",
        "条目在日志中",
        ("entries.form", "chain.headers"),
        verify_records.check_inclusion,
    ),
    _Planned(
        "dossier.chain",
        "Order of the records",
        "记录顺序",
        ("entries.form",),
        verify_records.check_order,
    ),
    _Planned(
        "dossier.head",
        "Completeness up to the last record",
        "记录完整性（至最后一条）",
        ("dossier.chain", "state.proofs"),
        verify_records.check_head,
    ),
    _Planned(
        "transactions.keys",
        "Signers' keys",
        "签名者密钥",
        ("entries.form", "state.proofs"),
        verify_records.check_keys,
    ),
    _Planned(
        "transactions.signatures",
        "Signatures of the records",
        "记录签名",
        ("entries.form", "state.proofs"),
        verify_records.check_signatures,
    ),
    _Planned(
        "times",
        "Times on the chain",
        "上链时间",
        ("entries.inclusion",),
        verify_records.check_times,
    ),
    _Planned(
        "disclosures",
        "Disclosed private fields",
        "已披露的私密字段",
        ("entries.form",),
        verify_records.check_disclosures,
    ),
    _Planned(
        "log.checkpoint",
        "Known checkpoint of the log",
        "已知检查点",
        ("chain.headers",),
        verify_log.check_checkpoint,
    ),
    _Planned(
        "anchors",
        "Anchors on outside chains",
        "第三方存证",
        ("entries.inclusion",),
        verify_anchors.check_anchors,
    ),
    _Planned(
        "operators",
        "Independent operators",
        "独立运营方",
        ("chain.commits", "state.proofs"),
        verify_chain.check_operators,
    ),
)


def verify_bundle(bundle: bytes, trust: bytes, backend: Backend | None = None) -> Report:
    """Check a bundle against a trust file.

    Args:
        bundle: the bundle's bytes, believed in nothing.
        trust: the trust file's bytes, believed whole.
        backend: what checks signatures; by default `cryptography`, or `ecdsa` without it.

    Raises:
        InvalidInput: the trust file is not of its format. A bad bundle never raises.
    """
    return check_bundle(bundle, trust, backend)[0]


def check_bundle(
    bundle: bytes, trust: bytes, backend: Backend | None = None
) -> tuple[Report, Case]:
    """As `verify_bundle`; and what was decoded and established on the way, so that nobody has to
    decode it again. Without a report that accepts the bundle it means nothing.

    Raises:
        InvalidInput: the trust file is not of its format.
    """
    chosen = load_backend() if backend is None else backend
    believed = _believed(trust)
    steps: list[Step] = []
    case = Case(trust=believed, backend=chosen)
    passed: set[str] = set()
    for number, planned in enumerate(STEPS, 1):
        status, told = _run(planned, case, bundle, passed)
        if status == PASSED:
            passed.add(planned.id)
        steps += steps_of(Step, number, planned, status, told, case.parts)
        case.parts = []
    return Report(tuple(steps), believed.fingerprint.hex(), chosen.name), case


@lru_cache(maxsize=4)
def _believed(trust: bytes) -> Trust:
    """A trust file, decoded: one is believed of many bundles. Raises InvalidInput."""
    believed = decode_trust(trust)
    check_trusted(believed)
    return believed


class Titled(Protocol):
    """What is planned to be checked: its id, and its title in both languages."""

    @property
    def id(self) -> str:
        """Such as ``bundle.form``."""

    @property
    def title(self) -> str:
        """In English."""

    @property
    def title_zh(self) -> str:
        """In Chinese."""


def steps_of(
    kind: type[AnyStep], number: int, planned: Titled, status: str, told: Told, parts: list[Part]
) -> list[AnyStep]:
    """The step, and one for each of its parts."""
    whole = Part(status, planned.title, planned.title_zh, told)
    return [
        kind(
            number,
            f"{planned.id}.{place}" if place else planned.id,
            part.title,
            part.title_zh,
            part.status,
            part.told.text,
            part.told.text_zh,
            part.told.details,
            place,
        )
        for place, part in enumerate([whole, *parts])
    ]


def _run(planned: _Planned, case: Case, raw: bytes, passed: set[str]) -> tuple[str, Told]:
    missing = [need for need in planned.needs if need not in passed]
    if missing:
        return NOT_CHECKED, _resting_on(missing[0])
    try:
        if planned.id == "bundle.form":
            case.bundle = decode_bundle(raw)
        return PASSED, planned.check(case)
    except NotChecked as reason:
        return NOT_CHECKED, reason.told
    except InvalidInput as error:
        return FAILED, Told(str(error), failure_zh(planned.id, error))


def _resting_on(step: str) -> Told:
    ids = [planned.id for planned in STEPS]
    number = ids.index(step)
    return Told(
        f"rests on {step}, which did not pass",
        resting_on_zh(str(number + 1), STEPS[number].title_zh),
    )
