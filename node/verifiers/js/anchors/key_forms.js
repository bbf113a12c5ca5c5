/**
 * Keys and signatures as others write them: SubjectPublicKeyInfo, ECDSA-Sig-Value, hex, base64.
 * Each reader accepts one encoding of a value only. Mirrors node/core/anchors/key_forms.py.
 */

import { concat, equal, fromBase64, fromBase64url, fromHex } from "../bytes.js";
import { checkPoint } from "../crypto/signatures.js";
import { InvalidInput } from "../errors.js";

/** DER of a SubjectPublicKeyInfo of P-256 up to the uncompressed point (RFC 5480 §2). */
const P256_SPKI = fromHex("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "P-256");
const READERS = new Map([
  ["HEX", fromUpperHex],
  ["base64", fromBase64],
  ["base64url", fromBase64url],
  ["hex", (text, place) => fromHex(text, place)],
]);

/** How services write bytes: `hex`, `HEX` (upper case), `base64`, `base64url` (no `=`). */
export const TEXT_FORMS = [...READERS.keys()];

function fromUpperHex(text, place) {
  if (/[a-z]/.test(text)) {
    throw new InvalidInput(place, "must be upper-case hex", "须为大写十六进制");
  }
  return fromHex(text.replace(/[A-F]/g, (digit) => digit.toLowerCase()), place);
}

/** The bytes of `text`, which must be the one way to write them in `form`. */
export function readTextForm(text, form, place) {
  return READERS.get(form)(text, place);
}

/**
 * r‖s, 64 bytes, of a DER `SEQUENCE {INTEGER r, INTEGER s}` (RFC 3279 §2.2.3).
 *
 * @throws {InvalidInput} not DER, bytes behind it, or a number that is negative or beyond 32 bytes.
 */
export function rawSignature(der, place) {
  if (der.length < 8 || der[0] !== 0x30 || der[1] !== der.length - 2 || der[1] > 0x7f) {
    throw notTwoIntegers(place);
  }
  const [r, end] = readNumber(der, 2, place);
  const [s, behind] = readNumber(der, end, place);
  if (behind !== der.length) {
    throw new InvalidInput(
      place, "has bytes behind its two integers", "两个整数之后还有多余字节");
  }
  return concat(r, s);
}

/** 32 bytes of the INTEGER at `start`, and the offset behind it. */
function readNumber(der, start, place) {
  const length = der[start + 1];
  const begin = start + 2;
  if (der.length - start < 3 || der[start] !== 2 || length < 1
      || length > Math.min(33, der.length - begin)) {
    throw notTwoIntegers(place);
  }
  const number = der.subarray(begin, begin + length);
  const isPadded = number[0] === 0 && length > 1 && number[1] < 0x80;
  const digits = number[0] === 0 ? number.subarray(1) : number;
  if (number[0] >= 0x80 || isPadded || digits.length > 32) {
    throw new InvalidInput(
      place, "r and s must be minimal, positive, below 2^256", "r、s 须为最短编码的正整数");
  }
  return [concat(new Uint8Array(32 - digits.length), digits), begin + length];
}

function notTwoIntegers(place) {
  return new InvalidInput(
    place, "must be DER of a sequence of two integers", "须为两个整数的 DER 序列");
}

/**
 * The key of a P-256 SubjectPublicKeyInfo with an uncompressed point, as `{crv, x, y}`.
 *
 * @throws {InvalidInput} another form, another curve, or a point that is not on it.
 */
export function readP256Spki(der, place) {
  const head = P256_SPKI.length;
  if (der.length !== head + 64 || !equal(der.subarray(0, head), P256_SPKI)) {
    throw new InvalidInput(
      place,
      "must be the SubjectPublicKeyInfo of a P-256 key, DER",
      "须为 P-256 公钥的 SubjectPublicKeyInfo（DER）",
    );
  }
  const key = { crv: "P-256", x: der.slice(head, head + 32), y: der.slice(head + 32) };
  checkPoint(key, place);
  return key;
}

/** DER of the key's SubjectPublicKeyInfo, 91 bytes. */
export function spkiOfP256(key) {
  return concat(P256_SPKI, key.x, key.y);
}
