"""The generated messages: that they are what the script makes, and the bytes they stand for."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from builders.abci import KINDS, request_bytes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from google.protobuf.descriptor_pool import Default
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from node.engines.cometbft import proto
from node.engines.cometbft.proto import abci_pb2 as abci
from node.engines.cometbft.proto import canonical_pb2, keys_pb2, types_pb2, validator_pb2
from node.engines.cometbft.wire import encode_message

ROOT = Path(__file__).parents[4]
FOLDER = Path(proto.__file__).parent
SCRIPT = ROOT / "scripts" / "generate-protos"
NAMES = (
    "abci",
    "block",
    "canonical",
    "evidence",
    "keys",
    "params",
    "proof",
    "types",
    "validator",
    "version",
)


def test_every_file_is_as_the_script_left_it() -> None:
    record = json.loads((FOLDER / "generated.json").read_text())
    made = {path.name: path.read_bytes() for path in FOLDER.glob("*_pb2.py*")}
    assert sorted(made) == sorted(f"{name}_pb2{end}" for name in NAMES for end in (".py", ".pyi"))
    assert record["files"] == {
        name: hashlib.sha256(content).hexdigest() for name, content in made.items()
    }
    assert len(record["sources"]) == len(NAMES)


def test_the_script_the_engine_and_the_record_name_one_version() -> None:
    version = re.search(r'^VERSION = "(.+)"$', SCRIPT.read_text(), re.MULTILINE)
    assert version is not None
    record = json.loads((FOLDER / "generated.json").read_text())
    assert record["module"] == f"github.com/cometbft/cometbft {version[1]}"
    asked = (ROOT / "node/engines/cometbft/engine/go.mod").read_text()
    assert f"github.com/cometbft/cometbft {version[1]}" in asked
    assert version[1] in (FOLDER / "README.md").read_text()


def test_making_them_again_gives_the_same() -> None:
    toolchain = subprocess.run(
        [ROOT / "scripts" / "go-toolchain"], capture_output=True, text=True, check=False
    )
    if toolchain.returncode and not os.environ.get("CI"):
        pytest.skip(f"go, which fetches the .proto files: {toolchain.stderr.strip()}")
    made = subprocess.run([SCRIPT, "--check"], capture_output=True, text=True, check=False)
    if "see above" in made.stderr and not os.environ.get("CI"):
        pytest.skip(f"grpcio-tools or a Go module cannot be had: {made.stderr.strip()[-300:]}")
    assert (made.returncode, made.stdout) == (0, ""), made.stderr


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_called_as_another_library_would_call_it(name: str) -> None:
    file = importlib.import_module(f"node.engines.cometbft.proto.{name}_pb2").DESCRIPTOR
    assert file.name == f"node/engines/cometbft/proto/{name}.proto"
    assert file.package.startswith("evidence_ledger.cometbft.")
    for message in file.message_types_by_name.values():
        assert message.full_name.startswith("evidence_ledger.")
    with pytest.raises(KeyError):
        Default().FindFileByName("tendermint/abci/types.proto")


def test_another_copy_of_the_same_messages_can_be_loaded_beside_them() -> None:
    """A file of CometBFT's own name and package, with a message of another shape."""
    program = """
from google.protobuf import descriptor_pb2, descriptor_pool
from node.engines.cometbft.proto import abci_pb2
file = descriptor_pb2.FileDescriptorProto(name="tendermint/abci/types.proto", syntax="proto3")
file.package = "tendermint.abci"
file.message_type.add(name="Request")
descriptor_pool.Default().Add(file)
found = descriptor_pool.Default().FindMessageTypeByName("tendermint.abci.Request")
print(len(found.fields), len(abci_pb2.Request.DESCRIPTOR.fields))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["0", "16"], done.stderr


def test_every_call_of_abci_2_has_a_request_and_an_answer_of_one_name() -> None:
    answers = {field.name for field in abci.Response.DESCRIPTOR.oneofs[0].fields}
    assert set(KINDS.values()) == answers - {"exception"}
    assert len(KINDS) == 16


TIME = Timestamp(seconds=1_700_000_000, nanos=5)


@pytest.mark.parametrize(
    ("message", "stream"),
    [
        (abci.RequestEcho(message="hi"), "06 0a04 0a026869"),
        (abci.RequestFlush(), "02 1200"),
        (
            abci.RequestInfo(version="0.38.25", block_version=11, p2p_version=8, abci_version="2"),
            # 0a 07 text ‖ 10 block ‖ 18 p2p ‖ 22 01 text
            "12 1a10 0a07 302e33382e3235 100b 1808 220132",
        ),
        (abci.RequestCheckTx(tx=b"abc", type=abci.RECHECK), "09 4207 0a03616263 1001"),
        (abci.RequestCommit(), "02 5a00"),
        (
            abci.RequestFinalizeBlock(
                txs=[b"\x01\x02", b""], hash=b"\xaa" * 2, height=300, time=TIME
            ),
            # field 20: a201. 0a txs, twice ‖ 22 hash ‖ 28 height ‖ 32 time{08 secs, 10 nanos}
            "1a a20117 0a020102 0a00 2202aaaa 28ac02 3208 0880e2cfaa06 1005",
        ),
        (abci.RequestExtendVote(), "03 920100"),
        (abci.RequestVerifyVoteExtension(), "03 9a0100"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Message) else "",
)
def test_requests_have_the_bytes_that_the_standard_gives(message: Message, stream: str) -> None:
    assert request_bytes(message).hex() == stream.replace(" ", "")


def test_an_answer_to_a_block_has_the_bytes_that_the_standard_gives() -> None:
    answer = abci.Response(
        finalize_block=abci.ResponseFinalizeBlock(
            tx_results=[abci.ExecTxResult(code=1, data=b"\x07", gas_wanted=-1)], app_hash=b"\xbb"
        )
    )
    # field 21: aa01. 12 results{08 code, 12 data, 28 gas_wanted: -1 in ten bytes} ‖ 2a app_hash
    results = "08011201 07 28ffffffffffffffffff01"
    expected = f"aa0115 1210{results} 2a01bb"
    assert answer.SerializeToString().hex() == expected.replace(" ", "")


def test_real_validators_signed_the_votes_that_these_messages_encode(
    cometbft_heights: list[dict[str, Any]],
) -> None:
    checked = 0
    for height in cometbft_heights:
        commit = height["commit"]["signed_header"]["commit"]
        keys = {
            item["address"]: item["pub_key"]["value"] for item in height["validators"]["validators"]
        }
        parts = commit["block_id"]["parts"]
        for given in commit["signatures"]:
            voted_for = None
            if given["block_id_flag"] == validator_pb2.BLOCK_ID_FLAG_COMMIT:  # not for nil
                voted_for = canonical_pb2.CanonicalBlockID(
                    hash=bytes.fromhex(commit["block_id"]["hash"]),
                    part_set_header=canonical_pb2.CanonicalPartSetHeader(
                        total=parts["total"], hash=bytes.fromhex(parts["hash"])
                    ),
                )
            time = Timestamp()
            time.FromJsonString(given["timestamp"])
            vote = canonical_pb2.CanonicalVote(
                type=types_pb2.SIGNED_MSG_TYPE_PRECOMMIT,
                height=int(commit["height"]),
                round=commit["round"],
                block_id=voted_for,
                timestamp=time,
                chain_id=height["commit"]["signed_header"]["header"]["chain_id"],
            )
            key = Ed25519PublicKey.from_public_bytes(b64decode(keys[given["validator_address"]]))
            signed = encode_message(vote.SerializeToString())
            key.verify(b64decode(given["signature"]), signed)  # raises where it does not hold
            checked += 1
    assert checked == 20


def test_a_public_key_has_the_bytes_of_a_validator_leaf() -> None:
    update = abci.ValidatorUpdate(pub_key=keys_pb2.PublicKey(ed25519=b"\x33" * 32), power=10)
    assert update.SerializeToString().hex() == "0a22" + "0a20" + "33" * 32 + "100a"


def test_the_script_needs_nothing_but_python() -> None:
    """It runs before the environment is made, with whichever Python there is."""
    python = shutil.which("python3")
    assert python is not None
    done = subprocess.run(
        [python, "-I", SCRIPT, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
