/**
 * Ed25519 (RFC 8032 §5.1) where the browser has none, and what no library does: refusing keys that
 * are not of the prime-order group, under which one signature may hold for any message.
 */

import { littleEndianToNumber, power, remainder } from "./numbers.js";
import { sha512 } from "./sha512.js";

const P = 2n ** 255n - 19n;
const D = remainder(-121665n * power(121666n, P - 2n, P), P);
const ROOT_OF_MINUS_1 = power(2n, (P - 1n) / 4n, P);
const ORDER_8_Y = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
const SMALL_ORDER_Y = [0n, 1n, P - 1n, ORDER_8_Y, P - ORDER_8_Y];
const NEUTRAL = [0n, 1n, 1n, 0n];
const MOST_REMEMBERED = 1024;
const faults = new Map();

/** The order of the group that keys are of. */
export const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const BASE = extended(...decompress(4n * power(5n, P - 2n, P), 0n));

/** Extended coordinates (§5.1.4) of (x, y). */
function extended(x, y) {
  return [x, y, 1n, (x * y) % P];
}

/** The sum of two points, for any two of the curve (§5.1.4). */
function added(left, right) {
  const [x1, y1, z1, t1] = left;
  const [x2, y2, z2, t2] = right;
  const a = ((y1 - x1) * (y2 - x2)) % P;
  const b = ((y1 + x1) * (y2 + x2)) % P;
  const c = (((2n * D * t1) % P) * t2) % P;
  const d = (2n * z1 * z2) % P;
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return [(e * f) % P, (g * h) % P, (f * g) % P, (e * h) % P];
}

function doubled([x, y, z]) {
  const a = (x * x) % P;
  const b = (y * y) % P;
  const h = a + b;
  const e = h - (((x + y) * (x + y)) % P);
  const g = a - b;
  const f = ((2n * z * z) % P) + g;
  return [(e * f) % P, (g * h) % P, (f * g) % P, (e * h) % P];
}

/** u·first + v·second, for numbers from 0 on. */
function sumOfMultiples(u, first, v, second) {
  const sums = [NEUTRAL, first, second, added(first, second)];
  const length = Math.max(u.toString(2).length, v.toString(2).length);
  const [left, right] = [u, v].map((number) => number.toString(2).padStart(length, "0"));
  let total = NEUTRAL;
  for (let index = 0; index < length; index += 1) {
    total = doubled(total);
    const chosen = Number(left[index]) + 2 * Number(right[index]);
    total = chosen === 0 ? total : added(total, sums[chosen]);
  }
  return total;
}

/** [x, y] of the point with this y and this parity of x, or null where there is none (§5.1.3). */
function decompress(anyY, sign) {
  const y = remainder(anyY, P);
  const square = remainder((y * y - 1n) * power(D * y * y + 1n, P - 2n, P), P);
  let x = power(square, (P + 3n) / 8n, P);
  if ((x * x) % P !== square) {
    x = (x * ROOT_OF_MINUS_1) % P;
  }
  if ((x * x) % P !== square) {
    return null;
  }
  return [(x & 1n) === sign ? x : P - x, y];
}

/** The y of 32 bytes, and the bit above it. */
function encodedPoint(bytes) {
  const number = littleEndianToNumber(bytes);
  return [BigInt.asUintN(255, number), number >> 255n];
}

function findFault(key) {
  const [y, sign] = encodedPoint(key);
  if (y >= P) {
    return "is not in canonical form";
  }
  if (SMALL_ORDER_Y.includes(y)) {
    return "has small order";
  }
  const point = decompress(y, sign);
  if (point === null) {
    return "is no point of the curve";
  }
  const [x, w, z] = sumOfMultiples(ED25519_ORDER, extended(...point), 0n, NEUTRAL);
  const isNeutral = remainder(x, P) === 0n && remainder(w - z, P) === 0n;
  return isNeutral ? null : "is not of the prime-order group";
}

/** What keeps these 32 bytes from being a key, or null. Answers are remembered. */
export function ed25519KeyFault(key) {
  const name = key.join();
  if (!faults.has(name)) {
    if (faults.size >= MOST_REMEMBERED) {
      faults.clear();
    }
    faults.set(name, findFault(key));
  }
  return faults.get(name);
}

/** Whether the R of a signature is canonical and not of small order. */
export function isOrdinaryPoint(bytes) {
  const [y] = encodedPoint(bytes);
  return y < P && !SMALL_ORDER_Y.includes(y);
}

/**
 * Whether S·B = R + k·A (§5.1.7), as others compute it: R is written anew and compared.
 *
 * @param {Uint8Array} key 32 bytes that `ed25519KeyFault` finds nothing in.
 * @param {Uint8Array} message what was signed.
 * @param {Uint8Array} signature 64 bytes with a canonical R and an S below the order.
 */
export function ed25519Holds(key, message, signature) {
  const hashed = new Uint8Array(64 + message.length);
  hashed.set(signature.subarray(0, 32), 0);
  hashed.set(key, 32);
  hashed.set(message, 64);
  const k = littleEndianToNumber(sha512(hashed)) % ED25519_ORDER;
  const [x, y] = decompress(...encodedPoint(key));
  const minusKey = extended(P - x, y);
  const s = littleEndianToNumber(signature.subarray(32));
  const sum = sumOfMultiples(s, BASE, k, minusKey);
  const inverted = power(sum[2], P - 2n, P);
  const foundX = remainder(sum[0] * inverted, P);
  const found = remainder(sum[1] * inverted, P) + ((foundX & 1n) << 255n);
  return found === littleEndianToNumber(signature.subarray(0, 32));
}

/**
 * Whether S is below the order and 8·S·B = 8·R + 8·k·A (ZIP 215), where R may be any point of the
 * curve, in any form: what CometBFT takes for the signature of a vote.
 *
 * @param {Uint8Array} key 32 bytes that `ed25519KeyFault` finds nothing in.
 * @param {Uint8Array} message what was signed.
 * @param {Uint8Array} signature 64 bytes.
 */
export function ed25519HoldsWithCofactor(key, message, signature) {
  const s = littleEndianToNumber(signature.subarray(32));
  const r = decompress(...encodedPoint(signature.subarray(0, 32)));
  if (s >= ED25519_ORDER || r === null) {
    return false;
  }
  const hashed = new Uint8Array(64 + message.length);
  hashed.set(signature.subarray(0, 32), 0);
  hashed.set(key, 32);
  hashed.set(message, 64);
  const k = littleEndianToNumber(sha512(hashed)) % ED25519_ORDER;
  const [x, y] = decompress(...encodedPoint(key));
  const sum = sumOfMultiples(s, BASE, k, extended(P - x, y));
  const difference = added(sum, extended(P - r[0], r[1]));
  const eightfold = doubled(doubled(doubled(difference)));
  return remainder(eightfold[0], P) === 0n
    && remainder(eightfold[1] - eightfold[2], P) === 0n;
}
