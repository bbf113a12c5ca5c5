"""``evidence-node verify``: checks a bundle against a trust file, and asks no node anything."""

from __future__ import annotations

import argparse
import re
from typing import Any

from node.cli.documents import compare_documents, tell_documents
from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import STANDARD, read_input
from node.cli.output import write_json
from node.cli.parsers import add_command
from node.cli.progress import Progress, shown_progress
from node.cli.records_shown import shown_records, tell_records
from node.cli.verify_told import report_json, tell_report
from node.core.bundle import MAX_BUNDLE_BYTES
from node.core.chinese.failures import failure_zh
from node.core.errors import InvalidInput
from node.core.signatures import Backend, PublicJwk, load_backend
from node.core.trust import MAX_TRUST_BYTES
from node.core.verify import Report, verify_bundle
from node.core.verify_certificate import CertificateReport, is_pdf, verify_certificate

__all__ = ["add_arguments", "add_parser", "run"]

_DESCRIPTION = """
Checks an evidence bundle step by step. It needs the bundle, a trust file and nothing else: no
network, no node. Each step passes, fails, or says that it was not checked and why. The exit code is
0 only when no step failed.

A certificate's PDF is checked as a whole: its seal, what was added after it, the statement of who
issued it (steps P1 to P7), and then the bundle that is attached to it. Without --trust the trust
file that is attached to the PDF is used, and the exit code is 4 and not 0: compare its fingerprint,
or give it with --fingerprint.

With --document it also says which records name a file, by its SHA-256; a file that none of them
names is refused.

What the result is worth rests on the trust file: compare its fingerprint with the one that is
printed on the certificate or that the members of the consortium publish.
"""
_EXAMPLES = """
evidence-node verify bundle.json --trust trust.json
evidence-node verify bundle.json --trust trust.json --lang zh
evidence-node verify bundle.json --trust trust.json --document contract.pdf
evidence-node verify bundle.json --trust trust.json --show       # and what was recorded
evidence-node verify - --trust trust.json < bundle.json     # the bundle from standard input
evidence-node verify certificate.pdf --trust trust.json     # a certificate of evidence
evidence-node verify bundle.json --trust trust.json --backend ecdsa --json
"""


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    add_arguments(add_command(subparsers, "verify", _DESCRIPTION, _EXAMPLES))


