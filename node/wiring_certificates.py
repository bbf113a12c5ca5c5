"""Puts a node's issuing of certificates together. Loaded by nodes that issue them.

It is also where the vault and the submission of records, which know nothing of certificates, are
given the form that issuing asks for.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from node import __version__
from node.client.keys import SigningKey
from node.client.records import Submission, new_salt
from node.config import ConfigError
from node.core.consortium_description import (
    ConsortiumDescription,
    check_signers,
    decode_consortium_description,
)
from node.core.disclosure import decode_disclosure, encode_disclosure
from node.core.errors import InvalidInput
from node.core.signatures import PublicJwk, load_backend
from node.core.trust import MAX_TRUST_BYTES, Trust, decode_trust
from node.evidence.bundle import Shown
from node.evidence.certificates.composing import Composer
from node.evidence.certificates.errors import NotOnRecord
from node.evidence.certificates.finishing import Ledger
from node.evidence.certificates.issuing import CertificateIssuer
from node.evidence.certificates.keeping import COPIES, KeptCertificates
from node.evidence.certificates.keys import FileKey, SealChain, TokenKey, check_key
from node.evidence.certificates.materials import (
    describe_chain,
    file_hashes,
    imprint_page,
    read_certificates,
    read_chain,
)
from node.evidence.certificates.port import Issuer
from node.evidence.certificates.sealing import SealSettings
from node.evidence.certificates.settings import CertificatesConfig
from node.evidence.certificates.time_stamps import TsaSettings
from node.evidence.certificates.typesetting import typeset
from node.evidence.certificates.workers import SealingWorkers
from node.evidence.imprints.imprint import draw_imprint
from node.ledger.reader import LedgerReader
from node.rules.rejections import REJECTIONS
from node.submission.operator import OperatorRecords
from node.verifiers.building import hashes

if TYPE_CHECKING:
    from node.config import NodeConfig
    from node.storage.ports import Batch
    from node.vault.vault import Vault
    from node.wiring import Node

__all__ = ["build_certificates", "seal_settings"]

_SOFTWARE = "evidence-ledger-node"
_REASON = "出具存证证书"
_KEY_NAME = "certificate_copy_key"


def build_certificates(node: Node) -> CertificateIssuer:
    """The issuer of a node whose configuration names a seal's chain. It has not begun.

    Raises:
        ConfigError: what is configured cannot be right; names the file or the member.
    """
    config = node.config
    if node.operator is None:
        raise ConfigError(
            f"{config.path('node.toml')}, certificates: needs operator.member, whose key signs "
            "each certificate and its record"
        )
    try:
        settings = seal_settings(config)
        with node.reader() as reader:
            issuer = _issuer(node, settings, reader)
        trust = _trust(node, settings)
        key = SigningKey.load(config.path(config.operator.key))
    except InvalidInput as error:
        raise ConfigError(f"{config.path('node.toml')}, certificates: {error}") from error
    except OSError as error:
        text = f"certificates: {error.filename}: {error.strerror}"
        raise ConfigError(f"{config.path('node.toml')}, {text}") from error
    copies = VaultKeys(node.vault, node.member, node.now)
    kept = KeptCertificates(node.stores.local, config.path(COPIES), copies)
    workers = SealingWorkers(settings, typeset, config.certificates.workers or config.workers)
    return CertificateIssuer(
        issuer,
        key,
        Ledger(node.reader, node.genesis.chain_id, trust, node.receipts.items, node.now),
        Composer().compose,
        workers,
        kept,
        Records(node.operator, node.reader),
        erasures(node.vault),
        most=config.certificates.most,
    )


def seal_settings(config: NodeConfig) -> SealSettings:
    """With what the node seals. A key in a file is tried; one in a token is not looked for.

    Raises:
        InvalidInput: something of it is not of its form.
        KeyUnusable: the key's file cannot be used.
        OSError: a file cannot be read.
    """
    own = config.certificates
    chain = read_chain(config.path(own.chain))
    key = _key(config, own)
    if isinstance(key, FileKey):
        check_key(key, chain)
    return SealSettings(chain, key, _imprint(config, own), _REASON, _tsa(config, own))


def _key(config: NodeConfig, own: CertificatesConfig) -> FileKey | TokenKey:
    token = own.token
    if not token.library:
        return FileKey(str(config.path(own.key)))
    pin_file = str(config.path(token.pin_file)) if token.pin_file else ""
    return TokenKey(
        token.library, token.token, token.key_label, token.key_id, pin_file, token.pin_env
    )


def _imprint(config: NodeConfig, own: CertificatesConfig) -> bytes:
    if own.imprint:
        return imprint_page(config.path(own.imprint))
    return draw_imprint(own.institution, own.seal_code).pdf


def _tsa(config: NodeConfig, own: CertificatesConfig) -> TsaSettings | None:
    from cryptography.hazmat.primitives.serialization import Encoding

    if not own.tsa.url:
        return None
    roots = [one for name in own.tsa.roots for one in read_certificates(config.path(name))]
    return TsaSettings(
        url=own.tsa.url,
        name=own.tsa.name,
        roots=tuple(one.public_bytes(Encoding.DER) for one in roots),
        timeout_ms=own.tsa.timeout_ms,
        attempts=own.tsa.attempts,
    )


def _issuer(node: Node, settings: SealSettings, reader: LedgerReader) -> Issuer:
    config, own = node.config, node.config.certificates
    described, signers = _description(node, reader)
    return Issuer(
        member=node.member,
        software=_SOFTWARE,
        version=__version__,
        config_sha256=hashlib.sha256(config.path("node.toml").read_bytes()).hexdigest(),
        verifiers=file_hashes(config.path(name) for name in own.verifiers) or hashes(),
        sealing=describe_chain(settings.chain),
        time_stamp_authority="" if settings.tsa is None else settings.tsa.name,
        description=None if described is None else described.to_json(),
        description_signers=signers,
    )


def _description(
    node: Node, reader: LedgerReader
) -> tuple[ConsortiumDescription | None, tuple[str, ...]]:
    """The consortium's description and the members that have signed it."""
    name = node.config.certificates.description
    if not name:
        return None, ()
    described = decode_consortium_description(node.config.path(name).read_bytes())
    if (described.chain_id, described.genesis_hash) != (node.genesis.chain_id, node.genesis.hash):
        raise InvalidInput(name, "is of another chain")

    def key_of(kid: str) -> tuple[str, PublicJwk] | None:
        held = reader.state(f"key/{kid}")
        if held is None or "use" in held:
            return None
        return held["member"], PublicJwk.from_json(held["jwk"], place=f"key/{kid}")

    return described, check_signers(described, key_of, load_backend())


