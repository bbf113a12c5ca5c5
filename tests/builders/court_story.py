"""`make court`: what a judge's clerk does with a certificate, on a machine that runs a node's demo.

The node of `evidence-node demo` issues certificates of the case; then nothing of the node is asked
any more: three verifiers, poppler, openssl and pyHanko look at the files, a forged one is refused
by all three at the same step, the corpus is judged, and the pages are looked at as a citizen sees
them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders.browser import chromium, picture
from builders.corpus import held
from builders.javascript import JAVASCRIPT, JavaScriptError
from builders.sealed_pdfs import (
    LastingStatus,
    document_token_of,
    lasting_status,
    pdfsig,
    token_of,
)
from builders.time_stamping import openssl_verify
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from playwright.sync_api import Page

from node.core.trust import decode_trust
from node.verifiers.building import build_all

__all__ = ["play"]

_READY_SECONDS = 180
_PHONE, _DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONUTF8": "1"}
Statuses = dict[str, str]


@dataclass
class Court:
    """What the demonstration left, and where the rest goes. ``say`` prints."""

    out: Path
    url: str
    certificates: list[Path]
    trust: Path
    say: Callable[[str], None]

    @property
    def verifiers(self) -> Path:
        return self.out / "verifiers"


def play(
    out: Path,
    dossiers: int = 300,
    say: Callable[[str], None] = print,
    names: Sequence[str] | None = None,
) -> None:
    """Tell the whole story; raises AssertionError where something is not as it should be.
    ``names`` are the cases of the corpus, by default all."""
    shutil.rmtree(out / "court", ignore_errors=True)
    with _demo(out, dossiers, say) as told:
        court = Court(
            out / "court",
            told["url"],
            [Path(path) for path in told["certificates"]],
            Path(told["trust"]),
            say,
        )
        court.out.mkdir(parents=True)
        court.certificates.append(_in_english(court))
        say("13. Three verifiers, where no node can be reached")
        hashes = build_all(court.verifiers)
        for name, digest in sorted(hashes.items()):
            say(f"   {name}  SHA-256 {digest}")
        _verify(court, court.certificates[0], accepted=True)
        say("14. The same certificate with one digit changed")
        _verify(court, _forged(court), accepted=False)
        say("15. Others' programs on the certificate")
        _others(court)
        say("16. The corpus of good and forged bundles, judged by all three")
        _corpus(court, names)
        say("17. The pages, on a phone and on a desk")
        _screens(court)
        say(f"Everything is in {out}: certificates, verifiers, screens, the corpus's table")


# -- the demonstration ----------------------------------------------------------------------------


@contextmanager
def _demo(out: Path, dossiers: int, say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-m", "node.cli", "demo", "--json"]
    process = subprocess.Popen(
        [*command, "--out", str(out), "--dossiers", str(dossiers), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=None if say is print else subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**os.environ, "DEMO_SERVE": "1"},
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, "the demonstration has failed"
        yield json.loads(line)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_READY_SECONDS)


def _in_english(court: Court) -> Path:
    """The first certificate's case again, in English, by the command that a clerk uses."""
    told = json.loads(_fetched(f"{court.url}/v1/certificates/{court.certificates[0].stem}"))
    folder = court.out / "english"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "node.cli", "certificate", told["code"], "--json"),
            *("--url", court.url, "--trust", str(court.trust), "--operator", "jinan-data"),
            *("--member", "jinan-court", "--key", _key_of(court, "jinan-court")),
            *("--applicant", "Jinan Internet Tribunal (demonstration)", "--language", "en"),
            *("--purpose", "review of evidence", "--out", str(folder)),
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    [item] = json.loads(done.stdout)["certificates"]
    court.say(f"12. In English too: {item['file']}")
    return Path(item["file"])


def _key_of(court: Court, member: str) -> str:
    return str(next((court.out.parent / "members").glob(f"{member}*.pem")))


def _fetched(url: str) -> bytes:
    import httpx

    return httpx.get(url, timeout=30).raise_for_status().content


# -- three verifiers ------------------------------------------------------------------------------


def _verify(court: Court, pdf: Path, *, accepted: bool) -> None:
    """By the command, by the archive in a bare Python, by the HTML file in a browser."""
    told = {
        "evidence-node verify": _by_command(pdf, court.trust),
        "evidence-verify.pyz": _by_archive(court, pdf),
        "evidence-verify.html": _by_page(court, pdf),
    }
    for name, steps in told.items():
        failed = [label for label, status in steps.items() if status == "failed"]
        passed = sum(status == "passed" for status in steps.values())
        verdict = f"REFUSED at {', '.join(failed)}" if failed else f"accepted, {passed} passed"
        court.say(f"   {name:<22} {verdict}")
        assert bool(failed) != accepted, (name, steps)
    first, *others = told.values()
    assert all(steps == first for steps in others), "the verifiers do not agree"


def _by_command(pdf: Path, trust: Path) -> Statuses:
    files = [str(pdf), "--trust", str(trust), "--json"]
    return _steps([sys.executable, "-m", "node.cli", "verify", *files], None)


def _by_archive(court: Court, pdf: Path) -> Statuses:
    archive = str(court.verifiers / "evidence-verify.pyz")
    files = [str(pdf), "--trust", str(court.trust), "--json"]
    return _steps([sys.executable, "-I", "-S", archive, *files], _ENVIRONMENT)


def _steps(command: list[str], environment: dict[str, str] | None) -> Statuses:
    done = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment
    )
    told = json.loads(done.stdout)
    return {step["label"]: step["status"] for step in told["steps"]}


