"""The evidence ledger node: signed records of electronic seals in, verifiable proofs out."""

__version__ = "0.1.0"
