"""Checks of one node by itself: versions, keys, disk, what listens."""

from __future__ import annotations

import ipaddress
import json
import platform
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

from node import __version__
from node.cli.checkup import (
    FAILED,
    NOT_CHECKED,
    OK,
    WARNING,
    Finding,
    judge_disk,
    judge_engine,
    judge_modes,
    judge_python,
)
from node.cli.checkup_facts import NoAnswer, ask_engine, engine_version, fetch_json, port_trouble
from node.cli.checkup_home import key_modes, own_url
from node.cli.patient import Patient
from node.client.keys import SigningKey
from node.config import NodeConfig
from node.core.block import RULES_VERSION, Validator
from node.core.checkpoint import NoteKey, checkpoint_origin
from node.core.errors import InvalidInput
from node.core.member_description import DescribedNode
from node.rules.judgement import in_force
from node.wiring import EdKey

__all__ = ["check_disk", "check_keys", "check_ports", "check_versions"]

_STATE = "engine/data/priv_validator_state.json"


def check_versions(patient: Patient) -> list[Finding]:
    """Python, this package, rules, engine."""
    found = [judge_python(sys.version_info[:2]), Finding(OK, f"evidence-ledger-node {__version__}")]
    told = (patient.status or {}).get("version", __version__)
    if told != __version__:
        found.append(
            Finding(
                WARNING, f"the running node is {told}, this program {__version__}", "restart it"
            )
        )
    version = patient.genesis.rules_version
    found.append(Finding(OK, f"rules version {version}, of {RULES_VERSION} known"))
    if patient.consortium:
        try:
            found.append(judge_engine(engine_version(Path(patient.config.consortium.binary))))
        except NoAnswer as error:
            found.append(judge_engine(None, str(error)))
    else:
        found.append(Finding(OK, f"solo engine, on {platform.system()}"))
    return found


def check_keys(patient: Patient) -> list[Finding]:
    """Key files: there, for their owner alone, and those that the ledger knows."""
    config = patient.config
    modes = key_modes(config)
    found = judge_modes(modes)
    if config.path("recovery.pem").exists():
        found.append(
            Finding(
                WARNING,
                "the recovery key lies in the home (recovery.pem)",
                "move it to a medium of its own, kept offline, with a copy elsewhere",
            )
        )
    if config.operator.member and modes.get(config.operator.key) is not None:
        found.append(_signing_key(patient))
    for name in ("validator", "checkpoint"):
        if modes[f"keys/{name}.pem"] is not None:
            found.append(_node_key(patient, name))
    if patient.consortium:
        found.append(_signing_state(patient))
    return found


def _state(patient: Patient, key: str) -> dict[str, Any] | None:
    """A value of the state map, empty where the key is absent; None where the ledger cannot say,
    and the genesis has to."""
    if patient.view is None:
        return None
    try:
        return patient.view.state(key) or {}
    except NoAnswer:
        return None


def _signing_key(patient: Patient) -> Finding:
    operator = patient.config.operator
    try:
        kid = SigningKey.load(patient.config.path(operator.key)).kid
    except InvalidInput as error:
        return Finding(FAILED, str(error), "bring the file back from its copy")
    value = _state(patient, f"key/{kid}")
    if value is not None:
        ended = patient.view is not None and value.get("to", 1 << 53) <= patient.view.height()
        holds = value.get("member") == operator.member and not ended
    else:
        holds = any(
            key.jwk.thumbprint() == kid and key.end is None
            for member in patient.genesis.members
            if member.id == operator.member
            for key in member.keys
        )
    if holds:
        return Finding(OK, f"signing key {kid} is in force for {operator.member}")
    return Finding(
        FAILED,
        f"{operator.key}, {kid}, is no key of {operator.member} that is in force",
        "put the member's present signing key there, or correct node.toml",
    )


def _node_key(patient: Patient, name: str) -> Finding:
    """The validator's and the checkpoints' key, by the ledger, or by the genesis before it is."""
    try:
        key = EdKey.load(patient.config.path(f"keys/{name}.pem")).public_key
    except InvalidInput as error:
        return Finding(FAILED, str(error), "bring the file back from its copy")
    if name == "checkpoint":
        known = {member.checkpoint_key for member in patient.genesis.members}
        if key in known:
            return Finding(OK, "the checkpoint key is one of the genesis")
        text = "the checkpoint key is none of the genesis: others cannot check this node's"
        return Finding(WARNING, text, "bring the described key back, or publish the new one")
    address = Validator(key, 0).address.hex()
    if patient.view is not None:
        value = patient.view.state(f"validator/{address}")
        power = 0 if value is None else int(in_force(value, patient.view.height())["power"])
    else:
        powers = {
            item.validator.public_key: item.validator.power for item in patient.genesis.validators
        }
        power = powers.get(key, 0)
    if power:
        return Finding(OK, f"the validator's key {address} has power {power}")
    return Finding(OK, f"the validator's key {address} has no power: this node observes")