def add_arguments(parser: argparse.ArgumentParser, backend: str | None = None) -> None:
    """Add the arguments of a verification. ``backend`` is what checks signatures by default; None
    stands for the quickest that is installed."""
    parser.add_argument(
        "bundle", metavar="FILE", help="a bundle or a certificate's PDF, - for standard input"
    )
    parser.add_argument(
        "--trust", metavar="FILE", help="the trust file; needed but for a certificate's PDF"
    )
    parser.add_argument(
        "--fingerprint",
        metavar="HEX",
        help="the trust file's fingerprint as printed or published; another one is refused",
    )
    parser.add_argument(
        "--document",
        action="append",
        default=[],
        metavar="FILE",
        help="a file that some record must name; may be given several times",
    )
    parser.add_argument(
        "--show", action="store_true", help="show the records of a bundle that is accepted"
    )
    quickest = "cryptography, or ecdsa where that is not installed"
    parser.add_argument(
        "--backend",
        choices=("cryptography", "ecdsa"),
        default=backend,
        help=f"what checks signatures; default: {backend or quickest}",
    )
    parser.add_argument("--lang", choices=("en", "zh"), default="en", help="language of the text")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Verify the bundle and tell every step."""
    if args.bundle == args.trust == STANDARD:
        raise CommandFailure(ExitCode.USAGE, "bundle and trust file cannot both be standard input")
    backend = _backend(args.backend)
    trust = None if args.trust is None else read_input(args.trust, MAX_TRUST_BYTES)
    data = read_input(args.bundle, MAX_BUNDLE_BYTES)
    with shown_progress() as progress:
        try:
            report, certificate = _checked(data, trust, _Counting(backend, progress))
        except InvalidInput as error:  # the trust file is none: what is checked never raises
            if args.lang == "en" or args.json:
                raise
            raise CommandFailure(ExitCode.BAD_INPUT, failure_zh("trust", error)) from error
    bundle = data if certificate is None else certificate.attached
    if args.fingerprint is not None:
        _check_fingerprint(args.fingerprint, report.trust_fingerprint)
    documents = compare_documents(args.document, bundle, accepted=report.accepted)
    if args.json:
        told = report_json(report, bundle, documents, certificate)
        if args.show and report.accepted:
            told["records"] = [record.to_json() for record in shown_records(bundle)]
        write_json(told)
    else:
        tell_report(args, report, data, "bundle" if certificate is None else "certificate")
        if documents:
            tell_documents(documents, args.lang)
        if args.show and report.accepted:
            tell_records(shown_records(bundle), args.lang)
    if not report.accepted or not all(document.named for document in documents):
        return ExitCode.REFUSED
    # whoever forged all of a certificate forged the trust file in it
    return ExitCode.UNTRUSTED if trust is None and args.fingerprint is None else ExitCode.OK


def _checked(
    data: bytes, trust: bytes | None, backend: Backend
) -> tuple[Report, CertificateReport | None]:
    if not is_pdf(data):
        return _verify_bundle(data, trust, backend), None
    certificate = verify_certificate(data, trust, backend)
    return _whole_report(certificate), certificate


def _verify_bundle(data: bytes, trust: bytes | None, backend: Backend) -> Report:
    if trust is None:
        raise CommandFailure(
            ExitCode.USAGE,
            "--trust: a bundle is checked against a trust file",
            "a certificate's PDF brings one along; its members publish the fingerprint",
        )
    return verify_bundle(data, trust, backend)


def _whole_report(certificate: CertificateReport) -> Report:
    """The steps of the document and then those of its bundle, as one report."""
    bundle = certificate.bundle
    return Report(certificate.all_steps, bundle.trust_fingerprint, bundle.backend)


def _backend(name: str | None) -> Backend:
    try:
        return load_backend(name)
    except ImportError as error:
        raise CommandFailure(
            ExitCode.USAGE,
            f"no package to check signatures with: {error}",
            "install one of pure Python with: pip install ecdsa",
        ) from error


class _Counting:
    """A backend that tells how many signatures it has been given."""

    def __init__(self, backend: Backend, progress: Progress) -> None:
        self.name = backend.name
        self._backend = backend
        self._progress = progress
        self._count = 0

    def verify_es256(self, key: PublicJwk, message: bytes, signature: bytes) -> None:
        """See Backend."""
        self._tell()
        self._backend.verify_es256(key, message, signature)

    def verify_ed25519(self, key: bytes, message: bytes, signature: bytes) -> None:
        """See Backend."""
        self._tell()
        self._backend.verify_ed25519(key, message, signature)

    def verify_ecdsa(
        self, curve: str, point: bytes, digest: str, message: bytes, signature: bytes
    ) -> None:
        """See Backend."""
        self._tell()
        self._backend.verify_ecdsa(curve, point, digest, message, signature)

    def _tell(self) -> None:
        self._count += 1
        self._progress("signatures", self._count, 0)


def _check_fingerprint(expected: str, found: str) -> None:
    wanted = re.sub(r"[\s:.-]", "", expected).lower()
    if re.fullmatch(r"[0-9a-f]{64}", wanted) is None:
        raise CommandFailure(
            ExitCode.USAGE, "--fingerprint: must be the 64 hexadecimal digits of a SHA-256"
        )
    if wanted != found:
        raise CommandFailure(
            ExitCode.REFUSED,
            f"the trust file's fingerprint is {found}, not the one given",
            "this is not the trust file that was published: ask a member for the right one",
        )
