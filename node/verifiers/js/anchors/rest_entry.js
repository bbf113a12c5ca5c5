/**
 * The trust file's entry of a REST service: what it signs, with which key, and what that shows.
 * Mirrors node/core/anchors/rest_entry.py.
 */

import { fromBase64, fromHex, utf8 } from "../bytes.js";
import { checkPoint } from "../crypto/signatures.js";
import { SM2_USER_ID, checkSm2Point } from "../crypto/sm2.js";
import { InvalidInput } from "../errors.js";
import { exactMembers, hasMember, readEach, readMatch, readObject, readText } from "../fields.js";
import { DIGESTS, TIME_FORMS, checkSignedParts, namesIn } from "./canonical_string.js";
import { SEQUENCE, decodeDer } from "./der.js";
import { TEXT_FORMS } from "./key_forms.js";
import { decodePublicKey } from "./public_keys.js";

/** Those whose signatures anybody can check who has the public key. */
export const PUBLIC_ALGORITHMS = ["ecdsa-p256-sha256", "rsa-pkcs1-sha256", "sm2-sm3"];

/** Those that only someone who shares a secret can check, and no signature at all. */
const SECRET_ALGORITHMS = [
  "hmac-sha1", "hmac-sha256", "hmac-sm3", "none", "salted-sha256", "salted-sm3",
];
const SERVICE = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const FIELD = /^[a-z][a-z0-9_]{0,39}$/;
const POINTER = /^(?:\/(?:[^~]|~[01])*)?$/;
const SERVICE_RULE = "must be 1 to 40 lower-case letters, digits and inner hyphens";
const SERVICE_RULE_ZH = "须为 1 至 40 个小写字母、数字与中间的连字符";
const FIELD_RULE = "must be a lower-case letter and up to 39 letters, digits or '_'";
const FIELD_RULE_ZH = "须以小写字母开头，后接至多 39 个小写字母、数字或下划线";
const SIGNED_MEMBERS = ["digest", "encoding", "form", "public_key", "text", "time"];
const SIGNED_OPTIONS = ["expects", "hashed", "serial", "user_id"];

/**
 * Decode an entry of kind `rest`: a service and how it signs.
 *
 * @returns `{name, operator, algorithm, key, encoding, form, hashed, userId, text}`. `text` is null
 *   for the algorithms that need a secret. `key` is x‖y, or of RSA a decoded key; `encoding` and
 *   `form` (`der`, `raw`) are the signature's; `hashed` names the hash whose lower-case hex is
 *   signed instead of the text, "" for none.
 * @throws {InvalidInput}
 */
export function readServiceEntry(value, place) {
  const allowed = [...PUBLIC_ALGORITHMS, ...SECRET_ALGORITHMS];
  const algorithm = oneOf(readObject(value, place).algorithm, allowed, `${place}.algorithm`);
  const isPublic = PUBLIC_ALGORITHMS.includes(algorithm);
  const required = ["algorithm", "kind", "name", "operator", ...(isPublic ? SIGNED_MEMBERS : [])];
  const members = exactMembers(value, place, required, isPublic ? SIGNED_OPTIONS : []);
  const entry = {
    name: readMatch(members.name, `${place}.name`, SERVICE, SERVICE_RULE, SERVICE_RULE_ZH),
    operator: readText(members.operator, `${place}.operator`, { most: 200 }),
    algorithm,
    text: null,
  };
  return isPublic ? { ...entry, ...readSigned(members, algorithm, place) } : entry;
}

function readSigned(members, algorithm, place) {
  const forms = algorithm === "rsa-pkcs1-sha256" ? ["raw"] : ["der", "raw"];
  const hashed = hasMember(members, "hashed") ? members.hashed : "";
  return {
    userId: readUserId(members, algorithm, `${place}.user_id`),
    key: readKey(members.public_key, algorithm, `${place}.public_key`),
    encoding: oneOf(members.encoding, TEXT_FORMS, `${place}.encoding`),
    form: oneOf(members.form, forms, `${place}.form`),
    hashed: oneOf(hashed, ["", "sha256", "sm3"], `${place}.hashed`),
    text: readTextRule(members, place),
  };
}

function readUserId(members, algorithm, place) {
  if (!hasMember(members, "user_id")) {
    return SM2_USER_ID;
  }
  if (algorithm !== "sm2-sm3") {
    throw new InvalidInput(place, "is of SM2 only", "仅适用于 SM2");
  }
  return utf8(readText(members.user_id, place, { most: 1000 }));
}

