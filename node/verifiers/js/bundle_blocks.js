/** Headers, commits and validators as they stand in bundles (docs/spec/bundle.md, "Members"). */

import { fromHex } from "./bytes.js";
import {
  BlockId, Commit, CommitSignature, FLAG_ABSENT, FLAG_COMMIT, Header, Timestamp, Validator,
} from "./block.js";
import { InvalidInput } from "./errors.js";
import { exactMembers, readEach, readInteger, readObject, readText } from "./fields.js";
import { readEd25519Bytes } from "./keys.js";
import { MAX_SECONDS } from "./transaction.js";

const YEAR_1 = -62_135_596_800;
const MAX_CHAIN_ID = 50;
const MAX_PARTS = 100_000;
const MAX_ROUND = 2 ** 31 - 1;
const MAX_NANOS = 999_999_999;
const MAX_VOTES = 1000;
const HASHES = {
  last_commit_hash: "lastCommitHash",
  data_hash: "dataHash",
  validators_hash: "validatorsHash",
  next_validators_hash: "nextValidatorsHash",
  consensus_hash: "consensusHash",
  app_hash: "appHash",
  last_results_hash: "lastResultsHash",
  evidence_hash: "evidenceHash",
};
const HEADER_MEMBERS = [
  ...Object.keys(HASHES), "chain_id", "height", "last_block_id", "proposer_address", "time",
  "version",
];

/** A validator. Its key is looked at when a proved header asks for its set. */
export function readValidator(value, place) {
  const members = exactMembers(value, place, ["power", "public_key"]);
  return new Validator(
    readEd25519Bytes(members.public_key, `${place}.public_key`),
    readInteger(members.power, `${place}.power`, { least: 1 }),
  );
}

function readTime(value, place, least = 0) {
  const members = exactMembers(value, place, ["nanos", "seconds"]);
  return new Timestamp(
    readInteger(members.seconds, `${place}.seconds`, { least, most: MAX_SECONDS }),
    readInteger(members.nanos, `${place}.nanos`, { most: MAX_NANOS }),
  );
}

function readBlockId(value, place) {
  const members = exactMembers(value, place, ["hash", "parts_hash", "parts_total"]);
  return new BlockId(
    readShort(members.hash, `${place}.hash`, 32),
    readInteger(members.parts_total, `${place}.parts_total`, { most: MAX_PARTS }),
    readShort(members.parts_hash, `${place}.parts_hash`, 32),
  );
}

/** `length` bytes of hex, or none at all. */
function readShort(value, place, length) {
  const raw = fromHex(value, place);
  if (raw.length !== 0 && raw.length !== length) {
    throw new InvalidInput(
      place, `must be ${length} bytes of hex, or empty`, `须为 ${length} 字节的十六进制，或为空`);
  }
  return raw;
}

/** A header. Throws InvalidInput. */
export function readHeader(value, place) {
  const members = exactMembers(value, place, HEADER_MEMBERS);
  const version = exactMembers(members.version, `${place}.version`, ["app", "block"]);
  const hashes = Object.entries(HASHES).map(([name, attribute]) => (
    [attribute, readShort(members[name], `${place}.${name}`, 32)]
  ));
  return new Header({
    version: [
      readInteger(version.block, `${place}.version.block`),
      readInteger(version.app, `${place}.version.app`),
    ],
    chainId: readText(members.chain_id, `${place}.chain_id`, { most: MAX_CHAIN_ID }),
    height: readInteger(members.height, `${place}.height`, { least: 1 }),
    time: readTime(members.time, `${place}.time`),
    lastBlockId: readBlockId(members.last_block_id, `${place}.last_block_id`),
    proposerAddress: readShort(members.proposer_address, `${place}.proposer_address`, 20),
    ...Object.fromEntries(hashes),
  });
}

/** A commit; votes for nil are left out of it, since they prove nothing. Throws InvalidInput. */
export function readCommit(value, place) {
  const members = exactMembers(value, place, ["block_id", "height", "round", "signatures"]);
  return new Commit(
    readInteger(members.height, `${place}.height`, { least: 1 }),
    readInteger(members.round, `${place}.round`, { most: MAX_ROUND }),
    readBlockId(members.block_id, `${place}.block_id`),
    readEach(
      members.signatures, `${place}.signatures`, readVote, { least: 1, most: MAX_VOTES }),
  );
}

function readVote(value, place) {
  if (readObject(value, place).flag === FLAG_ABSENT) {
    exactMembers(value, place, ["flag"]);
    return new CommitSignature(FLAG_ABSENT, null, null, null);
  }
  const members = exactMembers(value, place, ["address", "flag", "signature", "time"]);
  return new CommitSignature(
    readInteger(members.flag, `${place}.flag`, { least: FLAG_COMMIT, most: FLAG_COMMIT }),
    fromHex(members.address, `${place}.address`, 20),
    // What a validator says that it is has no bounds but CometBFT's.
    readTime(members.time, `${place}.time`, YEAR_1),
    fromHex(members.signature, `${place}.signature`, 64),
  );
}
