"""Make `forgeries.json` of the receipts of this folder: what a clever insider would try.

    PYTHONPATH=.:tests .venv/bin/python tests/vectors/anchors/forge.py

Each forgery is a receipt, a point and a trust file of this folder, changed at some places, with the
verdict to which both verifiers come.
"""

from __future__ import annotations

import base64
import functools
import json
from pathlib import Path
from typing import Any

from builders.judicial_service import MEMBER_KEY, point_hex

FOLDER = Path(__file__).parent
ENTRY = "/trust/anchors/0"
Made = dict[str, Any]


@functools.cache
def receipt(name: str) -> Made:
    return dict(json.loads((FOLDER / f"{name}.json").read_text("utf-8")))


def trusted(name: str) -> Made:
    return dict(receipt(name)["trust"]["anchors"][0])


def forged(of: str, verdict: str, what: str, *changes: Made, **others: str) -> Made:
    """``others``: point_of, trust_of name the receipt whose point or trust file it is."""
    return {"changes": list(changes), "of": of, "verdict": verdict, "what": what} | others


def to(place: str, value: Any) -> Made:
    return {"at": place, "to": value}


def without(place: str) -> Made:
    return {"at": place}


def own_chain() -> list[Made]:
    """A chain of the insider's own, made like the real one."""
    real = {"trust_of": "evm-anvil-state"}
    state = receipt("evm-anvil-state")["receipt"]
    return [
        forged(
            "evm-anvil-other",
            "failed",
            "a chain of the insider's own, of the same number, contract and height: another root",
            **real,
        ),
        forged(
            "evm-anvil-other",
            "not checked",
            "the same, where the trust file pins no block",
            to(f"{ENTRY}/blocks", []),
            **real,
        ),
        forged(
            "evm-anvil-other",
            "failed",
            "its proofs under the header of the pinned block",
            to("/receipt/header", state["header"]),
            **real,
        ),
        forged(
            "evm-anvil-state",
            "failed",
            "the pinned block's proofs, shown for the point of the insider's fork",
            point_of="evm-anvil-other",
        ),
        forged(
            "evm-anvil-state",
            "failed",
            "the proof of the root in the place of the digest's",
            to("/receipt/storage/1", state["storage"][0]),
        ),
    ]


def other_contracts(of: str) -> list[Made]:
    contract, block = to(f"{ENTRY}/contract", "11" * 20), f"{ENTRY}/blocks/0"
    return [
        forged(
            of, "failed", "the block is pinned with another hash", to(f"{block}/hash", "22" * 32)
        ),
        forged(of, "not checked", "the trust file names another chain", to(f"{ENTRY}/chain_id", 1)),
        forged(of, "not checked", "the receipt names another chain", to("/receipt/chain_id", 1)),
        forged(of, "not checked", "the trust file names another contract", contract),
        forged(
            of,
            "failed",
            "the proof is said to be of the contract that the trust file names",
            contract,
            to("/receipt/contract", "11" * 20),
        ),
        forged(
            of,
            "not checked",
            "a development chain, whose block the trust file pins",
            to(f"{ENTRY}/development", 1),
        ),
    ]


def time_stamps() -> list[Made]:
    own = "an authority of the insider's own, whose certificates have the trusted names"
    return [
        forged("rfc3161-other-root", "failed", own, trust_of="rfc3161-openssl-ec"),
        forged(
            "rfc3161-openssl-ec", "not checked", "no root is trusted", to("/trust/tsa_roots", [])
        ),
    ]


def organisations() -> list[Made]:
    entry = trusted("fabric-raft")
    another = entry["endorsers"][1]["roots"]
    orderer = to(f"{ENTRY}/orderers/0/msp_id", "OtherMSP")
    made = [
        forged(
            "fabric-raft",
            "failed",
            f"{member} of another organisation than the trusted one, under its name",
            to(f"{ENTRY}/{member}/0/roots", another),
        )
        for member in ("endorsers", "orderers")
    ]
    made.append(forged("fabric-raft", "failed", "orderers of another organisation", orderer))
    consenters = trusted("fabric-bft")["consenters"]
    exchanged = [
        to(f"{ENTRY}/consenters/{place}/certificate", consenters[1 - place]["certificate"])
        for place in (0, 1)
    ]
    fewer = without("/receipt/block/signatures/0")
    made.append(forged("fabric-bft", "failed", "one consenter fewer", fewer))
    made.append(forged("fabric-bft", "failed", "consenters of each other's numbers", *exchanged))
    return made


