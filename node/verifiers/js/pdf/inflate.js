/**
 * Inflating zlib data (RFC 1950, RFC 1951), whole and bounded: nothing may follow it, and it must
 * not grow beyond what was allowed. Accepts and refuses what zlib does, which node/core uses.
 */

import { InvalidInput } from "../errors.js";

const LENGTH_BASE = [
  3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
  163, 195, 227, 258,
];
const LENGTH_EXTRA = [
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
  3073, 4097, 6145, 8193, 12289, 16385, 24577,
];
const DISTANCE_EXTRA = [
  0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
];
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MOST_BITS = 15;
const END_OF_BLOCK = 256;
const FIXED_LENGTHS = Array.from({ length: 288 }, (_, symbol) => {
  if (symbol < 144) {
    return 8;
  }
  return symbol < 256 ? 9 : symbol < 280 ? 7 : 8;
});

/**
 * The data that `packed` is of.
 * @param {number} most bytes that it may have.
 * @throws {InvalidInput} it is not whole, or larger.
 */
export function inflate(packed, place, most) {
  const unpacking = new Unpacking(packed, place, most);
  unpacking.header();
  let last = false;
  while (!last) {
    last = unpacking.bits(1) === 1;
    unpacking.block(unpacking.bits(2));
  }
  return unpacking.finish();
}

/** Codes of Huffman by their lengths: how many of each, and the symbols in the order of codes. */
function codesOf(lengths, isIncomplete) {
  const counts = new Uint16Array(MOST_BITS + 1);
  for (const length of lengths) {
    counts[length] += 1;
  }
  counts[0] = 0;
  let left = 1;
  let longest = 0;
  for (let bits = 1; bits <= MOST_BITS; bits += 1) {
    left = left * 2 - counts[bits];
    longest = counts[bits] > 0 ? bits : longest;
    if (left < 0) {
      return null;
    }
  }
  if (left > 0 && longest > 0 && !(isIncomplete && longest === 1)) {
    return null;
  }
  const offsets = new Uint16Array(MOST_BITS + 2);
  for (let bits = 1; bits <= MOST_BITS; bits += 1) {
    offsets[bits + 1] = offsets[bits] + counts[bits];
  }
  const symbols = new Uint16Array(lengths.length);
  lengths.forEach((length, symbol) => {
    if (length > 0) {
      symbols[offsets[length]] = symbol;
      offsets[length] += 1;
    }
  });
  return { counts, symbols };
}

class Unpacking {
  constructor(packed, place, most) {
    this._packed = packed;
    this._place = place;
    this._most = most;
    this._at = 0;
    this._held = 0;
    this._count = 0;
    this._out = new Uint8Array(Math.min(most, Math.max(1024, 4 * packed.length)));
    this._length = 0;
  }

  _broken() {
    return new InvalidInput(this._place, "is no zlib data (RFC 1950)", "不是有效的压缩数据");
  }

  _cutOff() {
    return new InvalidInput(
      this._place, "is cut off, or bytes follow the zlib data", "压缩数据被截断，或其后有多余字节");
  }

  /** The header (RFC 1950 §2.2), without a preset dictionary. */
  header() {
    if (this._packed.length < 2) {
      throw this._cutOff();
    }
    const [method, flags] = this._packed;
    const holds = (method * 256 + flags) % 31 === 0 && (method & 15) === 8 && method >> 4 <= 7;
    if (!holds || flags & 0x20) {
      throw this._broken();
    }
    this._at = 2;
  }

  bits(count) {
    while (this._count < count) {
      if (this._at >= this._packed.length) {
        throw this._cutOff();
      }
      this._held |= this._packed[this._at] << this._count;
      this._at += 1;
      this._count += 8;
    }
    const found = this._held & ((1 << count) - 1);
    this._held >>>= count;
    this._count -= count;
    return found;
  }

  block(kind) {
    if (kind === 0) {
      this._stored();
    } else if (kind === 1) {
      this._codes(codesOf(FIXED_LENGTHS, false), codesOf(new Array(32).fill(5), false));
    } else if (kind === 2) {
      this._codes(...this._readCodes());
    } else {
      throw this._broken();
    }
  }

  _stored() {
    this._held = 0;
    this._count = 0;
    const length = this.bits(16);
    if ((this.bits(16) ^ 0xffff) !== length) {
      throw this._broken();
    }
    if (this._at + length > this._packed.length) {
      this._grow(this._packed.length - this._at);
      throw this._cutOff();
    }
    this._grow(length);
    this._out.set(this._packed.subarray(this._at, this._at + length), this._length);
    this._length += length;
    this._at += length;
  }

