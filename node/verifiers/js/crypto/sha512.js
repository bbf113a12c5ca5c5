/** SHA-512 and SHA-384 (FIPS 180-4 §6.4, §6.5), with each word of 64 bits as two of 32. */

import { padMessage, wordsToBytes } from "./padding.js";
import { lowerWords, rootFractions, upperWords } from "./primes.js";

const CONSTANTS = rootFractions(3n, 80);
const CONSTANTS_HIGH = upperWords(CONSTANTS);
const CONSTANTS_LOW = lowerWords(CONSTANTS);
const START_512 = rootFractions(2n, 8);
const START_384 = rootFractions(2n, 16).slice(8);

/** The upper word of (high, low) turned right by `by` bits; swap the two for the lower one. */
function turned(high, low, by) {
  return by < 32
    ? (high >>> by) | (low << (32 - by))
    : (low >>> (by - 32)) | (high << (64 - by));
}

/** The message schedule of the block at `at` (§6.4.2, step 1). */
function expand(high, low, view, at) {
  for (let t = 0; t < 16; t += 1) {
    high[t] = view.getUint32(at + 8 * t);
    low[t] = view.getUint32(at + 8 * t + 4);
  }
  for (let t = 16; t < 80; t += 1) {
    const [ah, al, bh, bl] = [high[t - 15], low[t - 15], high[t - 2], low[t - 2]];
    const small0 = turned(ah, al, 1) ^ turned(ah, al, 8) ^ (ah >>> 7);
    const small0Low = turned(al, ah, 1) ^ turned(al, ah, 8) ^ ((al >>> 7) | (ah << 25));
    const small1 = turned(bh, bl, 19) ^ turned(bh, bl, 61) ^ (bh >>> 6);
    const small1Low = turned(bl, bh, 19) ^ turned(bl, bh, 61) ^ ((bl >>> 6) | (bh << 26));
    const sum = (small0Low >>> 0) + (small1Low >>> 0) + low[t - 7] + low[t - 16];
    low[t] = sum;
    high[t] = small0 + small1 + high[t - 7] + high[t - 16] + Math.floor(sum / 2 ** 32);
  }
}

/**
 * Round t (§6.4.2, step 3). The words a to h are not moved: in each round they stand one place
 * further down in `s`, which has eight pairs, upper and lower in turn.
 */
function round(s, t, high, low) {
  const at = (name) => 2 * ((name - t) & 7);
  const [a, b, c, d, e, f, g, h] = [at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)];
  const [ah, al, eh, el] = [s[a], s[a + 1], s[e], s[e + 1]];
  const big1 = turned(eh, el, 14) ^ turned(eh, el, 18) ^ turned(eh, el, 41);
  const big1Low = turned(el, eh, 14) ^ turned(el, eh, 18) ^ turned(el, eh, 41);
  const choice = (eh & s[f]) ^ (~eh & s[g]);
  const choiceLow = (el & s[f + 1]) ^ (~el & s[g + 1]);
  const sumLow = s[h + 1] + (big1Low >>> 0) + (choiceLow >>> 0) + CONSTANTS_LOW[t] + low[t];
  const first = s[h] + big1 + choice + CONSTANTS_HIGH[t] + high[t] + Math.floor(sumLow / 2 ** 32);
  const firstLow = sumLow >>> 0;
  const big0 = turned(ah, al, 28) ^ turned(ah, al, 34) ^ turned(ah, al, 39);
  const big0Low = turned(al, ah, 28) ^ turned(al, ah, 34) ^ turned(al, ah, 39);
  const majority = (ah & s[b]) ^ (ah & s[c]) ^ (s[b] & s[c]);
  const majorityLow = (al & s[b + 1]) ^ (al & s[c + 1]) ^ (s[b + 1] & s[c + 1]);
  const newLow = firstLow + (big0Low >>> 0) + (majorityLow >>> 0);
  add(s, d, first, firstLow);
  s[h] = first + big0 + majority + Math.floor(newLow / 2 ** 32);
  s[h + 1] = newLow;
}

/** Adds (high, low) to the pair at `index`. */
function add(pairs, index, high, low) {
  const sum = pairs[index + 1] + low;
  pairs[index + 1] = sum;
  pairs[index] += high + Math.floor(sum / 2 ** 32);
}

/** One block; `state` has eight pairs and is changed. */
function compress(state, high, low) {
  const s = state.slice();
  for (let t = 0; t < 80; t += 1) {
    round(s, t, high, low);
  }
  for (let index = 0; index < 16; index += 2) {
    add(state, index, s[index], s[index + 1]);
  }
}

function hash(bytes, start, length) {
  const padded = padMessage(bytes, 128, 16);
  const view = new DataView(padded.buffer);
  const starts = [upperWords(start), lowerWords(start)];
  const state = new Uint32Array(16).map((_, index) => starts[index % 2][index >> 1]);
  const high = new Uint32Array(80);
  const low = new Uint32Array(80);
  for (let at = 0; at < padded.length; at += 128) {
    expand(high, low, view, at);
    compress(state, high, low);
  }
  return wordsToBytes(state).slice(0, length);
}

/** The 64 bytes of the SHA-512 of `bytes`. */
export function sha512(bytes) {
  return hash(bytes, START_512, 64);
}

/** The 48 bytes of the SHA-384 of `bytes`. */
export function sha384(bytes) {
  return hash(bytes, START_384, 48);
}
