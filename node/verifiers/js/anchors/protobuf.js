/**
 * A strict reader of Protocol Buffers messages in their canonical form: known fields in ascending
 * order, each at most once unless it is repeated, no default value written out, minimal varints,
 * nothing left over. Mirrors node/core/anchors/protobuf.py.
 */

import { decodeUtf8 } from "../bytes.js";
import { InvalidInput } from "../errors.js";

/** Kinds of fields: any varint type, bytes, text, and messages (read in turn, may be empty). */
export const UINT = "uint";
export const OCTETS = "octets";
export const TEXT = "text";
export const MESSAGE = "message";

const MOST_ITEMS = 1_000;
const EMPTY = new Uint8Array(0);
const ABSENT = { [UINT]: 0n, [OCTETS]: EMPTY, [TEXT]: "", [MESSAGE]: null };

/**
 * A field of a message. One that is repeated has at most 1,000 items.
 */
export function field(name, kind = OCTETS, repeated = false) {
  return Object.freeze({ name, kind, repeated });
}

/**
 * The values of a message by the fields' names; absent ones as 0n, no bytes, "", null or [].
 *
 * A MESSAGE field gives its bytes, to be read in turn, and null where it is absent.
 *
 * @param {Map<number, object>} fields by number.
 * @throws {InvalidInput} the bytes are not the canonical form of a message with these fields.
 */
export function readMessage(data, place, fields) {
  const found = {};
  for (const one of fields.values()) {
    found[one.name] = one.repeated ? [] : ABSENT[one.kind];
  }
  let last = 0;
  for (let offset = 0; offset < data.length;) {
    const [tag, begin] = decodeUvarint(data, offset, place);
    const number = Number(tag >> 3n);
    const one = fields.get(number);
    if (one === undefined) {
      throw new InvalidInput(
        place, `field ${number} is not of this message`, `不识别的字段 ${number}`);
    }
    const inner = `${place}.${one.name}`;
    if (number < last || (number === last && !one.repeated)) {
      throw new InvalidInput(inner, "stands twice or out of order", "字段重复或次序不符");
    }
    last = number;
    const [value, end] = readValue(data, begin, Number(tag & 7n), one, inner);
    offset = end;
    if (!one.repeated) {
      found[one.name] = value;
    } else if (found[one.name].length === MOST_ITEMS) {
      throw new InvalidInput(inner, `has more than ${MOST_ITEMS} items`, `超过 ${MOST_ITEMS} 项`);
    } else {
      found[one.name].push(value);
    }
  }
  return found;
}

function readValue(data, start, wire, one, place) {
  if (wire !== (one.kind === UINT ? 0 : 2)) {
    throw new InvalidInput(place, `has wire type ${wire}`, "字段的线路类型不符");
  }
  const [number, offset] = decodeUvarint(data, start, place);
  if (one.kind === UINT) {
    if (number === 0n) {
      throw new InvalidInput(place, "a zero is not written in canonical form", "规范形式不写零值");
    }
    return [number, offset];
  }
  if (number > BigInt(data.length - offset)) {
    throw new InvalidInput(place, "is cut off", "内容不完整");
  }
  const end = offset + Number(number);
  const value = data.subarray(offset, end);
  if (value.length === 0 && !one.repeated && one.kind !== MESSAGE) {
    throw new InvalidInput(
      place, "an empty value is not written in canonical form", "规范形式不写空值");
  }
  return [one.kind === TEXT ? decodeUtf8(value, place) : value, end];
}

/** One canonical uvarint of at most 64 bits: `[value (BigInt), the offset behind it]`. */
function decodeUvarint(data, offset, place) {
  let value = 0n;
  const end = Math.min(offset + 10, data.length);
  for (let position = offset; position < end; position += 1) {
    const byte = data[position];
    value |= BigInt(byte & 0x7f) << BigInt(7 * (position - offset));
    if (byte < 0x80) {
      if ((byte === 0 && position > offset) || value >> 64n > 0n) {
        throw new InvalidInput(place, "uvarint is not canonical", "变长整数不是规范形式");
      }
      return [value, position + 1];
    }
  }
  throw new InvalidInput(
    place, "uvarint is cut off or longer than 64 bits", "变长整数不完整或超过 64 位");
}
