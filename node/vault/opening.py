"""Opening a node's vault with the keys in its home, and ending a change of the wrapping key.

``wrapping.key`` is the key in use. To change it, put a new one beside it as ``wrapping.next.key``
(`evidence-node keys wrapping`) and start the node: it puts every data key under the new one, and
then the new file in the old one's place. Interrupted anywhere, it goes on when it starts again.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from node.vault.keys import read_wrapping_key, replace_wrapping_key
from node.vault.rotation import Rotation
from node.vault.vault import Vault

if TYPE_CHECKING:
    from node.storage.ports import Store

__all__ = ["SUCCESSOR_FILE", "WRAPPING_KEY_FILE", "finish_rotation", "open_vault"]

WRAPPING_KEY_FILE = "wrapping.key"
SUCCESSOR_FILE = "wrapping.next.key"


def open_vault(store: Store, folder: Path) -> Vault:
    """The vault in ``store``, under the keys in ``folder``.

    Raises:
        KeyFileRefused: a key's file must not be used, or ``wrapping.key`` is missing.
        WrongWrappingKey: the store names a key that is not there.
        VaultDamaged: the row that names them does not hold.
    """
    key = read_wrapping_key(folder / WRAPPING_KEY_FILE)
    successor = folder / SUCCESSOR_FILE
    others = [read_wrapping_key(successor)] if successor.exists() else []
    return Vault(store, key, other_keys=others)


def finish_rotation(vault: Vault, folder: Path) -> Rotation | None:
    """Put the vault under the key in ``wrapping.next.key``; None where there is none.

    Once that is complete, the file takes the place of ``wrapping.key``.

    Raises:
        KeyFileRefused: the file must not be used, or cannot be moved.
        StorageError: the store cannot be read or written.
    """
    successor = folder / SUCCESSOR_FILE
    if not successor.exists():
        return None
    rotation = vault.rewrap(read_wrapping_key(successor))
    if rotation.complete:
        replace_wrapping_key(successor, folder / WRAPPING_KEY_FILE)
    return rotation
