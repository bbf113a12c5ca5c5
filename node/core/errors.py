"""Every error that the core raises.

EvidenceError
├── InvalidInput            what came in is wrong; names the place and the rule
│   ├── InvalidEncoding     bytes that are not what their format says
│   ├── InvalidTransaction  a JWT that is not a transaction of this ledger
│   ├── InvalidSignature    a signature that does not hold
│   ├── InvalidProof        a Merkle proof, header or commit that does not hold
│   └── InvalidBundle       a bundle or trust file that is not of its format
├── RulesUnknown            this software has no rules of the version in force: no block is made
└── LedgerFault             what is stored cannot be right: the node must stop
"""

from __future__ import annotations

__all__ = [
    "EvidenceError",
    "InvalidBundle",
    "InvalidEncoding",
    "InvalidInput",
    "InvalidProof",
    "InvalidSignature",
    "InvalidTransaction",
    "LedgerFault",
    "RulesUnknown",
]


class EvidenceError(Exception):
    """Root of the project's own errors."""


class InvalidInput(EvidenceError):
    """Something that came in breaks a rule of its format.

    ``place`` names where (``payload.iat``, ``entries[3].path``), ``rule`` what is asked there, and
    ``rule_zh`` the same in Chinese where that does not follow from the rule alone.
    """

    def __init__(self, place: str, rule: str, rule_zh: str = "") -> None:
        super().__init__(place, rule)
        self.place = place
        self.rule = rule
        self._rule_zh = rule_zh

    def __str__(self) -> str:
        return f"{self.place}: {self.rule}"

    def under(self, place: str) -> InvalidInput:
        """The same error, its place prefixed with the ``place`` it was found in."""
        return type(self)(f"{place}.{self.place}", self.rule, self._rule_zh)

    @property
    def rule_zh(self) -> str:
        """The rule in Chinese, a half sentence to stand behind the place; "" where it has none."""
        # Here, so that whoever verifies what is good never loads the tables.
        from node.core.chinese.rules import rule_zh

        return self._rule_zh or rule_zh(self.rule)


class InvalidEncoding(InvalidInput):
    """Bytes or text that their format does not allow."""


class InvalidTransaction(InvalidInput):
    """A well-formed JWT that is not a transaction of this ledger."""


class InvalidSignature(InvalidInput):
    """A signature that is malformed or does not hold."""


class InvalidProof(InvalidInput):
    """A proof, header or commit that does not lead where it says."""


class InvalidBundle(InvalidInput):
    """A bundle or trust file that is not of its format."""


class RulesUnknown(EvidenceError):
    """The members have put rules in force that this software does not know. The node makes no more
    blocks; what is recorded can be read."""


class LedgerFault(EvidenceError):
    """What is stored cannot be right. The node stops and says what to do."""
