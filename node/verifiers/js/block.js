/**
 * Blocks as CometBFT 0.38 has them: header hash, validator set, commit (docs/spec/block.md).
 * Mirrors what node/core/block.py checks.
 *
 * Merkle trees here are CometBFT's: SHA-256, leaf 0x00‖x, inner 0x01‖l‖r, split at the largest
 * power of two below the count. Structures are protobuf as in CometBFT's `types.proto`.
 */

import { compare, concat, equal, toHex, utf8 } from "./bytes.js";
import { sha256 } from "./crypto/sha256.js";
import { InvalidInput } from "./errors.js";
import { leafHash, rootOfLeaves } from "./merkle.js";
import { bytesField, encodeUvarint, fixed64, varintField } from "./protobuf.js";
import { verifyVoteSignature } from "./vote_signature.js";

/** The one version of block headers that is known. */
export const BLOCK_PROTOCOL = 11;
/** The rules that this verifier knows: of a genesis, and `app` of a header, in force there. */
export const RULES_VERSION = 1;
/** Kinds of votes in a commit. */
export const FLAG_ABSENT = 1;
export const FLAG_COMMIT = 2;

const APP_HASH_TAG = utf8("evidence-ledger/app/1");
const PRECOMMIT = Uint8Array.of(0x08, 0x02);
const HEIGHT_TAG = Uint8Array.of(0x11);
const ROUND_TAG = Uint8Array.of(0x19);
// A vote that does not hold takes a hundred times as long: of a bad commit few are looked at.
const AT_ONCE = 16;

/** Merkle root of byte strings; the shape is that of RFC 9162. */
export function treeRoot(items) {
  return rootOfLeaves(items.map(leafHash));
}

/** SHA-256("evidence-ledger/app/1" ‖ u64 size, big-endian ‖ log root ‖ state root). */
export function appHash(size, logRoot, stateRoot) {
  return sha256(concat(APP_HASH_TAG, fixed64(size).reverse(), logRoot, stateRoot));
}

/** Seconds and nanoseconds since the Unix epoch, UTC. */
export class Timestamp {
  constructor(seconds, nanos) {
    this.seconds = seconds;
    this.nanos = nanos;
  }

  /** Milliseconds since the epoch, rounded down. */
  get milliseconds() {
    return this.seconds * 1000 + Math.floor(this.nanos / 1_000_000);
  }

  /** Whether this is later than another. */
  isAfter(other) {
    return this.seconds === other.seconds
      ? this.nanos > other.nanos
      : this.seconds > other.seconds;
  }

  /** google.protobuf.Timestamp. */
  encode() {
    return concat(varintField(1, this.seconds), varintField(2, this.nanos));
  }
}

/** A block's header hash, and the count and root of its parts. */
export class BlockId {
  constructor(hash, total, partsHash) {
    this.hash = hash;
    this.total = total;
    this.partsHash = partsHash;
  }

  /** BlockID, and CanonicalBlockID; the part set header is written even when it is empty. */
  encode() {
    const parts = concat(varintField(1, this.total), bytesField(2, this.partsHash));
    return concat(bytesField(1, this.hash), bytesField(2, parts, { always: true }));
  }
}

/** The 14 fields of a CometBFT 0.38 block header. `version` is [block, app]. */
export class Header {
  constructor(fields) {
    Object.assign(this, fields);
    this.knownHash = null;
  }

  /** Merkle root of the encoded fields: the block's identity. */
  hash() {
    this.knownHash ??= treeRoot([
      concat(varintField(1, this.version[0]), varintField(2, this.version[1])),
      bytesField(1, utf8(this.chainId)),
      varintField(1, this.height),
      this.time.encode(),
      this.lastBlockId.encode(),
      bytesField(1, this.lastCommitHash),
      bytesField(1, this.dataHash),
      bytesField(1, this.validatorsHash),
      bytesField(1, this.nextValidatorsHash),
      bytesField(1, this.consensusHash),
      bytesField(1, this.appHash),
      bytesField(1, this.lastResultsHash),
      bytesField(1, this.evidenceHash),
      bytesField(1, this.proposerAddress),
    ]);
    return this.knownHash;
  }
}

/** One validator's vote in a commit. `flag` is absent or commit. */
export class CommitSignature {
  constructor(flag, address, time, signature) {
    this.flag = flag;
    this.address = address;
    this.time = time;
    this.signature = signature;
  }
}

/** Votes of one round for one block. */
export class Commit {
  constructor(height, round, blockId, signatures) {
    this.height = height;
    this.round = round;
    this.blockId = blockId;
    this.signatures = signatures;
  }

