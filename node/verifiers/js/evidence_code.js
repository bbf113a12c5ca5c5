/**
 * Evidence codes 存证编码: `CZ` + 13 digits + `-` + n, the 13th digit by ISO 7064 MOD 11,10
 * (docs/spec/entry.md). Mirrors what node/core/evidence_code.py has for a verifier.
 */

import { concat, utf8 } from "./bytes.js";
import { sha256 } from "./crypto/sha256.js";
import { InvalidInput } from "./errors.js";

const SHAPE = /^CZ([0-9]{12})([0-9])(?:-([1-9][0-9]{0,8}))?$/;

/** The digit that ISO 7064 MOD 11,10 puts behind `digits`. */
export function checkDigit(digits) {
  let product = 10;
  for (const digit of digits) {
    const total = (product + Number(digit)) % 10 || 10;
    product = (total * 2) % 11;
  }
  return String((11 - product) % 10);
}

/**
 * The 13 digits of a dossier's code.
 * @param {string} chainId
 * @param {Uint8Array} firstTransaction the id of the dossier's first transaction.
 * @param {number} counter below 2^32.
 */
export function codeDigits(chainId, firstTransaction, counter) {
  const last = new Uint8Array(4);
  new DataView(last.buffer).setUint32(0, counter);
  const hashed = sha256(concat(utf8(chainId), firstTransaction, last));
  const number = new DataView(hashed.buffer, hashed.byteOffset).getBigUint64(0) % 10n ** 12n;
  const digits = String(number).padStart(12, "0");
  return digits + checkDigit(digits);
}

/**
 * Read a code with or without its ordinal, exactly as written by this ledger.
 * @returns {{digits: string, ordinal: number|null}}
 * @throws {InvalidInput} not of the form, or its check digit does not fit.
 */
export function parseCode(text, place = "code") {
  const found = typeof text === "string" ? SHAPE.exec(text) : null;
  if (found === null) {
    throw new InvalidInput(
      place, "must be CZ, 13 digits and, for one record, '-' and its number", "不是存证编码");
  }
  if (checkDigit(found[1]) !== found[2]) {
    throw new InvalidInput(
      place, "the check digit does not fit: a digit is mistyped", "存证编码校验位不符");
  }
  const ordinal = found[3] === undefined ? null : Number(found[3]);
  return { digits: found[1] + found[2], ordinal };
}
