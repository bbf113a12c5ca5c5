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

/** The two sums of a round (§6.4.2, step 3), as [T1 high, T1 low, T2 high, T2 low]. */
function roundSums(s, t, high, low) {
  const [ah, al, bh, bl, ch, cl, , , eh, el, fh, fl, gh, gl, hh, hl] = s;
  const big1 = turned(eh, el, 14) ^ turned(eh, el, 18) ^ turned(eh, el, 41);
  const big1Low = turned(el, eh, 14) ^ turned(el, eh, 18) ^ turned(el, eh, 41);
  const choice = (eh & fh) ^ (~eh & gh);
  const choiceLow = ((el & fl) ^ (~el & gl)) >>> 0;
  const firstLow = hl + (big1Low >>> 0) + choiceLow + CONSTANTS_LOW[t] + low[t];
  const first = hh + big1 + choice + CONSTANTS_HIGH[t] + high[t] + Math.floor(firstLow / 2 ** 32);
  const big0 = turned(ah, al, 28) ^ turned(ah, al, 34) ^ turned(ah, al, 39);
  const big0Low = turned(al, ah, 28) ^ turned(al, ah, 34) ^ turned(al, ah, 39);
  const majority = (ah & bh) ^ (ah & ch) ^ (bh & ch);
  const secondLow = (big0Low >>> 0) + (((al & bl) ^ (al & cl) ^ (bl & cl)) >>> 0);
  const second = big0 + majority + Math.floor(secondLow / 2 ** 32);
  return [first >>> 0, firstLow >>> 0, second >>> 0, secondLow >>> 0];
}

/** One block; `state` has sixteen words, upper and lower in turn, and is changed. */
function compress(state, high, low) {
  let s = Array.from(state);
  for (let t = 0; t < 80; t += 1) {
    const [first, firstLow, second, secondLow] = roundSums(s, t, high, low);
    const eLow = s[7] + firstLow;
    const aLow = firstLow + secondLow;
    const e = (s[6] + first + Math.floor(eLow / 2 ** 32)) >>> 0;
    const a = (first + second + Math.floor(aLow / 2 ** 32)) >>> 0;
    s = [a, aLow >>> 0, ...s.slice(0, 6), e, eLow >>> 0, ...s.slice(8, 14)];
  }
  for (let index = 0; index < 16; index += 2) {
    const sum = state[index + 1] + s[index + 1];
    state[index + 1] = sum;
    state[index] += s[index] + Math.floor(sum / 2 ** 32);
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
