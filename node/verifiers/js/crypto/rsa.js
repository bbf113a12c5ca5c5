/**
 * RSA signatures (RFC 8017): RSASSA-PKCS1-v1_5 and RSASSA-PSS with SHA-256, SHA-384 or SHA-512.
 * Whoever verifies only raises the signature to the key's exponent.
 */

import { concat, equal, fromHex } from "../bytes.js";
import { InvalidInput } from "../errors.js";
import { hashWith } from "./digests.js";
import { bitLength, bytesToNumber, numberToBytes, power } from "./numbers.js";

/** DER of a DigestInfo up to the hash (RFC 8017 §9.2, note 1). */
const DIGEST_INFO = {
  sha256: "3031300d060960864801650304020105000420",
  sha384: "3041300d060960864801650304020205000430",
  sha512: "3051300d060960864801650304020305000440",
};

/**
 * Throws InvalidInput unless a signature holds.
 *
 * @param {{modulus: bigint, exponent: bigint}} key
 * @param {{scheme: string, digest: string, salt: number}} algorithm scheme rsa-pkcs1 or rsa-pss.
 */
export function verifyRsa(key, algorithm, message, signature, place) {
  const bits = bitLength(key.modulus);
  const length = Math.ceil(bits / 8);
  const number = signature.length === length ? bytesToNumber(signature) : key.modulus;
  if (number >= key.modulus) {
    throw new InvalidInput(
      place,
      `must be ${length} bytes, below the key's modulus (RSA)`,
      `须为 ${length} 字节，且小于公钥的模（RSA）`,
    );
  }
  const encoded = numberToBytes(power(number, key.exponent, key.modulus), length);
  const hashed = hashWith(algorithm.digest, message);
  const holds = algorithm.scheme === "rsa-pss"
    ? pssHolds(encoded, hashed, algorithm, bits - 1)
    : equal(encoded, pkcs1Encoding(algorithm.digest, hashed, length));
  if (!holds) {
    throw new InvalidInput(
      place, "does not hold under this key (RSA)", "签名与该公钥不符（RSA）");
  }
}

/** EMSA-PKCS1-v1_5 (§9.2). It is compared whole, so nothing can hide in it. */
function pkcs1Encoding(name, hashed, length) {
  const info = concat(fromHex(DIGEST_INFO[name], "digest info"), hashed);
  const filler = new Uint8Array(length - 3 - info.length).fill(0xff);
  return concat(Uint8Array.of(0, 1), filler, Uint8Array.of(0), info);
}

/** EMSA-PSS-VERIFY (§9.1.2); `bits` is emBits. */
function pssHolds(whole, hashed, algorithm, bits) {
  const encoded = bits % 8 === 0 ? whole.subarray(1) : whole;
  if (bits % 8 === 0 && whole[0] !== 0) {
    return false;
  }
  const cut = encoded.length - hashed.length - 1;
  const above = 8 * encoded.length - bits;
  if (encoded[encoded.length - 1] !== 0xbc || encoded[0] >> (8 - above) !== 0) {
    return false;
  }
  const check = encoded.subarray(cut, encoded.length - 1);
  const mask = mgf1(check, cut, algorithm.digest);
  const data = encoded.slice(0, cut).map((byte, at) => byte ^ mask[at]);
  data[0] &= 0xff >> above;
  const start = cut - algorithm.salt;
  const isZero = start > 0 && data.subarray(0, start - 1).every((byte) => byte === 0);
  if (!isZero || data[start - 1] !== 1) {
    return false;
  }
  const material = concat(new Uint8Array(8), hashed, data.subarray(start));
  return equal(hashWith(algorithm.digest, material), check);
}

/** MGF1 (§B.2.1): `length` bytes. */
function mgf1(seed, length, name) {
  const pieces = [];
  for (let made = 0; made < length; made += pieces[0].length) {
    const counter = numberToBytes(BigInt(pieces.length), 4);
    pieces.push(hashWith(name, concat(seed, counter)));
  }
  return concat(...pieces).subarray(0, length);
}
