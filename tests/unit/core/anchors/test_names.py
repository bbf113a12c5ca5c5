"""What a certificate's name is called in a sentence."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from node.core.anchors.names import common_name
from node.core.errors import InvalidEncoding

_OIDS = {"CN": NameOID.COMMON_NAME, "O": NameOID.ORGANIZATION_NAME, "C": NameOID.COUNTRY_NAME}


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ([("C", "CN"), ("O", "某机构"), ("CN", "时间戳一号")], "时间戳一号"),
        ([("CN", "first"), ("CN", "last")], "last"),
        ([("C", "CN"), ("O", "某机构")], "O=某机构,C=CN"),
        ([("CN", "a\u202eb")], "a\\E2\\80\\AEb"),
    ],
)
def test_the_last_common_name_or_all_of_it(attributes: list[tuple[str, str]], wanted: str) -> None:
    name = x509.Name(x509.NameAttribute(_OIDS[short], value) for short, value in attributes)
    assert common_name(name.public_bytes(), "name") == wanted


def test_what_is_no_name_is_refused() -> None:
    with pytest.raises(InvalidEncoding):
        common_name(b"\x30\x01\x00", "name")
