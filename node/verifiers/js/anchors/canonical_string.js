/**
 * The texts that services sign, made of parts with a separator between them, and their values.
 *
 * A *template* is text with `{name}` where a value stands; `{{` and `}}` are braces. The rules here
 * are made so that a signed text can be taken apart again in one way only. Mirrors
 * node/core/anchors/canonical_string.py.
 */

import { decodeUtf8, toBase64, toHex } from "../bytes.js";
import { sm3 } from "../crypto/sm3.js";
import { InvalidInput } from "../errors.js";
import { parseRfc3339 } from "./calendar.js";

/** Those of `pointValues` that stand for the whole point. */
export const DIGESTS = [
  "digest",
  "digest_base64",
  "digest_upper",
  "document",
  "document_base64",
  "document_sm3",
  "document_sm3_base64",
];

/**
 * How services write times: `2026-11-23 16:06:31` or `20261123160631` in China's time, numbers
 * since the Unix epoch, RFC 3339.
 */
export const TIME_FORMS = ["china", "china_compact", "milliseconds", "rfc3339", "seconds"];

const PIECE = /\{\{|\}\}|\{([a-z][a-z0-9_:.]{0,63})\}|[{}]/g;
const DIGITS = /^[1-9][0-9]{0,15}$/;
const CHINA = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)$/;
const COMPACT = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/;
const RFC3339 = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))$/;
const CHINA_MINUTES = 8 * 60;

/** What signed texts can say of the whole point, a Map by the names of `DIGESTS`. */
export function pointValues(point) {
  const document = point.document();
  const digest = point.digest();
  const national = sm3(document);
  return new Map([
    ["digest", toHex(digest)],
    ["digest_base64", toBase64(digest)],
    ["digest_upper", toHex(digest).toUpperCase()],
    ["document", decodeUtf8(document, "point")],
    ["document_base64", toBase64(document)],
    ["document_sm3", toHex(national)],
    ["document_sm3_base64", toBase64(national)],
  ]);
}

/** `{text}` for what stands as it is, `{name}` for what is filled in; neither is empty. */
function piecesOf(template, place) {
  const pieces = [];
  let end = 0;
  for (const match of template.matchAll(PIECE)) {
    pieces.push({ text: template.slice(end, match.index) });
    end = match.index + match[0].length;
    if (match[1] !== undefined) {
      pieces.push({ name: match[1] });
    } else if (match[0].length === 2) {
      pieces.push({ text: match[0][0] });
    } else {
      throw new InvalidInput(
        place, "a brace that is none of {name}, {{ and }}", "花括号须为 {name}、{{ 或 }} 之一");
    }
  }
  pieces.push({ text: template.slice(end) });
  return pieces.filter((piece) => piece.name !== undefined || piece.text !== "");
}

/** The names that a template asks for. Throws InvalidInput for a stray brace. */
export function namesIn(template, place) {
  return piecesOf(template, place).flatMap((piece) => piece.name ?? []);
}

function sharesCharacter(one, other) {
  const characters = new Set(one);
  return [...other].some((character) => characters.has(character));
}

/**
 * Check that what these parts make can be taken apart in one way only.
 *
 * @throws {InvalidInput} the separator is empty, a part has two values in it, or its own text holds
 *   a character of the separator.
 */
export function checkSignedParts(parts, separator, place) {
  if (separator === "") {
    throw new InvalidInput(
      `${place}.separator`,
      "must not be empty: the signed text could be read in several ways",
      "分隔符不得为空，否则签名文本可有多种读法",
    );
  }
  parts.forEach((part, index) => {
    const at = `${place}.parts[${index}]`;
    const pieces = piecesOf(part, at);
    if (pieces.filter((piece) => piece.name !== undefined).length > 1) {
      throw new InvalidInput(at, "must hold at most one {name}", "至多含一个 {name}");
    }
    if (pieces.some((piece) => sharesCharacter(separator, piece.text ?? ""))) {
      throw new InvalidInput(
        at, "must hold no character of the separator", "不得含分隔符中的字符");
    }
  });
}

/**
 * The values that a canonical string was made of, a Map by name.
 *
 * @throws {InvalidInput} `text` is not made of these parts, has two values for one name, or a value
 *   with a character of the separator.
 */
