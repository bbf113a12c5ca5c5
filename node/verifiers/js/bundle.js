/**
 * Evidence bundles `evidence-bundle/1`: what a court needs to check a dossier offline
 * (docs/spec/bundle.md). Mirrors node/core/bundle.py.
 *
 * This module decodes; verify.js judges. Everything that is hashed or signed stands in a bundle as
 * its exact text, so that decoding it again decides what it says.
 */

import { utf8 } from "./bytes.js";
import { readCommit, readHeader, readValidator } from "./bundle_blocks.js";
import { ValidatorSet } from "./block.js";
import { MAX_ENTRY_BYTES } from "./entry.js";
import { InvalidInput } from "./errors.js";
import {
  exactMembers, readEach, readHash, readInteger, readKind, readList, readMatch, readText,
} from "./fields.js";
import { MAX_GENESIS_BYTES } from "./genesis.js";
import { decodeJsonObject } from "./json.js";
import { readStateProof } from "./statemap.js";
import { MAX_DIGESTS } from "./transaction.js";

/** Most bytes of a bundle. */
export const MAX_BUNDLE_BYTES = 64 * 1024 * 1024;

const BUNDLE_FORMAT = "evidence-bundle/1";
const MAX_PREDECESSORS = 16;
const MAX_RECORDS = 100_000;
const MAX_VALIDATORS = 100_000;
const MAX_SETS = 10_000;
const MAX_SET = 1000;
const MAX_ITEMS = 500;
const MAX_PATH = 64;
const DISCLOSURE = /^[A-Za-z0-9_-]{1,32768}$/;
const MEMBERS = [
  "anchors", "as_of", "chain", "consistency", "entries", "format", "predecessors", "scope",
  "state",
];

/** A decoded bundle: the members of the file; `asOf` is the height the state proofs are under. */
export class Bundle {
  constructor(fields) {
    Object.assign(this, fields);
  }

  /** All chains, oldest first. */
  get chains() {
    return [...this.predecessors, this.chain];
  }
}

/**
 * Decode a bundle.
 * @throws {InvalidInput} names the place and the rule.
 */
export function decodeBundle(data) {
  const value = decodeJsonObject(data, { place: "bundle", maxBytes: MAX_BUNDLE_BYTES });
  exactMembers(value, "bundle", MEMBERS);
  if (value.format !== BUNDLE_FORMAT) {
    throw new InvalidInput("bundle.format", `must be ${BUNDLE_FORMAT}`, "不是证据包");
  }
  if (value.scope !== "dossier" && value.scope !== "record") {
    throw new InvalidInput("bundle.scope", "must be dossier or record", "范围未知");
  }
  const each = (name, read, bounds) => readEach(value[name], `bundle.${name}`, read, bounds);
  const bundle = new Bundle({
    scope: value.scope,
    asOf: readInteger(value.as_of, "bundle.as_of", { least: 1 }),
    chain: readChain(value.chain, "bundle.chain"),
    predecessors: each("predecessors", readChain, { most: MAX_PREDECESSORS }),
    entries: each("entries", readEntry, { least: 1, most: MAX_RECORDS }),
    state: each("state", readStateProof, { most: MAX_RECORDS }),
    consistency: each("consistency", readConsistency, { most: MAX_ITEMS }),
    anchors: each("anchors", readKind, { most: MAX_ITEMS }),
  });
  const sets = bundle.chains.flatMap((chain) => chain.validatorSets);
  checkCount(sets.map((set) => set.validators), "bundle");
  return bundle;
}

/** What shows a chain. `genesisPath` leads to the newest roots of the bundle. */
function readChain(value, place) {
  const members = exactMembers(
    value, place, ["commits", "genesis", "genesis_path", "headers", "roots", "validator_sets"]);
  const some = { least: 1, most: MAX_RECORDS };
  const genesis = readText(members.genesis, `${place}.genesis`, { most: MAX_GENESIS_BYTES });
  return {
    genesis: utf8(genesis),
    genesisPath: readPath(members.genesis_path, `${place}.genesis_path`),
    headers: readEach(members.headers, `${place}.headers`, readHeader, some),
    commits: readEach(members.commits, `${place}.commits`, readCommit, some),
    validatorSets: readSets(members.validator_sets, `${place}.validator_sets`),
    roots: readEach(members.roots, `${place}.roots`, readRoots, some),
  };
}

function readPath(value, place) {
  return readEach(value, place, readHash, { most: MAX_PATH });
}

/**
 * An entry's text, its index in the log, and its paths: `path` leads to the roots after its own
 * block, `pathAsOf` to the bundle's newest. `disclosures` are private fields of this very record.
 */
function readEntry(value, place) {
  const members = exactMembers(
    value, place, ["disclosures", "entry", "index", "path", "path_as_of"]);
  return {
    text: utf8(readText(members.entry, `${place}.entry`, { most: MAX_ENTRY_BYTES })),
    index: readInteger(members.index, `${place}.index`),
    path: readPath(members.path, `${place}.path`),
    pathAsOf: readPath(members.path_as_of, `${place}.path_as_of`),
    disclosures: readEach(
      members.disclosures, `${place}.disclosures`, readDisclosure, { most: MAX_DIGESTS }),
  };
}

function readDisclosure(value, place) {
  return readMatch(value, place, DISCLOSURE, "must be base64url", "须为 base64url");
}

/** Proof that the log of `first` entries is a prefix of that of `second`. */
function readConsistency(value, place) {
  const members = exactMembers(
    value, place, ["first", "first_root", "proof", "second", "second_root"]);
  return {
    first: readInteger(members.first, `${place}.first`, { least: 1 }),
    firstRoot: readHash(members.first_root, `${place}.first_root`),
    second: readInteger(members.second, `${place}.second`, { least: 1 }),
    secondRoot: readHash(members.second_root, `${place}.second_root`),
    proof: readPath(members.proof, `${place}.proof`),
  };
}

/** Log and state after the block at `height`; the app_hash of them is in the next header. */
function readRoots(value, place) {
  const members = exactMembers(value, place, ["height", "root", "size", "state_root"]);
  return {
    height: readInteger(members.height, `${place}.height`),
    size: readInteger(members.size, `${place}.size`, { least: 1 }),
    root: readHash(members.root, `${place}.root`),
    stateRoot: readHash(members.state_root, `${place}.state_root`),
  };
}

function readSets(value, place) {
  const sets = readList(value, place, { least: 1, most: MAX_SETS });
  checkCount(sets.filter(Array.isArray), place);
  return readEach(sets, place, readSet, { least: 1, most: MAX_SETS });
}

function checkCount(sets, place) {
  if (sets.reduce((sum, set) => sum + set.length, 0) > MAX_VALIDATORS) {
    throw new InvalidInput(
      place, `may have at most ${MAX_VALIDATORS} validators in all`,
      `验证节点合计不得超过 ${MAX_VALIDATORS}`);
  }
}

function readSet(value, place) {
  const validators = readEach(value, place, readValidator, { least: 1, most: MAX_SET });
  const set = new ValidatorSet(validators);
  if (!set.isInOrder) {
    throw new InvalidInput(
      place, "must be in order: by power, highest first, then by address", "验证节点次序有误");
  }
  return set;
}
