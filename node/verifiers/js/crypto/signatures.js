/**
 * Checks of signatures, as node/core/signatures.py: ES256 (RFC 7518 §3.4), Ed25519 (RFC 8032) and
 * ECDSA of outside parties. The browser's WebCrypto answers where it has the algorithm; where it
 * refuses to say anything, BigInt does. Nothing here signs.
 */

import { fromBase64url, toBase64url, toHex, utf8 } from "../bytes.js";
import { InvalidInput } from "../errors.js";
import { CURVES, isOnCurve } from "./curves.js";
import { ecdsaHolds } from "./ecdsa.js";
import {
  ED25519_ORDER,
  ed25519Holds,
  ed25519KeyFault,
  isOrdinaryPoint,
} from "./edwards25519.js";
import { bytesToNumber, littleEndianToNumber } from "./numbers.js";
import { sha256 } from "./sha256.js";

const WEB_DIGESTS = { sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

/** The order n of P-256's group. */
export const P256_ORDER = CURVES["P-256"].n;

/**
 * A member's public key, from a JWK (RFC 7517, RFC 7518 §6.2) with exactly kty, crv, x and y.
 *
 * @returns {{crv: string, x: Uint8Array, y: Uint8Array}} coordinates of 32 bytes each.
 * @throws InvalidInput: no key of P-256, or a point that is not on it.
 */
export function readJwk(value, place) {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  const names = isObject ? Object.keys(value).sort().join() : "";
  if (names !== "crv,kty,x,y") {
    throw new InvalidInput(
      place, "must be a JWK with exactly kty, crv, x and y", "须为恰含 kty、crv、x、y 的 JWK");
  }
  if (value.kty !== "EC" || value.crv !== "P-256") {
    throw new InvalidInput(
      place, "must have kty EC and crv P-256", "kty 须为 EC，crv 须为 P-256");
  }
  const [x, y] = ["x", "y"].map((name) => {
    if (typeof value[name] !== "string") {
      throw new InvalidInput(`${place}.${name}`, "must be base64url", "须为 base64url");
    }
    return fromBase64url(value[name], `${place}.${name}`);
  });
  if (x.length !== 32 || y.length !== 32) {
    throw new InvalidInput(
      place, "coordinates must be 32 bytes each", "坐标须各为 32 字节");
  }
  const key = { crv: "P-256", x, y };
  checkPoint(key, place);
  return key;
}

/** Throws InvalidInput unless the key's (x, y) lies on its curve. */
export function checkPoint(key, place) {
  if (!isOnCurve(CURVES[key.crv], bytesToNumber(key.x), bytesToNumber(key.y))) {
    throw new InvalidInput(
      place, `the point is not on ${key.crv}`, `该点不在 ${key.crv} 曲线上`);
  }
}

/** SHA-256 thumbprint in base64url (RFC 7638 §3): the key's `kid`. */
export function thumbprint(key) {
  const [x, y] = [toBase64url(key.x), toBase64url(key.y)];
  const canonical = `{"crv":"${key.crv}","kty":"EC","x":"${x}","y":"${y}"}`;
  return toBase64url(sha256(utf8(canonical)));
}

/** Throws InvalidInput unless this is 64 bytes r‖s with 0 < r, s < n. */
export function checkEs256Form(signature, place = "signature") {
  if (signature.length !== 64) {
    throw new InvalidInput(
      place, `${signature.length} bytes, r‖s has 64`, "签名 r‖s 须为 64 字节");
  }
  checkNumbers(CURVES["P-256"], signature, place);
}

function checkNumbers(curve, signature, place) {
  const r = bytesToNumber(signature.subarray(0, curve.bytes));
  const s = bytesToNumber(signature.subarray(curve.bytes));
  if (r === 0n || s === 0n || r >= curve.n || s >= curve.n) {
    throw new InvalidInput(
      place, "r and s must be between 1 and n-1", "r、s 须在 1 与 n-1 之间");
  }
}

/** Whether s of an ES256 signature is at most n/2. `verifyEs256` itself takes both. */
export function hasLowS(signature) {
  return bytesToNumber(signature.subarray(32)) <= P256_ORDER >> 1n;
}

/**
 * Throws InvalidInput unless `signature` (r‖s) holds for `message` under `key`.
 *
 * High s is not refused here, as in Python: whoever reads what must have low s asks `hasLowS`.
 *
 * @param {{crv: string, x: Uint8Array, y: Uint8Array}} key as `readJwk` gives it.
 */
export async function verifyEs256(key, message, signature) {
  checkEs256Form(signature);
  const point = new Uint8Array([...key.x, ...key.y]);
  await checkEcdsa("P-256", point, "sha256", message, signature, "ES256");
}

/**
 * Check a signature of what stands outside this ledger: certificates, time-stamps, blocks.
 *
 * @param {string} curve P-256, P-384 or P-521.
 * @param {Uint8Array} point x‖y, each of the curve's length.
 * @param {string} digestName sha256, sha384 or sha512, what the message is hashed with.
 * @param {Uint8Array} message what was signed.
 * @param {Uint8Array} signature r‖s, each of the curve's length.
 * @throws InvalidInput: it does not hold, or the point is not on the curve.
 */
export async function verifyEcdsa(curve, point, digestName, message, signature) {
  const length = 2 * CURVES[curve].bytes;
  if (point.length !== length || signature.length !== length) {
    throw new InvalidInput(
      "signature",
      `x‖y and r‖s have ${length} bytes on ${curve}`,
      `${curve} 的公钥与签名须各为 ${length} 字节`,
    );
  }
  checkNumbers(CURVES[curve], signature, "signature");
  await checkEcdsa(curve, point, digestName, message, signature, curve);
}

async function checkEcdsa(name, point, digestName, message, signature, called) {
  const curve = CURVES[name];
  const x = bytesToNumber(point.subarray(0, curve.bytes));
  const y = bytesToNumber(point.subarray(curve.bytes));
  let holds = isOnCurve(curve, x, y);
  if (holds) {
    const answer = await askWebCrypto(
      { name: "ECDSA", namedCurve: name },
      new Uint8Array([4, ...point]),
      { name: "ECDSA", hash: WEB_DIGESTS[digestName] },
      message,
      signature,
    );
    holds = answer ?? ecdsaHolds(name, point, digestName, message, signature);
  }
  if (!holds) {
    throw new InvalidInput(
      "signature",
      `does not hold under this key (${called})`,
      `签名与该公钥不符（${called}）`,
    );
  }
}

const MOST_IMPORTED = 64;
const imported = new Map();

/** The key as WebCrypto wants it. Importing takes as long as a check, and a bundle has few keys. */
async function importedKey(subtle, keyAlgorithm, rawKey) {
  const name = `${keyAlgorithm.name} ${keyAlgorithm.namedCurve ?? ""} ${toHex(rawKey)}`;
  let key = imported.get(name);
  if (key === undefined) {
    key = await subtle.importKey("raw", rawKey, keyAlgorithm, false, ["verify"]);
    if (imported.size >= MOST_IMPORTED) {
      imported.clear();
    }
    imported.set(name, key);
  }
  return key;
}

/** Whether it holds, as WebCrypto says; null where it has no such algorithm. */
async function askWebCrypto(keyAlgorithm, rawKey, algorithm, message, signature) {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    return null;
  }
  try {
    const key = await importedKey(subtle, keyAlgorithm, rawKey);
    return await subtle.verify(algorithm, key, signature, message);
  } catch {
    return null;
  }
}

