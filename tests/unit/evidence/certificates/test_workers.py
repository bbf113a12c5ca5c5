"""The processes that typeset and seal: errors come back by name, a death costs nobody anything."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders.issuing import Seal, make_seal
from builders.sealed_pdfs import SPACE, unsealed_pdf

from node.core.errors import InvalidInput
from node.evidence.certificates import workers as workers_module
from node.evidence.certificates.errors import KeyUnusable, SealingFailed
from node.evidence.certificates.keys import FileKey
from node.evidence.certificates.port import Draft, TypesetCertificate
from node.evidence.certificates.sealing import SealSettings
from node.evidence.certificates.workers import SealingWorkers
from node.evidence.imprints.imprint import draw_imprint

NOW = 1_790_000_000_000


def typeset(draft: Draft) -> TypesetCertificate:
    """What the processes of these tests call; ``content`` says what is to happen."""
    if draft.content.startswith("die"):
        mark = Path(draft.content.partition(" ")[2])
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    if draft.content == "always die":
        os.kill(os.getpid(), signal.SIGKILL)
    if draft.content.startswith("hang"):
        written = Path(draft.content.partition(" ")[2] + ".part")
        written.write_text(str(os.getpid()))
        written.rename(draft.content.partition(" ")[2])
        time.sleep(600)
    if draft.content == "swell":
        bytearray(8 << 30)
    if draft.content == "refuse":
        raise InvalidInput("applicant[3]", "no font has a glyph")
    return TypesetCertificate(unsealed_pdf(), SPACE, 1)


def draft(content: str = "") -> Draft:
    return Draft("ZS2026112312345678906", NOW, "zh", content, ())


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SealSettings:
    seal: Seal = make_seal(tmp_path_factory.mktemp("seal"))
    imprint = draw_imprint("示例公证处出证专用章", "3701020000001").pdf
    return SealSettings(seal.chain, seal.key, imprint, "出具存证证书")


@pytest.fixture(scope="module")
def workers(settings: SealSettings) -> Iterator[SealingWorkers]:
    made = SealingWorkers(settings, typeset, 1)
    yield made
    made.stop()


def test_what_is_made_is_sealed(workers: SealingWorkers) -> None:
    made = workers.make(draft(), NOW)
    assert made.pdf.startswith(b"%PDF")
    assert len(made.pdf) > len(unsealed_pdf())
    assert made.pages == 1


def test_what_cannot_be_typeset_is_told_with_its_place(workers: SealingWorkers) -> None:
    with pytest.raises(InvalidInput) as caught:
        workers.make(draft("refuse"), NOW)
    assert (caught.value.place, caught.value.rule) == ("applicant[3]", "no font has a glyph")


def test_memory_without_end_is_not_given(workers: SealingWorkers) -> None:
    with pytest.raises(SealingFailed, match="could not be made: MemoryError"):
        workers.make(draft("swell"), NOW)
    assert workers.make(draft(), NOW).pages == 1


def test_a_process_that_dies_is_replaced_and_its_work_done_again(
    workers: SealingWorkers, tmp_path: Path
) -> None:
    assert workers.make(draft(f"die {tmp_path / 'once'}"), NOW).pdf
    with pytest.raises(SealingFailed, match="die again and again"):
        workers.make(draft("always die"), NOW)
    assert workers.make(draft(), NOW).pdf


def test_a_key_that_is_gone_is_told_and_found_again_when_it_is_back(
    settings: SealSettings, tmp_path: Path
) -> None:
    assert isinstance(settings.key, FileKey)
    key = tmp_path / "seal.pem"
    away = SealSettings(settings.chain, FileKey(str(key)), settings.imprint, "r")
    workers = SealingWorkers(away, typeset, 1)
    try:
        with pytest.raises(KeyUnusable, match=r"seal\.pem"):
            workers.make(draft(), NOW)
        key.touch(mode=0o600)
        key.write_bytes(Path(settings.key.path).read_bytes())
        assert workers.make(draft(), NOW).pdf
    finally:
        workers.stop()
    with pytest.raises(SealingFailed, match="stopping"):
        workers.make(draft(), NOW)


def test_a_seal_that_has_sealed_is_opened_anew_before_an_order_fails(
    settings: SealSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = workers_module._Worker(settings, typeset)
    monkeypatch.setattr(workers_module, "_worker", worker)
    monkeypatch.setattr(worker.seal(), "_made", "spoiled")
    with pytest.raises(SealingFailed):  # it has never sealed: what is wrong is told at once
        workers_module._make(draft(), NOW)
    assert workers_module._make(draft(), NOW).pages == 1
    monkeypatch.setattr(worker.seal(), "_made", "spoiled")
    assert workers_module._make(draft(), NOW).pages == 1
    worker.forget_seal()


def test_a_process_that_hangs_is_ended_and_spoils_no_other_certificate(
    settings: SealSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture that takes for ever, or a token that does not answer, must hold nothing for good;
    what waits behind it is made all the same."""
    workers = SealingWorkers(settings, typeset, 1)
    try:
        workers.open()
        monkeypatch.setattr(workers_module, "_SECONDS", 1.0)
        mark = tmp_path / "hanging"
        with ThreadPoolExecutor(2) as threads:
            hanging = threads.submit(workers.make, draft(f"hang {mark}"), NOW)
            while not mark.exists() and not hanging.done():
                pass
            monkeypatch.setattr(workers_module, "_SECONDS", 60.0)
            behind = threads.submit(workers.make, draft(), NOW)
            with pytest.raises(SealingFailed, match="not made within"):
                hanging.result(30)
            assert behind.result(30).pdf
        process = int(mark.read_text())
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
    finally:
        workers.stop()


def test_a_node_stops_though_a_process_hangs(
    settings: SealSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "_STOPPING_SECONDS", 0.5)
    workers = SealingWorkers(settings, typeset, 1)
    workers.open()
    mark = tmp_path / "hanging"
    with ThreadPoolExecutor(2) as threads:
        hanging = threads.submit(workers.make, draft(f"hang {mark}"), NOW)
        while not mark.exists():
            pass
        threads.submit(workers.stop).result(30)
        with pytest.raises(SealingFailed, match="stopping"):
            hanging.result(30)
