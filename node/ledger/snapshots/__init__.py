"""Snapshots of a whole ledger, for nodes that join late (docs/spec/snapshot.md)."""
