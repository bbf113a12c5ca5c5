"""Encrypted off-chain personal data: the disclosures that this node holds.

What lies where: a disclosure is encrypted by AES-256-GCM under its dossier's random data key, the
data key under the node's wrapping key, and the wrapping key lies in a file of its own, beside the
store and not in it. Every row is bound to its dossier, digest and transaction.

Met:

- A copy of the store without the wrapping key (a stolen disk, a backup, a directory left open)
  tells nothing of what disclosures say. It does tell dossiers, digests and transaction ids, which
  are on the chain as well, how long each disclosure is, and who asked for what (the access log).
- Rows that were altered, swapped or moved, within a dossier or between two, are refused by name.
  So is a store opened with another wrapping key.
- Erasure is for good on this node: rows and data key go, `Vault.purge` has the store rewrite its
  files, and a tombstone keeps the same disclosure from coming back by a resubmission.
- Batches that crash, get lost or overtake each other, and rotations that are interrupted, lose no
  disclosure that was acknowledged and revive none that was erased.
- The access log shows altered, missing and inserted records, by its chain of hashes.

Not met, and what to do about it:

- The operator of the node, and whoever takes over its process or reads its memory, has the
  wrapping key and can read everything. Who may see what (`node.vault.policy`) binds the API, not
  the operator. Python cannot wipe keys from memory: forbid core dumps, encrypt swap.
- The operator can write the access log anew, or not write to it. Publish its head (see
  `node.vault.access_log`): what came before then cannot be changed unnoticed.
- Rows can be deleted, and tombstones forged, by whoever can write to the store. Other custodians
  hold the same disclosures; the chain tells by its digests that something is missing.
- An older copy of the whole store, put back, brings back what was erased since. After restoring a
  backup, erase again what the chain says (``disclosure.erased``).
- Backups of the store keep what was erased, wrapped keys included. Keep the wrapping key's backup
  apart from them; a rotation (`Vault.rewrap`) after which the former key is destroyed everywhere
  makes all earlier backups unreadable, and is what carries an erasure into them.
- Until `purge` has run, erased rows stay in the store's files: readable with the wrapping key as
  long as the wrapped data key is there too. An open snapshot (a backup under way) delays it: purge
  again afterwards. File systems and disks keep freed blocks: encrypt the disk.
- The loss of the wrapping key is the loss of everything in the vault: keep a backup of the file.
"""
