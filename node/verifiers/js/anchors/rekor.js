/**
 * Receipts of rekor logs (sigstore's rekor-tiles v2): an entry of the point's digest, its way into
 * the log's checkpoint, and the checkpoint (docs/spec/anchor-rekor.md).
 *
 * The log gives an order and no time. The time comes from witnesses that cosigned the checkpoint.
 * Mirrors node/core/anchors/rekor.py.
 */

import { equal, fromBase64, toHex, utf8 } from "../bytes.js";
import { sha256 } from "../crypto/sha256.js";
import { verifyEs256 } from "../crypto/signatures.js";
import { InvalidInput, NotChecked } from "../errors.js";
import { exactMembers, readEach, readHash, readInteger, readText } from "../fields.js";
import { decodeCanonicalJson } from "../json.js";
import { leafHash, verifyInclusion } from "../merkle.js";
import { rawSignature, readP256Spki, spkiOfP256 } from "./key_forms.js";
import {
  COSIGNATURE,
  checkCosignature,
  checkLogSignature,
  parseLogKey,
  readLogNote,
} from "./log_notes.js";
import { movedTo } from "./public_keys.js";
import { Vouched } from "./vouching.js";

const KEY_DETAILS = "PKIX_ECDSA_P256_SHA_256";
const MAX_ENTRY = 16_384;
const MAX_NOTE = 16_384;
const MOST_WITNESSES = 32;

/**
 * Check a receipt of kind `rekor`.
 *
 * 1. Its form. 2. The entry: this point's digest, signed by its submitter. 3. Its way into the
 * checkpoint. 4. The checkpoint, signed by the log that the trust file names. 5. The submitter,
 * where the trust file names any. 6. Cosignatures, and with them the time.
 */
export async function verifyRekor(receipt, point, trust, place) {
  const decoded = readReceipt(receipt, place);
  await checkInLog(decoded, point, place);
  const { checkpoint } = decoded;
  const log = logOf(checkpoint, trust);
  await checkLogSignature(checkpoint, log.key, `${place}.checkpoint`);
  const submitter = spkiOfP256(decoded.entry.key);
  if (log.submitters.length > 0 && !log.submitters.some((one) => equal(one, submitter))) {
    throw new InvalidInput(
      `${place}.entry`,
      "is of a submitter that the trust file does not name",
      "提交者不在信任文件所列之中",
    );
  }
  return vouched(decoded, log, await cosignatures(checkpoint, log, `${place}.checkpoint`));
}

function readReceipt(receipt, place) {
  const members = exactMembers(receipt, place, ["checkpoint", "entry", "index", "path"]);
  const entry = readText(members.entry, `${place}.entry`, { most: MAX_ENTRY });
  const note = readText(members.checkpoint, `${place}.checkpoint`, { most: MAX_NOTE });
  return {
    entry: readLogEntry(utf8(entry), `${place}.entry`),
    index: readInteger(members.index, `${place}.index`),
    path: readEach(members.path, `${place}.path`, readHash, { most: 64 }),
    checkpoint: readLogNote(utf8(note), `${place}.checkpoint`),
  };
}

/**
 * Decode a leaf's data, canonical JSON: a `hashedrekord` of version 0.0.2.
 *
 * @returns `{raw, digest, signature, key}`: the DER signature, and the key that made it.
 */
function readLogEntry(raw, place) {
  const value = decodeCanonicalJson(raw, { place, maxBytes: MAX_ENTRY });
  const top = exactMembers(value, place, ["apiVersion", "kind", "spec"]);
  if (top.kind !== "hashedrekord" || top.apiVersion !== "0.0.2") {
    throw new InvalidInput(
      place, "must be a hashedrekord of version 0.0.2", "须为 0.0.2 版的 hashedrekord");
  }
  const spec = exactMembers(top.spec, `${place}.spec`, ["hashedRekordV002"]);
  const record = exactMembers(spec.hashedRekordV002, `${place}.spec`, ["data", "signature"]);
  const data = exactMembers(record.data, `${place}.data`, ["algorithm", "digest"]);
  const signature = exactMembers(record.signature, `${place}.signature`, ["content", "verifier"]);
  const at = `${place}.verifier`;
  const verifier = exactMembers(signature.verifier, at, ["keyDetails", "publicKey"]);
  const key = exactMembers(verifier.publicKey, `${place}.publicKey`, ["rawBytes"]);
  if (data.algorithm !== "SHA2_256" || verifier.keyDetails !== KEY_DETAILS) {
    throw new InvalidInput(
      place, `must be SHA2_256, signed with ${KEY_DETAILS}`, "须为 SHA-256 与 P-256 ECDSA 签名");
  }
  return {
    raw,
    digest: readBytes(data.digest, `${place}.data.digest`),
    signature: readBytes(signature.content, `${place}.signature.content`),
    key: readP256Spki(readBytes(key.rawBytes, `${place}.publicKey`), place),
  };
}

function readBytes(value, place) {
  return fromBase64(readText(value, place, { most: 1000 }), place);
}

/**
 * Check that the entry is of `point`, its submitter signed the point's document, and it lies under
 * the checkpoint's root.
 */
