"""What a certificate is issued with: chains in order, imprints of three formats, configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from builders.certificates import Held, ca_extensions, issue, new_key, self_signed, tsa_extensions
from builders.home import make_home
from builders.issuing import Seal, make_seal
from builders.sealed_pdfs import SPACE, unsealed_pdf
from cryptography.hazmat.primitives.serialization import Encoding

from node.config import ConfigError, load_config
from node.core.errors import InvalidInput
from node.evidence.certificates.materials import (
    describe_chain,
    file_hashes,
    imprint_page,
    read_chain,
)
from node.evidence.certificates.sealing import OpenedSeal, SealSettings
from node.evidence.certificates.settings import CertificatesConfig
from node.evidence.imprints.imprint import draw_imprint


@pytest.fixture(scope="module")
def seal(tmp_path_factory: pytest.TempPathFactory) -> Seal:
    return make_seal(tmp_path_factory.mktemp("seal"))


def written(folder: Path, *held: Any) -> Path:
    path = folder / "chain.pem"
    certificates = (one.certificate if isinstance(one, Held) else one for one in held)
    path.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    return path


def test_a_chain_is_read_and_described(seal: Seal) -> None:
    chain = read_chain(seal.chain_file)
    assert chain == seal.chain
    described = describe_chain(chain)
    assert described.sha256 == seal.identity.certificate_sha256
    assert described.serial_number == seal.identity.serial_number
    assert (described.valid_from, described.valid_to) == (
        seal.identity.valid_from,
        seal.identity.valid_to,
    )


def test_a_chain_that_cannot_be_right_is_refused(seal: Seal, tmp_path: Path) -> None:
    first, issuing, root = seal.identity.certificate, *seal.identity.chain
    for chain, words in (
        ((first, root, issuing), "followed by its issuer's"),
        ((first, issuing), "must be the root"),
        ((first,), "must be the root"),
        ((issuing, root), "not for signing documents"),
    ):
        with pytest.raises(InvalidInput, match=words):
            read_chain(written(tmp_path, *chain))
    above = self_signed()
    other = issue("x", above, tsa_extensions(), key=new_key("P-384"))
    with pytest.raises(InvalidInput, match="P-256"):
        read_chain(written(tmp_path, other, above))
    alone = issue("x", None, ca_extensions())
    with pytest.raises(InvalidInput, match="not for signing documents"):
        read_chain(written(tmp_path, alone))
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(InvalidInput, match="holds no certificates"):
        read_chain(tmp_path / "none.pem")


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_an_imprint_of_each_format_can_be_sealed_with(
    seal: Seal, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"imprint.{kind}"
    path.write_bytes(getattr(draw_imprint("示例公证处出证专用章", "3701020000001"), kind))
    page = imprint_page(path)
    assert page.startswith(b"%PDF-")
    opened = OpenedSeal(SealSettings(seal.chain, seal.key, page, "r"))
    assert opened.seal(unsealed_pdf(), SPACE, seal.identity.valid_from + 1)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"plain text", b"<svg", b"\x89PNG\r\n\x1a\n"]
)
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "imprint"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="must be a PDF, an SVG or a PNG"):
        imprint_page(path)


def test_files_are_named_by_their_hash(tmp_path: Path) -> None:
    (tmp_path / "verify.html").write_bytes(b"")
    (name,) = file_hashes([tmp_path / "verify.html"]).items()
    assert name[0] == "verify.html"
    assert name[1].startswith("e3b0c442")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"chain": "c.pem"}, "institution must be named"),
        ({"chain": "c.pem", "institution": "x"}, "an imprint, or the seal_code"),
        ({"tsa": {"url": "http://x/"}}, "a url needs a name, and roots"),
        ({"tsa": {"url": "ftp://x/"}}, "url"),
        ({"tsa": {"timeout_ms": 10_001, "attempts": 4}}, "is 40004: at most 40000"),
        ({"token": {"library": "/x.so"}}, "a library needs a token"),
        (
            {"token": {"library": "/x", "token": "t", "key_id": "0"}},
            "key_id",
        ),
        (
            {
                "token": {
                    "library": "/x",
                    "token": "t",
                    "key_label": "k",
                    "pin_file": "p",
                    "pin_env": "P",
                }
            },
            "the PIN is in one of them",
        ),
        ({"seal_code": "12"}, "seal_code"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_configuration_that_cannot_be_right_names_its_member(
    table: dict[str, Any], words: str
) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(table, CertificatesConfig)


def test_a_node_says_what_is_wrong_with_its_seal_before_it_starts(
    seal: Seal, tmp_path: Path
) -> None:
    from node.wiring import Node

    more = (
        '[certificates]\ninstitution = "示例公证处出证专用章"\nseal_code = "3701020000001"\n'
        f'chain = "{seal.chain_file}"\nkey = "none.pem"\n'
    )
    home = make_home(tmp_path / "home", more=more)
    with pytest.raises(Exception, match=r"none\.pem: No such file"):
        Node(load_config(home.path))
    home = make_home(tmp_path / "other", operator="", more=more)
    with pytest.raises(ConfigError, match=r"needs operator\.member"):
        Node(load_config(home.path))
