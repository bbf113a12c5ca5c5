/**
 * RLP, Ethereum's encoding of bytes and lists (Yellow Paper, appendix B), decoded strictly: only
 * the shortest form is taken, nothing may be left over, and lists nest only so deep. Items are
 * Uint8Array or arrays of items. Mirrors node/core/anchors/rlp.py.
 */

import { bytesToNumber } from "../crypto/numbers.js";
import { InvalidInput } from "../errors.js";

const MAX_DEPTH = 16;

/** Encode an integer from 0 on, below 2^55: as RLP has it, without leading zeros, 0 as no bytes. */
export function encodeRlpNumber(number) {
  if (number > 0 && number < 0x80) {
    return Uint8Array.of(number);
  }
  const octets = [];
  for (let rest = number; rest > 0; rest = Math.floor(rest / 256)) {
    octets.unshift(rest % 256);
  }
  return Uint8Array.of(0x80 + octets.length, ...octets);
}

/**
 * Decode one item that takes up all of `data`.
 *
 * @throws {InvalidInput} cut off, left over, not the shortest form, or nested too deep.
 */
export function decodeRlp(data, place, maxDepth = MAX_DEPTH) {
  const [item, end] = decode(data, 0, data.length, place, maxDepth);
  if (end !== data.length) {
    throw new InvalidInput(
      place, `${data.length - end} bytes behind the RLP item`, "RLP 项之后还有多余字节");
  }
  return item;
}

/** The item at `start`, which must lie before `end`, and the offset behind it. */
function decode(data, start, end, place, depth) {
  if (start >= end) {
    throw new InvalidInput(place, "RLP is cut off", "RLP 不完整");
  }
  const first = data[start];
  if (first < 0x80) {
    return [data.subarray(start, start + 1), start + 1];
  }
  const isList = first >= 0xc0;
  const [begin, behind] = bounds(data, start, end, isList ? 0xc0 : 0x80, place);
  if (!isList) {
    const content = data.subarray(begin, behind);
    if (content.length === 1 && content[0] < 0x80) {
      throw new InvalidInput(place, "RLP is not in its shortest form", "RLP 不是最短编码");
    }
    return [content, behind];
  }
  if (depth === 0) {
    throw new InvalidInput(place, "RLP is nested too deep", "RLP 嵌套过深");
  }
  const items = [];
  for (let at = begin; at < behind;) {
    const [item, next] = decode(data, at, behind, place, depth - 1);
    items.push(item);
    at = next;
  }
  return [items, behind];
}

/** Where the content of the item at `start` begins and ends. */
function bounds(data, start, end, offset, place) {
  let size = data[start] - offset;
  let begin = start + 1;
  if (size > 55) {
    const length = data.subarray(begin, begin + size - 55);
    begin += size - 55;
    if (begin > end) {
      throw new InvalidInput(place, "RLP is cut off", "RLP 不完整");
    }
    size = Number(bytesToNumber(length));
    if (length[0] === 0 || size < 56) {
      throw new InvalidInput(place, "RLP is not in its shortest form", "RLP 不是最短编码");
    }
  }
  if (begin + size > end) {
    throw new InvalidInput(place, "RLP is cut off", "RLP 不完整");
  }
  return [begin, begin + size];
}

/** `item`, which must be a list of `least` to `most` items. */
export function rlpItems(item, place, { least, most }) {
  if (!Array.isArray(item) || item.length < least || item.length > most) {
    const count = least === most ? `${least}` : `${least} to ${most}`;
    throw new InvalidInput(
      place, `must be an RLP list of ${count} items`, "须为项数相符的 RLP 列表");
  }
  return item;
}

/** `item`, which must be `length` bytes. */
export function rlpBytes(item, place, length) {
  if (Array.isArray(item) || item.length !== length) {
    throw new InvalidInput(
      place, `must be ${length} bytes in RLP`, `须为 ${length} 字节的 RLP 项`);
  }
  return item;
}

/** `item` as an unsigned integer (BigInt) without leading zeros, at most `most`. */
export function rlpNumber(item, place, most) {
  if (Array.isArray(item) || item[0] === 0 || item.length > 32) {
    throw new InvalidInput(
      place, "must be an RLP number without leading zeros", "须为无前导零的 RLP 整数");
  }
  const number = bytesToNumber(item);
  if (number > most) {
    throw new InvalidInput(place, `must be at most ${most}`, `整数须不大于 ${most}`);
  }
  return number;
}
