/** SM3 (GB/T 32905-2016), China's national hash. Mirrors node/core/anchors/sm3.py. */

import { padMessage, wordsToBytes } from "./padding.js";

const START = [
  0x7380166f, 0x4914b2b9, 0x172442d7, 0xda8a0600, 0xa96f30bc, 0x163138aa, 0xe38dee4d, 0xb0fb0e4e,
];

function turned(word, by) {
  const bits = by % 32;
  return bits === 0 ? word | 0 : (word << bits) | (word >>> (32 - bits));
}

const ROUND = Int32Array.from({ length: 64 }, (_, j) => (
  turned(j < 16 ? 0x79cc4519 : 0x7a879d8a, j)
));

/** Fills `words[16..67]` of the message schedule (§5.3.2). */
function expand(words) {
  for (let j = 16; j < 68; j += 1) {
    const x = words[j - 16] ^ words[j - 9] ^ turned(words[j - 3], 15);
    words[j] = x ^ turned(x, 15) ^ turned(x, 23) ^ turned(words[j - 13], 7) ^ words[j - 6];
  }
}

/** The compression function (§5.3.3); `state` is changed. */
function compress(state, words) {
  expand(words);
  let [a, b, c, d, e, f, g, h] = state;
  for (let j = 0; j < 64; j += 1) {
    const top = turned(a, 12);
    const first = turned((top + e + ROUND[j]) | 0, 7);
    const ff = j < 16 ? a ^ b ^ c : (a & b) | (a & c) | (b & c);
    const gg = j < 16 ? e ^ f ^ g : (e & f) | (~e & g);
    const left = (ff + d + (first ^ top) + (words[j] ^ words[j + 4])) | 0;
    const right = (gg + h + first + words[j]) | 0;
    [a, b, c, d] = [left, a, turned(b, 9), c];
    [e, f, g, h] = [right ^ turned(right, 9) ^ turned(right, 17), e, turned(f, 19), g];
  }
  [a, b, c, d, e, f, g, h].forEach((word, index) => {
    state[index] ^= word;
  });
}

/** The 32 bytes of the SM3 of `bytes`. */
export function sm3(bytes) {
  const padded = padMessage(bytes, 64, 8);
  const view = new DataView(padded.buffer);
  const state = Int32Array.from(START);
  const words = new Int32Array(68);
  for (let at = 0; at < padded.length; at += 64) {
    for (let index = 0; index < 16; index += 1) {
      words[index] = view.getUint32(at + 4 * index);
    }
    compress(state, words);
  }
  return wordsToBytes(state);
}