def _by_page(court: Court, pdf: Path) -> Statuses:
    with chromium() as browser:
        context = browser.new_context(viewport=_PHONE, locale="zh-CN")
        context.set_offline(True)
        page = context.new_page()
        page.goto((court.verifiers / "evidence-verify.html").as_uri())
        for name, file in (("evidence", pdf), ("trust", court.trust)):
            page.set_input_files(f"#{name}", file)
            page.wait_for_selector(f"#{name}-chosen")
        page.click("button[type=submit]")
        page.wait_for_selector("#verdict, #refused, #fault:not([hidden])")
        found: list[list[str]] = page.eval_on_selector_all(
            "[data-step]", "all => all.map(one => [one.dataset.step, one.dataset.status])"
        )
        _picture(page, court, f"verify-{pdf.stem}")
    return dict(found)


def _forged(court: Court) -> Path:
    """The certificate with one digit of its number changed, inside what its seal covers."""
    content = bytearray(court.certificates[0].read_bytes())
    at = content.index(b"<dc:title>")
    at = content.index(court.certificates[0].stem[-6:].encode("ascii"), at)
    content[at] = ord("1") if content[at] != ord("1") else ord("2")
    path = court.out / "forged.pdf"
    path.write_bytes(content)
    return path


# -- others' programs -----------------------------------------------------------------------------


def _others(court: Court) -> None:
    pdf = court.certificates[0].read_bytes()
    trust = decode_trust(court.trust.read_bytes())
    seal, authority = court.out / "seal-root.pem", court.out / "tsa-root.pem"
    seal.write_bytes(_pem((trust.signer_roots or ())[0]))
    authority.write_bytes(_pem(trust.tsa_roots[0]))
    report = pdfsig(pdf, seal, court.out)
    for words in ("Signature is Valid.", "Certificate is Trusted."):
        assert words in report, report
        court.say(f"   pdfsig:    {words}")
    now = int(time.time()) + 60
    for name, (token, over) in (
        ("signature", token_of(pdf)),
        ("document", document_token_of(pdf)),
    ):
        digest = hashlib.sha256(over).digest()
        complaint = openssl_verify(token, digest, authority.read_bytes(), now, court.out)
        assert complaint == "", complaint
        court.say(f"   openssl ts -verify: the {name}'s time-stamp holds")
    roots = [*(trust.signer_roots or ()), *trust.tsa_roots]
    status = lasting_status(pdf, *roots, revocation="hard-fail")
    assert status == LastingStatus("", ""), status
    court.say("   pyHanko:   seal and document time-stamp are valid, by what the file itself holds")


def _pem(der: bytes) -> bytes:
    return x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)


# -- the corpus -----------------------------------------------------------------------------------


def _corpus(court: Court, names: Sequence[str] | None) -> None:
    lines = [f"{'case':<52} {'command':<22} {'archive':<22} {'JavaScript':<22}"]
    disagreed = 0
    for case in [one for one in held() if names is None or one.name in names]:
        bundle, trust = court.out / "case.json", court.out / "case-trust.json"
        bundle.write_bytes(case.bundle)
        trust.write_bytes(case.trust)
        verdicts = [
            _by_command(bundle, trust),
            _steps(
                [
                    *(sys.executable, "-I", "-S", str(court.verifiers / "evidence-verify.pyz")),
                    *(str(bundle), "--trust", str(trust), "--json"),
                ],
                _ENVIRONMENT,
            ),
            _by_javascript(case.bundle, case.trust),
        ]
        disagreed += any(one != case.steps for one in verdicts)
        columns = " ".join(f"{_verdict(one):<22}" for one in verdicts)
        lines.append(f"{case.name:<52} {columns}".rstrip())
    table = court.out / "corpus.txt"
    table.write_text("\n".join(lines) + "\n", "utf-8")
    for path in (court.out / "case.json", court.out / "case-trust.json"):
        path.unlink()
    court.say(f"   {len(lines) - 1} cases, {disagreed} disagreements: {table}")
    assert disagreed == 0


def _by_javascript(bundle: bytes, trust: bytes) -> Statuses:
    report = JAVASCRIPT.call("verify.js", "verifyBundle", bundle, trust)
    assert not isinstance(report, JavaScriptError)
    return {step["label"]: step["status"] for step in report["steps"]}


def _verdict(steps: Statuses) -> str:
    failed = [label for label, status in steps.items() if status == "failed"]
    return f"refused at {','.join(failed)}" if failed else "accepted"


# -- the pages ------------------------------------------------------------------------------------


def _screens(court: Court) -> None:
    code = json.loads(_fetched(f"{court.url}/v1/certificates/{court.certificates[0].stem}"))["code"]
    pages = {
        "look-up": "/",
        "found": f"/?q={code}",
        "dossier": f"/d/{code}",
        "document": "/document",
        "verify": "/verify",
        "certificate": f"/certificate?q={court.certificates[0].stem}",
        "statistics": "/statistics",
        "status": "/status",
    }
    with chromium() as browser:
        for size in (_PHONE, _DESK):
            page = browser.new_context(viewport=size, locale="zh-CN").new_page()
            for name, path in pages.items():
                answer = page.goto(court.url + path)
                assert answer is not None
                assert answer.status == 200, (path, answer.status)
                _picture(page, court, f"{name}-{size['width']}")
    count = len(list((court.out / "screens").iterdir()))
    court.say(f"   {count} screens in {court.out / 'screens'}")


def _picture(page: Page, court: Court, name: str) -> None:
    folder = court.out / "screens"
    folder.mkdir(exist_ok=True)
    picture(page, folder / f"{name}.png")
