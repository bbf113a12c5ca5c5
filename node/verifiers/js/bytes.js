/**
 * Bytes and the notations for them: hex, base64, base64url, UTF-8. All strict: what is not the
 * canonical form of some bytes is refused. docs/spec/encodings.md, "Base64url, base64, hex".
 */

import { InvalidInput } from "./errors.js";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const NOT_HEX = /[^0-9a-f]/;
const NOT_BASE64 = /[^A-Za-z0-9+/]/;
const NOT_BASE64URL = /[^A-Za-z0-9_-]/;
// Of a last group of 2 or 3 characters only these lose no bits.
const LAST_OF_2 = "AQgw";
const LAST_OF_3 = "AEIMQUYcgkosw048";
const LONE_SURROGATE = /\p{Surrogate}/u;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Lower-case hex. */
export function toHex(bytes) {
  let text = "";
  for (const byte of bytes) {
    text += HEX[byte];
  }
  return text;
}

/**
 * Decode lower-case hex, of `length` bytes when given.
 * @throws {InvalidInput}
 */
export function fromHex(text, place, length = null) {
  if (typeof text !== "string" || text.length % 2 !== 0 || NOT_HEX.test(text)) {
    throw new InvalidInput(place, "must be lower-case hex", "须为小写十六进制");
  }
  if (length !== null && text.length !== 2 * length) {
    const rule = `must be ${length} bytes of hex, ${2 * length} characters`;
    throw new InvalidInput(place, rule, `须为 ${length} 字节的十六进制`);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = (nibble(text.charCodeAt(2 * at)) << 4) | nibble(text.charCodeAt(2 * at + 1));
  }
  return bytes;
}

function nibble(code) {
  return code < 58 ? code - 48 : code - 87;
}

/**
 * Decode canonical base64 with padding (RFC 4648 §4).
 * @throws {InvalidInput}
 */
export function fromBase64(text, place) {
  const body = typeof text === "string" ? text.replace(/={1,2}$/, "") : "";
  const padded = body.length + ((4 - (body.length % 4)) % 4);
  if (typeof text !== "string" || body.length % 4 === 1 || NOT_BASE64.test(body)
      || text.length !== padded) {
    throw new InvalidInput(place, "must be base64 with padding (RFC 4648 §4)", "须为标准 base64");
  }
  checkLast(body, place);
  return fromBinary(atob(text));
}

/**
 * Decode canonical base64url: no padding, no other characters, no loose bits at the end.
 * @throws {InvalidInput}
 */
export function fromBase64url(text, place) {
  if (typeof text !== "string" || text.length % 4 === 1 || NOT_BASE64URL.test(text)) {
    throw new InvalidInput(
      place, "not base64url without padding (RFC 7515 §2)", "须为无填充的 base64url");
  }
  checkLast(text, place);
  return fromBinary(atob(text.replace(/-/g, "+").replace(/_/g, "/")));
}

function checkLast(text, place) {
  const rest = text.length % 4;
  const allowed = rest === 2 ? LAST_OF_2 : LAST_OF_3;
  if (rest !== 0 && !allowed.includes(text[text.length - 1])) {
    throw new InvalidInput(
      place, "base64 with loose bits in its last character", "编码末位有多余的比特");
  }
}

function fromBinary(binary) {
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = binary.charCodeAt(at);
  }
  return bytes;
}

/** Base64 with padding (RFC 4648 §4). */
export function toBase64(bytes) {
  const pieces = [];
  for (let at = 0; at < bytes.length; at += 8192) {
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + 8192)));
  }
  return btoa(pieces.join(""));
}

/** Base64url without padding (RFC 7515 §2). */
export function toBase64url(bytes) {
  return toBase64(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** The arrays of bytes, one behind the other. */
export function concat(...arrays) {
  const whole = new Uint8Array(arrays.reduce((length, array) => length + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    whole.set(array, at);
    at += array.length;
  }
  return whole;
}

/** Whether two arrays hold the same bytes. */
export function equal(a, b) {
  if (a.length !== b.length) {
    return false;
  }
  for (let at = 0; at < a.length; at += 1) {
    if (a[at] !== b[at]) {
      return false;
    }
  }
  return true;
}

/** Below, equal or above 0 as `a` stands before, at or behind `b` in the order of their bytes. */
export function compare(a, b) {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at += 1) {
    if (a[at] !== b[at]) {
      return a[at] - b[at];
    }
  }
  return a.length - b.length;
}

/** Whether `text` holds half of a surrogate pair: no UTF-8 stands for it. */
export function hasLoneSurrogate(text) {
  return LONE_SURROGATE.test(text);
}

/**
 * UTF-8 of a text.
 * @throws {InvalidInput} it holds a lone surrogate.
 */
export function utf8(text) {
  if (hasLoneSurrogate(text)) {
    throw new InvalidInput("text", "lone surrogate in a string", "含不成对的代理码位");
  }
  return encoder.encode(text);
}

/**
 * The text that bytes of UTF-8 stand for; a byte order mark stays in it.
 * @throws {InvalidInput}
 */
export function decodeUtf8(bytes, place) {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new InvalidInput(place, "not UTF-8", "不是有效的 UTF-8");
  }
}
