"""Which signatures this check can judge at all, told before it is tried.

A signature of an algorithm that is not known here is not thereby a bad one.
"""

from __future__ import annotations

from typing import Any

from pyhanko.sign.validation import EmbeddedPdfSignature

__all__ = ["unknown_kind"]

_NATIONAL = "1.2.156.10197."
_DIGESTS = frozenset(
    ("sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512")
)
_SIGNATURES = frozenset(("/adbe.pkcs7.detached", "/ETSI.CAdES.detached", "/PBAD.PAdES"))
_TIME_STAMPS = frozenset(("/ETSI.RFC3161",))


def unknown_kind(signature: EmbeddedPdfSignature) -> tuple[str, str] | None:
    """Why a signature cannot be judged here, in English and Chinese; None where it can."""
    form = str(signature.sig_object.get("/SubFilter", "none"))[:60]
    known = _TIME_STAMPS if signature.sig_object_type == "/DocTimeStamp" else _SIGNATURES
    if form not in known:
        return (
            f"a kind of signature that this check does not know: {form}",
            f"本核验程序不支持的签名类型：{form}",
        )
    signer: Any = signature.signer_info
    dotted = [
        str(signer["digest_algorithm"]["algorithm"].dotted),
        str(signer["signature_algorithm"]["algorithm"].dotted),
    ]
    if any(one.startswith(_NATIONAL) for one in dotted):
        return (
            "signed by the national algorithms (SM2, SM3), which this check of PDFs does not do",
            "该签名采用国密算法（SM2/SM3），本核验程序不核验 PDF 中的国密签名",
        )
    if signature.md_algorithm not in _DIGESTS or not _is_known(signer):
        return (
            f"signed by an algorithm that this check does not know: {', '.join(dotted)}",
            f"本核验程序不支持的签名算法：{', '.join(dotted)}",
        )
    return None


def _is_known(signer: Any) -> bool:
    try:
        return bool(signer["signature_algorithm"].signature_algo)
    except ValueError:
        return False
