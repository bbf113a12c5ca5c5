/**
 * Keys and signatures of certificates and of what is signed by their holders.
 *
 * ECDSA on P-256, P-384 and P-521, RSA of 2,048 to 8,192 bits (PKCS1-v1_5 and PSS, RFC 8017), each
 * with SHA-256, SHA-384 or SHA-512. Mirrors node/core/anchors/public_keys.py.
 */

import { concat } from "../bytes.js";
import { CURVES } from "../crypto/curves.js";
import { bitLength, numberToBytes } from "../crypto/numbers.js";
import { verifyRsa } from "../crypto/rsa.js";
import { verifyEcdsa } from "../crypto/signatures.js";
import { InvalidInput } from "../errors.js";
import {
  BIT_STRING,
  CONTEXT_CONSTRUCTED,
  Contents,
  INTEGER,
  NULL,
  OID,
  SEQUENCE,
  decodeDer,
  integerOf,
  oidOf,
  soleOf,
  wholeBytesOf,
} from "./der.js";

/** The algorithm of RSA keys, and of signatures that name their hash function elsewhere. */
export const RSA_ENCRYPTION = "1.2.840.113549.1.1.1";

/** Hash functions by their object identifiers (RFC 5754 §2). */
const DIGESTS = new Map([
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
]);
const RSASSA_PSS = "1.2.840.113549.1.1.10";
const MGF1 = "1.2.840.113549.1.1.8";
const EC_PUBLIC_KEY = "1.2.840.10045.2.1";
const CURVE_NAMES = new Map([
  ["1.2.840.10045.3.1.7", "P-256"],
  ["1.3.132.0.34", "P-384"],
  ["1.3.132.0.35", "P-521"],
]);
const ECDSA_WITH = new Map([
  ["1.2.840.10045.4.3.2", "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
]);
const RSA_WITH = new Map([
  ["1.2.840.113549.1.1.11", "sha256"],
  ["1.2.840.113549.1.1.12", "sha384"],
  ["1.2.840.113549.1.1.13", "sha512"],
]);

/**
 * The key of a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7, RFC 5480, RFC 8017 A.1.1).
 *
 * @returns `{kind: "ec", curve, point}` (x‖y) or `{kind: "rsa", modulus, exponent}` (BigInt).
 * @throws {InvalidInput} malformed, or of a kind that is not read here.
 */
export function decodePublicKey(spki) {
  const contents = new Contents(spki);
  const algorithm = new Contents(contents.take("algorithm", SEQUENCE));
  const kind = oidOf(algorithm.take("algorithm", OID));
  const bits = contents.take("subjectPublicKey", BIT_STRING);
  const key = wholeBytesOf(bits);
  contents.end();
  if (kind === EC_PUBLIC_KEY) {
    const curve = algorithm.take("parameters", OID);
    algorithm.end();
    return ecKey(curve, key, bits.place);
  }
  if (kind === RSA_ENCRYPTION) {
    takeNull(algorithm, false);
    return rsaKey(decodeDer(key, bits.place, SEQUENCE));
  }
  throw new InvalidInput(
    `${spki.place}.algorithm`, "must be a key of EC or RSA", "须为 EC 或 RSA 公钥");
}

function ecKey(named, key, place) {
  const curve = CURVE_NAMES.get(oidOf(named));
  if (curve === undefined) {
    throw new InvalidInput(
      named.place, "must be P-256, P-384 or P-521", "须为 P-256、P-384 或 P-521 曲线");
  }
  if (key.length !== 1 + 2 * CURVES[curve].bytes || key[0] !== 4) {
    throw new InvalidInput(
      place, `must be an uncompressed point of ${curve} (RFC 5480 §2.2)`, `须为 ${curve} 的未压缩点`);
  }
  return { kind: "ec", curve, point: key.subarray(1) };
}

function rsaKey(sequence) {
  const contents = new Contents(sequence);
  const modulus = integerOf(contents.take("modulus", INTEGER));
  const bounds = { least: 3n, most: 65_537n };
  const exponent = integerOf(contents.take("publicExponent", INTEGER), bounds);
  contents.end();
  const bits = modulus > 0n ? bitLength(modulus) : 0;
  if (bits < 2048 || bits > 8192 || (modulus & exponent & 1n) === 0n) {
    throw new InvalidInput(
      sequence.place, "must be an RSA key of 2,048 to 8,192 bits", "须为 2048 至 8192 位的 RSA 公钥");
  }
  return { kind: "rsa", modulus, exponent };
}

/** The hash function of an AlgorithmIdentifier; parameters absent or NULL (RFC 5754 §2). */
export function readDigestAlgorithm(element) {
  const contents = new Contents(element);
  const named = contents.take("algorithm", OID);
  takeNull(contents, true);
  const digest = DIGESTS.get(oidOf(named));
  if (digest === undefined) {
    throw new InvalidInput(
      named.place, "must be SHA-256, SHA-384 or SHA-512", "须为 SHA-256、SHA-384 或 SHA-512");
  }
  return digest;
}

/**
 * The algorithm of an AlgorithmIdentifier that names its hash function as well: ecdsa-with-SHA2
 * (RFC 5758 §3.2), sha2WithRSAEncryption (RFC 4055 §5), id-RSASSA-PSS (§3.1).
 *
 * @returns `{scheme, digest, salt}`: scheme ecdsa, rsa-pkcs1 or rsa-pss; salt the bytes of PSS.
 */
export function readSignatureAlgorithm(element) {
  const contents = new Contents(element);
  const named = contents.take("algorithm", OID);
  const oid = oidOf(named);
  if (ECDSA_WITH.has(oid)) {
    contents.end();
    return { scheme: "ecdsa", digest: ECDSA_WITH.get(oid), salt: 0 };
  }
  if (RSA_WITH.has(oid)) {
    takeNull(contents, true);
    return { scheme: "rsa-pkcs1", digest: RSA_WITH.get(oid), salt: 0 };
  }
  if (oid === RSASSA_PSS) {
    const algorithm = readPss(new Contents(contents.take("parameters", SEQUENCE)));
    contents.end();
    return algorithm;
  }
  throw new InvalidInput(
    named.place,
    "must be ECDSA or RSA with SHA-256, SHA-384 or SHA-512",
    "须为 ECDSA 或 RSA，配 SHA-256、SHA-384 或 SHA-512",
  );
}

/** RSASSA-PSS-params (RFC 4055 §3.1): all defaults are SHA-1's, so none may be left out. */
function readPss(parameters) {
  const hashed = parameters.take("hashAlgorithm", CONTEXT_CONSTRUCTED);
  const digest = readDigestAlgorithm(soleOf(hashed, "0", SEQUENCE));
  const masked = parameters.take("maskGenAlgorithm", CONTEXT_CONSTRUCTED + 1);
  const mask = new Contents(soleOf(masked, "0", SEQUENCE));
  const isMgf1 = oidOf(mask.take("algorithm", OID)) === MGF1;
  const isSame = readDigestAlgorithm(mask.take("parameters", SEQUENCE)) === digest;
  mask.end();
  if (!(isMgf1 && isSame)) {
    throw new InvalidInput(
      masked.place,
      "must be MGF1 with the hash function of the signature",
      "须为 MGF1，且与签名使用同一哈希算法",
    );
  }
  const length = soleOf(parameters.take("saltLength", CONTEXT_CONSTRUCTED + 2), "0", INTEGER);
  parameters.end();
  const salt = Number(integerOf(length, { least: 0n, most: 64n }));
  return { scheme: "rsa-pss", digest, salt };
}

function takeNull(contents, mayLack) {
  if (contents.left || !mayLack) {
    const absent = contents.take("parameters", NULL);
    if (absent.content.length > 0) {
      throw new InvalidInput(absent.place, "NULL has no contents", "NULL 不得有内容");
    }
  }
  contents.end();
}

/**
 * r and s of an Ecdsa-Sig-Value in DER (RFC 3279 §2.2.3), each from 1 to n-1.
 *
 * @returns {[bigint, bigint]}
 */
export function decodeEcdsaSignature(signature, curve, place) {
  const contents = new Contents(decodeDer(signature, place, SEQUENCE));
  const r = integerOf(contents.take("r", INTEGER));
  const s = integerOf(contents.take("s", INTEGER));
  contents.end();
  const { n } = CURVES[curve];
  if (r <= 0n || s <= 0n || r >= n || s >= n) {
    throw new InvalidInput(place, "r and s must be between 1 and n-1", "r、s 须在 1 与 n-1 之间");
  }
  return [r, s];
}

/**
 * Check a signature as its AlgorithmIdentifier says.
 *
 * @throws {InvalidInput} it does not hold under this key, is malformed, or of another kind.
 */
export async function verifySignature(key, algorithm, message, signature, place) {
  if (key.kind === "ec" && algorithm.scheme === "ecdsa") {
    const [r, s] = decodeEcdsaSignature(signature, key.curve, place);
    const { bytes } = CURVES[key.curve];
    const raw = concat(numberToBytes(r, bytes), numberToBytes(s, bytes));
    try {
      await verifyEcdsa(key.curve, key.point, algorithm.digest, message, raw);
    } catch (error) {
      throw error instanceof InvalidInput ? movedTo(error, place) : error;
    }
  } else if (key.kind === "rsa" && algorithm.scheme !== "ecdsa") {
    verifyRsa(key, algorithm, message, signature, place);
  } else {
    throw new InvalidInput(
      place, "its algorithm is of another kind than the signer's key", "签名算法与公钥类型不符");
  }
}

/** The same error at another place. */
export function movedTo(error, place, before = "", beforeZh = "") {
  return new InvalidInput(place, before + error.rule, error.ruleZh && beforeZh + error.ruleZh);
}
