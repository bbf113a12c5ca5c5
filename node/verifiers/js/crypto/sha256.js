/** SHA-256 (FIPS 180-4 §6.2), without waiting: the verifier hashes a great many small values. */

import { paddingOf, wordsToBytes } from "./padding.js";
import { rootFractions, upperWords } from "./primes.js";

const BLOCK = 64;
const CONSTANTS = upperWords(rootFractions(3n, 64));
const START = upperWords(rootFractions(2n, 8));

/** Fills `words[16..63]` of the message schedule (§6.2.2, step 1). */
function expand(words) {
  for (let t = 16; t < 64; t += 1) {
    const a = words[t - 15];
    const b = words[t - 2];
    const small0 = ((a >>> 7) | (a << 25)) ^ ((a >>> 18) | (a << 14)) ^ (a >>> 3);
    const small1 = ((b >>> 17) | (b << 15)) ^ ((b >>> 19) | (b << 13)) ^ (b >>> 10);
    words[t] = small1 + words[t - 7] + small0 + words[t - 16];
  }
}

/** One block (§6.2.2, steps 2 to 4); `words` hold its schedule, `state` is changed. */
function compress(state, words) {
  let [a, b, c, d, e, f, g, h] = state;
  for (let t = 0; t < 64; t += 1) {
    const big1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const first = (h + big1 + ((e & f) ^ (~e & g)) + CONSTANTS[t] + words[t]) | 0;
    const big0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const second = (big0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + second) | 0;
  }
  const turned = [a, b, c, d, e, f, g, h];
  for (let index = 0; index < 8; index += 1) {
    state[index] += turned[index];
  }
}

/** SHA-256 of what comes in pieces, such as a large file. */
export class Sha256 {
  constructor() {
    this._state = START.slice();
    this._words = new Uint32Array(64);
    this._waiting = new Uint8Array(BLOCK);
    this._length = 0;
  }

  /** Takes in the next bytes; gives itself back. */
  update(bytes) {
    let at = 0;
    const held = this._length % BLOCK;
    this._length += bytes.length;
    if (held > 0) {
      at = Math.min(BLOCK - held, bytes.length);
      this._waiting.set(bytes.subarray(0, at), held);
      if (held + at < BLOCK) {
        return this;
      }
      this._block(this._waiting, 0);
    }
    for (; at + BLOCK <= bytes.length; at += BLOCK) {
      this._block(bytes, at);
    }
    this._waiting.set(bytes.subarray(at), 0);
    return this;
  }

  /** The 32 bytes of the hash. Nothing can be taken in afterwards. */
  digest() {
    this.update(paddingOf(this._length, BLOCK, 8));
    return wordsToBytes(this._state);
  }

  _block(bytes, at) {
    for (let index = 0; index < 16; index += 1) {
      const byte = at + 4 * index;
      this._words[index] =
        (bytes[byte] << 24) | (bytes[byte + 1] << 16) | (bytes[byte + 2] << 8) | bytes[byte + 3];
    }
    expand(this._words);
    compress(this._state, this._words);
  }
}

/** The 32 bytes of the SHA-256 of `bytes`. */
export function sha256(bytes) {
  return new Sha256().update(bytes).digest();
}
