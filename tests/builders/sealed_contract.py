"""The running example's contract, sealed by both parties under a demonstration authority."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from node.demo.authority import DemoAuthority, SignerIdentity
from node.demo.documents import (
    ContractFacts,
    SealedPdf,
    running_example,
    seal_pdf,
    seal_places,
    typeset_contract,
)
from node.evidence.imprints.imprint import Imprint, draw_imprint

__all__ = ["NOW", "SealedContract", "sealed_contract"]

NOW = datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC)


@dataclass(frozen=True)
class SealedContract:
    facts: ContractFacts
    authority: DemoAuthority
    signers: tuple[SignerIdentity, SignerIdentity]
    imprints: tuple[Imprint, Imprint]
    unsigned: bytes
    first: SealedPdf
    second: SealedPdf


def sealed_contract() -> SealedContract:
    """Typeset at ``NOW``, sealed by ``party_a`` and then by ``party_b``."""
    facts = running_example(NOW)
    authority = DemoAuthority.create(NOW)
    signers = (
        authority.issue_signer(facts.party_a.name, facts.party_a.name),
        authority.issue_signer(facts.party_b.name, facts.party_b.name),
    )
    imprints = (
        draw_imprint(facts.party_a.name, "37050045049282"),
        draw_imprint(facts.party_b.name, "1201030012345", caption="合同专用章"),
    )
    unsigned = typeset_contract(facts)
    places = seal_places(facts)
    sealed: list[SealedPdf] = []
    for party, signer, picture in zip(("party_a", "party_b"), signers, imprints):
        sealed.append(
            seal_pdf(
                sealed[-1].pdf if sealed else unsigned,
                signer,
                picture,
                field_name=party,
                page=places[party].page,
                box=places[party].box,
                reason="同意签署本合同",
                signed_at=NOW,
            )
        )
    return SealedContract(facts, authority, signers, imprints, unsigned, sealed[0], sealed[1])