  /** What a validator whose vote has `time` signs: a length-prefixed CanonicalVote. */
  signBytes(chainId, time) {
    const round = this.round === 0 ? [] : [ROUND_TAG, fixed64(this.round)];
    const message = concat(
      PRECOMMIT,
      HEIGHT_TAG,
      fixed64(this.height),
      ...round,
      bytesField(4, this.blockId.encode()),
      bytesField(5, time.encode(), { always: true }),
      bytesField(6, utf8(chainId)),
    );
    return concat(encodeUvarint(message.length), message);
  }
}

/** An Ed25519 key (32 bytes) and its voting power. */
export class Validator {
  constructor(publicKey, power) {
    this.publicKey = publicKey;
    this.power = power;
    this.knownAddress = null;
  }

  /** The first 20 bytes of SHA-256 of the key. */
  get address() {
    this.knownAddress ??= sha256(this.publicKey).slice(0, 20);
    return this.knownAddress;
  }

  /** SimpleValidator {PublicKey{ed25519}, power}: a leaf of validators_hash. */
  encodeSimple() {
    return concat(bytesField(1, bytesField(1, this.publicKey)), varintField(2, this.power));
  }
}

function inOrder(one, other) {
  return other.power - one.power || compare(one.address, other.address);
}

/** Validators in CometBFT's order: by power, highest first, then by address. */
export class ValidatorSet {
  constructor(validators) {
    this.validators = validators;
    this.knownHash = null;
  }

  /** The set of these validators, put in order. */
  static of(validators) {
    return new ValidatorSet([...validators].sort(inOrder));
  }

  /** Whether the validators are in order. */
  get isInOrder() {
    const list = this.validators;
    return list.every((item, place) => place === 0 || inOrder(list[place - 1], item) <= 0);
  }

  /** What stands as validators_hash in headers. */
  hash() {
    this.knownHash ??= treeRoot(this.validators.map((validator) => validator.encodeSimple()));
    return this.knownHash;
  }

  /** Its hash in hex. */
  get name() {
    return toHex(this.hash());
  }

  /** The sum of all powers, a BigInt: it may be beyond 2^53. */
  get totalPower() {
    return this.validators.reduce((sum, { power }) => sum + BigInt(power), 0n);
  }
}

/**
 * Check that more than 2/3 of the power of `validators` signed for `header`.
 *
 * Absent votes do not count, nor may one validator count twice; every counted signature must hold.
 * @throws {InvalidInput} the commit is of another block or height, of other validators, has too
 *   little power, or a signature does not hold.
 */
export async function verifyCommit(header, commit, validators) {
  if (!equal(validators.hash(), header.validatorsHash)) {
    throw new InvalidInput(
      "validators", "are not the set that the header names", "验证节点集合与区块头不符");
  }
  if (commit.height !== header.height || !equal(commit.blockId.hash, header.hash())) {
    throw new InvalidInput("commit", "is for another block", "提交所指为另一区块");
  }
  if (commit.signatures.length !== validators.validators.length) {
    throw new InvalidInput(
      "commit", "must have a place for each validator", "提交与验证节点数目不符");
  }
  const signed = await signedPower(header, commit, validators);
  const total = validators.totalPower;
  if (3n * signed <= 2n * total) {
    throw new InvalidInput(
      "commit", `power ${signed} of ${total} signed, more than 2/3 must`,
      `仅有权重 ${signed}/${total} 签名，须超过三分之二`);
  }
}

/** The power of all counted votes, a BigInt. Some are checked at once; the first fault is told. */
async function signedPower(header, commit, validators) {
  let signed = 0n;
  for (let start = 0; start < commit.signatures.length; start += AT_ONCE) {
    const votes = commit.signatures.slice(start, start + AT_ONCE);
    const powers = await Promise.all(votes.map((vote, place) => (
      countedPower(header, commit, vote, validators.validators[start + place], start + place)
    )));
    for (const power of powers) {
      if (power instanceof InvalidInput) {
        throw power;
      }
      signed += power;
    }
  }
  return signed;
}

/** The power that a vote adds, a BigInt; or, not thrown, why it is refused. */
async function countedPower(header, commit, vote, validator, position) {
  if (vote.flag !== FLAG_COMMIT) {
    return 0n;
  }
  const place = `commit.signatures[${position}]`;
  if (!equal(vote.address, validator.address)) {
    return new InvalidInput(
      place, "is not of the validator in this place", "签名者与此处的验证节点不符");
  }
  try {
    const message = commit.signBytes(header.chainId, vote.time);
    await verifyVoteSignature(validator.publicKey, message, vote.signature);
  } catch (error) {
    if (!(error instanceof InvalidInput)) {
      throw error;
    }
    return new InvalidInput(place, error.rule, "验证节点的签名与其公钥不符");
  }
  return BigInt(validator.power);
}
