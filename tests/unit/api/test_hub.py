"""node.api.hub, over a pipeline whose end the test decides."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from node.api import hub as hub_module
from node.api.hub import Hub
from node.submission.errors import SubmissionFull, SubmissionStopped
from node.submission.tickets import Group


class Pipeline:
    """Takes submissions and does nothing with them until it is told to."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.error: Exception | None = None

    def submit(self, submissions: Sequence[bytes], context: object = None) -> Group:
        if self.error is not None:
            raise self.error
        group = Group(submissions, context)
        self.groups.append(group)
        return group


def settle(hub: Hub, group: Group, *, finished: bool) -> None:
    """Tell of a group in another thread, as the pipeline does."""
    group.unsafe = 0
    if finished:
        group.unfinished = 0
    thread = threading.Thread(target=hub.deliver, args=([group],))
    thread.start()
    thread.join()


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline()


@pytest.fixture
def hub(pipeline: Pipeline) -> Hub:
    hub = Hub()
    hub.attach(pipeline)  # type: ignore[arg-type]
    return hub


async def turn() -> None:
    """Let the loop do what it has to do."""
    for _ in range(5):
        await asyncio.sleep(0)


def one(hub: Hub, body: bytes = b"x", **options: Any) -> asyncio.Task[Any]:
    wanted = {"until_commit": True, "timeout": 60.0, **options}
    return asyncio.create_task(hub.submit_one(body, **wanted))


def test_what_arrives_in_one_turn_is_submitted_together_and_answered_apart(
    hub: Hub, pipeline: Pipeline
) -> None:
    async def scenario() -> None:
        waiting = [one(hub, body) for body in (b"a", b"b", b"c")]
        await turn()
        (group,) = pipeline.groups
        assert [ticket.raw for ticket in group.tickets] == [b"a", b"b", b"c"]
        settle(hub, group, finished=True)
        answers = await asyncio.gather(*waiting)
        assert [ticket.raw for ticket, _ in answers] == [b"a", b"b", b"c"]
        assert all(safe for _, safe in answers)
        assert hub.waiting == 0

    asyncio.run(scenario())


def test_those_that_make_a_whole_chunk_are_not_kept_waiting(hub: Hub, pipeline: Pipeline) -> None:
    async def scenario() -> None:
        waiting = [one(hub, b"%d" % number) for number in range(70)]
        await turn()
        assert [len(group.tickets) for group in pipeline.groups] == [32, 32, 6]
        for group in pipeline.groups:
            settle(hub, group, finished=True)
        answers = await asyncio.gather(*waiting)
        assert [ticket.raw for ticket, _ in answers] == [b"%d" % number for number in range(70)]

    asyncio.run(scenario())


def test_a_chunk_that_is_refused_says_so_to_each(hub: Hub, pipeline: Pipeline) -> None:
    async def scenario() -> None:
        pipeline.error = SubmissionFull(2)
        answers = await asyncio.gather(*(one(hub) for _ in range(33)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [SubmissionFull] * 33

    asyncio.run(scenario())


def test_until_commit_waits_beyond_the_disk_and_none_does_not(hub: Hub, pipeline: Pipeline) -> None:
    async def scenario() -> None:
        patient, hasty = one(hub), one(hub, until_commit=False)
        await turn()
        (group,) = pipeline.groups
        settle(hub, group, finished=False)
        await turn()
        assert hasty.done()
        assert not patient.done()
        settle(hub, group, finished=True)
        await patient

    asyncio.run(scenario())


def test_when_the_time_runs_out_what_is_on_disk_is_answered_at_once(
    hub: Hub, pipeline: Pipeline
) -> None:
    async def scenario() -> None:
        waiting = one(hub, timeout=0.0)
        while not pipeline.groups:
            await asyncio.sleep(0)
        settle(hub, pipeline.groups[0], finished=False)
        _, safe = await waiting
        assert safe

    asyncio.run(scenario())


def test_what_never_gets_to_disk_is_given_up_and_said_to_be_unsafe(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "KEEPING_SECONDS", 0.0)

    async def scenario() -> None:
        _, safe = await one(hub, timeout=0.0)
        assert not safe

    asyncio.run(scenario())


def test_a_full_pipeline_is_told_to_each_request(hub: Hub, pipeline: Pipeline) -> None:
    pipeline.error = SubmissionFull(3)

    async def scenario() -> None:
        outcomes = await asyncio.gather(one(hub), one(hub), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [SubmissionFull, SubmissionFull]

    asyncio.run(scenario())


def test_before_a_pipeline_is_attached_nothing_is_taken() -> None:
    async def scenario() -> None:
        with pytest.raises(SubmissionStopped, match="starting"):
            await Hub().submit([b"x"], until_commit=True, timeout=1.0)

    asyncio.run(scenario())


def test_stopping_refuses_what_is_new_and_hurries_what_waits(
    hub: Hub, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "STOPPING_SECONDS", 0.0)

    async def scenario() -> None:
        waiting = one(hub)
        await turn()
        settle(hub, pipeline.groups[0], finished=False)
        await turn()
        assert not waiting.done()
        hub.stop()
        with pytest.raises(SubmissionStopped, match="stopping"):
            await one(hub)
        _, safe = await waiting
        assert safe

    asyncio.run(scenario())


def test_groups_of_others_and_of_closed_loops_are_passed_over(hub: Hub, pipeline: Pipeline) -> None:
    async def leave_one_behind() -> None:
        one(hub)
        await turn()

    asyncio.run(leave_one_behind())
    settle(hub, pipeline.groups[0], finished=True)
    settle(hub, Group([b"x"], "another submitter"), finished=True)


def test_a_batch_gets_its_own_tickets_in_order(hub: Hub, pipeline: Pipeline) -> None:
    async def scenario() -> None:
        waiting = asyncio.create_task(hub.submit([b"1", b"2"], until_commit=True, timeout=60.0))
        await turn()
        settle(hub, pipeline.groups[0], finished=True)
        tickets, safe = await waiting
        assert [ticket.raw for ticket in tickets] == [b"1", b"2"]
        assert safe

    asyncio.run(scenario())
