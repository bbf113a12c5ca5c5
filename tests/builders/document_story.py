"""A contract that was really sealed, and the story of its sealing as the ledger is told it."""

from __future__ import annotations

from typing import Any

from builders.home import Home
from builders.sealed_contract import SealedContract
from builders.story import Teller, Told, digest_of, reference

from node.demo.authority import SignerIdentity
from node.demo.documents import name_document

__all__ = ["PARTY_SEALS", "tell_contract", "tell_seal"]

PARTY_SEALS = ("ES-PARTY-A", "ES-PARTY-B")
_CASE = "case:platform-a:contract"


def tell_seal(teller: Teller, name: str, signer: SignerIdentity) -> list[Told]:
    """A filed seal ``ES-<name>`` that signs with the certificate of ``signer``."""
    applied, _, filed = teller.seal(name)
    data: dict[str, Any] = {
        **teller._created(name),
        "signer_cert_hashes": [signer.certificate_sha256],
    }
    created = teller.tell("seal-maker-a", "seal.created", f"seal:platform-a:{name}", data)
    return [applied, created, filed]


def tell_contract(home: Home, time: int, contract: SealedContract) -> list[Told]:
    """Both parties' seals, and the signing of the contract from its beginning to its end."""
    teller = Teller(home, time)
    told = []
    for es_id, signer in zip(PARTY_SEALS, contract.signers):
        told += tell_seal(teller, es_id.removeprefix("ES-"), signer)
    parties = [reference("contract", name) for name in ("a", "b")]
    told.append(
        teller.initiated(
            "contract",
            documents=[name_document(contract.unsigned).to_json()],
            parties=[{"kind": "organisation", "party_ref": party} for party in parties],
        )
    )
    for party in parties:
        told.append(_verified(teller, party))
    for number, sealed in enumerate((contract.first, contract.second)):
        how = {
            "es_id": PARTY_SEALS[number],
            "party_ref": parties[number],
            "signature_kind": "organisation_seal",
        }
        started = {**how, "api": "https://esign.example.cn/", "document_hash": sealed.before_sha256}
        told.append(teller.tell("platform-a", "signing.started", _CASE, started))
        done = {
            **how,
            "after_hash": sealed.after_sha256,
            "before_hash": sealed.before_sha256,
            "signature_hash": sealed.signature_sha256,
            "signer_cert_sn": contract.signers[number].serial_number,
        }
        told.append(teller.tell("platform-a", "signing.sealed", _CASE, done))
    return told


def _verified(teller: Teller, party: str) -> Told:
    data = {
        "method": "face",
        "party_ref": party,
        "provider": "示例人脸核验",
        "result": "passed",
        "verified_at": teller.time - 900,
    }
    private = {"name": "南霁云", "serial_no": digest_of("serial", party)}
    return teller.tell("identity-a", "signing.identity_verified", _CASE, data, private)