  _readCodes() {
    const [literals, distances, codes] = [this.bits(5) + 257, this.bits(5) + 1, this.bits(4) + 4];
    if (literals > 286 || distances > 30) {
      throw this._broken();
    }
    const given = new Array(19).fill(0);
    for (let position = 0; position < codes; position += 1) {
      given[CODE_ORDER[position]] = this.bits(3);
    }
    const code = codesOf(given, false);
    if (code === null) {
      throw this._broken();
    }
    const lengths = [];
    while (lengths.length < literals + distances) {
      this._readLength(lengths, code);
    }
    const literal = codesOf(lengths.slice(0, literals), true);
    const distance = codesOf(lengths.slice(literals), true);
    if (lengths.length > literals + distances || lengths[END_OF_BLOCK] === 0
        || literal === null || distance === null) {
      throw this._broken();
    }
    return [literal, distance];
  }

  _readLength(lengths, code) {
    const symbol = this._symbol(code);
    if (symbol < 16) {
      lengths.push(symbol);
      return;
    }
    if (symbol === 16 && lengths.length === 0) {
      throw this._broken();
    }
    const repeated = symbol === 16 ? lengths[lengths.length - 1] : 0;
    const times = symbol === 16 ? 3 + this.bits(2)
      : symbol === 17 ? 3 + this.bits(3) : 11 + this.bits(7);
    for (let count = 0; count < times; count += 1) {
      lengths.push(repeated);
    }
  }

  _symbol({ counts, symbols }) {
    let [code, first, index] = [0, 0, 0];
    for (let bits = 1; bits <= MOST_BITS; bits += 1) {
      code |= this.bits(1);
      const count = counts[bits];
      if (code - count < first) {
        return symbols[index + (code - first)];
      }
      index += count;
      first = (first + count) << 1;
      code <<= 1;
    }
    throw this._broken();
  }

  _codes(literal, distance) {
    for (;;) {
      const symbol = this._symbol(literal);
      if (symbol === END_OF_BLOCK) {
        return;
      }
      if (symbol < END_OF_BLOCK) {
        this._grow(1);
        this._out[this._length] = symbol;
        this._length += 1;
      } else {
        this._copy(symbol - 257, distance);
      }
    }
  }

  _copy(which, distances) {
    if (which >= LENGTH_BASE.length) {
      throw this._broken();
    }
    const length = LENGTH_BASE[which] + this.bits(LENGTH_EXTRA[which]);
    const far = this._symbol(distances);
    if (far >= DISTANCE_BASE.length) {
      throw this._broken();
    }
    const distance = DISTANCE_BASE[far] + this.bits(DISTANCE_EXTRA[far]);
    if (distance > this._length) {
      throw this._broken();
    }
    this._grow(length);
    for (let count = 0; count < length; count += 1) {
      this._out[this._length] = this._out[this._length - distance];
      this._length += 1;
    }
  }

  /** Make room for so many more bytes. */
  _grow(count) {
    const needed = this._length + count;
    if (needed > this._most) {
      throw new InvalidInput(
        this._place, `unpacks to more than ${this._most} bytes`, `解压后超过 ${this._most} 字节`);
    }
    if (needed > this._out.length) {
      const larger = new Uint8Array(Math.min(this._most, Math.max(needed, 2 * this._out.length)));
      larger.set(this._out.subarray(0, this._length));
      this._out = larger;
    }
  }

  /** The data, once its Adler-32 (RFC 1950 §8) holds and nothing follows. */
  finish() {
    const ends = this._packed.subarray(this._at);
    const out = this._out.subarray(0, this._length);
    if (ends.length < 4) {
      throw this._cutOff();
    }
    const [one, two] = adler(out);
    const stated = ((ends[0] << 24) | (ends[1] << 16) | (ends[2] << 8) | ends[3]) >>> 0;
    if (two * 65_536 + one !== stated) {
      throw this._broken();
    }
    if (ends.length > 4) {
      throw this._cutOff();
    }
    return out;
  }
}

function adler(bytes) {
  let [one, two] = [1, 0];
  for (let at = 0; at < bytes.length; at += 3_800) {
    for (const byte of bytes.subarray(at, at + 3_800)) {
      one += byte;
      two += one;
    }
    one %= 65_521;
    two %= 65_521;
  }
  return [one, two];
}
