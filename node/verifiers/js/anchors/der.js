/**
 * Strict DER (ITU-T X.690 §10, §11): what certificates, tokens and blocks are written in.
 *
 * Every value has one encoding here and no other is read. Elements `{tag, content, encoded, place}`
 * know their place, so that an error names it. Mirrors node/core/anchors/der.py.
 */

import { compare, concat } from "../bytes.js";
import { bytesToNumber } from "../crypto/numbers.js";
import { InvalidInput } from "../errors.js";
import { parseRfc3339 } from "./calendar.js";

/** Identifier octets of the universal types. */
export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const NULL = 0x05;
export const OID = 0x06;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
export const SEQUENCE = 0x30;
export const SET = 0x31;

/** Identifier octets of [0], primitive and constructed; that of [n] is n more. */
export const CONTEXT = 0x80;
export const CONTEXT_CONSTRUCTED = 0xa0;

const NAMES = new Map([
  [BOOLEAN, "a BOOLEAN"],
  [INTEGER, "an INTEGER"],
  [BIT_STRING, "a BIT STRING"],
  [OCTET_STRING, "an OCTET STRING"],
  [NULL, "NULL"],
  [OID, "an OBJECT IDENTIFIER"],
  [0x0c, "a UTF8String"],
  [UTC_TIME, "a UTCTime"],
  [GENERALIZED_TIME, "a GeneralizedTime"],
  [SEQUENCE, "a SEQUENCE"],
  [SET, "a SET"],
]);
const UTC_FORM = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/;
const GENERALIZED_FORM = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,8}[1-9]))?Z$/;
const MOST_TIME_BYTES = 25;
const NANOSECONDS = 1_000_000_000n;

/**
 * The one element that `data` is, of one of `tags` where any are given.
 *
 * @throws {InvalidInput} it is no element in DER, of another type, or bytes follow it.
 */
export function decodeDer(data, place, ...tags) {
  const [element, end] = read(data, 0, place);
  if (end !== data.length) {
    throw new InvalidInput(
      place, `${data.length - end} bytes follow the DER value`, "DER 值之后还有多余字节");
  }
  checkTag(element.tag, tags, place);
  return element;
}

function read(data, start, place) {
  if (data.length - start < 2) {
    throw new InvalidInput(place, "DER is cut off", "DER 不完整");
  }
  const tag = data[start];
  if ((tag & 0x1f) === 0x1f || tag === 0) {
    const octet = tag.toString(16).padStart(2, "0");
    throw new InvalidInput(
      place, `no type of these formats has identifier octet ${octet}`, `标识字节 ${octet} 无效`);
  }
  const [begin, length] = readLength(data, start + 1, place);
  const end = begin + length;
  if (end > data.length) {
    throw new InvalidInput(place, "DER is cut off", "DER 不完整");
  }
  const content = data.subarray(begin, end);
  return [{ tag, content, encoded: data.subarray(start, end), place }, end];
}

/** Where the content begins, and its length (§10.1). */
function readLength(data, at, place) {
  const first = data[at];
  if (first <= 0x7f) {
    return [at + 1, first];
  }
  const count = first & 0x7f;
  const written = data.subarray(at + 1, at + 1 + count);
  const known = count >= 1 && count <= 4 && written.length === count && written[0] !== 0;
  const length = known ? Number(bytesToNumber(written)) : 0;
  if (length < 0x80) {
    throw new InvalidInput(
      place, "length is not definite and minimal (X.690 §10.1)", "长度不是最短的定长形式");
  }
  return [at + 1 + count, length];
}

function checkTag(tag, tags, place) {
  if (tags.length > 0 && !tags.includes(tag)) {
    const wanted = tags.map(nameOf).join(" or ");
    throw new InvalidInput(
      place, `must be ${wanted}, and is ${nameOf(tag)}`, `ASN.1 类型不符（${nameOf(tag)}）`);
  }
}

function nameOf(tag) {
  if (NAMES.has(tag)) {
    return NAMES.get(tag);
  }
  const octet = tag.toString(16).padStart(2, "0");
  return (tag & 0xc0) === 0x80 ? `[${tag & 0x1f}]` : `of identifier octet ${octet}`;
}

/** Takes the elements of a constructed one, in their order. */
export class Contents {
  constructor(element) {
    if (!(element.tag & 0x20)) {
      throw new InvalidInput(element.place, "must be constructed", "须为构造类型");
    }
    this._data = element.content;
    this._at = 0;
    this._place = element.place;
  }

  /** Whether any are left. */
  get left() {
    return this._at < this._data.length;
  }

  /**
   * The next one, of one of `tags` where any are given; `name` is what it is called.
   *
   * @throws {InvalidInput} there is none, or of another type.
   */
  take(name, ...tags) {
    const place = `${this._place}.${name}`;
    if (!this.left) {
      throw new InvalidInput(place, "is missing", "缺失");
    }
    const [element, end] = read(this._data, this._at, place);
    checkTag(element.tag, tags, place);
    this._at = end;
    return element;
  }

  /** The next one if it is of `tag`, else null. */
  takeIf(name, tag) {
    return this.left && this._data[this._at] === tag ? this.take(name, tag) : null;
  }

  /** All that are left, each of one of `tags` where any are given. */
  rest(...tags) {
    const found = [];
    while (this.left) {
      const place = `${this._place}[${found.length}]`;
      const [element, end] = read(this._data, this._at, place);
      checkTag(element.tag, tags, place);
      this._at = end;
      found.push(element);
    }
    return found;
  }