/** Throws InvalidInput unless `key` is a canonical point of the prime-order group. */
export function checkEd25519Key(key, place) {
  if (key.length !== 32) {
    throw new InvalidInput(
      place, "an Ed25519 key has 32 bytes", "Ed25519 公钥须为 32 字节");
  }
  const fault = ed25519KeyFault(key);
  if (fault !== null) {
    throw new InvalidInput(
      place, `the Ed25519 key ${fault}`, "不是有效的 Ed25519 公钥（非素数阶群中的点）");
  }
}

function checkEd25519Form(signature) {
  if (signature.length !== 64) {
    const rule = `${signature.length} bytes, an Ed25519 one has 64`;
    throw new InvalidInput("signature", rule, "Ed25519 签名须为 64 字节");
  }
  if (!isOrdinaryPoint(signature.subarray(0, 32))) {
    throw new InvalidInput(
      "signature",
      "its R is not canonical or of small order (Ed25519)",
      "签名的 R 不规范或为小阶点（Ed25519）",
    );
  }
  if (littleEndianToNumber(signature.subarray(32)) >= ED25519_ORDER) {
    throw new InvalidInput(
      "signature",
      "its S is not below the group's order (Ed25519)",
      "签名的 S 不小于群的阶（Ed25519）",
    );
  }
}

/** Throws InvalidInput unless `signature` holds for `message` under the 32 bytes of `key`. */
export async function verifyEd25519(key, message, signature) {
  checkEd25519Key(key, "public key");
  checkEd25519Form(signature);
  const named = { name: "Ed25519" };
  const answer = await askWebCrypto(named, key, named, message, signature);
  if (!(answer ?? ed25519Holds(key, message, signature))) {
    throw new InvalidInput(
      "signature", "does not hold under this key (Ed25519)", "签名与该公钥不符（Ed25519）");
  }
}
