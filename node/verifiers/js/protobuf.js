/** Writing protobuf (proto3) as CometBFT does: zero values are left out except where noted. */

import { concat } from "./bytes.js";

const NONE = new Uint8Array(0);

/** Unsigned LEB128 of an integer; a negative one stands as its 64 bits in two's complement. */
export function encodeUvarint(value) {
  if (value >= 0 && value < 0x80) {
    return Uint8Array.of(value);
  }
  const out = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 0x7fn) {
    out.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  out.push(Number(rest));
  return Uint8Array.from(out);
}

/** A field with a varint. */
export function varintField(field, value) {
  return value === 0 ? NONE : concat(encodeUvarint(field << 3), encodeUvarint(value));
}

/** A field with bytes, or with a message; `always` writes an empty one too. */
export function bytesField(field, value, { always = false } = {}) {
  if (value.length === 0 && !always) {
    return NONE;
  }
  return concat(encodeUvarint((field << 3) | 2), encodeUvarint(value.length), value);
}

/** An integer from 0 on as 8 bytes, little-endian: the value of an sfixed64. */
export function fixed64(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true);
  return bytes;
}
