/**
 * Checks of SM2 signatures (GB/T 32918.2-2016) with SM3, on the curve of GB/T 32918.5-2017. No
 * browser has them. Mirrors node/core/anchors/sm2.py.
 */

import { concat, utf8 } from "../bytes.js";
import { InvalidInput } from "../errors.js";
import { SM2_CURVE, isOnCurve, sumOfMultiples } from "./curves.js";
import { bytesToNumber, numberToBytes } from "./numbers.js";
import { sm3 } from "./sm3.js";

/** The signer's id where two parties have agreed on none (GM/T 0009-2012 §10). */
export const SM2_USER_ID = utf8("1234567812345678");

const MOST_ID_BYTES = 8191;

/** Throws InvalidInput unless x‖y is a point of the curve, whose every point is a key. */
export function checkSm2Point(key, place) {
  const [x, y] = [key.subarray(0, 32), key.subarray(32)].map(bytesToNumber);
  if (!isOnCurve(SM2_CURVE, x, y)) {
    throw new InvalidInput(place, "the point is not on the curve of SM2", "该点不在 SM2 曲线上");
  }
}

/**
 * Check a signature (§7.1).
 *
 * @param {Uint8Array} key x‖y, 64 bytes.
 * @param {Uint8Array} message what was signed, not hashed.
 * @param {Uint8Array} signature r‖s, 64 bytes.
 * @param {Uint8Array} userId the signer's distinguishing id, at most 8191 bytes.
 * @throws {InvalidInput} it does not hold, or key or signature is malformed.
 */
export function verifySm2(key, message, signature, userId = SM2_USER_ID) {
  const { n } = SM2_CURVE;
  if (key.length !== 64 || signature.length !== 64) {
    throw new InvalidInput(
      "signature",
      "an SM2 key and an SM2 signature have 64 bytes each",
      "SM2 公钥与签名须各为 64 字节",
    );
  }
  checkSm2Point(key, "public key");
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)].map(bytesToNumber);
  if (r === 0n || s === 0n || r >= n || s >= n) {
    throw new InvalidInput(
      "signature", "r and s must be between 1 and n-1 (SM2)", "r、s 须在 1 与 n-1 之间（SM2）");
  }
  const t = (r + s) % n;
  const e = bytesToNumber(sm3(concat(identityHash(key, userId), message)));
  const [x, y] = [key.subarray(0, 32), key.subarray(32)].map(bytesToNumber);
  const sum = t === 0n ? null : sumOfMultiples(SM2_CURVE, s, t, x, y);
  if (sum === null || (e + sum) % n !== r) {
    throw new InvalidInput(
      "signature", "does not hold under this key (SM2)", "签名与该公钥不符（SM2）");
  }
}

/** Z of the signer (§5.5). */
function identityHash(key, userId) {
  if (userId.length > MOST_ID_BYTES) {
    throw new InvalidInput(
      "user id", `has at most ${MOST_ID_BYTES} bytes (SM2)`, `不得超过 ${MOST_ID_BYTES} 字节（SM2）`);
  }
  const { a, b, gx, gy } = SM2_CURVE;
  const curve = [a, b, gx, gy].map((number) => numberToBytes(number, 32));
  return sm3(concat(numberToBytes(BigInt(8 * userId.length), 2), userId, ...curve, key));
}
