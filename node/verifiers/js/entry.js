/**
 * Entries: what the log holds, one for each accepted transaction (docs/spec/entry.md).
 * Mirrors node/core/entry.py.
 */

import { InvalidInput } from "./errors.js";
import { parseCode } from "./evidence_code.js";
import { exactMembers, readHash, readInteger, readMatch, readObject } from "./fields.js";
import { decodeCanonicalJson } from "./json.js";

/** Most bytes of an entry. */
export const MAX_ENTRY_BYTES = 32 * 1024;

const ENTRY_VERSION = 1;
const MEMBERS = ["code", "facts", "height", "prev", "time", "tx", "v"];
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const NOTHING = new Uint8Array(0);

/**
 * Decode an entry and require its canonical form.
 * @returns {{code: string, facts: object, height: number, prev: Uint8Array, time: number,
 *   tx: string}} `time` is its header's in ms, `prev` the dossier's last leaf hash or empty.
 * @throws {InvalidInput} names the place and the rule.
 */
export function decodeEntry(data, place = "entry") {
  const value = decodeCanonicalJson(data, { place, maxBytes: MAX_ENTRY_BYTES });
  exactMembers(value, place, MEMBERS);
  if (value.v !== ENTRY_VERSION) {
    throw new InvalidInput(`${place}.v`, `must be ${ENTRY_VERSION}`, "条目版本未知");
  }
  if (parseCode(value.code, `${place}.code`).ordinal === null) {
    throw new InvalidInput(
      `${place}.code`, "must be an evidence code with its ordinal", "存证编码缺少序号");
  }
  return {
    code: value.code,
    facts: readFacts(value.facts, `${place}.facts`),
    height: readInteger(value.height, `${place}.height`),
    prev: value.prev === "" ? NOTHING : readHash(value.prev, `${place}.prev`),
    time: readInteger(value.time, `${place}.time`),
    tx: readMatch(value.tx, `${place}.tx`, JWT, "must be a JWS compact string", "须为 JWS 紧凑格式"),
  };
}

function readFacts(value, place) {
  const facts = readObject(value, place);
  for (const name of Object.keys(facts)) {
    if (typeof facts[name] === "object") {
      throw new InvalidInput(`${place}.${name}`, "must be text or an integer", "须为文本或整数");
    }
  }
  return facts;
}