def _trust(node: Node, settings: SealSettings) -> Trust:
    """The members' trust file, or one of what this node knows."""
    name = node.config.certificates.trust
    if name:
        content = node.config.path(name).read_bytes()
        if len(content) > MAX_TRUST_BYTES:
            raise InvalidInput(name, "is no trust file")
        trust = decode_trust(content)
        if (trust.chain_id, trust.genesis_hash) != (node.genesis.chain_id, node.genesis.hash):
            raise InvalidInput(name, "is of another chain")
        return trust
    return _own_trust(node, settings.chain, settings.tsa)


def _own_trust(node: Node, chain: SealChain, tsa: TsaSettings | None) -> Trust:
    return Trust(
        node.genesis.chain_id,
        node.genesis.hash,
        tsa_roots=() if tsa is None else tsa.roots,
        signer_roots=(chain.root,),
    )


def erasures(vault: Vault) -> Callable[[str, Sequence[Shown]], bool]:
    """Says whether any of these private fields of a dossier has been erased."""

    def erased(dossier: str, shown: Sequence[Shown]) -> bool:
        digests = [decode_disclosure(encoded).digest for _, encoded in shown]
        return bool(vault.tombstones(dossier, digests))

    return erased


class VaultKeys:
    """See CopyKeys: each key is a row of the vault, under the dossier of the certificate's record,
    by a digest that no record names, so that no request for private fields gives it."""

    def __init__(self, vault: Vault, member: str, now: Callable[[], int]) -> None:
        self._vault, self._member, self._now = vault, member, now

    def put(self, batch: Batch, dossier: str, number: str, secret: bytes) -> str:
        """See CopyKeys."""
        text = base64.urlsafe_b64encode(secret).decode("ascii")
        held = encode_disclosure(new_salt(), _KEY_NAME, text)
        reference = hashlib.sha256(f"{_KEY_NAME}/{number}".encode("ascii")).digest()
        self._vault.keep(batch, dossier, reference, [held])
        return held.digest

    def get(self, dossier: str, name: str) -> bytes | None:
        """See CopyKeys."""
        found = self._vault.reveal(dossier, [name])
        if not found:
            return None
        return base64.urlsafe_b64decode(decode_disclosure(found[0].encoded).value)

    def erase(self, batch: Batch, dossier: str, name: str, why: str) -> None:
        """See CopyKeys."""
        self._vault.erase(batch, dossier, [name], at_ms=self._now(), by=self._member, why=why[:200])

    def purge(self, dossier: str) -> None:
        """See CopyKeys."""
        self._vault.purge(dossier)


class Records:
    """See Recorder: the operator's records, through the node's own submission."""

    def __init__(self, operator: OperatorRecords, read: Callable[[], LedgerReader]) -> None:
        self._operator, self._read = operator, read

    def sign(self, event_type: str, data: dict[str, Any], private: dict[str, Any]) -> Submission:
        """See Recorder."""
        return self._operator.sign(event_type, data, private)

    def record(self, submission: bytes) -> str:
        """See Recorder."""
        ticket = self._operator.record_signed(submission)
        if ticket.position is not None:
            return ticket.position.code
        if ticket.flaw is not None:
            raise NotOnRecord(f"{ticket.flaw[1]}: {ticket.flaw[2]}")
        if ticket.id is not None and (code := self._recorded(ticket.id)) is not None:
            return code
        rejection = ticket.rejection
        raise NotOnRecord("no reason is known" if rejection is None else REJECTIONS[rejection].text)

    def _recorded(self, identifier: bytes) -> str | None:
        with self._read() as reader:
            judged = reader.judged(identifier)
            if judged is None or judged.index is None:
                return None
            return reader.entry(judged.index).entry.code
