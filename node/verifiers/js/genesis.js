/**
 * The genesis of a chain: who its members are, who signs its blocks, and by which parameters
 * (docs/spec/genesis.md). Mirrors node/core/genesis.py.
 */

import { toHex } from "./bytes.js";
import { RULES_VERSION, Validator, ValidatorSet } from "./block.js";
import { readJwk, thumbprint } from "./crypto/signatures.js";
import { sha256 } from "./crypto/sha256.js";
import { InvalidInput } from "./errors.js";
import {
  exactMembers, hasMember, readEach, readHash, readInteger, readList, readMatch, readText,
} from "./fields.js";
import { checkParameters } from "./genesis_parameters.js";
import { decodeCanonicalJson } from "./json.js";
import { readEd25519Jwk } from "./keys.js";

/** Most bytes of a genesis: it is an entry of the log, whose length is told in 16 bits. */
export const MAX_GENESIS_BYTES = 65_535;

const GENESIS_FORMAT = "evidence-genesis/1";
const ROLES = [
  "auditor", "certificate_authority", "court", "identity_provider", "notary", "operator",
  "platform", "police", "seal_maker", "status_authority",
];
const MEMBERS = [
  "chain_id", "format", "genesis_time", "initial_height", "members", "parameters",
  "rules_version", "validators",
];
const CHAIN_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$/;
const MEMBER = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const DIVISION = /^(?:[0-9][0-9]){0,3}$/;

/**
 * A decoded genesis document. `document` is its canonical bytes, `validators` are `{member,
 * validator}`, `predecessor` is null or `{chainId, size, root, stateRoot, headerHash}`.
 */
export class Genesis {
  constructor(fields) {
    Object.assign(this, fields);
    this.hash = sha256(this.document);
  }

  /** Where the genesis stands in the log. */
  get index() {
    return this.predecessor === null ? 0 : this.predecessor.size;
  }

  /** The first validators. */
  get validatorSet() {
    return ValidatorSet.of(this.validators.map((item) => item.validator));
  }
}

/**
 * Decode a genesis document and check it whole.
 * @throws {InvalidInput} names the place and the rule.
 */
export function decodeGenesis(document) {
  const bounds = { place: "genesis", maxBytes: MAX_GENESIS_BYTES };
  const value = decodeCanonicalJson(document, bounds);
  exactMembers(value, "genesis", MEMBERS, ["predecessor"]);
  if (value.format !== GENESIS_FORMAT) {
    throw new InvalidInput("genesis.format", `must be ${GENESIS_FORMAT}`, "不是创世文件");
  }
  checkRulesVersion(value.rules_version);
  const members = readEach(
    value.members, "genesis.members", readMember, { least: 1, most: 150 });
  const validators = readEach(
    value.validators, "genesis.validators", readValidator, { least: 1, most: 200 });
  checkUnique(members, validators);
  checkParameters(value.parameters, "genesis.parameters", members.map((member) => member.id));
  const chainId = readChainId(value.chain_id, "genesis.chain_id");
  return new Genesis({
    document,
    chainId,
    genesisTime: readInteger(value.genesis_time, "genesis.genesis_time"),
    initialHeight: readInteger(value.initial_height, "genesis.initial_height", { least: 1 }),
    validators,
    predecessor: readPredecessor(value, chainId),
  });
}

/** Asked before anything else is: under other rules there may be other parameters. */
function checkRulesVersion(value) {
  const version = readInteger(value, "genesis.rules_version", { least: 1 });
  if (version !== RULES_VERSION) {
    throw new InvalidInput(
      "genesis.rules_version",
      `${version}: made under rules that are not known here, only version ${RULES_VERSION} is`,
      `规则版本 ${version} 未知，本核验程序仅识别版本 ${RULES_VERSION}`,
    );
  }
}

function readChainId(value, place) {
  return readMatch(
    value, place, CHAIN_ID, "must be 1 to 50 letters, digits, '.', '_' or '-'", "链标识不符合规范");
}