export function splitParts(parts, separator, text, place) {
  const given = text.split(separator);
  if (given.length !== parts.length) {
    throw new InvalidInput(
      place,
      `has ${given.length} parts, ${parts.length} are asked for`,
      `有 ${given.length} 段，须为 ${parts.length} 段`,
    );
  }
  const values = new Map();
  parts.forEach((part, index) => {
    const where = `${place}, part ${index}`;
    const [name, value] = splitPart(part, given[index], where);
    if (name === null) {
      return;
    }
    if (sharesCharacter(separator, value)) {
      throw new InvalidInput(
        where, "holds a character of the separator", "含有分隔符中的字符");
    }
    if ((values.get(name) ?? value) !== value) {
      throw new InvalidInput(where, `gives ${name} a second value`, `${name} 出现两个不同的值`);
    }
    values.set(name, value);
  });
  return values;
}

/** The name in a part, or null, and the text that stands in its place. */
function splitPart(part, found, where) {
  const pieces = piecesOf(part, where);
  const at = pieces.findIndex((piece) => piece.name !== undefined);
  const fixed = (some) => some.map((piece) => piece.text).join("");
  const before = fixed(at < 0 ? pieces : pieces.slice(0, at));
  const behind = at < 0 ? "" : fixed(pieces.slice(at + 1));
  const fits = at < 0 ? found === before : found.length >= before.length + behind.length;
  if (!fits || !found.startsWith(before) || !found.endsWith(behind)) {
    throw new InvalidInput(where, `is not of the form ${part}`, `不符合格式 ${part}`);
  }
  const name = at < 0 ? null : pieces[at].name;
  return [name, found.slice(before.length, found.length - behind.length)];
}

/**
 * A time in ms since the Unix epoch, at the end of the second or millisecond that it names: so what
 * is said to have been there at that time was there no later.
 *
 * @throws {InvalidInput} not of this form, or no date of the calendar.
 */
export function readTime(text, form, place) {
  let value;
  if (form === "milliseconds" || form === "seconds") {
    if (!DIGITS.test(text)) {
      throw new InvalidInput(
        place, `must be ${form} since 1970 in decimal digits`, "须为自 1970 年起的十进制整数");
    }
    value = form === "milliseconds" ? Number(text) : Number(text) * 1000 + 999;
  } else {
    value = readCalendar(text, form, place);
  }
  if (value <= 0 || value > Number.MAX_SAFE_INTEGER) {
    throw new InvalidInput(place, "is no time after 1970", "不是 1970 年之后的时间");
  }
  return value;
}

/** The ends of seconds and milliseconds are written without a unit: 999 ms, 999,999 ns. */
function readCalendar(text, form, place) {
  const pattern = { china: CHINA, china_compact: COMPACT, rfc3339: RFC3339 }[form];
  const match = pattern.exec(text);
  if (match === null) {
    throw new InvalidInput(place, `must be a time of the form ${form}`, "时间格式不符");
  }
  const [, one, two, three, four, five, six] = match;
  if (form === "china_compact") {
    return endOf(`${one}-${two}-${three}T${four}:${five}:${six}Z`, "", CHINA_MINUTES, place);
  }
  if (form === "china") {
    return endOf(`${one}T${two}Z`, "", CHINA_MINUTES, place);
  }
  const [hours, minutes] = [Number(five ?? 0), Number(six ?? 0)];
  if (hours > 23 || minutes > 59) {
    throw new InvalidInput(place, "its offset is none", "时区偏移无效");
  }
  const offset = (hours * 60 + minutes) * (four === "-" ? -1 : 1);
  return endOf(`${one}T${two}Z`, three ?? "", offset, place);
}

function endOf(written, fraction, offsetMinutes, place) {
  const [seconds] = parseRfc3339(written, place);
  return (seconds - offsetMinutes * 60) * 1000 + millisecondsOf(fraction);
}

/** The end of what a fraction of a second names; what is finer than 1 ms is rounded up. */
function millisecondsOf(fraction) {
  if (fraction.length <= 3) {
    return Number(fraction.padEnd(3, "9"));
  }
  return Math.ceil(Number(fraction) / 10 ** (fraction.length - 3));
}
