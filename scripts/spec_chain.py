"""The chain that the worked examples of docs/spec show, made from fixed test keys.

Everything here follows from constants, so that it can be made again to the byte anywhere. The keys
are printed in the examples: they must never be used for anything else.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from node.core.block import Header, ValidatorSet
from node.core.disclosure import Disclosure, encode_disclosure
from node.core.encoding import canonical_json, encode_base64url, encode_uvarint
from node.core.genesis import (
    DEFAULT_PARAMETERS,
    GENESIS_FORMAT,
    Genesis,
    ed25519_jwk,
    encode_genesis,
)
from node.core.signatures import P256_ORDER, PublicJwk, use_low_s
from node.core.transaction import SD_ALGORITHM, TYP, split_compact
from node.engines.solo.engine import SoloEngine, SoloSettings
from node.ledger.application import Application, Committed, OpenedFrame
from node.ledger.intake import Intake
from node.ledger.lineage import read_end
from node.ledger.reader import LedgerReader, open_reader
from node.ledger.reader_cache import ReaderCache
from node.storage.memory import MemorySegments, MemoryStore

__all__ = [
    "CASE",
    "CHAIN_ID",
    "CHECKPOINT_KEY",
    "KEYS",
    "NEXT_CHAIN_ID",
    "NODE_KEY",
    "RECOVERY",
    "SEAL",
    "VALIDATOR",
    "BlockKey",
    "ExampleChain",
    "MemberKey",
    "sha256",
    "signed",
    "stored_frame",
]

CHAIN_ID = "spec-example"
NEXT_CHAIN_ID = "spec-example-continued"
GENESIS_TIME = 1_790_000_000_000
SEAL, CASE = "seal:platform-a:0001", "case:platform-a:0001"
STEP_MS = 1137


def sha256(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


def _seed(*words: str) -> bytes:
    return sha256("/".join(("evidence-ledger specification", *words)).encode("utf-8"))


def _digest(*words: str) -> str:
    """What stands for the SHA-256 of a document of that name."""
    return _seed("document", *words).hex()


class MemberKey:
    """A P-256 key that follows from a name; signs deterministically (RFC 6979)."""

    def __init__(self, name: str) -> None:
        self.scalar = int.from_bytes(_seed("member key", name), "big") % (P256_ORDER - 1) + 1
        self._private = ec.derive_private_key(self.scalar, ec.SECP256R1())
        point = self._private.public_key().public_numbers()
        self.jwk = PublicJwk(point.x.to_bytes(32, "big"), point.y.to_bytes(32, "big"))
        self.kid = self.jwk.thumbprint()

    def sign_any(self, message: bytes) -> bytes:
        """r‖s with whichever s comes out."""
        algorithm = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = utils.decode_dss_signature(self._private.sign(message, algorithm))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign(self, message: bytes) -> bytes:
        """r‖s with the low s."""
        return use_low_s(self.sign_any(message))


class BlockKey:
    """An Ed25519 key that follows from a name."""

    def __init__(self, name: str) -> None:
        self.seed = _seed("ed25519 key", name)
        self._private = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public_key = self._private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes."""
        return self._private.sign(message)


