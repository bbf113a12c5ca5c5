/**
 * Transactions: the issuer-signed JWT of an SD-JWT (RFC 9901), as a JWS compact string
 * (docs/spec/transaction.md). Mirrors node/core/transaction.py.
 *
 * What is decided here needs no state: the form, the common members, the signature.
 */

import { fromBase64url, utf8 } from "./bytes.js";
import { sha256 } from "./crypto/sha256.js";
import { checkEs256Form, hasLowS, thumbprint, verifyEs256 } from "./crypto/signatures.js";
import { InvalidInput } from "./errors.js";
import { exactMembers, hasMember, readMatch, readObject, readText } from "./fields.js";
import { decodeJsonObject, isObject } from "./json.js";

/** Most digests of one transaction. */
export const MAX_DIGESTS = 64;
/** The last second of the year 9999, the last that RFC 3339 can say. */
export const MAX_SECONDS = 253_402_300_799;
/** Names that RFC 9901 gives a meaning wherever they stand. */
export const RESERVED_NAMES = Object.freeze(["_sd", "...", "_sd_alg"]);
/** What is said where one of them stands further down. */
export const NOTHING_NESTED = "is reserved (RFC 9901): nothing is nested";

const MAX_BYTES = 16 * 1024;
const MAX_MILLISECONDS = MAX_SECONDS * 1000 + 999;
const MAX_LIFETIME = 86_400;
const MAX_FERRIED_LIFETIME = 30 * 86_400;
const MAX_SYSTEM = 200;
const METHOD = /^[a-z][a-z0-9_.-]{0,39}$/;
const DIGEST = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const KINDS = "anchor|case|consortium|record|seal";
const REQUIRED = Object.freeze(
  ["cid", "data", "exp", "iat", "iss", "jti", "occurred_at", "source", "sub", "type"]);
const OPTIONAL = Object.freeze(["_sd", "_sd_alg", "collected_at"]);

/** The members that a transaction's payload may have in clear. */
export const PAYLOAD_MEMBERS = Object.freeze([...REQUIRED, ...OPTIONAL]);

const IDENTIFIERS = [
  ["cid", /^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$/,
    "must be a chain id: 1 to 50 letters, digits, '.', '_' or '-'", "链标识不符合规范"],
  ["iss", /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/,
    "must be a member id: 1 to 40 lower-case letters, digits or '-'", "成员标识不符合规范"],
  ["jti", /^[A-Za-z0-9._:-]{1,128}$/,
    "must be 1 to 128 letters, digits, '.', '_', ':' or '-'",
    "须为 1 至 128 个字母、数字或 . _ : -"],
  ["type", /^[a-z]{1,24}\.[a-z_]{1,32}$/, "must be an event type such as seal.applied",
    "不是事件类型"],
  ["sub", new RegExp(`^(?:${KINDS}):[a-z0-9-]{1,40}:[A-Za-z0-9._-]{1,64}$`),
    `must be <kind>:<member>:<opaque id>, kind one of ${KINDS.split("|").join(", ")}`,
    "事项标识不符合规范"],
];
const TIMES = [
  ["iat", MAX_SECONDS],
  ["exp", MAX_SECONDS],
  ["occurred_at", MAX_MILLISECONDS],
  ["collected_at", MAX_MILLISECONDS],
];

/**
 * A decoded transaction. `iat` in seconds, `occurredAt` in milliseconds; `id` is the SHA-256 of the
 * JWT's ASCII bytes, `digests` are the values of `_sd`.
 */
export class Transaction {
  constructor(jwt, header, payload, signature) {
    this.id = sha256(utf8(jwt));
    this.kid = header.kid;
    this.cid = payload.cid;
    this.iss = payload.iss;
    this.jti = payload.jti;
    this.iat = payload.iat;
    this.type = payload.type;
    this.sub = payload.sub;
    this.occurredAt = payload.occurred_at;
    this.source = payload.source;
    this.data = payload.data;
    this.digests = payload._sd ?? [];
    this.signingInput = utf8(jwt.slice(0, jwt.lastIndexOf(".")));
    this.signature = signature;
  }
}

/**
 * Decode a transaction and check everything that needs neither a key nor the ledger's state.
 * @param {string} jwt
 * @throws {InvalidInput} names the place and the rule.
 */
export function decodeTransaction(jwt) {
  const [header, payload, signature] = splitCompact(jwt);
  const decodedHeader = decodeJsonObject(header, { place: "header", maxBytes: MAX_BYTES });
  const decoded = decodeJsonObject(payload, { place: "payload", maxBytes: MAX_BYTES });
  checkHeader(decodedHeader);
  checkEs256Form(signature);
  if (!hasLowS(signature)) {
    throw new InvalidInput(
      "signature", "s is high; on the chain only the low s is valid", "签名的 s 值不是低值");
  }
  checkPayload(decoded);
  const nested = nestedDigests(decoded.data);
  if (nested !== null) {
    throw new InvalidInput(`payload.data${nested}`, NOTHING_NESTED, "使用了保留名称");
  }
  return new Transaction(jwt, decodedHeader, decoded, signature);
}

