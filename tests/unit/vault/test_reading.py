from __future__ import annotations

import pytest
from builders.vault import CASE, disclosure, memory_store, transaction, wrapping_key

from node.vault.data_keys import DataKeys
from node.vault.errors import VaultDamaged
from node.vault.keyring import KeyRing
from node.vault.rows import disclosure_row
from node.vault.vault import Vault


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (disclosure("other").encoded, "holds a disclosure of another digest"),
        ("no disclosure", "does not hold a disclosure: "),
        ("", "does not hold a disclosure: "),
    ],
)
def test_what_is_sealed_well_must_be_what_the_rows_name_says(text: str, rule: str) -> None:
    # sealed with the right key, as only a fault of this node could do
    store = memory_store()
    keys = DataKeys(store, KeyRing(store, [wrapping_key()]))
    key = keys.for_writing(CASE)
    row = disclosure_row(CASE, disclosure().digest, transaction(), key.id)
    batch = store.batch()
    keys.put(key, batch, {row: text})
    store.write(batch, sync=True)
    with pytest.raises(VaultDamaged, match=rule) as caught:
        Vault(store, wrapping_key()).reveal(CASE)
    assert caught.value.place == row.decode()
    assert text[:20] not in str(caught.value) or not text
