/**
 * SHA-1 (FIPS 180-4 §6.1). It is broken, and serves one thing only: the older signingCertificate of
 * time-stamp tokens names by it which of a trusted authority's certificates is meant (RFC 3161).
 */

import { padMessage, wordsToBytes } from "./padding.js";

const START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
const CONSTANTS = [0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6];

function turned(word, by) {
  return (word << by) | (word >>> (32 - by));
}

/** The function of round t (§4.1.1). */
function mixed(t, b, c, d) {
  if (t < 20) {
    return (b & c) ^ (~b & d);
  }
  return t >= 40 && t < 60 ? (b & c) ^ (b & d) ^ (c & d) : b ^ c ^ d;
}

/** One block; `words[0..15]` are filled, `state` is changed. */
function compress(state, words) {
  for (let t = 16; t < 80; t += 1) {
    words[t] = turned(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
  }
  let [a, b, c, d, e] = state;
  for (let t = 0; t < 80; t += 1) {
    const constant = CONSTANTS[Math.floor(t / 20)];
    const first = (turned(a, 5) + mixed(t, b, c, d) + e + constant + words[t]) | 0;
    [a, b, c, d, e] = [first, a, turned(b, 30), c, d];
  }
  [a, b, c, d, e].forEach((word, index) => {
    state[index] += word;
  });
}

/** The 20 bytes of the SHA-1 of `bytes`. */
export function sha1(bytes) {
  const padded = padMessage(bytes, 64, 8);
  const view = new DataView(padded.buffer);
  const state = Uint32Array.from(START);
  const words = new Uint32Array(80);
  for (let at = 0; at < padded.length; at += 64) {
    for (let index = 0; index < 16; index += 1) {
      words[index] = view.getUint32(at + 4 * index);
    }
    compress(state, words);
  }
  return wordsToBytes(state);
}