async function checkInLog({ entry, index, path, checkpoint }, point, place) {
  if (!equal(entry.digest, point.digest())) {
    throw new InvalidInput(
      `${place}.entry`, "is not of this point's digest", "不是该锚定点摘要的条目");
  }
  try {
    const signature = rawSignature(entry.signature, "signature");
    await verifyEs256(entry.key, point.document(), signature);
  } catch (error) {
    throw error instanceof InvalidInput ? movedTo(error, `${place}.entry.signature`) : error;
  }
  try {
    verifyInclusion(leafHash(entry.raw), index, checkpoint.size, path, checkpoint.root);
  } catch (error) {
    throw error instanceof InvalidInput ? error.under(place) : error;
  }
}

/**
 * Decode an entry of kind `rekor`: a log.
 *
 * @returns `{name, operator, key, witnesses, submitters}`: witnesses are `{operator, key}`; where
 *   submitters are named (SubjectPublicKeyInfo), entries of no other key count.
 * @throws {InvalidInput}
 */
export function readTrustedLog(value, place) {
  const required = ["kind", "log_key", "name", "operator"];
  const members = exactMembers(value, place, required, ["submitters", "witnesses"]);
  const key = readKey(members.log_key, `${place}.log_key`);
  if (key.kind === COSIGNATURE) {
    throw new InvalidInput(
      `${place}.log_key`, "must be a log's key, not a witness'", "须为日志的公钥，而非见证方的公钥");
  }
  const witnesses = `${place}.witnesses`;
  const submitters = `${place}.submitters`;
  return {
    name: readText(members.name, `${place}.name`, { most: 40 }),
    operator: readText(members.operator, `${place}.operator`, { most: 200 }),
    key,
    witnesses: readEach(members.witnesses ?? [], witnesses, readWitness, { most: MOST_WITNESSES }),
    submitters: readEach(members.submitters ?? [], submitters, readSubmitter, { most: 1000 }),
  };
}

function readKey(value, place) {
  return parseLogKey(readText(value, place, { most: 1000 }), place);
}

function readWitness(value, place) {
  const members = exactMembers(value, place, ["key", "operator"]);
  const key = readKey(members.key, `${place}.key`);
  if (key.kind !== COSIGNATURE) {
    throw new InvalidInput(
      `${place}.key`, "must be a cosignature key, of type 4", "须为类型 4 的联署公钥");
  }
  return { operator: readText(members.operator, `${place}.operator`, { most: 200 }), key };
}

function readSubmitter(value, place) {
  return spkiOfP256(readP256Spki(readBytes(value, place), place));
}

function logOf(checkpoint, trust) {
  const log = trust.entries("rekor", readTrustedLog).find(({ key }) => (
    key.name === checkpoint.origin && checkpoint.signatures.has(key.signer)
  ));
  if (log === undefined) {
    throw new NotChecked(
      "the entry lies in a log, whose key the trust file does not name",
      "条目已包含在某透明日志中，但信任文件没有该日志的公钥",
    );
  }
  return log;
}

/**
 * The witnesses that cosigned, `{operator, key, time}`. Nothing else may have signed: what cannot
 * be checked has no place in a receipt.
 */
async function cosignatures(checkpoint, log, place) {
  const signers = new Set(checkpoint.signatures.keys());
  signers.delete(log.key.signer);
  const seen = [];
  for (const { operator, key } of log.witnesses) {
    if (signers.delete(key.signer)) {
      seen.push({ operator, key, time: await checkCosignature(checkpoint, key, place) });
    }
  }
  if (signers.size > 0) {
    const [name] = [...signers].sort()[0].split("\n");
    throw new InvalidInput(
      place,
      `is signed by ${name.slice(0, 64)}, whose key the trust file does not name`,
      "含有信任文件未列公钥的签名",
    );
  }
  return seen;
}

function vouched(receipt, log, seen) {
  const where = `${log.key.name}, entry ${receipt.index} of ${receipt.checkpoint.size}`;
  if (seen.length === 0) {
    throw new NotChecked(
      `the point is in the log of ${log.operator} (${where}), whose checkpoints hold no time, and `
        + "no witness that the trust file names has cosigned it",
      `锚定点已包含在 ${log.operator} 的透明日志中（${where}），但日志检查点不含时间，`
        + "且没有信任文件所列见证方的联署",
    );
  }
  const submitter = toHex(sha256(spkiOfP256(receipt.entry.key)));
  const earliest = seen.reduce((first, one) => (one.time < first.time ? one : first));
  return new Vouched({
    by: earliest.operator,
    time: earliest.time,
    how:
      `it cosigned a checkpoint of the log of ${log.operator}, which the log signed too and the `
      + "entry of this point's digest leads to; that its clock was right is its own word",
    howZh:
      `其联署了 ${log.operator} 透明日志的检查点，该检查点有日志签名，`
      + "并包含本锚定点摘要的条目；其时钟是否准确以其自身陈述为准",
    details: [
      `at ${where}`,
      ...seen.map((one) => `cosigned by ${one.operator} (${one.key.name})`),
      `submitted with the key ${submitter}`,
    ],
    detailsZh: [
      `位置：${log.key.name}，第 ${receipt.index} 条，日志大小 ${receipt.checkpoint.size}`,
      ...seen.map((one) => `由 ${one.operator}（${one.key.name}）联署`),
      `提交所用公钥 ${submitter}`,
    ],
  });
}
