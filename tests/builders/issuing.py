"""Nodes that issue certificates, for tests: an institution's seal, an authority, a home."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from builders.home import Home, make_home
from builders.served import ServedNode, served
from builders.time_stamping import need_openssl
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from node.demo.authority import DemoAuthority, SignerIdentity
from node.demo.tsa import OpensslTsa, TsaFiles, make_tsa_files, run_tsa
from node.evidence.certificates.keys import FileKey, SealChain
from node.wiring import system_time

INSTITUTION = "示例公证处出证专用章"
SEAL_CODE = "3701020000001"
APPLICANT = "示例互联网法院"
PURPOSE = "案件审理"


@dataclass(frozen=True)
class Seal:
    """An institution's seal: its certificate, and the files of chain and key in ``folder``."""

    identity: SignerIdentity
    folder: Path

    @property
    def chain(self) -> SealChain:
        """The certificates, in DER."""
        above = (one.public_bytes(Encoding.DER) for one in self.identity.chain)
        return SealChain(self.identity.certificate_der, tuple(above))

    @property
    def chain_file(self) -> Path:
        return self.folder / "chain.pem"

    @property
    def key_file(self) -> Path:
        return self.folder / "seal.pem"

    @property
    def key(self) -> FileKey:
        return FileKey(str(self.key_file))

    @property
    def root_file(self) -> Path:
        """The root alone, in PEM."""
        return self.folder / "root.pem"


def make_seal(folder: Path, now: datetime | None = None) -> Seal:
    """A seal with a P-256 key in a file, under an authority of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = DemoAuthority.create(now or datetime.now(UTC))
    identity = authority.issue_signer("出证专用章", "示例公证处")
    seal = Seal(identity, folder)
    certificates = (identity.certificate, *identity.chain)
    seal.chain_file.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    seal.key_file.touch(mode=0o600)
    seal.key_file.write_bytes(
        identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    authority.write_root(seal.root_file)
    return seal


@contextmanager
def authority(folder: Path) -> Iterator[tuple[str, TsaFiles]]:
    """A time-stamp authority (openssl) on loopback: its URL and its files."""
    need_openssl()
    files = make_tsa_files(folder, datetime.now(UTC))
    with run_tsa(OpensslTsa(folder, files)) as url:
        yield url, files


def tsa_table(url: str, files: TsaFiles, **settings: Any) -> dict[str, Any]:
    """``[certificates.tsa]`` for an authority."""
    return {
        "url": url,
        "name": "演示时间戳",
        "roots": [str(files.root)],
        "attempts": 1,
        **settings,
    }


def issuing_home(
    path: Path,
    seal: Seal,
    *,
    tsa: Mapping[str, Any] | None = None,
    token: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Home:
    """The home of a node that issues certificates with this seal."""
    table = {
        "institution": INSTITUTION,
        "chain": str(seal.chain_file),
        "key": str(seal.key_file),
        "seal_code": SEAL_CODE,
        "workers": 1,
        **settings,
    }
    parts = [_table("certificates", table)]
    if tsa is not None:
        parts.append(_table("certificates.tsa", tsa))
    if token is not None:
        parts.append(_table("certificates.token", token))
    return make_home(path, more="\n".join(parts))


def _table(name: str, members: Mapping[str, Any]) -> str:
    lines = (
        f"{key} = {json.dumps(value, ensure_ascii=False)}"  # TOML's strings and lists are JSON's
        for key, value in members.items()
    )
    return f"[{name}]\n" + "\n".join(lines) + "\n"


@contextmanager
def serving(home: Home) -> Iterator[ServedNode]:
    """Serve it by the machine's clock: authorities and seals know no other."""
    with served(home, system_time) as node:
        node.teller.time = system_time()
        yield node


def order(**changes: Any) -> dict[str, Any]:
    """The body of a request; ``changes`` replace members, None removes one."""
    body = {"applicant": APPLICANT, "purpose": PURPOSE, **changes}
    return {name: value for name, value in body.items() if value is not None}


def post_order(
    node: ServedNode, body: Mapping[str, Any], member: str = "court-a"
) -> httpx.Response:
    """Ask for certificates, signed by ``member``."""
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = node.authorization(member, "POST", "/v1/certificates", content)
    headers["content-type"] = "application/json"
    return httpx.post(f"{node.url}/v1/certificates", content=content, headers=headers, timeout=90)


def code_of(node: ServedNode, subject: str) -> str:
    """The evidence code of a dossier."""
    with node.node.reader() as reader:
        state = reader.state(f"dossier/{subject}")
        assert state is not None
        return f"CZ{state['code']}"
