/**
 * The log's Merkle tree (RFC 9162 §2.1): hashes, and checks of its proofs (docs/spec/log.md).
 * Mirrors what node/core/merkle.py checks; nothing here makes a proof.
 *
 * Sizes and indexes go up to 2^53-1, so they are halved by division: a shift would cut them to 32
 * bits.
 */

import { equal } from "./bytes.js";
import { Sha256, sha256 } from "./crypto/sha256.js";
import { InvalidInput } from "./errors.js";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** SHA-256(0x00 ‖ entry). */
export function leafHash(entry) {
  return new Sha256().update(LEAF).update(entry).digest();
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left, right) {
  return new Sha256().update(NODE).update(left).update(right).digest();
}

/** Merkle tree hash of a list of leaf hashes (RFC 9162 §2.1.1). */
export function rootOfLeaves(leaves) {
  if (leaves.length === 0) {
    return sha256(new Uint8Array(0));
  }
  if (leaves.length === 1) {
    return leaves[0];
  }
  let split = 1;
  while (2 * split < leaves.length) {
    split *= 2;
  }
  return nodeHash(rootOfLeaves(leaves.slice(0, split)), rootOfLeaves(leaves.slice(split)));
}

/** Where a proof stands on its way up: the node's place in its row, and the row's last place. */
class Way {
  constructor(position, last) {
    this.position = position;
    this.last = last;
  }

  /** Whether the next sibling stands to the left of the node. */
  get fromLeft() {
    return this.position % 2 === 1 || this.position === this.last;
  }

  up() {
    this.position = Math.floor(this.position / 2);
    this.last = Math.floor(this.last / 2);
  }

  /** Up, past the rows in which the node has no sibling. */
  upPastEdge() {
    while (this.position % 2 === 0 && this.position !== 0) {
      this.up();
    }
  }
}

/**
 * Check an audit path (RFC 9162 §2.1.3.2).
 * @throws {InvalidInput} the path does not lead from `leaf` at `index` to `root`.
 */
export function verifyInclusion(leaf, index, size, path, root) {
  if (index < 0 || index >= size) {
    throw new InvalidInput("index", `must be below the tree's size ${size}`, "序号不在日志范围内");
  }
  const way = new Way(index, size - 1);
  let node = leaf;
  path.forEach((sibling, step) => {
    if (way.last === 0) {
      throw new InvalidInput(
        `path[${step}]`, "the path is too long for this index and size", "证明路径过长");
    }
    if (way.fromLeft) {
      node = nodeHash(sibling, node);
      way.upPastEdge();
    } else {
      node = nodeHash(node, sibling);
    }
    way.up();
  });
  if (way.last !== 0) {
    throw new InvalidInput(
      "path", "the path is too short for this index and size", "证明路径过短");
  }
  if (!equal(node, root)) {
    throw new InvalidInput("path", "the path does not lead to this root", "证明路径与日志根不符");
  }
}

/**
 * Check a consistency proof (RFC 9162 §2.1.4.2).
 * @throws {InvalidInput} it does not show that the first tree is a prefix of the second.
 */
export function verifyConsistency(first, second, proof, firstRoot, secondRoot) {
  if (first <= 0 || first > second) {
    throw new InvalidInput("first", `must be between 1 and ${second}`, "前后大小颠倒");
  }
  if (first === second) {
    if (proof.length !== 0 || !equal(firstRoot, secondRoot)) {
      throw new InvalidInput(
        "proof", "trees of one size must have one root and an empty proof", "同一大小的根不一致");
    }
    return;
  }
  const hashes = isPowerOfTwo(first) ? [firstRoot, ...proof] : proof;
  if (hashes.length === 0) {
    throw new InvalidInput("proof", "is empty", "一致性证明为空");
  }
  if (!leads(first, second, hashes, firstRoot, secondRoot)) {
    throw new InvalidInput("proof", "does not connect these two roots", "一致性证明不成立");
  }
}

function isPowerOfTwo(number) {
  let rest = number;
  while (rest % 2 === 0) {
    rest /= 2;
  }
  return rest === 1;
}

function leads(first, second, hashes, firstRoot, secondRoot) {
  const way = new Way(first - 1, second - 1);
  while (way.position % 2 === 1) {
    way.up();
  }
  let [old] = hashes;
  let [now] = hashes;
  for (const sibling of hashes.slice(1)) {
    if (way.last === 0) {
      return false;
    }
    if (way.fromLeft) {
      old = nodeHash(sibling, old);
      now = nodeHash(sibling, now);
      way.upPastEdge();
    } else {
      now = nodeHash(now, sibling);
    }
    way.up();
  }
  return way.last === 0 && equal(old, firstRoot) && equal(now, secondRoot);
}