def signed(key: MemberKey, header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """A JWS compact string of these objects in canonical form."""
    parts = (encode_base64url(canonical_json(part)) for part in (header, payload))
    head = ".".join(parts)
    return f"{head}.{encode_base64url(key.sign(head.encode('ascii')))}"


def stored_frame(jwts: Sequence[bytes]) -> bytes:
    """The frame of transactions, its zstd frame made by hand of one raw block (RFC 8878 §3.1.1).

    So it can be read by eye, and is the same whatever version of a library is at hand.
    """
    content = encode_uvarint(len(jwts))
    for jwt in jwts:
        for part in split_compact(jwt):
            content += encode_uvarint(len(part)) + part
    assert 256 <= len(content) < 1 << 16
    descriptor = b"\x60" + (len(content) - 256).to_bytes(2, "little")
    block = (len(content) << 3 | 1).to_bytes(3, "little")
    return b"\x01" + b"\x28\xb5\x2f\xfd" + descriptor + block + content


_MEMBERS: dict[str, tuple[str, list[str], list[str]]] = {
    "maker-a": ("示例制章单位", ["seal_maker"], []),
    "platform-a": ("示例印章平台", ["operator", "platform"], []),
    "police-jinan": ("示例公安备案机关", ["police"], ["3701"]),
}
KEYS = {name: MemberKey(name) for name in _MEMBERS}
RECOVERY = {name: MemberKey(f"{name}, recovery") for name in _MEMBERS}
VALIDATOR = BlockKey("validator of platform-a")
NEXT_VALIDATOR = BlockKey("validator of maker-a")
CHECKPOINT_KEY = BlockKey("checkpoints of platform-a")
NODE_KEY = BlockKey("node of platform-a")


def _member(name: str) -> dict[str, Any]:
    title, roles, divisions = _MEMBERS[name]
    value: dict[str, Any] = {
        "divisions": divisions,
        "id": name,
        "keys": [{"from": 1, "jwk": KEYS[name].jwk.to_json()}],
        "name": title,
        "recovery_key": RECOVERY[name].jwk.to_json(),
        "roles": roles,
    }
    if name == "platform-a":
        value["checkpoint_key"] = ed25519_jwk(CHECKPOINT_KEY.public_key)
    return value


def _genesis(validator: BlockKey, member: str, **changes: Any) -> Genesis:
    return encode_genesis(
        {
            "chain_id": CHAIN_ID,
            "format": GENESIS_FORMAT,
            "genesis_time": GENESIS_TIME,
            "initial_height": 1,
            "members": [_member(name) for name in _MEMBERS],
            "parameters": DEFAULT_PARAMETERS,
            "rules_version": 1,
            "validators": [
                {
                    "member": member,
                    "power": 10,
                    "public_key": ed25519_jwk(validator.public_key),
                }
            ],
            **changes,
        }
    )


class ExampleChain:
    """A solo chain of four blocks with transactions: a seal's life, and a case that uses it.

    After `go_on` it is a second chain, which continues the first.
    """

    def __init__(self) -> None:
        self.genesis = _genesis(VALIDATOR, "platform-a")
        self._now = GENESIS_TIME
        self._store = MemoryStore()
        self._bodies = MemorySegments()
        self._application = Application(self._store, self._bodies)
        self.first_app_hash = self._application.init_chain(self.genesis)
        self.frames: dict[int, bytes] = {}
        self.results: dict[int, bytes] = {}
        self.disclosures: dict[str, list[Disclosure]] = {SEAL: [], CASE: []}
        self._grow(VALIDATOR, (self._applied, self._created, self._filed, self._case))

    def go_on(self) -> None:
        """Continue as the chain `NEXT_CHAIN_ID`, whose validator is another member's."""
        with self.reader() as reader:
            end = read_end(reader.rows, reader.meta)
        self.genesis = _genesis(
            NEXT_VALIDATOR,
            "maker-a",
            chain_id=NEXT_CHAIN_ID,
            genesis_time=end.last.time.milliseconds + 60_000,
            initial_height=end.initial_height,
            predecessor=end.predecessor.to_json(),
        )
        self._application.init_chain(self.genesis)
        self._now = self.genesis.genesis_time
        self._grow(NEXT_VALIDATOR, (self._sealed,))

    def _grow(self, validator: BlockKey, tellers: Sequence[Callable[[], list[str]]]) -> None:
        done = threading.Event()
        arrived: list[Committed] = []
        failures: list[BaseException] = []

        def committed(block: Committed) -> None:
            arrived.append(block)
            done.set()

        def failed(error: BaseException) -> None:
            failures.append(error)
            done.set()

        engine = SoloEngine(
            self._application,
            validator,
            self._clock,
            SoloSettings(empty_block_ms=3_600_000),
            committed,
            failed,
        )
        engine.recover()
        engine.start()
        intake = Intake(self._application.key_ring())
        for tell in tellers:
            self._now += 10_000
            done.clear()
            frame = stored_frame([jwt.encode("ascii") for jwt in tell()])
            engine.submit(OpenedFrame(frame, intake.open_frame(frame)))
            done.wait(60)
            if failures or not arrived:
                raise RuntimeError("the example chain could not be made") from (
                    failures[0] if failures else None
                )
            block = arrived.pop().block
            self.frames[block.height] = frame
            self.results[block.height] = block.results[0]
        engine.stop()

    def _clock(self) -> int:
        self._now += STEP_MS
        return self._now

    def reader(self) -> LedgerReader:
        """The ledger as of its last block."""
        return open_reader(self._store, ReaderCache(self._bodies), self._application.layers)

    def values(self) -> dict[str, bytes]:
        """The whole state map."""
        found = {}
        for _, row in self._store.scan(b"v", b"w"):
            end = 2 + int.from_bytes(row[:2], "big")
            found[row[2:end].decode("ascii")] = row[end:]
        return found

    @property
    def validators(self) -> ValidatorSet:
        """The only validator set."""
        return self.genesis.validator_set

    def header(self, height: int) -> Header:
        """A header."""
        with self.reader() as reader:
            return reader.need_kept(height)[0]

    # -- the events -------------------------------------------------------------------------------

    def _tell(
        self,
        member: str,
        event_type: str,
        sub: str,
        data: Mapping[str, Any],
        private: Iterable[tuple[str, Any]] = (),
    ) -> str:
        now = self._now
        disclosures = [
            encode_disclosure(encode_base64url(_seed("salt", event_type, name)[:16]), name, value)
            for name, value in private
        ]
        payload: dict[str, Any] = {
            "cid": self.genesis.chain_id,
            "data": dict(data),
            "exp": now // 1000 + 3600,
            "iat": now // 1000,
            "iss": member,
            "jti": f"{sub.split(':')[2]}-{event_type}",
            "occurred_at": now - 500,
            "source": {"method": "api", "system": "示例印章平台"},
            "sub": sub,
            "type": event_type,
        }
        if disclosures:
            payload["_sd"] = sorted(item.digest for item in disclosures)
            payload["_sd_alg"] = SD_ALGORITHM
        self.disclosures.setdefault(sub, []).extend(disclosures)
        key = KEYS[member]
        return signed(key, {"alg": "ES256", "kid": key.kid, "typ": TYP}, payload)

    def _applied(self) -> list[str]:
        data = {
            "application_hash": _digest("application"),
            "division": "370102",
            "maker": "maker-a",
            "owner_kind": "organisation",
            "owner_name": "济南示例科技有限公司",
            "owner_uscc": "91370100MA3C00000E",
            "seal_name": "济南示例科技有限公司公章",
            "seal_type": "公章",
        }
        private = (("agent_name", "南某"), ("legal_representative", "示例法定代表人"))
        stray = {"reason_code": "withdrawn"}
        return [
            self._tell("platform-a", "seal.applied", SEAL, data, private),
            self._tell("platform-a", "signing.voided", "case:platform-a:none", stray),
        ]

    def _created(self) -> list[str]:
        data = {
            "created_at": self._now,
            "es_id": "ES-0001",
            "maker_cert_sn": "0a1b2c",
            "picture_hash": _digest("picture"),
            "seal_code": "3701020000001",
            "seal_hash": _digest("seal"),
            "seal_name": "济南示例科技有限公司公章",
            "ses_version": 4,
            "sign_alg": "1.2.156.10197.1.501",
            "signer_cert_hashes": [_digest("certificate")],
            "valid_from": GENESIS_TIME,
            "valid_to": GENESIS_TIME + 365 * 86_400_000,
        }
        return [self._tell("maker-a", "seal.created", SEAL, data)]

    def _filed(self) -> list[str]:
        data = {
            "filed_at": self._now,
            "filing_no": "FILING-0001",
            "filing_unit_code": "370100000000",
            "filing_unit_name": "示例公安备案机关",
        }
        private = (("handler_name", "示例经办人"),)
        return [self._tell("police-jinan", "seal.filed", SEAL, data, private)]

    def _case(self) -> list[str]:
        party = encode_base64url(_seed("party")[:16])
        document = {"media_type": "application/pdf", "sha256": _digest("contract"), "size": 48213}
        initiated = {
            "aliases": ["CZ0034133234712-2"],
            "channel": "API接口",
            "documents": [document],
            "origin": "示例印章平台",
            "parties": [{"kind": "organisation", "party_ref": party}],
            "sign_no": "QY812163472634127040-1",
        }
        verified = {
            "method": "enterprise",
            "party_ref": party,
            "provider": "示例核验机构",
            "result": "passed",
            "verified_at": self._now,
        }
        started = {
            "api": "https://esign.example.cn/api/SignPDF",
            "document_hash": _digest("contract"),
            "es_id": "ES-0001",
            "party_ref": party,
            "signature_kind": "organisation_seal",
        }
        where = (("ip", "192.0.2.7"),)
        return [
            self._tell("platform-a", "signing.initiated", CASE, initiated),
            self._tell("platform-a", "signing.identity_verified", CASE, verified),
            self._tell("platform-a", "signing.started", CASE, started, where),
        ]

    def _sealed(self) -> list[str]:
        data = {
            "after_hash": _digest("contract, sealed"),
            "before_hash": _digest("contract"),
            "es_id": "ES-0001",
            "party_ref": encode_base64url(_seed("party")[:16]),
            "signature_hash": _digest("signature"),
            "signature_kind": "organisation_seal",
            "signer_cert_sn": "0a1b2c",
        }
        return [self._tell("platform-a", "signing.sealed", CASE, data)]
