"""``evidence-node certificate``: has certificates of evidence issued, and saves them."""

from __future__ import annotations

import argparse
import base64
import hashlib
import secrets
from pathlib import Path
from typing import Any

from node.cli.exit_codes import ExitCode
from node.cli.failures import CommandFailure
from node.cli.files import check_absent, read_input, write_output
from node.cli.output import say, write_json
from node.cli.parsers import add_command
from node.cli.remote import add_node, add_signer, asking, understanding
from node.client.http import NodeClient
from node.core.trust import MAX_TRUST_BYTES
from node.core.verify import FAILED
from node.core.verify_certificate import verify_certificate
from node.evidence.certificates.numbering import read_certificate_no

__all__ = ["add_parser", "run"]

_DESCRIPTION = """
Has the node issue a certificate of evidence for each code, of a dossier or, with its number, of one
record, and saves each as a PDF under its certificate number. For courts, notaries, operators and
the parties of a dossier. Each certificate is sealed by the institution that runs the node, and its
hash is on the chain before it is handed out.

One code that fails spoils no other: what was issued is saved, the rest is named, and the exit code
is 1. Asked again with the same --token the node gives the same certificates. With a trust file each
PDF is checked at once; it is saved whatever comes of that, and the exit code says so.

With --disclosures all they show the private fields too. The node decides whether the member may see
them, logs the request with its purpose, and records the release on the chain. The files then hold
personal data in clear; every file shows who applied.
"""
_EXAMPLES = """
evidence-node certificate CZ0034133234711 --url http://127.0.0.1:8440 \\
    --key court-a.pem --member court-a --operator bureau-3701 --trust trust.json \\
    --applicant 某某互联网法院 --purpose 案件审理 --out certificates
evidence-node certificate CZ0034133234711 CZ7669411499717-2 --url http://127.0.0.1:8440 \\
    --key court-a.pem --member court-a --operator bureau-3701 --trust trust.json \\
    --applicant 某某互联网法院 --purpose 案件审理 --case-no '(2026)鲁0191民初1号' \\
    --disclosures all --with-seals --picture seal.svg --language zh --out certificates
"""
_MOST_PICTURE_BYTES = 1 << 20
Json = dict[str, Any]


def add_parser(subparsers: Any) -> None:
    """Describe the command's arguments."""
    parser = add_command(subparsers, "certificate", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("codes", metavar="CODE", nargs="+", help="an evidence code, with -n or not")
    add_node(parser)
    add_signer(parser, to_one_node=True)
    parser.add_argument("--applicant", required=True, metavar="TEXT", help="who applies")
    parser.add_argument(
        "--purpose",
        required=True,
        metavar="TEXT",
        help="what for; it goes on the chain: name nobody",
    )
    parser.add_argument("--case-no", default="", metavar="TEXT", help="the court's case number")
    parser.add_argument("--language", choices=("zh", "en"), default="zh", help="default: zh")
    parser.add_argument(
        "--disclosures", choices=("none", "all"), default="none", help="private fields too"
    )
    parser.add_argument(
        "--with-seals", action="store_true", help="of a case, certificates of its seals as well"
    )
    parser.add_argument(
        "--picture",
        action="append",
        default=[],
        metavar="FILE",
        help="a seal's imprint (SVG or PNG), shown where the ledger has its hash; may be repeated",
    )
    parser.add_argument("--token", metavar="TEXT", help="idempotency token; default: a random one")
    parser.add_argument("--out", required=True, metavar="DIR", help="where the PDFs are saved")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Order the certificates, save them, and check each where a trust file is given."""
    folder = Path(args.out)
    body = _order(args)
    trust = None if args.trust is None else read_input(args.trust, MAX_TRUST_BYTES)
    with asking(args, signs=True) as node, understanding(args.url):
        answer = node.order_certificates(body)
        folder.mkdir(parents=True, exist_ok=True)
        told = [_save(node, item, folder, trust) for item in answer["certificates"]]
    _tell(args, told)
    good = all(item["status"] == "issued" and not item.get("failed") for item in told)
    return ExitCode.OK if good else ExitCode.REFUSED


def _order(args: argparse.Namespace) -> Json:
    pictures = [read_input(name, _MOST_PICTURE_BYTES) for name in args.picture]
    body: Json = {
        "applicant": args.applicant,
        "codes": args.codes,
        "disclosures": args.disclosures,
        "language": args.language,
        "pictures": [base64.b64encode(one).decode("ascii") for one in pictures],
        "purpose": args.purpose,
        "seals": "all" if args.with_seals else "none",
        "token": args.token or secrets.token_hex(16),
    }
    if args.case_no:
        body["case_no"] = args.case_no
    return body


def _save(node: NodeClient, item: Json, folder: Path, trust: bytes | None) -> Json:
    """Fetch one certificate's PDF and save it, if it is the file that is on record; and check it
    where there is a trust file."""
    if item["status"] != "issued":
        return item
    # It becomes a file's name, and a node may lie.
    number = read_certificate_no(str(item["certificate_no"]), place="answer.certificate_no")
    path = folder / f"{number}.pdf"
    check_absent(path)
    pdf = node.certificate_pdf(number)
    if hashlib.sha256(pdf).hexdigest() != item["report_hash"]:
        raise CommandFailure(
            ExitCode.BAD_INPUT,
            f"{item['certificate_no']}: the node sent another file than the one it put on record",
            "tell who runs the node",
        )
    write_output(path, pdf, secret=True)
    told = {**item, "bytes": len(pdf), "file": str(path)}
    if trust is None:
        return told
    report = verify_certificate(pdf, trust)
    failed = [step.id for step in report.all_steps if step.status == FAILED]
    return {**told, "accepted": report.accepted, "failed": failed}


def _tell(args: argparse.Namespace, told: list[Json]) -> None:
    if args.json:
        write_json({"certificates": told})
        return
    for item in told:
        if item["status"] == "issued":
            say("{}  {}", item["code"], item["file"])
            say("    certificate {}, record {}", item["certificate_no"], item["record"])
            say("    SHA-256 {}", item["report_hash"])
            if item.get("failed"):
                say("    NOT ACCEPTED; failed: {}", ", ".join(item["failed"]))
            elif "failed" in item:
                say("    checked: no step failed; all of them are shown by")
                say("    evidence-node verify {} --trust {}", item["file"], args.trust)
        else:
            problem = item["problem"]
            say("{}  NOT ISSUED: {}", item["code"], problem.get("detail", problem.get("title")))
