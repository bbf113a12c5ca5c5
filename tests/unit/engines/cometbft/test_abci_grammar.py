"""The checker of ABCI's grammar, over traces as CometBFT 0.38 makes them and as it must not."""

from __future__ import annotations

import pytest
from builders.abci import Grammar, GrammarViolation


def follow(trace: str, initial_height: int = 1) -> None:
    """Words of a trace: a call, with ``=height`` where it has one; ``/`` is a restart."""
    grammar = Grammar(initial_height)
    for word in trace.split():
        call, _, height = word.partition("=")
        if call == "/":
            grammar.restarted()
        else:
            grammar.saw(call, int(height) if height else None)


NEW = "info=0 init_chain "
BLOCK_1 = "prepare_proposal=1 process_proposal=1 finalize_block=1 commit "
BLOCK_2 = "process_proposal=2 finalize_block=2 commit "
RESTORE = "offer_snapshot apply_snapshot_chunk apply_snapshot_chunk info=70 "


@pytest.mark.parametrize(
    "trace",
    [
        "",
        "echo info=0 flush init_chain flush",
        NEW + BLOCK_1 + BLOCK_2 + "prepare_proposal=3",
        NEW + "process_proposal=1 process_proposal=1 prepare_proposal=1 finalize_block=1 commit",
        NEW + "check_tx " + BLOCK_1 + "query check_tx flush list_snapshots load_snapshot_chunk",
        NEW + "finalize_block=1 info=0 commit info=1 finalize_block=2",
        NEW + "/ " + NEW + "/ / " + NEW + BLOCK_1,
        NEW + BLOCK_1 + "/ info=1 " + BLOCK_2,
        NEW + BLOCK_1 + "finalize_block=2 / info=1 " + BLOCK_2,
        NEW + BLOCK_1 + BLOCK_2 + "/ / info=1 " + BLOCK_2,
        NEW + BLOCK_1 + "/ " + NEW + "finalize_block=1 commit finalize_block=2 commit",
        "info=70 finalize_block=71 commit process_proposal=72",
        NEW + RESTORE + "finalize_block=71 commit",
        RESTORE + "finalize_block=71 commit / info=71 process_proposal=72",
        "offer_snapshot offer_snapshot apply_snapshot_chunk info=0 "
        + RESTORE
        + "finalize_block=71",
        "offer_snapshot apply_snapshot_chunk / " + RESTORE + "process_proposal=71",
    ],
)
def test_a_trace_of_a_correct_engine_is_followed_to_its_end(trace: str) -> None:
    follow(trace)


def test_a_chain_may_begin_at_another_height_than_one() -> None:
    follow("info=0 init_chain finalize_block=5 commit finalize_block=6 commit", initial_height=5)
    follow("info=0 init_chain finalize_block=5 commit / info=0 init_chain", initial_height=5)
    with pytest.raises(GrammarViolation, match="height 1 comes where 5 is next"):
        follow(NEW + BLOCK_1, initial_height=5)


@pytest.mark.parametrize(
    ("trace", "position", "rule"),
    [
        ("init_chain", 1, "after an info that told height 0"),
        ("prepare_proposal=1", 1, "every start begins with info"),
        ("check_tx finalize_block=1", 2, "every start begins with info"),
        ("info=0 process_proposal=1", 2, "init_chain comes first"),
        ("info=3 init_chain", 2, "after an info that told height 0"),
        (NEW + "init_chain", 3, "after an info that told height 0"),
        (NEW + "commit", 3, "once after each finalize_block"),
        (NEW + "finalize_block=1 finalize_block=1", 4, "commit comes after finalize_block"),
        (NEW + "finalize_block=1 process_proposal=2", 4, "commit comes after finalize_block"),
        (NEW + "finalize_block=1 commit commit", 5, "once after each finalize_block"),
        (NEW + "finalize_block=2", 3, "height 2 comes where 1 is next"),
        (NEW + BLOCK_1 + "prepare_proposal=1", 7, "height 1 comes where 2 is next"),
        (NEW + BLOCK_1 + "prepare_proposal=2 finalize_block=3", 8, "height 3 comes where 2 is"),
        (NEW + BLOCK_1 + "/ process_proposal=2", 8, "every start begins with info"),
        (NEW + "finalize_block=1 / commit", 5, "once after each finalize_block"),
        (NEW + BLOCK_1 + BLOCK_2 + "process_proposal=3 / info=1", 12, "height 1 is told, not 2"),
        (NEW + BLOCK_1 + BLOCK_2 + "/ info=3", 11, "height 3 is told, not 1 or 2"),
        (NEW + BLOCK_1 + "offer_snapshot", 7, "beginning of a new node only"),
        (NEW + BLOCK_1 + "/ offer_snapshot", 8, "beginning of a new node only"),
        (NEW + "apply_snapshot_chunk", 3, "no snapshot was offered"),
        (NEW + "offer_snapshot finalize_block=1", 4, "state sync ends with a chunk and an info"),
        (NEW + "offer_snapshot apply_snapshot_chunk finalize_block=1", 5, "ends with an info"),
        (RESTORE + "finalize_block=70", 5, "height 70 comes where 71 is next"),
        (RESTORE + "apply_snapshot_chunk", 5, "no snapshot was offered"),
        (NEW + "extend_vote", 3, "vote extensions are not enabled"),
        (NEW + "verify_vote_extension", 3, "vote extensions are not enabled"),
        (NEW + "begin_block=1", 3, "no such call"),
        ("info", 1, "does not say which height"),
        (NEW + "finalize_block", 3, "height None comes where 1 is next"),
    ],
)
def test_a_violation_names_its_position_and_its_rule(trace: str, position: int, rule: str) -> None:
    with pytest.raises(GrammarViolation, match=rule) as raised:
        follow(trace)
    assert raised.value.position == position
