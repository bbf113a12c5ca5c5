"""The gate that keeps what is in use from being closed."""

from __future__ import annotations

import threading

import pytest

from node.storage.errors import StoreClosed
from node.storage.gate import Gate


def test_nobody_enters_a_shut_gate() -> None:
    gate = Gate("the store")
    with gate:
        pass
    gate.shut()
    gate.shut()
    with pytest.raises(StoreClosed, match=r"^the store: has been closed; open it again$"), gate:
        pytest.fail("entered")


def test_shutting_waits_for_those_inside_and_keeps_others_out() -> None:
    gate = Gate("the store")
    inside, leave, shut = threading.Event(), threading.Event(), threading.Event()
    order: list[str] = []

    def work() -> None:
        with gate:
            inside.set()
            leave.wait()
            order.append("left")

    def close() -> None:
        gate.shut()
        order.append("shut")
        shut.set()

    worker, closer = threading.Thread(target=work), threading.Thread(target=close)
    worker.start()
    inside.wait()
    closer.start()
    refused = 0
    while not refused:
        try:
            with gate:
                pass
        except StoreClosed:
            refused += 1
    assert not shut.is_set()
    leave.set()
    worker.join()
    closer.join()
    assert order == ["left", "shut"]


def test_a_failure_inside_leaves_the_gate() -> None:
    gate = Gate("the store")
    with pytest.raises(KeyError), gate:
        raise KeyError
    gate.shut()
