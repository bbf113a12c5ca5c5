"""Issuing: what is asked for is refused for good, or for now, and the answer says which."""

from __future__ import annotations

from typing import Any

import pytest

from node.core.errors import InvalidInput
from node.evidence.certificates.errors import IssuingBusy
from node.evidence.certificates.issuing import CertificateIssuer


def issuer(most: int) -> CertificateIssuer:
    """One of which only the room is looked at."""
    nothing: Any = None
    return CertificateIssuer(*[nothing] * 8, most=most)


def test_more_than_there_ever_is_room_for_is_not_told_to_try_again() -> None:
    """A case that names a hundred seals, with a certificate of each."""
    room = issuer(4)
    with room.admitted(3), pytest.raises(IssuingBusy), room.admitted(2):
        pass
    with pytest.raises(InvalidInput, match="at most 4"), room.admitted(5):
        pass
    with room.admitted(4):
        assert room.under_way == 4
