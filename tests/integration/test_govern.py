"""Members of a solo chain decide together: over the interface and with the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders.home import MEMBERS, make_home, signing_key
from builders.served import ServedNode, served

from node.cli.exit_codes import ExitCode
from node.cli.main import main
from node.client.errors import NodeProblem
from node.client.http import NodeClient
from node.client.keys import SigningKey
from node.wiring import system_time

VOTERS = [member[0] for member in MEMBERS]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A node on the machine's time, which the commands sign by."""
    home = make_home(tmp_path_factory.mktemp("govern") / "home", genesis_time=system_time() - 1000)
    with served(home, system_time) as running:
        yield running


@pytest.fixture
def govern(node: ServedNode, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs `govern` as a member; what it answers, in JSON, or its exit code where it fails."""

    def run(action: str, *arguments: str, by: str = "", recovery: bool = False) -> Any:
        given = ["govern", action, *arguments, "--url", node.url, "--json"]
        if by:
            name = f"{by}/recovery" if recovery else by
            path = tmp_path / f"{name.replace('/', '.')}.pem"
            if not path.exists():
                signing_key(f"{node.home.chain_id}/{name}").save(path)
            given += ["--recovery-key" if action == "rotate-key" else "--key", str(path)]
            given += ["--member", by, "--chain-id", node.home.chain_id]
            given += ["--out", str(tmp_path / f"{len(list(tmp_path.iterdir()))}.sdjwt")]
        code = main(given)
        told = capsys.readouterr()
        return json.loads(told.out) if code == ExitCode.OK else (code, told.err)

    return run


def proposal_of(node: ServedNode, answer: dict[str, Any]) -> str:
    return str(node.get(f"/v1/lookup?q={answer['code']}").json()["dossiers"][0]["sub"])


def test_a_parameter_is_proposed_voted_and_in_force(node: ServedNode, govern: Any) -> None:
    answer = govern(
        "propose",
        *("parameter.set", "name=late_after_ms", "value=3600000", "--reason", "试行"),
        by="court-a",
    )
    assert answer["status"] == "recorded"
    (shown,) = govern("proposals")["proposals"]
    assert shown["change"] == {"kind": "parameter.set", "name": "late_after_ms", "value": 3600000}
    assert shown["votes"] == {"court-a": "approve"}
    assert shown["waiting_for"] == [voter for voter in sorted(VOTERS) if voter != "court-a"]
    for number, voter in enumerate(shown["waiting_for"][:8], 2):
        assert govern("vote", shown["sub"], "approve", by=voter)["status"] == "recorded"
        still_open = bool(govern("proposals")["proposals"])
        assert still_open == (number < 9), "more than 2/3 of 12 are 9"
    decided = node.get(f"/v1/proposals/{shown['sub']}").json()
    assert (decided["status"], decided["status_zh"]) == ("approved", "已通过")
    parameter = govern("show")["parameters"]["late_after_ms"]
    assert parameter["next"] == {"value": {"from": decided["in_force_from"], "value": 3600000}}
    code, told = govern("vote", shown["sub"], "approve", by="police-jinan")
    assert code == ExitCode.REFUSED
    assert "proposal_closed" in told
    govern("propose", "member.suspend", "member=platform-b", by="court-a")  # blocks go on
    assert govern("show")["parameters"]["late_after_ms"] == {"value": 3600000}
    assert [p["status"] for p in govern("proposals", "--all")["proposals"]] == ["approved", "open"]


def test_only_the_proposer_withdraws(node: ServedNode, govern: Any) -> None:
    answer = govern("propose", "member.readmit", "member=platform-b", by="auditor-a")
    assert answer[0] == ExitCode.REFUSED
    assert "no_change" in answer[1]
    answer = govern("propose", "member.suspend", "member=notary-a", by="auditor-a")
    subject = proposal_of(node, answer)
    code, told = govern("withdraw", subject, by="court-a")
    assert code == ExitCode.REFUSED
    assert "not_permitted" in told
    assert govern("withdraw", subject, by="auditor-a")["status"] == "recorded"
    assert node.get(f"/v1/proposals/{subject}").json()["status"] == "withdrawn"


def test_a_key_is_replaced_with_the_recovery_key(
    node: ServedNode, govern: Any, tmp_path: Path
) -> None:
    fresh, old = SigningKey.generate(), node.home.member_key("platform-b")
    fresh.save(tmp_path / "fresh.pem")
    arguments = ["--new", str(tmp_path / "fresh.pem"), "--replaces", old.kid, "--overlap", "0"]
    code, told = govern("rotate-key", *arguments, by="platform-b")
    assert code == ExitCode.REFUSED
    assert "recovery_key_needed" in told
    done = govern("rotate-key", *arguments, by="platform-b", recovery=True)
    assert done["status"] == "recorded"
    state = node.get(f"/v1/state/key/{old.kid}").json()["proof"]["value"]
    assert json.loads(state)["to"] == done["height"] + 1
    report = ["--since", str(system_time() - 60_000)]
    done = govern("report-key", old.kid, *report, by="platform-b", recovery=True)
    assert done["status"] == "recorded"
    code, told = govern("propose", "member.suspend", "member=ca-a", by="platform-b")
    assert code == ExitCode.REFUSED
    assert "key_not_in_force" in told


def test_a_recovery_key_opens_no_door(node: ServedNode) -> None:
    key = signing_key(f"{node.home.chain_id}/court-a/recovery")
    operator, chain = node.node.member, node.home.chain_id
    with (
        NodeClient(
            node.url, key=key, member="court-a", chain_id=chain, operator=operator
        ) as client,
        pytest.raises(NodeProblem, match="recovery key"),
    ):
        client.bundle("consortium:court-a:0001")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["member.suspend", "membre=x"], "NAME=VALUE, NAME one of member"),
        (["member.suspend", "member=A B"], "must be a member id"),
        (["member.suspend", "member=a", "member=b"], "given twice"),
        (["member.suspend"], "is missing"),
        (["parameter.set", "name=late_after_ms", "value=soon"], "must be JSON"),
        (["validator.set", "member=a", "power=1", "public_key=abc"], "must be @"),
    ],
)
def test_what_no_proposal_may_say_is_not_signed(
    govern: Any, arguments: list[str], told: str
) -> None:
    code, text = govern("propose", *arguments, by="court-a")
    assert code in (ExitCode.BAD_INPUT, ExitCode.USAGE)
    assert told in text
