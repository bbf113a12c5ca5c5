/**
 * Reading the members of JSON objects whose form is fixed, with errors that name the place.
 * Mirrors node/core/fields.py.
 */

import { fromHex } from "./bytes.js";
import { InvalidInput } from "./errors.js";
import { isObject, MAX_INTEGER } from "./json.js";

const KIND = /^[a-z][a-z0-9._-]{0,39}$/;
const HASH = /^[0-9a-f]{64}$/;

/** `value`, which must be an object. */
export function readObject(value, place) {
  if (!isObject(value)) {
    throw new InvalidInput(place, "must be an object", "须为对象");
  }
  return value;
}

/**
 * `value`, which must be an object with a `kind`: that of an anchor, otherwise of any form.
 *
 * It is printed by verifiers that do not know it, so it can be no sentence.
 */
export function readKind(value, place) {
  const members = readObject(value, place);
  const rule = "must be a lower-case letter and up to 39 letters, digits, '.', '_' or '-'";
  const ruleZh = "须以小写字母开头，后接至多 39 个小写字母、数字或 . _ -";
  readMatch(members.kind, `${place}.kind`, KIND, rule, ruleZh);
  return members;
}

/** `value`, which must be an object with all `required` members and no unknown ones. */
export function exactMembers(value, place, required, optional = []) {
  const members = readObject(value, place);
  for (const name of required) {
    if (!hasMember(members, name)) {
      throw new InvalidInput(`${place}.${name}`, "is missing", "缺失");
    }
  }
  for (const name of Object.keys(members)) {
    if (!required.includes(name) && !optional.includes(name)) {
      throw new InvalidInput(
        `${place}.${name.slice(0, 64)}`, "is not a member of this format", "不是此格式的成员");
    }
  }
  return members;
}

/** Whether a decoded object has a member of this name. */
export function hasMember(members, name) {
  return Object.prototype.hasOwnProperty.call(members, name);
}

/** `value`, which must be an array of `least` to `most` items. */
export function readList(value, place, { most, least = 0 }) {
  if (!Array.isArray(value) || value.length < least || value.length > most) {
    throw new InvalidInput(
      place, `must be an array of ${least} to ${most} items`, `须为 ${least} 至 ${most} 项的数组`);
  }
  return value;
}

/** Every item of an array, read by `read(item, place)`. */
export function readEach(value, place, read, { most, least = 0 }) {
  const items = readList(value, place, { most, least });
  return items.map((item, position) => read(item, `${place}[${position}]`));
}

/** `value`, which must be an integer between the bounds. */
export function readInteger(value, place, { least = 0, most = MAX_INTEGER } = {}) {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new InvalidInput(
      place, `must be an integer from ${least} to ${most}`, `须为 ${least} 至 ${most} 的整数`);
  }
  return value;
}

/** `value`, which must be text of `least` to `most` characters (Unicode code points). */
export function readText(value, place, { most, least = 1 }) {
  const length = typeof value === "string" ? countCharacters(value) : -1;
  if (length < least || length > most) {
    throw new InvalidInput(
      place, `must be text of ${least} to ${most} characters`, `须为 ${least} 至 ${most} 个字符的文本`);
  }
  return value;
}

/** How many Unicode code points a text has. */
export function countCharacters(text) {
  let count = text.length;
  for (let at = 0; at < text.length - 1; at += 1) {
    const high = text.charCodeAt(at);
    if (high >= 0xd800 && high < 0xdc00 && isLow(text.charCodeAt(at + 1))) {
      count -= 1;
      at += 1;
    }
  }
  return count;
}

function isLow(code) {
  return code >= 0xdc00 && code < 0xe000;
}

/** `value`, which must be text that `pattern` matches; patterns are written from `^` to `$`. */
export function readMatch(value, place, pattern, rule, ruleZh) {
  if (typeof value !== "string" || !pattern.test(value)) {
    throw new InvalidInput(place, rule, ruleZh);
  }
  return value;
}

/** `value`, which must be a SHA-256 in lower-case hex: its 32 bytes. */
export function readHash(value, place) {
  if (typeof value !== "string" || !HASH.test(value)) {
    throw new InvalidInput(
      place, "must be a SHA-256 value in lower-case hex, 64 characters",
      "须为 64 个小写十六进制字符的 SHA-256 值");
  }
  return fromHex(value, place);
}
