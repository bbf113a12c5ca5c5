/**
 * Blocks of Hyperledger Fabric: what their hashes and their orderers' signatures are over.
 *
 * Format: protos/common/common.proto, protoutil/blockutils.go of Fabric 2.x and 3.x. Mirrors
 * node/core/anchors/fabric_block.py.
 */

import { compare, concat, equal, fromBase64 } from "../bytes.js";
import { bitLength, numberToBytes } from "../crypto/numbers.js";
import { Sha256, sha256 } from "../crypto/sha256.js";
import { InvalidInput } from "../errors.js";
import {
  exactMembers,
  hasMember,
  readEach,
  readHash,
  readInteger,
  readList,
  readText,
} from "../fields.js";
import { isObject } from "../json.js";
import { INTEGER, OCTET_STRING, SEQUENCE, encodeDer } from "./der.js";

/** Of all data items of a receipt's block together: a block hash can only be shown with all. */
export const MAX_BLOCK_BYTES = 4 << 20;

const MAX_ITEMS = 10_000;
const MAX_LINK = 100_000;

/** SHA-256 of SEQUENCE { INTEGER number, OCTET STRING previous_hash, OCTET STRING data_hash }. */
function headerHash(number, previousHash, dataHash) {
  return sha256(headerDer(number, previousHash, dataHash));
}

function headerDer(number, previousHash, dataHash) {
  const big = BigInt(number);
  const octets = numberToBytes(big, Math.floor(bitLength(big) / 8) + 1);
  return encodeDer(
    SEQUENCE,
    encodeDer(INTEGER, octets),
    encodeDer(OCTET_STRING, previousHash),
    encodeDer(OCTET_STRING, dataHash),
  );
}

/**
 * A block as a receipt has it: header, all data items, and the orderers' `signatures` with the
 * metadata value that they cover, each `{header, byNumber, signature}`. Nothing in it is believed
 * before these are checked.
 */
export class FabricBlock {
  constructor({ number, previousHash, data, metadata, signatures }) {
    this.number = number;
    this.previousHash = previousHash;
    this.data = data;
    this.metadata = metadata;
    this.signatures = signatures;
    this._header = null;
  }

  /** The header's DER; the data's hash in it is of the items one after the other. */
  header() {
    if (this._header === null) {
      const hash = new Sha256();
      this.data.forEach((item) => hash.update(item));
      this._header = headerDer(this.number, this.previousHash, hash.digest());
    }
    return this._header;
  }

  /** What the next block names as its previous_hash. */
  hash() {
    return sha256(this.header());
  }

  /** What `signature` is over. */
  signedBy(signature) {
    return concat(this.metadata, signature.header, this.header());
  }
}

/** Canonical base64 (RFC 4648 §4) of `least` to `most` bytes. */
export function readBase64(value, place, { most, least = 1 }) {
  const text = readText(value, place, { most: Math.ceil(most / 3) * 4, least: 0 });
  const raw = fromBase64(text, place);
  if (raw.length < least || raw.length > most) {
    throw new InvalidInput(
      place, `must be ${least} to ${most} bytes`, `须为 ${least} 至 ${most} 字节`);
  }
  return raw;
}

/** Decode the `block` of a receipt. */
export function readBlock(value, place) {
  const names = ["data", "metadata", "number", "previous_hash", "signatures"];
  const members = exactMembers(value, place, names);
  const metadata = { most: 65_536, least: 0 };
  return new FabricBlock({
    data: readData(members.data, `${place}.data`),
    number: readInteger(members.number, `${place}.number`, { least: 1 }),
    previousHash: readHash(members.previous_hash, `${place}.previous_hash`),
    metadata: readBase64(members.metadata, `${place}.metadata`, metadata),
    signatures: readSignatures(members.signatures, `${place}.signatures`),
  });
}

function readData(value, place) {
  const data = [];
  let total = 0;
  readList(value, place, { most: MAX_ITEMS, least: 1 }).forEach((item, position) => {
    data.push(readBase64(item, `${place}[${position}]`, { most: MAX_BLOCK_BYTES }));
    total += data[position].length;
    if (total > MAX_BLOCK_BYTES) {
      throw new InvalidInput(
        place, `more than ${MAX_BLOCK_BYTES} bytes together`, `合计超过 ${MAX_BLOCK_BYTES} 字节`);
    }
  });
  return data;
}

/** In one order only, so that nobody can put them into another or one of them twice. */
function readSignatures(value, place) {
  const found = readEach(value, place, readSignature, { most: 1_000, least: 1 });
  for (let at = 1; at < found.length; at += 1) {
    if (compare(found[at - 1].header, found[at].header) >= 0) {
      throw new InvalidInput(
        place,
        "must ascend by header or identifier, where none signs twice",
        "须按签名头或编号升序排列，且不得重复",
      );
    }
  }
  return found;
}

function readSignature(value, place) {
  const byNumber = isObject(value) && hasMember(value, "identifier");
  const name = byNumber ? "identifier" : "header";
  const members = exactMembers(value, place, [name, "signature"]);
  return {
    header: readBase64(members[name], `${place}.${name}`, { most: 65_536 }),
    byNumber,
    signature: readBase64(members.signature, `${place}.signature`, { most: 256 }),
  };
}

/**
 * Check that `block` descends from a pinned one, and return which.
 *
 * `value` has `from`, the pinned block's number, and `data_hashes`, those of the blocks between the
 * two; the hash of each header follows from the one before it.
 *
 * @param {Map<number, Uint8Array>} pinned header hashes by number.
 * @throws {InvalidInput} the hashes lead to another block.
 */
export function readLink(value, place, block, pinned) {
  const members = exactMembers(value, place, ["data_hashes", "from"]);
  const start = readInteger(members.from, `${place}.from`);
  const hashes = readList(members.data_hashes, `${place}.data_hashes`, { most: MAX_LINK });
  if (!pinned.has(start)) {
    throw new InvalidInput(
      `${place}.from`, "the trust file has no hash of this block", "信任文件没有该区块的哈希");
  }
  let reached = pinned.get(start);
  hashes.forEach((item, position) => {
    const dataHash = readHash(item, `${place}.data_hashes[${position}]`);
    reached = headerHash(start + 1 + position, reached, dataHash);
  });
  if (start + hashes.length + 1 !== block.number || !equal(reached, block.previousHash)) {
    throw new InvalidInput(
      place, "the block does not descend from the pinned one", "该区块并非承自所固定的区块");
  }
  return start;
}