  /** Throws InvalidInput unless all have been taken. */
  end() {
    if (this.left) {
      throw new InvalidInput(
        this._place, "has more members than its format knows", "含有此格式以外的成员");
    }
  }
}

/** The only element inside `element`. */
export function soleOf(element, name, ...tags) {
  const contents = new Contents(element);
  const sole = contents.take(name, ...tags);
  contents.end();
  return sole;
}

/**
 * The value of an INTEGER (or one with an implicit tag), between the bounds if given.
 *
 * @param {{least?: bigint, most?: bigint}} bounds
 * @returns {bigint}
 */
export function integerOf(element, { least = null, most = null } = {}) {
  const { content, place } = element;
  const first = content[0];
  const padded = content.length > 1 && (first === 0 || first === 0xff)
    && (first ^ content[1]) < 0x80;
  if (content.length === 0 || padded) {
    throw new InvalidInput(place, "integer is not minimal (X.690 §8.3.2)", "整数不是最短编码");
  }
  const value = BigInt.asIntN(8 * content.length, bytesToNumber(content));
  if ((least !== null && value < least) || (most !== null && value > most)) {
    const rule = most === null ? `must be at least ${least}` : `must be from ${least} to ${most}`;
    const ruleZh = most === null ? `整数须不小于 ${least}` : `须在 ${least} 至 ${most} 之间`;
    throw new InvalidInput(place, rule, ruleZh);
  }
  return value;
}

/** The value of a BOOLEAN. */
export function booleanOf(element) {
  const [value] = element.content;
  if (element.content.length !== 1 || (value !== 0 && value !== 0xff)) {
    throw new InvalidInput(
      element.place, "boolean must be 00 or FF (X.690 §11.1)", "布尔值须为 00 或 FF");
  }
  return value === 0xff;
}

/** The value of an OBJECT IDENTIFIER in dotted form. */
export function oidOf(element) {
  const { content, place } = element;
  if (content.length < 1 || content.length > 64 || content[content.length - 1] > 0x7f) {
    throw new InvalidInput(
      place, "object identifier is cut off, or over 64 bytes", "对象标识符不完整或过长");
  }
  const arcs = [];
  let value = 0n;
  let first = true;
  for (const octet of content) {
    if (first && octet === 0x80) {
      throw new InvalidInput(
        place, "object identifier is not minimal (X.690 §8.19)", "对象标识符不是最短编码");
    }
    value = (value << 7n) | BigInt(octet & 0x7f);
    first = octet < 0x80;
    if (first) {
      arcs.push(value);
      value = 0n;
    }
  }
  const top = arcs[0] >= 80n ? 2n : arcs[0] / 40n;
  return [top, arcs[0] - 40n * top, ...arcs.slice(1)].join(".");
}

/** The value of a BIT STRING: `[bytes, how many bits of the last one are not of it]`. */
export function bitsOf(element) {
  const { content, place } = element;
  const unused = content.length > 0 ? content[0] : 8;
  const last = content[content.length - 1];
  if (unused > 7 || (content.length === 1 && unused > 0) || (last & ((1 << unused) - 1))) {
    throw new InvalidInput(place, "bit string is not in DER (X.690 §8.6, §11.2)", "位串不是 DER");
  }
  return [content.subarray(1), unused];
}

/** The bytes of a BIT STRING that has whole ones. */
export function wholeBytesOf(element) {
  const [bytes, unused] = bitsOf(element);
  if (unused > 0) {
    throw new InvalidInput(element.place, "must be whole bytes", "须为整字节");
  }
  return bytes;
}

/**
 * The value of a UTCTime of RFC 5280 §4.1.2.5.1 or of a GeneralizedTime (X.690 §11.7, §11.8).
 *
 * @returns {bigint} nanoseconds since the Unix epoch.
 */
export function timeOf(element) {
  const isUtc = element.tag === UTC_TIME;
  const form = isUtc ? UTC_FORM : GENERALIZED_FORM;
  const isShort = element.content.length <= MOST_TIME_BYTES;
  const match = isShort ? form.exec(String.fromCharCode(...element.content)) : null;
  if (match === null) {
    throw new InvalidInput(
      element.place, "is no UTC time as DER writes it (X.690 §11.7, §11.8)", "不是 DER 的时间形式");
  }
  const [, shortYear, month, day, hours, minutes, seconds] = match;
  const year = isUtc ? (shortYear < "50" ? "20" : "19") + shortYear : shortYear;
  const fraction = isUtc || match[7] === undefined ? "" : `.${match[7]}`;
  const written = `${year}-${month}-${day}T${hours}:${minutes}:${seconds}${fraction}Z`;
  const [whole, nanoseconds] = parseRfc3339(written, element.place);
  return BigInt(whole) * NANOSECONDS + BigInt(nanoseconds);
}

/** Throws InvalidInput unless the items of a SET OF stand in DER's order (X.690 §11.6). */
export function checkSetOrder(items, place) {
  for (let at = 1; at < items.length; at += 1) {
    if (compare(items[at - 1].encoded, items[at].encoded) > 0) {
      throw new InvalidInput(
        place, "the items of the set are not in DER's order (X.690 §11.6)", "集合各项未按 DER 排序");
    }
  }
}

/** An element of these contents, one after the other. */
export function encodeDer(tag, ...parts) {
  const content = concat(...parts);
  if (content.length < 0x80) {
    return concat(Uint8Array.of(tag, content.length), content);
  }
  const digits = content.length.toString(16);
  const length = Uint8Array.from(
    digits.padStart(digits.length + (digits.length % 2), "0").match(/../g),
    (pair) => parseInt(pair, 16),
  );
  return concat(Uint8Array.of(tag, 0x80 | length.length), length, content);
}
