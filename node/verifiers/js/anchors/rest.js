/**
 * Receipts of REST services: the text that the service signed, and its signature
 * (docs/spec/anchor-rest.md).
 *
 * Where only someone who shares a secret with the service could check it, the receipt is kept and
 * said to be not checked. Mirrors node/core/anchors/rest.py.
 */

import { toHex, utf8 } from "../bytes.js";
import { sha256 } from "../crypto/sha256.js";
import { verifyEs256 } from "../crypto/signatures.js";
import { verifySm2 } from "../crypto/sm2.js";
import { sm3 } from "../crypto/sm3.js";
import { InvalidInput, NotChecked } from "../errors.js";
import { exactMembers, hasMember, readObject, readText } from "../fields.js";
import { pointValues, readTime, splitParts } from "./canonical_string.js";
import { decodeForeignJson, textAt } from "./foreign_json.js";
import { rawSignature, readTextForm } from "./key_forms.js";
import { isPrintable } from "./names.js";
import { movedTo, verifySignature } from "./public_keys.js";
import { PUBLIC_ALGORITHMS, readServiceEntry } from "./rest_entry.js";
import { Vouched } from "./vouching.js";

const RSA = Object.freeze({ scheme: "rsa-pkcs1", digest: "sha256", salt: 0 });
const MOST_WHERE = 200;

/** Characters of a signed text or of a kept answer. */
export const MAX_SIGNED = 65_536;

/**
 * Check a receipt of kind `rest`.
 *
 * 1. Its form; which entry of the trust file is the service's.
 * 2. The signature over the text, under the key of that entry.
 * 3. The text, taken apart by that entry's rule: the point's digest, the expected values, a time.
 */
export async function verifyRest(receipt, point, trust, place) {
  const isSigned = hasMember(readObject(receipt, place), "signed");
  const held = isSigned ? "signed" : "answer";
  const names = isSigned ? ["service", held, "signature"] : ["service", held];
  const members = exactMembers(receipt, place, names);
  const name = readText(members.service, `${place}.service`, { most: 40 });
  const text = readText(members[held], `${place}.${held}`, { most: MAX_SIGNED });
  const signature = isSigned
    ? readText(members.signature, `${place}.signature`, { most: 2048 }) : "";
  const entry = entryOf(name, trust);
  if (!PUBLIC_ALGORITHMS.includes(entry.algorithm)) {
    checkNamesPoint(text, point, place);
    throw notChecked(entry);
  }
  if (!isSigned) {
    throw new InvalidInput(
      `${place}.signed`, `is missing: ${name} signs its answers`, `缺失：${name} 的应答应有签名`);
  }
  await verifyServiceSignature(entry, text, signature, `${place}.signature`);
  return vouched(entry, checkStatement(entry.text, text, point, `${place}.signed`));
}

/** The service's entry in the trust file. */
function entryOf(name, trust) {
  const entry = trust.entries("rest", readServiceEntry).find((one) => one.name === name);
  if (entry === undefined) {
    throw new NotChecked(
      "the trust file names no REST service like the one of this receipt",
      "信任文件中没有该回执所属的 REST 存证服务",
    );
  }
  return entry;
}

function checkNamesPoint(text, point, place) {
  if (![...pointValues(point).values()].some((value) => text.includes(value))) {
    throw new InvalidInput(
      place, "does not hold this point's digest", "其中没有该锚定点的摘要");
  }
}

function notChecked({ algorithm, operator }) {
  if (algorithm === "none") {
    return new NotChecked(
      `${operator} does not sign its answers: ask it for the record`,
      `${operator} 的应答没有签名，须向其核实存证记录`,
    );
  }
  return new NotChecked(
    `signed with ${algorithm}: only who shares the secret with ${operator} can check it`,
    `签名算法为 ${algorithm}，只有与 ${operator} 共享密钥者才能核验`,
  );
}

/**
 * Check the signature of a service over a text.
 *
 * @throws {InvalidInput} malformed, not canonically written, or it does not hold.
 */
async function verifyServiceSignature(entry, text, signature, place) {
  let message = utf8(text);
  if (entry.hashed !== "") {
    message = utf8(toHex(entry.hashed === "sm3" ? sm3(message) : sha256(message)));
  }
  const written = readTextForm(signature, entry.encoding, place);
  const raw = entry.form === "der" ? rawSignature(written, place) : written;
  try {
    if (entry.algorithm === "sm2-sm3") {
      verifySm2(entry.key, message, raw, entry.userId);
    } else if (entry.algorithm === "rsa-pkcs1-sha256") {
      await verifySignature(entry.key, RSA, message, raw, place);
    } else {
      await verifyEs256(entry.key, message, raw);
    }
  } catch (error) {
    throw error instanceof InvalidInput ? movedTo(error, place) : error;
  }
}

/** The fields of a signed text, a Map. Throws InvalidInput where it is not of the rule's form. */
function readFields(rule, text, place) {
  if (rule.parts.length > 0) {
    return splitParts(rule.parts, rule.separator, text, place);
  }
  const document = decodeForeignJson(text, place);
  return new Map([...rule.pointers].map(([name, pointer]) => [
    name, textAt(document, pointer, `${place}, ${name}`),
  ]));
}

/**
 * Check what a signed text says: this point's digest, the values expected, a time.
 *
 * @returns `{time, serial}`: ms since the Unix epoch, and the service's number, "" for none.
 * @throws {InvalidInput} it says something else.
 */
function checkStatement(rule, text, point, place) {
  const fields = readFields(rule, text, place);
  if (fields.get(rule.digestField) !== pointValues(point).get(rule.digestIs)) {
    throw new InvalidInput(
      `${place}, ${rule.digestField}`, "is not this point's digest", "不是该锚定点的摘要");
  }
  for (const [name, allowed] of rule.expects) {
    if (!allowed.includes(fields.get(name))) {
      throw new InvalidInput(
        `${place}, ${name}`, `must be ${allowed.join(" or ")}`, `须为 ${allowed.join(" 或 ")}`);
    }
  }
  const time = readTime(fields.get(rule.timeField), rule.timeForm, `${place}, ${rule.timeField}`);
  return { time, serial: rule.serialField === null ? "" : fields.get(rule.serialField) };
}

function vouched(entry, statement) {
  const kind = entry.algorithm.split("-")[0].toUpperCase();
  const where = [...`${entry.name} ${statement.serial}`.trim()].slice(0, MOST_WHERE)
    .map((character) => (isPrintable(character) ? character : "?")).join("");
  return new Vouched({
    by: entry.operator,
    time: statement.time,
    how:
      `its ${kind} signature over this point's digest and the time holds; that its clock was right `
      + "and that it still keeps the record is its own word",
    howZh:
      `其对锚定点摘要与时间的 ${kind} 签名有效；`
      + "其时钟是否准确、记录是否仍在，以该机构自身陈述为准",
    details: [`at ${where}`],
    detailsZh: [`位置：${where}`],
  });
}