/** The decoded header, payload and signature of a JWS compact string (RFC 7515 §7.1). */
function splitCompact(jwt) {
  if (jwt.length > MAX_BYTES) {
    throw new InvalidInput(
      "transaction", `${jwt.length} bytes, at most ${MAX_BYTES} are allowed`,
      `超过 ${MAX_BYTES} 字节`);
  }
  const parts = jwt.split(".");
  if (parts.length !== 3) {
    throw new InvalidInput(
      "transaction", "must be a JWS compact string of three parts", "须为三段的 JWS 紧凑格式");
  }
  const places = ["header", "payload", "signature"];
  return parts.map((part, position) => fromBase64url(part, places[position]));
}

function checkHeader(header) {
  exactMembers(header, "header", ["alg", "kid", "typ"]);
  if (header.alg !== "ES256") {
    throw new InvalidInput("header.alg", "must be ES256", "签名算法须为 ES256");
  }
  if (header.typ !== "evidence+sd-jwt") {
    throw new InvalidInput("header.typ", "must be evidence+sd-jwt", "不是存证交易");
  }
  readMatch(
    header.kid, "header.kid", DIGEST, "must be a SHA-256 thumbprint (RFC 7638)",
    "须为 SHA-256 密钥指纹（RFC 7638）");
}

function checkPayload(payload) {
  exactMembers(payload, "payload", REQUIRED, OPTIONAL);
  for (const [name, pattern, rule, ruleZh] of IDENTIFIERS) {
    readMatch(payload[name], `payload.${name}`, pattern, rule, ruleZh);
  }
  checkSource(payload.source);
  checkTimes(payload);
  readObject(payload.data, "payload.data");
  checkDigests(payload);
}

function checkSource(source) {
  exactMembers(source, "payload.source", ["system", "method"]);
  readText(source.system, "payload.source.system", { most: MAX_SYSTEM });
  readMatch(
    source.method, "payload.source.method", METHOD,
    "must be 1 to 40 lower-case letters, digits, '_', '.' or '-'",
    "须为 1 至 40 个小写字母、数字或 _ . -");
}

function checkTimes(payload) {
  for (const [name, most] of TIMES) {
    const value = hasMember(payload, name) ? payload[name] : 0;
    if (!Number.isSafeInteger(value) || value < 0 || value > most) {
      throw new InvalidInput(`payload.${name}`, `must be a time, from 0 to ${most}`, "须为时间");
    }
  }
  const lifetime = payload.exp - payload.iat;
  const longest = payload.source.method === "ferry" ? MAX_FERRIED_LIFETIME : MAX_LIFETIME;
  if (lifetime <= 0 || lifetime > longest) {
    throw new InvalidInput(
      "payload.exp", `must be after iat, by at most ${longest} seconds`, "有效期不符合规范");
  }
  if (hasMember(payload, "collected_at") && payload.collected_at < payload.occurred_at) {
    throw new InvalidInput(
      "payload.collected_at", "must not be before occurred_at", "采集时间早于发生时间");
  }
}

function checkDigests(payload) {
  if (!hasMember(payload, "_sd") && !hasMember(payload, "_sd_alg")) {
    return;
  }
  if (payload._sd_alg !== "sha-256") {
    throw new InvalidInput(
      "payload._sd_alg", "must be sha-256 and stand beside _sd", "摘要算法须为 sha-256");
  }
  const digests = payload._sd;
  if (!Array.isArray(digests) || digests.length < 1 || digests.length > MAX_DIGESTS) {
    throw new InvalidInput(
      "payload._sd", `must be a list of 1 to ${MAX_DIGESTS} digests`, `须为 1 至 ${MAX_DIGESTS} 个摘要`);
  }
  digests.forEach((digest, position) => {
    readMatch(
      digest, `payload._sd[${position}]`, DIGEST, "must be a SHA-256 in base64url",
      "须为 base64url 形式的 SHA-256 值");
  });
  if (new Set(digests).size !== digests.length) {
    throw new InvalidInput("payload._sd", "names a digest twice", "同一摘要出现两次");
  }
}

/**
 * Where in `value` a member stands whose name RFC 9901 reserves: the path to it, or null.
 *
 * Digests stand at the top of the payload only: a library that follows the RFC, and this one,
 * which does not look for them elsewhere, must read the same.
 */
export function nestedDigests(value) {
  if (Array.isArray(value)) {
    return firstBelow(value.map((item, position) => [`[${position}]`, item]));
  }
  if (!isObject(value)) {
    return null;
  }
  const reserved = Object.keys(value).find((name) => RESERVED_NAMES.includes(name));
  if (reserved !== undefined) {
    return `.${reserved}`;
  }
  return firstBelow(Object.entries(value).map(([name, item]) => [`.${name.slice(0, 64)}`, item]));
}

function firstBelow(steps) {
  for (const [step, item] of steps) {
    const below = nestedDigests(item);
    if (below !== null) {
      return step + below;
    }
  }
  return null;
}

/**
 * Check that `key` is the one named and that its signature holds.
 * @throws {InvalidInput} it does not, or `kid` is another key's thumbprint.
 */
export async function verifyTransaction(transaction, key) {
  if (thumbprint(key) !== transaction.kid) {
    throw new InvalidInput("header.kid", "is not the thumbprint of this key", "所称密钥与公钥不符");
  }
  try {
    await verifyEs256(key, transaction.signingInput, transaction.signature);
  } catch (error) {
    throw error instanceof InvalidInput
      ? new InvalidInput(`transaction.${error.place}`, error.rule, "签名与公钥不符")
      : error;
  }
}
