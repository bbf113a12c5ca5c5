// Entries into the verifier's cryptography for tests/unit/verifiers/test_javascript_crypto.py.

import { SEQUENCE, decodeDer } from "../../node/verifiers/js/anchors/der.js";
import {
  decodePublicKey,
  readSignatureAlgorithm,
  verifySignature,
} from "../../node/verifiers/js/anchors/public_keys.js";
import { Sha256 } from "../../node/verifiers/js/crypto/sha256.js";
import {
  verifyEcdsa,
  verifyEd25519,
  verifyEs256,
} from "../../node/verifiers/js/crypto/signatures.js";

const CHECKS = { verifyEcdsa, verifyEd25519, verifyEs256 };

/** A check of signatures.js by BigInt alone, as in a browser that has no WebCrypto. */
export async function withoutWebCrypto(name, ...given) {
  const found = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", { value: undefined, configurable: true });
  try {
    await CHECKS[name](...given);
  } finally {
    Object.defineProperty(globalThis, "crypto", found);
  }
}

/** A signature by the DER of a SubjectPublicKeyInfo and of an AlgorithmIdentifier. */
export async function verifyBySpki(spki, algorithm, message, signature) {
  const key = decodePublicKey(decodeDer(spki, "key", SEQUENCE));
  const read = readSignatureAlgorithm(decodeDer(algorithm, "algorithm", SEQUENCE));
  await verifySignature(key, read, message, signature, "signature");
}

/** SHA-256 of pieces that come one after the other. */
export function sha256OfPieces(pieces) {
  const hash = new Sha256();
  pieces.forEach((piece) => hash.update(piece));
  return hash.digest();
}
