from __future__ import annotations

import json
import socket
import time
from email.utils import formatdate
from pathlib import Path

import pytest
from builders.web import serving

from node.cli.checkup_facts import (
    NoAnswer,
    ask_engine,
    engine_version,
    fetch_json,
    port_trouble,
    read_clock,
    tcp_trouble,
)


@pytest.mark.parametrize("ahead", [-600, 0, 3600])
def test_clock_by_the_date_of_an_answer(ahead: int) -> None:
    def answer(path: str) -> tuple[int, dict[str, str], bytes]:
        return 404, {"date": formatdate(time.time() + ahead, usegmt=True)}, b""

    with serving(answer) as url:
        reading = read_clock(f"{url}/healthz")
    assert abs(reading.ahead_ms - 1000 * ahead) <= reading.uncertain_ms + 1
    assert reading.uncertain_ms >= 500


@pytest.mark.parametrize("headers", [{}, {"date": "yesterday"}])
def test_no_clock(headers: dict[str, str]) -> None:
    with serving(lambda path: (200, headers, b"")) as url, pytest.raises(NoAnswer, match="date"):
        read_clock(url)


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"<html>", "not JSON"),
        (200, b"[]", "not a JSON object"),
        (503, b"{}", "answered 503"),
        (200, b'{"a":"' + b"x" * (5 << 20) + b'"}', "more than"),
    ],
)
def test_what_is_no_answer(status: int, body: bytes, told: str) -> None:
    with serving(lambda path: (status, {}, body)) as url, pytest.raises(NoAnswer, match=told):
        fetch_json(url, "/v1/node")


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        address = f"127.0.0.1:{held.getsockname()[1]}"
        assert tcp_trouble(address) is None
        assert port_trouble(address) == "another process has it"
    assert tcp_trouble(address) is not None
    assert port_trouble(address) is None
    with pytest.raises(NoAnswer):
        fetch_json(f"http://{address}", "/v1/node")
    with pytest.raises(NoAnswer):
        read_clock(f"http://{address}")


def test_addresses_that_are_none() -> None:
    assert port_trouble("here") == "here is not host:port"
    assert port_trouble("192.0.2.1:1") == "no address of this machine"
    assert tcp_trouble("here") is not None


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_version_of_our_engine_and_of_the_stock_one(tmp_path: Path) -> None:
    told = json.dumps({"engine": "0.38.25", "module": "v0.38.25"})
    ours = program(tmp_path / "ours", f"[ $1 = evidence-version ] && echo '{told}'")
    assert engine_version(ours) == "0.38.25"
    stock = program(tmp_path / "stock", "[ $1 = version ] && echo 0.38.17")
    assert engine_version(stock) == "0.38.17"


@pytest.mark.parametrize("text", ["exit 1", "exit 0", "echo broken >&2; exit 3"])
def test_a_program_without_a_version(tmp_path: Path, text: str) -> None:
    with pytest.raises(NoAnswer):
        engine_version(program(tmp_path / "engine", text))


def test_no_program_and_no_engine(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer):
        engine_version(tmp_path / "engine")
    with pytest.raises(NoAnswer):
        ask_engine(tmp_path / "engine" / "rpc.sock")
    with pytest.raises(NoAnswer):
        ask_engine(tmp_path / "rpc.sock")
