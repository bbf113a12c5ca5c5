/**
 * `statement.jwt`: what the issuing member signs with its ledger key of a certificate
 * (docs/spec/certificate.md). Mirrors node/core/certificate_statement.py.
 */

import { fromBase64url, utf8 } from "./bytes.js";
import { checkEs256Form, hasLowS } from "./crypto/signatures.js";
import { InvalidInput } from "./errors.js";
import { parseCode } from "./evidence_code.js";
import { exactMembers, readInteger, readMatch, readObject, readText } from "./fields.js";
import { decodeCanonicalJson } from "./json.js";
import { MAX_SECONDS } from "./transaction.js";

/** The name of the attachment. */
export const STATEMENT = "statement.jwt";

const FORMAT = "evidence-certificate/1";
const TYP = "evidence-certificate+jwt";
const MAX_BYTES = 16 * 1024;
const MOST_FILES = 15;
const MEMBERS = [
  "certificate_no", "chain_id", "code", "files", "format", "iat", "iss", "language",
  "sealing_certificate_sha256", "software",
];
const NUMBER = /^[A-Za-z0-9._:/-]{1,128}$/;
const CHAIN_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,49}$/;
const MEMBER = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;
const FILE = /^[!-~]{1,64}$/;
const HASH = /^[0-9a-f]{64}$/;
const KID = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;
const A_HASH = "must be a SHA-256 value in lower-case hex";
const A_HASH_ZH = "须为小写十六进制的 SHA-256 值";

/**
 * Decode a statement and check everything that needs no key.
 *
 * @param {Uint8Array} jwt
 * @returns `{certificateNo, chainId, code, files, iat, issuer, language, sealing, software, kid,
 *   signingInput, signature}`: `files` are SHA-256 (hex) by name, `iat` in seconds, `sealing` the
 *   SHA-256 (hex) of the seal's certificate, or "" for a certificate that is not sealed.
 * @throws {InvalidInput} names the place and the rule.
 */
export function decodeStatement(jwt) {
  const [head, body, signature, signingInput] = split(jwt);
  const header = decodeCanonicalJson(head, { place: "statement.header", maxBytes: MAX_BYTES });
  exactMembers(header, "statement.header", ["alg", "kid", "typ"]);
  if (header.alg !== "ES256") {
    throw new InvalidInput("statement.header.alg", "must be ES256", "签名算法须为 ES256");
  }
  if (header.typ !== TYP) {
    throw new InvalidInput("statement.header.typ", `must be ${TYP}`, "不是出证机构声明");
  }
  const kid = readMatch(
    header.kid, "statement.header.kid", KID, "must be a SHA-256 thumbprint (RFC 7638)",
    "须为 SHA-256 密钥指纹（RFC 7638）");
  checkEs256Form(signature);
  if (!hasLowS(signature)) {
    throw new InvalidInput(
      "statement.signature", "s is high; on the chain only the low s is valid", "签名的 s 值不是低值");
  }
  const payload = decodeCanonicalJson(body, { place: "statement", maxBytes: MAX_BYTES });
  exactMembers(payload, "statement", MEMBERS);
  if (payload.format !== FORMAT) {
    throw new InvalidInput("statement.format", `must be ${FORMAT}`, "声明格式未知");
  }
  if (payload.language !== "zh" && payload.language !== "en") {
    throw new InvalidInput("statement.language", "must be zh or en", "语言须为 zh 或 en");
  }
  return { ...readMembers(payload), kid, signingInput, signature };
}

/** Header, payload and signature of a JWS compact string, and what the signature is of. */
function split(jwt) {
  if (jwt.length > MAX_BYTES) {
    throw new InvalidInput(
      "transaction", `${jwt.length} bytes, at most ${MAX_BYTES} are allowed`,
      `超过 ${MAX_BYTES} 字节`);
  }
  const text = String.fromCharCode(...jwt);
  const parts = text.split(".");
  if (parts.length !== 3) {
    throw new InvalidInput(
      "transaction", "must be a JWS compact string of three parts", "须为三段的 JWS 紧凑格式");
  }
  const places = ["header", "payload", "signature"];
  const decoded = parts.map((part, position) => fromBase64url(part, places[position]));
  return [...decoded, utf8(text.slice(0, text.lastIndexOf(".")))];
}

function readMembers(payload) {
  const match = (name, pattern, rule, ruleZh) => (
    readMatch(payload[name], `statement.${name}`, pattern, rule, ruleZh)
  );
  return {
    certificateNo: match(
      "certificate_no", NUMBER, "must be 1 to 128 of A-Za-z0-9._:/-",
      "须为 1 至 128 个字母、数字或 . _ : / -"),
    chainId: match("chain_id", CHAIN_ID, "must be a chain id", "链标识不符合规范"),
    code: readCode(payload.code),
    files: readFiles(payload.files),
    iat: readInteger(payload.iat, "statement.iat", { most: MAX_SECONDS }),
    issuer: match("iss", MEMBER, "must be a member id", "成员标识不符合规范"),
    language: payload.language,
    sealing: readHashOrNone(
      payload.sealing_certificate_sha256, "statement.sealing_certificate_sha256"),
    software: readSoftware(payload.software),
  };
}

function readCode(value) {
  parseCode(readText(value, "statement.code", { most: 32 }), "statement.code");
  return value;
}

function readFiles(value) {
  const place = "statement.files";
  const files = new Map(Object.entries(readObject(value, place)));
  if (files.size < 1 || files.size > MOST_FILES || files.has(STATEMENT)) {
    throw new InvalidInput(
      place, `must be 1 to ${MOST_FILES} files, and not this one`, "附件数量有误或含声明自身");
  }
  for (const [name, hashed] of files) {
    readMatch(
      name, place, FILE, "must be named by 1 to 64 of ASCII without blanks",
      "附件名须为 1 至 64 个不含空格的 ASCII 字符");
    readMatch(hashed, `${place}.${name}`, HASH, A_HASH, A_HASH_ZH);
  }
  return files;
}

function readHashOrNone(value, place) {
  return value === "" ? "" : readMatch(
    value, place, HASH, `${A_HASH}, or empty`, `${A_HASH_ZH}，或为空`);
}

function readSoftware(value) {
  const place = "statement.software";
  const members = exactMembers(value, place, ["config_sha256", "name", "version"]);
  readText(members.name, `${place}.name`, { most: 200 });
  readText(members.version, `${place}.version`, { most: 200 });
  readHashOrNone(members.config_sha256, `${place}.config_sha256`);
  return members;
}
