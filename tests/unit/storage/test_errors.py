"""The errors of the stores."""

from __future__ import annotations

import errno
import pickle

import pytest

import node.storage.errors as errors
from node.core.errors import EvidenceError, LedgerFault
from node.storage.errors import (
    StorageError,
    StoreCorrupt,
    StoreFormat,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
    from_os_error,
)


def test_each_says_where_what_and_what_to_do() -> None:
    error = StoreFull("/data/1.seg", "writing: no space")
    assert str(error) == (
        "/data/1.seg: writing: no space; free some space and start again; whatever was synced is "
        "there"
    )


def test_only_corruption_stops_the_node() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__ if name[0] == "S"]
    assert all(issubclass(kind, StorageError) and issubclass(kind, EvidenceError) for kind in kinds)
    assert [kind for kind in kinds if issubclass(kind, LedgerFault)] == [StoreCorrupt]


@pytest.mark.parametrize(
    "error",
    [
        StoreCorrupt("place", "fault"),
        StoreLocked("place", 12),
        StoreLocked("place", None),
        StoreFormat("place", "format 2", "format 1"),
    ],
)
def test_they_can_be_sent_to_another_process_and_repeated(error: StorageError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
    again = error.repeated()
    assert type(again) is type(error)
    assert again.where == "place"
    assert again.fault == f"refused since an earlier call failed ({error.fault})"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, StoreFull),
        (errno.EDQUOT, StoreFull),
        (errno.EIO, StoreUnavailable),
        (errno.EACCES, StoreUnavailable),
    ],
)
def test_the_systems_errors(number: int, kind: type[StorageError]) -> None:
    error = from_os_error(OSError(number, "text"), "/data", "syncing")
    assert type(error) is kind
    assert (error.where, error.fault) == ("/data", "syncing: text")


def test_a_system_error_without_text_is_still_told() -> None:
    assert from_os_error(OSError("odd"), "/data", "reading").fault == "reading: odd"