function readMember(value, place) {
  const members = exactMembers(
    value, place, ["divisions", "id", "keys", "name", "recovery_key", "roles"],
    ["checkpoint_key"]);
  checkRoles(members.roles, `${place}.roles`);
  readEach(members.divisions, `${place}.divisions`, readDivision, { most: 500 });
  readText(members.name, `${place}.name`, { most: 200 });
  return {
    id: readMatch(members.id, `${place}.id`, MEMBER, "must be a member id", "成员标识不符合规范"),
    keys: readEach(members.keys, `${place}.keys`, readKey, { least: 1, most: 100 }),
    recoveryKey: readJwk(members.recovery_key, `${place}.recovery_key`),
    checkpointKey: hasMember(members, "checkpoint_key")
      ? readEd25519Jwk(members.checkpoint_key, `${place}.checkpoint_key`)
      : null,
  };
}

function checkRoles(value, place) {
  const roles = readList(value, place, { least: 1, most: ROLES.length });
  const known = ROLES.filter((role) => roles.includes(role));
  if (known.length !== roles.length || known.some((role, at) => role !== roles[at])) {
    throw new InvalidInput(
      place, "must be known roles, sorted, each once", "角色须为已知、排序且不重复");
  }
}

function readDivision(value, place) {
  return readMatch(
    value, place, DIVISION, "must be the first 0, 2, 4 or 6 digits of a division's code",
    "须为行政区划代码的前 0、2、4 或 6 位");
}

/** A signing key: its JWK. It is valid from `from` up to but not including `to`. */
function readKey(value, place) {
  const members = exactMembers(value, place, ["from", "jwk"], ["to"]);
  const start = readInteger(members.from, `${place}.from`, { least: 1 });
  if (hasMember(members, "to")) {
    readInteger(members.to, `${place}.to`, { least: start + 1 });
  }
  return readJwk(members.jwk, `${place}.jwk`);
}

function readValidator(value, place) {
  const members = exactMembers(value, place, ["member", "power", "public_key"]);
  const key = readEd25519Jwk(members.public_key, `${place}.public_key`);
  const power = readInteger(members.power, `${place}.power`, { least: 1, most: 2 ** 40 });
  const member = readMatch(
    members.member, `${place}.member`, MEMBER, "must be a member id", "成员标识不符合规范");
  return { member, validator: new Validator(key, power) };
}

function checkUnique(members, validators) {
  const ids = members.map((member) => member.id);
  const keys = members.flatMap((member) => [...member.keys, member.recoveryKey]);
  const checkpointKeys = members.map((member) => member.checkpointKey).filter(Boolean);
  refuseTwice(ids, "genesis.members", "names a member id twice", "成员标识重复");
  refuseTwice(keys.map(thumbprint), "genesis.members", "names a key twice", "密钥重复");
  refuseTwice(
    checkpointKeys.map(toHex), "genesis.members", "names a checkpoint key twice", "检查点密钥重复");
  validators.forEach((item, position) => {
    if (!ids.includes(item.member)) {
      throw new InvalidInput(
        `genesis.validators[${position}].member`, "is no member", "不是成员");
    }
  });
  refuseTwice(
    validators.map((item) => toHex(item.validator.publicKey)),
    "genesis.validators", "names a key twice", "验证节点密钥重复");
}

function refuseTwice(names, place, rule, ruleZh) {
  if (new Set(names).size !== names.length) {
    throw new InvalidInput(place, rule, ruleZh);
  }
}

function readPredecessor(value, chainId) {
  if (!hasMember(value, "predecessor")) {
    return null;
  }
  const place = "genesis.predecessor";
  const members = exactMembers(
    value.predecessor, place, ["chain_id", "header", "root", "size", "state_root"]);
  const before = {
    chainId: readChainId(members.chain_id, `${place}.chain_id`),
    size: readInteger(members.size, `${place}.size`, { least: 1 }),
    root: readHash(members.root, `${place}.root`),
    stateRoot: readHash(members.state_root, `${place}.state_root`),
    headerHash: readHash(members.header, `${place}.header`),
  };
  if (before.chainId === chainId) {
    throw new InvalidInput(
      "genesis.chain_id", "is its predecessor's: an id is never used again", "与前身链的标识相同");
  }
  return before;
}
