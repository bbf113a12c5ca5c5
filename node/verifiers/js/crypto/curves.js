/**
 * Curves y² = x³ + ax + b over a prime field, and sums of multiples of their points, for checks of
 * signatures where the browser has none for a curve. P-256, P-384, P-521 (SP 800-186 §3.2.1) and
 * that of SM2 (GB/T 32918.5-2017); each has the cofactor 1.
 */

import { inverse, remainder } from "./numbers.js";

const PRIMES = {
  "P-256": 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n,
  "P-384": 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n,
  "P-521": 2n ** 521n - 1n,
  SM2: 2n ** 256n - 2n ** 224n - 2n ** 96n + 2n ** 64n - 1n,
};

/** A curve; all of these have a = p - 3. `bytes` is the length of a coordinate. */
function curve(name, bytes, b, n, gx, gy) {
  const p = PRIMES[name];
  return Object.freeze({ name, bytes, p, a: p - 3n, b, n, gx, gy });
}

const P256 = curve(
  "P-256",
  32,
  0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn,
  0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  0x6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296n,
  0x4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5n,
);
const P384 = curve(
  "P-384",
  48,
  BigInt(
    "0xb3312fa7e23ee7e4988e056be3f82d19181d9c6efe814112" +
      "0314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
  ),
  BigInt("0x" + "f".repeat(48) + "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"),
  BigInt(
    "0xaa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98" +
      "59f741e082542a385502f25dbf55296c3a545e3872760ab7",
  ),
  BigInt(
    "0x3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147c" +
      "e9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
  ),
);
const P521 = curve(
  "P-521",
  66,
  BigInt(
    "0x51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e1" +
      "56193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
  ),
  BigInt(
    "0x1" + "f".repeat(64) + "fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
  ),
  BigInt(
    "0xc6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dba" +
      "a14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
  ),
  BigInt(
    "0x11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c" +
      "97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
  ),
);

/** The curve of SM2 (GB/T 32918.5-2017). */
export const SM2_CURVE = curve(
  "SM2",
  32,
  0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
  0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
);

/** The curves of ECDSA keys by their names: `{name, bytes, p, a, b, n, gx, gy}`. */
export const CURVES = Object.freeze({ "P-256": P256, "P-384": P384, "P-521": P521 });

/** Whether (x, y) is a point of the curve, with both coordinates below p. */
export function isOnCurve(one, x, y) {
  const { p, a, b } = one;
  return x >= 0n && y >= 0n && x < p && y < p && (y * y - (x * x * x + a * x + b)) % p === 0n;
}

/* Points are [x, y, z] in Jacobian coordinates; null is the point at infinity. */

function doubled(p, point) {
  if (point === null || point[1] === 0n) {
    return null;
  }
  const [x, y, z] = point;
  const squareY = (y * y) % p;
  const squareZ = (z * z) % p;
  const s = (4n * x * squareY) % p;
  const m = (3n * (x - squareZ) * (x + squareZ)) % p;
  const x3 = (m * m - 2n * s) % p;
  return [x3, (m * (s - x3) - 8n * squareY * squareY) % p, (2n * y * z) % p];
}

function added(p, left, right) {
  if (left === null || right === null) {
    return left === null ? right : left;
  }
  const [x1, y1, z1] = left;
  const [x2, y2, z2] = right;
  const square1 = (z1 * z1) % p;
  const square2 = (z2 * z2) % p;
  const u1 = (x1 * square2) % p;
  const s1 = (((y1 * square2) % p) * z2) % p;
  const h = remainder(x2 * square1 - u1, p);
  const r = remainder(((y2 * square1) % p) * z1 - s1, p);
  if (h === 0n) {
    return r === 0n ? doubled(p, left) : null;
  }
  const h2 = (h * h) % p;
  const h3 = (h * h2) % p;
  const v = (u1 * h2) % p;
  const x3 = (r * r - h3 - 2n * v) % p;
  return [x3, (r * (v - x3) - s1 * h3) % p, (((h * z1) % p) * z2) % p];
}

/** i·first + j·second for i and j from 0 to 3, at i + 4j. */
function smallSums(p, first, second) {
  const sums = [null, first, doubled(p, first)];
  sums.push(added(p, sums[2], first));
  for (let index = 4; index < 16; index += 1) {
    sums.push(added(p, sums[index - 4], second));
  }
  return sums;
}

/** The bits of a number, two to a digit, with zeros up to `count` digits. */
function pairsOfBits(number, count) {
  return number.toString(4).padStart(count, "0");
}

/**
 * The x of u·G + v·(x, y), both multiples taken in one pass over two bits at a time.
 *
 * @param one the curve, a = p - 3.
 * @param {bigint} u from 0 on, v likewise.
 * @returns {bigint|null} null for the point at infinity.
 */
export function sumOfMultiples(one, u, v, x, y) {
  const { p } = one;
  const sums = smallSums(p, [one.gx, one.gy, 1n], [x, y, 1n]);
  const length = Math.max(u.toString(4).length, v.toString(4).length);
  const [left, right] = [pairsOfBits(u, length), pairsOfBits(v, length)];
  let total = null;
  for (let index = 0; index < length; index += 1) {
    total = doubled(p, doubled(p, total));
    total = added(p, total, sums[Number(left[index]) + 4 * Number(right[index])]);
  }
  if (total === null) {
    return null;
  }
  const inverted = inverse(total[2], p);
  return remainder(total[0] * inverted * inverted, p);
}
