/**
 * A validator's signature of a vote holds where CometBFT says so: by ZIP 215, with the cofactor
 * (docs/spec/signatures.md, "Signatures of votes"). Mirrors node/core/vote_signature.py.
 *
 * All other Ed25519 signatures are checked without it. Of votes the engine decides what is in a
 * commit; no honest validator makes one that needs this.
 */

import { ed25519HoldsWithCofactor } from "./crypto/edwards25519.js";
import { checkEd25519Key, verifyEd25519 } from "./crypto/signatures.js";
import { InvalidInput } from "./errors.js";

/**
 * Check the signature of a vote.
 * @param {Uint8Array} key 32 bytes.
 * @param {Uint8Array} message what `Commit.signBytes` gives.
 * @param {Uint8Array} signature 64 bytes.
 * @throws {InvalidInput} it does not hold, or the key is none.
 */
export async function verifyVoteSignature(key, message, signature) {
  checkEd25519Key(key, "public key");
  try {
    await verifyEd25519(key, message, signature);
  } catch (error) {
    const holds = error instanceof InvalidInput && signature.length === 64
      && ed25519HoldsWithCofactor(key, message, signature);
    if (!holds) {
      throw error;
    }
  }
}
