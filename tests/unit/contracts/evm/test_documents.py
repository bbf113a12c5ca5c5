"""docs/anchors/contract.md says what the contract has, and its figures are those of today."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from builders.anchor_contract import BUILD, AnchorContract

ROOT = Path(__file__).parents[4]
DOCUMENT = ROOT / "docs" / "anchors" / "contract.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["function", "event", "error"])
def test_all_that_the_contract_has_is_explained(kind: str) -> None:
    named = {item["name"] for item in BUILD["abi"] if item["type"] == kind}
    assert len(named) >= 4
    assert not {name for name in named if not re.search(rf"`[^`]*\b{name}\b[^`]*`", TEXT)}


def test_gas_is_what_the_command_beside_it_prints() -> None:
    path = ROOT / "tests" / "benchmarks" / "contract_gas.py"
    assert f"`python {path.relative_to(ROOT)}`" in TEXT
    spec = importlib.util.spec_from_file_location("contract_gas", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    told = TEXT[TEXT.index("<!-- gas -->\n") + 13 : TEXT.index("<!-- end -->")]
    assert told.splitlines() == module.table()


def test_vote_as_it_is_shown_replaces_an_account(four: AnchorContract) -> None:
    [shown] = re.findall(r"(?ms)^```python\n(.*?)^```$", TEXT)
    a, b, c, lost, new = four.chain.accounts[:5]
    for account in (a, b, c):
        names = {
            "contract": four.contract,
            "account": account,
            "new_account": new,
            "lost_account": lost,
            "last_block_time": four.chain.time() + 100,
        }
        if account == a:
            agreed = names["last_block_time"]
        exec(shown, names | {"last_block_time": agreed})
    assert four.see("members") == [a, b, c, new]


def test_links_lead_somewhere() -> None:
    here = DOCUMENT.parent
    elsewhere = {"../spec/anchor-evm.md"}  # what receipts hold, with the adapter's own tests
    for target in set(re.findall(r"\]\(([^)#\s]+)", TEXT)) - elsewhere:
        assert (here / target).exists(), target
