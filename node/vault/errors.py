"""Every error of the vault.

EvidenceError
└── VaultError
    ├── KeyFileRefused      the wrapping key's file is missing, open to others, or no key
    ├── WrongWrappingKey    the vault is under a wrapping key that was not given
    ├── RotationPending     a rotation to another wrapping key has to be finished first
    ├── VaultDamaged        a row of the vault does not hold: altered, swapped or unreadable
    └── AccessLogBroken     a record of the access log is missing, altered or out of its place

None of them is a LedgerFault: the vault can be lost without hurting the ledger. No message holds
anything of what a disclosure says.
"""

from __future__ import annotations

from node.core.errors import EvidenceError

__all__ = [
    "AccessLogBroken",
    "KeyFileRefused",
    "RotationPending",
    "VaultDamaged",
    "VaultError",
    "WrongWrappingKey",
]


class VaultError(EvidenceError):
    """Root of the vault's errors."""


class KeyFileRefused(VaultError):
    """A wrapping key's file that must not be used. Names the file, the rule, and what to do."""

    def __init__(self, path: str, rule: str) -> None:
        super().__init__(path, rule)
        self.path = path
        self.rule = rule

    def __str__(self) -> str:
        return f"wrapping key {self.path}: {self.rule}"


class WrongWrappingKey(VaultError):
    """The vault is under ``wanted``; only the keys named in ``given`` were there."""

    def __init__(self, wanted: str, given: tuple[str, ...]) -> None:
        super().__init__(wanted, given)
        self.wanted = wanted
        self.given = given

    def __str__(self) -> str:
        return (
            f"the vault is under wrapping key {self.wanted}, given was {', '.join(self.given)}: "
            "restore that key's file (after an unfinished rotation: give both keys)"
        )


class RotationPending(VaultError):
    """A rotation to the wrapping key ``under_way`` was begun and has to be finished first."""

    def __init__(self, under_way: str) -> None:
        super().__init__(under_way)
        self.under_way = under_way

    def __str__(self) -> str:
        return f"a rotation to wrapping key {self.under_way} is unfinished: rewrap to that first"


class VaultDamaged(VaultError):
    """A row does not hold. ``place`` names the row, ``rule`` what was found."""

    def __init__(self, place: str, rule: str) -> None:
        super().__init__(place, rule)
        self.place = place
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}"


class AccessLogBroken(VaultError):
    """The access log does not hold from record ``number`` (from 1) on."""

    def __init__(self, number: int, rule: str) -> None:
        super().__init__(number, rule)
        self.number = number
        self.rule = rule

    def __str__(self) -> str:
        return f"access log, record {self.number}: {self.rule}"
