"""The example of the description: a signed record that nodes of the tests take.

It belongs to the chain ``seal-test``, whose keys are in the tests, and to a moment in 2026: on any
other chain, and at any other time, a node refuses it and says why.
"""

from __future__ import annotations

__all__ = ["DIGEST", "SUBMISSION", "TRANSACTION"]

SUBMISSION = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IlZiY1h3Sm9yaTdHTElYdWVsRlYxek5sUUNyYWxaOFR4S2NIdzNoTTJBdU0i"
    "LCJ0eXAiOiJldmlkZW5jZStzZC1qd3QifQ.eyJfc2QiOlsiVUEtVXpHMzBIbE5Yal9lQWpieWlpRGpneUpzVW0yQ"
    "UZDLXdoUXRuNUR1OCJdLCJfc2RfYWxnIjoic2hhLTI1NiIsImNpZCI6InNlYWwtdGVzdCIsImRhdGEiOnsiYWxpY"
    "XNlcyI6WyJPTEQtZXhhbXBsZSJdLCJkb2N1bWVudF9oYXNoZXMiOlsiMGQ4NDFiMzkzY2JhYmMxZmJhNTM4MGE4Z"
    "TY3YmIwMTg0OTNhYjdhOTA0MjNkYzlmMTlmNDYwYmExMjU2ZDg1ZSJdLCJoYXBwZW5lZF9hdCI6MTc4OTkxMzcwM"
    "DAwMCwicmVjb3JkX2hhc2giOiJhZTlmYTQ2NmU3ZWQ5MjZmYmYwMTQ2ZmY3YjhhYTFjNzZmN2M4MzZjYmRhNTg5M"
    "zk1ZTgyYzgwZTNkYWU5NmY4Iiwic291cmNlX3N5c3RlbSI6IuaXp-WtmOivgeW5s-"
    "WPsCJ9LCJleHAiOjE3OTAwMDM3MDAsImlhdCI6MTc5MDAwMDEwMCwiaXNzIjoicGxhdGZvcm0tYSIsImp0aSI6In"
    "JlY29yZDpwbGF0Zm9ybS1hOmV4YW1wbGUucmVjb3JkLmltcG9ydGVkLjU4ZjQ5MDE2Iiwib2NjdXJyZWRfYXQiOj"
    "E3OTAwMDAwOTkwMDAsInNvdXJjZSI6eyJtZXRob2QiOiJhcGkiLCJzeXN0ZW0iOiLlronkupHljbDnlLXlrZDljb"
    "Dnq6DlubPlj7AifSwic3ViIjoicmVjb3JkOnBsYXRmb3JtLWE6ZXhhbXBsZSIsInR5cGUiOiJyZWNvcmQuaW1wb3"
    "J0ZWQifQ.T_PF4RX1-NU0i5m4d64bEWkEPPodIYaSI0jBS2JzXh8UxL2YQ3-GbwsH-"
    "hX5mSg_TzpW1h8De4jXqm3758C0nw~WyJmOVpoWnRSZUR2ZEU0dmtuN2o3ekJBIiwic3VtbWFyeSIsIuaXp-"
    "ezu-e7n-aRmOimge-8muWNl-afkOetvue9sumHh-i0reWQiOWQjCJd~"
)
TRANSACTION = "ea023890ff39c2935372b084e06f642c64ab8ccbe288b49dca4df914411320c2"
"""The id of the record in `SUBMISSION`."""
DIGEST = "0d841b393cbabc1fba5380a8e67bb018493ab7a90423dc9f19f460ba1256d85e"
"""The document that it names."""
