/**
 * The verifier's steps about who signed the records: keys and signatures. Mirrors those of
 * node/core/verify_records.py.
 */

import { Told } from "./case.js";
import { readJwk, thumbprint } from "./crypto/signatures.js";
import { InvalidInput, NotChecked } from "./errors.js";
import { hasMember } from "./fields.js";
import { rfc3339 } from "./times.js";
import { verifyTransaction } from "./transaction.js";

const BY_RECOVERY_KEY = ["key.compromised", "key.rotated"];
const AT_ONCE = 64;

/** The key that a transaction names, and what the state map says of it. */
function findKey(case_, kid) {
  const value = case_.needState(`key/${kid}`);
  const key = readJwk(value.jwk, `state key/${kid}.jwk`);
  if (thumbprint(key) !== kid) {
    throw new InvalidInput(`state key/${kid}`, "is not this key's", "不是此密钥的状态");
  }
  return { key, value };
}

/** Step 11. Each key must have been its signer's at that height, and not be under suspicion. */
export function checkKeys(case_) {
  const doubts = [];
  const doubtsZh = [];
  for (const record of case_.records) {
    const { value } = findKey(case_, record.transaction.kid);
    checkHolder(record, value);
    const suspect = value.suspect_from;
    if (Number.isInteger(suspect) && record.entry.time >= suspect) {
      const { code } = record.entry;
      doubts.push(`${code}: the key was reported compromised from ${rfc3339(suspect)} on`);
      doubtsZh.push(`${code}：所用密钥据报自 ${rfc3339(suspect)} 起已泄露`);
    }
  }
  if (doubts.length > 0) {
    throw new NotChecked(
      "a key was reported compromised: that its owner signed is not shown",
      "密钥已被报告泄露：无法证明系其持有人签名",
      doubts,
      doubtsZh,
    );
  }
  return new Told("each key was its signer's at that height", "密钥在相应高度均属签名者且有效");
}

function checkHolder({ place: recordPlace, entry, transaction }, value) {
  const place = `${recordPlace}: key ${transaction.kid}`;
  if (value.member !== transaction.iss) {
    throw new InvalidInput(
      place, `is not a key of ${transaction.iss}`, `不是签名者 ${transaction.iss} 的密钥`);
  }
  checkUse(value, transaction.type, place);
  const { from: start, to: end } = value;
  const begun = Number.isInteger(start) && entry.height >= start;
  const ended = Number.isInteger(end) && entry.height >= end;
  if (!begun || ended) {
    throw new InvalidInput(
      place, `was not valid at height ${entry.height}`, `密钥在高度 ${entry.height} 无效`);
  }
}

/** A recovery key lies in a safe, and whoever finds it must not be able to record anything. */
function checkUse(value, type, place) {
  const recovers = value.use === "recovery" && BY_RECOVERY_KEY.includes(type);
  if (hasMember(value, "use") && !recovers) {
    throw new InvalidInput(place, `may not sign ${type}`, `此密钥不得签署 ${type}`);
  }
}

/** Step 12. Each transaction's ES256 signature must hold. */
export async function checkSignatures(case_) {
  const { records } = case_;
  for (let start = 0; start < records.length; start += AT_ONCE) {
    const faults = await Promise.all(
      records.slice(start, start + AT_ONCE).map((record) => faultOf(case_, record)));
    const fault = faults.find((one) => one !== null);
    if (fault !== undefined) {
      throw fault;
    }
  }
  const count = records.length;
  return new Told(`${count} ES256 signature(s) hold`, `${count} 个 ES256 签名均与公钥相符`);
}

/** Why a record's signature is refused, or null: of several faults the first record's is told. */
async function faultOf(case_, { place, transaction }) {
  try {
    const { key } = findKey(case_, transaction.kid);
    try {
      await verifyTransaction(transaction, key);
    } catch (error) {
      throw error instanceof InvalidInput ? error.under(place) : error;
    }
  } catch (error) {
    if (error instanceof InvalidInput) {
      return error;
    }
    throw error;
  }
  return null;
}
