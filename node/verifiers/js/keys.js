/** Ed25519 public keys as JWKs (RFC 8037 §2; docs/spec/signatures.md, "Ed25519 keys"). */

import { fromBase64url } from "./bytes.js";
import { checkEd25519Key } from "./crypto/signatures.js";
import { InvalidInput } from "./errors.js";
import { exactMembers, readText } from "./fields.js";

/**
 * The 32 bytes of an Ed25519 JWK, whether they are a key or not: that takes long to find out.
 * @throws {InvalidInput} the JWK is malformed.
 */
export function readEd25519Bytes(value, place) {
  const members = exactMembers(value, place, ["crv", "kty", "x"]);
  if (members.kty !== "OKP" || members.crv !== "Ed25519") {
    throw new InvalidInput(place, "must have kty OKP and crv Ed25519", "须为 Ed25519 公钥");
  }
  const key = fromBase64url(readText(members.x, `${place}.x`, { most: 43 }), `${place}.x`);
  if (key.length !== 32) {
    throw new InvalidInput(place, "an Ed25519 key has 32 bytes", "Ed25519 公钥须为 32 字节");
  }
  return key;
}

/**
 * The 32 bytes of an Ed25519 JWK.
 * @throws {InvalidInput} the JWK is malformed, or its key weak.
 */
export function readEd25519Jwk(value, place) {
  const key = readEd25519Bytes(value, place);
  checkEd25519Key(key, place);
  return key;
}
