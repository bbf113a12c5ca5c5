"""Every member of service files and settings, and every placeholder, is in the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from chaincode_adapters.rekor.settings import RekorSettings, Witness
from chaincode_adapters.rest import service
from chaincode_adapters.rest.placeholders import BUILT_IN
from chaincode_adapters.rest.settings import RestSettings
from node.core.anchors.canonical_string import DIGESTS, TIME_FORMS
from node.core.anchors.key_forms import TEXT_FORMS
from node.core.anchors.rest_entry import PUBLIC_ALGORITHMS, SECRET_ALGORITHMS

ROOT = Path(__file__).parents[4]
COMMON = {"poll_ms", "in_flight", "timeout_ms", "name", "operator"}


def documented(name: str) -> set[str]:
    """What stands in backticks in a document."""
    text = (ROOT / "docs" / "anchors" / name).read_text()
    return {word for code in re.findall(r"`([^`\n]+)`", text) for word in re.split(r"[][ .]", code)}


@pytest.mark.parametrize(
    "table",
    [
        service.Service,
        service.Request,
        service.Answer,
        service.Signer,
        service.Proof,
        service.SignedLayout,
        RestSettings,
    ],
)
def test_members_of_service_files_and_settings(table: Any) -> None:
    assert {item.encode_name for item in msgspec.structs.fields(table)} <= documented("rest.md")


@pytest.mark.parametrize("table", [RekorSettings, Witness])
def test_settings_of_logs(table: Any) -> None:
    names = {item.encode_name for item in msgspec.structs.fields(table)} - {"poll_ms"}
    assert names <= documented("rekor.md") | {"poll_ms"}


def test_placeholders_outcomes_and_forms() -> None:
    words = documented("rest.md")
    assert words >= BUILT_IN
    assert words >= set(get_args(service.Outcome))
    assert words >= {*DIGESTS, *TIME_FORMS, *TEXT_FORMS}
    assert words >= {*PUBLIC_ALGORITHMS, *SECRET_ALGORITHMS}


def test_what_the_service_file_allows_the_verifier_knows() -> None:
    """One list of algorithms and forms, though msgspec wants it written down twice."""
    fields = {item.name: item.type for item in msgspec.structs.fields(service.Proof)}
    assert set(get_args(fields["algorithm"])) == {*PUBLIC_ALGORITHMS, *SECRET_ALGORITHMS}
    assert set(get_args(fields["time_form"])) == set(TIME_FORMS)
    assert set(get_args(fields["digest_is"])) == set(DIGESTS)
    assert set(get_args(fields["encoding"])) == set(TEXT_FORMS)


def test_every_example_is_listed() -> None:
    listed = documented("rest.md")
    for path in (ROOT / "config" / "anchors").glob("*.toml"):
        assert path.stem in listed, path.name
