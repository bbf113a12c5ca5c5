"""Rehearsals: the examples pass, and what is wrong with a file or a recording is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders.judicial_dialects import DIALECTS
from builders.judicial_recording import record
from builders.judicial_service import serving
from builders.judicial_setup import EXAMPLES, now_ms
from builders.key_files import write_key

from chaincode_adapters.errors import Misconfigured
from chaincode_adapters.rest.recording import decode_recording, encode_recording
from chaincode_adapters.rest.rehearsing import Rehearsal, rehearse


def rehearsed(
    tmp_path: Path,
    dialect: Any,
    *,
    service: tuple[str, str] = ("", ""),
    recording: tuple[str, str] = ("", ""),
    with_key: bool = True,
) -> Rehearsal:
    """The example of ``dialect`` with one text of each file replaced."""
    texts = []
    for name, (old, new) in ((".toml", service), (".exchange.json", recording)):
        text = (EXAMPLES / f"{dialect.example}{name}").read_text()
        assert old in text
        texts.append(tmp_path / f"file{name}")
        texts[-1].write_text(text.replace(old, new, 1) if old else text)
    write_key(tmp_path / "key", dialect.key_file)
    return rehearse(*texts, key=tmp_path / "key" if with_key else None, operator="法院")


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.example)
@pytest.mark.parametrize("with_key", [True, False])
def test_the_examples_pass(dialect: Any, with_key: bool, tmp_path: Path) -> None:
    found = rehearsed(tmp_path, dialect, with_key=with_key)
    assert found.holds, found.lines
    told = "\n".join(found.lines)
    assert told.count("the request is as recorded") == told.count("step ")
    assert ("its signature holds for the key" in told) == with_key
    assert ("is not checked: no key is given" in told) == (not with_key)
    assert "existed no later than 2026-11-23T10:13:20" in told
    assert "a verifier says: " in found.lines[-1]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.example)
def test_the_recordings_are_what_the_services_still_say(dialect: Any, tmp_path: Path) -> None:
    """Otherwise tests/builders/judicial_recording.py has to be run again."""
    kept = decode_recording((EXAMPLES / f"{dialect.example}.exchange.json").read_bytes(), "r")
    with serving(dialect(polls_needed=1 if kept.steps[1:] else 0)) as service:
        service.clock_offset_ms = kept.steps[0].time - now_ms()
        made = record(service, tmp_path, kept.steps[0].time)
    assert (made.point, made.member, made.values) == (kept.point, kept.member, kept.values)
    for ours, theirs in zip(made.steps, kept.steps, strict=True):
        assert ours.reply.status == theirs.reply.status
        assert ours.sent is not None
        assert theirs.sent is not None
        assert ours.sent.path.split("sign=")[0] == theirs.sent.path.split("sign=")[0]
        assert [name for name, _ in ours.sent.headers] == [name for name, _ in theirs.sent.headers]


SIGNED, XINGHUOYIN, NOTARY, BJCA, ANTCHAIN = DIALECTS


@pytest.mark.parametrize(
    ("dialect", "service", "told"),
    [
        (SIGNED, ("X-App-Id =", "X-App ="), "WRONG:   header X-App: would be app-1, and was "),
        (SIGNED, ('path = "/api/v1/evidence"', 'path = "/api/v2/evidence"'), "WRONG:   path: "),
        (SIGNED, ("hashAlgorithm =", "hashAlg ="), "WRONG:   body: would be "),
        (SIGNED, ('separator = "\\n"', 'separator = ""'), "WRONG:   the recorded signature does"),
        (SIGNED, ('"/code" = ["4090"]', '"/code" = ["0"]'), ""),
        (SIGNED, ('"/data/state" = ["RECORDED"]', '"/data/state" = ["DONE"]'), "no rule of the"),
        (SIGNED, ('"hash={hash}", "time={time}"', '"time={time}", "hash={hash}"'), "does not hold"),
        (SIGNED, ('time_form = "milliseconds"', 'time_form = "seconds"'), "later than this node"),
        (
            BJCA,
            ('digest_is = "digest_base64"', 'digest_is = "digest"'),
            "is not this point's digest",
        ),
        (NOTARY, ('salt = "before"', 'salt = "after"'), "WRONG:   the recorded signature does"),
        (NOTARY, ('request_id = "hex32"', 'request_id = "uuid"'), "WRONG:   header request-id"),
        (XINGHUOYIN, ('"{random}", "{access_key}"', '"{access_key}", "{random}"'), "does not hold"),
        (ANTCHAIN, ("{url:time_rfc3339}", "{time_rfc3339}"), "WRONG:   the recorded signature"),
        (ANTCHAIN, ('at = "/response"', 'at = "/sign"'), "nothing at /notary_content"),
    ],
)
def test_a_mistake_in_the_file_is_said(
    dialect: Any, service: tuple[str, str], told: str, tmp_path: Path
) -> None:
    found = rehearsed(tmp_path, dialect, service=service)
    assert found.holds == (not told), found.lines
    assert told in "\n".join(found.lines)


def test_a_recording_without_a_final_answer_proves_nothing(tmp_path: Path) -> None:
    found = rehearsed(tmp_path, SIGNED, recording=("RECORDED", "PENDING"))
    assert not found.holds
    assert "WRONG: no answer of the recording proves" in found.lines[-1]


def test_answers_alone_can_be_rehearsed(tmp_path: Path) -> None:
    path = EXAMPLES / "bjca.exchange.json"
    value = json.loads(path.read_text())
    for step in value["steps"]:
        del step["sent"]
    (tmp_path / "answers.json").write_text(json.dumps(value))
    found = rehearse(EXAMPLES / "bjca.toml", tmp_path / "answers.json", key=_key(tmp_path, BJCA))
    assert found.holds, found.lines


def _key(tmp_path: Path, dialect: Any) -> Path:
    write_key(tmp_path / "key", dialect.key_file)
    return tmp_path / "key"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"format": "evidence-rest-recording/1"', '"format": "har"', "recording.format"),
        ('"member": "court-1"', '"member": ""', "recording.member: must be a member's id"),
        ('"request": "submit"', '"request": "send"', r"recording.steps\[0\].request"),
        ('"status": 200', '"status": 20', r"recording.steps\[0\].answer.status"),
        ('"size": 101', '"size": 0', "recording.point.size"),
        ('"steps": [', '"stages": [', "recording.steps: is missing"),
        ("{", "", "not JSON"),
    ],
)
def test_a_recording_of_another_form_is_refused(
    old: str, new: str, told: str, tmp_path: Path
) -> None:
    with pytest.raises(Misconfigured, match=told):
        rehearsed(tmp_path, BJCA, recording=(old, new))


def test_a_recording_goes_both_ways() -> None:
    data = (EXAMPLES / "antchain.exchange.json").read_bytes()
    assert encode_recording(decode_recording(data, "r")) == json.loads(data)


def test_nothing_told_moves_a_cursor(tmp_path: Path) -> None:
    found = rehearsed(tmp_path, SIGNED, recording=("PENDING", "\\u001b[2J\\u202e"))
    assert all(line.isprintable() for line in found.lines)


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"none\.json"):
        rehearse(EXAMPLES / "bjca.toml", tmp_path / "none.json")
    with pytest.raises(Misconfigured, match=r"none\.toml"):
        rehearse(tmp_path / "none.toml", tmp_path / "none.json")
