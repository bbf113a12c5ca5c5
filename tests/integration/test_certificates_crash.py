"""A node that dies between a certificate's copy and its record: finished, or dropped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders.home import Home
from builders.issuing import code_of, issuing_home, make_seal, order, post_order, serving
from builders.served import ServedNode

from node.evidence.certificates.finishing import certificate_record
from node.evidence.certificates.keeping import Kept, KeptCertificates
from node.storage.errors import StoreUnavailable
from node.submission.errors import SubmissionStopped
from node.wiring import Node
from node.wiring_certificates import Records

CASE = "case:platform-a:0001"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return issuing_home(tmp_path / "home", make_seal(tmp_path / "seal"))


def recorded(node: Node, number: str) -> str | None:
    """The hash that is on record for a certificate."""
    with node.reader() as reader:
        entry = certificate_record(reader, number)
        return None if entry is None else str(entry.transaction.data["report_hash"])


def unfinished(node: Node) -> list[Kept]:
    assert node.certificates is not None
    return list(node.certificates.kept.unfinished())


@contextmanager
def settled(home: Home) -> Iterator[ServedNode]:
    """The node started again, once nothing is unfinished any more."""
    with serving(home) as node:
        issuer = node.node.certificates
        assert issuer is not None
        assert issuer.wait_until_settled(30)
        yield node


def cut_off(home: Home, monkeypatch: pytest.MonkeyPatch, token: str) -> Kept:
    """Ask for a certificate of a node whose submission ends before its record."""

    def stopped(self: Records, submission: bytes) -> str:
        raise SubmissionStopped("the test has pulled the plug", 5)

    with monkeypatch.context() as patch, serving(home) as node:
        node.submit(*node.teller.seal(), *node.teller.case())
        patch.setattr(Records, "record", stopped)
        answer = post_order(node, order(codes=[code_of(node, CASE)], token=token))
        assert answer.status_code == 503
        assert "retry_after" in answer.json()
        (kept,) = unfinished(node.node)
        assert recorded(node.node, kept.number) is None
        pdf = node.get(f"/v1/certificates/{kept.number}.pdf", "court-a")
        assert pdf.status_code == 503  # nothing is handed out before it is on record
    return kept


def test_what_was_kept_and_not_recorded_is_recorded_at_the_next_start(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = cut_off(home, monkeypatch, "t")
    with settled(home) as node:
        assert recorded(node.node, kept.number) == kept.report_hash
        again = post_order(node, order(codes=[code_of(node, CASE)], token="t")).json()
        (one,) = again["certificates"]
        assert (one["certificate_no"], one["again"]) == (kept.number, "yes")
        assert node.get(f"/v1/certificates/{kept.number}.pdf", "court-a").status_code == 200


def test_what_has_no_file_is_dropped_and_its_token_is_free_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = cut_off(home, monkeypatch, "t")
    (path,) = (home.path / "certificates").rglob(f"{kept.number}*")
    path.unlink()
    with settled(home) as node:
        assert recorded(node.node, kept.number) is None
        (one,) = post_order(node, order(codes=[code_of(node, CASE)], token="t")).json()[
            "certificates"
        ]
        assert one["certificate_no"] != kept.number
        assert one["again"] == "no"


def test_a_disk_that_does_not_take_the_file_leaves_nothing_issued(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: KeptCertificates, path: Path, content: bytes) -> None:
        raise StoreUnavailable(str(path), "the test's disk is gone")

    with monkeypatch.context() as patch, serving(home) as node:
        node.submit(*node.teller.seal(), *node.teller.case())
        patch.setattr(KeptCertificates, "_write", full)
        assert post_order(node, order(codes=[code_of(node, CASE)])).status_code == 503
        (kept,) = unfinished(node.node)
    with settled(home) as node:
        assert recorded(node.node, kept.number) is None
        assert not list((home.path / "certificates").rglob("*.enc"))


_DYING = """
import os, signal, sys
from pathlib import Path
from builders.home import Home
from builders.issuing import code_of, order, post_order, serving
from builders.signing import CHAIN_ID, MemberKey
from builders.home import MEMBERS
from node.config import load_config
from node.wiring_certificates import Records

def die(self, submission):
    os.kill(os.getpid(), signal.SIGKILL)

def main():
    path = Path(sys.argv[1])
    keys = {one[0]: MemberKey(f"{CHAIN_ID}/{one[0]}") for one in MEMBERS}
    home = Home(path, CHAIN_ID, keys, MemberKey("x"), load_config(path))
    with serving(home) as node:
        node.submit(*node.teller.seal(), *node.teller.case())
        Records.record = die
        post_order(node, order(codes=[code_of(node, "case:platform-a:0001")], token="t"))

if __name__ == "__main__":
    main()
"""


def test_a_node_that_is_killed_there_finishes_it(home: Home, tmp_path: Path) -> None:
    script = tmp_path / "dying.py"
    script.write_text(_DYING)
    tests = Path(__file__).resolve().parents[1]
    environment = {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
    done = subprocess.run(
        [sys.executable, script, home.path], env=environment, capture_output=True, timeout=120
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with settled(home) as node:
        (one,) = post_order(node, order(codes=[code_of(node, CASE)], token="t")).json()[
            "certificates"
        ]
        assert one["again"] == "yes"
        assert recorded(node.node, one["certificate_no"]) == one["report_hash"]
