"""The adapter on the stand-in channel: points of ours, several members, any step lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders.fabric_channel import NOW, Channel

from chaincode_adapters.errors import AnchorError, Conflicting, SignAnew, Unreachable
from chaincode_adapters.port import AnchorAdapter, Final, Missing, Pending, Signed
from node.core.anchors.fabric import verify_fabric
from node.core.anchors.point import AnchorPoint
from node.core.signatures import load_backend
from node.core.trust import Trust

POINT = AnchorPoint("audit", 12, 4096, b"\x01" * 32, b"\x02" * 32, b"\x03" * 32)
FORK = AnchorPoint("audit", 12, 4096, b"\x09" * 32, b"\x02" * 32, b"\x03" * 32)


@pytest.fixture(params=[0, 4], ids=["raft", "smartbft"])
def channel(request: pytest.FixtureRequest) -> Iterator[Channel]:
    with Channel(consenters=request.param) as made:
        yield made


@pytest.fixture
def one(channel: Channel, tmp_path: Path) -> AnchorAdapter:
    return channel.adapter(tmp_path)


def proven(one: AnchorAdapter, signed: Signed, final: Final, point: AnchorPoint = POINT) -> Any:
    receipt = one.receipt(point, [signed], b"", final)
    trust = Trust("audit", bytes(32), anchors=(one.trust_entry(),))
    return verify_fabric(receipt.content, point, trust, load_backend(), "receipt")


def test_a_point_is_anchored_and_proven(channel: Channel, one: AnchorAdapter) -> None:
    signed = one.sign(POINT, [])
    answer = one.send(POINT, signed)
    final = one.look_up(POINT, [signed], answer)
    assert final == Final(signed.external_tx, 1, final.mark, NOW)
    vouched = proven(one, signed, final)
    assert vouched.time == NOW + 900_000
    assert "signed that their ledgers hold it, since block 1" in vouched.how
    assert "descends from block 0" in vouched.details[0]


def test_members_attest_the_same_point_until_it_is_confirmed(
    channel: Channel, one: AnchorAdapter, tmp_path: Path
) -> None:
    other_home = tmp_path / "other"
    other_home.mkdir()
    other = channel.adapter(other_home, "Org2MSP")
    for adapter in (one, other):
        signed = adapter.sign(POINT, [])
        final = adapter.look_up(POINT, [signed], adapter.send(POINT, signed))
        assert isinstance(final, Final)
        assert proven(adapter, signed, final).by == "Court consortium (Org1MSP, Org2MSP)"
    assert b"confirmed_tx" in channel.state.get("p|audit|00000000000000004096")
    assert channel.state.get("h|audit") == b"4096"


def test_a_fork_that_another_member_anchored_is_the_alarm(
    channel: Channel, one: AnchorAdapter, tmp_path: Path
) -> None:
    other_home = tmp_path / "other"
    other_home.mkdir()
    other = channel.adapter(other_home, "Org2MSP")
    other.send(FORK, other.sign(FORK, []))
    with pytest.raises(Conflicting, match=FORK.digest().hex()):
        one.sign(POINT, [])


def test_members_in_the_same_block_come_again(
    channel: Channel, one: AnchorAdapter, tmp_path: Path
) -> None:
    other_home = tmp_path / "other"
    other_home.mkdir()
    other = channel.adapter(other_home, "Org2MSP")
    channel.held = True
    first, second = one.sign(POINT, []), other.sign(POINT, [])
    answer = one.send(POINT, first)
    other.send(POINT, second)
    assert one.look_up(POINT, [first], answer) == Pending()
    channel.order()
    assert isinstance(one.look_up(POINT, [first], answer), Final)
    with pytest.raises(SignAnew):
        other.look_up(POINT, [second], answer)
    channel.held = False
    anew = other.sign(POINT, [second])
    assert isinstance(other.look_up(POINT, [second, anew], other.send(POINT, anew)), Final)


def test_an_attempt_taken_for_lost_does_not_stand_beside_a_new_one(
    channel: Channel, one: AnchorAdapter
) -> None:
    """Whichever comes first counts; the other one finds what it read changed."""
    channel.held = True
    first = one.sign(POINT, [])
    one.send(POINT, first)
    second = one.sign(POINT, [first])
    one.send(POINT, second)
    channel.order()
    codes = sorted(channel.codes[signed.external_tx][0] for signed in (first, second))
    assert codes == [0, 11]
    assert isinstance(one.look_up(POINT, [first, second], b""), Final)


CALLS = ("Endorse", "Submit", "CommitStatus", "Evaluate")


@pytest.mark.parametrize(
    "fault", [f"{kind} {call}" for call in CALLS for kind in ("lose", "refuse")]
)
@pytest.mark.parametrize("after", range(4))
def test_whatever_call_fails_there_is_one_anchor_in_the_end(
    channel: Channel, one: AnchorAdapter, fault: str, after: int
) -> None:
    """Each step again as the worker does: look up what was signed, then send the same bytes."""
    kind, call = fault.split()
    signed: Signed | None = None
    final: Any = None
    answer = b""
    for step in range(12):
        if step == after:
            getattr(channel, kind).append(call)
        try:
            if signed is None:
                signed = one.sign(POINT, [])
            else:
                standing = one.look_up(POINT, [signed], answer)
                if isinstance(standing, Final):
                    final = standing
                    vouched = proven(one, signed, final)
                    break
                if isinstance(standing, Missing):
                    answer = one.send(POINT, signed)
        except Unreachable:
            answer = b""
    assert final is not None
    assert signed is not None
    assert vouched.time == NOW + 900_000
    counted = [code for code, _ in channel.codes.values() if code == 0]
    assert counted == [0]
    assert channel.state.get("m|audit|Org1MSP") == b"4096"


def test_endorsers_whose_ledgers_lack_the_point_confirm_nothing(
    channel: Channel, one: AnchorAdapter
) -> None:
    """VALID was one peer's word."""
    signed = one.sign(POINT, [])
    final = one.look_up(POINT, [signed], one.send(POINT, signed))
    assert isinstance(final, Final)
    del channel.state.values["p|audit|00000000000000004096"]
    with pytest.raises(Unreachable, match=r"do not confirm it: .*stale"):
        one.receipt(POINT, [signed], b"", final)
    del channel.state.values["m|audit|Org1MSP"]
    with pytest.raises(Unreachable, match="do not hold the point yet"):
        one.receipt(POINT, [signed], b"", final)


def test_a_killed_process_begins_again_with_what_it_signed(
    channel: Channel, one: AnchorAdapter, tmp_path: Path
) -> None:
    signed = one.sign(POINT, [])
    one.send(POINT, signed)
    one.close()
    again = channel.adapter(tmp_path)
    assert isinstance(again.look_up(POINT, [signed], b""), Final)
    assert channel.asked.count("Submit") == 1


def test_no_error_tells_the_key(channel: Channel, one: AnchorAdapter, tmp_path: Path) -> None:
    secret = (tmp_path / "client.key").read_text().splitlines()[1]
    for call in CALLS:
        channel.refuse.append(call)
        try:
            signed = one.sign(POINT, [])
            one.look_up(POINT, [signed], one.send(POINT, signed))
        except AnchorError as error:
            told: BaseException | None = error
            while told is not None:
                assert secret not in str(told)
                assert secret not in repr(told)
                told = told.__cause__
