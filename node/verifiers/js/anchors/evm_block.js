/**
 * What a block of an EVM chain shows about the anchor contract: by its state or by its receipts.
 *
 * Storage of the contract (contracts/evm): slot 0 is a mapping of log sizes to anchors, each three
 * slots: root, digest of the point, and confirmedAt (64 bits) with attestations (32 bits) above it.
 * Mirrors node/core/anchors/evm_block.py.
 */

import { concat, equal, utf8 } from "../bytes.js";
import { keccak256 } from "../crypto/keccak.js";
import { bytesToNumber, numberToBytes } from "../crypto/numbers.js";
import { InvalidInput } from "../errors.js";
import { decodeRlp, encodeRlpNumber, rlpBytes, rlpItems, rlpNumber } from "./rlp.js";
import { verifyTrieValue } from "./trie.js";

const ATTESTED_TOPIC = keccak256(utf8("Attested(uint64,address,bytes32,bytes32)"));
const ANCHORED_TOPIC = keccak256(utf8("Anchored(uint64,bytes32,bytes32)"));
const ATTEST_SELECTOR = keccak256(utf8("attest(uint64,bytes32,bytes32)")).subarray(0, 4);
const LAST_SECOND = 253_402_300_799n;
const MAX_INTEGER = 2n ** 53n - 1n;
const WORD = 2n ** 256n - 1n;
const LENGTHS = [[0, 32], [1, 32], [2, 20], [3, 32], [4, 32], [5, 32], [6, 256], [13, 32], [14, 8]];

/**
 * Decode a header (Yellow Paper §4.4.2, EIP-1559 and later: fields are added behind).
 *
 * @returns `{hash, number, time, stateRoot, receiptsRoot}`; `time` in seconds.
 * @throws {InvalidInput}
 */
export function decodeHeader(data, place) {
  const items = rlpItems(decodeRlp(data, place, 1), place, { least: 15, most: 32 });
  for (const [index, length] of LENGTHS) {
    rlpBytes(items[index], `${place}[${index}]`, length);
  }
  items.slice(15).forEach((item, index) => {
    if (Array.isArray(item)) {
      throw new InvalidInput(`${place}[${15 + index}]`, "must be bytes in RLP", "须为 RLP 字节项");
    }
  });
  return {
    hash: keccak256(data),
    number: Number(rlpNumber(items[8], `${place}[8]`, MAX_INTEGER)),
    time: Number(rlpNumber(items[11], `${place}[11]`, LAST_SECOND)),
    stateRoot: items[3],
    receiptsRoot: items[5],
  };
}

/** The storage slots of the anchor at `size`: of its root, its digest, its times. */
function anchorSlots(size) {
  const first = bytesToNumber(keccak256(concat(word(size), new Uint8Array(32))));
  return [0n, 1n, 2n].map((step) => numberToBytes((first + step) & WORD, 32));
}

function word(number) {
  return numberToBytes(BigInt(number), 32);
}

/** The call data that attest `point`: `attest(size, root, digest)`. */
export function attestCall(point) {
  return concat(ATTEST_SELECTOR, word(point.size), point.root, point.digest());
}

/**
 * That the state behind `header` has `point` in the storage of `contract`.
 *
 * @param account proof of the contract's account in the state.
 * @param storage proofs of the three slots, in their order, in the account's storage.
 * @returns `{confirmed, confirmedAt, attestations}`: whether as many accounts as the contract asks
 *   for have attested it, since when (seconds, or null), and how many had (or null).
 * @throws {InvalidInput} a proof does not hold, or the contract holds something else.
 */
export function verifyState(header, contract, point, account, storage, place) {
  const at = `${place}.account`;
  const value = verifyTrieValue(header.stateRoot, keccak256(contract), account, at);
  const fields = rlpItems(decodeRlp(value, at), at, { least: 4, most: 4 });
  const storageRoot = rlpBytes(fields[2], at, 32);
  const words = anchorSlots(point.size).map((slot, number) => {
    const inner = `${place}.storage[${number}]`;
    const held = verifyTrieValue(storageRoot, keccak256(slot), storage[number], inner);
    return rlpNumber(decodeRlp(held, inner), inner, WORD);
  });
  if (words[0] !== bytesToNumber(point.root)) {
    throw new InvalidInput(
      `${place}.storage[0]`, "the contract holds another root at this size", "合约在此大小载有另一个根");
  }
  if (words[1] !== bytesToNumber(point.digest())) {
    throw new InvalidInput(
      `${place}.storage[1]`,
      "the contract holds another point at this size",
      "合约在此大小载有另一个锚定点",
    );
  }
  const confirmedAt = BigInt.asUintN(64, words[2]);
  const attestations = words[2] >> 64n;
  if (attestations < 1n || attestations >= 2n ** 32n || confirmedAt > BigInt(header.time)) {
    throw new InvalidInput(
      `${place}.storage[2]`, "is not what the anchor contract keeps there", "不是锚定合约所存的内容");
  }
  return {
    confirmed: confirmedAt > 0n,
    confirmedAt: confirmedAt > 0n ? Number(confirmedAt) : null,
    attestations: Number(attestations),
  };
}

/**
 * That the transaction number `index` of the block attested `point` at `contract`.
 *
 * @param proof of the transaction's receipt (Yellow Paper §4.4.1, EIP-2718).
 * @throws {InvalidInput} the proof does not hold, or no event of the contract has the point.
 */
export function verifyEvent(header, contract, point, index, proof, place) {
  const at = `${place}.receipt`;
  const raw = verifyTrieValue(header.receiptsRoot, encodeRlpNumber(index), proof, at);
  const body = raw[0] < 0x80 ? raw.subarray(1) : raw;
  const fields = rlpItems(decodeRlp(body, at), at, { least: 4, most: 4 });
  if (Array.isArray(fields[0]) || !equal(fields[0], Uint8Array.of(1))) {
    throw new InvalidInput(
      at, "the transaction failed, or the receipt has no status", "交易执行失败，或收据无状态");
  }
  const logs = rlpItems(fields[3], at, { least: 0, most: 1000 });
  const found = logs.map((log, number) => eventOf(log, contract, point, `${at}.log[${number}]`));
  if (!found.includes("anchored") && !found.includes("attested")) {
    throw new InvalidInput(
      at, "has no event by which the contract attested this point", "没有合约为该锚定点背书的事件");
  }
  return { confirmed: found.includes("anchored"), confirmedAt: null, attestations: null };
}

/** What a log by which `contract` says that it holds `point` is; null for any other. */
function eventOf(log, contract, point, at) {
  const [address, topics, data] = rlpItems(log, at, { least: 3, most: 3 });
  const named = rlpItems(topics, at, { least: 0, most: 4 });
  const isOfPoint = isBytes(address, contract)
    && isBytes(data, concat(point.root, point.digest()))
    && named.length > 1 && isBytes(named[1], word(point.size));
  if (!isOfPoint) {
    return null;
  }
  if (isBytes(named[0], ANCHORED_TOPIC) && named.length === 2) {
    return "anchored";
  }
  return isBytes(named[0], ATTESTED_TOPIC) && named.length === 3 ? "attested" : null;
}

function isBytes(item, bytes) {
  return !Array.isArray(item) && equal(item, bytes);
}
