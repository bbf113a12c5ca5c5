"""A served node with a story to show on its pages: a seal, signings, an old record, anchors on two
fake outside chains, a certificate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from builders.anchored import Miner, fake_kind, settled, to_chains
from builders.fake_chain import FakeChain
from builders.home import OPERATOR, make_home
from builders.served import ServedNode, served
from builders.story import Teller, Told, digest_of

from node.core.evidence_code import check_digit
from node.wiring import system_time

__all__ = ["CERTIFICATE_NO", "ToldPages", "told_pages"]

_DIGITS = "202611230001234567"
CERTIFICATE_NO = f"ZS{_DIGITS}{check_digit(_DIGITS)}"


@dataclass
class ToldPages:
    """The node, and codes of its dossiers. ``told`` is all that was submitted."""

    running: ServedNode
    court: FakeChain
    notary: FakeChain
    told: list[Told]
    codes: dict[str, str]
    height: int

    @property
    def paths(self) -> dict[str, str]:
        """Every page by its name: as screenshots and messages call it."""
        code = self.codes["case"]
        return {
            "look-up": "/",
            "found": f"/?q={code}",
            "mistyped": f"/?q={code[:6]}{(int(code[6]) + 1) % 10}{code[7:]}",
            "dossier": f"/d/{code}",
            "seal": f"/d/{self.codes['seal']}",
            "block": f"/b/{self.height}",
            "certificate": "/certificate",
            "certificate-found": f"/certificate?q={CERTIFICATE_NO}",
            "verify": "/verify",
            "statistics": "/statistics",
            "status": "/status",
            "not-found": f"/d/CZ{12 * '0'}{check_digit(12 * '0')}",
        }


class _Teller(Teller):
    """What it tells happened one after the other in the hours before."""

    def tell(
        self,
        member: str,
        event_type: str,
        sub: str,
        data: Mapping[str, Any],
        private: Mapping[str, Any] | None = None,
        *,
        jti: str | None = None,
        **changes: Any,
    ) -> Told:
        """See Teller."""
        self._told = getattr(self, "_told", 0) + 1
        occurred = self.time - 4 * 3_600_000 + self._told * 700_000
        times = {"occurred_at": occurred, "collected_at": occurred + 4_000, **changes}
        return super().tell(member, event_type, sub, data, private, jti=jti, **times)


@contextmanager
def told_pages(folder: Path) -> Iterator[ToldPages]:
    """The node, until it is left."""
    court, notary = FakeChain(name="fake:court"), FakeChain(name="fake:notary")
    with pytest.MonkeyPatch.context() as patch:
        fake_kind(patch, {"court": court, "notary": notary})
        home = make_home(
            folder / "home",
            parameters={"anchor_every_records": 1},
            more=to_chains("court", "notary"),
        )
        with served(home, system_time) as running:
            teller = _Teller(home, system_time())
            running.teller = teller
            yield _tell(running, teller, court, notary)


def _tell(running: ServedNode, teller: Teller, court: FakeChain, notary: FakeChain) -> ToldPages:
    seal, case = teller.seal(), teller.case()
    told = [*seal, *case, *teller.seal("0002"), teller.imported(), teller.initiated("0002")]
    told.append(teller.status("0002", "suspended"))
    receipts = running.submit(*told)
    codes = {
        "seal": str(receipts[0]["code"]).partition("-")[0],
        "case": str(receipts[len(seal)]["code"]).partition("-")[0],
    }
    issued = teller.tell(
        OPERATOR,
        "certificate.issued",
        f"record:{OPERATOR}:certificate-1",
        {
            "certificate_no": CERTIFICATE_NO,
            "code": codes["case"],
            "purpose": "诉讼举证",
            "report_hash": digest_of("report"),
        },
        {"applicant": "南某某"},
    )
    running.submit(issued)
    with running.node.reader() as reader:
        indexes = reader.dossier_indexes("case:platform-a:0001")
    with Miner(court, notary):
        settled(lambda: len(running.node.receipts.items(indexes, 1 << 40)) >= 2)
        settled(lambda: _confirmed(running) >= 2)
    height = receipts[len(seal)]["height"]
    assert isinstance(height, int)
    return ToldPages(running, court, notary, [*told, issued], codes, height)


def _confirmed(running: ServedNode) -> int:
    counts: dict[str, int] = running.get("/v1/statistics").json()["records"]
    return counts.get("anchor.confirmed", 0)