function oneOf(value, allowed, place) {
  if (typeof value !== "string" || !allowed.includes(value)) {
    const named = allowed.filter((one) => one !== "");
    throw new InvalidInput(
      place, `must be one of ${named.join(", ")}`, `须为以下之一：${named.join("、")}`);
  }
  return value;
}

function readKey(value, algorithm, place) {
  if (algorithm === "rsa-pkcs1-sha256") {
    const der = fromBase64(readText(value, place, { most: 2000 }), place);
    const key = decodePublicKey(decodeDer(der, place, SEQUENCE));
    if (key.kind !== "rsa") {
      throw new InvalidInput(place, "must be an RSA key", "须为 RSA 公钥");
    }
    return key;
  }
  const key = fromHex(value, place, 64);
  if (algorithm === "sm2-sm3") {
    checkSm2Point(key, place);
    return key;
  }
  const p256 = { crv: "P-256", x: key.subarray(0, 32), y: key.subarray(32) };
  checkPoint(p256, place);
  return p256;
}

function readField(value, place) {
  return readMatch(value, place, FIELD, FIELD_RULE, FIELD_RULE_ZH);
}

/**
 * The members `text`, `digest`, `time`, `expects` and `serial` of an entry: how a signed text is
 * read, as `parts` with a `separator`, or, where there are none, as a JSON document whose fields
 * are at `pointers`.
 *
 * The field `digestField` must be the point's value `digestIs`, those of `expects` (a Map) one of
 * the texts named there. `timeField` is of the form `timeForm`.
 *
 * @throws {InvalidInput} malformed, or a field that the signed text does not have.
 */
export function readTextRule(members, place) {
  const layout = readLayout(members.text, `${place}.text`);
  const known = new Set(layout.pointers.keys());
  layout.parts.forEach((part, index) => {
    const where = `${place}.text.parts[${index}]`;
    namesIn(part, where).forEach((name) => known.add(readField(name, where)));
  });
  const readKnown = (value, where) => {
    if (!known.has(readField(value, where))) {
      throw new InvalidInput(
        where, "names a field that the signed text does not have", "签名文本中没有该字段");
    }
    return value;
  };
  const digest = exactMembers(members.digest, `${place}.digest`, ["field", "is"]);
  const time = exactMembers(members.time, `${place}.time`, ["field", "form"]);
  return {
    ...layout,
    digestField: readKnown(digest.field, `${place}.digest.field`),
    digestIs: oneOf(digest.is, DIGESTS, `${place}.digest.is`),
    timeField: readKnown(time.field, `${place}.time.field`),
    timeForm: oneOf(time.form, TIME_FORMS, `${place}.time.form`),
    expects: readExpects(members, readKnown, `${place}.expects`),
    serialField: hasMember(members, "serial") ? readKnown(members.serial, `${place}.serial`) : null,
  };
}

function readExpects(members, readKnown, place) {
  const expects = hasMember(members, "expects") ? readObject(members.expects, place) : {};
  const read = (value, at) => readText(value, at, { least: 0, most: 200 });
  return new Map(Object.entries(expects).map(([name, texts]) => [
    readKnown(name, place),
    readEach(texts, `${place}.${name.slice(0, 40)}`, read, { least: 1, most: 20 }),
  ]));
}

/** Parts and separator, or pointers (a Map). */
function readLayout(value, place) {
  if (hasMember(readObject(value, place), "parts")) {
    const members = exactMembers(value, place, ["parts", "separator"]);
    const read = (part, at) => readText(part, at, { least: 0, most: 500 });
    const parts = readEach(members.parts, `${place}.parts`, read, { least: 1, most: 50 });
    const bounds = { least: 0, most: 20 };
    const separator = readText(members.separator, `${place}.separator`, bounds);
    checkSignedParts(parts, separator, place);
    return { parts, separator, pointers: new Map() };
  }
  const members = exactMembers(value, place, ["pointers"]);
  const at = `${place}.pointers`;
  const listed = Object.entries(readObject(members.pointers, at));
  if (listed.length < 1 || listed.length > 50) {
    throw new InvalidInput(at, "must name 1 to 50 fields", "须列出 1 至 50 个字段");
  }
  const pointers = new Map(listed.map(([name, pointer]) => [
    readField(name, at),
    readPointer(pointer, `${at}.${name.slice(0, 40)}`),
  ]));
  return { parts: [], separator: "", pointers };
}

function readPointer(value, place) {
  readText(value, place, { least: 0, most: 300 });
  const rule = "must be a JSON pointer (RFC 6901)";
  return readMatch(value, place, POINTER, rule, "须为 JSON 指针（RFC 6901）");
}
