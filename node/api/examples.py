"""The example of the description: a signed record that nodes of the tests take.

It belongs to the chain ``seal-test``, whose keys are in the tests, and to a moment in 2026: on any
other chain, and at any other time, a node refuses it and says why.
"""

from __future__ import annotations

__all__ = ["CODE", "DIGEST", "RECEIPT", "SUBMISSION", "TRANSACTION"]

SUBMISSION = (
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IlZiY1h3Sm9yaTdHTElYdWVsRlYxek5sUUNyYWxaOFR4S2NIdzNoTTJBdU0i"
    "LCJ0eXAiOiJldmlkZW5jZStzZC1qd3QifQ.eyJfc2QiOlsieEh4YnZ4LUZoYks5YU9PaHlsRC1ualE0dnRXSXRSN"
    "VJWWl8xQmg1NEhJMCJdLCJfc2RfYWxnIjoic2hhLTI1NiIsImNpZCI6InNlYWwtdGVzdCIsImRhdGEiOnsiYWxpY"
    "XNlcyI6WyJPTEQtZXhhbXBsZSJdLCJkb2N1bWVudF9oYXNoZXMiOlsiMGQ4NDFiMzkzY2JhYmMxZmJhNTM4MGE4Z"
    "TY3YmIwMTg0OTNhYjdhOTA0MjNkYzlmMTlmNDYwYmExMjU2ZDg1ZSJdLCJoYXBwZW5lZF9hdCI6MTc4OTkxMzcwM"
    "DAwMCwicmVjb3JkX2hhc2giOiJhZTlmYTQ2NmU3ZWQ5MjZmYmYwMTQ2ZmY3YjhhYTFjNzZmN2M4MzZjYmRhNTg5M"
    "zk1ZTgyYzgwZTNkYWU5NmY4Iiwic291cmNlX3N5c3RlbSI6IuaXp-WtmOivgeW5s-"
    "WPsCJ9LCJleHAiOjE3OTAwMDM3MDAsImlhdCI6MTc5MDAwMDEwMCwiaXNzIjoicGxhdGZvcm0tYSIsImp0aSI6In"
    "JlY29yZDpwbGF0Zm9ybS1hOmV4YW1wbGUucmVjb3JkLmltcG9ydGVkLjU4ZjQ5MDE2Iiwib2NjdXJyZWRfYXQiOj"
    "E3OTAwMDAwOTkwMDAsInNvdXJjZSI6eyJtZXRob2QiOiJhcGkiLCJzeXN0ZW0iOiLlronkupHljbDnlLXlrZDljb"
    "Dnq6DlubPlj7AifSwic3ViIjoicmVjb3JkOnBsYXRmb3JtLWE6ZXhhbXBsZSIsInR5cGUiOiJyZWNvcmQuaW1wb3"
    "J0ZWQifQ.cXy6v5ajsW0X8oriyvEiiqI4scTLZ8TOWB5wFpKXyAYABGpZmQKeEUOPHrP1_tEC_uraHfYxo4lKxTN"
    "pKwUNSA~WyJCYmU4ZXk2R2F2elpuWDktRlBEVWVnIiwic3VtbWFyeSIsIuaXp-"
    "ezu-e7n-aRmOimge-8iGV4YW1wbGXvvInvvJrljZfmn5Dnrb7nvbLph4fotK3lkIjlkIwiXQ~"
)
TRANSACTION = "c8a7e7f7447cf0218a0fd166e2d5e9ae5c5aea21c9282d03463de88e9ded2287"
"""The id of the record in `SUBMISSION`."""
CODE = "CZ0714073618509"
"""The code of the dossier that it opens."""
DIGEST = "0d841b393cbabc1fba5380a8e67bb018493ab7a90423dc9f19f460ba1256d85e"
"""The document that it names."""
RECEIPT = "a21c55d82ca44518f947d16de9913896e91499f71ac695cb6e7c89b6ff3f449e"
"""The SHA-256 of a receipt that nodes of the tests keep."""
