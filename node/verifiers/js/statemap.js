/**
 * The state map: what every node must hold alike, committed to by one root. Mirrors the checks of
 * node/core/statemap.py (docs/spec/state-map.md, "Proof").
 */

import { concat, equal, utf8 } from "./bytes.js";
import { Sha256, sha256 } from "./crypto/sha256.js";
import { InvalidInput } from "./errors.js";
import { exactMembers, hasMember, readEach, readHash, readInteger, readMatch } from "./fields.js";

const MAX_DEPTH = 64;
const MAX_KEY = 257;
const PREFIXES =
  "anchor|code|consortium|dossier|filing|key|member|misbehaviour|parameter|refused|seal|validator";
const STATE_KEY = new RegExp(`^(?:${PREFIXES})/[A-Za-z0-9._:/|-]{1,${MAX_KEY}}$`);
const STATE_KEY_RULE =
  `must be a known prefix, '/', and 1 to ${MAX_KEY} of A-Za-z0-9._:/|-`;
const STATE_KEY_RULE_ZH = `须为已知前缀、“/”及 1 至 ${MAX_KEY} 个字母、数字或 . _ : / | -`;
const LEAF = Uint8Array.of(2);
const NODE = Uint8Array.of(3);
const EMPTY_STATE = new Uint8Array(32);

/** SHA-256 of the key's ASCII text. */
export function keyHash(key) {
  return sha256(utf8(key));
}

/** The `depth`-th half byte of a key's hash, high half first. */
export function nibble(path, depth) {
  const byte = path[depth >> 1];
  return depth % 2 === 1 ? byte & 15 : byte >> 4;
}

/** Hash of the leaf of a key (given its hash) and a value (given its hash). */
export function stateLeaf(path, valueHash) {
  return new Sha256().update(LEAF).update(path).update(valueHash).digest();
}

/** Hash of an inner node; `children` are the present children's hashes in nibble order. */
export function stateNode(bitmap, children) {
  const head = Uint8Array.of(bitmap >> 8, bitmap & 255);
  return new Sha256().update(NODE).update(head).update(concat(...children)).digest();
}

/**
 * That `key` has `value` (its bytes) under a root, or (`value` null) that it is absent.
 *
 * `path` holds for each inner node from the root down its `bitmap` and the hashes of its children
 * but the one on the way, `siblings`. `other` is, for an absent key, `{keyHash, valueHash}` of the
 * leaf that stands alone where it would be, or null.
 */
export class StateProof {
  constructor(key, value, path, other) {
    this.key = key;
    this.value = value;
    this.path = path;
    this.other = other;
  }
}

/**
 * Decode a proof as it stands in a bundle.
 * @throws {InvalidInput}
 */
export function readStateProof(value, place) {
  const members = exactMembers(value, place, ["key", "path"], ["value", "other"]);
  const key = readMatch(members.key, `${place}.key`, STATE_KEY, STATE_KEY_RULE, STATE_KEY_RULE_ZH);
  const present = hasMember(members, "value");
  const hasOther = hasMember(members, "other");
  if (present && (typeof members.value !== "string" || hasOther)) {
    throw new InvalidInput(`${place}.value`, "must be text, and excludes other", "须为文本");
  }
  return new StateProof(
    key,
    present ? utf8(members.value) : null,
    readEach(members.path, `${place}.path`, readStep, { most: MAX_DEPTH }),
    hasOther ? readOther(members.other, `${place}.other`) : null,
  );
}

function readStep(value, place) {
  const members = exactMembers(value, place, ["bitmap", "siblings"]);
  return {
    bitmap: readInteger(members.bitmap, `${place}.bitmap`, { least: 1, most: 65_535 }),
    siblings: readEach(members.siblings, `${place}.siblings`, readHash, { most: 16 }),
  };
}

function readOther(value, place) {
  const members = exactMembers(value, place, ["key_hash", "value_hash"]);
  return {
    keyHash: readHash(members.key_hash, `${place}.key_hash`),
    valueHash: readHash(members.value_hash, `${place}.value_hash`),
  };
}

function refuse(rule, ruleZh) {
  throw new InvalidInput("state proof", rule, ruleZh);
}

/**
 * Check that `proof` shows its key's value, or its absence, under `root`.
 * @throws {InvalidInput} it does not.
 */
export function verifyStateProof(proof, root) {
  const path = keyHash(proof.key);
  let current = terminal(proof, path);
  if (current === null && proof.path.length === 0) {
    if (!equal(root, EMPTY_STATE)) {
      refuse("the map is not empty", "状态并非为空");
    }
    return;
  }
  for (let depth = proof.path.length - 1; depth >= 0; depth -= 1) {
    current = above(current, proof.path[depth], nibble(path, depth));
  }
  if (!equal(current, root)) {
    refuse(`${proof.key} does not lead to this state root`, `${proof.key} 与状态根不符`);
  }
}

/** The node above `current` (null: nothing stands there), which is its child at `digit`. */
function above(current, { bitmap, siblings }, digit) {
  const bit = 1 << digit;
  const children = [...siblings];
  if (current === null) {
    if ((bitmap & bit) !== 0) {
      refuse("the place said to be empty is not", "所称空缺之处并非空缺");
    }
  } else if ((bitmap & bit) === 0) {
    refuse("the way down is not in the bitmap", "证明路径与位图不符");
  } else {
    children.splice(countBits(bitmap & (bit - 1)), 0, current);
  }
  if (countBits(bitmap) !== children.length) {
    refuse("the bitmap does not count the siblings", "位图与哈希数目不符");
  }
  return stateNode(bitmap, children);
}

function terminal(proof, path) {
  if (proof.value !== null) {
    return stateLeaf(path, sha256(proof.value));
  }
  if (proof.other === null) {
    return null;
  }
  const { keyHash: other, valueHash } = proof.other;
  const shared = proof.path.every((_, step) => nibble(other, step) === nibble(path, step));
  if (equal(other, path) || !shared) {
    refuse("the other leaf does not stand in this key's place", "所示他项不在此键之处");
  }
  return stateLeaf(other, valueHash);
}

function countBits(number) {
  let count = 0;
  for (let rest = number; rest !== 0; rest &= rest - 1) {
    count += 1;
  }
  return count;
}
