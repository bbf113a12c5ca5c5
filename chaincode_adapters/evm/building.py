"""Adapters of EVM chains, made from their settings."""

from __future__ import annotations

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.evm.account import EvmAccount, load_account, new_account
from chaincode_adapters.evm.adapter import EvmAdapter
from chaincode_adapters.evm.attesting import Connection, Profile
from chaincode_adapters.evm.deploying import deploy_over
from chaincode_adapters.evm.embedded_chain import CHAIN_ID, EmbeddedChain
from chaincode_adapters.evm.embedded_rpc import EmbeddedProvider
from chaincode_adapters.evm.pricing import Pricing
from chaincode_adapters.evm.rpc import EvmNode
from chaincode_adapters.evm.settings import EmbeddedSettings, EvmSettings
from chaincode_adapters.evm.transport import BoundedProvider, origin_of
from chaincode_adapters.port import AnchorAdapter, Surroundings

__all__ = ["build"]

_GAS_LIMIT = 400_000


def build(settings: EvmSettings | EmbeddedSettings, surroundings: Surroundings) -> AnchorAdapter:
    """The adapter that the settings describe; nothing is read or connected before it is opened.

    Raises:
        Misconfigured: the settings name what cannot be.
    """
    if isinstance(settings, EmbeddedSettings):
        return _build_embedded(settings, surroundings)
    return _build_remote(settings, surroundings)


def _build_remote(settings: EvmSettings, surroundings: Surroundings) -> EvmAdapter:
    origin_of(settings.url)
    if settings.gas_price is not None and settings.most_gas_price is not None:
        raise Misconfigured("gas_price, most_gas_price: only one of them can be given")
    contract = bytes.fromhex(settings.contract[2:])
    key = surroundings.home / settings.key
    authorities = surroundings.home / settings.ca if settings.ca else None
    if authorities is not None and not settings.url.startswith("https:"):
        raise Misconfigured("ca: is for a URL that begins with https://")
    profile = Profile(
        name=settings.name,
        kind="evm",
        chain=f"eip155:{settings.chain_id}/{contract.hex()}",
        operator=settings.operator,
        chain_id=settings.chain_id,
        ledger=surroundings.genesis_hash,
        in_flight=settings.in_flight,
        poll_ms=settings.poll_ms,
        gas_limit=settings.gas_limit,
        pricing=Pricing(settings.gas_price, settings.most_gas_price),
        depth=settings.depth,
        from_block=settings.from_block,
    )

    def connect() -> Connection:
        account = load_account(key)
        provider = BoundedProvider(settings.url, settings.timeout_ms / 1000, authorities)
        return Connection(EvmNode(provider), account, contract)

    return EvmAdapter(profile, connect)


def _build_embedded(settings: EmbeddedSettings, surroundings: Surroundings) -> EvmAdapter:
    folder = surroundings.home / settings.path
    profile = Profile(
        name=settings.name,
        kind="evm-embedded",
        chain=f"embedded:{surroundings.member}"[:64],
        operator=settings.operator,
        chain_id=CHAIN_ID,
        ledger=surroundings.genesis_hash,
        in_flight=settings.in_flight,
        poll_ms=settings.poll_ms,
        gas_limit=_GAS_LIMIT,
        pricing=Pricing(),
        development=True,
    )

    def connect() -> Connection:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = folder / "account.key"
            account = load_account(key) if key.exists() else new_account(key)
        except OSError as error:
            raise Misconfigured(f"path: {folder}: {error.strerror}") from error
        chain = EmbeddedChain(folder / "chain.sqlite", account.address, surroundings.now)
        node = EvmNode(EmbeddedProvider(chain))
        try:
            contract = _contract_on(chain, node, account, surroundings.genesis_hash)
        except BaseException:
            chain.close()
            raise
        return Connection(node, account, contract)

    return EvmAdapter(profile, connect)


def _contract_on(chain: EmbeddedChain, node: EvmNode, account: EvmAccount, ledger: bytes) -> bytes:
    """The address of the contract, which is deployed where it is not yet."""
    known = chain.noted("contract")
    if known is not None:
        return known
    deployed = deploy_over(
        node,
        account,
        chain_id=CHAIN_ID,
        ledger=ledger,
        members=[account.address],
        threshold=1,
        pricing=Pricing(),
    )
    chain.note("contract", deployed.contract)
    chain.commit()
    return deployed.contract