def cut_elsewhere() -> list[Made]:
    """A block's hash is of its items together."""
    data = receipt("fabric-raft-second")["receipt"]["block"]["data"]
    first, second = (base64.b64decode(item) for item in data)
    payload_end = first.rindex(b"\x12", 0, len(first) - 64)
    parts = {
        "the item before cut in two, at its field": [
            first[:payload_end],
            first[payload_end:],
            second,
        ],
        "the item before cut in two, anywhere": [first[:100], first[100:], second],
        "an empty item before": [b"", first, second],
        "the two items in one": [first + second],
    }
    return [
        forged(
            "fabric-raft-second",
            "failed",
            f"the same hash of the block: {what}",
            to("/receipt/block/data", [base64.b64encode(part).decode() for part in items]),
            to("/receipt/position", len(items) - 1),
        )
        for what, items in parts.items()
    ]


def channels(of: str) -> list[Made]:
    number = receipt(of)["receipt"]["block"]["number"]
    less = "holds, and shows less, which a verifier says"
    pinned = to(f"{ENTRY}/blocks", [{"hash": "44" * 32, "number": number}])
    made = [
        forged(of, "failed", "another block 0 is pinned", to(f"{ENTRY}/genesis", "33" * 32)),
        forged(of, "not checked", "another channel is named", to(f"{ENTRY}/channel", "other")),
        forged(of, "not checked", "another chaincode is named", to(f"{ENTRY}/chaincode", "other")),
        forged(of, "passed", f"without the link: {less}", without("/receipt/link")),
        forged(
            of,
            "failed",
            "without the link, where the block is pinned with another hash",
            without("/receipt/link"),
            pinned,
        ),
    ]
    if "confirmation" in receipt(of)["receipt"]:
        reading = without("/receipt/confirmation")
        made.append(forged(of, "passed", f"without the confirmation: {less}", reading))
    return made


def logs() -> list[Made]:
    own, known = receipt("rekor-ecdsa")["receipt"], receipt("rekor-ed25519")["receipt"]
    lines = known["checkpoint"].split("\n\n")[1]
    text = own["checkpoint"].split("\n\n")[0]
    alone = "\n".join(own["checkpoint"].split("\n")[:-2]) + "\n"
    witness = trusted("rekor-ed25519")["witnesses"][0]["key"]
    other = {"trust_of": "rekor-ed25519"}
    return [
        forged(
            "rekor-ecdsa",
            "not checked",
            "a log of the insider's own of the same name, with another key",
            **other,
        ),
        forged(
            "rekor-ecdsa",
            "failed",
            "the same, with what the trusted log and witness signed over another checkpoint",
            to("/receipt/checkpoint", f"{text}\n\n{lines}"),
            **other,
        ),
        forged(
            "rekor-ecdsa",
            "failed",
            "a witness of the insider's own",
            to(f"{ENTRY}/witnesses/0/key", witness),
        ),
        forged("rekor-ecdsa", "not checked", "no witness", to("/receipt/checkpoint", alone)),
        *(
            forged(
                "rekor-ecdsa",
                verdict,
                f"the trust file says who submits: {what}",
                to(f"{ENTRY}/submitters", [submitter(one)]),
            )
            for verdict, what, one in (("passed", "this one", own), ("failed", "another", known))
        ),
    ]


def submitter(content: Made) -> str:
    inner = json.loads(content["entry"])["spec"]["hashedRekordV002"]
    return str(inner["signature"]["verifier"]["publicKey"]["rawBytes"])


def services() -> list[Made]:
    return [
        forged(
            "rest-sm2",
            "failed",
            "an answer of another service under the name of the trusted one",
            to("/receipt/service", "signed-answers"),
            trust_of="rest-ecdsa",
        ),
        forged("rest-sm2", "not checked", "an answer of another service", trust_of="rest-ecdsa"),
        forged(
            "rest-hmac",
            "failed",
            "an answer that nobody can check, under the name of a service that signs",
            to("/receipt/service", "bjca"),
            trust_of="rest-sm2",
        ),
        forged(
            "rest-ecdsa",
            "failed",
            "another state than the one that counts",
            to(f"{ENTRY}/expects", {"state": ["CONFIRMED"]}),
        ),
        forged(
            "rest-ecdsa",
            "failed",
            "the key is not the service's",
            to(f"{ENTRY}/public_key", point_hex(MEMBER_KEY)),
        ),
    ]


def main() -> None:
    made = own_chain()
    for of in ("evm-anvil-state", "evm-anvil-receipt"):
        made += other_contracts(of)
    made += time_stamps() + organisations()
    for of in ("fabric-raft", "fabric-raft-read", "fabric-bft"):
        made += channels(of)
    made += cut_elsewhere() + logs() + services()
    text = json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True)
    (FOLDER / "forgeries.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
