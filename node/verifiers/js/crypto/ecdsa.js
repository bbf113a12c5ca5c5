/** ECDSA (FIPS 186-5 §6.4.2) in BigInt, for browsers that lack a curve. */

import { CURVES, sumOfMultiples } from "./curves.js";
import { hashWith } from "./digests.js";
import { bitLength, bytesToNumber, inverse } from "./numbers.js";

/** The leftmost bits of a hash, as many as n has. */
function truncated(hashed, n) {
  const surplus = 8 * hashed.length - bitLength(n);
  const number = bytesToNumber(hashed);
  return surplus > 0 ? number >> BigInt(surplus) : number;
}

/**
 * Whether a signature holds.
 *
 * @param {string} name P-256, P-384 or P-521.
 * @param {Uint8Array} point x‖y of a point that is on the curve.
 * @param {string} digestName sha256, sha384 or sha512.
 * @param {Uint8Array} signature r‖s, both from 1 to n-1.
 */
export function ecdsaHolds(name, point, digestName, message, signature) {
  const curve = CURVES[name];
  const [x, y] = [point.subarray(0, curve.bytes), point.subarray(curve.bytes)].map(bytesToNumber);
  const r = bytesToNumber(signature.subarray(0, curve.bytes));
  const w = inverse(bytesToNumber(signature.subarray(curve.bytes)), curve.n);
  const e = truncated(hashWith(digestName, message), curve.n);
  const found = sumOfMultiples(curve, (e * w) % curve.n, (r * w) % curve.n, x, y);
  return found !== null && found % curve.n === r;
}
