"""Chains that hold the records of one signing case, for tests of bundles and of the verifier."""

from __future__ import annotations

from typing import Any

from builders.chain import Chain
from builders.signing import BlockSigner, digests_of, private_fields

SUB, OTHER = "case:platform-a:0001", "case:platform-a:0002"
PRIVATE = private_fields({"document_names": ["待盖章文件"], "initiator": "南某"})
LATER = private_fields({"ip": "17.144.28.67"})
Bundle = dict[str, Any]


def grown(chain: Chain | None = None) -> Chain:
    """A chain of seven blocks: three records of one dossier, one of another between them."""
    chain = chain or Chain(validators=4)
    chain.commit_block()
    chain.commit_block(chain.jwt(**digests_of(PRIVATE)))
    chain.commit_block(
        chain.jwt(jti="other", sub=OTHER, **digests_of(private_fields({"reason": "x"}))),
        chain.jwt(jti="event-2", type="signing.started", **digests_of(LATER)),
    )
    chain.commit_block()
    chain.commit_block(chain.jwt(jti="event-3", type="signing.completed"))
    chain.commit_block()
    chain.commit_block()
    return chain


def changed_validators() -> Chain:
    """A chain whose four validators are replaced, two by two, while records come in."""
    chain = Chain(validators=4)
    new = [BlockSigner(f"new-{number}", power=20) for number in range(4)]
    chain.commit_block(chain.jwt(**digests_of(PRIVATE)))
    chain.commit_block(next_signers=[*chain.signers[:2], *new[:2]])
    chain.commit_block()
    chain.commit_block(chain.jwt(jti="event-2", type="signing.started"))
    chain.commit_block(next_signers=new)
    for _ in range(3):
        chain.commit_block()
    chain.commit_block(chain.jwt(jti="event-3", type="signing.completed"))
    chain.commit_block()
    chain.commit_block()
    return chain
