/**
 * Proofs of Ethereum's Merkle-Patricia tries (Yellow Paper, appendix D): that a key has a value. A
 * proof is the nodes from the root down to the value, in that order and none besides. Mirrors
 * node/core/anchors/trie.py.
 */

import { equal, toHex } from "../bytes.js";
import { keccak256 } from "../crypto/keccak.js";
import { InvalidInput } from "../errors.js";
import { decodeRlp, rlpItems } from "./rlp.js";

/**
 * The value that the trie with `root` (32 bytes) has under `key`.
 *
 * @param {Uint8Array} root Keccak-256 of the first node.
 * @param {Uint8Array} key the key as the trie has it, so already hashed where keys are hashed.
 * @param {Uint8Array[]} proof RLP of the nodes from the root on.
 * @throws {InvalidInput} the nodes do not lead from the root to a value under this key, or go on,
 *   or one is not what a trie's node is.
 */
export function verifyTrieValue(root, key, proof, place) {
  const path = toHex(key);
  let expected = root;
  let position = 0;
  let used = 0;
  for (;;) {
    const isHash = !Array.isArray(expected);
    const at = `${place}[${isHash ? used : used - 1}]`;
    const node = isHash ? nodeOf(expected, proof, used, at) : expected;
    used += isHash ? 1 : 0;
    const step = descend(nodeItems(node, at), path, position, at);
    if (step.isValue) {
      return provenValue(step.below, used, proof, place, at);
    }
    position = step.position;
    expected = childOf(step.below, at);
  }
}

function provenValue(value, used, proof, place, at) {
  if (used !== proof.length) {
    throw new InvalidInput(
      `${place}[${used}]`, "lies behind the value that is proven", "位于所证明的值之后，多余");
  }
  if (Array.isArray(value) || value.length === 0) {
    throw new InvalidInput(at, "has no value under this key", "该键下没有值");
  }
  return value;
}

/** The next node of the proof, which must have this hash. */
function nodeOf(digest, proof, used, at) {
  if (used >= proof.length) {
    throw new InvalidInput(at, "is missing: the proof ends before a value", "证明不完整");
  }
  if (!equal(keccak256(proof[used]), digest)) {
    throw new InvalidInput(
      at, "does not have the hash that the node above names", "哈希与上层节点所列不符");
  }
  return decodeRlp(proof[used], at);
}

function nodeItems(node, at) {
  const items = rlpItems(node, at, { least: 2, most: 17 });
  if (items.length !== 2 && items.length !== 17) {
    throw new InvalidInput(at, "must have 2 or 17 items", "须有 2 项或 17 项");
  }
  return items;
}

/** How far the path has been walked behind this node, what lies there, whether it is the value. */
function descend(items, path, position, at) {
  if (items.length === 17) {
    if (position === path.length) {
      return { position, below: items[16], isValue: true };
    }
    const below = items[parseInt(path[position], 16)];
    return { position: position + 1, below, isValue: false };
  }
  const [part, isLeaf] = decodePart(items[0], at);
  const rest = path.slice(position);
  if (isLeaf) {
    if (part !== rest) {
      throw new InvalidInput(at, "is the leaf of another key", "是另一个键的叶节点");
    }
    return { position: path.length, below: items[1], isValue: true };
  }
  if (part === "" || !rest.startsWith(part)) {
    throw new InvalidInput(at, "leads to other keys", "通向其他键");
  }
  return { position: position + part.length, below: items[1], isValue: false };
}

/** Part of a key, as hex digits, and whether a value follows: the hex-prefix encoding. */
function decodePart(item, at) {
  if (Array.isArray(item) || item.length === 0) {
    throw new InvalidInput(at, "has no part of a key", "缺少键的片段");
  }
  const digits = toHex(item);
  const flag = parseInt(digits[0], 16);
  if (flag > 3 || (!(flag & 1) && digits[1] !== "0")) {
    throw new InvalidInput(
      at, "has a key part that is not in hex-prefix encoding", "键的片段编码不符");
  }
  return [digits.slice(flag & 1 ? 1 : 2), Boolean(flag & 2)];
}

/** What a node names as the next: a hash, or a node of less than 32 bytes itself. */
function childOf(item, at) {
  if (Array.isArray(item)) {
    return item;
  }
  if (item.length === 0) {
    throw new InvalidInput(at, "has nothing under this key", "该键下没有内容");
  }
  if (item.length !== 32) {
    throw new InvalidInput(at, "names a node by something that is no hash", "对下层节点的引用不是哈希");
  }
  return item;
}
