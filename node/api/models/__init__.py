"""The forms of answers, for the interface's description. Answers are not built from these.

All times are milliseconds since the Unix epoch, all hashes lower-case hex, unless said otherwise.
"""

from __future__ import annotations

from node.api.models.anchors import Anchored, Anchors
from node.api.models.base import AsOf, Problem, StateAnswer
from node.api.models.chain import (
    Block,
    Blocks,
    BlockSummary,
    Consistency,
    EngineAnswer,
    EngineCall,
    Inclusion,
    SealStatus,
    SignedSealStatus,
    StatusLists,
)
from node.api.models.consortium import Consortium, Proposal, Proposals
from node.api.models.node import (
    Bundle,
    Case,
    EventTypes,
    NodeInfo,
    Ready,
    Rejections,
    Statistics,
    TrustFile,
    Verification,
)
from node.api.models.private import Disclosures, Erasure, ErasureRequest
from node.api.models.records import Document, Dossier, Lookup, Pending, Receipt, Transaction

__all__ = [
    "Anchored",
    "Anchors",
    "AsOf",
    "Block",
    "BlockSummary",
    "Blocks",
    "Bundle",
    "Case",
    "Consistency",
    "Consortium",
    "Disclosures",
    "Document",
    "Dossier",
    "EngineAnswer",
    "EngineCall",
    "Erasure",
    "ErasureRequest",
    "EventTypes",
    "Inclusion",
    "Lookup",
    "NodeInfo",
    "Pending",
    "Problem",
    "Proposal",
    "Proposals",
    "Ready",
    "Receipt",
    "Rejections",
    "SealStatus",
    "SignedSealStatus",
    "StateAnswer",
    "Statistics",
    "StatusLists",
    "Transaction",
    "TrustFile",
    "Verification",
]
