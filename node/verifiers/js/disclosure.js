/**
 * Disclosures of an SD-JWT (RFC 9901 §4.2): private fields, each salted and named by a digest
 * (docs/spec/disclosure.md). Mirrors node/core/disclosure.py.
 */

import { fromBase64url, toBase64url, utf8 } from "./bytes.js";
import { sha256 } from "./crypto/sha256.js";
import { InvalidInput } from "./errors.js";
import { countCharacters, hasMember } from "./fields.js";
import { decodeJson } from "./json.js";
import {
  NOTHING_NESTED, PAYLOAD_MEMBERS, RESERVED_NAMES, nestedDigests,
} from "./transaction.js";

const MAX_BYTES = 16 * 1024;
const MIN_SALT_CHARACTERS = 22;
const NAME = /^[a-z][a-z0-9_]{0,63}$/;

/** Base64url of the SHA-256 of the disclosure's ASCII text (RFC 9901 §4.2.3). */
export function disclosureDigest(encoded) {
  return toBase64url(sha256(utf8(encoded)));
}

/**
 * Decode the base64url text of an object property's disclosure.
 * @returns {{salt: string, name: string, value: *, encoded: string}}
 * @throws {InvalidInput} no base64url of a JSON array [salt, name, value], a short salt, or a name
 *   that is not of the form of members' names.
 */
export function decodeDisclosure(encoded, place = "disclosure") {
  if (encoded.length > MAX_BYTES) {
    throw new InvalidInput(
      place, `at most ${MAX_BYTES} characters are allowed`, `超过 ${MAX_BYTES} 个字符`);
  }
  const parts = decodeJson(fromBase64url(encoded, place), { place, maxBytes: MAX_BYTES });
  if (!Array.isArray(parts) || parts.length !== 3) {
    throw new InvalidInput(
      place, "must be a JSON array of salt, name and value", "须为盐、名称、值三项的数组");
  }
  const [salt, name, value] = parts;
  if (typeof salt !== "string" || countCharacters(salt) < MIN_SALT_CHARACTERS) {
    throw new InvalidInput(
      place, `salt must be text of ${MIN_SALT_CHARACTERS} characters or more`, "盐值过短");
  }
  if (typeof name !== "string" || RESERVED_NAMES.includes(name) || !NAME.test(name)) {
    throw new InvalidInput(
      place,
      "name must be text of a lower-case letter and up to 63 letters, digits or '_', and none "
        + "that RFC 9901 reserves",
      "字段名不符合规范",
    );
  }
  const nested = nestedDigests(value);
  if (nested !== null) {
    throw new InvalidInput(`${place}${nested}`, NOTHING_NESTED, "使用了保留名称");
  }
  return { salt, name, value, encoded };
}

/**
 * Decode disclosures and check each against `_sd`, as RFC 9901 §7.1 asks.
 * @param {string[]} digests the values of `_sd`.
 * @param {string[]} encoded
 * @param {object} data the transaction's `data`: a field that stands there in clear cannot have
 *   another, private value.
 * @throws {InvalidInput} a disclosure is malformed, no digest names it, it comes twice, two have
 *   one name, or the payload or its `data` has that name in clear.
 */
export function matchDisclosures(digests, encoded, data) {
  const named = new Set(digests);
  const texts = new Set();
  const names = new Set();
  return encoded.map((text, position) => {
    const place = `disclosures[${position}]`;
    const disclosure = decodeDisclosure(text, place);
    const { name } = disclosure;
    if (!named.has(disclosureDigest(text))) {
      throw new InvalidInput(place, "no digest in _sd names it", "链上无此字段的摘要");
    }
    if (PAYLOAD_MEMBERS.includes(name)) {
      throw new InvalidInput(place, `${name} stands in clear in the payload`, "字段名与公开成员重复");
    }
    if (hasMember(data, name)) {
      throw new InvalidInput(place, `${name} stands in clear in data`, "该字段已在链上公开");
    }
    if (texts.has(text)) {
      throw new InvalidInput(place, "comes twice", "同一披露出现两次");
    }
    if (names.has(name)) {
      throw new InvalidInput(place, `a second disclosure of '${name}'`, "同名字段披露两次");
    }
    texts.add(text);
    names.add(name);
    return disclosure;
  });
}