def _signing_state(patient: Patient) -> Finding:
    """What keeps the validator's key from signing two blocks of one height."""
    path = patient.config.path(_STATE)
    begun = patient.config.path("ledger").is_dir()
    if not begun:
        return Finding(OK, "nothing has been signed yet")
    try:
        height = int(json.loads(path.read_bytes())["height"])
    except FileNotFoundError:
        return Finding(
            FAILED,
            f"{_STATE} is gone: it keeps the validator's key from signing two blocks of one height",
            "bring back the engine's directory as it was when the node last ran, or give the node "
            "a new validator's key",
        )
    except (ValueError, KeyError, TypeError) as error:
        return Finding(FAILED, f"{_STATE} cannot be read: {error!r}", "look at the disk")
    return Finding(OK, f"signed up to height {height}")


def check_disk(patient: Patient) -> list[Finding]:
    """Free space, by the limit at which the node stops taking records."""
    free = shutil.disk_usage(patient.config.home).free
    return [judge_disk(free, patient.config.storage.min_free_megabytes << 20)]


def check_ports(patient: Patient) -> list[Finding]:
    """What the node listens at is free, or this node's; nothing that should not be is open."""
    config = patient.config
    found = []
    if patient.status is None:
        addresses = [f"{config.api.host}:{config.api.port}"]
        addresses += [config.consortium.listen] if patient.consortium else []
        for address in addresses:
            trouble = port_trouble(address)
            text = f"{address} is free" if trouble is None else f"{address}: {trouble}"
            advice = "" if trouble is None else "end what has it, or choose another in node.toml"
            found.append(Finding(OK if trouble is None else FAILED, text, advice))
    else:
        found.append(_own_interface(patient))
        if patient.consortium:
            found.append(_own_engine(patient))
    if not _is_loopback(config.api.host):
        found.append(
            Finding(
                WARNING,
                f"the interface listens on {config.api.host}, without TLS",
                "put a TLS proxy in front and have the node listen on 127.0.0.1",
            )
        )
    if patient.consortium:
        found.append(_rpc_bound(config))
    return found


def _own_interface(patient: Patient) -> Finding:
    url = own_url(patient.config)
    if url is None:
        return Finding(NOT_CHECKED, "the system chooses the interface's port (api.port is 0)")
    try:
        told = fetch_json(url, "/v1/node")
    except NoAnswer as error:
        return Finding(FAILED, f"{url}: {error}", "does node.toml still say where it listens?")
    key = EdKey.load(patient.config.path("keys/checkpoint.pem")).public_key
    wanted = NoteKey(checkpoint_origin(patient.genesis.chain_id), key).verifier_key()
    if told.get("verifier_key") != wanted:
        return Finding(FAILED, f"{url} is another node's", "look at api.port in node.toml")
    return Finding(OK, f"{url} is this node's")


def _own_engine(patient: Patient) -> Finding:
    wanted = DescribedNode("", EdKey.load(patient.config.path("keys/node.pem")).public_key).id
    try:
        told = ask_engine(patient.config.path("engine/rpc.sock"))
    except NoAnswer as error:
        return Finding(FAILED, str(error), "look at the node's log, and at /readyz")
    if told.node_id != wanted:
        return Finding(FAILED, f"the engine is node {told.node_id}, not {wanted}", "restart it")
    text = f"the engine is node {wanted}, at {patient.config.consortium.listen}"
    if told.catching_up:
        return Finding(WARNING, f"{text}, and still catching up", "wait until it has all blocks")
    return Finding(OK, text)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _rpc_bound(config: NodeConfig) -> Finding:
    """The engine's RPC answers anybody who reaches it, so nobody may."""
    path = config.path("engine/config/config.toml")
    try:
        address = str(tomllib.loads(path.read_text("utf-8"))["rpc"]["laddr"])
    except FileNotFoundError:
        return Finding(OK, "the engine's RPC is not open: it has never run")
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        return Finding(WARNING, f"{path}: {error!r}", "it is written anew at the next start")
    scheme, _, rest = address.partition("://")
    if scheme == "unix" or _is_loopback(rest.rpartition(":")[0]):
        return Finding(OK, f"the engine's RPC is {address}, which others cannot reach")
    return Finding(
        FAILED, f"the engine's RPC listens at {address}, without authentication", "restart the node"
    )
